"""The tables of a report: what stands in each cell, for whoever shows it.

Guarantees that a cell never says less than it knows: a count comes with what it is a share of, none seen with the rate
that is still possible, and what says nothing with the reason.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from stepwell.bench.catalog import FAULTS, MEASURES, STORE_KILL, STRATEGIES, WORKLOADS
from stepwell.bench.measures.statistics import at_most
from stepwell.bench.oracles.anomalies import Verdict
from stepwell.bench.oracles.outcome import Outcome
from stepwell.bench.report.data import Pace, Report, Rung, total

FOUND, NONE, INVALID, OVER, PLAIN = "found", "none", "invalid", "over", "plain"
"""How a cell is to be seen: an anomaly, none, says nothing, more than the budget allows, or just a figure."""

NOT_AS_EXPECTED = "not as expected"
STRATEGY = "strategy"


@dataclass(frozen=True, slots=True)
class Entry:
    """`text`, and what qualifies it. `surprises` when something else was expected."""

    text: str
    note: str = ""
    kind: str = PLAIN
    surprises: bool = False

    def __str__(self) -> str:
        return f"{self.text} ({self.note})" if self.note else self.text


DASH = Entry("–")
"""Not measured in this run."""


@dataclass(frozen=True, slots=True)
class Table:
    """`headings` begin with that of the rows' names."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Entry, ...]], ...]


def overview(report: Report) -> Table:
    """A row for each strategy, over all workloads and faults. A column of which nothing was measured is not there."""
    columns = {
        **{measure: _summing(measure) for measure in MEASURES},
        "conflicts": _conflicts,
        "recovery": _recovery,
        "latency": _latency,
        f"$ per million at {report.budget.requests_per_second:g}/s": _dollars,
        f"$ per million at {2 * report.budget.requests_per_second:g}/s": _dollars_doubled,
        "guard lines": _guards,
        "to operate": _operate,
    }
    filled = {heading: [column(report, name) for name in report.strategies] for heading, column in columns.items()}
    kept = {heading: entries for heading, entries in filled.items() if any(entry != DASH for entry in entries)}
    lines = zip(*kept.values(), strict=True)
    titles = [STRATEGIES[name].title for name in report.strategies]
    return Table("What was found", (STRATEGY, *kept), tuple(zip(titles, lines, strict=True)))


def matrices(report: Report) -> list[Table]:
    """For each workload: strategies by faults, and what broke; then what rising load did, where that was asked."""
    return [*(_matrix(report, workload) for workload in report.workloads), *_ladders(report), *_paces(report)]


def _matrix(report: Report, workload: str) -> Table:
    faults = report.faults(workload)
    rows = (
        (
            STRATEGIES[name].title,
            tuple(broken(report.select(workload=workload, strategy=name, fault=fault)) for fault in faults),
        )
        for name in report.strategies
        if report.select(workload=workload, strategy=name)
    )
    return Table(WORKLOADS[workload].title, (STRATEGY, *(FAULTS[fault].title for fault in faults)), tuple(rows))


def _ladders(report: Report) -> Iterator[Table]:
    """For each workload: goodput by clients on one key, as a multiple of the fewest', so that no local rate is told."""
    for workload in dict.fromkeys(each.workload for each in report.rungs):
        rungs = [each for each in report.rungs if each.workload == workload]
        many = sorted({each.clients for each in rungs})
        rows = []
        for name in dict.fromkeys(each.strategy for each in rungs):
            own = {each.clients: each for each in rungs if each.strategy == name}
            rows.append((STRATEGIES[name].title, tuple(_rung(own.get(each), own[min(own)]) for each in many)))
        title = f"{WORKLOADS[workload].title}: goodput with so many clients on one key, as a multiple of the first"
        yield Table(title, (STRATEGY, *map(str, many)), tuple(rows))


def _rung(rung: Rung | None, first: Rung) -> Entry:
    if rung is None or not first.goodput:
        return DASH
    notes = [f"{rung.refused} of {rung.writes} refused"] if rung.refused else []
    notes += [f"{rung.lost} of {rung.done} lost"] if rung.lost else []
    return Entry(f"{rung.goodput / first.goodput:.2f}", ", ".join(notes), FOUND if rung.lost else PLAIN)


def _paces(report: Report) -> Iterator[Table]:
    """For each workload: latency from when a request was due, as a multiple of the fastest strategy's median."""
    for workload in dict.fromkeys(each.workload for each in report.paces):
        paces = [each for each in report.paces if each.workload == workload and each.response_milliseconds]
        if not paces:
            continue
        least = min(each.response_milliseconds["p50"] for each in paces)
        rows = tuple((STRATEGIES[each.strategy].title, tuple(_pace(each, least))) for each in paces)
        title = f"{WORKLOADS[workload].title}: open loop of {paces[0].rate:g}/s, response times, the least is 1"
        yield Table(title, (STRATEGY, "p50", "p99", "max", "dropped"), rows)


def _pace(pace: Pace, least: float) -> Iterator[Entry]:
    for name in ("p50", "p99", "max"):
        if pace.invalid:
            yield Entry("INVALID", pace.invalid, INVALID)
        else:
            yield Entry(f"{pace.response_milliseconds[name] / least:.1f}")
    yield Entry(f"{pace.dropped} of {pace.planned}")


