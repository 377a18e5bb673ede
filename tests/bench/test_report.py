"""What a person reads: each cell's text, and sentences that follow from the cells and from nothing else."""

import json
from dataclasses import replace
from itertools import product

import pytest
from rich.console import Console
from tests.bench.reports import FAULTS, GOOD, SILENT, STRATEGIES, WORKLOADS, bare, outcome, report

from stepwell.bench.catalog import (
    BLIND,
    CACHE,
    CALM,
    CONDITIONAL,
    COUNTER,
    CRASH,
    DUPLICATE,
    DUPLICATED,
    HOT_KEY,
    KEYED,
    LOST,
    MEASURES,
    ORCHESTRATION,
    ORDER,
    STORE_KILL,
    STUCK,
)
from stepwell.bench.oracles.anomalies import Verdict
from stepwell.bench.oracles.outcome import Recovery
from stepwell.bench.parts.certify import Certificate, Trial
from stepwell.bench.report.data import Budget, Report, total
from stepwell.bench.report.findings import EVIDENCE, above, below, conclusions, disagreements, opening, witnesses
from stepwell.bench.report.rows import DASH, INVALID, NONE, NOT_AS_EXPECTED, OVER, Entry, entry, matrices, overview
from stepwell.bench.report.screen import PIPE_WIDTH, render
from stepwell.bench.report.stored import UnreadableReport, as_members, parse


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (Verdict(3, 412), "3 of 412"),
        (Verdict(0, 412), "0 of 412 (at most 0.7 %)"),
        (Verdict(0, 5), "0 of 5 (at most 45 %)"),
        (Verdict(0, 0), "INVALID (nothing was exposed)"),
        (SILENT, "INVALID (fault never fired)"),
        (Verdict(3, 9, invalid="aws is not certified"), "INVALID (aws is not certified)"),
    ],
)
def test_a_cell_says_a_count_with_its_bound_or_why_it_says_nothing(found: Verdict, text: str) -> None:
    assert str(entry(found)) == text


def cell(found: Report, strategy: str, heading: str) -> Entry:
    """Of the overview."""
    table = overview(found)
    (row,) = (entries for title, entries in table.rows if title == dict(titles())[strategy])
    return row[table.headings[1:].index(heading)]


def titles() -> list[tuple[str, str]]:
    from stepwell.bench import catalog

    return [(name, each.title) for name, each in catalog.STRATEGIES.items()]


def test_a_row_sums_up_what_was_disturbed() -> None:
    found = report({(ORDER, CONDITIONAL, CALM, LOST): Verdict(5, 9)})
    assert str(cell(found, CONDITIONAL, LOST)) == f"0 of {412 * 10} (at most 0.1 %)"
    assert str(cell(found, BLIND, LOST)) == f"18 of {2 * 10 + 8 * 412}"


def test_one_cell_that_says_nothing_makes_a_clean_sum_invalid_and_leaves_a_finding() -> None:
    found = report({(ORDER, CONDITIONAL, CRASH, STUCK): SILENT, (ORDER, BLIND, HOT_KEY, LOST): SILENT})
    assert cell(found, CONDITIONAL, STUCK) == Entry("INVALID", "fault never fired", INVALID)
    assert str(cell(found, BLIND, LOST)) == f"9 of {10 + 8 * 412} (and 1 INVALID)"
    assert total([]) == {measure: Verdict(0, 0) for measure in MEASURES}


def test_repetitions_of_a_cell_are_summed() -> None:
    found = report()
    twice = replace(found, outcomes=found.outcomes * 2)
    assert str(cell(twice, BLIND, LOST)) == f"36 of {2 * (2 * 10 + 8 * 412)}"
    assert matrices(twice)[1].rows[0][1][1].text == "duplicated 18 of 20"


