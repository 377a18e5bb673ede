"""Did a read see what had been acknowledged before it began? (O-7)

A record has a `version`, a whole number that each write raises: in the argument of a write, in the result of a read.
What was not there has version 0. A write counts from its acknowledgement, so that an `info` never makes a read stale.

Where writes are not conditional, two may make the same version, and the second of them may bring it back when higher
ones have been acknowledged: that is a lost update, not a stale read. So a version that more than one write may have
made is never judged. Any other was made once, and as each write builds on the version before, all higher ones are
later than it.

All verdicts here count operations, not requests.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate

from stepwell.bench.history import READ, WRITE, Op
from stepwell.bench.oracles.anomalies import Verdict, Witness
from stepwell.bench.oracles.witnesses import counted, witness

Session = Callable[[Op], Hashable]


def by_worker(op: Op) -> str:
    """The session of whoever keeps to one worker. Others say how theirs is told from an operation."""
    return op.worker


@dataclass(frozen=True, slots=True)
class Staleness:
    """The verdict counts reads. For each stale one: how many `versions` and for how many `seconds` it was behind."""

    verdict: Verdict
    versions: tuple[int, ...]
    seconds: tuple[float, ...]


def stale_reads(history: Iterable[Op]) -> Staleness:
    """Reads of a version although a higher one had been acknowledged before they were invoked.

    Exposed are reads of keys of which a write had been acknowledged by then.
    """
    seen = _Seen(history)
    pairs = list(seen.pairs(seen.writes, seen.reads, lambda op: op.key))
    stale = [pair for pair in pairs if pair.reversed]
    overtaken = {key: _Overtaken(rows) for key, rows in _groups(seen.writes, lambda op: op.key).items()}
    since = [overtaken[pair.later.op.key].at(pair.later.version) for pair in stale]
    return Staleness(
        counted(stale, len(pairs), lambda pair: _show(pair, "was acknowledged")),
        tuple(pair.earlier.version - pair.later.version for pair in stale),
        tuple(pair.later.op.invoked_at - at for pair, at in zip(stale, since, strict=True)),
    )


def read_your_writes(history: Iterable[Op], session: Session = by_worker) -> Verdict:
    """Reads that did not see what the same session had written. Exposed are reads after an own write of the key."""
    seen = _Seen(history)
    return _verdict(seen.pairs(seen.writes, seen.reads, _both(session)), "was written by the same session")


def monotonic_reads(history: Iterable[Op], session: Session = by_worker) -> Verdict:
    """Reads that went behind what the same session had read. Exposed are reads after an own read of the key."""
    seen = _Seen(history)
    return _verdict(seen.pairs(seen.reads, seen.reads, _both(session)), "was read by the same session")


def monotonic_writes(history: Iterable[Op], session: Session = by_worker) -> Verdict:
    """Writes that came to lie before an earlier one of the same session. Exposed are those after an own write."""
    seen = _Seen(history)
    return _verdict(seen.pairs(seen.writes, seen.writes, _both(session)), "was written by the same session")


@dataclass(frozen=True, slots=True)
class _Sight:
    """An acknowledged operation and the version that it wrote or read."""

    op: Op
    version: int
    returned_at: float


@dataclass(frozen=True, slots=True)
class _Pair:
    """`later` was invoked when `earlier`, the highest version among all such, had returned."""

    earlier: _Sight
    later: _Sight

    @property
    def reversed(self) -> bool:
        return self.later.version < self.earlier.version


class _Seen:
    """What a history says of versions."""

    def __init__(self, history: Iterable[Op]) -> None:
        ops = [op for op in history if op.kind in (READ, WRITE)]
        self.writes = list(_sights(op for op in ops if op.kind == WRITE))
        self.reads = list(_sights(op for op in ops if op.kind == READ))
        writers = Counter((op.key, _version(op)) for op in ops if op.kind == WRITE and op.status != "fail")
        self._unsure = {made for made, times in writers.items() if times > 1}

    def pairs(self, earlier: Iterable[_Sight], later: Iterable[_Sight], group: Session) -> Iterator[_Pair]:
        """Each later sight that can be judged and has an earlier one in its group, with the highest of those."""
        before = _groups(earlier, group)
        for name, sights in _groups(later, group).items():
            for pair in _highest_before(before.get(name, ()), sights):
                if (pair.later.op.key, pair.later.version) not in self._unsure:
                    yield pair


def _sights(ops: Iterable[Op]) -> Iterator[_Sight]:
    for op in ops:
        version = _version(op)
        if op.status == "ok" and op.returned_at is not None and version is not None:
            yield _Sight(op, version, op.returned_at)


def _version(op: Op) -> int | None:
    """None where the operation does not say, as an update in the store does not."""
    record = op.result if op.kind == READ else op.argument
    if op.kind == READ and record is None:
        return 0
    version = record.get("version") if isinstance(record, Mapping) else None
    return version if isinstance(version, int) else None


def _highest_before(earlier: Iterable[_Sight], later: Iterable[_Sight]) -> Iterator[_Pair]:
    waiting = sorted(earlier, key=lambda sight: sight.returned_at, reverse=True)
    highest: _Sight | None = None
    for sight in sorted(later, key=lambda sight: sight.op.invoked_at):
        while waiting and waiting[-1].returned_at < sight.op.invoked_at:
            returned = waiting.pop()
            if highest is None or returned.version > highest.version:
                highest = returned
        if highest is not None:
            yield _Pair(highest, sight)


class _Overtaken:
    """When the first write of a key above a version was acknowledged."""

    def __init__(self, writes: Iterable[_Sight]) -> None:
        highest_first = sorted(writes, key=lambda sight: -sight.version)
        self._versions = [sight.version for sight in reversed(highest_first)]
        self._first = list(accumulate((sight.returned_at for sight in highest_first), min))[::-1]

    def at(self, version: int) -> float:
        return self._first[bisect_right(self._versions, version)]


def _groups(sights: Iterable[_Sight], group: Session) -> dict[Hashable, list[_Sight]]:
    groups: dict[Hashable, list[_Sight]] = defaultdict(list)
    for sight in sights:
        groups[group(sight.op)].append(sight)
    return groups


def _both(session: Session) -> Session:
    return lambda op: (op.key, session(op))


def _verdict(pairs: Iterable[_Pair], how: str) -> Verdict:
    exposed = list(pairs)
    return counted([pair for pair in exposed if pair.reversed], len(exposed), lambda pair: _show(pair, how))


def _show(pair: _Pair, how: str) -> Witness:
    later, apart = pair.later, pair.later.op.invoked_at - pair.earlier.returned_at
    text = (
        f"{later.op.request} {'read' if later.op.kind == READ else 'wrote'} version {later.version} of {later.op.key} "
        f"{1000 * apart:.0f} ms after version {pair.earlier.version} {how}"
    )
    return witness(text, [pair.earlier.op, later.op])
