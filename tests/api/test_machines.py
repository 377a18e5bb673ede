"""State machines over the wire."""

import json
import uuid
from typing import Any

import pytest

ROLE = "arn:aws:iam::123456789012:role/steps"
ARN = "arn:aws:states:us-east-1:123456789012:stateMachine:machine"
PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
WAIT = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}
GROUP = {"cloudWatchLogsLogGroup": {"logGroupArn": "arn:aws:logs:us-east-1:123456789012:log-group:g:*"}}


def test_create_and_describe(api: Any) -> None:
    text = json.dumps(PASS, indent=1)
    created = api.call("CreateStateMachine", name="machine", definition=text, roleArn=ROLE)
    assert created == {"stateMachineArn": ARN, "creationDate": created["creationDate"]}
    assert api.call("DescribeStateMachine", stateMachineArn=ARN) == {
        "stateMachineArn": ARN,
        "name": "machine",
        "status": "ACTIVE",
        "definition": text,
        "roleArn": ROLE,
        "type": "STANDARD",
        "creationDate": created["creationDate"],
        "loggingConfiguration": {"level": "OFF", "includeExecutionData": False},
        "tracingConfiguration": {"enabled": False},
    }
    assert api.call("CreateStateMachine", name="machine", definition=text, roleArn=ROLE) == created
    assert api.call("DescribeStateMachine", stateMachineArn=ARN, includedData="METADATA_ONLY")["definition"] == "{}"


def test_a_machine_is_created_where_the_caller_signs(api: Any) -> None:
    headers = {
        "x-amz-target": "AWSStepFunctions.CreateActivity",
        "authorization": "AWS4-HMAC-SHA256 Credential=000000000042/20260101/eu-west-3/states/aws4_request, Signature=0",
    }
    status, _, body = api.run(api.asgi(b'{"name": "a"}', headers))
    assert (status, json.loads(body)["activityArn"]) == (200, "arn:aws:states:eu-west-3:000000000042:activity:a")
    assert api.call("ListActivities") == {"activities": []}


def test_update(api: Any) -> None:
    api.create(tracingConfiguration={"enabled": True})
    updated = api.call("UpdateStateMachine", stateMachineArn=ARN, roleArn=ROLE + "2")
    assert set(updated) == {"updateDate", "revisionId"}
    assert uuid.UUID(updated["revisionId"])
    described = api.call("DescribeStateMachine", stateMachineArn=ARN)
    assert described["revisionId"] == updated["revisionId"]
    assert (described["roleArn"], described["tracingConfiguration"]) == (ROLE + "2", {"enabled": True})
    assert json.loads(described["definition"]) == PASS


def test_an_update_that_changes_nothing(api: Any) -> None:
    text = json.dumps(PASS)
    created = api.call("CreateStateMachine", name="machine", definition=text, roleArn=ROLE)
    same = api.call("UpdateStateMachine", stateMachineArn=ARN, definition=text, roleArn=ROLE)
    assert same == {"updateDate": created["creationDate"]}
    changed = api.call("UpdateStateMachine", stateMachineArn=ARN, definition=text + " ")
    assert api.call("UpdateStateMachine", stateMachineArn=ARN, roleArn=ROLE) == changed
    published = api.call("UpdateStateMachine", stateMachineArn=ARN, roleArn=ROLE, publish=True)
    assert published == {**changed, "stateMachineVersionArn": ARN + ":1"}
    assert api.call("UpdateStateMachine", stateMachineArn=ARN, roleArn=ROLE, publish=True) == published


def test_update_refuses(api: Any) -> None:
    api.create()
    assert api.refused("UpdateStateMachine", stateMachineArn=ARN) == (
        "MissingRequiredParameter",
        "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified",
    )
    assert api.refused("UpdateStateMachine", stateMachineArn=ARN + ":2", roleArn=ROLE) == (
        "StateMachineDoesNotExist",
        f"State Machine Does Not Exist: '{ARN}:2'",
    )


