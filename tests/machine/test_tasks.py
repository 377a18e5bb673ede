"""Task states of the three families: their events, outcomes that come late or twice, timeouts, heartbeats, tokens."""

from typing import Any

import pytest

from stepwell.machine import records as r
from stepwell.machine import stimuli as s
from stepwell.machine.identity import InvalidTaskToken, idempotency_key, parse_task_token, task_token
from stepwell.machine.payload import Payload

from .harness import ACTIVITY, BEGIN, EXECUTION, FUNCTION, SEED, Run, machine, one, one_jsonata

INVOKE = "arn:aws:states:::lambda:invoke"
TOKEN = INVOKE + ".waitForTaskToken"
NESTED = "arn:aws:states:::states:startExecution.sync:2"
SDK = "arn:aws:states:::aws-sdk:dynamodb:getItem"


def task(resource: str = FUNCTION, **fields: Any) -> dict[str, Any]:
    return one("Task", Resource=resource, **fields)


@pytest.mark.parametrize(
    ("resource", "family", "shown", "type", "waits"),
    [
        (FUNCTION, "LambdaFunction", FUNCTION, None, "call"),
        (FUNCTION + ":live", "LambdaFunction", FUNCTION + ":live", None, "call"),
        (ACTIVITY, "Activity", ACTIVITY, None, "token"),
        (INVOKE, "Task", "invoke", "lambda", "call"),
        (TOKEN, "Task", "invoke.waitForTaskToken", "lambda", "token"),
        (NESTED, "Task", "startExecution.sync:2", "states", "child"),
        ("arn:aws:states:::states:startExecution.sync", "Task", "startExecution.sync", "states", "child"),
        (SDK, "Task", "getItem", "aws-sdk:dynamodb", "call"),
    ],
)
def test_an_attempt_by_family(resource: str, family: str, shown: str, type: str | None, waits: str):
    run = Run(task(resource, **({"Parameters": {"t.$": "$$.Task.Token"}} if resource == TOKEN else {})), {"i": 1})
    scheduled = run.events[-1]
    assert (scheduled.type, scheduled.resource, scheduled.resource_type, scheduled.waits) == (
        f"{family}Scheduled", shown, type, waits
    )  # fmt: skip
    assert scheduled.region == ("us-east-1" if family == "Task" else None)
    command = run.task()
    assert (command.frame, command.attempt, command.resource, command.family) == (1, 1, resource, family)
    assert (command.task_token is not None) == (waits == "token")
    assert command.input == scheduled.input
    run.succeed({"o": 1})
    begun = [] if family == "Activity" else [f"{family}Started"]
    assert run.types()[2:] == [
        f"{family}Scheduled", *begun, f"{family}Succeeded", "TaskStateExited", "ExecutionSucceeded",
    ]  # fmt: skip
    assert [event.previous for event in run.events] == [0, 0, *range(2, len(run.events))]
    assert run.output == {"o": 1}


def test_data_through_a_task():
    run = Run(
        task(
            InputPath="$.a", Parameters={"p.$": "$.x", "name.$": "$$.State.Name"},
            ResultSelector={"r.$": "$.v", "c.$": "$$.Execution.Name"}, ResultPath="$.out", OutputPath="$.out",
        ),
        {"a": {"x": 1}},
    )  # fmt: skip
    assert run.task().input.value == {"p": 1, "name": "S"}
    run.succeed({"v": 2, "w": 3})
    assert run.output == {"r": 2, "c": "E"}


def test_data_through_a_task_in_jsonata():
    definition = one_jsonata(
        "Task", Resource=FUNCTION, Arguments={"p": "{% $states.input.x %}"},
        Output={"r": "{% $states.result.v %}", "i": "{% $states.input.x %}"}, Assign={"v": "{% $states.result.v %}"},
    )  # fmt: skip
    run = Run(definition, {"x": 1})
    assert run.task().input.value == {"p": 1}
    run.succeed({"v": 2})
    assert run.output == {"r": 2, "i": 1}
    assert run.assigned() == {"v": 2}


def test_arguments_may_be_one_expression():
    run = Run(one_jsonata("Task", Resource=FUNCTION, Arguments="{% $states.input.list[0] %}"), {"list": [7]})
    assert run.task().input.value == 7


