"""Redrive: what runs again and what does not, which events follow, and when there is none."""

from collections import Counter
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepwell.machine import records as r
from stepwell.machine import stimuli as s
from stepwell.machine import turn
from stepwell.machine.execution import REDRIVES_KEPT, RUNNING, SUCCEEDED
from stepwell.machine.redrive import TOKEN_SECONDS
from stepwell.machine.turn import EVENTS_MAX

from .generated import INPUTS, sound_definitions
from .harness import FUNCTION, Run, fold, machine, one, snapshot
from .test_properties import World, reread

TASK = {"Type": "Task", "Resource": FUNCTION}
NESTED = "arn:aws:states:::states:startExecution.sync:2"
ALL = ["States.ALL"]


def redriven(run: Run, token: str | None = None) -> list[tuple[int, int, str]]:
    """Redrive, and the history from ExecutionRedriven on."""
    before = len(run.events)
    assert run.redrive(token).accepted
    return run.history()[before:]


def task(resource: str = FUNCTION, **fields: Any) -> dict[str, Any]:
    return one("Task", Resource=resource, **fields)


def parallel(*branches: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return one("Parallel", Branches=[machine({"Name": f"B{i}", **state}) for i, state in enumerate(branches)], **fields)


def each(*states: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return one("Map", ItemsPath="$", ItemProcessor=machine(*states), **fields)


def test_a_task_is_scheduled_anew_and_not_entered_again():
    run = Run(machine({"Name": "Done", **TASK}, {"Name": "S", **TASK}), {"a": 1})
    run.succeed({"b": 2})
    first = run.task()
    run.fail()
    failed_at = len(run.events)
    assert redriven(run) == [
        (failed_at + 1, failed_at, "ExecutionRedriven"),
        (failed_at + 2, failed_at + 1, "LambdaFunctionScheduled"),
    ]
    assert run.status == RUNNING and run.execution.stopped_at is None and run.execution.error is None
    second = run.task()
    assert (second.attempt, second.input.value) == (first.attempt + 1, {"b": 2})
    assert second.idempotency_key != first.idempotency_key
    run.succeed("fine")
    assert run.output == "fine"


def end_failed(run: Run) -> None:
    run.fail()


def end_stopped(run: Run) -> None:
    run.stop()


def end_timed_out(run: Run) -> None:
    run.fire("execution")


@pytest.mark.parametrize("end", [end_failed, end_stopped, end_timed_out])
def test_the_clock_of_the_execution_begins_again_whatever_ended_it(end: Any):
    run = Run(machine({"Name": "S", **TASK}, TimeoutSeconds=60))
    run.go(40)
    end(run)
    run.go(1_000)
    assert run.redrive().accepted
    assert run.timers == {(0, "execution"): run.at + 60}
    run.succeed("fine")
    assert run.output == "fine"


def test_only_what_ended_without_success_is_redriven():
    run = Run(task())
    assert not run.redrive().accepted
    run.succeed()
    assert run.status == SUCCEEDED
    assert not run.redrive().accepted


def test_retriers_count_from_nought():
    run = Run(task(Retry=[{"ErrorEquals": ALL, "MaxAttempts": 1}], Parameters={"n.$": "$$.State.RetryCount"}))
    for expected in (0, 1):
        assert run.task().input.value == {"n": expected}
        run.fail()
        if run.timers:
            run.fire("retry")
    assert run.status == "FAILED"
    run.redrive()
    assert run.task().input.value == {"n": 0}
    run.fail()
    run.fire("retry")
    run.succeed("at last")
    assert run.output == "at last"


def test_a_retry_that_was_waited_for_is_made_at_once():
    run = Run(task(Retry=[{"ErrorEquals": ALL, "IntervalSeconds": 1_000}]))
    run.fail()
    run.stop()
    assert redriven(run)[-1][2] == "LambdaFunctionScheduled"
    run.succeed()
    assert run.status == SUCCEEDED


def test_a_parallel_keeps_what_is_done_and_resumes_failed_and_aborted_branches():
    run = Run(parallel({"Type": "Pass", "Result": "kept"}, TASK, TASK, {"Type": "Wait", "Seconds": 50}))
    run.fail()
    lasts = {event.frame: id for id, event in enumerate(run.events, 1) if event.frame in (3, 4)}
    events = redriven(run)
    assert [(previous, type) for _, previous, type in events[1:]] == [
        (lasts[3], "LambdaFunctionScheduled"), (lasts[4], "LambdaFunctionScheduled"),
    ]  # fmt: skip
    run.succeed("b1")
    run.succeed("b2")
    run.fire("wait")
    assert run.output == ["kept", "b1", "b2", {}]
    assert run.types().count("ParallelStateStarted") == 1


def test_a_map_keeps_what_is_done_resumes_what_was_cut_and_begins_what_never_began():
    run = Run(each({"Name": "Item", **TASK}, MaxConcurrency=2), [1, 2, 3, 4])
    run.succeed("one")
    run.fail()
    assert run.types().count("MapIterationAborted") == 1
    run.redrive()
    assert [task.input.value for task in run.tasks.values()] == [2, 3]
    for output in ("two", "three", "four"):
        run.succeed(output)
    assert run.output == ["one", "two", "three", "four"]
    assert run.types().count("MapIterationStarted") == 4


def test_an_iteration_that_was_cut_at_its_end_only_ends():
    choice = {"Name": "Choice", "Type": "Choice", "Choices": [{"Variable": "$", "IsString": True, "Next": "Task"}],
              "Default": "Pass"}  # fmt: skip
    states = [choice, {"Name": "Task", **TASK, "End": True}, {"Name": "Pass", "Type": "Pass", "OutputPath": "$.a"}]
    run = Run(each(*states), [{"a": 1}, {}, "text"])
    assert run.status == "FAILED", "the second iteration fails while the first one waits to be collected"
    assert run.types().count("MapIterationAborted") == 2
    events = [type for _, _, type in redriven(run)]
    assert events[1] == "MapIterationSucceeded"
    assert events.count("PassStateEntered") == 0 and run.status == "FAILED", "what failed by itself fails again"


def test_a_map_whose_next_input_failed_tries_it_again():
    run = Run(each({"Name": "Item", "Type": "Pass"}, ItemSelector={"a.$": "$$.Map.Item.Value.a"}), [{"a": 1}, {}])
    assert run.status == "FAILED"
    assert [type for _, _, type in redriven(run)][-2:] == ["MapStateFailed", "ExecutionFailed"]
    assert run.types().count("MapIterationStarted") == 1


def test_what_was_too_large_together_runs_whole():
    run = Run(parallel(TASK, TASK), {})
    with mock.patch.object(turn, "PAYLOAD_BYTES_MAX", 50):
        run.succeed("a" * 40)
        run.succeed("b" * 40)
        assert run.failure[0] == "States.DataLimitExceeded"
        assert [type for _, _, type in redriven(run)][1] == "ParallelStateStarted"
        run.succeed("a")
        run.succeed("b")
    assert run.output == ["a", "b"]


def test_results_that_could_not_be_shaped_are_shaped_again():
    run = Run(parallel(TASK, ResultSelector={"a.$": "$[0].a"}))
    run.succeed({})
    assert run.status == "FAILED"
    assert [type for _, _, type in redriven(run)][1:] == [
        "ParallelStateSucceeded", "ParallelStateFailed", "ExecutionFailed",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "due"),
    [
        ({"Seconds": 100}, 250.0),
        ({"Timestamp": "2023-11-14T22:16:40Z"}, 200.0),
        ({"Timestamp": "2023-11-14T22:14:30Z"}, None),
    ],
)
def test_a_wait_begins_again_unless_its_time_is_over(fields: dict[str, Any], due: float | None):
    run = Run(one("Wait", **fields))
    begin = run.at
    run.stop()
    run.go(150)
    run.redrive()
    assert run.timers == ({(1, "wait"): begin + due} if due is not None else {})
    run.run()
    assert run.status == SUCCEEDED and run.types().count("WaitStateEntered") == 1


def test_fail_is_entered_again_and_fails_again():
    run = Run(one("Fail", Error="Oops", Cause="of course"))
    assert [type for _, _, type in redriven(run)] == ["ExecutionRedriven", "FailStateEntered", "ExecutionFailed"]
    assert run.failure == ("Oops", "of course")


def test_a_choice_decides_anew():
    rule = {"Variable": "$.a", "IsNull": True, "Next": "T"}
    run = Run(machine({"Name": "S", "Type": "Choice", "Choices": [rule]}, {"Name": "T", "Type": "Succeed"}))
    assert run.failure[0] == "States.Runtime"
    assert [type for _, _, type in redriven(run)] == ["ExecutionRedriven", "ExecutionFailed"]


def test_a_state_that_was_still_to_be_entered_is_entered():
    with mock.patch.object(turn, "TRANSITIONS_PER_STEP", 1):
        run = Run(machine({"Name": "A", "Type": "Pass"}, {"Name": "B", "Type": "Pass"}))
        run.stop()
        run.renewals = 0
        assert [type for _, _, type in redriven(run)] == [
            "ExecutionRedriven", "PassStateEntered", "PassStateExited",
        ]  # fmt: skip
        run.renewals = 0
        run.stop()
        assert [type for _, _, type in redriven(run)] == ["ExecutionRedriven", "ExecutionSucceeded"]


def test_the_context_knows():
    asked = {"count.$": "$$.Execution.RedriveCount", "time.$": "$$.Execution.RedriveTime"}
    run = Run(machine({"Name": "S", **TASK}, {"Name": "Pass", "Type": "Pass", "Parameters": asked}))
    run.fail()
    run.go(10)
    run.redrive()
    run.go(5)
    run.succeed()
    assert run.output == {"count": 1, "time": "2023-11-14T22:13:30.000Z"}


def test_a_nested_execution_is_started_anew_and_the_old_one_is_not_heard():
    run = Run(task(NESTED, Parameters={"StateMachineArn": "arn"}))
    old = run.task()
    run.about(s.TaskSubmitted, old, output=turn.Payload({}), child="arn:child")
    run.stop()
    assert run.stopped_children == ["arn:child"]
    run.redrive()
    assert run.task().attempt == 2
    assert not run.about(s.TaskFailed, old, error="States.TaskFailed").accepted
    run.succeed("fine")
    assert run.output == "fine"


def test_a_history_without_room_is_not_redriven():
    with mock.patch.object(turn, "EVENTS_MAX", 5):
        full = Run(task())
        full.fail()
        assert full.execution.event_id == 5
        assert not full.redrive().accepted
        extended = Run(task(), limits="extended")
        extended.fail()
        assert extended.redrive().accepted


def test_the_last_room_is_for_one_more_event():
    run = Run(task())
    run.stop()
    with mock.patch.object(turn, "EVENTS_MAX", run.execution.event_id + 2):
        assert [type for _, _, type in redriven(run)] == ["ExecutionRedriven", "ExecutionFailed"]
    assert run.failure == (
        "States.Runtime", f"The execution reached the maximum number of history events ({EVENTS_MAX})."
    )  # fmt: skip


def test_a_client_token_redrives_once_in_a_quarter_of_an_hour():
    run = Run(task())
    run.fail()
    assert run.redrive("once").accepted
    run.fail()
    run.go(TOKEN_SECONDS - 1)
    assert not run.redrive("once").accepted
    run.go(1)
    assert run.redrive("once").accepted


def test_the_latest_client_tokens_are_kept():
    run = Run(task())
    for number in range(REDRIVES_KEPT + 1):
        run.fail()
        assert run.redrive(f"token {number}").accepted
    run.fail()
    assert not run.redrive("token 1").accepted
    assert run.redrive("token 0").accepted


@settings(max_examples=150)
@given(sound_definitions(), st.sampled_from(INPUTS), st.lists(st.integers(0, 9_999), min_size=1, max_size=30))
def test_after_any_failure_a_redrive_ends_well_and_repeats_nothing(
    definition: dict[str, Any], input: Any, numbers: list[int]
) -> None:
    run = Run(definition, input)
    world = World(run)
    for number in numbers:
        world.happen(number)
    world.finish()
    if run.status != SUCCEEDED:
        run.redrive()
        world.finish()
    assert run.status == SUCCEEDED, run.history()[-5:]
    assert snapshot(fold(reread(run.records))) == snapshot(run.execution)
    check_once(run)


def check_once(run: Run) -> None:
    """Every visit of a state is entered and exited once, and a task works only in between."""
    entered = Counter((event.frame, event.name) for event in run.recorded(r.StateEntered))
    assert entered == Counter((event.frame, event.name) for event in run.recorded(r.StateExited))
    assert not entered or max(entered.values()) == 1
    inside: set[int] = set()
    for event in run.events:
        if isinstance(event, r.StateEntered):
            inside.add(event.frame)
        elif isinstance(event, r.StateExited):
            inside.remove(event.frame)
        elif isinstance(event, r.TaskScheduled):
            assert event.frame in inside
