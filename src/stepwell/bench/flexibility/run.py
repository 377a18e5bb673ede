"""The change test itself: each strategy before and after each change, in calm, delivered twice, and delivered again."""

import itertools
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from stepwell.bench import catalog
from stepwell.bench.flexibility.bed import Bed, bed
from stepwell.bench.flexibility.changes import BRANCH, CHANGES, FAN_OUT, ORDER, QUEUE, WAYS, WRITER, Size, size
from stepwell.bench.flexibility.deliver import Deliveries, Order
from stepwell.bench.flexibility.verify import Evidence, calls, judge, records
from stepwell.bench.history import Op
from stepwell.bench.oracles import anomalies
from stepwell.bench.oracles.anomalies import Verdict
from stepwell.bench.parts.workplace import OPS, machine, workplace
from stepwell.bench.worker import faults

CALM, TWICE, AGAIN = "calm", "twice", "again"
CONDITIONS = {
    CALM: "nothing is broken",
    TWICE: "the order is delivered twice at once",
    AGAIN: "the worker dies before the step, or when it has done it and has not said so, and it is delivered again",
}
_FAULTS = {CALM: catalog.CALM, TWICE: catalog.DUPLICATE, AGAIN: catalog.CRASH}

_ORDERS = {CALM: 6, TWICE: 6, AGAIN: 4}
"""Of each cell."""

_CLIENTS = {CALM: 4, TWICE: 2, AGAIN: 4}
"""Orders at once. Each has one worker and, fanned out by a function, one more for each of its lines."""

_WORKERS = 12
_AMOUNTS = (100, 5000)
_LINES = (3, 1, 3)
_STARTING_SECONDS = 10.0
_SECONDS = {CALM: 10.0, TWICE: 20.0, AGAIN: 35.0}
"""About, for whoever waits."""

Notify = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Cell:
    """A version under a strategy and a condition; `step` is the one that is delivered again."""

    strategy: str
    version: str
    condition: str
    step: str = ""

    @property
    def run(self) -> str:
        return "-".join(part for part in (self.version, self.strategy, self.condition, self.step) if part)

    @property
    def before(self) -> "Cell":
        """The same of the order as it was: of its step that is of the same kind, one with an effect or a change."""
        step = self.step and ("charge" if self.version == BRANCH else "reserve")
        return replace(self, version=ORDER, step=step)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a cell came to. `calls` are the workers' operations for an order."""

    verdicts: Mapping[str, Verdict]
    calls: float

    @property
    def invalid(self) -> str | None:
        return next((each.invalid for each in self.verdicts.values() if each.invalid), None)

    @property
    def found(self) -> dict[str, Verdict]:
        return {measure: each for measure, each in self.verdicts.items() if each.count}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One change under one strategy: its size, and what came of each cell of it and of the same before the change."""

    strategy: str
    change: str
    size: Size
    after: Mapping[Cell, Outcome]
    before: Mapping[Cell, Outcome]

    @property
    def invalid(self) -> str | None:
        """Why this says nothing: a cell that does not, or a version that does not even work in calm."""
        for cell, outcome in (*self.after.items(), *self.before.items()):
            if outcome.invalid:
                return f"{cell.run}: {outcome.invalid}"
            if cell.condition == CALM and outcome.found:
                return f"{cell.run}: {_said(outcome.found)}, with nothing broken"
        return None

    @property
    def weaker(self) -> list[str]:
        """What breaks after the change and could not before."""
        return [
            f"{cell.run}: {measure} {verdict.count} of {verdict.exposed}"
            for cell, outcome in self.after.items()
            for measure, verdict in outcome.found.items()
            if measure not in self.before[cell.before].found
            and measure not in catalog.possible(catalog.ORDER, self.strategy, _FAULTS[cell.condition])
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The results, when and on what they came about."""

    started_at: str
    seconds: float
    machine: str
    versions: dict[str, str]
    results: tuple[Result, ...]

    @property
    def sound(self) -> bool:
        """Whether every change was made without losing protection, and is known to have been."""
        return not any(result.invalid or result.weaker for result in self.results)


def run(strategies: Sequence[str], notify: Notify) -> Run:
    """Runs and judges. `notify(phase, seconds_left)` is called as each phase begins.

    Raises `BackEndFailed` when a part does not start, and what boto3 raises when one breaks down.
    """
    started, begun = datetime.now(UTC), time.monotonic()
    notify("starting Stepwell, DynamoDB, SQS, Valkey and the payment provider", _left(CONDITIONS) + _STARTING_SECONDS)
    with workplace() as work, bed(work, work / OPS, _WORKERS) as on:
        outcomes = _outcomes(on, _cells(strategies), notify)
        versions = on.back_ends.versions
    return Run(
        started_at=started.isoformat(timespec="seconds"), seconds=time.monotonic() - begun,
        machine=", ".join(machine().values()),
        versions=versions,
        results=tuple(_result(outcomes, strategy, change) for strategy in strategies for change in CHANGES),
    )  # fmt: skip


