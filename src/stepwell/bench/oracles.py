"""What broke, from histories alone: pure functions, each verdict with its witnesses.

A verdict counts requests, so that it is a share of the requests that were exposed to the fault. An `info` is never
evidence of an anomaly. Who judges a fault that did not strike calls `requiring`, which makes the verdict invalid.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from stepwell.bench.faults import overlapping
from stepwell.bench.history import ACKNOWLEDGE, DELIVER, READ, WRITE, Effect, Op

MIN_FIRED = 3
WITNESSES_MAX = 3


@dataclass(frozen=True, slots=True)
class Witness:
    """One anomaly in words, and the rows that prove it."""

    text: str
    rows: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """`count` anomalies among `exposed`; with `invalid` (the reason) neither number says anything."""

    count: int
    exposed: int
    witnesses: tuple[Witness, ...] = ()
    invalid: str | None = None


def requiring(verdict: Verdict, fired: int, minimum: int = MIN_FIRED) -> Verdict:
    """The verdict of a cell whose fault struck `fired` times: invalid below `minimum`, and when nothing was exposed."""
    if verdict.invalid:
        return verdict
    if fired == 0:
        return replace(verdict, invalid="fault never fired")
    if fired < minimum:
        return replace(verdict, invalid=f"fault fired {fired} of {minimum} times")
    return verdict if verdict.exposed else replace(verdict, invalid="nothing was exposed")


def retried(history: Iterable[Op]) -> set[str]:
    """The requests that were attempted more than once, by whoever delivers or in the workers."""
    attempts: dict[str, set[int]] = defaultdict(set)
    for op in history:
        attempts[op.request].add(op.attempt)
    return {request for request, numbers in attempts.items() if len(numbers) > 1}


def delivered_at_once(history: Iterable[Op]) -> set[str]:
    """The requests of which two deliveries were under way together, and both answered."""
    deliveries: dict[str, list[tuple[float, float | None]]] = defaultdict(list)
    for op in history:
        if op.kind == DELIVER:
            deliveries[op.request].append((op.invoked_at, op.returned_at))
    return {request for request, intervals in deliveries.items() if overlapping(intervals)}


def duplicate_effects(effects: Iterable[Effect], exposed: Collection[str]) -> Verdict:
    """O-1: requests with more than one effect of a type, among those that were exposed to a second attempt.

    One that was not exposed and has two effects all the same counts as exposed: it must not go unseen.
    """
    by_request: dict[tuple[str, str], list[Effect]] = defaultdict(list)
    for effect in effects:
        by_request[effect.request, effect.type].append(effect)
    repeated = {key: rows for key, rows in by_request.items() if len(rows) > 1}
    affected = {request for request, _ in repeated}
    witnesses = tuple(_duplicate(*key, rows) for key, rows in list(repeated.items())[:WITNESSES_MAX])
    return Verdict(len(affected), len(affected | set(exposed)), witnesses)


def _duplicate(request: str, type: str, effects: Sequence[Effect]) -> Witness:
    rows = sorted(effects, key=lambda effect: effect.sequence)
    places = " and ".join(f"#{row.sequence} by attempt {row.attempt} in {row.worker}" for row in rows)
    apart = f"{1000 * (rows[-1].at - rows[0].at):.0f} ms apart"
    return Witness(f"{request} has {len(rows)} effects of type {type} in the sink: {places}, {apart}", _members(rows))


def lost_effects(history: Iterable[Op], effects: Iterable[Effect]) -> Verdict:
    """O-2: requests that were acknowledged and have no effect."""
    acknowledged = [op for op in history if op.kind == ACKNOWLEDGE and op.status == "ok"]
    done = {effect.request for effect in effects}
    lost = [op for op in acknowledged if op.request not in done]
    witnesses = tuple(
        Witness(f"{op.request} was acknowledged and has no effect in the sink", _members([op]))
        for op in lost[:WITNESSES_MAX]
    )
    return Verdict(len(lost), len(acknowledged), witnesses)


def lost_updates(history: Iterable[Op], key: str, initial: int, final: int) -> Verdict:
    """O-3 for a record that each write is to raise by one: acknowledged writes that the final value does not contain.

    An `info` write may count or not, so the count is the least that is certain. A value that all writes together
    cannot have made is no finding but a broken measurement: invalid.
    """
    cycles = _cycles(history, key)
    certain = [cycle for cycle in cycles if cycle.write.status == "ok"]
    possible = [cycle for cycle in cycles if cycle.write.status != "fail"]
    gained = final - initial
    if gained > len(possible):
        return Verdict(0, len(certain), invalid=f"{key} gained {gained} by at most {len(possible)} writes")
    return Verdict(max(0, len(certain) - gained), len(certain), _same_version(certain))


def contended(history: Iterable[Op], key: str) -> int:
    """How many read-modify-write cycles on the key overlapped an earlier one: the hot key's count of firing."""
    spans = sorted((cycle.read.invoked_at, cycle.write.returned_at or 0.0) for cycle in _cycles(history, key))
    count, latest = 0, float("-inf")
    for start, end in spans:
        count += start < latest
        latest = max(latest, end)
    return count


def writes(history: Iterable[Op], key: str) -> tuple[int, int]:
    """(refused, all) writes of a key."""
    status = [op.status for op in history if op.kind == WRITE and op.key == key]
    return status.count("fail"), len(status)


def stuck(history: Iterable[Op]) -> Verdict:
    """O-6: requests that had no outcome when all was quiet."""
    requests = [op for op in history if op.kind == ACKNOWLEDGE]
    open_ = [op for op in requests if op.returned_at is None]
    witnesses = tuple(Witness(f"{op.request} never ended", _members([op])) for op in open_[:WITNESSES_MAX])
    return Verdict(len(open_), len(requests), witnesses)


@dataclass(frozen=True, slots=True)
class _Cycle:
    read: Op
    write: Op


def _cycles(history: Iterable[Op], key: str) -> list[_Cycle]:
    """Each write of the key with the read that it builds on: the latest before it of the same worker and attempt."""
    latest: dict[tuple[str, str, int], Op] = {}
    cycles = []
    for op in sorted(history, key=lambda op: op.invoked_at):
        who = (op.worker, op.request, op.attempt)
        if op.key == key and op.kind == READ and op.status == "ok":
            latest[who] = op
        elif op.key == key and op.kind == WRITE and who in latest:
            cycles.append(_Cycle(latest.pop(who), op))
    return cycles


def _same_version(cycles: Iterable[_Cycle]) -> tuple[Witness, ...]:
    """Pairs of acknowledged writes that build on the same version: one of each pair is not in the value."""
    by_version: dict[int, list[_Cycle]] = defaultdict(list)
    for cycle in cycles:
        by_version[cycle.read.result["version"]].append(cycle)
    pairs = [rows[:2] for rows in by_version.values() if len(rows) > 1]
    return tuple(_lost(*pair) for pair in pairs[:WITNESSES_MAX])


def _lost(one: _Cycle, other: _Cycle) -> Witness:
    who = " and ".join(f"{cycle.write.request} ({cycle.write.worker})" for cycle in (one, other))
    version, value = one.read.result["version"], one.write.argument["value"]
    text = f"{who} both read version {version} and both were told that their {value} was written"
    return Witness(text, _members([one.read, one.write, other.read, other.write]))


def _members(rows: Iterable[Op | Effect]) -> tuple[dict[str, Any], ...]:
    return tuple(msgspec.to_builtins(row) for row in rows)
