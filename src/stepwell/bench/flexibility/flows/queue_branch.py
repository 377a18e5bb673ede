"""A step in each invocation; orders above the limit are reviewed before they are charged."""

import json
import os

import boto3
from botocore.config import Config

from stepwell.bench.flexibility.flows import Do
from stepwell.bench.worker.call import Event, Record

_CONFIG = Config(retries={"total_max_attempts": 1})
_sqs = boto3.client("sqs", config=_CONFIG)
_names = json.loads(os.environ["BENCH_NAMES"])

LIMIT = 1000
NEXT = {"review": "charge", "charge": "reserve", "reserve": "confirm"}


def flow(do: Do, event: Event) -> Record:
    first = "review" if event["state"]["amount"] > LIMIT else "charge"
    step = event.get("step", first)
    state = do(step, event["state"])
    if step in NEXT:
        _send({**event, "step": NEXT[step], "state": state})
    return state


def _send(event: Event) -> None:
    _sqs.send_message(QueueUrl=_names["queue"], MessageBody=json.dumps(event))
