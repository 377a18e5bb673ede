"""What one undisturbed request takes under a strategy: its calls, what they would cost and take."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from stepwell.bench.catalog import CALM
from stepwell.bench.history import Op
from stepwell.bench.measures.cost import Bill, bill, meter
from stepwell.bench.measures.latency_budget import Profile as RoundTrips
from stepwell.bench.measures.latency_budget import load_profile, typical
from stepwell.bench.oracles import anomalies
from stepwell.bench.plan import Cell
from stepwell.bench.report.data import Budget, Profile
from stepwell.bench.worker.call import INSPECT
from stepwell.pricing.prices import Prices, load_prices

_CURVE_LOADS = tuple(10 ** (exponent / 4) for exponent in range(-4, 13))
"""Requests per second, from one in ten seconds to a thousand."""


def profiles(
    cells: Sequence[Cell],
    histories: Mapping[Cell, Sequence[Op]],
    budget: Budget,
    prices: Path | None = None,
    round_trips: Path | None = None,
) -> tuple[Profile, ...]:
    """Of each cell in which nothing was broken. Raises `UnusableSettings` for a file that cannot be used."""
    priced, trips = load_prices(prices), load_profile(round_trips)
    calm = [cell for cell in cells if cell.fault == CALM]
    found = (_profile(cell, histories[cell], budget, priced, trips) for cell in calm)
    return tuple(each for each in found if each)


def _profile(
    cell: Cell, history: Iterable[Op], budget: Budget, prices: Prices, round_trips: RoundTrips
) -> Profile | None:
    """None where no request was done correctly, because there is nothing that its cost could be shared out to."""
    ops = [op for op in history if op.step != INSPECT]
    done = len(anomalies.acknowledged(ops))
    if not done:
        return None
    usual, billed = typical(ops, round_trips), bill(meter(ops, round_trips), done, prices)
    load = budget.requests_per_second
    cost = billed.at(load)
    calls = Counter[str]()
    for op in ops:
        calls[op.call] += op.count
    return Profile(
        workload=cell.workload, strategy=cell.strategy,
        calls={call: count / done for call, count in sorted(calls.items()) if call},
        latency_milliseconds=usual.milliseconds,
        latency_parts={part.service: part.milliseconds for part in usual.parts},
        dollars=cost.dollars, dollars_doubled=billed.at(2 * load).dollars,
        dollars_parts={line.item: line.dollars for line in cost.lines},
        curve=_curve(billed), unverified=cost.unverified,
    )  # fmt: skip


def _curve(billed: Bill) -> tuple[tuple[float, float], ...]:
    return tuple((load, billed.at(load).dollars) for load in _CURVE_LOADS)
