"""A claim that never expires: who dies with it blocks the request for good."""

from functools import partial
from typing import TYPE_CHECKING

from stepwell.bench.pitfalls.claims import CLAIMED, charge
from stepwell.bench.pitfalls.pairs import Figure, Figures, Pair, judged
from stepwell.bench.worker.call import Call, Event, Record
from stepwell.bench.worker.faults import CRASH

if TYPE_CHECKING:
    from stepwell.bench.pitfalls.stage import Stage

_REQUESTS = 8
_PATIENCE_SECONDS = 4.5
"""More than the function's time limit, at which the claims of the fixed variant have ended."""


def broken_charge(call: Call, event: Event) -> Record:
    claimed = call.stores.redis.set(call.id, CLAIMED, nx=True)
    return charge(call, event, claimed)


def fixed_charge(call: Call, event: Event) -> Record:
    claimed = call.stores.redis.set(call.id, CLAIMED, nx=True, px=call.remaining_milliseconds())
    return charge(call, event, claimed)


def _measure(stage: "Stage", variant: str) -> Figures:
    from stepwell.bench.oracles.anomalies import duplicate_effects, half_done, requiring, verdict
    from stepwell.bench.pitfalls.stage import event

    death = {"name": CRASH, "step": "", "number": 1}  # Right after the claim.
    events = [event("claim_without_end", variant, f"{variant}_charge", n, fault=death) for n in range(_REQUESTS)]
    told = stage.at_once(partial(stage.deliver, patience_seconds=_PATIENCE_SECONDS), events)
    effects = stage.effects(events[0]["run"])
    died = {fired.request for fired in stage.fired(events[0]["run"])}
    stuck, twice = (
        requiring(verdict(findings, died), len(died))
        for findings in (half_done(told, effects), duplicate_effects(effects))
    )
    return (
        judged("stuck (O-6)", "requests whose worker died", stuck),
        Figure("charges", len(effects), len(died), "requests whose worker died"),
        judged("charged twice (O-1)", "requests whose worker died", twice),
    )


PAIR = Pair(
    name="claim-without-end",
    title="A claim that expires",
    mistake="A worker claims the request without an expiry and dies; whoever comes later finds it claimed for ever.",
    fix="The claim lives as long as the invocation can, and is free again after that.",
    remark="DynamoDB's time to live is no such expiry: it typically deletes within two days (API model of DynamoDB in "
    "botocore 1.43, November 2026), so that a claim there has the time in its condition.",
    variants=((broken_charge, fixed_charge),),
    measure=_measure,
)
