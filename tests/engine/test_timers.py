"""Time: waits, backoff, time-outs and heartbeats, near and beyond the horizon."""

import asyncio
from itertools import pairwise

import pytest
from enginelab import Lab, ManualClock, TaskError, echo, flow, gathered, task, until
from journals import EVERY_SHARD, check_all, events_of

from stepwell.engine.timers import HORIZON_SECONDS, Timers
from stepwell.machine.commands import StartTask
from stepwell.machine.execution import FAILED, RUNNING, SUCCEEDED, TIMED_OUT

pytestmark = pytest.mark.anyio

YEAR = 365 * 86_400


def wait(seconds: float) -> str:
    return flow(W={"Type": "Wait", "Seconds": seconds, "End": True})


@pytest.mark.parametrize("seconds", [1, 60, int(HORIZON_SECONDS) + 1, YEAR])
async def test_wait_ends_at_its_time_and_not_before(any_lab: Lab, seconds: int) -> None:
    node = await any_lab.node()
    id = await any_lab.start(node, wait(seconds))
    any_lab.clock.move(seconds - 0.5)
    await any_lab.node()  # Another engine that looks for due timers in the meantime finds none either.
    assert (await any_lab.store.execution(id)).status == RUNNING
    any_lab.clock.move(0.5)
    ended = await any_lab.finish(id)
    assert ended.stopped_at - ended.started_at == seconds


async def test_timer_beyond_the_horizon_lives_in_the_store_alone(any_lab: Lab) -> None:
    node = await any_lab.node()
    id = await any_lab.start(node, wait(YEAR))
    assert len(node.engine._timers) == 0
    assert [row.execution for row in await any_lab.store.timers_due(EVERY_SHARD, float("inf"), 10)] == [id]
    any_lab.clock.move(YEAR - HORIZON_SECONDS + 1)
    await until(lambda: len(node.engine._timers) == 1)
    assert (await any_lab.store.execution(id)).status == RUNNING
    any_lab.clock.move(HORIZON_SECONDS)
    assert (await any_lab.finish(id)).status == SUCCEEDED


async def test_timer_that_came_due_while_nothing_ran(any_lab: Lab) -> None:
    node = await any_lab.node()
    id = await any_lab.start(node, wait(3600))
    node.vanish()
    any_lab.clock.move(2 * 3600)
    node = await any_lab.node()
    ended = await any_lab.finish(id)
    assert ended.stopped_at - ended.started_at == 2 * 3600


async def test_retries_back_off(any_lab: Lab) -> None:
    times: list[float] = []

    async def fail(command: StartTask) -> None:
        times.append(any_lab.clock.now())
        raise TaskError("Broken", f"attempt {command.attempt}")

    any_lab.handlers["f"] = fail
    node = await any_lab.node()
    retry = [{"ErrorEquals": ["Broken"], "IntervalSeconds": 10, "BackoffRate": 3, "MaxAttempts": 3}]
    id = await any_lab.start(node, flow(T=task("f", Retry=retry)))
    for number, pause in enumerate((10, 30, 90), 1):
        await any_lab.reached(id, "LambdaFunctionFailed", number)
        any_lab.clock.move(pause)
    ended = await any_lab.finish(id)
    assert (ended.status, ended.error, ended.cause) == (FAILED, "Broken", "attempt 4")
    assert [later - earlier for earlier, later in pairwise(times)] == [10, 30, 90]
    keys = [command.idempotency_key for _, command in node.functions.calls]
    assert len(set(keys)) == 4


async def test_retry_that_a_restart_finds_due(any_lab: Lab) -> None:
    outcomes = iter([TaskError("Broken"), None])

    async def fail_once(command: StartTask) -> str:
        if (error := next(outcomes)) is not None:
            raise error
        return "done"

    any_lab.handlers["f"] = fail_once
    node = await any_lab.node()
    retry = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 20}]
    id = await any_lab.start(node, flow(T=task("f", Retry=retry)))
    await any_lab.reached(id, "LambdaFunctionFailed")
    node = await any_lab.restart(node)
    assert (await any_lab.finish(id)).output.value == "done"


async def test_timeout_of_a_task_whose_late_outcome_changes_nothing(any_lab: Lab) -> None:
    async def hang(command: StartTask) -> str:
        await gate.wait()
        return "late"

    gate = asyncio.Event()
    any_lab.handlers["f"] = hang
    node = await any_lab.node()
    id = await any_lab.start(node, flow(T=task("f", TimeoutSeconds=5, Next="W"), W={"Type": "Succeed"}))
    any_lab.clock.move(5)
    ended = await any_lab.finish(id)
    assert (ended.status, ended.error) == (FAILED, "States.Timeout")
    gate.set()
    await until(lambda: len(node.engine._dispatcher) == 0)
    assert (await any_lab.finish(id)).error == "States.Timeout"