def _left(conditions: Iterable[str]) -> float:
    return sum(_SECONDS[condition] for condition in conditions)


def _cells(strategies: Sequence[str]) -> list[Cell]:
    """All of them; a step is delivered again where a change has put one, and where there was one of its kind before."""
    cells = []
    for strategy, version in itertools.product(strategies, (ORDER, *CHANGES)):
        counted = ["arrive"] if WAYS[strategy] in (WRITER, QUEUE) else []
        steps = {ORDER: ["charge", "reserve"], BRANCH: ["review"], FAN_OUT: ["reserve-line", *counted]}[version]
        cells += [Cell(strategy, version, condition) for condition in (CALM, TWICE)]
        cells += [Cell(strategy, version, AGAIN, step) for step in steps]
    return cells


def _outcomes(on: Bed, cells: Sequence[Cell], notify: Notify) -> dict[Cell, Outcome]:
    deliveries, orders, chance = Deliveries(on), dict[Cell, list[Order]](), random.Random(0)
    with deliveries.polled():
        for number, condition in enumerate(CONDITIONS):
            notify(CONDITIONS[condition], _left(list(CONDITIONS)[number:]))
            chosen = [cell for cell in cells if cell.condition == condition]
            ops = on.history()
            orders |= {cell: _orders(cell, orders, ops) for cell in chosen}
            mixed = [order for cell in chosen for order in orders[cell]]
            chance.shuffle(mixed)
            with ThreadPoolExecutor(_CLIENTS[condition]) as pool:
                list(pool.map(deliveries.perform, mixed))
        on.quiet()
        finals = {cell: _finals(on, cell, orders[cell]) for cell in cells}
    ops = [*on.history(), *deliveries.history]
    return {cell: _outcome(on, cell, orders[cell], ops, finals[cell]) for cell in cells}


def _orders(cell: Cell, done: Mapping[Cell, Sequence[Order]], ops: Sequence[Op]) -> list[Order]:
    """The first half of those that are struck after the step, the others before it."""
    count = _ORDERS[cell.condition]
    if cell.condition != AGAIN:
        return [_order(cell, number, None) for number in range(count)]
    last = _operations(cell.step, done[replace(cell, condition=CALM, step="")], ops)
    strike = {"name": faults.CRASH, "step": cell.step}
    return [_order(cell, number, strike | {"number": last if number < count / 2 else 0}) for number in range(count)]


def _operations(step: str, calm: Sequence[Order], ops: Sequence[Op]) -> int:
    """How many the step has in one invocation, from orders that take it once."""
    single = [order.request for order in calm if len(records(order)) == 1]
    return max(sum(op.request == request and op.step == step for op in ops) for request in single)


def _order(cell: Cell, number: int, fault: Mapping[str, object] | None) -> Order:
    """What is reviewed is above the limit; other orders are so in turn. The lines of an order differ in number."""
    request = f"{cell.run}-{number}"
    amount = _AMOUNTS[-1] if cell.step == "review" else _AMOUNTS[number % len(_AMOUNTS)]
    state: dict[str, object] = {"amount": amount, "record": f"{request}/1"}
    if cell.version == FAN_OUT:
        state["lines"] = [f"{request}/{line + 1}" for line in range(_LINES[number % len(_LINES)])]
    return Order(
        run=cell.run, request=request, strategy=cell.strategy, version=cell.version, state=state,
        copies=2 if cell.condition == TWICE else 1, fault=fault,
    )  # fmt: skip


def _finals(on: Bed, cell: Cell, orders: Sequence[Order]) -> dict[str, int]:
    names = [record for order in orders for record in records(order)]
    found = on.inspect(cell.run, cell.strategy, names)
    return {name: int(record["value"]) for name, record in found.items()}


def _outcome(on: Bed, cell: Cell, orders: Sequence[Order], ops: Sequence[Op], finals: Mapping[str, int]) -> Outcome:
    requests = {order.request for order in orders}
    own = sorted((op for op in ops if op.request in requests), key=lambda op: op.invoked_at)
    effects = [effect for effect in on.effects() if effect.request in requests]
    exposed = {
        CALM: requests, TWICE: anomalies.delivered_at_once(own),
        AGAIN: {fired.request for fired in on.fired() if fired.request in requests},
    }[cell.condition]  # fmt: skip
    found = judge(Evidence(orders, own, effects, finals), exposed)
    return Outcome(
        {measure: anomalies.requiring(each, len(exposed)) for measure, each in found.items()}, calls(own, requests)
    )


def _result(outcomes: Mapping[Cell, Outcome], strategy: str, change: str) -> Result:
    own = {cell: outcome for cell, outcome in outcomes.items() if cell.strategy == strategy}
    after = {cell: outcome for cell, outcome in own.items() if cell.version == change}
    before = {cell.before: own[cell.before] for cell in after}
    return Result(strategy=strategy, change=change, size=size(strategy, change), after=after, before=before)


def _said(found: Mapping[str, Verdict]) -> str:
    return " and ".join(f"{measure} {each.count} of {each.exposed}" for measure, each in found.items())
