"""An execution while it is looked at: its story page by page, what is kept of it, and its events."""

import asyncio
from typing import Any

import pytest
from tests.api.conftest import ARN, PASS, ROLE, WAIT, ApiError

from stepwell.api.console import stories
from stepwell.api.console.endpoint import Console

CHAIN = {
    "StartAt": "S0",
    "States": {
        f"S{index}": {"Type": "Pass", **({"Next": f"S{index + 1}"} if index < 299 else {"End": True})}
        for index in range(300)
    },
}


def named(page: Any) -> dict[str, str]:
    return {step["name"]: step["status"] for step in page["steps"]}


def refused(api: Any, path: str, **query: Any) -> tuple[int, str, str]:
    with pytest.raises(ApiError) as caught:
        api.read(path, **query)
    return caught.value.status, caught.value.code, caught.value.message


def kept(api: Any) -> Any:
    """The stories that the endpoint keeps."""
    return console_of(api).stories._kept


def console_of(api: Any) -> Any:
    """What the endpoint's console reads of."""
    route = next(route for route in api.app.routes if route.path == "/console/api/execution")
    cells = [cell.cell_contents for cell in route.endpoint.__closure__]
    return next(found for found in cells if isinstance(found, Console))


def test_a_story_goes_on_from_the_page_before(api: Any) -> None:
    wait = {"Type": "Wait", "Seconds": 3600, "End": True}
    definition = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "W"}, "W": wait}}
    execution = api.start(api.create("m", definition), input='{"a": 1}')
    first = api.read("execution", arn=execution)
    assert named(first) == {"A": "SUCCEEDED", "W": "RUNNING"}
    assert (first["input"]["text"], first["output"], first["notRedrivable"]) == (
        '{"a": 1}', None, "Execution is RUNNING and cannot be redriven",
    )  # fmt: skip
    assert api.read("execution", arn=execution, since=first["sequence"])["steps"] == []
    api.call("StopExecution", executionArn=execution)
    second = api.read("execution", arn=execution, since=first["sequence"])
    assert (named(second), second["definition"]) == ({"W": "ABORTED"}, None)
    assert (second["execution"]["status"], second["notRedrivable"]) == ("ABORTED", None)
    assert second["eventId"] == first["eventId"] + 1


def test_readers_of_one_story_see_each_change_once_and_all_of_them(api: Any) -> None:
    machine = api.create("m", CHAIN)
    execution = api.start(machine)
    api.finish(execution)

    async def scene() -> None:
        pages = await asyncio.gather(*(api.aread("execution", arn=execution) for _ in range(5)))
        assert [len(page["steps"]) for page in pages] == [300] * 5
        assert [page["sequence"] for page in pages] == [pages[0]["sequence"]] * 5

    api.run(scene())


def test_a_reader_that_goes_away_in_the_middle_leaves_no_half_story(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stories, "RECORDS_PER_TURN", 7)
    execution = api.start(api.create("m", CHAIN))
    api.finish(execution)

    async def scene() -> None:
        reading = [asyncio.ensure_future(api.aread("execution", arn=execution)) for _ in range(3)]
        for _ in range(20):
            await asyncio.sleep(0)
        reading[0].cancel()
        pages = await asyncio.gather(*reading[1:])
        assert [len(page["steps"]) for page in pages] == [300] * 2

    api.run(scene())
    assert len(api.read("execution", arn=execution)["steps"]) == 300


def test_row_and_story_agree_though_the_execution_ends_in_between(api: Any) -> None:
    execution = api.start(api.create("m", WAIT))
    read, engine = api.engine.store.execution, api.engine
    stale = api.run(read(execution))
    api.call("StopExecution", executionArn=execution)
    answers = [stale]

    async def late(id: str) -> Any:
        return answers.pop() if answers else await read(id)

    engine.store.execution = late
    page = api.read("execution", arn=execution)
    assert (page["execution"]["status"], named(page), page["notRedrivable"]) == ("ABORTED", {"W": "ABORTED"}, None)


def test_one_that_was_erased_is_gone_and_another_may_have_its_name(api: Any) -> None:
    machine = api.create("m", WAIT)
    execution = api.start(machine, name="same")
    api.call("StopExecution", executionArn=execution)
    assert named(api.read("execution", arn=execution)) == {"W": "ABORTED"}
    api.run(api.engine._residents.evict(-1))
    api.run(api.engine.store.erase([execution], closed_before=api.clock.now() + 1))
    assert refused(api, "execution", arn=execution)[:2] == (400, "ExecutionDoesNotExist")
    assert api.start(machine, name="same") == execution
    assert named(api.read("execution", arn=execution)) == {"W": "RUNNING"}