def entry(verdict: Verdict, *, surprises: bool = False) -> Entry:
    """`3 of 412`, `0 of 412 (at most 0.7 %)` or `INVALID (the reason)`."""
    if verdict.invalid:
        return Entry("INVALID", verdict.invalid, INVALID)
    if verdict.count:
        return Entry(f"{verdict.count} of {verdict.exposed}", "", FOUND, surprises)
    if not verdict.exposed:
        return Entry("INVALID", "nothing was exposed", INVALID)
    return Entry(
        f"0 of {verdict.exposed}", f"at most {percent(at_most(0, verdict.exposed))}", NONE, surprises
    )  # fmt: skip


def broken(outcomes: Sequence[Outcome]) -> Entry:
    """One cell and its repetitions: the measures in which something broke, or the least that is known of all three."""
    if not outcomes:
        return DASH
    verdicts, surprises = total(outcomes), any(each.disagreements for each in outcomes)
    found = [f"{measure} {entry(each)}" for measure, each in verdicts.items() if each.count and not each.invalid]
    if found:
        return Entry("; ".join(found), "", FOUND, surprises)
    invalid = next((each for each in verdicts.values() if each.invalid), None)
    return entry(invalid or min(verdicts.values(), key=lambda each: each.exposed), surprises=surprises)


def percent(rate: float) -> str:
    return f"{100 * rate:.1f} %" if rate < 0.1 else f"{100 * rate:.0f} %"


def dollars(amount: float) -> str:
    """To the cent, and to two digits where that would say nothing."""
    return f"${amount:,.2f}" if amount >= 0.1 else f"${amount:.2g}"


_Column = Callable[[Report, str], Entry]


def _summing(measure: str) -> _Column:
    def column(report: Report, strategy: str) -> Entry:
        outcomes = report.broken(strategy)
        if not outcomes:
            return DASH
        found = total(outcomes)[measure]
        silent = sum(each.verdicts[measure].invalid is not None for each in outcomes)
        said = entry(found, surprises=any(measure in each.disagreements for each in outcomes))
        return Entry(said.text, f"and {silent} INVALID", said.kind, said.surprises) if found.count and silent else said

    return column


def _conflicts(report: Report, strategy: str) -> Entry:
    outcomes = [each for each in report.broken(strategy) if not each.invalid]
    writes = sum(each.writes for each in outcomes)
    return Entry(f"{sum(each.refused for each in outcomes)} of {writes}") if writes else DASH


def _recovery(report: Report, strategy: str) -> Entry:
    """Over the workloads: the share of all, and the longest time."""
    outcomes = report.select(strategy=strategy, fault=STORE_KILL)
    found = [each.recovery for each in outcomes if each.recovery]
    reason = next((each.invalid for each in outcomes if each.invalid), None)
    if reason:
        return Entry("INVALID", reason, INVALID)
    acknowledged, seconds = sum(each.acknowledged for each in found), [each.seconds for each in found]
    if not acknowledged:
        return DASH
    survived = sum(each.survived for each in found)
    known = [each for each in seconds if each is not None]
    took = f"{max(known):.1f} s" if len(known) == len(seconds) else "no return seen"
    return Entry(_rounded_down(survived, acknowledged), took, FOUND if survived < acknowledged else NONE)


def _rounded_down(part: int, whole: int) -> str:
    """So that 100 % is said of all alone."""
    return f"{100 * part // whole} %"


def _latency(report: Report, strategy: str) -> Entry:
    profile, budget = report.profile(strategy), report.budget.latency_milliseconds
    if not profile:
        return DASH
    return _against(f"{profile.latency_milliseconds:.0f} of {budget:.0f} ms", profile.latency_milliseconds > budget)


def _dollars(report: Report, strategy: str) -> Entry:
    profile = report.profile(strategy)
    return _priced(report, profile.dollars, profile.unverified) if profile else DASH


def _dollars_doubled(report: Report, strategy: str) -> Entry:
    profile = report.profile(strategy)
    return _priced(report, profile.dollars_doubled, profile.unverified) if profile else DASH


def _priced(report: Report, amount: float, unverified: Sequence[str]) -> Entry:
    said = _against(dollars(amount), amount > report.budget.dollars_per_million)
    notes = [note for note in (said.note, "unverified" if unverified else "") if note]
    return Entry(said.text, ", ".join(notes), said.kind)


def _against(text: str, over: bool) -> Entry:
    return Entry(text, "over budget", OVER) if over else Entry(text)


def _guards(report: Report, strategy: str) -> Entry:
    guards = [each for each in report.guards if each.strategy == strategy]
    if not any(each.tried for each in guards):
        return DASH
    untried = sum(each.lines for each in guards if not each.tried)
    bearing = sum(each.lines for each in guards if each.caught_by)
    return Entry(f"{bearing} of {sum(each.lines for each in guards)}", f"{untried} not tried" if untried else "")


def _operate(report: Report, strategy: str) -> Entry:
    return Entry(str(len(STRATEGIES[strategy].operate)))
