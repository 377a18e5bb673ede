"""RedriveExecution, and what Describe, List and the history tell of it."""

import time
from typing import Any

import boto3
import pytest
from botocore.config import Config

from stepwell.engine.redrives import REDRIVABLE_SECONDS
from stepwell.machine import turn

ARN = "arn:aws:states:us-east-1:123456789012"
FAIL = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E"}}}
WAIT = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}


def stopped(api: Any) -> str:
    execution = api.start(api.create(definition=WAIT))
    api.call("StopExecution", executionArn=execution, error="E", cause="C")
    return execution


def test_a_redriven_execution_runs_and_says_so(api: Any) -> None:
    execution = stopped(api)
    reply = api.call("RedriveExecution", executionArn=execution, clientToken="token")
    described = api.call("DescribeExecution", executionArn=execution)
    assert (described["status"], described["redriveCount"]) == ("RUNNING", 1)
    assert described["redriveDate"] == reply["redriveDate"]
    assert described["redriveStatusReason"] == "Execution is RUNNING and cannot be redriven"
    assert not {"stopDate", "error", "cause"} & described.keys()
    (listed,) = api.call("ListExecutions", stateMachineArn=f"{ARN}:stateMachine:machine")["executions"]
    assert (listed["redriveCount"], listed["redriveDate"]) == (1, reply["redriveDate"])
    (redriven,) = api.call("GetExecutionHistory", executionArn=execution, reverseOrder=True)["events"][:1]
    assert redriven["type"] == "ExecutionRedriven"
    assert redriven["executionRedrivenEventDetails"] == {"redriveCount": 1}
    assert api.call("RedriveExecution", executionArn=execution, clientToken="token") == reply


def test_the_end_of_a_redriven_execution(api: Any) -> None:
    execution = stopped(api)
    api.call("RedriveExecution", executionArn=execution)
    api.clock.offset += 3601
    described = api.finish(execution)
    assert (described["status"], described["redriveCount"]) == ("SUCCEEDED", 1)
    assert described["stopDate"] > described["redriveDate"]


def refused(api: Any, execution: str) -> str:
    """The reason, which RedriveExecution and DescribeExecution give alike."""
    described = api.call("DescribeExecution", executionArn=execution)
    assert described["redriveStatus"] == "NOT_REDRIVABLE"
    reason = described["redriveStatusReason"]
    assert api.refused("RedriveExecution", executionArn=execution) == ("ExecutionNotRedrivable", reason)
    return reason


def test_a_running_and_a_succeeded_one(api: Any) -> None:
    assert refused(api, api.start(api.create("w", WAIT))) == "Execution is RUNNING and cannot be redriven"
    execution = api.start(api.create("p"))
    api.finish(execution)
    assert refused(api, execution) == "Execution is SUCCEEDED and cannot be redriven"


def test_after_fourteen_days(api: Any, extended: Any) -> None:
    for each in (api, extended):
        execution = stopped(each)
        each.clock.offset += REDRIVABLE_SECONDS + 1
        if each is api:
            assert refused(each, execution) == "Execution redrivable period exceeded"
        else:
            each.call("RedriveExecution", executionArn=execution)


def test_a_full_history(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    execution = stopped(api)
    monkeypatch.setattr(turn, "EVENTS_MAX", 4)
    assert refused(api, execution) == "Execution history event limit exceeded"


@pytest.mark.parametrize("others", [0, 1])
def test_a_machine_that_is_deleted(api: Any, others: int) -> None:
    """DELETING while another execution runs, and then gone."""
    machine = api.create(definition=WAIT)
    running = [api.start(machine) for _ in range(others)]
    execution = stopped(api)
    api.call("DeleteStateMachine", stateMachineArn=machine)
    assert refused(api, execution) == "State machine is in DELETING status"
    assert [api.call("DescribeExecution", executionArn=each)["status"] for each in running] == ["RUNNING"] * others


def test_the_definition_is_the_one_of_the_start(api: Any) -> None:
    machine = api.create(definition=FAIL)
    execution = api.start(machine)
    api.finish(execution)
    api.call(
        "UpdateStateMachine", stateMachineArn=machine, definition='{"StartAt":"F","States":{"F":{"Type":"Succeed"}}}'
    )
    api.call("RedriveExecution", executionArn=execution)
    assert api.finish(execution)["status"] == "FAILED"


@pytest.mark.parametrize("type", ["STANDARD", "EXPRESS"])
def test_a_child_of_a_map_run_is_redriven_by_that_alone(api: Any, type: str) -> None:
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": type}, **FAIL}
    states = {"M": {"Type": "Map", "ItemProcessor": processor, "End": True}}
    execution = api.start(api.create(definition={"StartAt": "M", "States": states}), input="[1]")
    assert api.finish(execution)["redriveStatus"] == "REDRIVABLE"
    (run,) = api.call("ListMapRuns", executionArn=execution)["mapRuns"]
    (child,) = api.call("ListExecutions", mapRunArn=run["mapRunArn"])["executions"]
    described = api.call("DescribeExecution", executionArn=child["executionArn"])
    assert described["redriveStatus"] == "REDRIVABLE_BY_MAP_RUN" and "redriveStatusReason" not in described
    code, text = api.refused("RedriveExecution", executionArn=child["executionArn"])
    assert code == "ExecutionNotRedrivable" and "redrive the execution of the Map" in text


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"executionArn": f"{ARN}:execution:machine:nobody"}, "ExecutionDoesNotExist"),
        ({"executionArn": f"{ARN}:express:machine:e:uid"}, "InvalidArn"),
        ({"executionArn": "x"}, "InvalidArn"),
        ({}, "ValidationException"),
        ({"executionArn": f"{ARN}:execution:machine:e", "clientToken": "white space"}, "ValidationException"),
    ],
)
def test_what_is_refused(api: Any, request_: dict[str, str], code: str) -> None:
    assert api.refused("RedriveExecution", **request_)[0] == code


def test_with_boto3(port: int) -> None:
    client: Any = boto3.client(
        "stepfunctions", endpoint_url=f"http://127.0.0.1:{port}", region_name="us-east-1",
        aws_access_key_id="x", aws_secret_access_key="x", config=Config(inject_host_prefix=False),
    )  # fmt: skip
    role = "arn:aws:iam::123456789012:role/steps"
    definition = '{"StartAt":"F","States":{"F":{"Type":"Fail"}}}'
    machine = client.create_state_machine(name="redriven", definition=definition, roleArn=role)["stateMachineArn"]
    execution = client.start_execution(stateMachineArn=machine)["executionArn"]
    while client.describe_execution(executionArn=execution)["status"] == "RUNNING":
        time.sleep(0.01)
    redriven = client.redrive_execution(executionArn=execution)["redriveDate"]
    assert client.describe_execution(executionArn=execution)["redriveDate"] == redriven
    client.delete_state_machine(stateMachineArn=machine)
    with pytest.raises(client.exceptions.ExecutionNotRedrivable):
        client.redrive_execution(executionArn=execution)
