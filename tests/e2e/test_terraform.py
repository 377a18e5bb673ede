"""The calls that Terraform makes, for the resources that its AWS provider has of both services.

The order is that of the provider (terraform-provider-aws, internal/service/sfn and internal/service/lambda): a plan
validates, a create waits and reads back, every read asks for tags too, an update reads until it sees itself, a delete
reads until nothing is there. Terraform itself does not run here.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from processes import ServerProcess, client
from projects import ARN, ended, poll

from stepwell.functions.build import build_function

pytestmark = pytest.mark.e2e

ROLE = "arn:aws:iam::123456789012:role/r"
TAGS = [{"key": "team", "value": "shop"}]


def definition(result: Any) -> str:
    """As HCL's jsonencode writes it."""
    states = {"A": {"End": True, "Result": result, "Type": "Pass"}}
    return json.dumps({"StartAt": "A", "States": states}, separators=(",", ":"))


def code_of(call: Callable[[], Any]) -> str:
    """The error code that a call ends with, "" when it does not fail."""
    try:
        call()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


@pytest.fixture(scope="module")
def steps(server: ServerProcess) -> Any:
    return client("stepfunctions", server.url)


class StateMachine:
    """aws_sfn_state_machine."""

    def __init__(self, steps: Any) -> None:
        self.steps = steps

    def plan(self, definition: str) -> list[dict[str, Any]]:
        """The errors of a definition, which fail the plan."""
        reply = self.steps.validate_state_machine_definition(definition=definition, type="STANDARD")
        return [] if reply["result"] == "OK" else reply["diagnostics"]

    def create(self, name: str, definition: str) -> dict[str, Any]:
        made = self.steps.create_state_machine(
            name=name, definition=definition, roleArn=ROLE, type="STANDARD", publish=True, tags=TAGS,
            loggingConfiguration={"includeExecutionData": False, "level": "OFF"},
            tracingConfiguration={"enabled": False}, encryptionConfiguration={"type": "AWS_OWNED_KEY"},
        )  # fmt: skip
        self.arn = made["stateMachineArn"]
        return self.read()

    def read(self) -> dict[str, Any]:
        described = self.steps.describe_state_machine(stateMachineArn=self.arn)
        del described["ResponseMetadata"]
        versions = self.steps.list_state_machine_versions(stateMachineArn=self.arn)["stateMachineVersions"]
        tags = self.steps.list_tags_for_resource(resourceArn=self.arn)["tags"]
        return {**described, "versions": [each["stateMachineVersionArn"] for each in versions], "tags": tags}

    def update(self, definition: str) -> dict[str, Any]:
        self.steps.update_state_machine(stateMachineArn=self.arn, definition=definition, publish=True)
        return dict(poll(self.read, lambda found: found["definition"] == definition))

    def delete(self) -> None:
        self.steps.delete_state_machine(stateMachineArn=self.arn)
        read = lambda: code_of(lambda: self.steps.describe_state_machine(stateMachineArn=self.arn))  # noqa: E731
        assert poll(read, bool) == "StateMachineDoesNotExist"


def test_a_state_machine_from_plan_to_destroy(steps: Any) -> None:
    machine = StateMachine(steps)
    assert [each["severity"] for each in machine.plan('{"StartAt": "A", "States": {}}')] == ["ERROR"]
    assert machine.plan(definition("one")) == []

    made = machine.create("tf", definition("one"))
    assert (made["status"], made["definition"], made["type"]) == ("ACTIVE", definition("one"), "STANDARD")
    assert made["loggingConfiguration"] == {"level": "OFF", "includeExecutionData": False}
    assert made["tracingConfiguration"] == {"enabled": False}
    assert made["encryptionConfiguration"] == {"type": "AWS_OWNED_KEY"}
    assert (made["versions"], made["tags"]) == ([f"{ARN}:stateMachine:tf:1"], TAGS)
    # A second plan finds no difference.
    assert machine.read() == made

    changed = machine.update(definition("two"))
    assert changed["versions"] == [f"{ARN}:stateMachine:tf:2", f"{ARN}:stateMachine:tf:1"]
    assert changed["revisionId"] != made.get("revisionId")
    steps.tag_resource(resourceArn=machine.arn, tags=[{"key": "stage", "value": "live"}])
    steps.untag_resource(resourceArn=machine.arn, tagKeys=["team"])
    assert machine.read()["tags"] == [{"key": "stage", "value": "live"}]
    machine.delete()


