"""Two runs side by side: which cells say something else, and which only seem to.

Guarantees that a difference is claimed only where the intervals of both rates lie apart. That is stricter than a test
of the difference: two of 95 % that just meet differ at a level of about 1 %. With some hundred cells one or two may
still lie apart by chance.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from stepwell.bench.catalog import FAULTS, MEASURES, STRATEGIES
from stepwell.bench.measures.statistics import interval
from stepwell.bench.oracles.anomalies import Verdict
from stepwell.bench.report.data import Report, total
from stepwell.bench.report.rows import Entry, Table, dollars, entry

_SAME = 0.005
"""Counted calls are exact; what is below this share of a figure is rounding."""

_Place = tuple[str, str, str]


class Incomparable(Exception):
    """The two say nothing about each other; the text says why."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """`differing` has a row for each cell that differs, `same` counts the others, and `notes` say what may be why."""

    differing: Table
    same: int
    notes: tuple[str, ...]


def compare(before: Report, after: Report) -> Comparison:
    """Raises `Incomparable`."""
    if (before.run, before.started_at) == (after.run, after.started_at):
        raise Incomparable(f"both are the run {before.run}: name two runs")
    places = _places(before) & _places(after)
    if not places:
        raise Incomparable(
            f"they have no cell in common: {before.run} has {_contents(before)}; {after.run} has {_contents(after)}"
        )
    cells = [row for place in sorted(places) for row in _rates(before, after, place)]
    rows = [row for row in cells if row is not None]
    headings = ("cell", before.run, after.run)
    table = Table("What differs", headings, (*rows, *_takes(before, after)))
    return Comparison(table, len(cells) - len(rows), tuple(_notes(before, after)))


def _places(report: Report) -> set[_Place]:
    return {(each.workload, each.strategy, each.fault) for each in report.select()}


def _contents(report: Report) -> str:
    faults = {fault for workload in report.workloads for fault in report.faults(workload)}
    return f"{', '.join(report.workloads)} under {', '.join(report.strategies)} with {', '.join(sorted(faults))}"


def _rates(before: Report, after: Report, place: _Place) -> Iterator[tuple[str, tuple[Entry, ...]] | None]:
    """Of each measure: a row, or None for the same."""
    workload, strategy, fault = place
    one, other = (total(report.select(workload=workload, strategy=strategy, fault=fault)) for report in (before, after))
    title = f"{STRATEGIES[strategy].title} ({workload}, {FAULTS[fault].title})"
    for measure in MEASURES:
        pair = (one[measure], other[measure])
        yield (f"{title}: {measure}", tuple(entry(each) for each in pair)) if differ(*pair) else None


def differ(one: Verdict, other: Verdict) -> bool:
    """Whether one says nothing and the other does, or their intervals lie apart."""
    if one.invalid or other.invalid:
        return bool(one.invalid) != bool(other.invalid)
    (low, high), (other_low, other_high) = (interval(each.count, each.exposed) for each in (one, other))
    return high < other_low or other_high < low


def _takes(before: Report, after: Report) -> Iterator[tuple[str, tuple[Entry, ...]]]:
    """Latency and cost, which are counted and not sampled."""
    others = {(each.workload, each.strategy): each for each in after.profiles}
    for one in before.profiles:
        other = others.get((one.workload, one.strategy))
        if not other:
            continue
        title = f"{STRATEGIES[one.strategy].title} ({one.workload})"
        if _moved(one.latency_milliseconds, other.latency_milliseconds):
            pair = (one.latency_milliseconds, other.latency_milliseconds)
            yield f"{title}: latency", tuple(Entry(f"{each:.0f} ms") for each in pair)
        if before.budget.requests_per_second == after.budget.requests_per_second and _moved(one.dollars, other.dollars):
            yield f"{title}: $ per million", tuple(Entry(dollars(each)) for each in (one.dollars, other.dollars))


def _moved(one: float, other: float) -> bool:
    return abs(one - other) > _SAME * max(one, other)


def _notes(before: Report, after: Report) -> Iterator[str]:
    """What else is different, and may be the reason."""
    for report, other in ((before, after), (after, before)):
        if alone := len(_places(report) - _places(other)):
            yield f"Only {report.run} has {alone} more cells, which are not compared."
    if before.budget != after.budget:
        yield "Their budgets differ."
    for name in ("machine", "versions"):
        one, other = getattr(before, name), getattr(after, name)
        changed = [f"{key} {one.get(key, 'none')} and {other.get(key, 'none')}" for key in sorted({*one, *other})
                   if one.get(key) != other.get(key)]  # fmt: skip
        if changed:
            yield f"They ran on different {name}: {', '.join(changed)}."
