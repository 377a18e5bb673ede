"""The Lambda function. Deployed with the package that it is in, and with nothing else of ours.

The event has {run, workload, strategy, request, attempt, seed, state} and, where they apply, {step, key, fault, token,
redis}.
With `step` one step is done, without it all; a `token` goes along with what is done to the outside world, for those who
are to answer. The environment has BENCH_TABLE, BENCH_NAMES (JSON), BENCH_SINK (host:port),
BENCH_OPS (the folder for the history), BENCH_LEASE_SECONDS (how long a claim or lock is good for) and what `stores`
needs.
"""

import json
import os
import random
import time
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any

from stepwell.bench.worker.call import INSPECT, Call, Event, Record
from stepwell.bench.worker.faults import Injection
from stepwell.bench.worker.gateway import Gateway
from stepwell.bench.worker.recorder import Recorder
from stepwell.bench.worker.stores import REDIS, WorkerStores
from stepwell.bench.worker.strategies import items

_PAUSE_SECONDS = (0.01, 0.3)

_recorder = Recorder(Path(os.environ["BENCH_OPS"]))
_stores = WorkerStores(_recorder)
_stores.dynamodb  # noqa: B018 - nearly all need it, and what is made here does not count against the time limit
_gateway = Gateway(os.environ["BENCH_SINK"])
_names = json.loads(os.environ["BENCH_NAMES"])


def work(event: Event, context: Any) -> Record:
    """Lambda handler: what is known of the request after its work, or after one step of it."""
    strategy = _module("strategies", event["strategy"])
    call = _call(event, context)
    if event.get("step") == INSPECT:
        read = getattr(strategy, "audit", strategy.read)
        return {name: read(call, name) for name in event["state"]["records"]}
    steps = _module("workloads", event["workload"]).STEPS
    state = strategy.unpack(call, event["state"]) if hasattr(strategy, "unpack") else dict(event["state"])
    for step in [event["step"]] if event.get("step") else steps:
        state |= steps[step](strategy, call.at(step), state)
    if hasattr(strategy, "end"):
        strategy.end(call)
    if event.get("step") and (following := _after(event["step"], list(steps))) and hasattr(strategy, "forward"):
        strategy.forward(call, {**event, "step": following, "state": state})
    return strategy.pack(call, state) if hasattr(strategy, "pack") else state


@cache
def _module(folder: str, name: str) -> Any:
    return import_module(f"stepwell.bench.worker.{folder}.{name.replace('-', '_')}")


def _after(step: str, steps: list[str]) -> str | None:
    return next(iter(steps[steps.index(step) + 1 :]), None)


def _call(event: Event, context: Any) -> Call:
    injection = Injection(event, _gateway, _recorder.worker)
    items.ahead_seconds = injection.skew_seconds()
    _stores.server = event.get("redis") or REDIS
    _recorder.enter(event["run"], event["request"], event["attempt"], event.get("step") or "", injection)
    chance = random.Random(f"{event['seed']}/{event['request']}/{event['attempt']}")
    return Call(
        stores=_stores,
        table=os.environ["BENCH_TABLE"],
        names=_names,
        request=event["request"],
        step=event.get("step") or "",
        invocation=context.aws_request_id,
        key=event.get("key"),
        effect=partial(_effect, event),
        pause=partial(_pause, chance),
        remaining_milliseconds=partial(_remaining, time.monotonic(), context),
    )


def _remaining(begun: float, context: Any) -> int:
    """Of the invocation's time, or of the lease that it was told to take for it."""
    lease = float(os.environ.get("BENCH_LEASE_SECONDS", "inf"))
    left: int = context.get_remaining_time_in_millis()
    return int(max(min(left, 1000 * (lease - (time.monotonic() - begun))), 1))


def _effect(event: Event, type: str, key: str | None) -> Record:
    row = {name: event[name] for name in ("run", "request", "attempt", "token") if name in event}
    row |= {"worker": _recorder.worker, "type": type}
    _recorder.begin("emit", "outside.effect", event["request"], {"type": type, "key": key})
    receipt = _gateway.effect(row, key)
    _recorder.end("ok", receipt)
    return receipt


def _pause(chance: random.Random, attempt: int) -> None:
    first, most = _PAUSE_SECONDS
    time.sleep(chance.uniform(0, min(first * 2**attempt, most)))
