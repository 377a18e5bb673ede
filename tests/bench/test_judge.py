"""From what was recorded to what a cell came to: who was exposed to the fault, and what counts against it."""

from collections.abc import Sequence
from typing import Any

import pytest
from tests.bench.histories import History

from stepwell.bench.catalog import (
    BLIND,
    CALM,
    COUNTER,
    CRASH,
    DUPLICATE,
    DUPLICATED,
    HOT_KEY,
    KEYED,
    LOST,
    ORDER,
    RESPONSE_LOST,
    STORE_KILL,
    STUCK,
)
from stepwell.bench.history import Fired
from stepwell.bench.oracles.judge import Evidence, judge
from stepwell.bench.oracles.outcome import Outcome, Recovery
from stepwell.bench.parts.certify import Certificate, Trial
from stepwell.bench.plan import Cell

NAME = "n"


def judged(cell: Cell, history: History, finals: dict[str, Any], fired: Sequence[Fired] = (), **more: Any) -> Outcome:
    return judge(cell, NAME, Evidence(history.ops, history.effects, [*fired], finals), **{"certificates": ()} | more)


def struck(cell: Cell, *requests: str, at: float = 0.0) -> list[Fired]:
    return [Fired(fault=cell.fault, run=cell.run(NAME), request=each, worker="w", at=at) for each in requests]


def own(cell: Cell, **values: int) -> tuple[dict[str, Any], dict[str, str]]:
    """Records of requests, by the number that stands for the request, and the requests' names."""
    run = cell.run(NAME)
    return (
        {f"{run}/{number}": {"value": value} for number, value in values.items()},
        {number: f"{run.replace('/', '-')}-{number}" for number in values},
    )


def test_a_request_that_was_struck_and_repeated_shows_in_its_record(history: History) -> None:
    cell = Cell(COUNTER, BLIND, CRASH)
    finals, request = own(cell, a=2, b=1, c=1)
    for number in "abc":
        history.op("acknowledge", request[number])
        history.op("deliver", request[number], attempt=2)
    outcome = judged(cell, history, finals, struck(cell, *request.values()))
    assert {name: (each.count, each.exposed) for name, each in outcome.verdicts.items()} == {
        DUPLICATED: (1, 3), LOST: (0, 3), STUCK: (0, 3)
    }  # fmt: skip
    assert outcome.fired == 3 and not outcome.disagreements


def test_what_was_not_attempted_again_was_not_exposed_to_a_second_effect(history: History) -> None:
    cell = Cell(COUNTER, BLIND, CRASH)
    finals, request = own(cell, a=1, b=1, c=1)
    for number in "abc":
        history.op("acknowledge", request[number])
    outcome = judged(cell, history, finals, struck(cell, *request.values()))
    assert outcome.verdicts[DUPLICATED].invalid == "nothing was exposed"


def test_a_fault_that_did_not_strike_makes_no_clean_cell(history: History) -> None:
    cell = Cell(ORDER, KEYED, RESPONSE_LOST)
    history.op("acknowledge", "a")
    outcome = judged(cell, history, {})
    assert outcome.invalid == "fault never fired"


def test_on_one_key_the_value_tells_what_was_lost(history: History) -> None:
    cell = Cell(COUNTER, BLIND, HOT_KEY)
    shared = f"{cell.run(NAME)}/shared"
    for number in range(4):
        history.op("acknowledge", f"r{number}", at=0.1 * number, took=5.0)
    for number in range(4):
        history.cycle(f"r{number}", 0, key=shared)
    outcome = judged(cell, history, {shared: {"value": 1}})
    assert (outcome.verdicts[LOST].count, outcome.verdicts[LOST].exposed) == (3, 4)
    assert (outcome.fired, outcome.refused, outcome.writes) == (3, 0, 4)


def test_an_order_needs_its_charge_and_one_of_mail_and_refund(history: History) -> None:
    cell = Cell(ORDER, BLIND, DUPLICATE)
    finals, request = own(cell, a=1, b=1, c=1)
    for number in "abc":
        history.op("deliver", request[number], at=0.0)
        history.op("deliver", request[number], attempt=2, at=0.1)
        history.op("acknowledge", request[number])
        history.effect(request[number], "charge")
    history.effect(request["a"], "email")
    history.effect(request["b"], "refund")
    outcome = judged(cell, history, finals)
    assert outcome.verdicts[LOST].count == 1
    assert "has no email or refund" in outcome.verdicts[LOST].witnesses[0].text


def test_what_survived_an_outage_is_what_was_acknowledged_before_it_and_is_there_after(history: History) -> None:
    cell = Cell(COUNTER, BLIND, STORE_KILL)
    finals, request = own(cell, a=1, b=0, c=1)
    history.op("acknowledge", request["a"], at=0.0)
    history.op("acknowledge", request["b"], at=1.0)
    history.op("acknowledge", request["c"], at=12.0, took=1.5)
    outcome = judged(cell, history, finals, struck(cell, "", at=10.0))
    assert outcome.recovery == Recovery(seconds=3.5, survived=1, acknowledged=2)
    assert (outcome.verdicts[LOST].count, outcome.fired) == (1, 2)


@pytest.mark.parametrize(("back_end", "invalid"), [("aws", True), ("sink", True), ("redis", False)])
def test_a_cell_rests_only_on_the_back_ends_of_its_strategy(history: History, back_end: str, invalid: bool) -> None:
    cell = Cell(COUNTER, BLIND, CALM)
    finals, request = own(cell, a=1, b=1, c=1)
    for number in "abc":
        history.op("acknowledge", request[number])
    failed = Certificate(back_end, (Trial("counters", 9, 9, 1),))
    outcome = judged(cell, history, finals, certificates=(failed,))
    assert (outcome.invalid is not None) == invalid