def test_when_the_call_began_travels_with_the_outcome():
    run = Run(task())
    run.go(5)
    run.succeed(1, started_at=BEGIN + 3)
    assert [event.at - BEGIN for event in run.events[2:5]] == [0, 3, 5]


@pytest.mark.parametrize("started_at", [None, 0.0, BEGIN - 100, BEGIN + 1_000])
def test_no_clock_moves_time_backwards(started_at: float | None):
    run = Run(task())
    run.go(5)
    run.succeed(1, started_at=started_at)
    times = [event.at - BEGIN for event in run.events]
    assert times == sorted(times)
    assert times[-1] == 5


def test_a_stimulus_of_the_past_happens_now():
    wait = {"Name": "W", "Type": "Wait", "Seconds": 10}
    run = Run(machine(wait, {"Name": "S", "Type": "Task", "Resource": FUNCTION}))
    run.fire()
    run.at = BEGIN
    run.succeed(1)
    assert run.events[-1].at == BEGIN + 10


def test_a_long_call_is_started_alone():
    run = Run(task())
    run.go(1)
    assert run.started().accepted
    assert run.types()[-1] == "LambdaFunctionStarted"
    assert not run.started().accepted, "it starts once"
    run.go(1)
    run.succeed(1, started_at=BEGIN)
    assert run.types().count("LambdaFunctionStarted") == 1
    assert run.events[3].at == BEGIN + 1


def test_an_activity_that_was_picked_up():
    run = Run(task(ACTIVITY, HeartbeatSeconds=10, TimeoutSeconds=60))
    assert run.timers == {(1, "timeout"): BEGIN + 60}, "nobody has the token yet, so nobody can beat"
    command = run.task()
    run.go(5)
    run.started(worker_name="w1")
    assert run.events[-1].worker_name == "w1"
    assert not run.tasks, "it is not offered to a second worker"
    assert run.timers == {(1, "timeout"): BEGIN + 60, (1, "heartbeat"): BEGIN + 15}
    assert not run.about(s.TaskStarted, command, worker_name="w2").accepted
    run.about(s.TaskSucceeded, command, output=Payload("done"))
    assert run.types()[2:5] == ["ActivityScheduled", "ActivityStarted", "ActivitySucceeded"]


def test_an_activity_that_nobody_picks_up():
    run = Run(task(ACTIVITY, TimeoutSeconds=60))
    run.fire("timeout")
    assert run.types()[2:] == ["ActivityScheduled", "ActivityTimedOut", "ExecutionFailed"]
    assert run.failure == ("States.Timeout", None)


# --- tokens


def test_a_token_for_each_attempt():
    definition = task(TOKEN, Parameters={"t.$": "$$.Task.Token"}, Retry=[{"ErrorEquals": ["States.ALL"]}])
    run = Run(definition)
    first = run.task()
    assert first.input.value["t"] == first.task_token == task_token(EXECUTION, SEED, 1, 1)
    run.fail()
    run.fire("retry")
    second = run.task()
    assert second.input.value["t"] == second.task_token != first.task_token
    assert second.idempotency_key != first.idempotency_key
    parsed = parse_task_token(second.task_token)
    assert (parsed.execution, parsed.frame, parsed.attempt) == (EXECUTION, 1, 2)
    assert parsed.is_genuine(SEED) and not parsed.is_genuine("other")


def test_the_context_keeps_the_token_of_the_attempt():
    tokens = {"t.$": "$$.Task.Token"}
    catcher = {"ErrorEquals": ["Oops"], "Next": "S2", "Assign": tokens}
    states = {"Name": "S", "Type": "Task", "Resource": TOKEN, "Parameters": tokens, "Catch": [catcher]}
    definition = machine({**states, "ResultSelector": tokens}, {"Name": "S2", "Type": "Pass"})
    succeeded, failed = Run(definition), Run(definition)
    token = succeeded.task().task_token
    succeeded.succeed({})
    assert succeeded.exited().output.value == {"t": token}
    failed.fail()
    assert failed.assigned() == {"t": token}


@pytest.mark.parametrize("text", ["", "x", "AAAA", "é", "!" * 400, "gA==", "k6FhAQI="])
def test_what_is_no_token(text: str):
    with pytest.raises(InvalidTaskToken):
        parse_task_token(text)