def test_the_overview_sets_what_it_takes_against_the_budget() -> None:
    found = replace(report(), budget=Budget(latency_milliseconds=200, dollars_per_million=30, requests_per_second=10))
    assert cell(found, BLIND, "latency") == Entry("60 of 200 ms")
    assert cell(found, ORCHESTRATION, "latency") == Entry("510 of 200 ms", "over budget", OVER)
    assert cell(found, CACHE, "$ per million at 10/s") == Entry("$41.00", "over budget, unverified", OVER)
    assert cell(found, CACHE, "$ per million at 20/s") == Entry("$21.00", "unverified")
    assert cell(found, CONDITIONAL, "guard lines") == Entry("3 of 6", "2 not tried")
    assert cell(found, CONDITIONAL, "conflicts") == Entry("60 of 80")
    assert cell(found, CONDITIONAL, "recovery") == Entry("100 %", "1.2 s", NONE)
    assert str(cell(found, CACHE, "recovery")) == "75 % (1.2 s)"
    assert cell(found, BLIND, "to operate") == Entry("1")


def test_what_was_not_measured_has_a_dash_or_no_column() -> None:
    assert cell(report(), BLIND, "guard lines") == DASH
    headings = overview(bare(report(faults=(CALM, CRASH)))).headings
    assert headings == ("strategy", "duplicated", "lost", "stuck", "to operate")


@pytest.mark.parametrize(
    ("recovery", "text"),
    [
        (Recovery(None, 40, 40), "100 % (no return seen)"),
        (Recovery(2.0, 999, 1000), "99 % (2.0 s)"),
    ],
)
def test_recovery_is_never_rounded_up(recovery: Recovery, text: str) -> None:
    found = report(workloads=(ORDER,))
    outcomes = tuple(replace(each, recovery=recovery if each.recovery else None) for each in found.outcomes)
    assert str(cell(replace(found, outcomes=outcomes), CONDITIONAL, "recovery")) == text


def test_a_matrix_says_what_broke_and_marks_what_nobody_expected() -> None:
    changes = {(ORDER, CACHE, CRASH, STUCK): Verdict(2, 9), (ORDER, KEYED, CRASH, LOST): SILENT}
    counter, order = matrices(report(changes))
    assert [counter.title, order.title] == ["read-modify-write of one record", "order: charge, reserve, confirm"]
    crash = order.headings[1:].index("worker killed at each point")
    row = {title: entries[crash] for title, entries in order.rows}
    assert row["key-value, blind"].text == "duplicated 9 of 10"
    assert row["cache, compare and set"].text == "duplicated 9 of 10; stuck 2 of 9"
    assert row["cache, compare and set"].surprises
    assert str(row["orchestration + idempotency key"]) == "INVALID (fault never fired)"
    assert not row["key-value, blind"].surprises


def test_the_order_tells_its_story_with_the_numbers_of_the_run() -> None:
    found = report()
    own = "orchestration on Stepwell duplicated 9 of 10 (order, worker killed at each point)"
    assert opening(found).startswith(f"Stepwell's own strategy loses: {own}.")
    assert "with an idempotency key of execution and state, that the provider honours: 0 of 412" in opening(found)
    assert "Nothing takes longer: 600 ms, the others 60 to 420 ms." in opening(found)
    assert "Nothing costs more: $56.00 per million, the others" in opening(found)
    assert "Nothing has more to operate: 7 things, the others 1 to 5 things." in opening(found)
    contention, recovery, death = conclusions(found)
    assert contention.startswith("Order, 16 clients on one key: key-value blind lost 9 of 10; 6 others ")
    assert "30 of 40 writes of key-value conditional" in contention
    assert recovery.startswith("Order, store killed: cache compare and set lost 9 of 10; ")
    assert recovery.endswith("After at most 1.2 s the first request that came meanwhile was done.")
    assert "orchestration on Stepwell duplicated 9 of 10; orchestration + idempotency key showed nothing" in death
    assert "held against 16 clients on one key and store killed, with 6 things to operate" in death
    assert death.endswith("ask yours for an idempotency key, whatever keeps your state.")


def test_the_sentences_follow_the_findings_and_not_the_expectations() -> None:
    clean = Verdict(0, 9)
    found = report({(ORDER, ORCHESTRATION, CRASH, DUPLICATED): clean, (ORDER, BLIND, HOT_KEY, LOST): clean})
    assert opening(found).startswith("Stepwell's own strategy broke nowhere in what this run could see")
    assert "idempotency key of execution" not in opening(found)
    assert "key-value blind lost" not in conclusions(found)[0]
    assert "ask yours for an idempotency key" not in conclusions(found)[2]
    assert [line.partition(":")[0] for line in disagreements(found)] == [
        "orchestration on Stepwell (order, worker killed at each point), duplicated",
        "key-value blind (order, 16 clients on one key), lost",
    ]


