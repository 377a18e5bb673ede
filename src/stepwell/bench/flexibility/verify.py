"""Whether a version does what it is to do: an order's effects and changes, each once and in their order.

Pure functions over what was recorded, each finding with the rows that prove it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from stepwell.bench.catalog import DUPLICATED, LOST, STUCK
from stepwell.bench.flexibility.changes import BRANCH
from stepwell.bench.flexibility.definitions import LIMIT
from stepwell.bench.flexibility.deliver import Order
from stepwell.bench.history import EMIT, WRITE, Effect, Op
from stepwell.bench.oracles import anomalies
from stepwell.bench.oracles.anomalies import Verdict, Witness, verdict

CHARGE, REVIEW, ENDS = "charge", "review", frozenset({"email", "refund"})

_Findings = dict[str, Witness]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Of some orders: what was recorded of them, and the values that their records had in the end, by name."""

    orders: Sequence[Order]
    ops: Sequence[Op]
    effects: Sequence[Effect]
    finals: Mapping[str, int]


def records(order: Order) -> list[str]:
    """Those that it is to raise by one: its lines' articles."""
    return list(order.state.get("lines") or [order.state["record"]])


def reviewed(order: Order) -> bool:
    """Whether it is to be reviewed."""
    return order.version == BRANCH and order.state["amount"] > LIMIT


def judge(evidence: Evidence, exposed: Collection[str]) -> dict[str, Verdict]:
    """The benchmark's measures, of the orders that were `exposed` to what was done to them."""
    done = anomalies.acknowledged(evidence.ops).keys() & set(exposed)
    return {
        DUPLICATED: verdict(_repeated(evidence), exposed),
        LOST: verdict(_missing(evidence) | _too_late(evidence), done),
        STUCK: verdict(anomalies.half_done(evidence.ops, evidence.effects), exposed),
    }


def _repeated(evidence: Evidence) -> _Findings:
    """Effects that an order has more than once or that are not for it, and articles that it has taken twice."""
    found: _Findings = dict(anomalies.duplicate_effects(evidence.effects))
    expected = {order.request: reviewed(order) for order in evidence.orders}
    for effect in evidence.effects:
        if effect.type == REVIEW and not expected[effect.request]:
            found[effect.request] = _witness(f"{effect.request} was reviewed, which it was not to be", effect)
    for order, record, ops in _by_record(evidence):
        found |= anomalies.repeated_changes(ops, {order.request: evidence.finals[record]})
    return found


def _missing(evidence: Evidence) -> _Findings:
    """Effects and changes that an acknowledged order lacks."""
    found: _Findings = {}
    for due in (True, False):
        requests = {order.request for order in evidence.orders if reviewed(order) == due}
        required = [{CHARGE}, ENDS, *([{REVIEW}] if due else [])]
        found |= anomalies.missing_effects(
            [op for op in evidence.ops if op.request in requests], evidence.effects, required
        )  # fmt: skip
    for order in evidence.orders:
        own = [op for op in evidence.ops if op.request == order.request]
        for record in records(order):
            found |= anomalies.missing_changes(own, {order.request: evidence.finals[record]})
    return found


def _too_late(evidence: Evidence) -> _Findings:
    """What came, but after what was to wait for it: a review after the charge, a line after the confirmation."""
    found: _Findings = {}
    first: dict[tuple[str, str], Effect] = {}
    for effect in sorted(evidence.effects, key=lambda effect: effect.sequence):
        first.setdefault((effect.request, effect.type), effect)
    for (request, type), effect in first.items():
        charge = first.get((request, CHARGE))
        if type == REVIEW and charge and charge.sequence < effect.sequence:
            found[request] = _witness(f"{request} was charged before it was reviewed", charge, effect)
    ends: dict[str, Op] = {}
    for op in evidence.ops:
        if op.kind == EMIT and op.argument["type"] in ENDS:
            ends.setdefault(op.request, op)
    for order, record, ops in _by_record(evidence):
        end, changes = ends.get(order.request), [op for op in ops if _changes(op) and op.status != "fail"]
        if end and changes and min(op.invoked_at for op in changes) > end.invoked_at:
            said = f"{order.request} was confirmed before {record} was reserved"
            found[order.request] = _witness(said, end, changes[0])
    return found


def _by_record(evidence: Evidence) -> Iterator[tuple[Order, str, list[Op]]]:
    """Each order with each of its records and what was done to that."""
    by_key: dict[str, list[Op]] = defaultdict(list)
    for op in evidence.ops:
        by_key[op.key].append(op)
    return ((order, record, by_key[record]) for order in evidence.orders for record in records(order))


def _changes(op: Op) -> bool:
    return op.kind == WRITE and isinstance(op.argument, dict) and "value" in op.argument


def _witness(text: str, *rows: Op | Effect) -> Witness:
    return Witness(text, tuple(msgspec.to_builtins(row) for row in rows))


def calls(ops: Iterable[Op], requests: Collection[str]) -> float:
    """Operations of the workers for an order, on average."""
    return sum(op.worker != "client" and op.request in requests for op in ops) / len(requests)
