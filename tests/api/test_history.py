"""Each family of records as AWS's HistoryEvent; the names of all members are held to AWS's model."""

from typing import Any

import pytest

from stepwell.api.history import history_event
from stepwell.awsmodels.model import load_service
from stepwell.machine import records as r
from stepwell.machine.payload import Payload

DATA = Payload.of_text('{"a":  1}')
TEXT = '{"a":  1}'
WHOLE = {"truncated": False}
STARTED: dict[str, Any] = {
    "execution": "e", "name": "n", "state_machine": "m", "state_machine_name": "m", "revision": "r", "role": "role",
    "region": "r", "input": DATA, "seed": "s", "start_at": "A",
}  # fmt: skip
FULL = {"resource": "invoke", "resource_type": "lambda"}

CASES: list[tuple[r.Event, str | None, Any]] = [
    (
        r.ExecutionStarted(type="ExecutionStarted", at=1, **STARTED),
        "executionStartedEventDetails",
        {"input": TEXT, "inputDetails": WHOLE, "roleArn": "role"},
    ),
    (
        r.ExecutionStarted(type="ExecutionStarted", at=1, **STARTED, version="v", alias="a"),
        "executionStartedEventDetails",
        {
            "input": TEXT, "inputDetails": WHOLE, "roleArn": "role", "stateMachineVersionArn": "v",
            "stateMachineAliasArn": "a",
        },
    ),
    (
        r.ExecutionEnded(type="ExecutionSucceeded", at=1, output=DATA),
        "executionSucceededEventDetails",
        {"output": TEXT, "outputDetails": WHOLE},
    ),
    (
        r.ExecutionEnded(type="ExecutionFailed", at=1, error="E", cause="C"),
        "executionFailedEventDetails",
        {"error": "E", "cause": "C"},
    ),
    (r.ExecutionEnded(type="ExecutionTimedOut", at=1, error="E"), "executionTimedOutEventDetails", {"error": "E"}),
    (r.ExecutionEnded(type="ExecutionAborted", at=1), "executionAbortedEventDetails", {}),
    (
        r.ExecutionRedriven(type="ExecutionRedriven", at=1, redrive_count=2, resumes={1: "redriven"}, client_token="t"),
        "executionRedrivenEventDetails",
        {"redriveCount": 2},
    ),
    (
        r.StateEntered(type="MapStateEntered", at=1, name="S", input=DATA),
        "stateEnteredEventDetails",
        {"name": "S", "input": TEXT, "inputDetails": WHOLE},
    ),
    (
        r.StateExited(type="PassStateExited", at=1, name="S", output=DATA),
        "stateExitedEventDetails",
        {"name": "S", "output": TEXT, "outputDetails": WHOLE},
    ),
    (
        r.StateExited(type="PassStateExited", at=1, name="S", output=DATA, assigned={"x": Payload("v"), "y": DATA}),
        "stateExitedEventDetails",
        {
            "name": "S", "output": TEXT, "outputDetails": WHOLE, "assignedVariables": {"x": '"v"', "y": TEXT},
            "assignedVariablesDetails": WHOLE,
        },
    ),
    (r.StateAborted(type="WaitStateAborted", at=1), None, None),
    (
        r.EvaluationFailed(type="EvaluationFailed", at=1, state="S", error="E", cause="C", location="Output/x"),
        "evaluationFailedEventDetails",
        {"state": "S", "error": "E", "cause": "C", "location": "Output/x"},
    ),
    (
        r.TaskScheduled(type="LambdaFunctionScheduled", at=1, attempt=1, resource="arn", input=DATA),
        "lambdaFunctionScheduledEventDetails",
        {"resource": "arn", "input": TEXT, "inputDetails": WHOLE},
    ),
    (
        r.TaskScheduled(
            type="ActivityScheduled", at=1, attempt=1, resource="arn", input=DATA, timeout_seconds=5,
            heartbeat_seconds=2,
        ),
        "activityScheduledEventDetails",
        {"resource": "arn", "input": TEXT, "inputDetails": WHOLE, "timeoutInSeconds": 5, "heartbeatInSeconds": 2},
    ),
    (
        r.TaskScheduled(type="TaskScheduled", at=1, attempt=1, input=DATA, region="r", credentials="role", **FULL),
        "taskScheduledEventDetails",
        {
            "resource": "invoke", "resourceType": "lambda", "region": "r", "parameters": TEXT,
            "taskCredentials": {"roleArn": "role"},
        },
    ),
    (r.TaskBegun(type="LambdaFunctionStarted", at=1), None, None),
    (r.TaskBegun(type="ActivityStarted", at=1, worker_name="w"), "activityStartedEventDetails", {"workerName": "w"}),
    (
        r.TaskBegun(type="TaskStarted", at=1, **FULL),
        "taskStartedEventDetails",
        {"resource": "invoke", "resourceType": "lambda"},
    ),
    (
        r.TaskSubmitted(type="TaskSubmitted", at=1, output=DATA, **FULL),
        "taskSubmittedEventDetails",
        {"resource": "invoke", "resourceType": "lambda", "output": TEXT, "outputDetails": WHOLE},
    ),
    (
        r.TaskEnded(type="TaskSucceeded", at=1, output=DATA, **FULL),
        "taskSucceededEventDetails",
        {"resource": "invoke", "resourceType": "lambda", "output": TEXT, "outputDetails": WHOLE},
    ),
    (
        r.TaskEnded(type="LambdaFunctionFailed", at=1, error="E", cause="C"),
        "lambdaFunctionFailedEventDetails",
        {"error": "E", "cause": "C"},
    ),
    (r.TaskEnded(type="ActivityTimedOut", at=1, error="E"), "activityTimedOutEventDetails", {"error": "E"}),
    (r.ParallelStarted(type="ParallelStateStarted", at=1, branches=["A"], first_frame=2, input=DATA), None, None),
    (
        r.MapStarted(type="MapStateStarted", at=1, items=DATA, length=3, concurrency=0, input=DATA),
        "mapStateStartedEventDetails",
        {"length": 3},
    ),
    (
        r.IterationStarted(type="MapIterationStarted", at=1, name="M", index=2, child=5, start_at="A", input=DATA),
        "mapIterationStartedEventDetails",
        {"name": "M", "index": 2},
    ),
    (
        r.IterationEnded(type="MapIterationAborted", at=1, name="M", index=2, child=5),
        "mapIterationAbortedEventDetails",
        {"name": "M", "index": 2},
    ),
    (r.BranchesEnded(type="MapStateSucceeded", at=1), None, None),
]  # fmt: skip


