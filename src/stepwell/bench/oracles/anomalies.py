"""What broke, from histories alone: pure functions, each finding with the rows that prove it.

Findings are by request, so that a verdict is a share of the requests that were exposed to the fault. An `info` is never
evidence of an anomaly. Who judges a fault that did not strike calls `requiring`, which makes the verdict invalid.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from stepwell.bench.history import ACKNOWLEDGE, DELIVER, READ, WRITE, Effect, Op
from stepwell.bench.worker.faults import overlapping

MIN_FIRED = 3
WITNESSES_MAX = 3


@dataclass(frozen=True, slots=True)
class Witness:
    """One anomaly in words, and the rows that prove it."""

    text: str
    rows: tuple[dict[str, Any], ...]


Findings = Mapping[str, Witness]
"""Request to what proves its anomaly."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`count` anomalies among `exposed`; with `invalid` (the reason) neither number says anything."""

    count: int
    exposed: int
    witnesses: tuple[Witness, ...] = ()
    invalid: str | None = None


def verdict(found: Findings, exposed: Collection[str]) -> Verdict:
    """Of the findings. A request that was not exposed and has one all the same counts as exposed: it must be seen."""
    return Verdict(len(found), len(set(found) | set(exposed)), tuple(found.values())[:WITNESSES_MAX])


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


def acknowledged(history: Iterable[Op]) -> dict[str, Op]:
    """The requests that somebody was told are done."""
    return {op.request: op for op in history if op.kind == ACKNOWLEDGE and op.status == "ok"}


def duplicate_effects(effects: Iterable[Effect]) -> Findings:
    """O-1: requests with more than one effect of a type."""
    by_type: dict[tuple[str, str], list[Effect]] = defaultdict(list)
    for effect in effects:
        by_type[effect.request, effect.type].append(effect)
    return {request: _duplicate(request, type, rows) for (request, type), rows in by_type.items() if len(rows) > 1}


def _duplicate(request: str, type: str, effects: Sequence[Effect]) -> Witness:
    rows = sorted(effects, key=lambda effect: effect.sequence)
    places = " and ".join(f"#{row.sequence} by attempt {row.attempt} in {row.worker}" for row in rows)
    apart = f"{1000 * (rows[-1].at - rows[0].at):.0f} ms apart"
    return Witness(f"{request} has {len(rows)} effects of type {type} in the sink: {places}, {apart}", _members(rows))


def repeated_changes(history: Iterable[Op], finals: Mapping[str, int]) -> Findings:
    """O-1 for a record of the request's own, which it is to raise by one; `finals` are their last values, by request.

    Either the value says that it was raised more often, or two writes of different attempts were acknowledged.
    """
    writes: dict[str, list[Op]] = defaultdict(list)
    for cycle in _cycles(history):
        if cycle.write.status == "ok" and cycle.write.request in finals:
            writes[cycle.write.request].append(cycle.write)
    found = {}
    for request, value in finals.items():
        rows = writes[request]
        if value > 1 or len(rows) > 1:
            said = f"{request} changed its record {max(value, len(rows))} times: its value is {value}"
            found[request] = Witness(f"{said}, and {len(rows)} writes were acknowledged", _members(rows))
    return found


def missing_effects(history: Iterable[Op], effects: Iterable[Effect], required: Sequence[Collection[str]]) -> Findings:
    """O-2: acknowledged requests that lack an effect; of each group in `required` one is needed."""
    done = {(effect.request, effect.type) for effect in effects}
    found = {}
    for request, op in acknowledged(history).items():
        for group in required:
            if not any((request, type) in done for type in group):
                what = " or ".join(sorted(group))
                found[request] = Witness(f"{request} was acknowledged and has no {what} in the sink", _members([op]))
    return found


def missing_changes(history: Iterable[Op], finals: Mapping[str, int]) -> Findings:
    """O-2 for a record of the request's own: acknowledged requests whose record does not show their change."""
    return {
        request: Witness(f"{request} was acknowledged, and its record has the value {finals[request]}", _members([op]))
        for request, op in acknowledged(history).items()
        if finals.get(request, 1) < 1
    }


