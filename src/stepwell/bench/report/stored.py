"""A report as JSON, and back: `report.json` can be mailed, shown again and compared.

Guarantees that what is read is what a run can have counted, and that no word of it steers a terminal. Sentences,
texts and intervals are written for other programs and never read: they are made again from the counts.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from stepwell.bench.catalog import FAULTS, MEASURES, STRATEGIES, WORKLOADS
from stepwell.bench.measures.statistics import CONFIDENCE, interval
from stepwell.bench.oracles.outcome import Outcome
from stepwell.bench.report.data import Report
from stepwell.bench.report.findings import conclusions, disagreements, opening
from stepwell.bench.report.rows import entry

MAX_BYTES = 64 << 20
MAX_EXPOSED = 100_000
"""More than a cell can count. The time that an interval takes grows with it."""

MAX_POINTS = 200
_LEAST, _MOST = 1e-30, 1e15

_Members = dict[str, Any]
_ROWS = "rows"
"""Of a witness: as they were recorded, and shown in JSON alone."""


class UnreadableReport(Exception):
    """What was read is no report of a run, or of another version's; the text says where it differs."""


def as_members(report: Report) -> _Members:
    """The report as JSON has it, with what follows from it."""
    members: _Members = msgspec.to_builtins(report, order="deterministic")
    for outcome, written in zip(report.outcomes, members["outcomes"], strict=True):
        for measure, verdict in outcome.verdicts.items():
            low, high = interval(verdict.count, verdict.exposed)
            written["verdicts"][measure] |= {
                "text": str(entry(verdict)),
                "interval": {"confidence": CONFIDENCE, "low": low, "high": high},
            }
    said = {"opening": opening(report), "conclusions": conclusions(report), "disagreements": disagreements(report)}
    return members | {"valid": report.valid, "titles": _titles(report)} | said


def _titles(report: Report) -> dict[str, dict[str, str]]:
    """What the names of the run are called, for programs that do not know the catalogue."""
    faults = dict.fromkeys(each.fault for each in report.outcomes)
    return {
        "workloads": {name: WORKLOADS[name].title for name in report.workloads},
        "strategies": {name: STRATEGIES[name].title for name in report.strategies},
        "faults": {name: FAULTS[name].title for name in faults},
    }


def parse(text: bytes) -> Report:
    """A report from the JSON of `as_members`. Raises `UnreadableReport`."""
    if len(text) > MAX_BYTES:
        raise UnreadableReport(f"it has more than {MAX_BYTES >> 20} MB")
    try:
        members = msgspec.json.decode(text)
        _check(members, "$")
        report = msgspec.convert(members, Report)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableReport(str(error)) from error
    if not report.outcomes:
        raise UnreadableReport("it has no outcomes")
    budget = report.budget
    if not min(budget.latency_milliseconds, budget.dollars_per_million, budget.requests_per_second) > 0:
        raise UnreadableReport("a budget is 0 - at `$.budget`")
    for place, outcome in enumerate(report.outcomes):
        _check_outcome(outcome, f"$.outcomes[{place}]")
    for place, profile in enumerate(report.profiles):
        if len(profile.curve) > MAX_POINTS:
            raise UnreadableReport(f"a curve has more than {MAX_POINTS} points - at `$.profiles[{place}]`")
    _check_names([*report.profiles, *report.guards], "strategy", STRATEGIES, "$")
    _check_names(report.profiles, "workload", WORKLOADS, "$.profiles")
    return report


def _check(value: object, place: str) -> None:
    """Words without control characters, and numbers that can be drawn."""
    if isinstance(value, str) and not value.isprintable():
        raise UnreadableReport(f"a word has a control character - at `{place}`")
    if isinstance(value, int | float) and value and not _LEAST <= value <= _MOST:
        raise UnreadableReport(f"a number that no run counts - at `{place}`")
    if isinstance(value, list):
        for index, each in enumerate(value):
            _check(each, f"{place}[{index}]")
    elif isinstance(value, dict):
        for name, each in value.items():
            _check(name, place)
            if name != _ROWS:
                _check(each, f"{place}.{name}")


def _check_outcome(outcome: Outcome, place: str) -> None:
    for name, known in (("workload", WORKLOADS), ("strategy", STRATEGIES), ("fault", FAULTS)):
        _check_names([outcome], name, known, place)
    if outcome.verdicts.keys() != MEASURES.keys():
        raise UnreadableReport(f"its measures are not {', '.join(MEASURES)} - at `{place}.verdicts`")
    if not outcome.expected | outcome.possible <= MEASURES.keys():
        raise UnreadableReport(f"a measure is unknown - at `{place}.expected` or `{place}.possible`")
    shares = [("refused writes", outcome.refused, outcome.writes)]
    shares += [(measure, each.count, each.exposed) for measure, each in outcome.verdicts.items()]
    if outcome.recovery:
        shares.append(("survivors", outcome.recovery.survived, outcome.recovery.acknowledged))
    for what, part, whole in shares:
        if part > whole or whole > MAX_EXPOSED:
            raise UnreadableReport(f"{what}: {part} of {whole} - at `{place}`")


def _check_names(parts: Iterable[object], name: str, known: Iterable[str], place: str) -> None:
    for part in parts:
        if getattr(part, name) not in known:
            raise UnreadableReport(f"there is no {name} {getattr(part, name)!r} - at `{place}`")
