"""What executions would cost."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from tests.api.conftest import Api
from tests.api.console.conftest import Get, getter, new_function, report, write_log

from stepwell.api.console.charges import stretches
from stepwell.api.console.usage import Call
from stepwell.doctor.story import Story
from stepwell.functions.invocation import Invocation

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:charge"
RETRY = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 2, "MaxDelaySeconds": 1}]


class Functions:
    """Fails as often as it is told to, and notes the request ids."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.requests: list[str] = []

    async def invoke(self, name: str, payload: bytes, *, request_id: str, **more: Any) -> Invocation:
        self.requests.append(request_id)
        failed = len(self.requests) <= self.failures
        error = "Unhandled" if failed else None
        return Invocation(b'{"errorType": "E"}' if failed else b"{}", error, "$LATEST", None, 0.0, 0.0)


@pytest.fixture
def functions() -> Functions:
    return Functions()


@pytest.fixture
def api(functions: Functions) -> Iterator[Api]:
    api = Api(functions=functions)
    yield api
    api.close()


@pytest.fixture
def get(api: Api) -> Get:
    return getter(api)


NUMBERS = count()


def machine(*states: dict[str, Any]) -> dict[str, Any]:
    """States one after another, each with a name of its own."""
    names = [f"S{next(NUMBERS)}" for _ in states]
    ends: list[dict[str, Any]] = [*({"Next": name} for name in names[1:]), {"End": True}]
    chain = {name: {**state, **end} for name, state, end in zip(names, states, ends, strict=True)}
    return {"StartAt": names[0], "States": chain}


