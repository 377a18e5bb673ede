"""A step in each invocation; a message for each line, and the line that arrives last sends the order on."""

import json
import os

import boto3
from botocore.config import Config

from stepwell.bench.flexibility.flows import Do
from stepwell.bench.worker.call import Event, Record

_CONFIG = Config(retries={"total_max_attempts": 1})
_sqs = boto3.client("sqs", config=_CONFIG)
_names = json.loads(os.environ["BENCH_NAMES"])


def flow(do: Do, event: Event) -> Record:
    step = event.get("step", "charge")
    state = do(step, event["state"])
    if step == "charge":
        for line in state["lines"]:
            _send({**event, "step": "reserve-line", "state": state | {"record": line}})
    elif step == "reserve-line":
        state = do("arrive", state)
        if state["arrived"] == len(state["lines"]):
            _send({**event, "step": "confirm", "state": state})
    return state


def _send(event: Event) -> None:
    _sqs.send_message(QueueUrl=_names["queue"], MessageBody=json.dumps(event))
