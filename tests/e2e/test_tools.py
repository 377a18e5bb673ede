"""The tools that people build with: AWS's command line, boto3 and the CDK."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from botocore.waiter import WaiterModel, create_waiter_with_client
from commandline import CommandLine
from processes import ServerProcess, client, shared_folder
from projects import ARN, ROOT, Project, ended, poll

pytestmark = pytest.mark.e2e

ROLE = "arn:aws:iam::123456789012:role/r"


def definition(result: Any) -> str:
    return json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": result, "End": True}}})


@pytest.fixture(scope="module")
def steps(server: ServerProcess) -> Any:
    return client("stepfunctions", server.url)


@pytest.fixture(scope="module")
def aws(server: ServerProcess) -> Iterator[CommandLine]:
    commands = CommandLine(server.url)
    yield commands
    commands.close()


# --- AWS's command line


def test_versions_aliases_and_tags_by_the_command_line(aws: CommandLine, steps: Any, tmp_path: Path) -> None:
    file = tmp_path / "definition.json"
    file.write_text(definition("first"))
    create = ["create-state-machine", "--name", "released", "--definition", f"file://{file}", "--role-arn", ROLE]
    made = aws.json(
        "stepfunctions", *create, "--publish", "--version-description", "one", "--tags", "key=team,value=shop"
    )
    machine, first = made["stateMachineArn"], made["stateMachineVersionArn"]
    assert first == f"{machine}:1"
    updated = aws.json(
        "stepfunctions", "update-state-machine", "--state-machine-arn", machine, "--definition", definition("second")
    )
    second = aws.json("stepfunctions", "publish-state-machine-version", "--state-machine-arn", machine)[
        "stateMachineVersionArn"
    ]
    assert (
        updated["revisionId"]
        == aws.json("stepfunctions", "describe-state-machine", "--state-machine-arn", second)["revisionId"]
    )
    versions = aws.json("stepfunctions", "list-state-machine-versions", "--state-machine-arn", machine)[
        "stateMachineVersions"
    ]
    assert [version["stateMachineVersionArn"] for version in versions] == [second, first]

    routes = [f"stateMachineVersionArn={first},weight=100"]
    create = ["create-state-machine-alias", "--name", "live", "--routing-configuration", *routes]
    alias = aws.json("stepfunctions", *create)["stateMachineAliasArn"]
    assert alias == f"{machine}:live"
    execution = aws.json("stepfunctions", "start-execution", "--state-machine-arn", alias, "--name", "e")[
        "executionArn"
    ]
    ended(steps, execution)
    described = aws.json("stepfunctions", "describe-execution", "--execution-arn", execution)
    assert (described["output"], described["stateMachineVersionArn"]) == ('"first"', first)
    ran = aws.json("stepfunctions", "describe-state-machine-for-execution", "--execution-arn", execution)
    assert ran["definition"] == definition("first")
    history = aws.json(
        "stepfunctions", "get-execution-history", "--execution-arn", execution, "--reverse-order", "--max-items", "1"
    )
    assert [event["type"] for event in history["events"]] == ["ExecutionSucceeded"]
    assert "NextToken" in history

    aws.json("stepfunctions", "tag-resource", "--resource-arn", machine, "--tags", "key=stage,value=live")
    aws.json("stepfunctions", "untag-resource", "--resource-arn", machine, "--tag-keys", "team")
    tags = aws.json("stepfunctions", "list-tags-for-resource", "--resource-arn", machine)["tags"]
    assert tags == [{"key": "stage", "value": "live"}]
    code, _, error = aws.run("stepfunctions", "delete-state-machine-version", "--state-machine-version-arn", first)
    assert code != 0 and "(ConflictException)" in error


def test_the_command_line_validates(aws: CommandLine) -> None:
    broken = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}}})
    found = aws.json("stepfunctions", "validate-state-machine-definition", "--definition", broken)
    assert found["result"] == "FAIL"
    assert [each["code"] for each in found["diagnostics"]] == ["MISSING_TRANSITION_TARGET"]
    assert (
        aws.json("stepfunctions", "validate-state-machine-definition", "--definition", definition(1))["result"] == "OK"
    )


def test_text_and_queries_of_the_command_line(aws: CommandLine) -> None:
    create = ["create-state-machine", "--name", "queried", "--definition", definition(1), "--role-arn", ROLE]
    machine = aws.json("stepfunctions", *create)["stateMachineArn"]
    listing = ["list-state-machines", "--query", "stateMachines[?name=='queried'].stateMachineArn", "--output", "text"]
    assert aws.run("stepfunctions", *listing) == (0, f"{machine}\n", "")


# --- boto3


def test_every_paginator(steps: Any) -> None:
    machine = steps.create_state_machine(name="paged", definition=definition(1), roleArn=ROLE)["stateMachineArn"]
    for number in range(3):
        steps.create_activity(name=f"paged-{number}")
        execution = steps.start_execution(stateMachineArn=machine, name=f"e{number}")["executionArn"]
        ended(steps, execution)

    def every(operation: str, key: str, **arguments: str) -> list[dict[str, Any]]:
        pages = steps.get_paginator(operation).paginate(**arguments, PaginationConfig={"PageSize": 1})
        counted = [page[key] for page in pages]
        assert all(len(page) <= 1 for page in counted)
        return [item for page in counted for item in page]

    activities = every("list_activities", "activities")
    assert {"paged-0", "paged-1", "paged-2"} <= {activity["name"] for activity in activities}
    assert "paged" in [each["name"] for each in every("list_state_machines", "stateMachines")]
    executions = every("list_executions", "executions", stateMachineArn=machine)
    assert [each["name"] for each in executions] == ["e2", "e1", "e0"]
    events = every("get_execution_history", "events", executionArn=execution)
    assert [event["id"] for event in events] == [1, 2, 3, 4]


def test_a_waiter_made_by_hand(steps: Any) -> None:
    """Step Functions has no waiters of its own; people write this one."""
    acceptor = {"matcher": "path", "argument": "status"}
    acceptors = [
        {**acceptor, "expected": "SUCCEEDED", "state": "success"},
        {**acceptor, "expected": "FAILED", "state": "failure"},
    ]
    model = {"operation": "DescribeExecution", "delay": 0, "maxAttempts": 200, "acceptors": acceptors}
    waiter = create_waiter_with_client("Ended", WaiterModel({"version": 2, "waiters": {"Ended": model}}), steps)
    wait = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 0, "End": True}}}
    machine = steps.create_state_machine(name="waited", definition=json.dumps(wait), roleArn=ROLE)["stateMachineArn"]
    execution = steps.start_execution(stateMachineArn=machine)["executionArn"]
    waiter.wait(executionArn=execution)
    assert steps.describe_execution(executionArn=execution)["status"] == "SUCCEEDED"


# --- the CDK


def test_what_cdk_synth_wrote_runs() -> None:
    with shared_folder() as folder:
        shop = Project(folder, ROOT / "tests" / "data" / "cdk" / "cdk.out")
        try:
            assert "aliases\n  " + ARN + ":stateMachine:OrdersA9B65338:live\n" in shop.text()
            order = {"order": "o-1", "customer": "ada"}
            paid = shop.end(shop.start("OrdersA9B65338:live", {**order, "quantity": 2}))
            result = json.loads(paid["output"])
            assert result["charge"] == {"amount": 42, "currency": "EUR"}
            assert result["told"] == [{"mailed": "ada"}, {"amount": 42}]
            assert paid["stateMachineVersionArn"] == f"{ARN}:stateMachine:OrdersA9B65338:1"
            free = shop.end(shop.start("OrdersA9B65338", {**order, "quantity": 0}))
            assert json.loads(free["output"])["charge"] == {"amount": 0}
            quotes = f"{ARN}:stateMachine:cdk-quotes"
            quoted = shop.steps.start_sync_execution(stateMachineArn=quotes, input='{"quantity": 1}')
            assert json.loads(quoted["output"]) == {"amount": 21, "currency": "EUR"}
            tags = shop.steps.list_tags_for_resource(resourceArn=quotes)["tags"]
            assert {"key": "team", "value": "shop"} in tags
            commands = CommandLine(shop.url)
            try:
                wanted = [
                    "--log-group-name",
                    "OrdersLogF22F22FB",
                    "--filter-pattern",
                    '{ $.type = "ChoiceStateExited" }',
                ]
                read = partial(commands.json, "logs", "filter-log-events", *wanted)
                found = poll(read, lambda reply: len(reply["events"]) == 2)["events"]
            finally:
                commands.close()
            logged = [json.loads(event["message"]) for event in found]
            assert {each["execution_arn"] for each in logged} == {paid["executionArn"], free["executionArn"]}
        finally:
            shop.stop()
