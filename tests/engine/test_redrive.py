"""Redrive through the engine: durable before the reply, once for a client token, and whole after any crash."""

import asyncio
from typing import Any

import pytest
from enginelab import MACHINE, Lab, Node, TaskError, echo, flow, gathered, id_of, task, until
from journals import EVERY_SHARD, check_all, check_journal, events_of

from stepwell.engine.engine import UPKEEP_SECONDS
from stepwell.engine.errors import ExecutionNotFound, NotRedrivable
from stepwell.engine.redrives import OPEN_SECONDS_MAX, REDRIVABLE_SECONDS, refusal
from stepwell.machine import turn
from stepwell.machine.commands import StartTask
from stepwell.machine.execution import ABORTED, FAILED, RUNNING, SUCCEEDED, TIMED_OUT
from stepwell.machine.payload import Payload
from stepwell.machine.redrive import TOKEN_SECONDS
from stepwell.store.protocol import ExecutionRow

pytestmark = pytest.mark.anyio

WAIT = {"Type": "Wait", "Seconds": 60, "End": True}


class Mended:
    """The function `f`, which fails until it is mended, and keeps the inputs of its calls."""

    def __init__(self, lab: Lab) -> None:
        self.is_mended = False
        self.calls: list[Any] = []
        lab.handlers["f"] = self

    async def __call__(self, command: StartTask) -> Any:
        self.calls.append(command.input.value)
        if not self.is_mended:
            raise TaskError("Broken")
        return "mended"


async def failed(lab: Lab, node: Node, definition: str, name: str = "e", **fields: Any) -> str:
    id = await lab.start(node, definition, name, **fields)
    assert (await lab.finish(id)).status == FAILED
    return id


async def test_only_the_failed_branch_runs_again(any_lab: Lab) -> None:
    broken, node = Mended(any_lab), await any_lab.node()
    states = ({"Type": "Pass", "Result": "kept", "End": True}, task("f"))
    branches = [{"StartAt": f"B{i}", "States": {f"B{i}": state}} for i, state in enumerate(states)]
    definition = flow(P={"Type": "Parallel", "Branches": branches, "End": True})
    id = await failed(any_lab, node, definition, input=Payload({"a": 1}))
    await until(lambda: id not in node.engine._residents)  # A closed execution leaves memory.
    broken.is_mended = True
    any_lab.clock.move(100)
    redriven_at = await node.engine.redrive_execution(id, None)
    assert redriven_at == any_lab.clock.now()
    ended = await any_lab.finish(id)
    assert (ended.status, ended.redrive_count, ended.redriven_at) == (SUCCEEDED, 1, redriven_at)
    assert ended.output.value == ["kept", "mended"]
    assert broken.calls == [{"a": 1}] * 2
    assert (await events_of(any_lab.store, id)).count("PassStateEntered") == 1


async def test_row_and_journal_are_durable_before_the_reply(any_lab: Lab) -> None:
    Mended(any_lab)
    node = await any_lab.node()
    id = await failed(any_lab, node, flow(T=task("f", Next="W"), W=WAIT))
    any_lab.handlers["f"] = echo
    redriven_at = await node.engine.redrive_execution(id, None)
    row = await any_lab.store.execution(id)
    assert (row.status, row.redrive_count, row.redriven_at) == (RUNNING, 1, redriven_at)
    assert row.stopped_at is None and row.error is None
    assert [listed.id for listed in await any_lab.store.executions(through=MACHINE, status=RUNNING)] == [id]
    assert "ExecutionRedriven" in await events_of(any_lab.store, id)
    await any_lab.reached(id, "WaitStateEntered")
    again = await any_lab.restart(node)
    any_lab.clock.move(60)
    assert (await any_lab.finish(id)).status == SUCCEEDED
    assert again.functions.calls == []


async def test_a_client_token_is_one_redrive_however_often_it_is_sent(any_lab: Lab) -> None:
    gate = asyncio.Event()
    Mended(any_lab)
    nodes = [await any_lab.node(), await any_lab.node()]
    id = await failed(any_lab, nodes[0], flow(T=task("f")))

    async def wait(command: StartTask) -> Any:
        await gate.wait()
        raise TaskError("Still")

    any_lab.handlers["f"] = wait
    calls = [nodes[i % 2].engine.redrive_execution(id, "token") for i in range(6)]
    times = await gathered(calls)
    assert times == [any_lab.clock.now()] * 6
    gate.set()
    assert (await any_lab.finish(id)).redrive_count == 1
    any_lab.clock.move(TOKEN_SECONDS - 1)
    assert await nodes[0].engine.redrive_execution(id, "token") == times[0]
    assert (await check_journal(any_lab.store, id)).redrive_count == 1
    any_lab.clock.move(1)
    assert await nodes[0].engine.redrive_execution(id, "token") == any_lab.clock.now()
    assert (await any_lab.finish(id)).redrive_count == 2


async def test_without_a_token_the_second_of_two_is_refused(any_lab: Lab) -> None:
    Mended(any_lab)
    node = await any_lab.node()
    id = await failed(any_lab, node, flow(T=task("f")))
    any_lab.handlers["f"] = forever
    outcomes = await gathered([node.engine.redrive_execution(id, None) for _ in range(2)])
    refused = [outcome for outcome in outcomes if isinstance(outcome, NotRedrivable)]
    assert [str(error) for error in refused] == ["Execution is RUNNING and cannot be redriven"]


