"""The report as data and in words: what was found, what was expected before, and what follows.

How it looks is the business of `screen`, `html` and `markdown`; what it says is said here, once.
"""

from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from stepwell.bench.certify import Certificate, Trial
from stepwell.bench.oracles import Verdict, Witness
from stepwell.bench.statistics import CONFIDENCE, at_most, interval

DELIVERED_TWICE, WORKER_DIED, HOT_KEY = "delivered-twice", "worker-died", "hot-key"
NEVER_CHARGED, STUCK = "never-charged", "stuck"
MEASURES = (DELIVERED_TWICE, WORKER_DIED, HOT_KEY, NEVER_CHARGED, STUCK)

HEADINGS = {
    DELIVERED_TWICE: "charged twice,\ndelivered twice",
    WORKER_DIED: "charged twice,\nworker died",
    HOT_KEY: "updates lost,\none key",
    NEVER_CHARGED: "never\ncharged",
    STUCK: "stuck",
}
"""What stands over the column of a measure; the line may be broken where it is."""

REFUSED = "writes\nrefused"
NOT_AS_EXPECTED = "not as expected"
WITNESSES, OTHERWISE, FOLLOWS, BACK_ENDS = "Witnesses", "Found otherwise than expected", "What follows", "Back ends"
EVIDENCE = "This is evidence about these back ends on this machine, not about AWS."

BLIND, CONDITIONAL, ORCHESTRATION, KEYED = "blind", "conditional", "orchestration", "orchestration-key"
TITLES = {
    BLIND: "blind writes",
    CONDITIONAL: "conditional writes",
    ORCHESTRATION: "orchestration on Stepwell",
    KEYED: "orchestration + idempotency key",
}

ORCHESTRATED = frozenset({ORCHESTRATION, KEYED})
"""The strategies that rest on Stepwell keeping state, and not on its functions alone."""

EXPECTED = {
    BLIND: {DELIVERED_TWICE, WORKER_DIED, HOT_KEY},
    CONDITIONAL: {WORKER_DIED},
    ORCHESTRATION: {WORKER_DIED},
    KEYED: set[str](),
}
"""Where an anomaly was expected before anything was run; in all other cells, none."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One verdict. `fired` is how often its fault struck; `expected` whether an anomaly was expected."""

    verdict: Verdict
    fired: int
    expected: bool

    @property
    def disagrees(self) -> bool:
        return self.verdict.invalid is None and (self.verdict.count > 0) != self.expected

    def text(self) -> str:
        """`3 of 412`, `0 of 412 (at most 0.7 %)` or `INVALID (the reason)`."""
        verdict = self.verdict
        if verdict.invalid:
            return f"INVALID ({verdict.invalid})"
        if verdict.count:
            return f"{verdict.count} of {verdict.exposed}"
        return f"0 of {verdict.exposed} (at most {_percent(at_most(0, verdict.exposed))})"

    @property
    def interval(self) -> tuple[float, float]:
        """What the rate is with 95 % confidence, from 0 to 1."""
        return interval(self.verdict.count, self.verdict.exposed)

    def basis(self) -> str:
        """What the text rests on, in words: the interval, how often the fault struck, what was expected."""
        low, high = (_percent(bound) for bound in self.interval)
        rate = "" if self.verdict.invalid else f"{100 * CONFIDENCE:.0f} % interval {low} to {high}; "
        times = "once" if self.fired == 1 else f"{self.fired} times"
        return f"{rate}fault fired {times}; {'an anomaly' if self.expected else 'none'} was expected"


@dataclass(frozen=True, slots=True)
class Row:
    """One strategy. `refused` of `writes` on the hot key failed their condition: the price of being safe there."""

    strategy: str
    cells: dict[str, Cell]
    refused: int
    writes: int

    @property
    def title(self) -> str:
        return TITLES[self.strategy]

    @property
    def refusals(self) -> str:
        return f"{self.refused} of {self.writes}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A finished run. Times are seconds; `started_at` is ISO 8601; `machine` and `versions` say what it ran on."""

    run: str
    seed: int
    started_at: str
    seconds: float
    clients: int
    machine: dict[str, str]
    versions: dict[str, str]
    certificates: tuple[Certificate, ...]
    rows: tuple[Row, ...]

    @property
    def valid(self) -> bool:
        """Whether every cell says something and every back end was certified."""
        cells = [cell for row in self.rows for cell in row.cells.values()]
        return not any(cell.verdict.invalid for cell in cells) and not any(each.failure for each in self.certificates)

    def cell(self, strategy: str, measure: str) -> Cell:
        return next(row for row in self.rows if row.strategy == strategy).cells[measure]


def summary(report: Report) -> str:
    return f"Run {report.run}, {report.seconds:.0f} s, {report.clients} clients at once"


def again(report: Report) -> str:
    """The command that repeats this run's choices."""
    return f"stepwell bench quick --seed {report.seed}"


