"""Cold starts: a burst that meets no worker."""

import statistics
import time
from typing import TYPE_CHECKING

from stepwell.bench.pitfalls.pairs import FIXED, Figure, Figures, Pair
from stepwell.bench.worker.call import Call, Event, Record

if TYPE_CHECKING:
    from stepwell.bench.pitfalls.stage import Stage

_BURST = 8
_ROUNDS = 2
_PING_SECONDS = 1.0
_WORK_SECONDS = 0.3


def _work(call: Call) -> Record:
    """A read, and something that takes a while."""
    time.sleep(_WORK_SECONDS)
    return {"item": call.stores.dynamodb.get_item(TableName=call.table, Key={"id": {"S": "any"}}).get("Item")}


def broken_handler(call: Call, event: Event) -> Record:
    return _work(call)


def fixed_handler(call: Call, event: Event) -> Record:
    if event.get("ping"):
        time.sleep(_PING_SECONDS)  # So that pings which come together meet a worker each.
        return {}
    return _work(call)


def _measure(stage: "Stage", variant: str) -> Figures:
    from stepwell.bench.pitfalls.stage import event

    function = stage.make_function(f"cold-start-{variant}")
    rounds = _ROUNDS if variant == FIXED else 0
    for _ in range(rounds):
        pings = [event("cold_start", variant, f"{variant}_handler", number, ping=True) for number in range(_BURST)]
        stage.invoke_all(pings, _BURST, function)
    burst = [event("cold_start", variant, f"{variant}_handler", _BURST + number) for number in range(_BURST)]
    replies = stage.invoke_all(burst, _BURST, function)
    whole = statistics.median(reply.whole_seconds for reply in replies)
    return (
        Figure("cold starts", sum(reply.cold for reply in replies), _BURST, "invocations at once"),
        Figure("pings", rounds * _BURST, _BURST, "invocations at once"),
        Figure("time until the answer", whole, 1, "invocation", relative=True),
    )


PAIR = Pair(
    name="cold-start",
    title="Workers kept warm for a burst",
    mistake="A burst comes when no worker is warm, and each of its requests waits for one to start.",
    fix="A schedule sends as many pings at once as workers are to be warm, and the handler holds each for a moment.",
    remark="Each round is paid for, and a worker busy with a ping serves nobody. What AWS sells for this is "
    "provisioned concurrency, which needs no code; Stepwell does not implement PutProvisionedConcurrencyConfig, so "
    "that it is not what was measured.",
    variants=((broken_handler, fixed_handler),),
    measure=_measure,
)
