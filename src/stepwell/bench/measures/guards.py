"""How much of a strategy's code protects its state: guard code is taken out piece by piece, and must be missed.

Between `# guard: NAME` and `# end guard` stand lines whose deletion leaves a strategy that still runs. A guard counts
as load-bearing only if the oracle then finds an anomaly that it does not find with the guard.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from stepwell.bench.catalog import (
    CHARGE,
    COUNTER,
    CRASH,
    DUPLICATE,
    HOT_KEY,
    ORDER,
    RESPONSE_LOST,
    STRATEGIES,
    ZOMBIE,
)
from stepwell.bench.oracles.outcome import Outcome
from stepwell.bench.plan import Cell, variant_name
from stepwell.bench.report.data import Guard

_FOLDER = Path(__file__).parents[1] / "worker" / "strategies"
_GUARD = re.compile(r"^[ \t]*(?:#|--) guard: (\S+)\n(.*?)^[ \t]*(?:#|--) end guard\n", re.MULTILINE | re.DOTALL)
_PACKAGE = "stepwell.bench.worker.strategies"

_EXPOSING = {
    "claim": ((ORDER, DUPLICATE), (CHARGE, DUPLICATE)),
    "version": ((COUNTER, HOT_KEY),),
    "seen": ((COUNTER, CRASH), (COUNTER, RESPONSE_LOST), (COUNTER, DUPLICATE)),
    "done": ((ORDER, RESPONSE_LOST), (ORDER, CRASH)),
    "idempotency-key": ((ORDER, CRASH), (CHARGE, CRASH)),
    "owner": ((COUNTER, ZOMBIE), (CHARGE, ZOMBIE)),
    "fence": ((COUNTER, ZOMBIE),),
    "lease": ((COUNTER, HOT_KEY),),
    "lock": ((COUNTER, HOT_KEY),),
    "first": ((COUNTER, HOT_KEY),),
    "next": ((COUNTER, HOT_KEY),),
    "number": ((COUNTER, HOT_KEY),),
    "mark": ((COUNTER, DUPLICATE), (COUNTER, CRASH)),
    "request-id": ((CHARGE, DUPLICATE), (COUNTER, DUPLICATE)),
    "take": ((CHARGE, DUPLICATE),),
}
"""Guard to the (workload, fault) that it is there for. One that is not here is tried by no run and says so."""


@dataclass(frozen=True, slots=True)
class Marked:
    """One guard of a module: its own, or one that stands in a function which it takes `of` another."""

    module: str
    name: str
    lines: int
    of: str
    without: str

    @property
    def variant(self) -> str:
        return variant_name(self.module, self.name)


@cache
def marked(module: str) -> tuple[Marked, ...]:
    """The guards that protect a strategy with this module; `without` is the source of the module that has them."""
    taken = (guard for base, names in _taken(module) for guard in _own(module, base, names))
    return (*_own(module, module, None), *taken)


def variants(cells: Iterable[Cell]) -> dict[str, str]:
    """The modules without guards that these cells need, name to source."""
    sources: dict[str, str] = {}
    for cell in cells:
        module = STRATEGIES[cell.strategy].module
        for guard in marked(module):
            if guard.name == cell.without:
                sources[variant_name(guard.of, guard.name)] = guard.without
                if guard.of != module:
                    sources[guard.variant] = _source(module).replace(
                        f"{_PACKAGE}.{_file(guard.of)} import",
                        f"{_PACKAGE}.{_file(variant_name(guard.of, guard.name))} import",
                    )
    return sources


def without_guards(cells: Sequence[Cell]) -> tuple[Cell, ...]:
    """For each guard of the strategies, one of the cells that it is there for, without it."""
    found: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        for guard in marked(STRATEGIES[cell.strategy].module):
            place = (cell.workload, cell.fault)
            if place in _EXPOSING.get(guard.name, ()) and not cell.without:
                found.setdefault((cell.strategy, guard.name), []).append(replace(cell, without=guard.name))
    return tuple(min(places, key=_rank) for places in found.values())


def _rank(cell: Cell) -> int:
    return _EXPOSING[str(cell.without)].index((cell.workload, cell.fault))


def judged(outcomes: Sequence[Outcome]) -> tuple[Guard, ...]:
    """Of each guard, where it was missed: the first cell that broke without it and not with it."""
    strategies = dict.fromkeys(each.strategy for each in outcomes)
    return tuple(
        _judged(strategy, guard, outcomes) for strategy in strategies for guard in marked(STRATEGIES[strategy].module)
    )


def _judged(strategy: str, guard: Marked, outcomes: Sequence[Outcome]) -> Guard:
    own = [each for each in outcomes if each.strategy == strategy and not each.invalid]
    intact = {(each.workload, each.fault): set(each.found) for each in own if not each.without}
    tried = [each for each in own if each.without == guard.name and (each.workload, each.fault) in intact]
    missed = [each for each in tried if set(each.found) - intact[each.workload, each.fault]]
    return Guard(
        strategy=strategy, name=guard.name, lines=guard.lines, tried=bool(tried),
        caught_by=f"{missed[0].workload}, {missed[0].fault}" if missed else None,
    )  # fmt: skip


def _own(module: str, base: str, names: set[str] | None) -> Iterator[Marked]:
    """The guards in the source of `base`; those in its functions only where they are among `names`."""
    source = _source(base)
    body = ast.parse(source).body
    for found in _GUARD.finditer(source):
        line = source.count("\n", 0, found.start()) + 1
        around = next(node for node in body if node.lineno <= line <= (node.end_lineno or 0))
        if names is None or _reached(around, names, body):
            without = source[: found.start()] + source[found.end() :]
            yield Marked(module, found[1], _lines(found[2]), base, without)


def _reached(node: ast.stmt, names: set[str], body: Sequence[ast.stmt]) -> bool:
    """Whether it is one of these functions, or a constant, as a script is, that one of them uses."""
    if isinstance(node, ast.FunctionDef):
        return node.name in names
    constants = {target.id for target in getattr(node, "targets", []) if isinstance(target, ast.Name)}
    functions = [each for each in body if isinstance(each, ast.FunctionDef) and each.name in names]
    return any(isinstance(each, ast.Name) and each.id in constants for each in _walk(functions))


def _walk(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    for node in nodes:
        yield from ast.walk(node)


def _taken(module: str) -> Iterator[tuple[str, set[str]]]:
    """The strategies that a module takes functions of, with their names."""
    for node in ast.parse(_source(module)).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{_PACKAGE}."):
            yield (node.module or "").rpartition(".")[2].replace("_", "-"), {alias.name for alias in node.names}


def _source(module: str) -> str:
    return (_FOLDER / f"{_file(module)}.py").read_text("utf-8")


def _file(module: str) -> str:
    return module.replace("-", "_")


def _lines(code: str) -> int:
    return sum(1 for line in code.splitlines() if line.strip() and not line.strip().startswith(("#", "--")))