def test_a_state_machine_that_still_runs_is_polled_until_it_is_gone(steps: Any) -> None:
    activity = steps.create_activity(name="tf-desk")["activityArn"]
    task = {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": activity, "End": True}}}
    machine = StateMachine(steps)
    machine.create("tf-busy", json.dumps(task))
    execution = steps.start_execution(stateMachineArn=machine.arn)["executionArn"]
    steps.delete_state_machine(stateMachineArn=machine.arn)
    assert steps.describe_state_machine(stateMachineArn=machine.arn)["status"] == "DELETING"
    assert code_of(lambda: machine.create("tf-busy", json.dumps(task))) == "StateMachineDeleting"
    steps.stop_execution(executionArn=execution)
    ended(steps, execution)
    machine.delete()
    steps.delete_activity(activityArn=activity)


def test_an_alias_follows_the_version_that_was_published(steps: Any) -> None:
    machine = StateMachine(steps)
    first = machine.create("tf-aliased", definition("one"))["versions"][0]
    route = {"routingConfiguration": [{"stateMachineVersionArn": first, "weight": 100}]}
    alias = steps.create_state_machine_alias(name="live", description="", **route)["stateMachineAliasArn"]
    read = steps.describe_state_machine_alias(stateMachineAliasArn=alias)
    assert read["routingConfiguration"] == route["routingConfiguration"]
    second = machine.update(definition("two"))["versions"][0]
    split = [{"stateMachineVersionArn": first, "weight": 90}, {"stateMachineVersionArn": second, "weight": 10}]
    steps.update_state_machine_alias(stateMachineAliasArn=alias, routingConfiguration=split)
    assert steps.describe_state_machine_alias(stateMachineAliasArn=alias)["routingConfiguration"] == split
    steps.delete_state_machine_alias(stateMachineAliasArn=alias)
    assert code_of(lambda: steps.describe_state_machine_alias(stateMachineAliasArn=alias)) == "ResourceNotFound"
    machine.delete()


def test_an_activity_from_create_to_destroy(steps: Any) -> None:
    made = steps.create_activity(name="tf-activity", tags=TAGS)
    activity = made["activityArn"]
    described = steps.describe_activity(activityArn=activity)
    assert (described["name"], described["creationDate"]) == ("tf-activity", made["creationDate"])
    assert steps.list_tags_for_resource(resourceArn=activity)["tags"] == TAGS
    steps.delete_activity(activityArn=activity)
    assert code_of(lambda: steps.describe_activity(activityArn=activity)) == "ActivityDoesNotExist"


class Function:
    """aws_lambda_function."""

    def __init__(self, server: ServerProcess, cache: Path) -> None:
        self.functions = client("lambda", server.url)
        self._cache = cache

    def zipped(self, result: int) -> bytes:
        source = self._cache / f"source-{result}"
        source.mkdir()
        (source / "app.py").write_text(f"def handler(event, context):\n    return {result}\n")
        return build_function(source, self._cache, print)

    def create(self, name: str, result: int) -> dict[str, Any]:
        self.name = {"FunctionName": name}
        self.functions.create_function(
            **self.name, Code={"ZipFile": self.zipped(result)}, Role=ROLE, Runtime="python3.12", Handler="app.handler",
            MemorySize=128, Timeout=3, PackageType="Zip", Architectures=["x86_64"], Publish=True, Tags={"team": "shop"},
        )  # fmt: skip
        poll(
            lambda: self.functions.get_function(**self.name)["Configuration"]["State"], lambda state: state == "Active"
        )
        return self.read()

    def read(self) -> dict[str, Any]:
        found = self.functions.get_function(**self.name)
        self.functions.get_function_code_signing_config(**self.name)
        pages = self.functions.get_paginator("list_versions_by_function").paginate(**self.name)
        versions = [version["Version"] for page in pages for version in page["Versions"]]
        tags, concurrency = found.get("Tags", {}), found.get("Concurrency", {})
        return {**found["Configuration"], **concurrency, "Tags": tags, "Versions": versions}

    def update(self, result: int, **settings: Any) -> dict[str, Any]:
        self.functions.update_function_configuration(**self.name, **settings)
        self._updated()
        self.functions.update_function_code(**self.name, ZipFile=self.zipped(result))
        self._updated()
        self.functions.publish_version(**self.name)
        return self.read()

    def _updated(self) -> None:
        read = lambda: self.functions.get_function(**self.name)["Configuration"]["LastUpdateStatus"]  # noqa: E731
        poll(read, lambda status: status == "Successful")

    def delete(self) -> None:
        self.functions.delete_function(**self.name)
        assert code_of(lambda: self.functions.get_function(**self.name)) == "ResourceNotFoundException"


def test_a_function_from_create_to_destroy(server: ServerProcess, tmp_path: Path) -> None:
    function = Function(server, tmp_path)
    made = function.create("tf-function", 1)
    assert (made["Versions"], made["Tags"], made["Timeout"]) == (["$LATEST", "1"], {"team": "shop"}, 3)
    function.functions.put_function_concurrency(**function.name, ReservedConcurrentExecutions=2)
    assert function.read()["ReservedConcurrentExecutions"] == 2
    changed = function.update(2, Timeout=5)
    assert (changed["Versions"], changed["Timeout"]) == (["$LATEST", "1", "2"], 5)
    assert changed["CodeSha256"] != made["CodeSha256"]
    answers = [
        function.functions.invoke(**function.name, Qualifier=version)["Payload"].read()
        for version in changed["Versions"]
    ]
    assert answers == [b"2", b"1", b"2"]
    function.delete()