def sections(report: Report) -> dict[str, list[str]]:
    """What is said below the table: titles and lines, in their order; none without lines."""
    said = {
        WITNESSES: [f"{title}: {witness.text}." for title, witness in witnesses(report)],
        OTHERWISE: disagreements(report),
        FOLLOWS: conclusions(report),
        BACK_ENDS: back_ends(report),
    }
    return {title: lines for title, lines in said.items() if lines}


def back_ends(report: Report) -> list[str]:
    """Whether each may be believed, then what it all ran on."""
    lines = [
        f"{each.back_end}: {each.failure or 'certified'}; "
        + ", ".join(f"{trial.wrong} of {trial.acknowledged} {trial.name} wrong" for trial in each.trials)
        for each in report.certificates
    ]
    machine = ", ".join(report.machine.values())
    return [*lines, ", ".join(f"{name} {version}" for name, version in report.versions.items()), machine]


def disagreements(report: Report) -> list[str]:
    """Cells in which something else was found than was expected, in words."""
    return [
        f"{row.title}, {measure}: expected {'an anomaly' if cell.expected else 'none'}, found {cell.text()}"
        for row in report.rows
        for measure, cell in row.cells.items()
        if cell.disagrees
    ]


def witnesses(report: Report) -> list[tuple[str, Witness]]:
    """One for each kind of anomaly: the strategy's title, and the rows that prove it."""
    found: dict[str, tuple[str, Witness]] = {}
    for row in report.rows:
        for measure, cell in row.cells.items():
            if cell.verdict.witnesses and not cell.verdict.invalid:
                found.setdefault(measure, (row.title, cell.verdict.witnesses[0]))
    return [found[measure] for measure in MEASURES if measure in found]


def losses(report: Report) -> str:
    """Where Stepwell's own strategy loses; first in every rendering."""
    plain, keyed = report.cell(ORCHESTRATION, WORKER_DIED), report.cell(KEYED, WORKER_DIED)
    if plain.verdict.invalid:
        return f"Where Stepwell's own strategy loses was not found out: {plain.text()}."
    if not plain.verdict.count:
        return f"Stepwell's own strategy was expected to charge twice when a worker dies, and did not: {plain.text()}."
    return (
        f"Stepwell's own strategy charged {plain.text()} orders twice when a worker died between the charge and its "
        f"answer: a step is started at least once, and its retry charges again. With an idempotency key, made of "
        f"execution and state, that the provider honours: {keyed.text()}. And it serialises nothing between "
        "executions: that its counter is right is its function's conditional write."
    )


def conclusions(report: Report) -> list[str]:
    """Three sentences of what follows, each from the cells of this run."""
    return [_on_contention(report), _on_duplicates(report), _on_deaths(report)]


def _on_contention(report: Report) -> str:
    blind, safe = report.cell(BLIND, HOT_KEY), report.cell(CONDITIONAL, HOT_KEY)
    if unsaid := _unsaid("contention", blind, safe):
        return unsaid
    row = next(row for row in report.rows if row.strategy == CONDITIONAL)
    return (
        f"With {report.clients} clients on one key, reading and writing back lost {blind.text()} updates; a condition "
        f"on the version lost {safe.text()}, and had {row.refused} of {row.writes} writes refused and done again."
    )


def _on_duplicates(report: Report) -> str:
    blind, safe, started = (report.cell(name, DELIVERED_TWICE) for name in (BLIND, CONDITIONAL, ORCHESTRATION))
    if unsaid := _unsaid("duplicate deliveries", blind, safe, started):
        return unsaid
    return (
        f"A request that is delivered twice was charged twice in {blind.text()} cases when nothing checks, in "
        f"{safe.text()} when a conditional write claims it first, and in {started.text()} when it names an execution."
    )


def _on_deaths(report: Report) -> str:
    cells = {name: report.cell(name, WORKER_DIED) for name in TITLES}
    if unsaid := _unsaid("a worker's death", *cells.values()):
        return unsaid
    broken = [TITLES[name] for name, cell in cells.items() if cell.verdict.count]
    clean = [TITLES[name] for name, cell in cells.items() if not cell.verdict.count]
    if not broken:
        return "No strategy charged twice when a worker died after the charge."
    return (
        f"When a worker died after the charge and before anything was recorded, {_listed(broken)} charged again"
        + (f" and {_listed(clean)} did not" if clean else "")
        + ": no store commits together with a provider, so ask yours for an idempotency key, whatever keeps your state."
    )


def _unsaid(subject: str, *cells: Cell) -> str | None:
    reason = next((cell.verdict.invalid for cell in cells if cell.verdict.invalid), None)
    return f"On {subject} this run says nothing: {reason}." if reason else None


