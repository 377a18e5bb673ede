"""Two runs side by side: only what is more than chance is called a difference."""

from dataclasses import replace

import pytest
from tests.bench.reports import SILENT, bare, report

from stepwell.bench.catalog import BLIND, CALM, CHARGE, CONDITIONAL, COUNTER, CRASH, HOT_KEY, LOST, ORDER, STUCK
from stepwell.bench.oracles.anomalies import Verdict
from stepwell.bench.report.compare import Incomparable, compare, differ
from stepwell.bench.report.data import Budget, Report


def another(found: Report) -> Report:
    return replace(found, run="8-1", started_at="2026-03-02T12:00:00+00:00")


@pytest.mark.parametrize(
    ("one", "other", "differs"),
    [
        (Verdict(0, 10), Verdict(0, 1000), False),
        (Verdict(0, 412), Verdict(1, 412), False),
        (Verdict(0, 412), Verdict(40, 412), True),
        (Verdict(9, 10), Verdict(5, 10), False),
        (Verdict(90, 100), Verdict(50, 100), True),
        (Verdict(50, 100), Verdict(90, 100), True),
        (SILENT, Verdict(0, 412), True),
        (SILENT, SILENT, False),
    ],
)
def test_rates_differ_when_their_intervals_lie_apart(one: Verdict, other: Verdict, differs: bool) -> None:
    assert differ(one, other) is differs


def test_two_runs_that_found_the_same_have_no_difference() -> None:
    found = compare(report(), another(report()))
    assert found.differing.rows == ()
    assert found.same == 2 * 7 * 6 * 3
    assert found.notes == ()


def test_each_difference_is_a_row_with_both_sides() -> None:
    changes = {(ORDER, CONDITIONAL, CRASH, STUCK): Verdict(100, 412), (COUNTER, BLIND, HOT_KEY, LOST): SILENT}
    found = compare(report(), another(report(changes)))
    assert found.differing.headings == ("cell", "7-1", "8-1")
    assert [(title, *map(str, entries)) for title, entries in found.differing.rows] == [
        ("key-value, blind (counter, 16 clients on one key): lost", "9 of 10", "INVALID (fault never fired)"),
        (
            "key-value, conditional (order, worker killed at each point): stuck",
            "0 of 412 (at most 0.7 %)",
            "100 of 412",
        ),
    ]


def test_latency_and_cost_are_counted_and_differ_by_anything() -> None:
    one = report()
    first = replace(one.profiles[0], latency_milliseconds=65.0, dollars=2.001)
    other = another(replace(one, profiles=(first, *one.profiles[1:])))
    assert [(title, *map(str, entries)) for title, entries in compare(one, other).differing.rows] == [
        ("key-value, blind (order): latency", "60 ms", "65 ms")
    ]
    dearer = replace(other, profiles=(replace(first, dollars=3.0),))
    assert [title for title, _ in compare(one, dearer).differing.rows][-1] == "key-value, blind (order): $ per million"
    elsewhere = replace(dearer, budget=Budget(requests_per_second=99))
    assert [title for title, _ in compare(one, elsewhere).differing.rows] == ["key-value, blind (order): latency"]


def test_what_may_be_the_reason_is_told() -> None:
    other = replace(
        another(report(faults=(CALM, CRASH))), budget=Budget(latency_milliseconds=9), machine={"cores": "64 cores"}
    )
    assert compare(report(), other).notes == (
        "Only 7-1 has 56 more cells, which are not compared.",
        "Their budgets differ.",
        "They ran on different machine: cores 2 cores and 64 cores.",
    )


def test_a_run_is_not_compared_with_itself() -> None:
    with pytest.raises(Incomparable, match="both are the run 7-1: name two runs"):
        compare(report(), report())


def test_runs_with_nothing_in_common_are_refused_with_what_they_have() -> None:
    one, other = (bare(report(workloads=(name,), strategies=(BLIND,), faults=(CALM,))) for name in (ORDER, CHARGE))
    with pytest.raises(Incomparable, match="no cell in common: 7-1 has order under blind with none; 8-1 has charge"):
        compare(one, another(other))
