"""What is on a request's critical path, and the round trips that it is multiplied by."""

from pathlib import Path

import pytest

from stepwell.bench.history import Op
from stepwell.bench.measures.latency_budget import Profile, latency, load_profile, typical
from stepwell.pricing.settings import UnusableSettings

ROUND_TRIPS = {
    "dynamodb": 5.0, "redis": 1.0, "postgres": 3.0, "s3": 30.0, "sqs": 10.0, "lambda": 15.0, "states": 25.0,
    "outside": 50.0, "compute": 2.0,
}  # fmt: skip
PROFILE = Profile(ROUND_TRIPS, frozenset())
PUT, INVOKE, START, TRANSITION = "dynamodb.PutItem", "lambda.Invoke", "states.StartExecution", "states.Transition"


def op(call: str, start: float, end: float | None, *, request: str = "r", worker: str = "w", count: int = 1) -> Op:
    kind = "deliver" if worker == "client" else "write"
    return Op(
        id=f"{call}/{start}/{worker}", run="run", request=request, attempt=1, worker=worker, key="k", kind=kind,
        intended_at=start, invoked_at=start, returned_at=end, status="ok", call=call, count=count,
    )  # fmt: skip


def counted(*ops: Op) -> dict[str, int]:
    return {part.service: part.operations for part in latency(ops, PROFILE).parts}


def test_operations_one_after_the_other_add_up() -> None:
    found = latency([op(PUT, 0, 1), op(PUT, 1, 2), op("redis.GET", 2, 3)], PROFILE)
    assert found.text(200) == "11 of 200 ms"
    assert found.breakdown() == "2 dynamodb x 5 ms + 1 redis x 1 ms"


def test_how_long_they_took_here_changes_nothing() -> None:
    quick, slow = ([op(PUT, 0, scale), op(PUT, scale, 2 * scale)] for scale in (0.001, 10.0))
    assert latency(quick, PROFILE) == latency(slow, PROFILE)


def test_what_runs_inside_an_invocation_is_added_to_it() -> None:
    calls = [op(INVOKE, 0, 10, worker="client"), op(PUT, 1, 2), op("outside.effect", 2, 3), op(PUT, 3, 4)]
    assert latency(calls, PROFILE).milliseconds == 15 + 2 + 5 + 50 + 5


def test_an_execution_contains_its_transitions_and_they_the_invocations() -> None:
    calls = [
        op(START, 0, 1, worker="client"), op(TRANSITION, 0.5, 9, count=3), op(INVOKE, 2, 4), op(PUT, 3, 3.5),
        op(INVOKE, 5, 8), op(PUT, 6, 7),
    ]  # fmt: skip
    assert counted(*calls) == {"states": 4, "lambda": 2, "dynamodb": 2, "compute": 2}


def test_a_history_that_rounds_to_milliseconds_makes_nothing_run_at_once() -> None:
    calls = [
        op(TRANSITION, 1.0, 1.002, worker="states"), op(PUT, 1.001, 1.0024, worker="w"),
        op(TRANSITION, 1.002, 1.005, worker="states"), op(PUT, 1.003, 1.004, worker="w"),
    ]  # fmt: skip
    assert counted(*calls) == {"states": 2, "dynamodb": 2}


def test_of_branches_at_once_only_the_longest_counts() -> None:
    short = [op(INVOKE, 0, 10, worker="states"), op(PUT, 1, 2, worker="a")]
    long = [op(INVOKE, 0.1, 9, worker="states"), *(op(PUT, n + 0.5, n + 1.5, worker="b") for n in range(1, 4))]
    join = op("s3.PutObject", 11, 12)
    assert counted(*short, *long, join) == {"s3": 1, "dynamodb": 3, "lambda": 1, "compute": 1}


def test_an_operation_that_stands_for_many_makes_its_branch_the_longer_one() -> None:
    one, two = [op(PUT, 0, 5, worker="a", count=3)], [op(PUT, 0, 1, worker="b"), op(PUT, 1, 2, worker="b")]
    assert counted(*one, *two) == {"dynamodb": 3}


def test_a_retry_comes_after_all_that_the_dead_worker_had_begun() -> None:
    died, again = op(PUT, 1, None, worker="a"), op(PUT, 5, 6, worker="b")
    invocations = [op(INVOKE, 0, 3, worker="client"), op(INVOKE, 4, 7, worker="client")]
    assert counted(*invocations, died, again) == {"lambda": 2, "compute": 2, "dynamodb": 2}


def test_what_has_no_round_trip_is_not_on_the_path() -> None:
    assert latency([op("", 0, 1), op("unknown.Call", 1, 2)], PROFILE).parts == ()


def test_the_typical_request_is_the_one_in_the_middle() -> None:
    calls = [op(PUT, n, n + 1, request=str(size)) for size in (1, 2, 9) for n in range(size)]
    assert typical(calls, PROFILE).milliseconds == 10
    assert typical([], PROFILE).milliseconds == 0


def test_a_chain_of_many_operations_is_found_soon() -> None:
    assert counted(*(op(PUT, n, n + 1) for n in range(500))) == {"dynamodb": 500}


def test_what_nobody_has_measured_is_said_to_be_assumed(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("dynamodb: 4.2\n")
    own, mine = load_profile(), load_profile(path)
    assert own.assumed == own.milliseconds.keys() == mine.assumed | {"dynamodb"}
    assert mine.milliseconds == own.milliseconds | {"dynamodb": 4.2}
    assert latency([op(PUT, 0, 1)], own).assumed
    assert not latency([op(PUT, 0, 1)], mine).assumed
    assert latency([op(PUT, 0, 1), op("redis.GET", 1, 2)], mine).assumed


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("dynamo: 4\n", "dynamo: unknown; the names are compute, dynamodb"),
        ("dynamodb: fast\n", "dynamodb: Expected `float`, got `str`"),
        ("dynamodb: -1\n", "dynamodb: Expected `float` >= 0.0"),
        ("- dynamodb\n", "Expected `object`, got `array`"),
    ],
)
def test_round_trips_that_cannot_be_used_are_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UnusableSettings) as caught:
        load_profile(path)
    assert said in str(caught.value) and str(path) in str(caught.value)
