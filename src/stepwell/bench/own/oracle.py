"""What broke in a person's workflow, from what was recorded: measured against undisturbed runs of the same requests.

Nobody has to say what is right: an undisturbed request has certain effects, leaves certain records of its own, and
changes shared ones by certain amounts. What a disturbed request did more often is duplicated, and what an acknowledged
one did less often is lost. What differs between undisturbed runs is not compared. All functions are pure.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import msgspec

from stepwell.bench.history import EMIT, READ, WRITE, Effect, Op
from stepwell.bench.oracles.anomalies import Witness, acknowledged
from stepwell.bench.own.identity import pattern
from stepwell.bench.own.snapshot import Snapshot, Value
from stepwell.bench.own.state import ANY, State

Found = dict[str, Witness]

_SHOWN_ROWS = 4


@dataclass(frozen=True, slots=True)
class Reference:
    """What one undisturbed request does. `effects` by type; `own` are its records by pattern; `shared` the amounts by
    which it changes records that others change too, by path and field.

    `ignored` are tables and fields as in `state.yaml`; `uncompared` the shared fields whose change has no constant
    amount, of which nothing can be said.
    """

    effects: Counter[str]
    own: dict[str, list[Value]]
    shared: dict[str, dict[str, float]]
    paths: frozenset[str]
    ignored: frozenset[str]
    uncompared: tuple[str, ...]


def learn(ops: Sequence[Op], effects: Iterable[Effect], states: Sequence[Snapshot], state: State) -> Reference:
    """From requests that came one after the other, with the stores before the first and after each.

    Raises ValueError when one of them was not acknowledged.
    """
    requests = list(acknowledged(ops))
    if len(requests) < len(states) - 1 or len(requests) < 2:
        raise ValueError("an undisturbed request was not acknowledged")
    by_path = owners(ops)
    shared_paths = frozenset(path for path, who in by_path.items() if len(who) > 1)
    ignored = frozenset(state.ignore) | _unjudged(state)
    rows = [_own_rows(request, by_path, shared_paths, states[-1]) for request in requests]
    ignored |= _volatile(rows)
    counts = Counter((effect.request, effect.type) for effect in effects)
    types = {type for _, type in counts}
    shared, uncompared = _amounts(states, shared_paths, ignored)
    return Reference(
        effects=Counter({type: min(counts[request, type] for request in requests) for type in types}),
        own={kind: [_kept(kind, fields, ignored) for fields in values] for kind, values in rows[0].items()
             if not _is_ignored(kind, ignored)},
        shared=shared, paths=shared_paths, ignored=ignored, uncompared=uncompared,
    )  # fmt: skip


def owners(ops: Iterable[Op]) -> dict[str, set[str]]:
    """Path to the requests that may have written there."""
    found: dict[str, set[str]] = defaultdict(set)
    for op in ops:
        if op.kind == WRITE and op.status != "fail":
            for path in op.key.split(" "):
                found[path].add(op.request)
    return found


def _unjudged(state: State) -> set[str]:
    return {each.key for each in state.operations if each.consistency == ANY}


def _own_rows(
    request: str, by_path: Mapping[str, set[str]], shared: Collection[str], snapshot: Snapshot
) -> dict[str, list[Value]]:
    """The records that only this request wrote, by pattern."""
    rows: dict[str, list[Value]] = defaultdict(list)
    for path, who in by_path.items():
        if who == {request} and path not in shared and path in snapshot:
            rows[pattern(path)].append(_impersonal_fields(snapshot[path]))
    return rows


def _impersonal_fields(fields: Value) -> Value:
    return {name: pattern(value) if isinstance(value, str) else value for name, value in fields.items()}


def _volatile(rows: Sequence[Mapping[str, list[Value]]]) -> set[str]:
    """`Table.field` of what differs between undisturbed requests."""
    found = set()
    for one, other in pairwise(rows):
        for kind in one.keys() & other.keys():
            for left, right in zip(one[kind], other[kind], strict=False):
                names = left.keys() | right.keys()
                found |= {_field(kind, name) for name in names if left.get(name) != right.get(name)}
    return found


def volatile_fields(reference: Reference, state: State) -> list[str]:
    """What `learn` found to differ, beyond what the person said."""
    return sorted(reference.ignored - set(state.ignore) - _unjudged(state))


def _field(kind: str, name: str) -> str:
    return f"{kind.partition('/')[0]}.{name}"


def _is_ignored(kind: str, ignored: Collection[str]) -> bool:
    return kind in ignored or kind.partition("/")[0] in ignored


def _kept(kind: str, fields: Value, ignored: Collection[str]) -> Value:
    return {name: value for name, value in fields.items() if _field(kind, name) not in ignored}


def _amounts(
    states: Sequence[Snapshot], shared: Iterable[str], ignored: Collection[str]
) -> tuple[dict[str, dict[str, float]], tuple[str, ...]]:
    amounts: dict[str, dict[str, float]] = defaultdict(dict)
    uncompared = []
    for path in shared:
        names = {name for snapshot in states for name in snapshot.get(path, {})}
        for name in sorted(names):
            if _is_ignored(pattern(path), ignored) or _field(path, name) in ignored:
                continue
            values = [snapshot.get(path, {}).get(name, 0) for snapshot in states]
            steps = {_step(before, after) for before, after in pairwise(values)}
            if {_step(before, after) for before, after in pairwise(values[1:])} == {0}:
                continue  # It stays as the first request made it.
            if len(steps) == 1 and None not in steps:
                amounts[path][name] = float(steps.pop() or 0)
            else:
                uncompared.append(f"{path}: {name}")
    return dict(amounts), tuple(uncompared)


def _step(before: Any, after: Any) -> float | None:
    if before == after:
        return 0
    numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in (before, after))
    return after - before if numbers else None


def repeated_effects(effects: Iterable[Effect], reference: Reference) -> Found:
    """Requests with more effects of a type than an undisturbed one has; one, of what no undisturbed one had."""
    found = {}
    for (request, type), rows in _by_type(effects).items():
        usual = max(reference.effects[type], 1)
        if len(rows) > usual:
            who = " and ".join(f"by attempt {row.attempt} in {row.worker}" for row in rows)
            found[request] = Witness(f"{request}: {type} was done {len(rows)} times instead of {usual}: {who}",
                                     _members(rows))  # fmt: skip
    return found


def missing_effects(ops: Iterable[Op], effects: Iterable[Effect], reference: Reference) -> Found:
    """Acknowledged requests with fewer effects of a type than an undisturbed one has."""
    done, found = _by_type(effects), {}
    for request, op in acknowledged(ops).items():
        for type, usual in reference.effects.items():
            count = len(done.get((request, type), []))
            if count < usual:
                text = f"{request} was acknowledged, and {type} was done {count} times instead of {usual}"
                found[request] = Witness(text, _members([op]))
    return found


def _by_type(effects: Iterable[Effect]) -> dict[tuple[str, str], list[Effect]]:
    by_type: dict[tuple[str, str], list[Effect]] = defaultdict(list)
    for effect in effects:
        by_type[effect.request, effect.type].append(effect)
    return by_type


def own_records(ops: Sequence[Op], snapshot: Snapshot, reference: Reference) -> tuple[Found, Found]:
    """(duplicated, lost): records of acknowledged requests that are not as an undisturbed one leaves them."""
    by_path = owners(ops)
    twice: Found = {}
    missing: Found = {}
    for request, op in acknowledged(ops).items():
        rows = _own_rows(request, by_path, reference.paths, snapshot)
        for kind, usual in reference.own.items():
            said = _compared(kind, usual, [_kept(kind, fields, reference.ignored) for fields in rows.get(kind, [])])
            if said:
                more, text = said
                (twice if more else missing)[request] = Witness(f"{request} {text}", _members([op]))
    return twice, missing


def _compared(kind: str, usual: Sequence[Value], found: Sequence[Value]) -> tuple[bool, str] | None:
    """Whether there is more than there should be, and in words what; None when all is as it should be."""
    if len(found) != len(usual):
        return len(found) > len(usual), f"left {len(found)} records {kind} instead of {len(usual)}"
    for is_, should in zip(found, usual, strict=True):
        for name in sorted(is_.keys() | should.keys()):
            one, other = is_.get(name), should.get(name)
            if one != other:
                return (_step(other, one) or 0) > 0, f"left {name} = {one!r} in {kind} instead of {other!r}"
    return None


@dataclass(frozen=True, slots=True)
class Changes:
    """So many changes of shared records too many or too few, with what shows it."""

    count: int = 0
    witnesses: tuple[Witness, ...] = ()

    def larger(self, count: float, witness: Witness) -> "Changes":
        return Changes(max(self.count, round(count)), (*self.witnesses, witness)) if count > 0 else self


def shared_records(
    ops: Sequence[Op], before: Snapshot, after: Snapshot, reference: Reference, asked: int
) -> tuple[Changes, Changes]:
    """(too many, too few): changes beyond what all `asked` requests make, and below what the acknowledged ones make.

    Both are the least that is certain: an unanswered request may have changed it or not.
    """
    sure = len(acknowledged(ops))
    more, less = Changes(), Changes()
    for path, fields in reference.shared.items():
        for name, amount in fields.items():
            first, last = (snapshot.get(path, {}).get(name, 0) for snapshot in (before, after))
            step = _step(first, last)
            if step is None:
                continue
            changes = step / amount
            text = f"{path}: {name} went from {first} to {last}, which is {changes:g} changes by {amount:g}"
            rows = [op for op in ops if op.kind in (READ, WRITE) and path in op.key.split(" ")]
            shown = Witness(f"{text}; {sure} of {asked} requests were acknowledged", _members(rows[:_SHOWN_ROWS]))
            more, less = more.larger(changes - asked, shown), less.larger(sure - changes, shown)
    return more, less


def effects_of(ops: Iterable[Op], outside: Iterable[Effect], state: State) -> list[Effect]:
    """All effects: those that the outside saw, and the calls of AWS that the person marked as effects."""
    unmarked = {_type(each.call, each.key) for each in state.operations if not each.effect}
    marked = {(each.call, each.key) for each in state.operations if each.effect}
    calls = [op for op in ops if op.status == "ok" and op.kind != EMIT and (op.call, pattern(op.key)) in marked]
    return [effect for effect in outside if effect.type not in unmarked] + [
        Effect(sequence=number, run=op.run, request=op.request, type=_type(op.call, pattern(op.key)), key=None,
               attempt=op.attempt, worker=op.worker, at=op.invoked_at)
        for number, op in enumerate(calls, 1)
    ]  # fmt: skip


def _type(call: str, key: str) -> str:
    """How an effect is called: `POST pay.example/charges`, `sns.Publish mails`."""
    return f"{call.removeprefix('outside.')} {key}"


def _members(rows: Iterable[Op | Effect]) -> tuple[dict[str, Any], ...]:
    return tuple(msgspec.to_builtins(row) for row in rows)