def test_no_more_is_kept_than_there_is_room_for(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    machine, chain = api.create("m", PASS), api.create("chain", CHAIN)
    executions = [api.start(machine, name=f"e{number:02}") for number in range(stories.STORIES_MAX + 4)]
    for execution in executions:
        api.finish(execution)
        api.read("execution", arn=execution)
    assert list(kept(api)) == executions[4:]
    api.read("execution", arn=executions[4])
    assert list(kept(api))[-1] == executions[4], "who is read again stays longer"

    monkeypatch.setattr(stories, "STEPS_KEPT", 310)
    long = [api.start(chain, name=f"long{number}") for number in range(2)]
    for execution in long:
        api.finish(execution)
        api.read("execution", arn=execution)
    assert list(kept(api)) == [long[1]]

    monkeypatch.setattr(stories, "IDLE_SECONDS", -1.0)
    api.read("execution", arn=executions[0])
    assert list(kept(api)) == [executions[0]]


def test_what_does_not_compile_any_more_is_shown_all_the_same(api: Any) -> None:
    execution = api.start(api.create("m", PASS), input='{"a": 1}')
    api.finish(execution)

    async def broken(revision: str) -> Any:
        raise RuntimeError("it does not compile")

    console_of(api).service.catalog.program = broken
    assert named(api.read("execution", arn=execution)) == {"P": "SUCCEEDED"}
    detail = api.read("execution/step", arn=execution, id=2)
    assert (detail["input"]["text"], detail["context"]["text"]) == ('{"a": 1}', "{}")


def test_a_story_survives_its_machine(api: Any) -> None:
    machine = api.create("m", PASS)
    execution = api.start(machine)
    api.finish(execution)
    api.call("DeleteStateMachine", stateMachineArn=machine)
    page = api.read("execution", arn=execution)
    assert (named(page), page["machineType"]) == ({"P": "SUCCEEDED"}, "STANDARD")
    assert '"StartAt"' in page["definition"]


@pytest.mark.parametrize(("type", "steps"), [("STANDARD", {"P": "SUCCEEDED"}), ("EXPRESS", {})])
def test_a_child_of_a_map_run_is_told_of_as_far_as_it_is_kept(api: Any, type: str, steps: dict[str, str]) -> None:
    processor = {**PASS, "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": type}}
    states = {"M": {"Type": "Map", "ItemProcessor": processor, "Label": "L", "End": True}}
    parent = api.start(api.create("m", {"StartAt": "M", "States": states}), input="[1]")
    assert api.finish(parent)["status"] == "SUCCEEDED"
    (step,) = api.read("execution", arn=parent)["steps"]
    (child,) = api.call("ListExecutions", mapRunArn=step["mapRun"])["executions"]
    page = api.read("execution", arn=child["executionArn"])
    assert (named(page), page["label"], page["machineType"]) == (steps, "L", type)
    assert (page["input"]["text"], page["output"]["text"], page["execution"]["status"]) == ("1", "1", "SUCCEEDED")
    assert refused(api, "execution", arn=step["mapRun"])[1] == "InvalidArn"


def test_an_express_execution_has_none(api: Any) -> None:
    machine = api.create("x", PASS, type="EXPRESS")
    execution = api.call("StartSyncExecution", stateMachineArn=machine)["executionArn"]
    status, code, message = refused(api, "execution", arn=execution)
    assert (status, code) == (400, "InvalidArn")
    assert "express" in message


def test_events_come_in_pages(api: Any) -> None:
    execution = api.start(api.create("m", CHAIN))
    api.finish(execution)
    first = api.read("execution/events", arn=execution)
    assert ([event["event"]["id"] for event in first["events"]], first["last"]) == (list(range(1, 201)), 602)
    rest = api.read("execution/events", arn=execution, start=601, limit=1000)
    assert [event["event"]["type"] for event in rest["events"]] == ["PassStateExited", "ExecutionSucceeded"]
    assert [event["frame"] for event in rest["events"]] == [1, 0]
    assert api.read("execution/events", arn=execution, start=603)["events"] == []


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("execution", {}), ("execution", {"arn": "x"}), ("execution", {"arn": f"{ARN}:execution:m:no", "since": "x"}),
        ("execution", {"arn": "a\0b"}), ("execution", {"arn": "x" * 40_000}), ("execution/events", {"arn": ARN}),
        ("execution", {"arn": f"{ARN}:execution:m:gone"}), ("execution", {"arn": ROLE}),
    ],
)  # fmt: skip
def test_what_is_no_execution(api: Any, path: str, query: dict[str, Any]) -> None:
    status, code, message = refused(api, path, **query)
    assert status == 400 and message
    assert code in ("ValidationException", "InvalidArn", "ExecutionDoesNotExist")