def test_nothing_is_concluded_from_an_invalid_cell() -> None:
    keys = product((ORDER,), STRATEGIES, (STORE_KILL,), MEASURES)
    found = report(dict.fromkeys(keys, SILENT) | {(ORDER, ORCHESTRATION, CRASH, DUPLICATED): SILENT})
    assert not found.valid
    assert "In 3 of its cells the run says nothing." in opening(found)
    assert "A step is started at least once" not in opening(found)
    assert "showed nothing" not in conclusions(found)[1]
    assert conclusions(found)[1].endswith("orchestration + idempotency key nothing is known: fault never fired.")
    assert "of orchestration on Stepwell nothing is known: fault never fired" in conclusions(found)[2]


SUBSETS = [
    (workloads, strategies, faults)
    for workloads in ((COUNTER,), WORKLOADS)
    for strategies in ((BLIND,), (ORCHESTRATION,), (KEYED,), (CONDITIONAL, KEYED), STRATEGIES)
    for faults in ((CALM,), (CALM, CRASH), (CALM, STORE_KILL, DUPLICATE), FAULTS)
]


@pytest.mark.parametrize(("workloads", "strategies", "faults"), SUBSETS)
@pytest.mark.parametrize("silent", [False, True])
def test_every_part_of_a_run_has_its_report(
    workloads: tuple[str, ...], strategies: tuple[str, ...], faults: tuple[str, ...], silent: bool
) -> None:
    keys = product(workloads, strategies, faults, MEASURES)
    changes = dict.fromkeys(keys, SILENT) if silent else {}
    found = bare(report(changes, workloads=workloads, strategies=strategies, faults=faults))
    assert opening(found)
    assert len(conclusions(found)) == min(3, len(faults) - 1)
    for line in [opening(found), *conclusions(found)]:
        assert not {"; .", ": .", "  ", ": ;", " ;", "()"} & {
            line[at : at + n] for at in range(len(line)) for n in (2, 3)
        }
    if silent:
        assert witnesses(found) == []
    assert parse(json.dumps(as_members(found)).encode()) == found
    Console(width=80, quiet=True).print(render(found, 80))


def test_each_kind_of_anomaly_has_one_witness_from_the_main_workload() -> None:
    assert [(title, witness.text) for title, witness in witnesses(report())] == [
        ("duplicated, key-value blind (order, delivered twice at once)", "blind broke at duplicate"),
        ("lost, key-value blind (order, 16 clients on one key)", "blind broke at hot-key"),
    ]


def test_a_cell_without_a_guard_is_no_cell_of_its_strategy() -> None:
    found = report()
    crippled = replace(outcome(ORDER, KEYED, CRASH, {(ORDER, KEYED, CRASH, LOST): Verdict(7, 7)}), without="claim")
    also = replace(found, outcomes=(*found.outcomes, crippled))
    assert overview(also) == overview(found)
    assert (witnesses(also), disagreements(also), opening(also)) == (witnesses(found), [], opening(found))


def test_what_is_not_the_run_itself_is_told_below() -> None:
    said = below(report())
    assert "key-value conditional, version (3 lines): without it counter, hot-key breaks" in said["Guard lines"]
    assert "key-value conditional, claim (1 line): dead: nothing breaks without it" in said["Guard lines"]
    assert said["What the costs rest on"] == ["Unverified prices: node.redis"]
    assert said["Back ends"][0] == "aws: certified; 0 of 900 atomic counters wrong"
    assert "Guard lines" not in below(bare(report()))
    assert list(above(report(faults=(CALM,)))) == []


def test_a_back_end_that_is_not_certified_makes_the_run_invalid() -> None:
    broken = Certificate("aws", (Trial("atomic counters", 900, 899, 3),))
    assert report().valid
    assert not replace(report(), certificates=(GOOD, broken)).valid


