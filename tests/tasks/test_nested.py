"""Nested executions: started once, awaited, stopped with their parent, found again after a crash."""

import asyncio
import json
from typing import Any

import pytest
from enginelab import until
from journals import EVERY_SHARD, events_of
from taskhouse import START, House, activity_arn, execution_arn, machine_arn

from stepwell.engine.arns import STATE_MACHINE, parse_arn
from stepwell.engine.versions import Route, Versions
from stepwell.machine import journal
from stepwell.machine.execution import ABORTED, FAILED, RUNNING, SUCCEEDED
from stepwell.machine.payload import Payload
from stepwell.machine.stimuli import TaskSubmitted

pytestmark = pytest.mark.anyio

CHILD = machine_arn("child")
PASS = {"Type": "Pass", "Result": {"by": "child"}, "End": True}
HOLD = {"Type": "Wait", "Seconds": 50, "End": True}


def nested(pattern: str = "", **parameters: Any) -> dict[str, Any]:
    """A Task state that starts the child machine."""
    arguments = {"StateMachineArn": CHILD, "Input": {"a": 1}, **parameters}
    return {"Type": "Task", "Resource": START + pattern, "Parameters": arguments, "End": True}


async def parent(house: House, state: dict[str, Any], **more: Any) -> str:
    return await house.start(await house.create("parent", T=state | more))


async def children(house: House) -> list[str]:
    return [row.id for row in await house.inner.executions(through=CHILD)]


async def the_child(house: House) -> str:
    async def exists() -> bool:
        return len(await children(house)) == 1

    await until(exists)
    return (await children(house))[0]


async def test_request_response_does_not_wait(house: House) -> None:
    await house.create("child", W=HOLD)
    ended = await house.finish(await parent(house, nested(Name="kid")))
    output = ended.output.value
    assert output["ExecutionArn"] == execution_arn("child", "kid")
    assert output["StartDate"] == round(house.clock.now() * 1000)
    row = await house.inner.execution(output["ExecutionArn"])
    assert (row.status, row.input) == (RUNNING, '{"a":1}')


@pytest.mark.parametrize(("pattern", "shown"), [(".sync", '{"by":"child"}'), (".sync:2", {"by": "child"})])
async def test_outcome_of_the_child(house: House, pattern: str, shown: object) -> None:
    await house.create("child", P=PASS)
    id = await parent(house, nested(pattern))
    ended = await house.finish(id)
    output = ended.output.value
    assert (output["Status"], output["Output"]) == ("SUCCEEDED", shown)
    assert output["Input"] == ({"a": 1} if pattern == ".sync:2" else '{"a":1}')
    assert output["ExecutionArn"] == await the_child(house)
    types = await events_of(house.inner, id)
    assert types[1:7] == [
        "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded", "TaskStateExited",
    ]  # fmt: skip
    await house.finish(await the_child(house))


@pytest.mark.parametrize(("qualifier", "alias"), [("1", None), ("live", f"{CHILD}:live")])
async def test_through_a_version_or_an_alias(house: House, qualifier: str, alias: str | None) -> None:
    await house.create("child", P=PASS)
    arn = parse_arn(CHILD, STATE_MACHINE)
    versions = Versions(house.inner, house.clock, house.catalog)
    version = await versions.publish(arn, None, None)
    await versions.create_alias("live", [Route(version.arn, 100)], None)
    later = json.dumps({"StartAt": "P", "States": {"P": {**PASS, "Result": "later"}}})
    await house.catalog.update_state_machine(
        arn, definition=later, role=None, logging=None, tracing=None, encryption=None
    )  # fmt: skip
    state = nested(".sync:2", StateMachineArn=f"{CHILD}:{qualifier}")
    output = (await house.finish(await parent(house, state))).output.value
    assert (output["Output"], output["StateMachineArn"]) == ({"by": "child"}, CHILD)
    assert (output["StateMachineVersionArn"], output.get("StateMachineAliasArn")) == (version.arn, alias)
    assert list(output) == sorted(output)
    row = await house.inner.execution(await the_child(house))
    assert (row.version, row.alias) == (version.arn, alias)


async def test_large_documents_come_through(house: House) -> None:
    large = "x" * 20_000
    await house.create("child", P={"Type": "Pass", "End": True})
    id = await parent(house, nested(".sync:2", Input={"text": large}))
    ended = await house.finish(id)
    assert ended.output.value["Output"] == ended.output.value["Input"] == {"text": large}


async def test_child_that_fails(house: House) -> None:
    await house.create("child", F={"Type": "Fail", "Error": "Bad", "Cause": "luck"})
    ended = await house.finish(await parent(house, nested(".sync")))
    assert (ended.status, ended.error) == (FAILED, "States.TaskFailed")
    cause = json.loads(ended.cause or "")
    assert (cause["Status"], cause["Error"], cause["Cause"]) == ("FAILED", "Bad", "luck")