def test_an_idempotency_key_is_of_its_attempt():
    keys = {idempotency_key(seed, frame, attempt) for seed in ("a", "b") for frame in (1, 2) for attempt in (1, 2)}
    assert len(keys) == 8
    assert idempotency_key("a", 1, 1) == idempotency_key("a", 1, 1)


def test_a_token_may_come_before_the_call_returns():
    run = Run(task(TOKEN))
    command = run.task()
    run.succeed("early")
    assert run.types()[2:5] == ["TaskScheduled", "TaskStarted", "TaskSucceeded"]
    assert not run.about(s.TaskSubmitted, command, output=Payload({})).accepted
    assert not run.about(s.TaskFailed, command, error="late").accepted


def test_submitted():
    run = Run(task(TOKEN, HeartbeatSeconds=30))
    command = run.task()
    run.go(2)
    run.about(s.TaskSubmitted, command, output=Payload({"r": 1}), started_at=BEGIN + 1)
    assert not run.tasks, "after a restart the call is not made again"
    assert run.history()[2:] == [(3, 2, "TaskScheduled"), (4, 3, "TaskStarted"), (5, 4, "TaskSubmitted")]
    assert run.events[3].at == BEGIN + 1
    assert not run.about(s.TaskSubmitted, command, output=Payload({"r": 1})).accepted
    run.about(s.TaskSucceeded, command, output=Payload("by token"))
    assert run.output == "by token"


def test_settled_once():
    run = Run(machine({"Name": "S", "Type": "Task", "Resource": FUNCTION}, {"Name": "W", "Type": "Wait", "Seconds": 9}))
    command = run.task()
    assert run.succeed(1).accepted
    for type, fields in (
        (s.TaskSucceeded, {"output": Payload(2)}), (s.TaskFailed, {"error": "E"}), (s.TaskHeartbeat, {}),
        (s.TaskStarted, {}), (s.TaskSubmitted, {"output": Payload(3)}),
    ):  # fmt: skip
        assert not run.about(type, command, **fields).accepted
    assert run.exited().output.value == 1


@pytest.mark.parametrize(("frame", "attempt"), [(1, 2), (1, 0), (2, 1), (0, 1)])
def test_an_attempt_that_there_is_not(frame: int, attempt: int):
    run = Run(task())
    assert not run.feed(s.TaskSucceeded(at=BEGIN, frame=frame, attempt=attempt, output=Payload(1))).accepted
    assert run.tasks


# --- time


def test_a_timeout():
    run = Run(task(TimeoutSeconds=10, HeartbeatSeconds=8))
    command = run.task()
    assert (command.timeout_seconds, command.heartbeat_seconds) == (10, 8)
    assert run.timers == {(1, "timeout"): BEGIN + 10, (1, "heartbeat"): BEGIN + 8}
    run.go(7)
    assert run.about(s.TaskHeartbeat, command).accepted
    assert run.timers == {(1, "timeout"): BEGIN + 10, (1, "heartbeat"): BEGIN + 15}, "a beat moves no timeout"
    run.fire("timeout")
    assert run.types()[2:] == [
        "LambdaFunctionScheduled", "LambdaFunctionStarted", "LambdaFunctionTimedOut", "ExecutionFailed",
    ]  # fmt: skip
    assert run.failure == ("States.Timeout", None)
    assert not run.about(s.TaskSucceeded, command, output=Payload(1)).accepted


def test_a_heartbeat_that_does_not_come():
    run = Run(task(TOKEN, HeartbeatSeconds=8))
    run.about(s.TaskSubmitted, run.task(), output=Payload({}))
    run.fire("heartbeat")
    # AWS shows States.Timeout; that it was the heartbeat, only retriers and catchers can tell.
    assert run.types()[2:] == ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskTimedOut", "ExecutionFailed"]
    assert run.failure == ("States.Timeout", None)


def test_an_old_timer_is_nobodys():
    run = Run(task(HeartbeatSeconds=8))
    run.go(5)
    run.about(s.TaskHeartbeat, run.task())
    assert not run.feed(s.TimerFired(at=BEGIN + 8, frame=1, kind="heartbeat", due_at=BEGIN + 8)).accepted
    assert not run.feed(s.TimerFired(at=BEGIN + 8, frame=9, kind="heartbeat", due_at=BEGIN + 8)).accepted
    assert not run.feed(s.TimerFired(at=BEGIN + 8, frame=0, kind="execution", due_at=BEGIN + 8)).accepted