def half_done(history: Iterable[Op], effects: Iterable[Effect]) -> Findings:
    """O-4 and O-6: requests without an outcome when all was quiet, and failed ones that have had an effect."""
    done = {effect.request for effect in effects}
    found = {}
    for op in history:
        if op.kind == ACKNOWLEDGE and op.returned_at is None:
            found[op.request] = Witness(f"{op.request} never ended", _members([op]))
        elif op.kind == ACKNOWLEDGE and op.status != "ok" and op.request in done:
            found[op.request] = Witness(f"{op.request} failed and has had an effect all the same", _members([op]))
    return found


def lost_updates(history: Iterable[Op], key: str, final: int) -> Verdict:
    """O-3 for a record that each write is to raise by one from 0: acknowledged writes that the value does not contain.

    An `info` write may count or not, so the count is the least that is certain. A value that all writes together
    cannot have made is no finding but a broken measurement: invalid.
    """
    cycles = [cycle for cycle in _cycles(history) if cycle.write.key == key]
    certain = [cycle for cycle in cycles if cycle.write.status == "ok"]
    possible = [cycle for cycle in cycles if cycle.write.status != "fail"]
    if final > len(possible):
        return Verdict(0, len(certain), invalid=f"{key} gained {final} by at most {len(possible)} writes")
    return Verdict(max(0, len(certain) - final), len(certain), _same_version(certain))


def contended(history: Iterable[Op]) -> int:
    """How many requests came while an earlier one was under way: where all change one record, the hot key's firing."""
    count, latest = 0, float("-inf")
    for op in history:
        if op.kind == ACKNOWLEDGE and op.returned_at:
            count += op.invoked_at < latest
            latest = max(latest, op.returned_at)
    return count


def writes(history: Iterable[Op]) -> tuple[int, int]:
    """(refused, all) writes of records in read-modify-write."""
    status = [cycle.write.status for cycle in _cycles(history)]
    return status.count("fail"), len(status)


@dataclass(frozen=True, slots=True)
class _Cycle:
    read: Op
    write: Op


def _cycles(history: Iterable[Op]) -> list[_Cycle]:
    """Each write of a record with the read that it builds on: the latest before it of the same worker and attempt.

    A record is what has a value; what a strategy notes for itself has none.
    """
    latest: dict[tuple[str, str, int, str], Op] = {}
    cycles = []
    for op in map(of_record, history):
        who = (op.worker, op.request, op.attempt, op.key)
        if op.kind == READ and op.status == "ok":
            latest[who] = op
        elif op.kind == WRITE and who in latest and isinstance(op.argument, dict) and "value" in op.argument:
            cycles.append(_Cycle(latest.pop(who), op))
    return cycles


def of_record(op: Op) -> Op:
    """A transaction that writes one record and else only notes, as the write of that record; any other as it is."""
    parts = op.argument if isinstance(op.argument, list) else []
    records = [part for part in parts if isinstance(part, dict) and "value" in part]
    return msgspec.structs.replace(op, key=records[0]["id"], argument=records[0]) if len(records) == 1 else op


def _same_version(cycles: Iterable[_Cycle]) -> tuple[Witness, ...]:
    """Pairs of acknowledged writes that build on the same version: one of each pair is not in the value."""
    by_version: dict[int | None, list[_Cycle]] = defaultdict(list)
    for cycle in cycles:
        by_version[_version(cycle.read)].append(cycle)
    by_version.pop(None, None)
    pairs = [rows[:2] for rows in by_version.values() if len(rows) > 1]
    return tuple(_lost(*pair) for pair in pairs[:WITNESSES_MAX])


def _lost(one: _Cycle, other: _Cycle) -> Witness:
    who = " and ".join(f"{cycle.write.request} ({cycle.write.worker})" for cycle in (one, other))
    version, value = _version(one.read), one.write.argument["value"]
    text = f"{who} both read version {version} and both were told that their {value} was written"
    return Witness(text, _members([one.read, one.write, other.read, other.write]))


def _version(read: Op) -> int | None:
    """What the read found; 0 where there was nothing, None where its answer does not tell."""
    found = read.result or {}
    return found.get("version", 0) if isinstance(found, dict) else None


def _members(rows: Iterable[Op | Effect]) -> tuple[dict[str, Any], ...]:
    return tuple(msgspec.to_builtins(row) for row in rows)
