"""Executions over the wire."""

import json
import uuid
from typing import Any

import pytest

PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
WAIT = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}
FAIL = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E", "Cause": "C"}}}
TIMEOUT = {**WAIT, "TimeoutSeconds": 60}
EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:machine"


def test_an_execution_that_succeeds(api: Any) -> None:
    machine = api.create()
    started = api.call("StartExecution", stateMachineArn=machine, name="e", input='{"a":  1}')
    assert started == {"executionArn": f"{EXECUTION}:e", "startDate": started["startDate"]}
    described = api.finish(started["executionArn"])
    assert described == {
        "executionArn": f"{EXECUTION}:e",
        "stateMachineArn": machine,
        "name": "e",
        "status": "SUCCEEDED",
        "startDate": started["startDate"],
        "stopDate": described["stopDate"],
        "input": '{"a":  1}',
        "inputDetails": {"included": True},
        "output": '{"a":  1}',
        "outputDetails": {"included": True},
        "redriveCount": 0,
        "redriveStatus": "NOT_REDRIVABLE",
        "redriveStatusReason": "Execution is SUCCEEDED and cannot be redriven",
    }
    bare = api.call("DescribeExecution", executionArn=f"{EXECUTION}:e", includedData="METADATA_ONLY")
    assert "input" not in bare
    assert bare["outputDetails"] == {"included": False}


def test_names_and_inputs_that_are_left_out(api: Any) -> None:
    execution = api.start(api.create())
    assert uuid.UUID(execution.rpartition(":")[2])
    assert api.finish(execution)["input"] == "{}"


def test_an_execution_that_fails(api: Any) -> None:
    described = api.finish(api.start(api.create(definition=FAIL)))
    assert (described["status"], described["error"], described["cause"]) == ("FAILED", "E", "C")
    assert described["redriveStatus"] == "REDRIVABLE"
    assert not {"output", "outputDetails", "redriveStatusReason"} & set(described)


def test_an_execution_that_is_stopped(api: Any) -> None:
    machine = api.create(definition=WAIT)
    execution = api.start(machine)
    running = api.call("DescribeExecution", executionArn=execution)
    assert running["redriveStatusReason"] == "Execution is RUNNING and cannot be redriven"
    assert "stopDate" not in running
    stopped = api.call("StopExecution", executionArn=execution, error="E", cause="C")
    assert api.call("StopExecution", executionArn=execution, error="other") == stopped
    described = api.call("DescribeExecution", executionArn=execution)
    assert (described["status"], described["error"], described["cause"]) == ("ABORTED", "E", "C")
    assert described["stopDate"] == stopped["stopDate"]
    plain = api.start(machine)
    api.call("StopExecution", executionArn=plain)
    assert not {"error", "cause"} & set(api.call("DescribeExecution", executionArn=plain))


def test_a_name_is_idempotent_while_it_runs(api: Any) -> None:
    machine = api.create(definition=WAIT)
    request = {"stateMachineArn": machine, "name": "e", "input": '{"a": 1}'}
    first = api.call("StartExecution", **request)
    assert api.call("StartExecution", **request) == first
    taken = ("ExecutionAlreadyExists", f"Execution Already Exists: '{EXECUTION}:e'")
    assert api.refused("StartExecution", **{**request, "input": '{"a": true}'}) == taken
    api.call("StopExecution", executionArn=first["executionArn"])
    assert api.refused("StartExecution", **request) == taken


def test_a_large_input_is_idempotent_too(api: Any) -> None:
    machine = api.create(definition=WAIT)
    request = {"stateMachineArn": machine, "name": "e", "input": json.dumps(["x" * 100_000])}
    assert api.call("StartExecution", **request) == api.call("StartExecution", **request)
    assert api.call("DescribeExecution", executionArn=f"{EXECUTION}:e")["input"] == request["input"]


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"stateMachineArn": "m"}, "InvalidArn", "Invalid Arn: 'Invalid ARN prefix: m'"),
        ({"stateMachineArn": f"{EXECUTION}:e"}, "InvalidArn", None),
        ({"name": "a b"}, "InvalidName", "Invalid Name: 'a b'"),
        ({"name": "../../etc/passwd"}, "InvalidName", "Invalid Name: '../../etc/passwd'"),
        ({"input": "[" * 100_000}, "InvalidExecutionInput", None),
        (
            {"input": "{'a': 1}"},
            "InvalidExecutionInput",
            "Invalid State Machine Execution Input: 'com.fasterxml.jackson.core.JsonParseException: "
            "Unexpected character (''' (code 39)): was expecting double-quote to start field name\n"
            " at [Source: (String)\"{'a': 1}\"; line: 1, column: 3]'",
        ),
    ],
)
def test_start_refuses(api: Any, changes: dict[str, str], code: str, message: str | None) -> None:
    refused = api.refused("StartExecution", **{"stateMachineArn": api.create(), **changes})
    assert refused[0] == code
    assert message is None or refused[1] == message


