"""TestState: what one state does, by itself."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from stepwell.api.identity import Identity
from stepwell.api.test_state import run_state
from stepwell.machine.commands import StartTask
from stepwell.machine.payload import Payload
from stepwell.machine.stimuli import Stimulus, TaskSucceeded
from stepwell.tasks.exchanges import tell

ROLE = "arn:aws:iam::123456789012:role/steps"
PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:charge"
INVOKE = "arn:aws:states:::lambda:invoke"
START = "arn:aws:states:::states:startExecution"
BROKEN = {"errorOutput": {"error": "Broken", "cause": "it broke"}}
BRANCH = {"StartAt": "Inner", "States": {"Inner": {"Type": "Task", "Resource": FUNCTION, "End": True}}}
MAP: dict[str, Any] = {"Type": "Map", "ItemsPath": "$.list", "ItemProcessor": BRANCH, "End": True}
PARALLEL: dict[str, Any] = {"Type": "Parallel", "Branches": [BRANCH], "End": True}
TASK: dict[str, Any] = {"Type": "Task", "Resource": FUNCTION, "End": True}


def prepared(state: Any, input: Any = None, **more: Any) -> dict[str, Any]:
    """A request, with JSON where the operation takes JSON in strings."""
    for name in ("variables", "context"):
        if name in more:
            more[name] = json.dumps(more[name])
    if "result" in more:
        more["mock"] = {"result": json.dumps(more.pop("result"))}
    given = {} if input is None else {"input": json.dumps(input)}
    return {"definition": json.dumps(state), "inspectionLevel": "DEBUG", **given, **more}


def read(reply: dict[str, Any]) -> dict[str, Any]:
    """A reply with its JSON read; inspectionData's members stand beside the others, as `i.NAME`."""
    inspected = reply.pop("inspectionData", {})
    reply |= {f"i.{name}": value for name, value in inspected.items()}
    return {name: _value(value) for name, value in reply.items()}


