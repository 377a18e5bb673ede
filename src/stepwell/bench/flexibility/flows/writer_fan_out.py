"""Each article is written in its own message group, the order in its own: the lines go there and come back."""

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
    state = event["state"]
    match event.get("step"):
        case "reserve-line":
            state = do("reserve-line", state)
            _send({**event, "step": "arrive", "state": state}, group=event["request"])
        case "arrive":
            state = do("arrive", state)
            if state["arrived"] == len(state["lines"]):
                state = do("confirm", state)
        case _:
            state = do("charge", state)
            for line in state["lines"]:
                _send({**event, "step": "reserve-line", "state": state | {"record": line}}, group=line)
    return state


def _send(event: Event, group: str) -> None:
    parts = event["request"], event["step"], event["state"]["record"]
    _sqs.send_message(
        QueueUrl=_names["fifo"], MessageBody=json.dumps(event), MessageGroupId=group,
        MessageDeduplicationId="/".join(parts),
    )  # fmt: skip
