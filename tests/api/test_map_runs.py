"""Map Runs through the API: what is described, listed and updated while and after children run."""

import json
from typing import Any

import pytest

DISTRIBUTED = {
    "StartAt": "M",
    "States": {
        "M": {
            "Type": "Map",
            "Label": "Rows",
            "MaxConcurrency": 2,
            "ToleratedFailureCount": 1,
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                "StartAt": "C",
                "States": {
                    "C": {
                        "Type": "Choice",
                        "Choices": [{"Variable": "$", "NumericEquals": 0, "Next": "F"}],
                        "Default": "S",
                    },
                    "F": {"Type": "Fail", "Error": "Zero"},
                    "S": {"Type": "Succeed"},
                },
            },
            "End": True,
        }
    },
}


@pytest.fixture
def finished(api: Any) -> str:
    """The ARN of an execution whose Map Run had three children, one of which failed."""
    machine = api.create(definition=DISTRIBUTED)
    arn: str = api.call("StartExecution", stateMachineArn=machine, input="[0, 1, 2]")["executionArn"]
    api.finish(arn)
    return arn


def map_run_of(api: Any, execution: str) -> dict[str, Any]:
    (run,) = api.call("ListMapRuns", executionArn=execution)["mapRuns"]
    found: dict[str, Any] = run
    return found


def test_a_map_run_is_listed_and_described(api: Any, finished: str) -> None:
    listed = map_run_of(api, finished)
    assert listed["executionArn"] == finished
    assert listed["stateMachineArn"].endswith("/Rows")
    described = api.call("DescribeMapRun", mapRunArn=listed["mapRunArn"])
    assert described["status"] == "SUCCEEDED"
    assert (described["maxConcurrency"], described["toleratedFailureCount"]) == (2, 1)
    expected = {"pending": 0, "running": 0, "succeeded": 2, "failed": 1, "timedOut": 0, "aborted": 0, "total": 3}
    for block in ("itemCounts", "executionCounts"):
        assert expected.items() <= described[block].items()
    assert described["startDate"] <= described["stopDate"]


def test_children_are_listed_by_their_map_run(api: Any, finished: str) -> None:
    run = map_run_of(api, finished)["mapRunArn"]
    page = api.call("ListExecutions", mapRunArn=run, maxResults=2)
    rest = api.call("ListExecutions", mapRunArn=run, maxResults=2, nextToken=page["nextToken"])
    children = page["executions"] + rest["executions"]
    assert "nextToken" not in rest
    assert [child["status"] for child in children] == ["SUCCEEDED", "SUCCEEDED", "FAILED"], "the latest first"
    assert all(child["mapRunArn"] == run and child["itemCount"] == 1 for child in children)
    (failed,) = api.call("ListExecutions", mapRunArn=run, statusFilter="FAILED")["executions"]
    assert failed["executionArn"] == children[2]["executionArn"]
    assert api.call("ListExecutions", mapRunArn=run, statusFilter="PENDING_REDRIVE")["executions"] == []


def test_a_child_is_described_with_its_map_run(api: Any, finished: str) -> None:
    run = map_run_of(api, finished)["mapRunArn"]
    child = api.call("ListExecutions", mapRunArn=run, statusFilter="FAILED")["executions"][0]["executionArn"]
    described = api.call("DescribeExecution", executionArn=child)
    assert (described["error"], described["mapRunArn"], described["input"]) == ("Zero", run, "0")
    machine = api.call("DescribeStateMachineForExecution", executionArn=child)
    assert (machine["mapRunArn"], machine["label"]) == (run, "Rows")
    assert machine["name"].endswith("/Rows")
    assert json.loads(machine["definition"])["StartAt"] == "C"
    events = api.call("GetExecutionHistory", executionArn=child)["events"]
    assert events[-1]["type"] == "ExecutionFailed"


def test_the_definition_of_the_children_has_an_arn(api: Any) -> None:
    machine = api.create(definition=DISTRIBUTED)
    described = api.call("DescribeStateMachine", stateMachineArn=f"{machine}/Rows")
    assert (described["label"], described["stateMachineArn"]) == ("Rows", f"{machine}/Rows")
    assert set(json.loads(described["definition"])["States"]) == {"C", "F", "S"}
    assert api.refused("DescribeStateMachine", stateMachineArn=f"{machine}/None")[0] == "StateMachineDoesNotExist"
    assert api.refused("StartExecution", stateMachineArn=f"{machine}/Rows")[0] == "ValidationException"


def test_updates_are_for_map_runs_that_run(api: Any, finished: str) -> None:
    run = map_run_of(api, finished)["mapRunArn"]
    assert api.refused("UpdateMapRun", mapRunArn=run, maxConcurrency=5)[0] == "ValidationException"
    assert api.refused("UpdateMapRun", mapRunArn=run)[0] == "ValidationException"
    missing = run[:-4] + "0000"
    assert api.refused("UpdateMapRun", mapRunArn=missing, maxConcurrency=5)[0] == "ResourceNotFound"
    assert api.refused("DescribeMapRun", mapRunArn=missing)[0] == "ResourceNotFound"
    assert api.refused("ListExecutions", mapRunArn=missing)[0] == "ResourceNotFound"


def test_children_that_wait_for_their_redrive_are_listed_as_such(api: Any) -> None:
    activity = api.call("CreateActivity", name="a")["activityArn"]
    states = {"T": {"Type": "Task", "Resource": activity, "End": True}}
    definition = json.loads(json.dumps(DISTRIBUTED))
    definition["States"]["M"] |= {"MaxConcurrency": 1, "ToleratedFailureCount": 2}
    definition["States"]["M"]["ItemProcessor"] |= {"StartAt": "T", "States": states}
    execution = api.start(api.create(definition=definition), input="[0, 1, 2]")
    for _ in range(3):
        token = api.call("GetActivityTask", activityArn=activity)["taskToken"]
        api.call("SendTaskFailure", taskToken=token)
    api.finish(execution)
    api.call("RedriveExecution", executionArn=execution)
    api.call("GetActivityTask", activityArn=activity)
    run = map_run_of(api, execution)["mapRunArn"]
    page = api.call("ListExecutions", mapRunArn=run, statusFilter="PENDING_REDRIVE", maxResults=1)
    rest = api.call("ListExecutions", mapRunArn=run, statusFilter="PENDING_REDRIVE", nextToken=page["nextToken"])
    assert [child["status"] for child in page["executions"] + rest["executions"]] == ["PENDING_REDRIVE"] * 2
    counts = api.call("DescribeMapRun", mapRunArn=run)["executionCounts"]
    assert (counts["pendingRedrive"], counts["running"], counts["failed"]) == (2, 1, 0)
