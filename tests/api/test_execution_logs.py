"""What executions log, by the machine's loggingConfiguration."""

import asyncio
import json
from typing import Any

import pytest
from tests.api.conftest import ROLE, Api

from stepwell.api.execution_logs import ESCAPED_BYTES_MAX, is_logged

GROUP = "/aws/vendedlogs/states/orders"
FAIL = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Broken", "Cause": "why"}}}
ASSIGN = {"StartAt": "P", "States": {"P": {"Type": "Pass", "Assign": {"a": 1}, "End": True}}}


def logging(level: str = "ALL", data: bool = True, group: str = GROUP) -> dict[str, Any]:
    configuration = to(f"arn:aws:logs:us-east-1:123456789012:log-group:{group}:*")
    return {"level": level, "includeExecutionData": data, **configuration}


def to(arn: str) -> dict[str, Any]:
    return {"destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": arn}}]}


def logged(api: Api, group: str = GROUP) -> list[dict[str, Any]]:
    api.run(settled())
    reply = api.logs("FilterLogEvents", logGroupName=group)
    return [json.loads(event["message"]) for event in reply["events"]]


async def settled() -> None:
    """Until what was observed has been written."""
    for _ in range(100):
        await asyncio.sleep(0)


def run(api: Api, definition: Any, input: str = "{}", **more: Any) -> str:
    machine = api.create(definition=definition, **more)
    execution = api.start(machine, input=input)
    api.finish(execution)
    return execution


@pytest.mark.parametrize(
    ("type", "levels"),
    [
        ("ExecutionStarted", {"ALL"}), ("PassStateEntered", {"ALL"}), ("TaskScheduled", {"ALL"}),
        ("MapRunRedriven", {"ALL"}), ("ExecutionSucceeded", {"ALL"}),
        ("FailStateEntered", {"ALL", "ERROR"}), ("LambdaFunctionScheduleFailed", {"ALL", "ERROR"}),
        ("TaskTimedOut", {"ALL", "ERROR"}), ("MapIterationAborted", {"ALL", "ERROR"}),
        ("WaitStateAborted", {"ALL", "ERROR"}), ("EvaluationFailed", {"ALL", "ERROR"}),
        ("ExecutionFailed", {"ALL", "ERROR", "FATAL"}), ("ExecutionTimedOut", {"ALL", "ERROR", "FATAL"}),
        ("ExecutionAborted", {"ALL", "ERROR", "FATAL"}),
    ],
)  # fmt: skip
def test_which_level_logs_which_event(type: str, levels: set[str]) -> None:
    assert {level for level in ("ALL", "ERROR", "FATAL", "OFF") if is_logged(level, type)} == levels


def test_a_record_is_the_event_with_texts_for_numbers(api: Api) -> None:
    execution = run(api, ASSIGN, '{"x": 1}', loggingConfiguration=logging())
    records = logged(api)
    events = api.call("GetExecutionHistory", executionArn=execution)["events"]
    assert [record["type"] for record in records] == [event["type"] for event in events]
    for record, event in zip(records, events, strict=True):
        (details,) = (value for key, value in event.items() if key.endswith("EventDetails"))
        assert list(record.items()) == [
            ("id", str(event["id"])), ("type", event["type"]), ("details", details),
            ("previous_event_id", str(event["previousEventId"])),
            ("event_timestamp", str(round(event["timestamp"] * 1000))), ("execution_arn", execution),
            ("redrive_count", "0"),
        ]  # fmt: skip
    assert records[2]["details"]["assignedVariables"] == {"a": "1"}


def test_without_execution_data_only_the_data_is_missing(api: Api) -> None:
    run(api, FAIL, '{"x": 1}', loggingConfiguration=logging(data=False))
    assert [record["details"] for record in logged(api)] == [
        {"roleArn": ROLE}, {"name": "F"}, {"error": "Broken", "cause": "why"},
    ]  # fmt: skip


def test_parameters_of_a_task_are_data(api: Api) -> None:
    child = api.create("child", FAIL)
    task = {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution",
            "Parameters": {"StateMachineArn": child, "Input": {"secret": 1}}, "End": True}  # fmt: skip
    run(api, {"StartAt": "T", "States": {"T": task}}, loggingConfiguration=logging(data=False))
    records = {record["type"]: record["details"] for record in logged(api)}
    assert records["TaskScheduled"] == {"resource": "startExecution", "resourceType": "states", "region": "us-east-1"}
    assert "secret" not in json.dumps(records)


