"""The two Lambda functions: `count` and `charge`. Deployed with the modules it imports, and with nothing else of ours.

The event has {run, strategy, request, attempt, seed} and, where they apply, {counter, key, fault}. The environment
has BENCH_TABLE, BENCH_SINK (host:port) and BENCH_OPS (the folder for the history).
"""

import os
import random
import time
from functools import partial
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from stepwell.bench import faults
from stepwell.bench.call import Call, Event, Record, Strategy
from stepwell.bench.gateway import Gateway
from stepwell.bench.recorder import Recorder
from stepwell.bench.strategies import blind, conditional, orchestration
from stepwell.bench.workloads import charge as charging
from stepwell.bench.workloads import counter

STRATEGIES: dict[str, Strategy] = {"blind": blind, "conditional": conditional, "orchestration": orchestration}

_PAUSE_SECONDS = (0.01, 0.3)

# The client makes one request for a call: a retry inside it would be a second write that the history does not show.
_store = boto3.client("dynamodb", config=Config(retries={"total_max_attempts": 1}))
_recorder = Recorder(Path(os.environ["BENCH_OPS"]))
_recorder.watch(_store)
_gateway = Gateway(os.environ["BENCH_SINK"])


def count(event: Event, context: Any) -> Record:
    """Lambda handler: one more on the shared counter."""
    return counter.count(STRATEGIES[event["strategy"]], _call(event, context), event["counter"])


def charge(event: Event, context: Any) -> Record:
    """Lambda handler: charges the order that the request stands for."""
    return charging.charge(STRATEGIES[event["strategy"]], _call(event, context))


def _call(event: Event, context: Any) -> Call:
    _recorder.enter(event["run"], event["request"], event["attempt"])
    chance = random.Random(f"{event['seed']}/{event['request']}/{event['attempt']}")
    return Call(
        store=_store,
        table=os.environ["BENCH_TABLE"],
        request=event["request"],
        invocation=context.aws_request_id,
        key=event.get("key"),
        charge=partial(_charge, event),
        pause=partial(_pause, chance),
        remaining_milliseconds=context.get_remaining_time_in_millis,
    )


def _charge(event: Event, key: str | None) -> Record:
    row = {name: event[name] for name in ("run", "request", "attempt")} | {"worker": _recorder.worker}
    _recorder.begin("emit", event["request"], {"key": key})
    receipt = _gateway.charge(row, key)
    _recorder.end("ok", receipt)
    faults.crash_after_effect(event, _gateway, _recorder.worker)
    return receipt


def _pause(chance: random.Random, attempt: int) -> None:
    first, most = _PAUSE_SECONDS
    time.sleep(chance.uniform(0, min(first * 2**attempt, most)))