def test_start_refuses_what_does_not_exist(api: Any) -> None:
    machine = api.create()
    for suffix in ("2", ":1", ":live"):
        refused = api.refused("StartExecution", stateMachineArn=machine + suffix)
        assert refused == ("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{machine}{suffix}'")
    assert api.refused("StartExecution", stateMachineArn=machine + "/label")[0] == "ValidationException"


def test_the_input_limit_is_in_bytes_and_lifted_with_extended_limits(api: Any, extended: Any) -> None:
    characters = json.dumps("é" * 140_000, ensure_ascii=False)
    refused = api.refused("StartExecution", stateMachineArn=api.create(), input=characters)
    assert refused[0] == "InvalidExecutionInput"
    too_long = json.dumps("x" * 262_144)
    assert api.refused("StartExecution", stateMachineArn=api.create(), input=too_long)[0] == "ValidationException"
    execution = extended.start(extended.create(), input=too_long)
    described = extended.finish(execution)
    assert (described["status"], described["output"]) == ("SUCCEEDED", too_long)


@pytest.mark.parametrize(
    "operation", ["DescribeExecution", "GetExecutionHistory", "StopExecution", "DescribeStateMachineForExecution"]
)
def test_executions_that_are_not_there(api: Any, operation: str) -> None:
    assert api.refused(operation, executionArn=f"{EXECUTION}:e") == (
        "ExecutionDoesNotExist",
        f"Execution Does Not Exist: '{EXECUTION}:e'",
    )
    assert api.refused(operation, executionArn="x") == ("InvalidArn", "Invalid Arn: 'Invalid ARN prefix: x'")
    express = "arn:aws:states:us-east-1:123456789012:express:m:e:u"
    assert api.refused(operation, executionArn=express) == (
        "InvalidArn",
        "Invalid Arn: 'Resource type not valid in this context: express'",
    )


def test_list_executions_newest_first_in_pages(api: Any) -> None:
    machine = api.create()
    started = [api.start(machine) for _ in range(7)]
    for execution in started:
        api.finish(execution)
    first = api.call("ListExecutions", stateMachineArn=machine, maxResults=5)
    assert [item["executionArn"] for item in first["executions"]] == started[:1:-1]
    assert set(first["executions"][0]) == {
        "executionArn", "stateMachineArn", "name", "status", "startDate", "stopDate", "redriveCount",
    }  # fmt: skip
    last = api.call("ListExecutions", stateMachineArn=machine, maxResults=2, nextToken=first["nextToken"])
    assert [item["executionArn"] for item in last["executions"]] == started[1::-1]
    assert "nextToken" not in last


def test_list_executions_by_status(api: Any) -> None:
    waiting, failing = api.create("w", WAIT), api.create("f", FAIL)
    running, failed = api.start(waiting), api.start(failing)
    api.finish(failed)
    assert [item["executionArn"] for item in api.call("ListExecutions", stateMachineArn=waiting)["executions"]] == [
        running
    ]
    for status, count in (("FAILED", 1), ("RUNNING", 0), ("SUCCEEDED", 0)):
        assert len(api.call("ListExecutions", stateMachineArn=failing, statusFilter=status)["executions"]) == count


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({}, "ValidationException"),
        ({"stateMachineArn": "MACHINE", "mapRunArn": "x"}, "ValidationException"),
        ({"mapRunArn": "x"}, "InvalidArn"),
        ({"stateMachineArn": "MACHINE", "statusFilter": "PENDING_REDRIVE"}, "ValidationException"),
        ({"stateMachineArn": "MACHINE", "redriveFilter": "REDRIVEN"}, "ValidationException"),
        ({"stateMachineArn": "MACHINE2"}, "StateMachineDoesNotExist"),
        ({"stateMachineArn": "MACHINE", "nextToken": "InvalidToken"}, "InvalidToken"),
    ],
)
def test_list_executions_refuses(api: Any, request_: dict[str, str], code: str) -> None:
    machine = api.create()
    request = {key: value.replace("MACHINE", machine) for key, value in request_.items()}
    assert api.refused("ListExecutions", **request)[0] == code


def test_history_forwards_backwards_and_without_data(api: Any) -> None:
    execution = api.start(api.create(), input="[1]")
    api.finish(execution)
    everything = api.call("GetExecutionHistory", executionArn=execution)["events"]
    assert [event["id"] for event in everything] == [1, 2, 3, 4]
    for reverse, expected in ((False, everything), (True, everything[::-1])):
        first = api.call("GetExecutionHistory", executionArn=execution, maxResults=3, reverseOrder=reverse)
        rest = api.call(
            "GetExecutionHistory", executionArn=execution, nextToken=first["nextToken"], reverseOrder=reverse
        )
        assert first["events"] + rest["events"] == expected
        assert "nextToken" not in rest
    bare = api.call("GetExecutionHistory", executionArn=execution, includeExecutionData=False)["events"]
    assert bare[1]["stateEnteredEventDetails"] == {"name": "P"}
    assert bare[3]["executionSucceededEventDetails"] == {}
    other = api.call("GetExecutionHistory", executionArn=execution, maxResults=3)["nextToken"]
    assert api.refused("GetExecutionHistory", executionArn=execution, nextToken=other, reverseOrder=True) == (
        "InvalidToken",
        "Invalid Token: 'Invalid token'",
    )


