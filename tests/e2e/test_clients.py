"""Unmodified clients: boto3 and AWS's command line."""

import json
import os
import subprocess
import sys
from typing import Any

import boto3
import pytest
from botocore.config import Config
from processes import ServerProcess, client, free_port, processes_of, shared_folder

pytestmark = pytest.mark.e2e

ROLE = "arn:aws:iam::123456789012:role/r"
DEFINITION = json.dumps(
    {
        "StartAt": "Greet",
        "States": {
            "Greet": {"Type": "Pass", "Parameters": {"greeting.$": "States.Format('Hello, {}!', $.name)"}, "Next": "W"},
            "W": {"Type": "Wait", "Seconds": 0, "End": True},
        },
    }
)


@pytest.fixture(scope="module")
def steps(server: ServerProcess) -> Any:
    return client("stepfunctions", server.url)


def aws(server: ServerProcess, *arguments: str) -> subprocess.CompletedProcess[str]:
    """AWS's command line, in the environment of somebody who has configured nothing."""
    environment = {
        "PATH": os.environ["PATH"], "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_PAGER": "",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }  # fmt: skip
    command = [sys.executable, "-c", "from awscli.clidriver import main; raise SystemExit(main())"]
    return subprocess.run(
        [*command, "--endpoint-url", server.url, "stepfunctions", *arguments],
        env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def aws_json(server: ServerProcess, *arguments: str) -> Any:
    finished = aws(server, *arguments)
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)


def finished(steps: Any, execution: str) -> Any:
    while (found := steps.describe_execution(executionArn=execution))["status"] == "RUNNING":
        pass
    return found


def test_command_line(server: ServerProcess, steps: Any) -> None:
    create = ["create-state-machine", "--name", "by-cli", "--definition", DEFINITION, "--role-arn", ROLE]
    machine = aws_json(server, *create)["stateMachineArn"]
    assert machine == "arn:aws:states:us-east-1:123456789012:stateMachine:by-cli"
    start = ["start-execution", "--state-machine-arn", machine, "--name", "first", "--input", '{"name": "Ada"}']
    execution = aws_json(server, *start)["executionArn"]
    finished(steps, execution)
    described = aws_json(server, "describe-execution", "--execution-arn", execution)
    assert (described["status"], described["output"]) == ("SUCCEEDED", '{"greeting":"Hello, Ada!"}')
    listed = aws_json(server, "list-executions", "--state-machine-arn", machine)["executions"]
    assert [(each["name"], each["status"]) for each in listed] == [("first", "SUCCEEDED")]


def test_command_line_shows_awss_error(server: ServerProcess) -> None:
    missing = aws(server, "describe-state-machine", "--state-machine-arn", "arn:aws:states:us-east-1:1:nonsense")
    assert missing.returncode != 0
    assert "(InvalidArn)" in missing.stderr
    broken = aws(server, "create-state-machine", "--name", "x", "--definition", "{", "--role-arn", ROLE)
    assert "(InvalidDefinition)" in broken.stderr


def test_boto3_from_creation_to_history(steps: Any) -> None:
    machine = steps.create_state_machine(name="by-boto3", definition=DEFINITION, roleArn=ROLE)["stateMachineArn"]
    started = steps.start_execution(stateMachineArn=machine, name="one", input='{"name": "Grace"}')
    described = finished(steps, started["executionArn"])
    assert json.loads(described["output"]) == {"greeting": "Hello, Grace!"}
    assert described["startDate"].replace(microsecond=0) == started["startDate"].replace(microsecond=0)
    pages = steps.get_paginator("get_execution_history").paginate(
        executionArn=started["executionArn"], PaginationConfig={"PageSize": 2}
    )
    events = [event for page in pages for event in page["events"]]
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    assert (events[0]["type"], events[-1]["type"]) == ("ExecutionStarted", "ExecutionSucceeded")
    with pytest.raises(steps.exceptions.ExecutionAlreadyExists):
        steps.start_execution(stateMachineArn=machine, name="one", input='{"name": "Grace"}')


def test_boto3_pages_through_executions(steps: Any) -> None:
    machine = steps.create_state_machine(name="many", definition=DEFINITION, roleArn=ROLE)["stateMachineArn"]
    for i in range(7):
        steps.start_execution(stateMachineArn=machine, name=f"e{i}", input='{"name": "x"}')
    pages = steps.get_paginator("list_executions").paginate(stateMachineArn=machine, PaginationConfig={"PageSize": 3})
    names = [each["name"] for page in pages for each in page["executions"]]
    assert sorted(names) == [f"e{i}" for i in range(7)]


def test_synchronous_express_execution(steps: Any) -> None:
    machine = steps.create_state_machine(name="quick", definition=DEFINITION, roleArn=ROLE, type="EXPRESS")
    reply = steps.start_sync_execution(stateMachineArn=machine["stateMachineArn"], input='{"name": "Alan"}')
    assert (reply["status"], json.loads(reply["output"])) == ("SUCCEEDED", {"greeting": "Hello, Alan!"})
    assert reply["billingDetails"]["billedMemoryUsedInMB"] == 64


def test_host_prefix_of_the_sdk_is_answered(server: ServerProcess, steps: Any) -> None:
    """With its own configuration the SDK calls `sync-HOST`, which is answered where that name leads here."""
    machine = steps.create_state_machine(name="prefixed", definition=DEFINITION, roleArn=ROLE, type="EXPRESS")
    prefixed = boto3.client(
        "stepfunctions", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x",
        endpoint_url=server.url.replace("127.0.0.1", "localhost"), config=Config(retries={"total_max_attempts": 1}),
    )  # fmt: skip
    hosts: list[str] = []

    def lead_here(request: Any, **_: Any) -> None:
        # As a name service would that knows the name; the Host header, which is what was signed, stays.
        hosts.append(request.url.split("/")[2].partition(":")[0])
        request.headers["Host"] = request.url.split("/")[2]
        request.url = request.url.replace("sync-localhost", "127.0.0.1")

    prefixed.meta.events.register("before-send.sfn.StartSyncExecution", lead_here)
    reply = prefixed.start_sync_execution(stateMachineArn=machine["stateMachineArn"], input='{"name": "Barbara"}')
    assert (reply["status"], hosts) == ("SUCCEEDED", ["sync-localhost"])


def test_error_reaches_boto3_as_its_own_exception(steps: Any) -> None:
    with pytest.raises(steps.exceptions.StateMachineDoesNotExist):
        steps.start_execution(stateMachineArn="arn:aws:states:us-east-1:123456789012:stateMachine:nobody")
    with pytest.raises(steps.exceptions.InvalidToken):
        steps.send_task_success(taskToken="forged", output="1")


def test_interrupt_ends_the_server_cleanly() -> None:
    with shared_folder() as folder:
        server = ServerProcess(folder, free_port())
        assert server.stop() == 0
        assert processes_of(folder) == []
        assert "Traceback" not in (folder / "server.log").read_text()
