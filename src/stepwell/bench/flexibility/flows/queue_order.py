"""A step in each invocation, and the message to the next one carries what is known."""

import json
import os

import boto3
from botocore.config import Config

from stepwell.bench.flexibility.flows import Do
from stepwell.bench.worker.call import Event, Record

_CONFIG = Config(retries={"total_max_attempts": 1})
_sqs = boto3.client("sqs", config=_CONFIG)
_names = json.loads(os.environ["BENCH_NAMES"])

NEXT = {"charge": "reserve", "reserve": "confirm"}


def flow(do: Do, event: Event) -> Record:
    step = event.get("step", "charge")
    state = do(step, event["state"])
    if step in NEXT:
        _send({**event, "step": NEXT[step], "state": state})
    return state


def _send(event: Event) -> None:
    _sqs.send_message(QueueUrl=_names["queue"], MessageBody=json.dumps(event))
