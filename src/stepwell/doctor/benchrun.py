"""A bench run by its histories: requests that were attempted more than once, and keys that all clients wanted."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from stepwell.bench.history import READ, WRITE, Effect, Fired, Op, read_ops, read_rows
from stepwell.bench.measures.cost import bill, meter
from stepwell.bench.measures.latency_budget import load_profile
from stepwell.doctor.findings import EVIDENCE_MAX, NOTE, PROBLEM, Diagnosis, Finding, Table, merged, share
from stepwell.pricing.prices import load_prices

HISTORY, EFFECTS, FIRED = "history.jsonl", "effects.jsonl", "fired.jsonl"

HOT_SHARE = 0.5
HOT_MIN = 50
"""Operations; a key of fewer is no hot one, whatever its share."""

COLUMNS = ("cell", "requests", "attempted more than once", "store operations", "on the top key", "refused writes")

COST_COLUMNS = ("cell", "requests", "$ per million", "most of it", "bytes each")


class UnreadableRun(Exception):
    """A folder cannot be read as a bench run; the text says why and what to do."""


@dataclass(slots=True)
class _Cell:
    """What was recorded of one strategy under one load."""

    ops: list[Op] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    fired: Counter[str] = field(default_factory=Counter)


def examine_run(folder: Path) -> Diagnosis:
    """What is wrong in the run that is kept in a folder. Raises `UnreadableRun`."""
    diagnosis = Diagnosis(f"the bench run in {folder}")
    cells = _read(folder)
    findings = []
    rows = []
    for name, cell in sorted(cells.items()):
        findings += [*_repeated(name, cell), *_hot(name, cell)]
        rows.append(_row(name, cell))
    diagnosis.findings = merged(findings)
    basis = f"From {HISTORY}: each row is one strategy under one load."
    diagnosis.tables.append(Table("Attempts and keys", basis, COLUMNS, tuple(rows)))
    _add_costs(diagnosis, cells)
    diagnosis.looked_at.append(f"{sum(len(cell.ops) for cell in cells.values()):,} operations of {len(cells)} cells")
    diagnosis.not_looked_at.append("executions, definitions and cold starts: histories do not hold them")
    return diagnosis


def _read(folder: Path) -> dict[str, _Cell]:
    if not (folder / HISTORY).is_file():
        raise UnreadableRun(
            f"{folder} holds no {HISTORY}. Name the folder of a run, as `stepwell bench quick --out DIR` writes it."
        )
    cells: dict[str, _Cell] = defaultdict(_Cell)
    try:
        for op in read_ops([folder / HISTORY]):
            cells[op.run].ops.append(op)
        for effect in read_rows(folder / EFFECTS, Effect):
            cells[effect.run].effects.append(effect)
        for fired in read_rows(folder / FIRED, Fired):
            cells[fired.run].fired[fired.fault] += 1
    except (OSError, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise UnreadableRun(f"{folder} cannot be read as a bench run: {error}") from error
    return {name: cell for name, cell in cells.items() if cell.ops}


def _add_costs(diagnosis: Diagnosis, cells: dict[str, _Cell]) -> None:
    prices, profile = load_prices(), load_profile()
    rows = []
    for name, cell in sorted(cells.items()):
        requests = len({op.request for op in cell.ops})
        if lines := bill(meter(cell.ops, profile), requests, prices).lines:
            dollars = sum(line.dollars for line in lines)
            carried = sum(op.bytes * op.count for op in cell.ops) / requests
            most = ", ".join(f"{line.item} ({share(line.dollars, dollars)})" for line in lines[:2])
            mark = "" if all(line.verified for line in lines) else " (unverified)"
            rows.append((name, f"{requests:,}", f"{dollars:,.2f}{mark}", most, f"{carried:,.0f} B"))
    if not rows:
        diagnosis.not_looked_at.append("cost drivers: the history does not say which calls were made")
        return
    basis = (
        f"Prices of {prices.date} for {prices.region}; functions' time by assumed round trips; nodes are not counted. A"
        " request counts once, whatever became of it."
    )
    diagnosis.tables.append(Table("Cost drivers", basis, COST_COLUMNS, tuple(rows)))


def _row(name: str, cell: _Cell) -> tuple[str, ...]:
    store = _by_key(cell.ops)
    requests = {op.request for op in cell.ops}
    top = max(store.values(), default=0)
    refused = sum(op.kind == WRITE and op.status == "fail" for op in cell.ops)
    total = store.total()
    return (
        name,
        f"{len(requests):,}",
        f"{len(_attempts(cell.ops)):,}",
        f"{total:,}",
        share(top, total),
        f"{refused:,}",
    )


def _by_key(ops: Iterable[Op]) -> Counter[str]:
    """The store operations of each key. A row can stand for several operations."""
    found: Counter[str] = Counter()
    for op in ops:
        if op.kind in (READ, WRITE):
            found[op.key] += op.count
    return found


def _attempts(ops: Iterable[Op]) -> dict[str, int]:
    """The requests that were attempted more than once, and how often."""
    numbers: dict[str, set[int]] = defaultdict(set)
    for op in ops:
        numbers[op.request].add(op.attempt)
    return {request: len(found) for request, found in numbers.items() if len(found) > 1}


def _repeated(name: str, cell: _Cell) -> Iterator[Finding]:
    """Two findings: the requests whose effect was repeated too, and those that were attempted again without harm."""
    repeated = _attempts(cell.ops)
    effects: dict[str, list[Effect]] = defaultdict(list)
    for effect in cell.effects:
        effects[effect.request].append(effect)
    harmed = [request for request, rows in effects.items() if _doubled(rows)]
    spared = [request for request in repeated if request not in harmed]
    faults = "".join(f"; the fault {fault} fired {count} times" for fault, count in sorted(cell.fired.items()))
    for requests, severity, outcome in (
        (harmed, PROBLEM, "and had their effect more than once"),
        (spared, NOTE, "and had their effect at most once"),
    ):
        if requests:
            what = f"requests attempted more than once {outcome}, {_keys(effects, requests)}{faults}"
            evidence = tuple(
                _course(request, repeated.get(request, 1), effects[request]) for request in requests[:EVIDENCE_MAX]
            )
            yield Finding("repeated-request", severity, name, what, evidence, len(requests))


def _doubled(effects: Iterable[Effect]) -> bool:
    return any(count > 1 for count in Counter(effect.type for effect in effects).values())


def _keys(effects: dict[str, list[Effect]], requests: Iterable[str]) -> str:
    rows = [effect for request in requests for effect in effects[request]]
    if not rows:
        return "with no effect recorded"
    keyed = sum(effect.key is not None for effect in rows)
    return "without an idempotency key" if not keyed else f"with an idempotency key at {keyed} of {len(rows)} effects"


def _course(request: str, attempts: int, effects: Iterable[Effect]) -> str:
    rows = ", ".join(f"#{effect.sequence} {effect.type} by attempt {effect.attempt}" for effect in effects)
    return f"{request}, {attempts} attempts" + (f": {rows}" if rows else "")


def _hot(name: str, cell: _Cell) -> Iterator[Finding]:
    store = _by_key(cell.ops)
    workers = {op.worker for op in cell.ops}
    if len(workers) < 2 or store.total() < HOT_MIN:
        return
    key, count = store.most_common(1)[0]
    if count >= HOT_SHARE * store.total():
        status = Counter(op.status for op in cell.ops if op.kind == WRITE and op.key == key)
        what = f"{share(count, store.total())} of {store.total():,} store operations go to one key"
        refused = f"key {key}: {status['fail']:,} of {status.total():,} writes refused, by {len(workers)} workers"
        yield Finding("hot-key", PROBLEM, name, what, (refused,))