async def test_child_that_is_stopped(house: House) -> None:
    await house.create("child", W=HOLD)
    id = await parent(house, nested(".sync"))
    await house.engine.stop_execution(await the_child(house), "Why", "because")
    ended = await house.finish(id)
    assert json.loads(ended.cause or "")["Status"] == "ABORTED"


async def test_a_child_that_is_redriven_does_not_tell_its_parent_twice(house: House) -> None:
    await house.create("child", W=HOLD)
    id = await parent(house, nested(".sync"))
    child = await the_child(house)
    await house.engine.stop_execution(child, None, None)
    closed = await house.finish(id)
    await house.engine.redrive_execution(child, None)
    house.clock.move(50)
    assert (await house.finish(child)).status == SUCCEEDED
    assert (await house.finish(id)).sequence == closed.sequence
    assert await house.inner.inbox(EVERY_SHARD) == []


async def test_a_parent_that_is_redriven_starts_another_child(house: House) -> None:
    await house.create("child", W=HOLD)
    id = await parent(house, nested(".sync:2"))
    first = await the_child(house)
    await house.engine.stop_execution(first, None, None)
    await house.finish(id)
    await house.engine.redrive_execution(id, None)
    await house.reached(id, "TaskSubmitted", 2)
    house.clock.move(50)
    ended = await house.finish(id)
    assert ended.status == SUCCEEDED and ended.output.value["ExecutionArn"] != first
    assert len(await children(house)) == 2


async def test_retry_starts_another_child(house: House) -> None:
    await house.create("child", F={"Type": "Fail", "Error": "Bad"})
    retry = [{"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 1, "MaxAttempts": 2}]
    id = await parent(house, nested(".sync"), Retry=retry)
    for number in (1, 2):
        await house.reached(id, "TaskFailed", number)
        house.clock.move(2)
    assert (await house.finish(id)).status == FAILED
    assert len(await children(house)) == 3


async def test_name_that_another_execution_has(house: House) -> None:
    child = await house.create("child", W=HOLD)
    await house.start(child, "taken")
    ended = await house.finish(await parent(house, nested(".sync", Name="taken")))
    assert (ended.status, ended.error) == (FAILED, "StepFunctions.ExecutionAlreadyExistsException")
    assert await children(house) == [execution_arn("child", "taken")]


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"StateMachineArn": machine_arn("nobody")}, "StepFunctions.StateMachineDoesNotExistException"),
        ({"StateMachineArn": "nonsense"}, "StepFunctions.InvalidArnException"),
        ({"StateMachineArn": 5}, "StepFunctions.ValidationException"),
        ({"Name": "a/b"}, "StepFunctions.InvalidNameException"),
        ({"Input": "{not json"}, "StepFunctions.InvalidExecutionInputException"),
    ],
)
async def test_refused_starts(house: House, parameters: dict[str, Any], error: str) -> None:
    await house.create("child", P=PASS)
    ended = await house.finish(await parent(house, nested(".sync", **parameters)))
    assert (ended.status, ended.error) == (FAILED, error)
    assert "TaskSubmitFailed" in await events_of(house.inner, ended.id)
    assert await children(house) == []


async def test_parent_that_stops_stops_its_child(house: House) -> None:
    await house.create("child", W=HOLD)
    id = await parent(house, nested(".sync"))
    await house.reached(id, "TaskSubmitted")
    child = await the_child(house)
    await house.engine.stop_execution(id, None, None)
    assert (await house.finish(child)).status == ABORTED
    assert (await house.finish(id)).status == ABORTED


async def test_time_out_of_the_task_stops_the_child(house: House) -> None:
    await house.create("child", W=HOLD)
    id = await parent(house, nested(".sync"), TimeoutSeconds=10)
    await house.reached(id, "TaskSubmitted")
    house.clock.move(10)
    assert (await house.finish(id)).error == "States.Timeout"
    assert (await house.finish(await the_child(house))).status == ABORTED


async def test_stop_of_a_child_outlasts_a_crash(house: House) -> None:
    await house.create("child", W=HOLD)
    id = await parent(house, nested(".sync"))
    await house.reached(id, "TaskSubmitted")
    child = await the_child(house)
    house.store.faults["execution"].extend(["", "before"])
    await house.engine.stop_execution(id, None, None)
    assert [row.key for row in await house.inner.outbox(EVERY_SHARD)] == [f"stop/{child}"]
    await house.restart()
    assert (await house.finish(child)).status == ABORTED

    async def is_done() -> bool:
        return await house.inner.outbox(EVERY_SHARD) == []

    await until(is_done)