def test_a_machine_that_times_out(api: Any) -> None:
    execution = api.start(api.create(definition=TIMEOUT))
    api.clock.offset += 3600
    described = api.finish(execution)
    assert described["status"] == "TIMED_OUT"
    assert not {"error", "cause", "output"} & set(described)


def test_express_executions(api: Any) -> None:
    machine = api.create("x", {**PASS, "TimeoutSeconds": 5}, type="EXPRESS")
    started = api.call("StartExecution", stateMachineArn=machine, name="e")
    again = api.call("StartExecution", stateMachineArn=machine, name="e")
    prefix = "arn:aws:states:us-east-1:123456789012:express:x:e:"
    assert started["executionArn"].startswith(prefix)
    assert again["executionArn"] != started["executionArn"]
    reply = api.call("StartSyncExecution", stateMachineArn=machine, name="e", input="[1]")
    assert reply == {
        "executionArn": reply["executionArn"],
        "stateMachineArn": machine,
        "name": "e",
        "status": "SUCCEEDED",
        "startDate": reply["startDate"],
        "stopDate": reply["stopDate"],
        "input": "[1]",
        "inputDetails": {"included": True},
        "output": "[1]",
        "outputDetails": {"included": True},
        "billingDetails": {"billedDurationInMilliseconds": 100, "billedMemoryUsedInMB": 64},
    }
    assert api.refused("ListExecutions", stateMachineArn=machine) == (
        "StateMachineTypeNotSupported",
        "This operation is not supported by this type of state machine",
    )


def test_a_synchronous_execution_that_fails_is_a_reply(api: Any) -> None:
    machine = api.create("x", FAIL, type="EXPRESS")
    reply = api.call("StartSyncExecution", stateMachineArn=machine, includedData="METADATA_ONLY")
    assert (reply["status"], reply["error"], reply["cause"]) == ("FAILED", "E", "C")
    assert reply["inputDetails"] == {"included": False}
    assert api.refused("StartSyncExecution", stateMachineArn=api.create())[0] == "StateMachineTypeNotSupported"


def test_an_express_execution_is_billed_for_the_memory_that_its_payloads_take(extended: Any) -> None:
    """50 MB, and what the threads hold, in chunks of 64 MB."""
    machine = extended.create("x", {"StartAt": "S", "States": {"S": {"Type": "Succeed"}}}, type="EXPRESS")
    for size_mb, billed_mb in ((13, 64), (15, 128)):
        text = json.dumps("x" * (size_mb << 20))
        billing = extended.call("StartSyncExecution", stateMachineArn=machine, input=text)["billingDetails"]
        assert billing["billedMemoryUsedInMB"] == billed_mb


@pytest.mark.parametrize(
    ("body", "header", "seen"),
    [
        ({}, {}, None),
        ({"traceHeader": "Root=body"}, {}, "Root=body"),
        ({"traceHeader": "Root=body"}, {"x-amzn-trace-id": "Root=header"}, "Root=header"),
        ({}, {"x-amzn-trace-id": "Root=header"}, "Root=header"),
    ],
)
def test_a_trace_header_comes_back(api: Any, body: dict[str, str], header: dict[str, str], seen: str | None) -> None:
    request = {"stateMachineArn": api.create(), **body}
    started = api.run(api.post("AWSStepFunctions.StartExecution", request, **header))
    assert api.finish(started["executionArn"]).get("traceHeader") == seen
    request["stateMachineArn"] = api.create("x", type="EXPRESS")
    assert api.run(api.post("AWSStepFunctions.StartSyncExecution", request, **header)).get("traceHeader") == seen


def test_a_trace_header_has_its_limit_wherever_it_stands(api: Any) -> None:
    long = api.post(
        "AWSStepFunctions.StartExecution", {"stateMachineArn": api.create()}, **{"x-amzn-trace-id": "x" * 257}
    )
    with pytest.raises(Exception, match="at 'traceHeader' failed to satisfy constraint"):
        api.run(long)


def test_what_came_near_a_quota_is_shown_while_it_runs_and_only_then_there_is_a_member_more(extended: Any) -> None:
    large = {"Type": "Pass", "Next": "W"}
    definition = {"StartAt": "L", "States": {"L": large, "W": {"Type": "Wait", "Seconds": 3600, "End": True}}}
    machine = extended.create(definition=definition)
    execution = extended.start(machine, input=json.dumps("x" * 300_000))
    warnings = ["output of state 'L': 300,002 bytes, AWS allows 262,144"]
    assert extended.call("DescribeExecution", executionArn=execution)["warnings"] == warnings
    extended.start(machine)
    items = extended.call("ListExecutions", stateMachineArn=machine)["executions"]
    assert [item.get("warnings") for item in items] == [None, warnings]
