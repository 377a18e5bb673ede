"""Activities: workers that ask for tasks, take them, and sometimes go away."""

import asyncio

import pytest
from enginelab import ManualClock, gathered, until, within
from journals import events_of
from taskhouse import House, activity_arn

from stepwell.engine.errors import TaskTimedOut, Unavailable
from stepwell.machine.commands import StartTask
from stepwell.machine.execution import ABORTED, FAILED, SUCCEEDED
from stepwell.machine.payload import Payload
from stepwell.tasks.activities import Activities, TooManyPollers

pytestmark = pytest.mark.anyio

DESK = activity_arn("desk")


async def work(house: House, count: int = 1, **fields: object) -> list[str]:
    """Executions that each wait for a worker at the desk."""
    state = {"Type": "Task", "Resource": DESK, "End": True, **fields}
    machine = await house.create("machine", T=state)
    ids = [await house.start(machine, f"e{i}", Payload({"n": i})) for i in range(count)]
    await until(lambda: len(house.engine._dispatcher) == 0)
    return ids


async def poll(house: House, seconds: float = 60.0, worker: str | None = None) -> tuple[str, str] | None:
    found: tuple[str, str] | None = await within(house.tasks.activities.poll(DESK, worker, seconds))
    return found


async def test_task_is_taken_and_settled(house: House) -> None:
    (id,) = await work(house)
    taken = await poll(house, worker="anna")
    assert taken is not None
    token, text = taken
    assert text == '{"n":0}'
    await house.engine.task_succeeded(token, Payload("served"))
    assert (await house.finish(id)).output.value == "served"
    events = {event.type: event for _, event in await house.engine.history(id)}
    assert events["ActivityStarted"].worker_name == "anna"
    assert list(events)[1:6] == [
        "TaskStateEntered", "ActivityScheduled", "ActivityStarted", "ActivitySucceeded", "TaskStateExited",
    ]  # fmt: skip


async def test_nobody_waits_longer_than_it_said(house: House) -> None:
    assert await poll(house, 0.0) is None
    assert await poll(house, 0.01) is None
    assert not house.tasks.activities._pollers[DESK]


async def test_oldest_task_goes_first_and_to_one_worker(house: House) -> None:
    await work(house, 5)
    taken = [await poll(house, 0.0) for _ in range(6)]
    assert [task[1] for task in taken if task] == [f'{{"n":{i}}}' for i in range(5)]
    assert taken[5] is None


async def test_workers_that_wait_are_served_each_with_one(house: House) -> None:
    polls = [asyncio.ensure_future(house.tasks.activities.poll(DESK, None, 60)) for _ in range(8)]
    await asyncio.sleep(0)
    await work(house, 8)
    taken = await gathered(polls)
    assert sorted(text for _, text in taken) == [f'{{"n":{i}}}' for i in range(8)]
    assert len({token for token, _ in taken}) == 8


async def test_worker_that_leaves_takes_nothing_with_it() -> None:
    """Whoever is cancelled, before or after it was woken, the task goes to another one."""

    async def claim(execution: str, started: object) -> bool:
        return True

    activities = Activities(ManualClock())
    activities.attach(claim)
    polls = [asyncio.ensure_future(activities.poll(DESK, None, 60)) for _ in range(3)]
    await asyncio.sleep(0)
    polls[0].cancel()
    await asyncio.sleep(0)
    command = StartTask(
        frame=1, attempt=1, resource=DESK, family="Activity", type="", action="", pattern="", input=Payload(7),
        idempotency_key="key", task_token="token",
    )  # fmt: skip
    activities.offer("e", command)
    polls[1].cancel()  # It stands first in the queue, so it has just been woken.
    assert await within(polls[2]) == ("token", "7")
    assert [poll.cancelled() for poll in polls] == [True, True, False]


async def test_too_many_workers(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stepwell.tasks.activities.POLLERS_MAX", 2)
    polls = [asyncio.ensure_future(house.tasks.activities.poll(DESK, None, 60)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(TooManyPollers):
        await poll(house)
    for each in polls:
        each.cancel()
    await gathered(polls)
    assert await poll(house, 0.0) is None


async def test_task_that_nobody_wants_any_more_is_not_given_out(house: House) -> None:
    first, _ = await work(house, 2)
    await house.engine.stop_execution(first, None, None)
    taken = await poll(house, 0.0)
    assert taken is not None and taken[1] == '{"n":1}'
    assert await poll(house, 0.0) is None
    assert (await house.finish(first)).status == ABORTED


async def test_restart_offers_again_only_what_nobody_has(house: House) -> None:
    ids = await work(house, 4)
    held = [await poll(house) for _ in range(2)]
    await house.restart()
    await until(lambda: len(house.tasks.activities._open) == 2)
    again = [await poll(house, 0.0) for _ in range(3)]
    assert [task[1] for task in again if task] == ['{"n":2}', '{"n":3}']
    for task in [*held, *again[:2]]:
        assert task is not None
        await house.engine.task_succeeded(task[0], Payload(1))
    for id in ids:
        assert (await house.finish(id)).status == SUCCEEDED


async def test_heartbeats_count_from_the_pick_up(house: House) -> None:
    (id,) = await work(house, HeartbeatSeconds=10)
    house.clock.move(100)
    taken = await poll(house)
    assert taken is not None
    for _ in range(3):
        house.clock.move(9)
        await house.engine.task_heartbeat(taken[0])
    house.clock.move(10)
    ended = await house.finish(id)
    assert (ended.status, ended.error) == (FAILED, "States.Timeout")
    with pytest.raises(TaskTimedOut):
        await house.engine.task_succeeded(taken[0], Payload(1))


async def test_silent_worker_is_replaced_by_a_retry(house: House) -> None:
    retry = [{"ErrorEquals": ["States.HeartbeatTimeout"], "IntervalSeconds": 1}]
    (id,) = await work(house, HeartbeatSeconds=10, Retry=retry)
    first = await poll(house)
    house.clock.move(10)
    await house.reached(id, "ActivityTimedOut")
    house.clock.move(1)
    second = await poll(house)
    assert first is not None and second is not None and first[0] != second[0]
    with pytest.raises(TaskTimedOut):
        await house.engine.task_succeeded(first[0], Payload("late"))
    await house.engine.task_succeeded(second[0], Payload("in time"))
    assert (await house.finish(id)).output.value == "in time"


async def test_claim_that_the_store_refused_is_made_again(house: House) -> None:
    (id,) = await work(house)
    house.store.faults["commit"].extend(["before"] * 5)
    with pytest.raises(Unavailable):
        await poll(house)
    taken = await poll(house)
    assert taken is not None
    await house.engine.task_succeeded(taken[0], Payload(1))
    assert (await house.finish(id)).status == SUCCEEDED


async def test_activity_that_is_not_there_fails_the_task_before_it_starts(house: House) -> None:
    machine = await house.create("m", A={"Type": "Task", "Resource": activity_arn("desk"), "End": True})
    await house.catalog.delete_activity(activity_arn("desk"))
    ended = await house.finish(await house.start(machine))
    gone = ("ActivityDoesNotExist", f"Activity Does Not Exist: '{activity_arn('desk')}'")
    assert (ended.error, ended.cause) == gone
    events = await events_of(house.inner, ended.id)
    assert events[-3:] == ["ActivityScheduled", "ActivityScheduleFailed", "ExecutionFailed"]
