"""What a person reads: each cell's text, and sentences that follow from the cells and from nothing else."""

import json
from dataclasses import replace

import pytest
from rich.console import Console
from tests.bench.reports import report

from stepwell.bench.certify import Certificate, Trial
from stepwell.bench.oracles import Verdict
from stepwell.bench.report import (
    BLIND,
    CONDITIONAL,
    HOT_KEY,
    KEYED,
    ORCHESTRATION,
    WORKER_DIED,
    Cell,
    as_members,
    conclusions,
    disagreements,
    losses,
    witnesses,
)
from stepwell.bench.screen import render


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (Verdict(3, 412), "3 of 412"),
        (Verdict(0, 412), "0 of 412 (at most 0.7 %)"),
        (Verdict(0, 5), "0 of 5 (at most 45 %)"),
        (Verdict(0, 0, invalid="fault never fired"), "INVALID (fault never fired)"),
        (Verdict(3, 9, invalid="dynamodb is not certified"), "INVALID (dynamodb is not certified)"),
    ],
)
def test_a_cell_says_a_count_with_its_bound_or_why_it_says_nothing(found: Verdict, text: str) -> None:
    assert Cell(found, 3, False).text() == text


@pytest.mark.parametrize(
    ("found", "expected", "disagrees"),
    [
        (Verdict(0, 9), False, False),
        (Verdict(1, 9), False, True),
        (Verdict(1, 9), True, False),
        (Verdict(0, 9), True, True),
        (Verdict(0, 9, invalid="x"), True, False),
    ],
)
def test_a_cell_disagrees_when_it_found_what_was_not_expected(found: Verdict, expected: bool, disagrees: bool) -> None:
    assert Cell(found, 3, expected).disagrees is disagrees


def test_a_run_as_expected() -> None:
    found = report()
    assert found.valid
    assert disagreements(found) == []
    assert losses(found).startswith("Stepwell's own strategy charged 9 of 10 orders twice when a worker died")
    assert "0 of 412 (at most 0.7 %)" in losses(found)
    assert len(conclusions(found)) == 3
    assert "lost 9 of 10 updates" in conclusions(found)[0]
    assert "had 30 of 40 writes refused" in conclusions(found)[0]


def test_each_kind_of_anomaly_has_one_witness() -> None:
    texts = [witness.text for _, witness in witnesses(report())]
    assert texts == ["blind broke at delivered-twice", "blind broke at worker-died", "blind broke at hot-key"]


def test_the_sentences_follow_the_findings_and_not_the_expectations() -> None:
    found = report(orchestration__worker_died=Verdict(0, 9), conditional__hot_key=Verdict(2, 9))
    assert losses(found).endswith(
        "was expected to charge twice when a worker dies, and did not: 0 of 9 (at most 28 %)."
    )
    assert [line.partition(":")[0] for line in disagreements(found)] == [
        "conditional writes, hot-key", "orchestration on Stepwell, worker-died"
    ]  # fmt: skip
    assert "blind writes and conditional writes charged again" in conclusions(found)[2]
    assert "orchestration on Stepwell and orchestration + idempotency key did not" in conclusions(found)[2]


def test_nothing_is_concluded_from_an_invalid_cell() -> None:
    silent = Verdict(0, 0, invalid="fault never fired")
    found = report(orchestration__worker_died=silent, blind__hot_key=silent)
    assert not found.valid
    assert losses(found).endswith("was not found out: INVALID (fault never fired).")
    assert conclusions(found)[0] == "On contention this run says nothing: fault never fired."
    assert conclusions(found)[2] == "On a worker's death this run says nothing: fault never fired."


def test_a_back_end_that_is_not_certified_makes_the_run_invalid() -> None:
    broken = Certificate("dynamodb", (Trial("atomic counters", 900, 899, 3),))
    assert not replace(report(), certificates=(broken,)).valid


def test_the_json_has_the_interval_the_rows_and_the_seed() -> None:
    members = json.loads(json.dumps(as_members(report())))
    assert (members["seed"], members["valid"]) == (7, True)
    cell = members["strategies"][0]["cells"][HOT_KEY]
    assert (cell["count"], cell["exposed"], cell["fired"], cell["text"]) == (9, 10, 10, "9 of 10")
    assert cell["interval"]["low"] == pytest.approx(0.555, abs=1e-3)
    assert cell["witnesses"] == [{"text": "blind broke at hot-key", "rows": [{"sequence": 1}]}]
    assert [row["strategy"] for row in members["strategies"]] == [BLIND, CONDITIONAL, ORCHESTRATION, KEYED]


@pytest.mark.parametrize("width", [80, 110])
def test_on_a_terminal_it_begins_with_the_loss_and_names_no_winner(width: int) -> None:
    console = Console(width=width, highlight=False)
    with console.capture() as capture:
        console.print(render(report(), width))
    text = " ".join(capture.get().split())
    positions = [
        text.index(part) for part in ("own strategy charged", "9 of 10 ", "Witnesses", "What follows", "evidence")
    ]
    assert positions == sorted(positions)
    assert "INVALID" not in text
    assert "…" not in text
    assert not {"winner", "best", "score", "fastest"} & set(text.lower().split())
    assert all(len(line) <= width for line in capture.get().splitlines())


def test_a_disagreement_is_marked_where_it_is() -> None:
    console = Console(width=110)
    with console.capture() as capture:
        console.print(render(report(blind__worker_died=Verdict(0, 9)), 110))
    assert "not as expected" in capture.get()
    assert f"blind writes, {WORKER_DIED}: expected an anomaly, found 0 of 9 (at most 28 %)" in capture.get()
