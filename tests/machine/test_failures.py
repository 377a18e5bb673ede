"""Retry, Catch, and how an error travels outwards."""

from typing import Any

import pytest

from stepwell.machine import records as r
from stepwell.machine import stimuli as s
from stepwell.machine.payload import Payload

from .harness import ACTIVITY, BEGIN, FUNCTION, Run, machine, one, one_jsonata

ALL = "States.ALL"


def retried(*retriers: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return one("Task", Resource=FUNCTION, Retry=list(retriers), **fields)


def caught(*catchers: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A Task S whose catchers lead to C."""
    catchers = tuple({"Next": "C", **catcher} for catcher in catchers)
    task = {"Type": "Task", "Resource": FUNCTION, "Catch": list(catchers), "End": True, **fields}
    return machine({"Name": "S", **task}, {"Name": "C", "Type": "Pass"})


def delays(run: Run, errors: list[str | None]) -> list[float]:
    """Fail attempt after attempt, and gather how long each retry was waited for."""
    found = []
    for error in errors:
        run.fail(error)
        if not run.timers:
            break
        found.append(run.timers[1, "retry"] - run.at)
        run.fire("retry")
    return found


# --- Retry


@pytest.mark.parametrize(
    ("retrier", "expected"),
    [
        ({}, [1, 2, 4]),
        ({"IntervalSeconds": 3}, [3, 6, 12]),
        ({"IntervalSeconds": 3, "BackoffRate": 1}, [3, 3, 3]),
        ({"BackoffRate": 1.5, "MaxAttempts": 4}, [1, 1.5, 2.25, 3.375]),
        ({"MaxAttempts": 0}, []),
        ({"MaxAttempts": 1}, [1]),
        ({"MaxAttempts": 6, "MaxDelaySeconds": 5}, [1, 2, 4, 5, 5, 5]),
        ({"IntervalSeconds": 60, "MaxDelaySeconds": 7, "MaxAttempts": 2}, [7, 7]),
        ({"BackoffRate": 1e308, "MaxAttempts": 4}, [1, 99_999_999, 99_999_999, 99_999_999]),
    ],
    ids=repr,
)
def test_how_long_a_retry_waits(retrier: dict[str, Any], expected: list[float]):
    run = Run(retried({"ErrorEquals": [ALL], **retrier}))
    assert delays(run, ["E"] * 9) == pytest.approx(expected)
    assert run.status == "FAILED"


def test_a_retry_leaves_no_event():
    run = Run(retried({"ErrorEquals": ["E"]}))
    run.fail("E")
    assert [type(record).__name__ for record in run.records[-3:]] == ["TaskEnded", "RetryScheduled", "TimerStarted"]
    run.fire("retry")
    run.succeed(7)
    started = ["LambdaFunctionScheduled", "LambdaFunctionStarted"]
    assert run.types() == [
        "ExecutionStarted", "TaskStateEntered", *started, "LambdaFunctionFailed", *started, "LambdaFunctionSucceeded",
        "TaskStateExited", "ExecutionSucceeded",
    ]  # fmt: skip
    assert [event.previous for event in run.events] == [0, 0, *range(2, 10)]


def test_full_jitter_is_below_the_delay_and_never_the_same():
    retrier = {"ErrorEquals": [ALL], "IntervalSeconds": 100, "BackoffRate": 1, "JitterStrategy": "FULL"}
    found = delays(Run(retried({**retrier, "MaxAttempts": 50})), ["E"] * 50)
    assert len(set(found)) == 50
    assert all(0 <= delay < 100 for delay in found)
    assert min(found) < 25 and max(found) > 75
    again = delays(Run(retried({**retrier, "MaxAttempts": 50})), ["E"] * 50)
    assert again == found, "drawn from the seed"
    assert delays(Run(retried({**retrier, "MaxAttempts": 50}), seed="other"), ["E"] * 50) != found


def test_each_retrier_counts_for_itself():
    run = Run(
        retried(
            {"ErrorEquals": ["A"], "IntervalSeconds": 10, "MaxAttempts": 2},
            {"ErrorEquals": ["B", "C"], "IntervalSeconds": 50, "MaxAttempts": 2},
        )
    )
    assert delays(run, ["A", "B", "A", "C", "B"]) == [10, 50, 20, 100]
    assert run.failure == ("B", "because")
    assert [(record.retrier, record.attempt) for record in run.recorded(r.RetryScheduled)] == [
        (0, 1), (1, 1), (0, 2), (1, 2)
    ]  # fmt: skip


def test_the_first_retrier_that_names_the_error_decides():
    run = Run(
        retried({"ErrorEquals": ["A"], "MaxAttempts": 0}, {"ErrorEquals": ["A", "B"], "MaxAttempts": 3}),
    )
    run.fail("A")
    assert run.status == "FAILED", "a used-up retrier hides those after it"


def test_counters_begin_again_with_the_state():
    definition = machine(
        {"Name": "S", "Type": "Task", "Resource": FUNCTION, "Retry": [{"ErrorEquals": ["E"], "MaxAttempts": 1}]},
        {"Name": "T", "Type": "Task", "Resource": FUNCTION, "Retry": [{"ErrorEquals": ["E"], "MaxAttempts": 1}],
         "ResultSelector": {"count.$": "$$.State.RetryCount"}},
    )  # fmt: skip
    run = Run(definition)
    assert delays(run, ["E"]) == [1]
    run.succeed({})
    assert run.execution.frames[1].retries == {}
    assert delays(run, ["E"]) == [1]
    run.succeed({})
    assert run.output == {"count": 1}


def test_the_context_counts_the_retries():
    definition = retried({"ErrorEquals": ["A"]}, {"ErrorEquals": ["B"]}, Parameters={"n.$": "$$.State.RetryCount"})
    run = Run(definition)
    seen = [run.task().input.value["n"]]
    for error in ("A", "B", "A"):
        run.fail(error)
        run.fire("retry")
        seen.append(run.task().input.value["n"])
    assert seen == [0, 1, 2, 3]


# --- what matches what

_TOKEN = "arn:aws:states:::lambda:invoke.waitForTaskToken"


@pytest.mark.parametrize(
    ("happening", "names"),
    [
        ("task", {"E", ALL, "States.TaskFailed"}),
        ("nameless", {ALL, "States.TaskFailed"}),
        ("timeout", {"States.Timeout", ALL}),
        ("heartbeat", {"States.Timeout", "States.HeartbeatTimeout", ALL}),
        ("reported timeout", {"States.Timeout", ALL}),
        ("runtime", set()),
        ("reported runtime", set()),
        ("query", {"States.QueryEvaluationError", ALL}),
        ("result path", {"States.ResultPathMatchFailure", ALL}),
        ("intrinsic", {"States.IntrinsicFailure", ALL}),
        ("too large", {"States.DataLimitExceeded", ALL, "States.TaskFailed"}),
    ],
)
def test_names_that_match(happening: str, names: set[str]):
    every = {
        "E", ALL, "States.TaskFailed", "States.Timeout", "States.HeartbeatTimeout", "States.Runtime",
        "States.QueryEvaluationError", "States.ResultPathMatchFailure", "States.IntrinsicFailure",
        "States.DataLimitExceeded", "States.BranchFailed", "States.Permissions",
    }  # fmt: skip
    assert {name for name in every if _catches(name, happening)} == names


def _catches(name: str, happening: str) -> bool:
    fields: dict[str, dict[str, Any]] = {
        "query": {"QueryLanguage": "JSONata", "Output": "{% $nothing %}"},
        "result path": {"ResultPath": "$.a.b"},
        "intrinsic": {"ResultSelector": {"x.$": "States.MathAdd('a', 'b')"}},
        "runtime": {"ResultSelector": {"x.$": "$.missing"}},
        "heartbeat": {"Resource": _TOKEN, "HeartbeatSeconds": 5},
        "timeout": {"TimeoutSeconds": 5},
    }
    run = Run(caught({"ErrorEquals": [name]}, **fields.get(happening, {})), {"a": 1})
    match happening:
        case "task" | "nameless":
            run.fail("E" if happening == "task" else None)
        case "timeout" | "heartbeat":
            run.fire(happening)
        case "reported timeout" | "reported runtime":
            run.fail("States." + happening.partition(" ")[2].title())
        case "too large":
            run.succeed("x" * 300_000)
        case _:
            run.succeed({"b": 1})
    assert run.status in ("SUCCEEDED", "FAILED")
    return run.status == "SUCCEEDED"


def test_runtime_is_not_retried_either():
    run = Run(retried({"ErrorEquals": [ALL]}, Parameters={"x.$": "$.missing"}))
    assert run.failure[0] == "States.Runtime"


# --- Catch


@pytest.mark.parametrize(
    ("fields", "output"),
    [
        ({}, {"Error": "E", "Cause": "c"}),
        ({"ResultPath": "$.error"}, {"i": 1, "error": {"Error": "E", "Cause": "c"}}),
        ({"ResultPath": "$.error.deep"}, {"i": 1, "error": {"deep": {"Error": "E", "Cause": "c"}}}),
        ({"ResultPath": None}, {"i": 1}),
    ],
    ids=repr,
)
def test_catch(fields: dict[str, Any], output: Any):
    run = Run(caught({"ErrorEquals": ["E"], **fields}), {"i": 1})
    run.fail("E", "c")
    assert run.output == output
    assert run.history()[4:] == [
        (5, 4, "LambdaFunctionFailed"), (6, 5, "TaskStateExited"), (7, 6, "PassStateEntered"),
        (8, 7, "PassStateExited"), (9, 8, "ExecutionSucceeded"),
    ]  # fmt: skip


def test_what_is_missing_is_empty_in_the_error_output():
    run = Run(caught({"ErrorEquals": [ALL]}))
    run.fail(None, None)
    assert run.output == {"Error": "", "Cause": ""}


def test_the_first_catcher_that_names_the_error():
    run = Run(
        caught(
            {"ErrorEquals": ["A"], "ResultPath": "$.a"}, {"ErrorEquals": ["B", "E"], "ResultPath": "$.b"},
            {"ErrorEquals": [ALL], "ResultPath": "$.all"},
        )
    )  # fmt: skip
    run.fail("E", "c")
    assert run.output == {"b": {"Error": "E", "Cause": "c"}}


def test_retry_comes_before_catch():
    run = Run(caught({"ErrorEquals": ["E"]}, Retry=[{"ErrorEquals": ["E"], "MaxAttempts": 1}]))
    assert delays(run, ["E", "E"]) == [1]
    assert run.output == {"Error": "E", "Cause": "because"}


def test_assign_and_output_of_a_catcher():
    jsonpath = caught({"ErrorEquals": ["E"], "Assign": {"error.$": "$.Error", "where.$": "$$.State.Name"}})
    jsonata = caught(
        {
            "ErrorEquals": ["E"],
            "Assign": {"error": "{% $states.errorOutput.Error %}", "where": "{% $states.context.State.Name %}"},
            "Output": "{% $states.input %}",
        },
        Assign={"error": "not this one"},
        Output="nor this",
    )
    for definition, output in ((jsonpath, {"Error": "E", "Cause": "c"}), ({**jsonata, "QueryLanguage": "JSONata"}, {})):
        run = Run(definition)
        run.fail("E", "c")
        assert run.assigned() == {"error": "E", "where": "S"}
        assert run.exited().output.value == output


def test_the_output_path_is_not_for_what_is_caught():
    run = Run(caught({"ErrorEquals": ["E"]}, OutputPath="$.missing", ResultPath="$.other"))
    run.fail("E", "c")
    assert run.output == {"Error": "E", "Cause": "c"}


def test_a_catchers_own_failure_is_not_caught_by_its_neighbours():
    definition = caught(
        {"ErrorEquals": ["E"], "Output": {"v": "{% $nothing %}"}}, {"ErrorEquals": [ALL]}, QueryLanguage="JSONata"
    )  # fmt: skip
    run = Run(definition)
    run.fail("E", "c")
    assert run.types()[-3:] == ["LambdaFunctionFailed", "EvaluationFailed", "ExecutionFailed"]
    assert run.events[-2].location == "Catch[0]/Output/v"
    assert run.failure[0] == "States.QueryEvaluationError"
    assert run.failure[1].startswith("An error occurred while executing the state 'S' (entered at the event id #2). ")


def test_a_catchers_own_failure_goes_on_outwards():
    inner = caught({"ErrorEquals": ["E"], "ResultPath": "$.a.b"})
    definition = machine(
        {"Name": "P", "Type": "Parallel", "Branches": [inner], "Next": "D",
         "Catch": [{"ErrorEquals": ["States.ResultPathMatchFailure"], "Next": "D"}]},
        {"Name": "D", "Type": "Pass"},
    )  # fmt: skip
    run = Run(definition, {"a": 1})
    run.fail("E")
    assert run.output["Error"] == "States.ResultPathMatchFailure"
    cause = "An error occurred while executing the state 'S' (entered at the event id #4). Unable to apply"
    assert run.output["Cause"].startswith(cause)


def test_an_unpicked_activity_is_retried():
    run = Run(one("Task", Resource=ACTIVITY, TimeoutSeconds=5, Retry=[{"ErrorEquals": ["States.Timeout"]}]))
    run.fire("timeout")
    assert run.timers == {(1, "retry"): BEGIN + 6}
    run.fire("retry")
    assert run.timers == {(1, "timeout"): BEGIN + 11}
    assert run.task().attempt == 2


def test_a_late_outcome_does_not_reach_the_next_attempt():
    run = Run(retried({"ErrorEquals": [ALL]}, TimeoutSeconds=5))
    first = run.task()
    run.fire("timeout")
    assert not run.about(s.TaskSucceeded, first, output=Payload(1)).accepted
    run.fire("retry")
    assert not run.about(s.TaskSucceeded, first, output=Payload(1)).accepted
    assert run.succeed(2).accepted
    assert run.output == 2


def test_an_evaluation_that_fails_after_success_is_retried():
    run = Run(one_jsonata("Task", Resource=FUNCTION, Output="{% $states.result.v %}", Retry=[{"ErrorEquals": [ALL]}]))
    run.succeed({})
    assert run.types()[-2:] == ["LambdaFunctionSucceeded", "EvaluationFailed"]
    run.fire("retry")
    run.succeed({"v": 5})
    assert run.output == 5