@pytest.mark.parametrize(
    ("fields", "timeout", "heartbeat"),
    [
        ({"TimeoutSecondsPath": "$.t", "HeartbeatSecondsPath": "$.h"}, 9, 3),
        ({"TimeoutSeconds": 7}, 7, None),
        ({"TimeoutSecondsPath": "$.text"}, 11, None),
        ({}, None, None),
    ],
    ids=repr,
)
def test_where_times_come_from(fields: dict[str, Any], timeout: int | None, heartbeat: int | None):
    run = Run(task(**fields), {"t": 9, "h": 3, "text": "11"})
    assert (run.events[-1].timeout_seconds, run.events[-1].heartbeat_seconds) == (timeout, heartbeat)
    assert {kind: due - BEGIN for (_, kind), due in run.timers.items()} == {
        kind: seconds for kind, seconds in (("timeout", timeout), ("heartbeat", heartbeat)) if seconds is not None
    }


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        ("9 ", 'The TimeoutSecondsPath field refers to value "9 " which is not a valid integer: $.t'),
        ("9" * 5_000, '9" which is not a valid integer: $.t'),
        (0, "TimeoutSeconds must be between 1 and 99999999."),
        (-1, "TimeoutSeconds cannot be negative."),
        (10**400, "TimeoutSeconds must be between 1 and 99999999."),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_times_that_are_none(value: Any, cause: str):
    run = Run(task(TimeoutSecondsPath="$.t"), {"t": value})
    assert run.failure[0] == "States.Runtime"
    assert run.failure[1].endswith(cause)
    assert not run.commands


def test_times_in_jsonata():
    fields = {"TimeoutSeconds": "{% $states.input.t %}", "HeartbeatSeconds": "{% $states.input.t - 1 %}"}
    run = Run(one_jsonata("Task", Resource=FUNCTION, **fields), {"t": 9})
    assert (run.task().timeout_seconds, run.task().heartbeat_seconds) == (9, 8)
    failed = Run(one_jsonata("Task", Resource=FUNCTION, **fields), {"t": 1})
    assert (failed.failure[0], failed.events[2].location) == ("States.QueryEvaluationError", "HeartbeatSeconds")


# --- failures


@pytest.mark.parametrize(("error", "cause"), [("E", "c"), ("E", None), (None, None), ("States.Timeout", "c")])
def test_a_failure(error: str | None, cause: str | None):
    run = Run(task(INVOKE))
    run.fail(error, cause)
    assert run.history()[3:] == [(4, 3, "TaskStarted"), (5, 4, "TaskFailed"), (6, 5, "ExecutionFailed")]
    ended = run.events[4]
    assert (ended.error, ended.cause, ended.resource, ended.resource_type) == (error, cause, "invoke", "lambda")
    assert run.failure == (error, cause)


def test_credentials():
    role = "arn:aws:iam::123456789012:role/other"
    run = Run(task(Credentials={"RoleArn.$": "$.role"}), {"role": role})
    assert run.task().credentials == run.events[-1].credentials == role


# --- nested executions


def test_a_child_is_stopped_with_the_task_that_waits_for_it():
    for end in ("timeout", "stop"):
        run = Run(task(NESTED, TimeoutSeconds=10))
        run.about(s.TaskSubmitted, run.task(), output=Payload({}), child="arn:child")
        assert not run.stopped_children
        if end == "timeout":
            run.fire("timeout")
        else:
            run.stop()
        assert run.stopped_children == ["arn:child"]


def test_a_child_that_ended_is_not_stopped():
    run = Run(task(NESTED))
    command = run.task()
    run.about(s.TaskSubmitted, command, output=Payload({}), child="arn:child")
    run.about(s.TaskFailed, command, error="States.TaskFailed", cause="{}")
    assert run.failure == ("States.TaskFailed", "{}")
    assert not run.stopped_children


def test_what_a_task_is_told_is_in_the_journal():
    run = Run(task(TimeoutSeconds=10))
    scheduled = run.recorded(r.TaskScheduled)[0]
    assert scheduled.input.text == run.task().input.text == "{}"
    assert run.recorded(r.TimerStarted) == [r.TimerStarted(frame=1, kind="timeout", due_at=BEGIN + 10)]