def test_the_json_has_the_interval_the_rows_and_the_seed() -> None:
    members = json.loads(json.dumps(as_members(report())))
    assert (members["seed"], members["valid"]) == (7, True)
    (found,) = (
        each["verdicts"][LOST]
        for each in members["outcomes"]
        if (each["workload"], each["strategy"], each["fault"]) == (COUNTER, BLIND, HOT_KEY)
    )
    assert (found["count"], found["exposed"], found["text"]) == (9, 10, "9 of 10")
    assert found["interval"]["low"] == pytest.approx(0.555, abs=1e-3)
    assert found["witnesses"] == [{"text": "blind broke at hot-key", "rows": [{"sequence": 1}]}]


def spoiled(*path: str | int, value: object) -> bytes:
    members = json.loads(json.dumps(as_members(report())))
    inner = members
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return json.dumps(members).encode()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "Input data was truncated"),
        (b"[]", "Expected `object`, got `array`"),
        (b"{}", "missing required field `run`"),
        (b'{"run": "\xff"}', "utf-8"),
        (b"[" * 100_000, "recursion"),
        (spoiled("seconds", value="long"), r"Expected `float`, got `str` - at `\$.seconds`"),
        (spoiled("run", value="\x1b[2J"), r"control character - at `\$.run`"),
        (spoiled("machine", "cores", value="2\x9b0m"), r"control character - at `\$.machine.cores`"),
        (spoiled("machine", "\x1b", value="2"), r"control character - at `\$.machine`"),
        (spoiled("outcomes", value=[]), "it has no outcomes"),
        (spoiled("outcomes", 1, "strategy", value="magic"), r"no strategy 'magic' - at `\$.outcomes\[1\]`"),
        (spoiled("outcomes", 1, "verdicts", value={}), "its measures are not duplicated, lost, stuck"),
        (
            spoiled("outcomes", 1, "verdicts", LOST, "count", value=-1),
            r"a number that no run counts - at `\$.outcomes\[1\].verdicts",
        ),
        (spoiled("outcomes", 1, "verdicts", LOST, "count", value=413), "lost: 413 of 412"),
        (spoiled("outcomes", 1, "refused", value=413), "refused writes: 413 of 0"),
        (spoiled("outcomes", 1, "expected", value=["magic"]), "a measure is unknown"),
        (spoiled("budget", "requests_per_second", value=1e300), r"a number that no run counts - at `\$.budget"),
        (spoiled("budget", "latency_milliseconds", value=0), r"a budget is 0 - at `\$.budget`"),
        (spoiled("profiles", 0, "curve", value=[[n, 1] for n in range(300)]), "a curve has more than 200 points"),
        (spoiled("profiles", 0, "strategy", value="magic"), "no strategy 'magic'"),
        (spoiled("profiles", 0, "workload", value="magic"), "no workload 'magic'"),
    ],
)
def test_what_is_no_report_is_refused_with_the_place(text: bytes, reason: str) -> None:
    with pytest.raises(UnreadableReport, match=reason):
        parse(text)


@pytest.mark.parametrize("width", [80, 110, PIPE_WIDTH])
def test_on_a_terminal_it_begins_with_the_loss_and_names_no_winner(width: int) -> None:
    console = Console(width=width, highlight=False)
    with console.capture() as capture:
        console.print(render(report(), width))
    text = " ".join(capture.get().split())
    parts = (
        "Budget: no request twice", "own strategy loses", "18 of 3316", "One witness", "What follows",
        EVIDENCE[:40], "read-modify-write of one record delivered", "Things to operate",
    )  # fmt: skip
    positions = [text.index(part) for part in parts if part in text]
    assert len(positions) >= len(parts) - 2
    assert positions == sorted(positions)
    assert "INVALID" not in text
    assert "…" not in text
    assert not {"winner", "best", "score", "fastest"} & set(text.lower().split())
    assert all(len(line) <= width for line in capture.get().splitlines())


def test_a_disagreement_is_marked_where_it_is() -> None:
    console = Console(width=PIPE_WIDTH)
    with console.capture() as capture:
        console.print(render(report({(ORDER, BLIND, HOT_KEY, LOST): Verdict(0, 9)}), PIPE_WIDTH))
    assert NOT_AS_EXPECTED in capture.get()
    said = "key-value blind (order, 16 clients on one key), lost: an anomaly was expected, found 0 of 9 (at most 28 %)"
    assert said in capture.get()
