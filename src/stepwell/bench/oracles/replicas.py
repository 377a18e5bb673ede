"""Did the replicas of a record agree in the end, and what did that cost? (O-9)

A write names itself and what it was built on, in its argument: {"write": name, "base": name of the write that its
writer had read, or None}. What a replica holds has the same "write". Visible to a write is its base, the base of that,
and so on; of two writes that are not visible to each other, neither overwrote the other knowingly.

Writes of which nobody knows what became of them are followed but never counted.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stepwell.bench.history import WRITE, Op
from stepwell.bench.oracles.anomalies import Verdict, Witness
from stepwell.bench.oracles.witnesses import counted, witness

Contents = Mapping[str, Any]
"""What one replica holds, by key."""


def diverged(replicas: Mapping[str, Contents]) -> Verdict:
    """Keys that are not the same in all replicas when all is quiet; counts keys. Exposed are all keys."""
    keys = sorted({key for contents in replicas.values() for key in contents})
    different = [key for key in keys if not _same([contents.get(key) for contents in replicas.values()])]

    def show(key: str) -> Witness:
        rows = tuple({"region": name, "key": key, "value": held.get(key)} for name, held in replicas.items())
        return Witness(f"{key} is not the same in {' and '.join(replicas)}", rows)

    return counted(different, len(keys), show)


def _same(values: Sequence[Any]) -> bool:
    return all(value == values[0] for value in values)


def conflicts(history: Iterable[Op]) -> Verdict:
    """Acknowledged writes that some other acknowledged write of the key did not see and was not seen by.

    Counts writes. Exposed are writes of keys that were written more than once.
    """
    lineages = _lineages(history)
    circle = next((lineage.circle for lineage in lineages if lineage.circle), None)
    if circle:
        return Verdict(0, 0, invalid=circle)
    exposed = sum(len(lineage.certain) for lineage in lineages if len(lineage.certain) > 1)
    found = [(lineage, name) for lineage in lineages for name in lineage.conflicting()]

    def show(each: tuple[_Lineage, str]) -> Witness:
        lineage, name = each
        one, other = lineage.certain[name], lineage.unseen(name)
        return witness(f"{name} and {_name(other)} wrote {lineage.key} without seeing each other", [one, other])

    return counted(found, exposed, show)


def silent_losses(history: Iterable[Op], replicas: Mapping[str, Contents]) -> Verdict:
    """Acknowledged writes that are in no replica at the end although none that saw them was ever made.

    They were overwritten by who had not seen them, and nobody was told. Counts writes; exposed are all acknowledged.
    """
    lost: list[Op] = []
    exposed = 0
    for lineage in _lineages(history):
        overwritten = set(lineage.bases.values())
        final = {_held(contents.get(lineage.key)) for contents in replicas.values()}
        lost += [op for name, op in lineage.certain.items() if name not in overwritten and name not in final]
        exposed += len(lineage.certain)

    def show(op: Op) -> Witness:
        return witness(f"{_name(op)} of {op.key} was acknowledged, and no replica holds it or what saw it", [op])

    return counted(lost, exposed, show)


@dataclass(frozen=True, slots=True)
class _Lineage:
    """The writes of one key: the base of each, and the acknowledged among them.

    `order` has each after its base. With `circle` (the reason) the bases cannot be what really was read.
    """

    key: str
    bases: Mapping[str, str | None]
    certain: Mapping[str, Op]
    order: Sequence[str]
    circle: str | None

    def conflicting(self) -> Iterator[str]:
        """The acknowledged writes that did not see all others that did not see them."""
        above: Counter[str | None] = Counter()
        below: Counter[str | None] = Counter()
        for name in self.order:
            base = self.bases[name]
            above[name] = above[base] + (base in self.certain)
        for name in reversed(self.order):
            below[self.bases[name]] += below[name] + (name in self.certain)
        for name in self.certain:
            if above[name] + below[name] + 1 < len(self.certain):
                yield name

    def unseen(self, name: str) -> Op:
        """The first acknowledged write that this one conflicts with."""
        seen = set(self._seen_from(name))
        return next(op for each, op in self.certain.items() if each not in seen and name not in self._seen_from(each))

    def _seen_from(self, name: str | None) -> Iterator[str]:
        """This write and all that it saw."""
        while name is not None and name in self.bases:
            yield name
            name = self.bases[name]


def _lineages(history: Iterable[Op]) -> list[_Lineage]:
    by_key: dict[str, list[Op]] = defaultdict(list)
    for op in sorted(history, key=lambda op: op.invoked_at):
        if op.kind == WRITE and op.status != "fail":
            by_key[op.key].append(op)
    return [_lineage(key, ops) for key, ops in by_key.items()]


def _lineage(key: str, ops: Iterable[Op]) -> _Lineage:
    bases: dict[str, str | None] = {}
    certain: dict[str, Op] = {}
    for op in ops:
        bases.setdefault(_name(op), _base(op))
        if op.status == "ok":
            certain.setdefault(_name(op), op)
    order = _after_bases(bases)
    circle = None if len(order) == len(bases) else f"the bases of the writes of {key} go round in a circle"
    return _Lineage(key, bases, certain, order, circle)


def _after_bases(bases: Mapping[str, str | None]) -> list[str]:
    built: dict[str | None, list[str]] = defaultdict(list)
    for name, base in bases.items():
        built[base if base in bases else None].append(name)
    order = list(built[None])
    for name in order:
        order.extend(built.get(name, ()))
    return order


def _name(op: Op) -> str:
    """Raises `ValueError` for a write that does not name itself."""
    name = op.argument.get("write") if isinstance(op.argument, Mapping) else None
    if not isinstance(name, str):
        raise ValueError(f'{op.id} wrote {op.key} without a name in the member "write"')
    return name


def _base(op: Op) -> str | None:
    base = op.argument.get("base")
    if base is None or isinstance(base, str):
        return base
    raise ValueError(f"{op.id} wrote {op.key} on {base!r}, which is not the name of a write")


def _held(value: Any) -> str | None:
    return value.get("write") if isinstance(value, Mapping) else None
