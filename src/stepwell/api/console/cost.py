"""What an execution, a state machine and the last day would cost on AWS, by the dated price file."""

import time
from functools import lru_cache

from stepwell.api.console.charges import Charges, charges
from stepwell.api.console.endpoint import Console, HoursQuery, Query, Read
from stepwell.api.console.listing import Nothing
from stepwell.api.console.shapes import Shape
from stepwell.api.executions import find_execution
from stepwell.engine.arns import STATE_MACHINE, parse_arn
from stepwell.engine.catalog import StateMachine
from stepwell.pricing.bill import (
    EXPRESS_GB_SECOND,
    EXPRESS_REQUEST,
    FUNCTION_GB_SECOND,
    FUNCTION_REQUEST,
    TRANSITION,
    Quantities,
    bill,
)
from stepwell.pricing.prices import Prices, load_prices

READ_SECONDS = 1.0
"""How long the executions of one reply are read."""

EXECUTIONS_SAMPLED = 100
DAY_SAMPLED = 20
"""Of each state machine, the latest first."""

DAY_HOURS = 24.0
ITEMS = (TRANSITION, EXPRESS_REQUEST, EXPRESS_GB_SECOND, FUNCTION_REQUEST, FUNCTION_GB_SECOND)


class UnitPrice(Shape):
    """`dollars` for `per` units. `dated` is when the source had it, and `verified` whether that was checked."""

    item: str
    unit: str
    dollars: float
    per: float
    verified: bool
    source: str
    dated: str | None = None


class PriceList(Shape):
    """The prices that a reply rests on, of one Region, as of `date`."""

    region: str
    date: str
    items: list[UnitPrice]


class CostLine(Shape):
    """So much of one item of the price list, and what it comes to."""

    item: str
    quantity: float
    dollars: float


class Cost(Shape):
    """What `executions` cost, extrapolated from those `sampled`. `estimated` of the `invocations` had no REPORT line
    that was read.

    `states` are the executions as they ran, with the `children` of their Map Runs and without `nested` executions;
    `express` is instead of `states`, null where `not_express` says why they could not be Express.
    """

    executions: int
    sampled: int
    states: list[CostLine]
    functions: list[CostLine]
    express: list[CostLine] | None = None
    not_express: str | None = None
    children: float = 0
    nested: float = 0
    invocations: float = 0
    estimated: float = 0


class ExecutionCost(Shape):
    """One execution up to now."""

    prices: PriceList
    cost: Cost


class MachineCost(Shape):
    """A state machine's executions that were started in the time looked at. Those of Express machines are not kept."""

    state_machine_arn: str
    name: str
    type: str
    cost: Cost


class MachineCosts(Shape):
    """The last `hours`, by state machine, the dearest first."""

    prices: PriceList
    hours: float
    machines: list[MachineCost]


class ExecutionCostQuery(Query):
    """An execution's ARN."""

    arn: str


class MachineCostQuery(HoursQuery, kw_only=True):
    """`arn` is a state machine's."""

    arn: str


async def _execution(console: Console, query: ExecutionCostQuery) -> ExecutionCost:
    row = await find_execution(console.service, {"executionArn": query.arn})
    found = await charges(console, [row], 1, time.monotonic() + READ_SECONDS)
    return ExecutionCost(prices=_price_list(), cost=_cost(found))


async def _machine(console: Console, query: MachineCostQuery) -> MachineCosts:
    machine, _, _ = await console.service.versions.described(parse_arn(query.arn, STATE_MACHINE))
    return await _costs(console, [machine], query.hours, EXECUTIONS_SAMPLED)


async def _day(console: Console, query: Nothing) -> MachineCosts:
    machines = await console.service.catalog.all_state_machines()
    return await _costs(console, machines, DAY_HOURS, DAY_SAMPLED)


async def _costs(console: Console, machines: list[StateMachine], hours: float, sample: int) -> MachineCosts:
    since = console.service.engine.clock.now() - hours * 3600
    counts: dict[str, int] = {}
    for tally in await console.service.engine.store.tally(since=since, bucket_seconds=hours * 3600):
        if tally.bucket >= 0:
            counts[tally.state_machine] = counts.get(tally.state_machine, 0) + tally.executions
    begun = time.monotonic()
    costs = [
        await _machine_cost(
            console, machine, counts.get(machine.arn, 0), since, sample, begun + READ_SECONDS * number / len(machines)
        )
        for number, machine in enumerate(machines, 1)
    ]
    costs.sort(key=lambda each: -sum(line.dollars for line in (*each.cost.states, *each.cost.functions)))
    return MachineCosts(prices=_price_list(), hours=hours, machines=costs)


async def _machine_cost(
    console: Console, machine: StateMachine, executions: int, since: float, sample: int, until: float
) -> MachineCost:
    rows = await console.service.engine.executions(through=machine.arn, limit=sample) if executions else []
    found = await charges(console, [row for row in rows if row.started_at >= since], executions, until)
    return MachineCost(state_machine_arn=machine.arn, name=machine.name, type=machine.type, cost=_cost(found))


def _cost(found: Charges) -> Cost:
    possible = found.not_express is None and found.sampled
    return Cost(
        executions=found.executions, sampled=found.sampled, states=_lines(found.states),
        functions=_lines(found.functions), express=_lines(found.express) if possible else None,
        not_express=found.not_express, children=found.children, nested=found.nested,
        invocations=found.invocations, estimated=found.estimated,
    )  # fmt: skip


def _lines(quantities: Quantities) -> list[CostLine]:
    return [CostLine(line.item, line.quantity, line.dollars) for line in bill(quantities, _prices())]


def _price_list() -> PriceList:
    prices = _prices()
    items = [
        UnitPrice(
            item=name, unit=price.unit, dollars=price.dollars, per=price.per, verified=price.verified,
            source=price.source, dated=price.dated,
        )
        for name, price in prices.items.items() if name in ITEMS
    ]  # fmt: skip
    return PriceList(region=prices.region, date=prices.date, items=items)


@lru_cache(maxsize=1)
def _prices() -> Prices:
    return load_prices()


READS = {
    "cost/execution": Read(ExecutionCostQuery, ExecutionCost, _execution),
    "cost/machine": Read(MachineCostQuery, MachineCosts, _machine),
    "cost/day": Read(Nothing, MachineCosts, _day),
}
