"""The Lambda function of the pairs: calls the one that the event names, with the recorder below its clients.

The event has {pitfall, function, run, request, attempt}, what the function reads and perhaps a fault; a state machine,
which adds to the event that it was started with, has that as `event` beside its additions. The environment is that of
`stepwell.bench.worker.handler`, of which this is the small sister without strategies and steps.
"""

import json
import os
import random
import time
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from stepwell.bench.worker.call import Call, Event, Record
from stepwell.bench.worker.faults import Injection
from stepwell.bench.worker.gateway import Gateway
from stepwell.bench.worker.recorder import Recorder
from stepwell.bench.worker.stores import WorkerStores

_PAUSE_SECONDS = (0.01, 0.3)

_recorder = Recorder(Path(os.environ["BENCH_OPS"]))
_stores = WorkerStores(_recorder)
# What is made and imported here does not count against the time limit. Redis is only imported, as connections count.
_stores.dynamodb  # noqa: B018
import_module("stepwell.bench.worker.redis_client")
_gateway = Gateway(os.environ["BENCH_SINK"])
_names = json.loads(os.environ["BENCH_NAMES"])


def handle(event: Event, context: Any) -> Record:
    """Lambda handler."""
    event = {**event.get("event", {}), **event}
    injection = Injection(event, _gateway, _recorder.worker)
    _recorder.enter(event["run"], event["request"], event["attempt"], event["function"], injection)
    module = import_module(f"stepwell.bench.pitfalls.{event['pitfall']}")
    answer: Record = getattr(module, event["function"])(_call(event, context), event)
    return answer


def _call(event: Event, context: Any) -> Call:
    return Call(
        stores=_stores,
        table=os.environ["BENCH_TABLE"],
        names=_names,
        request=event["request"],
        step=event["pitfall"],
        invocation=context.aws_request_id,
        key=None,
        effect=partial(_effect, event),
        pause=_pause,
        remaining_milliseconds=context.get_remaining_time_in_millis,
    )


def _effect(event: Event, type: str, key: str | None) -> Record:
    row = {name: event[name] for name in ("run", "request", "attempt")} | {"worker": _recorder.worker, "type": type}
    _recorder.begin("emit", "outside.effect", event["request"], {"type": type, "key": key})
    receipt = _gateway.effect(row, key)
    _recorder.end("ok", receipt)
    return receipt


def _pause(attempt: int) -> None:
    first, most = _PAUSE_SECONDS
    time.sleep(random.uniform(0, min(first * 2**attempt, most)))