@pytest.mark.parametrize("level", ["ERROR", "FATAL", "OFF"])
def test_levels(api: Api, level: str) -> None:
    run(api, FAIL, loggingConfiguration=logging(level))
    expected = {"ERROR": ["FailStateEntered", "ExecutionFailed"], "FATAL": ["ExecutionFailed"], "OFF": []}[level]
    assert [record["type"] for record in logged(api)] == expected


def test_express_executions_log_in_both_ways(api: Api) -> None:
    machine = api.create(definition=FAIL, type="EXPRESS", loggingConfiguration=logging())
    ran = api.call("StartSyncExecution", stateMachineArn=machine)["executionArn"]
    started = api.start(machine)
    while len(records := logged(api)) < 6:
        pass
    by_execution = {arn: [r["id"] for r in records if r["execution_arn"] == arn] for arn in (ran, started)}
    assert by_execution == {ran: ["1", "2", "3"], started: ["1", "2", "3"]}


def test_streams_are_the_machines(api: Api) -> None:
    for name in ("one", "two"):
        run(api, FAIL, name=name, loggingConfiguration=logging())
    logged(api)
    streams = api.logs("DescribeLogStreams", logGroupName=GROUP)["logStreams"]
    assert [stream["logStreamName"].split("/")[:2] for stream in streams] == [["states", "one"], ["states", "two"]]


def test_a_redriven_execution_counts_its_redrives(api: Api) -> None:
    execution = run(api, FAIL, loggingConfiguration=logging())
    api.call("RedriveExecution", executionArn=execution)
    api.finish(execution)
    seen = [(record["id"], record["type"], record["redrive_count"]) for record in logged(api)]
    assert seen[2:4] == [("3", "ExecutionFailed", "0"), ("4", "ExecutionRedriven", "1")]
    assert seen[-1][1:] == ("ExecutionFailed", "1")


def test_a_group_that_was_deleted_costs_the_execution_nothing(api: Api) -> None:
    machine = api.create(definition=FAIL, loggingConfiguration=logging())
    api.logs("DeleteLogGroup", logGroupName=GROUP)
    assert api.finish(api.start(machine))["status"] == "FAILED"
    api.run(settled())
    assert api.logs("DescribeLogGroups")["logGroups"] == []


def test_an_execution_logs_as_its_revision_says(api: Api) -> None:
    wait = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 60, "Next": "F"}, **FAIL["States"]}}
    machine = api.create(definition=wait, loggingConfiguration=logging(group="before"))
    execution = api.start(machine)
    api.call("UpdateStateMachine", stateMachineArn=machine, loggingConfiguration=logging(group="after"))
    api.clock.offset += 60
    api.finish(execution)
    assert [record["id"] for record in logged(api, "before")] == ["1", "2", "3", "4", "5"]
    assert logged(api, "after") == []


@pytest.mark.parametrize("text", ["x" * 300_000, '"' * 150_000, "€" * 85_000])
def test_data_that_is_too_long_for_a_log_event_is_cut(extended: Api, text: str) -> None:
    input = json.dumps({"text": text}, ensure_ascii=False)
    run(extended, {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}, input,
        loggingConfiguration=logging())  # fmt: skip
    fits = len(json.dumps(input, ensure_ascii=False).encode()) <= ESCAPED_BYTES_MAX
    for record in logged(extended):
        (name,) = record["details"].keys() & {"input", "output"}
        assert record["details"][f"{name}Details"] == {"truncated": not fits}
        found = record["details"][name]
        size = len(json.dumps(found, ensure_ascii=False).encode())
        assert size <= ESCAPED_BYTES_MAX and (found == input if fits else size > ESCAPED_BYTES_MAX - 50)
        assert input.startswith(found[:1000]) or name == "output"


@pytest.mark.parametrize(
    ("configuration", "text"),
    [
        ({"level": "ERROR"}, "Must specify exactly one Log Destination."),
        ({"level": "ALL", "destinations": []}, "Must specify exactly one Log Destination."),
        ({"destinations": logging()["destinations"] * 2}, "Must specify exactly one Log Destination."),
        ({"destinations": [{}]}, "Must specify exactly one Log Destination."),
        (to("arn:aws:logs:us-east-1:123456789012:log-group:g"), "ends with :*"),
        (to("arn:aws:sns:us-east-1:123456789012:g:*"), "is no ARN of a log group"),
    ],
)  # fmt: skip
def test_configurations_that_are_refused(api: Api, configuration: dict[str, Any], text: str) -> None:
    definition = json.dumps(FAIL)
    code, message = api.refused(
        "CreateStateMachine", name="m", definition=definition, roleArn=ROLE, loggingConfiguration=configuration
    )
    assert code == "InvalidLoggingConfiguration"
    assert message.startswith("Invalid Logging Configuration: ") and text in message
