"""Reports without a run."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from stepwell.bench.catalog import (
    BLIND,
    CACHE,
    CALM,
    CONDITIONAL,
    COUNTER,
    CRASH,
    DUPLICATE,
    HOT_KEY,
    KEYED,
    MEASURES,
    ORCHESTRATION,
    ORDER,
    QUEUED,
    RESPONSE_LOST,
    SINGLE_WRITER,
    STORE_KILL,
    expected,
    possible,
)
from stepwell.bench.oracles.anomalies import Verdict, Witness
from stepwell.bench.oracles.outcome import Outcome, Recovery
from stepwell.bench.parts.certify import Certificate, Trial
from stepwell.bench.report.data import Budget, Guard, Profile, Report

GOOD = Certificate("aws", (Trial("atomic counters", 900, 899, 0),))
SILENT = Verdict(0, 0, invalid="fault never fired")

WORKLOADS = (COUNTER, ORDER)
STRATEGIES = (BLIND, CONDITIONAL, CACHE, QUEUED, SINGLE_WRITER, ORCHESTRATION, KEYED)
FAULTS = (CALM, DUPLICATE, CRASH, RESPONSE_LOST, HOT_KEY, STORE_KILL)

Changes = Mapping[tuple[str, str, str, str], Verdict]
"""(workload, strategy, fault, measure) to what was found there."""


def outcome(workload: str, strategy: str, fault: str, changes: Changes) -> Outcome:
    """As expected, unless changed: 9 of 10, with a witness, or none of 412."""
    awaited = expected(workload, strategy, fault)
    verdicts = {}
    for measure in MEASURES:
        place = (workload, strategy, fault, measure)
        witness = Witness(f"{strategy} broke at {fault}", ({"sequence": 1},))
        verdicts[measure] = changes.get(place, Verdict(9, 10, (witness,)) if measure in awaited else Verdict(0, 412))
    survived = 30 if strategy == CACHE else 40
    return Outcome(
        workload=workload, strategy=strategy, fault=fault, without=None, verdicts=verdicts, fired=10,
        refused=30 if fault == HOT_KEY and strategy != BLIND else 0, writes=40 if fault == HOT_KEY else 0,
        expected=awaited, possible=possible(workload, strategy, fault),
        recovery=Recovery(1.25, survived, 40) if fault == STORE_KILL else None,
    )  # fmt: skip


def profile(strategy: str, number: int) -> Profile:
    """The dollars of the cache fall with the load, those of the others do not depend on it."""

    def dollars(load: float) -> float:
        return 1.0 + 400.0 / load if strategy == CACHE else 2.0 + 9.0 * number

    return Profile(
        workload=ORDER, strategy=strategy, calls={"dynamodb.PutItem": 2.0}, latency_milliseconds=60.0 + 90 * number,
        latency_parts={"dynamodb": 20.0 + 90 * number, "lambda": 40.0},
        dollars=dollars(10), dollars_doubled=dollars(20),
        dollars_parts={"dynamodb.write": dollars(10)},
        curve=tuple((load, dollars(load)) for load in (0.1, 1.0, 10.0, 100.0, 1000.0)),
        unverified=("node.redis",) if strategy == CACHE else (),
    )  # fmt: skip


GUARDS = (
    Guard(strategy=CONDITIONAL, name="version", lines=3, tried=True, caught_by="counter, hot-key"),
    Guard(strategy=CONDITIONAL, name="claim", lines=1, tried=True, caught_by=None),
    Guard(strategy=CONDITIONAL, name="owner", lines=2, tried=False, caught_by=None),
)


def report(
    changes: Changes | None = None, *, workloads: Sequence[str] = WORKLOADS, strategies: Sequence[str] = STRATEGIES,
    faults: Sequence[str] = FAULTS,
) -> Report:  # fmt: skip
    """A run of these in which all was found as expected, but for the changes."""
    outcomes = tuple(
        outcome(workload, strategy, fault, changes or {})
        for fault in faults
        for workload in workloads
        for strategy in strategies
    )
    return Report(
        run="7-1", preset="default", command="stepwell bench run --seed 7", seed=7,
        started_at="2026-03-01T12:00:00+00:00", seconds=160.4, machine={"cores": "2 cores"},
        versions={"stepwell": "0"}, certificates=(GOOD,), budget=Budget(), outcomes=outcomes,
        profiles=tuple(profile(name, number) for number, name in enumerate(strategies)), guards=GUARDS,
    )  # fmt: skip


def bare(found: Report) -> Report:
    """What a run knows that priced nothing and took nothing away."""
    return replace(found, profiles=(), guards=())