def _value(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


def tried(api: Any, state: Any, input: Any = None, **more: Any) -> dict[str, Any]:
    return read(api.call("TestState", **prepared(state, input, **more)))


STAGES: list[tuple[str, Any, Any, dict[str, Any], dict[str, Any]]] = [
    (
        "a Pass shows each filter, also those that it has not",
        {"Type": "Pass", "InputPath": "$.a", "ResultPath": "$.r", "Next": "Then"},
        {"a": {"b": 1}},
        {},
        {
            "status": "SUCCEEDED", "nextState": "Then", "output": {"a": {"b": 1}, "r": {"b": 1}},
            "i.input": {"a": {"b": 1}}, "i.afterInputPath": {"b": 1}, "i.afterParameters": {"b": 1},
            "i.afterResultSelector": {"b": 1}, "i.afterResultPath": {"a": {"b": 1}, "r": {"b": 1}},
        },
    ),
    (
        "a Result takes the place of what comes before it",
        {"Type": "Pass", "InputPath": "$.a", "Result": 7, "End": True},
        {"a": 1},
        {},
        {
            "status": "SUCCEEDED", "output": 7, "i.input": {"a": 1}, "i.result": 7,
            "i.afterResultSelector": 7, "i.afterResultPath": 7,
        },
    ),
    (
        "a Task shows its parameters and its result",
        {**TASK, "Parameters": {"n.$": "$.n"}, "ResultSelector": {"m.$": "$.r"}, "ResultPath": "$.out"},
        {"n": 1},
        {"result": {"r": 2}},
        {
            "status": "SUCCEEDED", "output": {"n": 1, "out": {"m": 2}}, "i.input": {"n": 1},
            "i.afterInputPath": {"n": 1}, "i.afterParameters": {"n": 1}, "i.result": {"r": 2},
            "i.afterResultSelector": {"m": 2}, "i.afterResultPath": {"n": 1, "out": {"m": 2}},
        },
    ),
    (
        "in JSONata there are Arguments, and variables with what was assigned",
        {
            **TASK, "QueryLanguage": "JSONata", "Arguments": {"n": "{% $base + 1 %}"},
            "Output": "{% $states.result.r %}", "Assign": {"seen": "{% $states.result.r %}"},
        },
        {},
        {"variables": {"base": 4}, "result": {"r": 9}},
        {
            "status": "SUCCEEDED", "output": 9, "i.input": {}, "i.afterArguments": {"n": 5}, "i.result": {"r": 9},
            "i.variables": {"base": 4, "seen": 9},
        },
    ),
    (
        "a Choice shows where it goes",
        {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericEquals": 1, "Next": "One"}], "Default": "Other"},
        {"n": 2},
        {},
        {
            "status": "SUCCEEDED", "nextState": "Other", "output": {"n": 2}, "i.input": {"n": 2},
            "i.afterInputPath": {"n": 2},
        },
    ),
    (
        "what fails shows how far it came",
        {**TASK, "InputPath": "$.a", "Parameters": {"n.$": "$.missing"}},
        {"a": {"b": 1}},
        {"result": {}},
        {
            "status": "FAILED", "error": "States.Runtime", "i.input": {"a": {"b": 1}},
            "i.afterInputPath": {"b": 1},
            "cause": "The JSONPath '$.missing' specified for the field 'n.$' could not be found in the input "
            '\'{"b":1}\'',
        },
    ),
    (
        "a Map shows what its iterations would get",
        {
            **MAP, "ItemSelector": {"v.$": "$$.Map.Item.Value", "all.$": "$.n"}, "MaxConcurrency": 3,
            "ToleratedFailurePercentage": 50,
        },
        {"list": ["x", "y"], "n": 2},
        {"result": [1, 2]},
        {
            "status": "SUCCEEDED", "output": [1, 2], "i.input": {"list": ["x", "y"], "n": 2},
            "i.afterInputPath": {"list": ["x", "y"], "n": 2}, "i.afterItemsPath": ["x", "y"],
            "i.afterItemSelector": [{"v": "x", "all": 2}, {"v": "y", "all": 2}], "i.maxConcurrency": 3,
            "i.toleratedFailurePercentage": 50, "i.afterResultSelector": [1, 2], "i.afterResultPath": [1, 2],
        },
    ),
    (
        "a Parallel shows its result",
        {**PARALLEL, "ResultPath": "$.both"},
        {"n": 1},
        {"result": [5]},
        {
            "status": "SUCCEEDED", "output": {"n": 1, "both": [5]}, "i.input": {"n": 1},
            "i.afterResultSelector": [5], "i.afterResultPath": {"n": 1, "both": [5]},
        },
    ),
    (
        "a Fail state fails",
        {"Type": "Fail", "ErrorPath": "$.e", "Cause": "because"},
        {"e": "Wrong"},
        {},
        {"status": "FAILED", "error": "Wrong", "cause": "because", "i.input": {"e": "Wrong"}},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("state", "input", "more", "expected"), [case[1:] for case in STAGES], ids=lambda value: "")
def test_each_stage_is_shown(api: Any, state: Any, input: Any, more: dict[str, Any], expected: dict[str, Any]) -> None:
    assert tried(api, state, input, **more) == expected


def test_the_stages_are_left_out_unless_asked_for(api: Any) -> None:
    reply = api.call("TestState", definition='{"Type": "Succeed"}', input=' {"a" : 1}')
    assert reply == {"status": "SUCCEEDED", "output": ' {"a" : 1}'}


def test_what_is_not_changed_keeps_its_text(api: Any) -> None:
    mock = {"result": "[ 1 ]"}
    reply = api.call("TestState", definition=json.dumps(PARALLEL), mock=mock, inspectionLevel="TRACE")
    assert reply["output"] == reply["inspectionData"]["afterResultPath"] == "[ 1 ]"


RETRY = [{"ErrorEquals": ["Other"]}, {"ErrorEquals": ["Broken"], "MaxAttempts": 2, "BackoffRate": 3}]
CATCH = [
    {"ErrorEquals": ["States.Timeout"], "Next": "Late"},
    {"ErrorEquals": ["States.TaskFailed"], "Next": "Mend", "ResultPath": "$.why"},
]


@pytest.mark.parametrize(
    ("state", "more", "status", "details", "next"),
    [
        ({**TASK, "Retry": RETRY}, {}, "RETRIABLE", {"retryIndex": 1, "retryBackoffIntervalSeconds": 1}, None),
        ({**TASK, "Retry": RETRY}, {"retrierRetryCount": 1}, "RETRIABLE",
            {"retryIndex": 1, "retryBackoffIntervalSeconds": 3}, None),
        ({**TASK, "Retry": RETRY}, {"retrierRetryCount": 2}, "FAILED", {"retryIndex": 1}, None),
        ({**TASK, "Catch": CATCH}, {}, "CAUGHT_ERROR", {"catchIndex": 1}, "Mend"),
        ({**TASK, "Retry": RETRY, "Catch": CATCH}, {"retrierRetryCount": 2}, "CAUGHT_ERROR",
            {"retryIndex": 1, "catchIndex": 1}, "Mend"),
        ({**TASK, "Catch": CATCH[:1]}, {}, "FAILED", None, None),
        ({**MAP, "Catch": CATCH}, {}, "FAILED", None, None),
        ({**MAP, "Catch": CATCH}, {"errorCausedByState": "Inner"}, "CAUGHT_ERROR", {"catchIndex": 1}, "Mend"),
        ({**PARALLEL, "Catch": [{"ErrorEquals": ["States.BranchFailed"], "Next": "Mend"}]}, {}, "CAUGHT_ERROR",
            {"catchIndex": 0}, "Mend"),
    ],
)  # fmt: skip
def test_a_mocked_error_meets_retry_and_catch(
    api: Any, state: Any, more: Any, status: str, details: Any, next: str | None
) -> None:
    reply = tried(api, state, {"list": [1]}, mock=BROKEN, stateConfiguration=more)
    assert (reply["status"], reply.get("i.errorDetails"), reply.get("nextState")) == (status, details, next)
    assert (reply["error"], reply["cause"]) == ("Broken", "it broke")


def test_a_caught_error_is_in_the_output(api: Any) -> None:
    reply = tried(api, {**TASK, "Catch": CATCH}, {"n": 1}, mock=BROKEN)
    assert reply["output"] == {"n": 1, "why": {"Error": "Broken", "Cause": "it broke"}}


@pytest.mark.parametrize(
    ("thresholds", "failed", "status"),
    [
        ({}, 2, "SUCCEEDED"),
        ({"ToleratedFailureCount": 2}, 2, "SUCCEEDED"),
        ({"ToleratedFailureCount": 1}, 2, "FAILED"),
        ({"ToleratedFailurePercentage": 50}, 2, "SUCCEEDED"),
        ({"ToleratedFailurePercentage": 49}, 2, "FAILED"),
    ],
)
def test_a_map_fails_when_more_iterations_failed_than_it_tolerates(
    api: Any, thresholds: Any, failed: int, status: str
) -> None:
    configuration = {"mapIterationFailureCount": failed}
    state = {**MAP, **thresholds}
    reply = tried(api, state, {"list": [1, 2, 3, 4]}, result=[1, 2, 3, 4], stateConfiguration=configuration)
    assert reply["status"] == status
    if status == "FAILED":
        assert reply["error"] == "States.ExceedToleratedFailureThreshold"


DISTRIBUTED = {**BRANCH, "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}
READ: dict[str, Any] = {
    "Type": "Map", "ItemProcessor": DISTRIBUTED, "End": True,
    "ItemReader": {
        "Resource": "arn:aws:states:::s3:getObject", "Parameters": {"Bucket.$": "$.bucket", "Key": "k"},
        "ReaderConfig": {"InputType": "JSON", "ItemsPointer": "/rows", "MaxItemsPath": "$.most"},
    },
}  # fmt: skip


def test_a_distributed_map_shows_what_its_children_would_get(api: Any) -> None:
    state = {**READ, "ItemSelector": {"v.$": "$$.Map.Item.Value"}, "ItemBatcher": {"MaxItemsPerBatch": 2}}
    data = {"mapItemReaderData": json.dumps({"rows": [1, 2, 3, 4]})}
    reply = tried(api, state, {"bucket": "b", "most": 3}, result=["any"], stateConfiguration=data)
    assert reply["i.afterItemsPointer"] == [1, 2, 3]
    assert reply["i.afterItemSelector"] == [{"v": 1}, {"v": 2}, {"v": 3}]
    assert reply["i.afterItemBatcher"] == [{"Items": [{"v": 1}, {"v": 2}]}, {"Items": [{"v": 3}]}]
    assert (reply["status"], reply["output"], reply["i.maxConcurrency"]) == ("SUCCEEDED", ["any"], 0)


@pytest.mark.parametrize(
    ("config", "data", "items"),
    [
        ({"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}, "a,b\n1,2\n3,4\n",
            [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]),
        ({"InputType": "JSONL", "MaxItems": 1}, '{"x": 1}\n{"x": 2}\n', [{"x": 1}]),
        ({"InputType": "JSON"}, "[1, 2]", [1, 2]),
        ({"InputType": "JSON", "ItemsPointer": "/m"}, '{"m": {"a": 1}}', [1]),
    ],
)  # fmt: skip
def test_the_data_of_a_reader_is_read_as_its_source_would_be(api: Any, config: Any, data: str, items: Any) -> None:
    reader = {**READ["ItemReader"], "ReaderConfig": config}
    state = {**READ, "ItemReader": reader, "ItemSelector": {"v.$": "$$.Map.Item.Value"}}
    reply = tried(api, state, {"bucket": "b"}, result=[], stateConfiguration={"mapItemReaderData": data})
    assert reply["i.afterItemSelector"] == [{"v": item} for item in items]


def test_data_without_items_fails_the_map(api: Any) -> None:
    state = {**READ, "Catch": [{"ErrorEquals": ["States.ItemReaderFailed"], "Next": "Mend"}]}
    data = {"mapItemReaderData": json.dumps({"rows": "none"})}
    reply = tried(api, state, {"bucket": "b", "most": 3}, result=[], stateConfiguration=data)
    assert (reply["status"], reply["nextState"]) == ("CAUGHT_ERROR", "Mend")


def test_an_item_selector_sees_where_an_item_comes_from(api: Any) -> None:
    state = {**READ, "ItemSelector": {"item.$": "$$.Map.Item"}}
    data = {"mapItemReaderData": '{"rows": {"a": 1}}'}
    reply = tried(api, state, {"bucket": "b", "most": 9}, result=[], stateConfiguration=data)
    assert reply["i.afterItemSelector"] == [{"item": {"Index": 0, "Value": 1, "Source": "S3://b/k", "Key": "a"}}]
    state = {**MAP, "ItemProcessor": DISTRIBUTED, "ItemSelector": {"item.$": "$$.Map.Item"}}
    reply = tried(api, state, {"list": [5]}, result=[])
    assert reply["i.afterItemSelector"] == [{"item": {"Index": 0, "Value": 5, "Source": "STATE_DATA"}}]


# --- the surroundings


SHOWN = {"Type": "Pass", "Output": "{% $states.context %}", "End": True}
WHOLE = {
    "QueryLanguage": "JSONata",
    "StartAt": "Outer",
    "States": {
        "Outer": {"Type": "Map", "Next": "Last", "ItemProcessor": {"StartAt": "Within", "States": {"Within": SHOWN}}},
        "Last": SHOWN,
    },
}


def test_a_state_of_a_map_sees_its_input_as_the_item(api: Any) -> None:
    assert tried(api, WHOLE, {"n": 1}, stateName="Within")["output"]["Map"] == {"Item": {"Index": 0, "Value": {"n": 1}}}
    assert "Map" not in tried(api, WHOLE, {"n": 1}, stateName="Last")["output"]


def test_the_context_object_is_that_of_an_execution_of_its_own(api: Any) -> None:
    context = tried(api, WHOLE, {"n": 1}, stateName="Last")["output"]
    assert context["Execution"]["Input"] == {"n": 1}
    assert context["Execution"]["RoleArn"] is None
    assert context["Execution"]["Id"].startswith("arn:aws:states:us-east-1:123456789012:express:")
    assert context["State"]["Name"] == "StateName"
    assert tried(api, WHOLE, {}, stateName="Last", roleArn=ROLE)["output"]["Execution"]["RoleArn"] == ROLE


def test_members_of_the_context_object_can_be_given(api: Any) -> None:
    state = {**TASK, "ResultSelector": {"e.$": "$$.Execution", "s.$": "$$.StateMachine.Name"}}
    context = {"Execution": {"Name": "n"}, "StateMachine": {"Name": "m"}}
    assert tried(api, state, {}, result={}, context=context)["output"] == {"e": {"Name": "n"}, "s": "m"}


def test_a_mocked_task_may_wait_for_a_token(api: Any) -> None:
    state = {**TASK, "Resource": f"{INVOKE}.waitForTaskToken", "Parameters": {"t.$": "$$.Task.Token"}}
    reply = tried(api, state, {}, result={"any": "thing"})
    assert reply["output"] == {"any": "thing"}
    assert len(reply["i.afterParameters"]["t"]) > 50


# --- for real


def test_a_task_without_a_mock_is_really_called(api: Any) -> None:
    machine = api.create("child", PASS)
    state = {**TASK, "Resource": START, "Parameters": {"StateMachineArn": machine, "Input": {"n": 1}}}
    reply = tried(api, state, {}, roleArn=ROLE)
    assert reply["status"] == "SUCCEEDED"
    child = api.finish(reply["output"]["ExecutionArn"])
    assert (child["status"], child["output"]) == ("SUCCEEDED", '{"n":1}')
    assert reply["i.result"] == reply["output"]


def test_a_task_whose_call_is_refused_fails(api: Any) -> None:
    state = {**TASK, "Resource": START, "Parameters": {"StateMachineArn": "arn:none"}}
    reply = tried(api, {**state, "Catch": CATCH}, {}, roleArn=ROLE)
    assert (reply["status"], reply["error"], reply["nextState"]) == (
        "CAUGHT_ERROR", "StepFunctions.InvalidArnException", "Mend",
    )  # fmt: skip


async def never(execution: str, command: StartTask) -> Stimulus | None:
    await asyncio.Event().wait()
    raise AssertionError


async def moved(api: Any, state: dict[str, Any], seconds: float) -> dict[str, Any]:
    """The reply for a state that is still at work when the clock moves."""
    who = Identity("123456789012", "us-east-1")
    work = asyncio.ensure_future(run_state(prepared(state, {"n": 1}, roleArn=ROLE), who, api.clock, never))
    await asyncio.sleep(0)
    api.clock.offset = seconds
    return read(dict(await work))


WAIT = {"Type": "Wait", "Seconds": 60, "End": True}


@pytest.mark.parametrize(
    ("state", "seconds", "status", "error"),
    [
        (WAIT, 61, "SUCCEEDED", None),
        ({**WAIT, "Seconds": 3600}, 301, "FAILED", "States.Timeout"),
        ({**TASK, "TimeoutSeconds": 10}, 11, "FAILED", "States.Timeout"),
        ({**TASK, "TimeoutSeconds": 10, "Catch": CATCH}, 11, "CAUGHT_ERROR", "States.Timeout"),
        ({**TASK, "Catch": CATCH}, 301, "FAILED", "States.Timeout"),
    ],
)
def test_a_state_ends_in_time(api: Any, state: dict[str, Any], seconds: float, status: str, error: str | None) -> None:
    reply = api.run(moved(api, state, seconds))
    assert (reply["status"], reply.get("error")) == (status, error)


# --- what is refused


@pytest.mark.parametrize(
    ("state", "more", "code", "text"),
    [
        ({"Type": "Pass"}, {}, "InvalidDefinition", "/States/StateName"),
        (PASS, {}, "ValidationException", "stateName must be specified"),
        (PASS, {"stateName": "Q"}, "ValidationException", "State not found in definition"),
        ({"Type": "Succeed"}, {"mock": BROKEN}, "ValidationException",
            "State type 'Succeed' is not supported when a mock is specified"),
        ({"Type": "Succeed"}, {"roleArn": "admin"}, "InvalidArn", "admin"),
        ({"Type": "Succeed"}, {"variables": [1]}, "ValidationException", "Variables must be a valid JSON object"),
        ({"Type": "Succeed"}, {"context": {}}, "ValidationException",
            "TestState does not support Context when a mock is not specified."),
        ({"Type": "Succeed"}, {"stateConfiguration": {"retrierRetryCount": 1}}, "ValidationException",
            "TestState does not support RetrierRetryCount when a mock is not specified."),
        (TASK, {}, "ValidationException", "roleArn must be specified"),
        (PARALLEL, {}, "InvalidDefinition", "TestState API does not support Map or Parallel states."),
        ({**TASK, "Resource": f"{START}.sync"}, {"roleArn": ROLE}, "InvalidDefinition", ".sync tasks without a mock"),
        ({**TASK, "Resource": "arn:aws:states:us-east-1:123456789012:activity:a"}, {"roleArn": ROLE},
            "InvalidDefinition", "Activity tasks without a mock"),
        (TASK, {"mock": {}}, "ValidationException", "A test mock must have"),
        (TASK, {"mock": {"errorOutput": {"cause": "c"}}}, "ValidationException", "A test mock must have"),
        (TASK, {"mock": {**BROKEN, "result": "1"}}, "ValidationException", "only one of the following fields"),
        (TASK, {"mock": {"result": "one"}}, "ValidationException", "Mocked result must be valid JSON"),
        ({**TASK, "Resource": INVOKE}, {"result": {"StatusCode": "200"}}, "ValidationException",
            "Mock result schema validation error: Field 'StatusCode' must be a number"),
        (PARALLEL, {"result": {}}, "ValidationException", "Mocked result must be an array."),
        (MAP, {"result": {}}, "ValidationException", "Mocked result must be an array."),
        (PARALLEL, {"result": [1, 2]}, "ValidationException", "same number of items"),
        (TASK, {"result": 1, "context": {"Map": {}}}, "ValidationException", "'Map' field is not supported"),
        (TASK, {"result": 1, "context": {"Here": 1}}, "ValidationException", "Field 'Here' is not allowed"),
        (TASK, {"result": 1, "context": {"State": 1}}, "ValidationException", "State must be an object"),
        (TASK, {"result": 1, "context": {"State": {"Name": 1}}}, "ValidationException", "State.Name must be a string"),
        (TASK, {"result": 1, "context": {"State": {"RetryCount": True}}}, "ValidationException",
            "State.RetryCount must be a number"),
        (TASK, {"result": 1, "context": {"State": {"Nam": 1}}}, "ValidationException", "Field 'Nam' is not allowed"),
        (TASK, {"result": 1, "context": [1]}, "ValidationException", "Invalid Context object provided"),
        (TASK, {"result": 1, "stateConfiguration": {"mapIterationFailureCount": 1}}, "ValidationException",
            "mapIterationFailureCount is only supported for Map states"),
        (MAP, {"mock": BROKEN, "stateConfiguration": {"errorCausedByState": "Outer"}}, "ValidationException",
            "errorCausedByState must be a state of the Map or Parallel under test: 'Outer'"),
        (READ, {"result": []}, "ValidationException", "mapItemReaderData must be specified"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(api: Any, state: Any, more: dict[str, Any], code: str, text: str) -> None:
    found = api.refused("TestState", **prepared(state, **more))
    assert found[0] == code
    assert text in found[1]


def test_more_failed_iterations_than_there_are_is_refused(api: Any) -> None:
    request = prepared(MAP, {"list": [1]}, result=[1], stateConfiguration={"mapIterationFailureCount": 2})
    assert "less than or equal to the number of Map iterations" in api.refused("TestState", **request)[1]


def test_an_input_that_is_not_json_is_refused(api: Any) -> None:
    code, text = api.refused("TestState", definition='{"Type": "Succeed"}', input="{")
    assert code == "InvalidExecutionInput"
    assert text.startswith("Invalid State Machine Execution Input: ")


@pytest.mark.parametrize("depth", [300, 900, 950, 990])
def test_data_that_is_nested_deeply_is_no_internal_error(api: Any, depth: int) -> None:
    request = prepared(MAP, result=[]) | {"input": f'{{"list": {"[" * depth}{"]" * depth}}}'}
    headers = {"x-amz-target": "AWSStepFunctions.TestState", "content-type": "application/x-amz-json-1.0"}
    status, _, _ = api.run(api.asgi(json.dumps(request).encode(), headers))
    assert status in (200, 400)


async def fetched(execution: str, command: StartTask) -> Stimulus:
    """The outcome of an HTTP task whose connection adds a header."""
    plain = httpx.Request("GET", "https://shop.example/x", headers={"a": "1"})
    revealed = httpx.Request("GET", "https://shop.example/x", headers={"a": "1", "key": "secret"})
    tell(plain, revealed, httpx.Response(200, headers={"b": "2"}, request=revealed), '{"c":3}')
    return TaskSucceeded(at=0, frame=command.frame, attempt=command.attempt, output=Payload({"c": 3}))


@pytest.mark.parametrize(
    ("more", "headers"),
    [
        ({"inspectionLevel": "TRACE"}, "[host: shop.example, a: 1]"),
        ({"inspectionLevel": "TRACE", "revealSecrets": True}, "[host: shop.example, a: 1, key: secret]"),
        ({"inspectionLevel": "DEBUG", "revealSecrets": True}, None),
    ],
)
def test_trace_shows_what_went_over_the_wire(api: Any, more: Any, headers: str | None) -> None:
    state = {**TASK, "Resource": "arn:aws:states:::http:invoke"}
    who = Identity("123456789012", "us-east-1")
    reply = read(dict(api.run(run_state(prepared(state, {}, roleArn=ROLE, **more), who, api.clock, fetched))))
    assert reply["output"] == {"c": 3}
    if headers is None:
        assert not {"i.request", "i.response"} & reply.keys()
        return
    assert reply["i.request"] == {
        "protocol": "https", "method": "GET", "url": "https://shop.example/x", "headers": headers,
    }  # fmt: skip
    assert reply["i.response"] == {
        "protocol": "https", "statusCode": "200", "statusMessage": "OK", "headers": "[b: 2]", "body": '{"c":3}',
    }  # fmt: skip
