"""What a request takes is counted where nothing was broken, and shared out among what was done correctly."""

from tests.bench.histories import History

from stepwell.bench.catalog import BLIND, CALM, COUNTER, CRASH
from stepwell.bench.history import Op
from stepwell.bench.measures.profiles import profiles
from stepwell.bench.plan import Cell
from stepwell.bench.report.data import Budget
from stepwell.bench.worker.call import INSPECT

CELL = Cell(COUNTER, BLIND, CALM)


def called(history: History, request: str, call: str, at: float, kind: str = "write", step: str = "") -> None:
    history.ops.append(
        Op(
            id=f"{request}/{call}/{at}", run="r", request=request, attempt=1, worker="w", key=request, kind=kind,
            intended_at=at, invoked_at=at, returned_at=at + 0.5, status="ok", call=call, bytes=100, step=step,
        )
    )  # fmt: skip


def request(history: History, name: str) -> None:
    history.op("acknowledge", name, at=0.0, took=9.0)
    called(history, name, "lambda.Invoke", 0.0, "deliver")
    called(history, name, "dynamodb.GetItem", 1.0, "read")
    called(history, name, "dynamodb.PutItem", 2.0)


def test_calls_are_for_each_request_and_the_reads_of_the_judge_are_nobodys(history: History) -> None:
    for name in ("a", "b"):
        request(history, name)
    called(history, "a", "dynamodb.GetItem", 8.0, "read", step=INSPECT)
    [profile] = profiles([CELL, Cell(COUNTER, BLIND, CRASH)], {CELL: history.ops}, Budget())
    assert profile.calls == {"dynamodb.GetItem": 1.0, "dynamodb.PutItem": 1.0, "lambda.Invoke": 1.0}
    assert profile.latency_milliseconds == sum(profile.latency_parts.values()) > 0
    assert set(profile.latency_parts) == {"dynamodb", "lambda", "compute"}
    assert profile.dollars == sum(profile.dollars_parts.values()) > 0
    assert profile.dollars == profile.dollars_doubled, "nothing here is paid by the hour"
    assert "dynamodb.write" in profile.unverified


def test_without_a_correct_request_there_is_nothing_to_share_the_cost_out_to(history: History) -> None:
    history.op("acknowledge", "a", "info")
    assert profiles([CELL], {CELL: history.ops}, Budget()) == ()
