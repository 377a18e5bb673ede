"""An unmodified AWS SDK against the endpoint."""

import json
import time
from typing import Any

import boto3
import pytest
from botocore.config import Config

ROLE = "arn:aws:iam::123456789012:role/steps"
PASS = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})


@pytest.fixture
def client(port: int) -> Any:
    return boto3.client(
        "stepfunctions",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="eu-central-1",
        aws_access_key_id="000000000007",
        aws_secret_access_key="x",
        config=Config(inject_host_prefix=False),
    )


def test_a_machine_from_creation_to_history(client: Any) -> None:
    machine = client.create_state_machine(name="m", definition=PASS, roleArn=ROLE)["stateMachineArn"]
    assert machine == "arn:aws:states:eu-central-1:000000000007:stateMachine:m"
    execution = client.start_execution(stateMachineArn=machine, input='{"a": 1}')["executionArn"]
    while (described := client.describe_execution(executionArn=execution))["status"] == "RUNNING":
        time.sleep(0.01)
    assert described["output"] == '{"a": 1}'
    assert described["startDate"] <= described["stopDate"]
    pages = client.get_paginator("get_execution_history").paginate(
        executionArn=execution, PaginationConfig={"PageSize": 1}
    )
    events = [event for page in pages for event in page["events"]]
    assert [event["type"] for event in events] == [
        "ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded",
    ]  # fmt: skip
    listed = client.get_paginator("list_executions").paginate(stateMachineArn=machine).build_full_result()
    assert [item["executionArn"] for item in listed["executions"]] == [execution]


def test_a_synchronous_express_execution(client: Any) -> None:
    machine = client.create_state_machine(name="x", definition=PASS, roleArn=ROLE, type="EXPRESS")["stateMachineArn"]
    reply = client.start_sync_execution(stateMachineArn=machine, input="[1]")
    assert (reply["status"], reply["output"]) == ("SUCCEEDED", "[1]")


def test_errors_are_the_sdk_s_exceptions(client: Any) -> None:
    with pytest.raises(client.exceptions.InvalidArn) as caught:
        client.describe_execution(executionArn="x")
    operation = "An error occurred (InvalidArn) when calling the DescribeExecution operation"
    assert str(caught.value) == f"{operation}: Invalid Arn: 'Invalid ARN prefix: x'"
    assert caught.value.response["message"] == "Invalid Arn: 'Invalid ARN prefix: x'"
