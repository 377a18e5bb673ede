"""Did a transaction see another one whole? The two columns of AFT's table of anomalies (O-8).

A transaction is one attempt at a request. What it writes carries its name: {"transaction": its request, ...} in the
argument of a write, so that the same member in the result of a read tells whose value it is. A key that holds nothing
gives None, which is older than all.

Nothing has to be known of the order in which the store applied writes. Of two transactions that both wrote x and y,
whoever reads x from one and y from the other has seen one of them in part, whichever was first. Where the other one
wrote y alone, that write is taken to be older only if it had returned before the one that is missing was invoked.
Only writes that were confirmed are missed.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from math import inf

from stepwell.bench.history import READ, WRITE, Op
from stepwell.bench.oracles.anomalies import Verdict, Witness
from stepwell.bench.oracles.witnesses import counted, witness


def read_own_writes(history: Iterable[Op]) -> Verdict:
    """O-8, RYW: transactions that read a key after they had written it, and did not see what they had written.

    Exposed are transactions that read such a key.
    """
    checked = [_after_own_write(ops) for ops in _transactions(history)]
    exposed = [reads for reads in checked if reads]
    unseen = [next((pair for pair in reads if _writer(pair[1]) != pair[1].request), None) for reads in exposed]

    def show(pair: tuple[Op, Op]) -> Witness:
        text = f"{pair[1].request} wrote {pair[1].key} and then read there what {_author(pair[1])} had written"
        return witness(text, pair)

    return counted([pair for pair in unseen if pair], len(exposed), show)


def fractured_reads(history: Iterable[Op]) -> Verdict:
    """O-8, FR: transactions that read x from one that wrote x and y, and y from before it.

    Exposed are transactions that read one key from another that wrote a second key that they read, too.
    """
    rows = list(history)
    written = _Written(rows)
    candidates = [list(_candidates(ops, written)) for ops in _transactions(rows)]
    exposed = [each for each in candidates if each]
    fractured = [next((each for each in many if written.is_older(each)), None) for many in exposed]
    return counted([each for each in fractured if each], len(exposed), _fractured)


def _transactions(history: Iterable[Op]) -> list[list[Op]]:
    attempts: dict[tuple[str, int], list[Op]] = defaultdict(list)
    for op in history:
        if op.kind in (READ, WRITE) and op.status == "ok":
            attempts[op.request, op.attempt].append(op)
    return list(attempts.values())


def _after_own_write(ops: Sequence[Op]) -> list[tuple[Op, Op]]:
    """Each read of a transaction with its first write of that key, if that had returned before the read was invoked."""
    first: dict[str, Op] = {}
    for op in sorted(ops, key=_returned_at):
        if op.kind == WRITE:
            first.setdefault(op.key, op)
    reads = [op for op in ops if op.kind == READ and op.key in first]
    return [(first[op.key], op) for op in reads if _returned_at(first[op.key]) < op.invoked_at]


def _returned_at(op: Op) -> float:
    return inf if op.returned_at is None else op.returned_at


def _writer(read: Op) -> str | None:
    """Raises `ValueError` for a value that does not say whose it is."""
    if read.result is None:
        return None
    name = read.result.get("transaction") if isinstance(read.result, Mapping) else None
    if not isinstance(name, str):
        raise ValueError(f"{read.id} read a value of {read.key} without the name of the transaction that wrote it")
    return name


def _author(read: Op) -> str:
    return _writer(read) or "nobody"


@dataclass(frozen=True, slots=True)
class _Candidate:
    """`new` was read from a transaction that confirmed `missing` too, a write of the key that `old` was read from."""

    new: Op
    old: Op
    missing: Op


class _Written:
    """The confirmed writes by transaction and key: the first to be invoked and the last to return of each."""

    def __init__(self, history: Iterable[Op]) -> None:
        self._begun: dict[tuple[str | None, str], Op] = {}
        self._ended: dict[tuple[str | None, str], float] = {}
        for op in history:
            if op.kind == WRITE and op.status == "ok":
                what = op.request, op.key
                self._begun[what] = min(self._begun.get(what, op), op, key=lambda each: each.invoked_at)
                self._ended[what] = max(self._ended.get(what, -inf), _returned_at(op))

    def by(self, transaction: str | None, key: str) -> Op | None:
        return self._begun.get((transaction, key))

    def is_older(self, candidate: _Candidate) -> bool:
        """Whether what was read as `old` is certainly before what is missing, or its author was seen in part, too."""
        author = _writer(candidate.old)
        if author == _writer(candidate.new):
            return False
        if author is None or self.by(author, candidate.new.key) is not None:
            return True
        return self._ended.get((author, candidate.old.key), inf) < candidate.missing.invoked_at


def _candidates(ops: Iterable[Op], written: _Written) -> Iterator[_Candidate]:
    reads = [op for op in ops if op.kind == READ]
    for new, old in permutations(reads, 2):
        author = _writer(new)
        missing = written.by(author, old.key)
        others = author not in (None, new.request) and _writer(old) != old.request
        if new.key != old.key and others and missing is not None:
            yield _Candidate(new, old, missing)


def _fractured(candidate: _Candidate) -> Witness:
    new, old = candidate.new, candidate.old
    text = (
        f"{new.request} read {new.key} from {_writer(new)} and {old.key} from {_author(old)}, "
        f"but {_writer(new)} wrote {old.key} too"
    )
    return witness(text, [new, old, candidate.missing])
