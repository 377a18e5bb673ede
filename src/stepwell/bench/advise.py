"""Which ways of keeping state are worth a prototype, for what a team needs, and what each of them breaks on.

Nothing is scored: a need speaks against a strategy or it does not, and a sentence says why. What a strategy breaks on
comes from the measured cells of a run; where there is none, from what was expected before anything was measured, and
says so. Without evidence the answer is the plain default: conditional writes to a key-value store.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from stepwell.bench.catalog import (
    CACHE,
    CONDITIONAL,
    EXPECTED,
    FAULTS,
    HOT_KEY,
    KEYED,
    MEASURES,
    ORCHESTRATION,
    QUEUED,
    SINGLE_WRITER,
    STORE_KILL,
    STRATEGIES,
    WORKLOADS,
)
from stepwell.bench.report.data import Report

MOST = 3
"""Approaches to prototype; with more, nobody prototypes any."""

LITTLE, SOME, MUCH = "little", "some", "much"
EXACT, EVENTUAL = "exact", "eventual"

FUNCTION_SECONDS = 15 * 60
"""The longest that a Lambda function may run (docs.aws.amazon.com/lambda, quotas)."""

_CANDIDATES = (CONDITIONAL, KEYED, SINGLE_WRITER, QUEUED, CACHE)
"""In the order in which they come where nothing speaks for another: the plainest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What must be settled first. `contention` on one key, and `operations`, which is the
    appetite for running things, are LITTLE, SOME or MUCH.

    `duration_seconds` is from a request's first step to its last, waits included; `human` whether a person is waited
    for; `fan_out` whether one request becomes many and is joined again.
    """

    consistency: str = EXACT
    latency_milliseconds: float = 500.0
    dollars_per_million: float = 50.0
    requests_per_second: float = 10.0
    contention: str = SOME
    duration_seconds: float = 10.0
    human: bool = False
    fan_out: bool = False
    regions: int = 1
    operations: str = SOME


@dataclass(frozen=True, slots=True)
class Break:
    """What a strategy breaks on: a workload and a fault, and what was found. `measured` says whether it was."""

    workload: str
    fault: str
    text: str
    measured: bool


@dataclass(frozen=True, slots=True)
class Approach:
    """One to prototype: what speaks for it, what against, what it breaks on."""

    strategy: str
    merits: tuple[str, ...]
    objections: tuple[str, ...]
    breaks: tuple[Break, ...]


@dataclass(frozen=True, slots=True)
class Advice:
    """Two or three approaches, and what would change the answer."""

    approaches: tuple[Approach, ...]
    would_change: tuple[str, ...]


def advise(needs: Needs, evidence: Report | None = None) -> Advice:
    """The approaches against which least speaks, the plainest first."""
    found = [_approach(name, needs, evidence) for name in _CANDIDATES]
    found.sort(key=lambda each: (len(each.objections) - len(each.merits), _CANDIDATES.index(each.strategy)))
    sound = [each for each in found if len(each.objections) <= len(found[0].objections) + 1]
    return Advice(tuple((sound if len(sound) > 1 else found)[:MOST]), tuple(_would_change(needs, evidence)))


def _approach(strategy: str, needs: Needs, evidence: Report | None) -> Approach:
    merits, objections = tuple(_merits(strategy, needs)), [*_objections(strategy, needs)]
    objections += _measured_objections(strategy, needs, evidence)
    breaks = tuple(_measured(strategy, evidence) if _knows(evidence, strategy) else _expected(strategy))
    return Approach(strategy, merits, tuple(objections), breaks)


def _merits(strategy: str, needs: Needs) -> Iterator[str]:
    orchestrated = strategy == KEYED
    if orchestrated and needs.human:
        yield "a step can wait for a person, with a heartbeat and a fallback, and costs nothing while it waits"
    if orchestrated and needs.duration_seconds > FUNCTION_SECONDS:
        yield "a request may outlive any function"
    if orchestrated and needs.fan_out:
        yield "Map and Parallel join their branches exactly once"
    if strategy == SINGLE_WRITER and needs.contention == MUCH:
        yield "one writer for each key: no write is refused, however many come"
    if strategy == CONDITIONAL and needs.operations == LITTLE:
        yield "one table, and nothing else to run"
    if strategy == CONDITIONAL and not (needs.human or needs.fan_out) and needs.contention != MUCH:
        yield "the plain default: the store refuses what must not happen, in the same call that would do it"
    if strategy == CACHE and needs.consistency == EVENTUAL and needs.latency_milliseconds < 100:
        yield "the fewest milliseconds for an operation, and what is lost can be made again"


def _objections(strategy: str, needs: Needs) -> Iterator[str]:
    one_invocation = STRATEGIES[strategy].delivery != "execute" and strategy != QUEUED
    if one_invocation and needs.duration_seconds > FUNCTION_SECONDS:
        yield f"a request of {needs.duration_seconds:g} s does not fit into one function ({FUNCTION_SECONDS} s at most)"
    if strategy != KEYED and needs.human:
        yield "waiting for a person is yours to build: a record, a timer that expires it, and a way to go on"
    if strategy in (QUEUED, SINGLE_WRITER) and needs.fan_out:
        yield "a join of what was fanned out is yours to build, and must count each branch once"
    if strategy == CACHE and needs.consistency == EXACT:
        yield "what the node has not passed on is gone with it, acknowledged or not"
    if strategy in (CACHE, QUEUED) and needs.operations == LITTLE:
        yield f"{len(STRATEGIES[strategy].operate)} things to operate: {', '.join(STRATEGIES[strategy].operate)}"
    if strategy in (CONDITIONAL, CACHE, QUEUED) and needs.contention == MUCH:
        yield "on a hot key most conditional writes are refused and done again"
    if strategy == KEYED and needs.operations == LITTLE:
        yield "a second language to read and deploy: states, their Retry and Catch, and roles"
    if needs.regions > 1 and strategy != SINGLE_WRITER:
        yield "no condition holds across Regions: give each record one home Region, or let the last writer win"
    if needs.regions > 1 and strategy == SINGLE_WRITER:
        yield "the queue is in one Region, and so is the writer"


def _measured_objections(strategy: str, needs: Needs, evidence: Report | None) -> Iterator[str]:
    """Against the budget, from what was counted."""
    profile = evidence.profile(strategy) if evidence else None
    if profile is None:
        return
    if profile.latency_milliseconds > needs.latency_milliseconds:
        yield (
            f"{profile.latency_milliseconds:.0f} ms of round trips where {needs.latency_milliseconds:.0f} are allowed "
            f"({profile.workload})"
        )
    dollars = _dollars_at(profile.curve, needs.requests_per_second)
    if dollars > needs.dollars_per_million:
        yield f"${dollars:,.2f} per million where {needs.dollars_per_million:,.2f} are allowed ({profile.workload})"


def _dollars_at(curve: tuple[tuple[float, float], ...], load: float) -> float:
    """At the load of the curve that is nearest."""
    return min(curve, key=lambda point: abs(point[0] - load))[1]


def _knows(evidence: Report | None, strategy: str) -> bool:
    return evidence is not None and bool(evidence.broken(strategy))


def _measured(strategy: str, evidence: Report | None) -> Iterator[Break]:
    assert evidence is not None
    for outcome in evidence.broken(strategy):
        for measure, verdict in outcome.found.items():
            yield Break(outcome.workload, outcome.fault, f"{verdict.count} of {verdict.exposed} {measure}", True)
        if outcome.invalid:
            yield Break(outcome.workload, outcome.fault, f"not known: {outcome.invalid}", True)


def _expected(strategy: str) -> Iterator[Break]:
    for (workload, fault), by_strategy in EXPECTED.items():
        for measure in MEASURES:
            if measure in by_strategy.get(strategy, ()):
                yield Break(workload, fault, f"{measure} expected, not measured", False)


def _would_change(needs: Needs, evidence: Report | None) -> Iterator[str]:
    if not needs.human and needs.duration_seconds <= FUNCTION_SECONDS:
        yield "a step that waits for a person, or a request that outlives a function: then a workflow keeps the state"
    if needs.contention != MUCH:
        yield f"a key that many write at once: then one writer for it, because {_refusals(evidence)}"
    if needs.consistency == EXACT:
        yield "state that can be made again from elsewhere: then a cache may be its only copy"
    else:
        yield "state that cannot be made again: then no cache alone"
    if needs.regions == 1:
        yield "a second Region that writes: then records need a home Region, whatever keeps them"
    if KEYED in _CANDIDATES:
        yield (
            "a provider that takes no idempotency key: then no strategy keeps an effect from happening twice when a "
            f"worker dies after it{_deaths(evidence)}"
        )
    if evidence is None:
        yield "evidence: run 'stepwell bench run', and ask again with --evidence"


def _refusals(evidence: Report | None) -> str:
    hot = [each for each in evidence.select(strategy=CONDITIONAL, fault=HOT_KEY) if each.writes] if evidence else []
    if not hot:
        return "conditional writes would mostly be refused"
    return f"{hot[0].refused} of {hot[0].writes} conditional writes were refused ({WORKLOADS[hot[0].workload].title})"


def _deaths(evidence: Report | None) -> str:
    found = [
        f"{verdict.count} of {verdict.exposed} with {STRATEGIES[ORCHESTRATION].title}"
        for outcome in (evidence.broken(ORCHESTRATION) if evidence else [])
        for verdict in outcome.found.values()
        if outcome.fault not in (HOT_KEY, STORE_KILL)
    ]
    return f" ({found[0]})" if found else ""


def place(found: Break) -> str:
    """Where it breaks, in words."""
    return f"{WORKLOADS[found.workload].title}, {FAULTS[found.fault].title}"
