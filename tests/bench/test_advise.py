"""What is advised follows from what is needed and from what was measured, and says which of the two."""

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.bench.reports import report

from stepwell.bench.advise import MOST, Needs, advise
from stepwell.bench.catalog import CACHE, CONDITIONAL, CRASH, KEYED, SINGLE_WRITER
from stepwell.bench.report.stored import as_members
from stepwell.cli import commands
from stepwell.commands import output


def test_without_evidence_and_with_usual_needs_it_is_conditional_writes() -> None:
    advice = advise(Needs())
    assert advice.approaches[0].strategy == CONDITIONAL
    assert 2 <= len(advice.approaches) <= MOST
    assert not any(found.measured for each in advice.approaches for found in each.breaks)
    assert "stepwell bench run" in advice.would_change[-1]


@pytest.mark.parametrize(
    ("needs", "first"),
    [
        (Needs(human=True, duration_seconds=3 * 86_400), KEYED),
        (Needs(duration_seconds=3600), KEYED),
        (Needs(fan_out=True), KEYED),
        (Needs(contention="much"), SINGLE_WRITER),
        (Needs(consistency="eventual", latency_milliseconds=20, contention="little"), CONDITIONAL),
        (Needs(operations="little"), CONDITIONAL),
    ],
    ids=["waits for a person", "outlives a function", "fans out", "hot key", "fast and loose", "nothing to run"],
)
def test_the_first_approach_is_the_one_that_the_need_calls_for(needs: Needs, first: str) -> None:
    assert advise(needs).approaches[0].strategy == first


def test_a_cache_is_never_the_only_copy_of_what_must_not_be_lost() -> None:
    objections = [each.objections for each in advise(Needs()).approaches if each.strategy == CACHE]
    assert all(any("gone with it" in text for text in each) for each in objections)


def test_what_it_breaks_on_is_what_was_counted() -> None:
    measured = report()
    advice = advise(Needs(), measured)
    [conditional] = [each for each in advice.approaches if each.strategy == CONDITIONAL]
    found = {(each.workload, each.fault): each for each in conditional.breaks}
    for outcome in measured.select(strategy=CONDITIONAL, fault=CRASH):
        for measure, verdict in outcome.found.items():
            text = found[outcome.workload, outcome.fault].text
            assert text == f"{verdict.count} of {verdict.exposed} {measure}"
    assert all(each.measured for each in conditional.breaks)


def test_what_costs_more_than_is_allowed_is_objected_to() -> None:
    measured = report()
    [dear] = [each for each in measured.profiles if each.strategy == KEYED and each.workload == measured.main_workload]
    curve = tuple((load, 77.0) for load, _ in dear.curve)
    measured = replace(measured, profiles=(replace(dear, curve=curve),))
    approaches = advise(Needs(dollars_per_million=50, human=True), measured).approaches
    [keyed] = [each for each in approaches if each.strategy == KEYED]
    assert any(text.startswith("$77.00 per million where 50.00 are allowed") for text in keyed.objections)


def test_the_command_takes_its_evidence_from_a_kept_run(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(output.as_json(as_members(report())))
    result = CliRunner().invoke(commands, ["advise", "--evidence", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert f"Measured in run {report().run}" in result.output
    assert "What would change the answer:" in result.output


def test_evidence_that_is_no_report_is_refused_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("{}")
    result = CliRunner().invoke(commands, ["advise", "--evidence", str(tmp_path)])
    assert result.exit_code == 1
    assert "cannot be read as the report of a run" in result.output