async def forever(command: StartTask) -> Any:
    await asyncio.Event().wait()


async def test_what_cannot_be_redriven(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    node = await lab.node()
    with pytest.raises(ExecutionNotFound):
        await node.engine.redrive_execution(id_of("nobody"), None)
    done = await lab.start(node, flow(P={"Type": "Pass", "End": True}), "done")
    await lab.finish(done)
    with pytest.raises(NotRedrivable, match=r"^Execution is SUCCEEDED and cannot be redriven$"):
        await node.engine.redrive_execution(done, None)
    monkeypatch.setattr(turn, "EVENTS_MAX", 3)
    full = await failed(lab, node, flow(F={"Type": "Fail"}), "full")
    with pytest.raises(NotRedrivable, match=r"^Execution history event limit exceeded$"):
        await node.engine.redrive_execution(full, None)


def row(status: str, stopped_at: float = 100.0) -> ExecutionRow:
    return ExecutionRow(
        id="id", name="e", state_machine=MACHINE, revision="r", status=status, started_at=0.0, input="{}",
        stopped_at=stopped_at,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("closed", "now", "limits", "reason"),
    [
        (row(FAILED), 100.0 + REDRIVABLE_SECONDS, "aws", None),
        (row(ABORTED), 101.0 + REDRIVABLE_SECONDS, "aws", "Execution redrivable period exceeded"),
        (row(TIMED_OUT), 101.0 + REDRIVABLE_SECONDS, "extended", None),
        (row(FAILED, OPEN_SECONDS_MAX), OPEN_SECONDS_MAX, "aws", "Execution has exceeded the max execution time"),
        (row(SUCCEEDED), 101.0, "extended", "Execution is SUCCEEDED and cannot be redriven"),
    ],
)
async def test_the_rules_of_time(closed: ExecutionRow, now: float, limits: str, reason: str | None) -> None:
    assert refusal(closed, 10, limits, now) == reason


@pytest.mark.parametrize("fault", ["before", "after"])
async def test_a_commit_that_fails_is_made_once(any_lab: Lab, fault: str) -> None:
    broken, node = Mended(any_lab), await any_lab.node()
    id = await failed(any_lab, node, flow(T=task("f")))
    broken.is_mended = True
    node.store.faults["commit"].append(fault)
    await node.engine.redrive_execution(id, "token")
    ended = await any_lab.finish(id)
    assert (ended.status, ended.redrive_count) == (SUCCEEDED, 1)


@pytest.mark.parametrize("point", ["commit.before", "commit.after", "dispatch.before", "dispatch.after"])
async def test_a_crash_at_any_point_loses_and_repeats_nothing(any_lab: Lab, point: str) -> None:
    broken, first = Mended(any_lab), await any_lab.node()
    id = await failed(any_lab, first, flow(T=task("f", TimeoutSeconds=900, Next="W"), W=WAIT))
    broken.is_mended = True
    reached = asyncio.Event()
    node: Node

    def probe(at: str) -> None:
        if at == point and not reached.is_set():
            reached.set()
            node.vanish()

    first.vanish()
    any_lab.clock.move(31)
    node = await any_lab.node(probe=probe)
    asking = asyncio.ensure_future(node.engine.redrive_execution(id, "token"))
    await until(reached.is_set)
    any_lab.clock.move(31)
    heir = await any_lab.node()
    await heir.engine.redrive_execution(id, "token")
    await any_lab.reached(id, "WaitStateEntered")
    any_lab.clock.move(60)
    ended = await any_lab.finish(id)
    assert (ended.status, ended.redrive_count) == (SUCCEEDED, 1)
    assert await any_lab.store.outbox(EVERY_SHARD) == []
    asking.cancel()


async def test_an_engine_that_remembers_the_run_before_folds_anew(any_lab: Lab) -> None:
    """The first engine still has the execution as it waited; the second one stopped and redrove it."""
    slow, fast = await any_lab.node(), await any_lab.node()
    id = await any_lab.start(slow, flow(W=WAIT))
    await fast.engine.stop_execution(id, None, None)
    await fast.engine.redrive_execution(id, None)
    await fast.engine.stop_execution(id, None, None)
    await slow.engine.redrive_execution(id, None)
    any_lab.clock.move(60)
    ended = await any_lab.finish(id)
    assert (ended.status, ended.redrive_count) == (SUCCEEDED, 2)


async def test_a_stop_and_a_redrive_side_by_side(lab: Lab) -> None:
    """Whatever comes first, the journal is sound and nothing is left over."""
    node = await lab.node(idle_seconds=0.0)
    ids = [await lab.start(node, flow(W=WAIT), f"e{i}") for i in range(8)]
    for _ in range(4):
        work = [node.engine.stop_execution(id, None, None) for id in ids]
        work += [node.engine.redrive_execution(id, None) for id in ids]
        outcomes = await gathered(work)
        assert all(isinstance(outcome, NotRedrivable | ExecutionRow | float) for outcome in outcomes)
        lab.clock.move(UPKEEP_SECONDS)
    await check_all(lab.store, MACHINE)
