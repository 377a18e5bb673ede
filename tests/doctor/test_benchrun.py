"""A bench run's folder, with its histories written as the benchmark writes them."""

from pathlib import Path

import pytest
from msgspec import structs
from tests.bench.histories import RUN, History

from stepwell.bench.history import Effect, Fired, write_rows
from stepwell.doctor.benchrun import examine_run
from stepwell.doctor.findings import NOTE, PROBLEM, Diagnosis
from stepwell.pricing.prices import load_prices


@pytest.fixture
def history() -> History:
    return History()


def examine(history: History, folder: Path, fired: int = 0, key: str | None = None) -> Diagnosis:
    write_rows(folder / "history.jsonl", history.ops)
    effects = [
        Effect(
            sequence=row.sequence, run=row.run, request=row.request, type=row.type, key=key, attempt=row.attempt,
            worker=row.worker, at=row.at,
        )
        for row in history.effects
    ]  # fmt: skip
    write_rows(folder / "effects.jsonl", effects)
    strikes = [Fired(fault="crash", run=RUN, request=str(number), worker="w", at=1.0) for number in range(fired)]
    write_rows(folder / "fired.jsonl", strikes)
    return examine_run(folder)


def test_a_repeated_request_with_a_repeated_effect_is_a_problem(history: History, tmp_path: Path) -> None:
    for attempt in (1, 2):
        history.op("deliver", "order-1", attempt=attempt)
        history.effect("order-1", attempt=attempt)
    (found,) = examine(history, tmp_path, fired=3).findings
    assert (found.check, found.severity, found.subject, found.count) == ("repeated-request", PROBLEM, RUN, 1)
    assert found.what == (
        "requests attempted more than once and had their effect more than once, without an idempotency key;"
        " the fault crash fired 3 times"
    )
    assert found.evidence == ("order-1, 2 attempts: #1 charge by attempt 1, #2 charge by attempt 2",)


def test_a_repeated_request_with_one_effect_is_a_note(history: History, tmp_path: Path) -> None:
    for attempt in (1, 2, 3):
        history.op("deliver", "order-1", attempt=attempt)
    history.effect("order-1", attempt=3)
    (found,) = examine(history, tmp_path, key="order-1").findings
    assert found.severity == NOTE
    assert found.what.endswith("at most once, with an idempotency key at 1 of 1 effects")


def test_effects_of_two_types_are_no_repetition(history: History, tmp_path: Path) -> None:
    history.op("deliver", "order-1")
    history.effect("order-1", "charge")
    history.effect("order-1", "mail")
    assert examine(history, tmp_path).findings == []


def test_a_hot_key_with_its_share_and_its_refused_writes(history: History, tmp_path: Path) -> None:
    for number in range(30):
        history.cycle(f"request-{number}", number // 2, "ok" if number % 3 else "fail")
    found = examine(history, tmp_path)
    assert [(each.check, each.what) for each in found.findings] == [
        ("hot-key", "100 % of 60 store operations go to one key")
    ]
    assert found.findings[0].evidence == ("key k: 10 of 30 writes refused, by 30 workers",)
    assert found.tables[0].rows == ((RUN, "30", "0", "60", "100 %", "10"),)
    assert found.not_looked_at[0].startswith("cost drivers: the history does not say"), "written without calls"


def test_keys_of_their_own_and_few_operations_are_not_hot(history: History, tmp_path: Path) -> None:
    for number in range(60):
        history.op("write", f"request-{number}", worker=f"w{number % 4}")
    for number in range(5):
        history.cycle(f"counted-{number}", number)
    assert examine(history, tmp_path).findings == []


def test_one_worker_alone_has_no_hot_key(history: History, tmp_path: Path) -> None:
    for number in range(80):
        history.op("write", f"request-{number}", key="k")
    assert examine(history, tmp_path).findings == []


def test_a_line_that_a_death_cut_off_is_left_out(history: History, tmp_path: Path) -> None:
    history.op("deliver", "order-1")
    write_rows(tmp_path / "history.jsonl", history.ops)
    with (tmp_path / "history.jsonl").open("ab") as file:
        file.write(b'{"id":"cut')
    assert examine_run(tmp_path).looked_at == ["1 operations of 1 cells"]


def test_cost_drivers_are_priced_by_the_calls_that_were_made(history: History, tmp_path: Path) -> None:
    for number in range(10):
        history.op("write", f"order-{number}")
    calls = [structs.replace(op, call="dynamodb.PutItem", bytes=2000) for op in history.ops]
    calls += [structs.replace(op, id=f"{op.id}-read", call="dynamodb.GetItem", mode="strong") for op in history.ops]
    write_rows(tmp_path / "history.jsonl", calls)
    (row,) = next(table for table in examine_run(tmp_path).tables if table.title == "Cost drivers").rows
    items = load_prices().items
    # Of 2,000 bytes a write takes two units, of none a strong read takes one.
    least = 1_000_000 * (2 * items["dynamodb.write"].each + items["dynamodb.read"].each)
    assert (row[0], row[1], row[4]) == (RUN, "10", "2,000 B")
    assert least <= float(row[2].split()[0]) < least * 2
    assert "dynamodb.write" in row[3]