@pytest.mark.parametrize(("event", "member", "details"), CASES, ids=lambda value: getattr(value, "type", None))
def test_events(event: r.Event, member: str | None, details: Any) -> None:
    rendered = history_event(7, event, True)
    expected: dict[str, Any] = {"timestamp": 1, "type": event.type, "id": 7, "previousEventId": 0}
    assert rendered == ({**expected, member: details} if member else expected)


@pytest.mark.parametrize(("event", "member", "details"), CASES, ids=lambda value: getattr(value, "type", None))
def test_members_are_those_of_the_model(event: r.Event, member: str | None, details: Any) -> None:
    model = load_service("stepfunctions")
    shape = model.shapes["HistoryEvent"]["members"]
    assert event.type in model.shapes["HistoryEventType"]["enum"]
    if member is not None:
        of_member = model.shapes[shape[member]["shape"]]
        assert set(details) <= set(of_member["members"])
        assert set(of_member.get("required", ())) - {"parameters"} <= set(history_event(1, event, True)[member])


@pytest.mark.parametrize(("event", "member", "details"), CASES, ids=lambda value: getattr(value, "type", None))
def test_without_execution_data(event: r.Event, member: str | None, details: Any) -> None:
    dropped = {"input", "inputDetails", "output", "outputDetails", "assignedVariables", "assignedVariablesDetails"}
    if member is not None:
        kept = {name: value for name, value in details.items() if name not in dropped}
        assert history_event(7, event, False)[member] == kept


def test_times_are_to_the_millisecond() -> None:
    event = r.StateAborted(type="WaitStateAborted", at=1795301254.6294567, previous=3)
    rendered = history_event(9, event, True)
    assert (rendered["timestamp"], rendered["previousEventId"]) == (1795301254.629, 3)
