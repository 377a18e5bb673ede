"""A claim that expires before the work is done: a second worker comes in."""

import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from stepwell.bench.pitfalls.claims import CLAIMED, charge
from stepwell.bench.pitfalls.pairs import Figures, Pair, judged
from stepwell.bench.worker.call import Call, Event, Record
from stepwell.bench.worker.faults import overlapping

if TYPE_CHECKING:
    from stepwell.bench.pitfalls.stage import Stage

_REQUESTS = 6
_WORK_SECONDS, _SECOND_AFTER_SECONDS = 1.4, 0.4
_PATIENCE_SECONDS = 4.5


def broken_charge(call: Call, event: Event) -> Record:
    claimed = call.stores.redis.set(call.id, CLAIMED, nx=True, px=100)
    return charge(call, event, claimed)


def fixed_charge(call: Call, event: Event) -> Record:
    claimed = call.stores.redis.set(call.id, CLAIMED, nx=True, px=call.remaining_milliseconds())
    return charge(call, event, claimed)


def _measure(stage: "Stage", variant: str) -> Figures:
    from stepwell.bench.oracles.anomalies import duplicate_effects, requiring, verdict
    from stepwell.bench.pitfalls.stage import event

    def deliver(copy: dict[str, Any]) -> Any:
        time.sleep(copy["after_seconds"])
        return stage.deliver(copy, _PATIENCE_SECONDS)

    events = [
        event("claim_too_short", variant, f"{variant}_charge", number, seconds=_WORK_SECONDS, after_seconds=after)
        for number in range(_REQUESTS)
        for after in (0.0, _SECOND_AFTER_SECONDS)
    ]
    deliveries = defaultdict(list)
    for told in stage.at_once(deliver, events):
        deliveries[told.request].append((told.invoked_at, told.returned_at))
    twice = [request for request, intervals in deliveries.items() if overlapping(intervals)]
    found = requiring(verdict(duplicate_effects(stage.effects(events[0]["run"])), twice), len(twice))
    return (judged("charged twice (O-1)", "requests delivered twice at once", found),)


PAIR = Pair(
    name="claim-too-short",
    title="A claim that outlives the work",
    mistake="The claim expires while its owner still works, so that a second delivery finds it free and works too.",
    fix="The claim lives as long as the invocation can: the platform ends the owner before the claim ends.",
    remark=f"The work takes {_WORK_SECONDS:g} s and the second delivery comes {_SECOND_AFTER_SECONDS:g} s after the "
    "first. A worker that is paused and resumed outlives any claim; against that only a fencing token helps.",
    variants=((broken_charge, fixed_charge),),
    measure=_measure,
)