def test_executions_keep_the_definition_that_they_started_with(api: Any) -> None:
    machine = api.create(definition=WAIT)
    first = api.start(machine)
    api.clock.offset += 1
    updated = api.call("UpdateStateMachine", stateMachineArn=machine, definition=json.dumps(PASS))
    second = api.start(machine)
    before = api.call("DescribeStateMachineForExecution", executionArn=first)
    after = api.call("DescribeStateMachineForExecution", executionArn=second)
    assert json.loads(before["definition"]) == WAIT
    assert "revisionId" not in before
    assert (json.loads(after["definition"]), after["revisionId"]) == (PASS, updated["revisionId"])
    assert after["updateDate"] == updated["updateDate"] > before["updateDate"]
    assert set(before) == {
        "stateMachineArn", "name", "definition", "roleArn", "loggingConfiguration", "tracingConfiguration",
        "updateDate",
    }  # fmt: skip


def test_variable_references(api: Any) -> None:
    definition = {
        "StartAt": "A",
        "States": {
            "A": {"Type": "Pass", "Assign": {"x": 1, "y": 2}, "Next": "B"},
            "B": {"Type": "Pass", "Parameters": {"b.$": "$y", "a.$": "$x"}, "End": True},
        },
    }
    machine = api.create(definition=definition)
    described = api.call("DescribeStateMachine", stateMachineArn=machine)
    assert described["variableReferences"] == {"B": ["x", "y"]}


def test_delete(api: Any) -> None:
    assert api.call("DeleteStateMachine", stateMachineArn=ARN) == {}
    api.create()
    assert api.call("DeleteStateMachine", stateMachineArn=ARN) == {}
    assert api.refused("DescribeStateMachine", stateMachineArn=ARN) == (
        "StateMachineDoesNotExist",
        f"State Machine Does Not Exist: '{ARN}'",
    )
    assert api.refused("DeleteStateMachine", stateMachineArn=ARN + ":1")[0] == "ValidationException"


def test_a_machine_with_running_executions_is_deleting(api: Any) -> None:
    machine = api.create(definition=WAIT)
    execution = api.start(machine)
    api.call("DeleteStateMachine", stateMachineArn=machine)
    assert api.call("DescribeStateMachine", stateMachineArn=machine)["status"] == "DELETING"
    assert api.refused("StartExecution", stateMachineArn=machine)[0] == "StateMachineDeleting"
    assert len(api.call("ListExecutions", stateMachineArn=machine)["executions"]) == 1
    api.call("StopExecution", executionArn=execution)
    api.clock.offset += 2
    assert api.refused("DescribeStateMachine", stateMachineArn=machine)[0] == "StateMachineDoesNotExist"
    assert json.loads(api.call("DescribeStateMachineForExecution", executionArn=execution)["definition"]) == WAIT


def test_list_pages(api: Any) -> None:
    for index in range(5):
        api.create(f"m{index}", type="EXPRESS" if index == 1 else "STANDARD")
    first = api.call("ListStateMachines", maxResults=2)
    assert [(item["name"], item["type"]) for item in first["stateMachines"]] == [("m0", "STANDARD"), ("m1", "EXPRESS")]
    assert set(first["stateMachines"][0]) == {"stateMachineArn", "name", "type", "creationDate"}
    rest = api.call("ListStateMachines", nextToken=first["nextToken"])
    assert [item["name"] for item in rest["stateMachines"]] == ["m2", "m3", "m4"]
    assert "nextToken" not in rest


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"name": "a b"}, "InvalidName", "Invalid Name: 'a b'"),
        ({"roleArn": "me"}, "InvalidArn", "Invalid Role Arn: 'me'"),
        (
            {"definition": "{"},
            "InvalidDefinition",
            None,
        ),
        (
            {"definition": json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}}})},
            "InvalidDefinition",
            "Invalid State Machine Definition: 'MISSING_TRANSITION_TARGET: Missing 'Next' target: B at /States/A/Next'",
        ),
        (
            {"loggingConfiguration": {"level": "ALL"}},
            "InvalidLoggingConfiguration",
            "Invalid Logging Configuration: Must specify exactly one Log Destination.",
        ),
        (
            {"loggingConfiguration": {"destinations": [GROUP, GROUP]}},
            "InvalidLoggingConfiguration",
            "Invalid Logging Configuration: Must specify exactly one Log Destination.",
        ),
        ({"tags": [{"value": "v"}]}, "ValidationException", "A tag must have a key"),
        (
            {"versionDescription": "v"},
            "ValidationException",
            "Version description can only be set when publish is true",
        ),
    ],
)
def test_create_refuses(api: Any, changes: dict[str, Any], code: str, message: str | None) -> None:
    request = {"name": "machine", "definition": json.dumps(PASS), "roleArn": ROLE, **changes}
    refused = api.refused("CreateStateMachine", **request)
    assert refused[0] == code
    assert message is None or refused[1] == message
    assert api.call("ListStateMachines") == {"stateMachines": []}


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({}, {"level": "OFF", "includeExecutionData": False}),
        ({"destinations": []}, {"level": "OFF", "includeExecutionData": False, "destinations": []}),
        (
            {"level": "ERROR", "includeExecutionData": True, "destinations": [GROUP]},
            {"level": "ERROR", "includeExecutionData": True, "destinations": [GROUP]},
        ),
    ],
)
def test_logging_configuration(api: Any, given: Any, shown: Any) -> None:
    machine = api.create(loggingConfiguration=given)
    assert api.call("DescribeStateMachine", stateMachineArn=machine)["loggingConfiguration"] == shown