async def test_task_that_runs_for_a_second_shows_that_it_started(any_lab: Lab) -> None:
    gate = asyncio.Event()

    async def hang(command: StartTask) -> str:
        await gate.wait()
        return "done"

    any_lab.handlers["f"] = hang
    node = await any_lab.node()
    id = await any_lab.start(node, flow(T=task("f")))
    await until(lambda: node.functions.calls)
    any_lab.clock.move(1)
    await any_lab.reached(id, "LambdaFunctionStarted")
    gate.set()
    await any_lab.finish(id)
    assert (await events_of(any_lab.store, id)).count("LambdaFunctionStarted") == 1


async def test_timeout_of_the_execution(any_lab: Lab) -> None:
    node = await any_lab.node()
    definition = wait(YEAR).replace('{"StartAt"', '{"TimeoutSeconds": 30, "StartAt"')
    id = await any_lab.start(node, definition)
    any_lab.clock.move(30)
    assert (await any_lab.finish(id)).status == TIMED_OUT


async def test_clock_that_steps_back_delays_but_loses_nothing(any_lab: Lab) -> None:
    node = await any_lab.node()
    id = await any_lab.start(node, wait(60))
    any_lab.clock.at -= 3600
    any_lab.clock.move(3600 + 60)
    ended = await any_lab.finish(id)
    assert ended.stopped_at - ended.started_at == 60


async def test_restart_folds_nothing_that_waits(any_lab: Lab) -> None:
    """What a restart reads does not grow with the executions that wait."""
    node = await any_lab.node()
    count = 2_000
    any_lab.handlers["f"] = echo
    starts = [any_lab.start(node, wait(YEAR if i else 50), f"e{i}") for i in range(count)]
    first = (await gathered(starts))[0]
    node = await any_lab.restart(node)
    assert len(node.engine._timers) == 1
    assert len(node.engine._residents) == 0
    assert node.store.calls == {"lease": 1, "outbox": 1, "inbox": 1, "timers_due": 1, "list": 1}
    any_lab.clock.move(50)
    assert (await any_lab.finish(first)).status == SUCCEEDED
    assert node.store.calls["journal"] == 1
    assert len(node.engine._residents) == 0
    any_lab.clock.move(YEAR)
    await until(lambda: node.store.calls["journal"] >= count)
    for i in range(1, count):
        await node.engine.closed(first[:-1] + str(i))


class Fired:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.fired: list[tuple[str, str, float]] = []
        self.timers = Timers(self.clock, lambda *timer: self.fired.append(timer))


async def turn() -> None:
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_a_timer_that_fires_is_not_brought_back_until_it_is_settled() -> None:
    lab = Fired()
    due = lab.clock.now() + 10
    lab.timers.start("e", "1/wait", due)
    lab.clock.move(10)
    await turn()
    lab.timers.start("e", "1/wait", due)
    lab.clock.move(1)
    await turn()
    assert lab.fired == [("e", "1/wait", due)]
    lab.timers.settled("e", "1/wait", due)
    lab.timers.start("e", "1/wait", due)
    await turn()
    assert len(lab.fired) == 2


async def test_a_replaced_timer_fires_at_its_new_time_alone() -> None:
    lab = Fired()
    now = lab.clock.now()
    lab.timers.start("e", "1/heartbeat", now + 10)
    lab.timers.start("e", "1/heartbeat", now + 30)
    lab.timers.start("e", "1/heartbeat", now + 20)
    lab.timers.start("e", "2/wait", now + 15)
    lab.timers.stop("e", "2/wait")
    for _ in range(4):
        lab.clock.move(10)
        await turn()
    assert lab.fired == [("e", "1/heartbeat", now + 20)]


async def test_a_timer_moved_beyond_the_horizon_leaves_memory() -> None:
    lab = Fired()
    now = lab.clock.now()
    lab.timers.start("e", "k", now + 10)
    lab.timers.start("e", "k", now + HORIZON_SECONDS + 100)
    assert len(lab.timers) == 0
    lab.timers.start("e", "k", now + HORIZON_SECONDS + 100, keep=True)
    lab.clock.move(HORIZON_SECONDS + 100)
    await turn()
    assert [due for _, _, due in lab.fired] == [now + HORIZON_SECONDS + 100]


async def test_no_timer_is_left_of_a_parallel_whose_branch_failed(any_lab: Lab) -> None:
    async def fail(command: StartTask) -> None:
        raise TaskError("Broken")

    any_lab.handlers["f"] = fail
    node = await any_lab.node()
    branches = [
        {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 90, "End": True}}},
        {"StartAt": "T", "States": {"T": task("f", TimeoutSeconds=60)}},
    ]
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "After"}]
    id = await any_lab.start(
        node,
        flow(
            P={"Type": "Parallel", "Branches": branches, "End": True, "Catch": catch},
            After={"Type": "Wait", "Seconds": 10, "End": True},
        ),
    )
    await any_lab.reached(id, "WaitStateEntered", 2)
    any_lab.clock.move(10)
    await any_lab.finish(id)
    assert len(await check_all(any_lab.store, "arn:aws:states:us-east-1:123456789012:stateMachine:machine")) == 1