PASS = {"Type": "Pass"}
CHARGE = {"Type": "Task", "Resource": FUNCTION, "Retry": RETRY}
INVOKE = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "charge"}}
PARALLEL = {"Type": "Parallel", "Branches": [machine(PASS), machine(PASS, PASS)]}
MAP = {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": machine(PASS)}


def lines(bill: list[dict[str, Any]]) -> dict[str, float]:
    return {line["item"]: line["quantity"] for line in bill}


def run(api: Api, definition: dict[str, Any], **input: Any) -> str:
    execution = api.start(api.create(definition=definition), input=json.dumps(input))
    api.finish(execution)
    return execution


@pytest.mark.parametrize(
    ("definition", "transitions"),
    [(machine(PASS), 1), (machine(PASS, PASS, PASS), 3), (machine(PARALLEL, PASS), 5), (machine(MAP), 4)],
)
def test_each_state_entered_is_a_transition(api: Api, get: Get, definition: dict[str, Any], transitions: int) -> None:
    execution = run(api, definition, items=[1, 2, 3])
    found = get("cost/execution", arn=execution)
    assert lines(found["cost"]["states"]) == {"states.transition": transitions}
    assert found["cost"]["states"][0]["dollars"] == pytest.approx(transitions * 0.000025)
    assert lines(found["cost"]["express"])["states.express_request"] == 1
    price = next(each for each in found["prices"]["items"] if each["item"] == "states.transition")
    assert (price["dollars"], price["per"], price["verified"], price["dated"]) == (0.025, 1000, True, "2026-03-14")


def test_a_retry_is_one_too_and_each_run_of_a_function_is_billed(api: Api, get: Get, functions: Functions) -> None:
    functions.failures = 1
    new_function(api, "charge", memory_mb=512)
    execution = run(api, machine(PASS, CHARGE))
    write_log(api, "charge", *(report(id, billed_ms=1_000, memory_mb=512) for id in functions.requests))
    cost = get("cost/execution", arn=execution)["cost"]
    assert lines(cost["states"]) == {"states.transition": 3}
    assert lines(cost["functions"]) == {"lambda.request": 2, "lambda.gb_second": pytest.approx(1.0)}
    assert (cost["invocations"], cost["estimated"]) == (2, 0)


def test_a_run_without_a_report_is_estimated(api: Api, get: Get) -> None:
    new_function(api, "charge", memory_mb=1024)
    cost = get("cost/execution", arn=run(api, machine(INVOKE)))["cost"]
    assert (cost["invocations"], cost["estimated"]) == (1, 1)
    assert lines(cost["functions"])["lambda.request"] == 1


def test_a_redrive_is_counted_as_the_doctor_counts_it(api: Api, get: Get, functions: Functions) -> None:
    functions.failures = 1
    once = {"Type": "Task", "Resource": FUNCTION}
    execution = run(api, machine({**PARALLEL, "Branches": [machine(PASS), machine(once)]}), items=[1])
    api.call("RedriveExecution", executionArn=execution)
    api.finish(execution)
    story = Story(execution)
    for event in api.call("GetExecutionHistory", executionArn=execution)["events"]:
        stamp = event["timestamp"]
        story.add({**event, "timestamp": datetime.fromtimestamp(stamp, UTC)})
    cost = get("cost/execution", arn=execution)["cost"]
    assert lines(cost["states"]) == {"states.transition": story.transitions.total()}
    assert cost["notExpress"] == "was redriven"


def test_what_waits_for_a_token_could_not_be_express(api: Api, get: Get) -> None:
    waits = {**INVOKE, "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken"}
    waits["Parameters"] = {"FunctionName": "charge", "Payload": {"token.$": "$$.Task.Token"}}
    execution = api.start(api.create(definition=machine(waits)))
    cost = get("cost/execution", arn=execution)["cost"]
    assert (cost["express"], cost["notExpress"]) == (None, "waits for a task token")


def test_what_takes_long_could_not_be_express(api: Api, get: Get) -> None:
    execution = api.start(api.create(definition=machine({"Type": "Wait", "Seconds": 3600})))
    assert get("cost/execution", arn=execution)["cost"]["notExpress"] is None
    api.clock.offset = 301
    assert get("cost/execution", arn=execution)["cost"]["notExpress"] == "takes five minutes or more"


def test_the_children_of_a_map_run_are_included(api: Api, get: Get) -> None:
    processor = {**machine(PASS, PASS), "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}
    execution = run(api, machine({**MAP, "ItemProcessor": processor}), items=list(range(30)))
    cost = get("cost/execution", arn=execution)["cost"]
    assert lines(cost["states"]) == {"states.transition": 1 + 30 * 2}
    assert (cost["children"], cost["notExpress"]) == (30, "has a Distributed Map")
    express = {**processor, "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}}
    execution = api.start(api.create("other", machine({**MAP, "ItemProcessor": express})), input='{"items": [1, 2]}')
    api.finish(execution)
    cost = get("cost/execution", arn=execution)["cost"]
    assert lines(cost["states"])["states.express_request"] == 2


def test_a_machine_is_extrapolated_from_a_sample(api: Api, get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    arn = api.create(definition=machine(PASS, PASS))
    for _ in range(5):
        api.finish(api.start(arn))
    monkeypatch.setattr("stepwell.api.console.cost.EXECUTIONS_SAMPLED", 2)
    (found,) = get("cost/machine", arn=arn)["machines"]
    assert (found["name"], found["cost"]["executions"], found["cost"]["sampled"]) == ("machine", 5, 2)
    assert lines(found["cost"]["states"]) == {"states.transition": 10}


def test_when_the_time_is_up_one_has_been_read(api: Api, get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    arn = api.create()
    for _ in range(3):
        api.finish(api.start(arn))
    monkeypatch.setattr("stepwell.api.console.cost.READ_SECONDS", -1.0)
    cost = get("cost/machine", arn=arn)["machines"][0]["cost"]
    assert (cost["executions"], cost["sampled"]) == (3, 1)


def test_the_day_has_every_machine_the_dearest_first(api: Api, get: Get) -> None:
    for name, length in (("short", 1), ("long", 4), ("idle", 1)):
        arn = api.create(name, machine(*[PASS] * length))
        if name != "idle":
            api.finish(api.start(arn))
    found = get("cost/day")
    assert [each["name"] for each in found["machines"]][:2] == ["long", "short"]
    assert (
        found["machines"][2]["cost"] | {"executions": 0, "states": [], "express": None} == found["machines"][2]["cost"]
    )
    api.clock.offset = 25 * 3600
    assert all(each["cost"]["executions"] == 0 for each in get("cost/day")["machines"])


@pytest.mark.parametrize(
    ("path", "query", "status", "code"),
    [
        ("cost/execution", {"arn": "x"}, 400, "InvalidArn"),
        ("cost/machine", {"arn": "x"}, 400, "InvalidArn"),
        ("cost/machine", {"arn": "x", "hours": -1}, 400, "ValidationException"),
        ("cost/day", {"arn": "x"}, 400, "ValidationException"),
    ],
)
def test_what_cannot_be_asked(get: Get, path: str, query: dict[str, Any], status: int, code: str) -> None:
    assert get(path, status, **query) == code


def test_calls_that_are_near_are_looked_for_together() -> None:
    calls = [Call("f", "a", 0, 1), Call("f", "b", 30, 31), Call("f", "c", 1_000, 1_001), Call("f", "d", 10, 40)]
    assert stretches(calls) == [(1_000, 1_001), (0, 40)]
    assert stretches([]) == []