def as_members(report: Report) -> dict[str, Any]:
    """The report as JSON has it: every count with its interval, everything rendered with what it was made of."""
    return {
        "run": report.run,
        "seed": report.seed,
        "startedAt": report.started_at,
        "seconds": round(report.seconds, 1),
        "clients": report.clients,
        "valid": report.valid,
        "machine": report.machine,
        "versions": report.versions,
        "certificates": [_certificate(each) for each in report.certificates],
        "losses": losses(report),
        "strategies": [_row(row) for row in report.rows],
        "disagreements": disagreements(report),
        "conclusions": conclusions(report),
    }


def _certificate(certificate: Certificate) -> dict[str, Any]:
    trials = [
        {"name": each.name, "acknowledged": each.acknowledged, "raced": each.raced, "wrong": each.wrong}
        for each in certificate.trials
    ]
    return {"backEnd": certificate.back_end, "failure": certificate.failure, "trials": trials}


def _row(row: Row) -> dict[str, Any]:
    cells = {measure: _cell(cell) for measure, cell in row.cells.items()}
    return {
        "strategy": row.strategy, "title": row.title, "cells": cells, "refusedWrites": row.refused, "writes": row.writes
    }  # fmt: skip


def _cell(cell: Cell) -> dict[str, Any]:
    verdict = cell.verdict
    low, high = cell.interval
    return {
        "text": cell.text(),
        "count": verdict.count,
        "exposed": verdict.exposed,
        "fired": cell.fired,
        "invalid": verdict.invalid,
        "interval": {"confidence": CONFIDENCE, "low": low, "high": high},
        "anomalyExpected": cell.expected,
        "disagrees": cell.disagrees,
        "witnesses": [{"text": each.text, "rows": list(each.rows)} for each in verdict.witnesses],
    }


class UnreadableReport(Exception):
    """What was read is no report of a run, or of another version's; the text says where it differs."""


_Count = Annotated[int, msgspec.Meta(ge=0)]
# A report may come from anybody, and its words go to terminals, which control characters would steer.
_Words = Annotated[str, msgspec.Meta(pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]


class _WitnessMembers(msgspec.Struct):
    text: _Words
    rows: tuple[dict[str, Any], ...]


class _CellMembers(msgspec.Struct, rename="camel"):
    count: _Count
    exposed: _Count
    fired: _Count
    invalid: _Words | None
    anomaly_expected: bool
    witnesses: tuple[_WitnessMembers, ...]

    def cell(self) -> Cell:
        if self.count > self.exposed:
            raise UnreadableReport(f"a cell counts {self.count} of {self.exposed}")
        found = tuple(Witness(each.text, each.rows) for each in self.witnesses)
        return Cell(Verdict(self.count, self.exposed, found, self.invalid), self.fired, self.anomaly_expected)


class _RowMembers(msgspec.Struct, rename="camel"):
    strategy: _Words
    cells: dict[str, _CellMembers]
    refused_writes: _Count
    writes: _Count

    def row(self) -> Row:
        if sorted(self.cells) != sorted(MEASURES):
            raise UnreadableReport(f"the cells of {self.strategy} are not {', '.join(MEASURES)}")
        cells = {measure: self.cells[measure].cell() for measure in MEASURES}
        return Row(self.strategy, cells, self.refused_writes, self.writes)


class _TrialMembers(msgspec.Struct):
    name: _Words
    acknowledged: _Count
    raced: _Count
    wrong: _Count


class _CertificateMembers(msgspec.Struct, rename="camel"):
    back_end: _Words
    trials: tuple[_TrialMembers, ...]

    def certificate(self) -> Certificate:
        trials = (Trial(each.name, each.acknowledged, each.raced, each.wrong) for each in self.trials)
        return Certificate(self.back_end, tuple(trials))


class _ReportMembers(msgspec.Struct, rename="camel"):
    """What `as_members` writes, without what follows from the rest."""

    run: _Words
    seed: _Count
    started_at: _Words
    seconds: Annotated[float, msgspec.Meta(ge=0)]
    clients: _Count
    machine: dict[_Words, _Words]
    versions: dict[_Words, _Words]
    certificates: tuple[_CertificateMembers, ...]
    strategies: tuple[_RowMembers, ...]


def parse(text: bytes) -> Report:
    """A report from the JSON of `as_members`. Its sentences are made again from its counts and not read.

    Raises `UnreadableReport`.
    """
    try:
        members = msgspec.json.decode(text, type=_ReportMembers)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableReport(str(error)) from error
    if sorted(row.strategy for row in members.strategies) != sorted(TITLES):
        raise UnreadableReport(f"its strategies are not {', '.join(TITLES)}")
    return Report(
        run=members.run, seed=members.seed, started_at=members.started_at, seconds=members.seconds,
        clients=members.clients, machine=members.machine, versions=members.versions,
        certificates=tuple(each.certificate() for each in members.certificates),
        rows=tuple(each.row() for each in members.strategies),
    )  # fmt: skip


def _percent(rate: float) -> str:
    return f"{100 * rate:.1f} %" if rate < 0.1 else f"{100 * rate:.0f} %"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