async def test_stop_of_a_child_outlasts_a_store_that_stays_silent(house: House) -> None:
    await house.create("child", W=HOLD)
    id = await parent(house, nested(".sync"))
    await house.reached(id, "TaskSubmitted")
    house.store.faults["execution"].extend(["", "before"])
    await house.engine.stop_execution(id, None, None)
    await until(lambda: not house.engine._tasks)
    house.clock.move(5)
    assert (await house.finish(await the_child(house))).status == ABORTED


async def test_child_that_starts_while_its_parent_stops(house: House) -> None:
    """The parent is stopped when its child is there and it does not know of it yet."""
    await house.create("child", W=HOLD)
    house.store.faults["inbox_of"].append("before")  # So that nobody reads what the child has delivered.
    id = await parent(house, nested(".sync"))
    child = await the_child(house)
    await until(lambda: house.store.calls["inbox_of"] == 1)
    await house.engine.stop_execution(id, None, None)
    assert "TaskSubmitted" not in await events_of(house.inner, id)
    house.clock.move(5)
    assert (await house.finish(child)).status == ABORTED
    assert (await house.finish(id)).status == ABORTED


async def test_message_that_comes_twice_does_not_stop_the_child(house: House) -> None:
    await house.create("child", W=HOLD)
    id = await parent(house, nested(".sync"))
    await house.reached(id, "TaskSubmitted")
    child = await the_child(house)
    twice = TaskSubmitted(at=house.clock.now(), frame=1, attempt=1, output=Payload({}), child=child)
    house.engine._receive(id, 999, journal.encode_inline(twice))
    await until(lambda: not house.engine._messages and not house.engine._tasks)
    assert (await house.inner.execution(child)).status == RUNNING
    house.clock.move(50)
    assert (await house.finish(id)).status == SUCCEEDED


@pytest.mark.parametrize("lost_from", range(1, 7))
@pytest.mark.parametrize("pattern", ["", ".sync", ".sync:2"])
async def test_crash_at_any_commit_starts_one_child(house: House, pattern: str, lost_from: int) -> None:
    """Everything from the n-th commit on is lost with the process; the next one gets or creates the same child."""
    await house.create("child", W={"Type": "Wait", "Seconds": 1, "End": True})
    machine = await house.create("parent", T=nested(pattern))
    inner = house.store.inner.commit

    async def commit(steps: Any) -> Any:
        if house.store.calls["commit"] >= lost_from:
            house.store.cut()
            await house.store.commit(steps)
        return await inner(steps)

    house.store.inner.commit = commit
    starting = asyncio.ensure_future(house.start(machine))
    for _ in range(50):
        await asyncio.sleep(0)
        house.clock.move(0.1)
    house.store.inner.commit = inner
    await house.restart()
    starting.cancel()
    id = execution_arn("parent", "e")
    if await house.inner.execution(id) is None:
        await house.start(machine)
    await house.started(id)

    async def ended() -> bool:
        house.clock.move(1)
        rows = [await house.inner.execution(id), *await house.inner.executions(through=CHILD)]
        return all(row.status != RUNNING for row in rows)

    await until(ended)
    assert (await house.finish(id)).status == SUCCEEDED
    assert (await house.finish(await the_child(house))).status == SUCCEEDED
    assert await house.inner.outbox(EVERY_SHARD) == []
    assert await house.inner.inbox(EVERY_SHARD) == []


async def test_token_of_a_nested_start(house: House) -> None:
    await house.create("child", T={"Type": "Task", "Resource": activity_arn("desk"), "End": True})
    state = nested(".waitForTaskToken", Input={"token.$": "$$.Task.Token"})
    id = await parent(house, state)
    await house.reached(id, "TaskSubmitted")
    token = json.loads((await house.inner.execution(await the_child(house))).input)["token"]
    await house.engine.task_succeeded(token, Payload("from the child"))
    assert (await house.finish(id)).output.value == "from the child"
    assert (await house.inner.execution(await the_child(house))).status == RUNNING


async def test_express_child_cannot_be_awaited(house: House) -> None:
    await house.create("child", "EXPRESS", P=PASS)
    ended = await house.finish(await parent(house, nested(".sync")))
    assert ended.error == "StepFunctions.StateMachineTypeNotSupportedException"


async def test_express_child_is_started(house: House) -> None:
    await house.create("child", "EXPRESS", P=PASS)
    ended = await house.finish(await parent(house, nested(Name="kid")))
    assert ended.status == SUCCEEDED
    assert ended.output.value["ExecutionArn"].split(":")[5:8] == ["express", "child", "kid"]


async def test_deep_nesting(house: House) -> None:
    for depth in range(5):
        await house.create(f"m{depth}", T=nested(".sync:2", StateMachineArn=machine_arn(f"m{depth + 1}")))
    await house.create("m5", P=PASS)
    output = (await house.finish(await house.start(machine_arn("m0")))).output.value
    for _ in range(5):
        output = output["Output"]
    assert output == {"by": "child"}