@pytest.mark.parametrize(
    ("definition", "more", "expected"),
    [
        (json.dumps(PASS), {}, {"result": "OK", "diagnostics": [], "truncated": False}),
        (
            " ",
            {},
            {
                "result": "FAIL",
                "diagnostics": [
                    {
                        "severity": "ERROR",
                        "code": "SCHEMA_VALIDATION_FAILED",
                        "message": "Definition must be a valid JSON object",
                    }
                ],
                "truncated": False,
            },
        ),
    ],
)
def test_validate(api: Any, definition: str, more: dict[str, Any], expected: Any) -> None:
    assert api.call("ValidateStateMachineDefinition", definition=definition, **more) == expected


def test_validation_is_cut_at_max_results(api: Any) -> None:
    states = {f"S{index}": {"Type": "Pass", "Next": f"no{index}"} for index in range(4)}
    definition = json.dumps({"StartAt": "S0", "States": states})
    full = api.call("ValidateStateMachineDefinition", definition=definition)
    cut = api.call("ValidateStateMachineDefinition", definition=definition, maxResults=2)
    assert (cut["result"], cut["truncated"], full["truncated"]) == ("FAIL", True, False)
    assert cut["diagnostics"] == full["diagnostics"][:2]
    assert all(set(found) == {"severity", "code", "message", "location"} for found in full["diagnostics"])


def test_warnings_are_shown_where_they_are_asked_for(api: Any) -> None:
    state = {"Type": "Pass", "Parameters": {"id": "$.id"}, "End": True}
    definition = json.dumps({"StartAt": "S", "States": {"S": state}})
    assert api.call("ValidateStateMachineDefinition", definition=definition)["diagnostics"] == []
    shown = api.call("ValidateStateMachineDefinition", definition=definition, severity="WARNING")
    (warning,) = shown["diagnostics"]
    assert (shown["result"], warning["severity"], warning["code"]) == ("OK", "WARNING", "NO_DOLLAR")
    assert warning["location"] == "/States/S/Parameters/id"
    assert api.create(definition=json.loads(definition))


def test_tags(api: Any) -> None:
    machine = api.create(tags=[{"key": "a", "value": "1"}, {"key": "b"}])
    api.call("TagResource", resourceArn=machine, tags=[{"key": "c", "value": "2"}, {"key": "c", "value": "3"}])
    expected = [{"key": "a", "value": "1"}, {"key": "b", "value": ""}, {"key": "c", "value": "3"}]
    assert api.call("ListTagsForResource", resourceArn=machine) == {"tags": expected}
    api.call("UntagResource", resourceArn=machine, tagKeys=["a", "a", "x"])
    assert api.call("ListTagsForResource", resourceArn=machine) == {"tags": expected[1:]}
    missing = machine + "2"
    assert api.refused("TagResource", resourceArn=missing, tags=[]) == (
        "ResourceNotFound",
        f"Resource not found: '{missing}'",
    )
    many = [{"key": f"k{index}", "value": ""} for index in range(49)]
    assert api.refused("TagResource", resourceArn=machine, tags=many)[0] == "TooManyTags"
