"""Can transactions over lists be put into an order? Elle's check of list-append histories (O-3, O-10).

A transaction is an operation of kind `TRANSACTION`: its argument is a list of ["append", key, element] and ["read",
key], its result, when it is `ok`, a list of the same length that has the list read where something was read. No element
is appended to a key twice. So a list that was read tells all that was appended before, and in which order, and from
that follows which transaction must come before which (Kingsbury and Alvaro, VLDB 2020):

* ww: it appended the element before the other one's;
* wr: the other one read the list with its element last;
* rw: it read the list as it was right before the other one's element came;
* rt: it had returned when the other one was invoked.

An element that was confirmed and is in no list that was read came after all that are. A transaction of which nobody
knows what became of it takes part as far as its elements were read. What is found is there in every explanation of
the history; that there is no other is not claimed where little was read.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from math import inf
from typing import Any

from stepwell.bench.history import READ, Op
from stepwell.bench.oracles.anomalies import Verdict, Witness
from stepwell.bench.oracles.cycles import READ_WRITE, REAL_TIME, WRITE_READ, WRITE_WRITE, Edges, cycles
from stepwell.bench.oracles.witnesses import counted, witness

TRANSACTION, APPEND = "transaction", "append"

Element = int | str

_SHOWN_MAX = 5
"""How many elements of a list a witness names; its rows have all."""


@dataclass(frozen=True, slots=True)
class Anomaly:
    """`name` is G0, G1a, G1b, G1c, G-single, G2-item, one of these with -realtime, or one of the names below."""

    name: str
    witness: Witness


INTERNAL, UNWRITTEN, REPEATED, INCOMPATIBLE = "internal", "unwritten", "repeated", "incompatible-order"
"""A read that contradicts the transaction's own appends; that has an element nobody appended, or one twice; two reads
of which neither continues the other."""


def serializable(history: Iterable[Op]) -> Verdict:
    """Counts anomalies: a phenomenon each, and a cycle for each set of transactions that depend on each other.

    Exposed are all confirmed transactions. Raises `ValueError` for a history that is not as above.
    """
    rows = [op for op in history if op.kind == TRANSACTION]
    return counted(anomalies(rows), sum(op.status == "ok" for op in rows), lambda anomaly: anomaly.witness)


def anomalies(history: Iterable[Op]) -> list[Anomaly]:
    """All that is found, reads first."""
    transactions = {op.id: _Transaction(op) for op in history if op.kind == TRANSACTION}
    writers = _writers(transactions.values())
    lists = _longest(transactions.values())
    found = [each for one in transactions.values() for each in _wrong_reads(one, writers, lists)]
    edges = _edges(transactions, writers, lists)
    for cycle in cycles(edges):
        rows = [transactions[node].op for node in cycle.nodes]
        found.append(Anomaly(cycle.name, witness(str(cycle), rows)))
    return found


@dataclass(frozen=True, slots=True)
class _Read:
    """A list that was read. `before` is what of it others had appended: all but the transaction's own at its end."""

    key: str
    elements: tuple[Element, ...]
    own: tuple[Element, ...]

    @property
    def before(self) -> tuple[Element, ...]:
        return self.elements[: len(self.elements) - len(self.own)]

    @property
    def agrees(self) -> bool:
        """Whether it ends with what the transaction itself had appended."""
        return self.elements[len(self.elements) - len(self.own) :] == self.own


@dataclass(slots=True)
class _Transaction:
    op: Op
    appends: dict[str, list[Element]] = field(default_factory=lambda: defaultdict(list))
    reads: list[_Read] = field(default_factory=list)

    def __post_init__(self) -> None:
        done = self.op.status == "ok"
        operations = _list(self.op, self.op.argument)
        results = _list(self.op, self.op.result) if done else [None] * len(operations)
        if len(results) != len(operations):
            raise ValueError(f"{self.op.id} has {len(operations)} operations and {len(results)} results")
        for operation, result in zip(operations, results, strict=True):
            match operation:
                case [kind, str(key), int(element) | str(element)] if kind == APPEND:
                    self.appends[key].append(element)
                case [kind, str(key)] if kind == READ:
                    if done:
                        self.reads.append(_Read(key, _elements(self.op, result), tuple(self.appends.get(key, ()))))
                case _:
                    raise ValueError(f"{self.op.id}: {operation!r} is neither an append nor a read")


def _list(op: Op, value: Any) -> Sequence[Any]:
    if isinstance(value, list | tuple):
        return value
    raise ValueError(f"{op.id}: {value!r} is no list")


def _elements(op: Op, value: Any) -> tuple[Element, ...]:
    elements = _list(op, value)
    if all(isinstance(each, int | str) for each in elements):
        return tuple(elements)
    raise ValueError(f"{op.id}: {value!r} is no list of whole numbers and strings")


def _brief(elements: Sequence[Element]) -> str:
    """A list as one can still read it."""
    shown = [repr(each) for each in elements[-_SHOWN_MAX:]]
    return f"[{', '.join(shown if len(elements) <= _SHOWN_MAX else ['...', *shown])}]"


_Writers = Mapping[tuple[str, Element], _Transaction]
_Lists = Mapping[str, tuple[Element, ...]]


def _writers(transactions: Iterable[_Transaction]) -> _Writers:
    writers: dict[tuple[str, Element], _Transaction] = {}
    for transaction in transactions:
        for key, elements in transaction.appends.items():
            for element in elements:
                if (key, element) in writers:
                    raise ValueError(f"{element!r} is appended to {key} twice, so a read does not tell by whom")
                writers[key, element] = transaction
    return writers


