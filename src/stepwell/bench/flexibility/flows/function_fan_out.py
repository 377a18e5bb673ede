"""All steps in one invocation, but for the lines: each is reserved in one of its own, which the first waits for."""

import json
import os
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config

from stepwell.bench.flexibility.flows import Do
from stepwell.bench.worker.call import Event, Record

_CONFIG = Config(retries={"total_max_attempts": 1})
_lambda = boto3.client("lambda", config=_CONFIG)


def flow(do: Do, event: Event) -> Record:
    if event.get("step") == "reserve-line":
        return do("reserve-line", event["state"])
    state = do("charge", event["state"])
    with ThreadPoolExecutor(len(state["lines"])) as pool:
        reserved = list(pool.map(lambda line: _reserve(event, line), state["lines"]))
    state = state | {"sold": any(each["sold"] for each in reserved)}
    return do("confirm", state)


def _reserve(event: Event, line: str) -> Record:
    payload = {**event, "step": "reserve-line", "state": {"record": line}}
    reply = _lambda.invoke(FunctionName=os.environ["AWS_LAMBDA_FUNCTION_NAME"], Payload=json.dumps(payload))
    answer: Record = json.loads(reply["Payload"].read())
    if "FunctionError" in reply:
        raise RuntimeError(f"{line} could not be reserved: {answer}")
    return answer