def _longest(transactions: Iterable[_Transaction]) -> _Lists:
    """The longest list that was read of each key: the order in which its elements came."""
    longest: dict[str, tuple[Element, ...]] = {}
    for transaction in transactions:
        for read in transaction.reads:
            longest[read.key] = max(longest.get(read.key, ()), read.elements, key=len)
    return longest


def _wrong_reads(transaction: _Transaction, writers: _Writers, lists: _Lists) -> Iterator[Anomaly]:
    for read in transaction.reads:
        for name, text, other in _wrong(transaction, read, writers, lists):
            rows = [transaction.op] if other is None else [transaction.op, other.op]
            yield Anomaly(
                name, witness(f"{name}: {transaction.op.id} read {_brief(read.elements)} in {read.key}, {text}", rows)
            )


def _wrong(
    transaction: _Transaction, read: _Read, writers: _Writers, lists: _Lists
) -> Iterator[tuple[str, str, _Transaction | None]]:
    if not read.agrees:
        yield INTERNAL, f"after it had appended {_brief(read.own)} itself", None
    if not set(read.before).isdisjoint(transaction.appends.get(read.key, ())):
        yield INTERNAL, "before it had appended all of that itself", None
    for element, times in Counter(read.elements).items():
        writer = writers.get((read.key, element))
        if times > 1:
            yield REPEATED, f"where {element!r} is {times} times", writer
        if writer is None:
            yield UNWRITTEN, f"and nobody appended {element!r}", None
        elif writer.op.status == "fail":
            yield "G1a", f"and {element!r} is of {writer.op.id}, which was not applied", writer
    last = writers.get((read.key, read.before[-1])) if read.before else None
    if last is not None and last is not transaction and last.appends[read.key][-1] != read.before[-1]:
        yield "G1b", f"in the middle of {last.op.id}, which appended {_brief(last.appends[read.key])}", last
    if lists[read.key][: len(read.elements)] != read.elements:
        yield INCOMPATIBLE, f"and another one {_brief(lists[read.key])}", None


_Edge = tuple[_Transaction | None, _Transaction, str, str]


def _edges(transactions: Mapping[str, _Transaction], writers: _Writers, lists: _Lists) -> Edges:
    edges: dict[str, dict[str, dict[str, str]]] = {
        name: defaultdict(dict) for name, each in transactions.items() if each.op.status != "fail"
    }
    orders = _orders(transactions.values(), writers, lists)
    for one, other, kind, why in chain(
        _of_writes(orders), _of_reads(transactions.values(), orders), _of_time(transactions.values())
    ):
        if one is not None and one is not other and one.op.id in edges:
            edges[one.op.id][other.op.id].setdefault(kind, why)
    return edges


def _of_writes(orders: Mapping[str, "_Order"]) -> Iterator[_Edge]:
    for order in orders.values():
        for number, element in enumerate(order.elements, start=1):
            for later in order.next(number):
                yield order.writer(number), later, WRITE_WRITE, f"{order.key}: {element!r} came first"


def _of_reads(transactions: Iterable[_Transaction], orders: Mapping[str, "_Order"]) -> Iterator[_Edge]:
    for transaction in transactions:
        for read in transaction.reads:
            order, before = orders[read.key], read.before
            if order.elements[: len(before)] != before:
                continue
            why = f"{read.key}: {_brief(before)} was read"
            if before:
                yield order.writer(len(before)), transaction, WRITE_READ, why
            for later in order.next(len(before)):
                yield transaction, later, READ_WRITE, why


class _Order:
    """The elements of a key in the order in which they came, and who else appended to it, certainly later."""

    def __init__(
        self, key: str, elements: tuple[Element, ...], writers: _Writers, certain: Iterable[_Transaction]
    ) -> None:
        self.key = key
        self.elements = elements
        self._writers = writers
        known = set(elements)
        self._unread = [each for each in certain if known.isdisjoint(each.appends[key])]

    def writer(self, number: int) -> _Transaction | None:
        """Who appended the element with this number, counted from 1."""
        return self._writers.get((self.key, self.elements[number - 1]))

    def next(self, number: int) -> Sequence[_Transaction]:
        """Who appended what came right after the first so many elements, passing over what was not applied."""
        for later in range(number + 1, len(self.elements) + 1):
            writer = self.writer(later)
            if writer is not None and writer.op.status != "fail":
                return [writer]
        return self._unread


def _orders(transactions: Iterable[_Transaction], writers: _Writers, lists: _Lists) -> dict[str, _Order]:
    certain: dict[str, list[_Transaction]] = defaultdict(list)
    for transaction in transactions:
        if transaction.op.status == "ok":
            for key in transaction.appends:
                certain[key].append(transaction)
    return {key: _Order(key, elements, writers, certain[key]) for key, elements in lists.items()}


def _of_time(transactions: Iterable[_Transaction]) -> Iterator[_Edge]:
    """Who had returned when who was invoked, leaving out what follows from others."""
    rows = list(transactions)
    events = [(each.op.invoked_at, 0, number) for number, each in enumerate(rows)]
    events += [(at, 1, number) for number, each in enumerate(rows) if (at := _returned_at(each)) < inf]
    # At one and the same time calls come first: who cannot tell the order must assume any.
    latest: dict[int, None] = {}
    before: dict[int, tuple[int, ...]] = {}
    for _, returned, number in sorted(events):
        if not returned:
            before[number] = tuple(latest)
            yield from ((rows[earlier], rows[number], REAL_TIME, "returned first") for earlier in latest)
            continue
        for earlier in before[number]:
            latest.pop(earlier, None)
        latest[number] = None


def _returned_at(transaction: _Transaction) -> float:
    op = transaction.op
    return inf if op.status != "ok" or op.returned_at is None else op.returned_at
