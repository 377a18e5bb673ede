"""Restarts, checkpoints, eviction, and a store that fails in the middle."""

import asyncio

import msgspec
import pytest
from enginelab import Lab, Node, TaskError, echo, flow, gathered, id_of, task, until, within
from journals import EVERY_SHARD, check_journal, events_of, steps_of

from stepwell.engine.engine import UPKEEP_SECONDS
from stepwell.engine.errors import ExecutionExists, Unavailable
from stepwell.engine.residents import Resident
from stepwell.machine.commands import StartTask
from stepwell.machine.execution import ABORTED, RUNNING, SUCCEEDED
from stepwell.machine.payload import Payload
from stepwell.machine.records import FORMAT
from stepwell.machine.stimuli import TaskHeartbeat
from stepwell.store.protocol import Checkpoint, StoreError

pytestmark = pytest.mark.anyio

WAIT = flow(W={"Type": "Wait", "Seconds": 60, "End": True})


async def gate_of(lab: Lab, name: str = "f") -> asyncio.Event:
    """A function that returns its input once the event is set."""
    gate = asyncio.Event()

    async def wait(command: StartTask) -> object:
        await gate.wait()
        return command.input.value

    lab.handlers[name] = wait
    return gate


# --- restarts


async def test_task_that_a_crash_cut_off_is_called_again_under_the_same_key(any_lab: Lab) -> None:
    gate = await gate_of(any_lab)
    node = await any_lab.node()
    id = await any_lab.start(node, flow(T=task("f")), input=Payload({"a": 1}))
    await until(lambda: node.functions.calls)
    again = await any_lab.restart(node)
    gate.set()
    assert (await any_lab.finish(id)).output.value == {"a": 1}
    (_, first), (_, second) = node.functions.calls + again.functions.calls
    assert first == second
    assert await any_lab.store.outbox(EVERY_SHARD) == []


async def test_close_leaves_what_is_under_way_to_the_next(any_lab: Lab) -> None:
    gate = await gate_of(any_lab)
    node = await any_lab.node()
    id = await any_lab.start(node, flow(T=task("f")))
    await until(lambda: node.functions.calls)
    await within(node.engine.close())
    node = await any_lab.node()  # Its leases were given up: nobody has to wait for them to run out.
    gate.set()
    assert (await any_lab.finish(id)).status == SUCCEEDED


async def test_close_tells_callers_that_their_request_is_undecided(lab: Lab) -> None:
    node = await lab.node()
    id = await lab.start(node, WAIT)
    node.store.faults["commit"].extend(["before"] * 3)
    node.store.faults["journal"].extend(["before"] * 1000)
    stopping = asyncio.ensure_future(node.engine.stop_execution(id, None, None))
    await until(lambda: node.store.calls["commit"] == 2)
    await within(node.engine.close())
    with pytest.raises(Unavailable):
        await within(stopping)


async def test_settled_work_is_not_done_again(any_lab: Lab) -> None:
    any_lab.handlers["f"] = echo
    node = await any_lab.node()
    id = await any_lab.start(node, flow(T=task("f", Next="W"), W={"Type": "Wait", "Seconds": 60, "End": True}))
    await any_lab.reached(id, "WaitStateEntered")
    node = await any_lab.restart(node)
    any_lab.clock.move(60)
    await any_lab.finish(id)
    assert node.functions.calls == []


async def test_take_over_that_failed_is_made_again(lab: Lab) -> None:
    await gate_of(lab)
    node = await lab.node()
    id = await lab.start(node, flow(T=task("f")))
    await until(lambda: node.functions.calls)
    heir = await lab.node()
    node.vanish()
    heir.store.faults["outbox"].append("before")
    lab.clock.move(31)
    await until(lambda: heir.store.calls["outbox"] == 1)
    lab.clock.move(UPKEEP_SECONDS)
    await until(lambda: [execution for execution, _ in heir.functions.calls] == [id])


# --- checkpoints and eviction


async def test_idle_execution_leaves_memory_and_returns(any_lab: Lab) -> None:
    any_lab.handlers["f"] = echo
    node = await any_lab.node(idle_seconds=0.0)
    definition = flow(T=task("f", Next="W"), W={"Type": "Wait", "Seconds": 3600, "End": True})
    large = Payload({"text": "x" * 10_000})
    id = await any_lab.start(node, definition, input=large)
    await any_lab.reached(id, "WaitStateEntered")
    await evicted(any_lab, node)
    checkpoint = (await any_lab.store.journal(id, FORMAT)).checkpoint
    assert checkpoint is not None and checkpoint.sequence == (await check_journal(any_lab.store, id)).sequence
    assert len(checkpoint.body) < 10_000
    any_lab.clock.move(3600)
    assert (await any_lab.finish(id)).output == large


async def evicted(lab: Lab, node: Node) -> None:
    await until(lambda: not any(resident.busy for resident in node.engine._residents._residents.values()))
    lab.clock.move(UPKEEP_SECONDS)
    await until(lambda: len(node.engine._residents) == 0)


async def test_execution_that_is_touched_again_is_not_saved_again_unchanged(lab: Lab) -> None:
    node = await lab.node(idle_seconds=0.0)
    id = await lab.start(node, WAIT)
    await evicted(lab, node)
    assert node.store.calls["save_checkpoint"] == 1
    resident = await touched(node, id)
    assert resident.checkpointed == resident.stored
    await evicted(lab, node)
    assert node.store.calls["save_checkpoint"] == 1


async def touched(node: Node, id: str) -> Resident:
    """Bring an execution into memory with a stimulus that does not matter."""
    assert not await node.engine.claim_task(id, TaskHeartbeat(at=0.0, frame=1, attempt=99))
    return node.engine._residents._residents[id]


@pytest.mark.parametrize("damage", ["deleted", "other format", "garbage of another format"])
async def test_checkpoint_is_only_a_cache(any_lab: Lab, damage: str) -> None:
    node = await any_lab.node(idle_seconds=0.0)
    id = await any_lab.start(node, WAIT)
    await evicted(any_lab, node)
    checkpoint = (await any_lab.store.journal(id, FORMAT)).checkpoint
    if damage == "deleted":
        changed = Checkpoint(0, FORMAT - 1, b"")
    elif damage == "other format":
        changed = msgspec.structs.replace(checkpoint, format=FORMAT + 1)
    else:
        changed = Checkpoint(10_000, FORMAT + 1, b"\xff\xff")
    await any_lab.store.save_checkpoint(id, changed)
    assert (await any_lab.store.journal(id, FORMAT)).checkpoint is None
    any_lab.clock.move(60)
    assert (await any_lab.finish(id)).status == SUCCEEDED


async def test_execution_that_never_rests_is_saved_all_the_same(any_lab: Lab) -> None:
    node = await any_lab.node()
    again = {"Type": "Choice", "Choices": [{"Variable": "$.done", "IsPresent": True, "Next": "C"}], "Default": "A"}
    endless = flow(A={"Type": "Pass", "Next": "B"}, B=again, C={"Type": "Succeed"})
    id = await any_lab.start(node, endless, limits="extended")

    async def is_long() -> bool:
        return (await steps_of(any_lab.store, id))[-1].sequence > 8_000

    await until(is_long)
    stored = await any_lab.store.journal(id, FORMAT)
    assert stored.checkpoint is not None
    assert sum(step.records for step in stored.steps) < 8_000
    await node.engine.stop_execution(id, None, None)
    await any_lab.finish(id)


async def test_checkpoint_that_cannot_be_saved_harms_nothing(lab: Lab) -> None:
    node = await lab.node(idle_seconds=0.0)
    id = await lab.start(node, WAIT)
    node.store.faults["save_checkpoint"].append("before")
    await evicted(lab, node)
    lab.clock.move(60)
    assert (await lab.finish(id)).status == SUCCEEDED


# --- commits that fail


@pytest.mark.parametrize("fault", ["before", "after"])
async def test_outcome_of_a_failed_commit_is_found_out(any_lab: Lab, fault: str) -> None:
    any_lab.handlers["f"] = echo
    node = await any_lab.node()
    id = await any_lab.start(node, flow(W={"Type": "Wait", "Seconds": 60, "Next": "T"}, T=task("f")))
    node.store.faults["commit"].extend([fault, "", fault])
    any_lab.clock.move(60)
    assert (await any_lab.finish(id)).status == SUCCEEDED
    assert len(node.functions.calls) == 1
    types = await events_of(any_lab.store, id)
    assert len(types) == len(set(types)) == 9


async def test_first_step_that_was_not_stored_is_the_callers_affair(any_lab: Lab) -> None:
    node = await any_lab.node()
    node.store.faults["commit"].append("before")
    with pytest.raises(Unavailable):
        await any_lab.start(node, WAIT)
    assert len(node.engine._residents) == 0
    id = await any_lab.start(node, WAIT)
    await node.engine.stop_execution(id, None, None)
    await any_lab.finish(id)


async def test_first_step_that_was_stored_after_all(any_lab: Lab) -> None:
    node = await any_lab.node()
    node.store.faults["commit"].append("after")
    id = await any_lab.start(node, WAIT)
    any_lab.clock.move(60)
    assert (await any_lab.finish(id)).status == SUCCEEDED


async def test_stored_step_is_acted_upon_however_late_that_is_known(any_lab: Lab) -> None:
    """The store commits, loses the reply, and cannot be read for a while: the task must still be called."""
    any_lab.handlers["f"] = echo
    node = await any_lab.node()
    node.store.faults["commit"].append("after")
    node.store.faults["journal"].extend(["before"] * 3)
    with pytest.raises(Unavailable):
        await any_lab.start(node, flow(T=task("f")))
    assert (await any_lab.finish(id_of("e"))).status == SUCCEEDED
    assert len(node.functions.calls) == 1
    with pytest.raises(ExecutionExists):
        await any_lab.start(node, flow(T=task("f")))


async def test_stored_step_is_found_behind_a_checkpoint_of_another_engine(any_lab: Lab) -> None:
    any_lab.handlers["f"] = echo
    node, other = await any_lab.node(), await any_lab.node()
    node.store.faults["commit"].append("after")
    node.store.faults["journal"].extend(["before"] * 4)
    with pytest.raises(Unavailable):
        await any_lab.start(node, flow(T=task("f")))
    await touched(other, id_of("e"))
    await other.engine._residents.evict(0.0)
    assert (await any_lab.store.journal(id_of("e"), FORMAT)).steps == []
    assert (await any_lab.finish(id_of("e"))).status == SUCCEEDED


async def test_others_in_the_batch_are_not_harmed_by_a_failed_commit(any_lab: Lab) -> None:
    node = await any_lab.node()
    node.store.faults["commit"].extend(["after", "before", "", "before"])
    names = [f"e{i}" for i in range(40)]
    outcomes = await gathered([any_lab.start(node, WAIT, name) for name in names])
    refused = [name for name, outcome in zip(names, outcomes, strict=True) if isinstance(outcome, Unavailable)]
    await gathered([any_lab.start(node, WAIT, name) for name in refused])
    any_lab.clock.move(60)
    for name in names:
        assert (await any_lab.finish(id_of(name))).status == SUCCEEDED


async def test_caller_is_told_when_the_store_stays_silent(lab: Lab) -> None:
    node = await lab.node(idle_seconds=0.0)
    id = await lab.start(node, WAIT)
    await evicted(lab, node)
    node.store.faults["journal"].extend(["before"] * 5)
    with pytest.raises(Unavailable):
        await within(node.engine.stop_execution(id, None, None))
    assert (await node.engine.stop_execution(id, None, None)).status == ABORTED


async def test_timer_outlasts_a_store_that_stays_silent(lab: Lab) -> None:
    node = await lab.node(idle_seconds=0.0)
    id = await lab.start(node, WAIT)
    await evicted(lab, node)
    node.store.faults["journal"].extend(["before"] * 3)
    lab.clock.move(60)
    assert (await lab.finish(id)).status == SUCCEEDED


async def test_task_that_the_store_kept_from_being_called_is_not_failed(
    any_lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stepwell.engine.dispatch.RETRY_SECONDS", 0.0)
    troubles = iter([StoreError("no answer"), Unavailable("no answer"), None])

    async def troubled(command: StartTask) -> str:
        if (trouble := next(troubles)) is not None:
            raise trouble
        return "done"

    any_lab.handlers["f"] = troubled
    node = await any_lab.node()
    assert (await any_lab.finish(await any_lab.start(node, flow(T=task("f"))))).output.value == "done"
    assert len({command.idempotency_key for _, command in node.functions.calls}) == 1


async def test_defect_of_a_runner_fails_the_task(any_lab: Lab) -> None:
    async def broken(command: StartTask) -> None:
        raise ZeroDivisionError("a defect")

    any_lab.handlers["f"] = broken
    node = await any_lab.node()
    ended = await any_lab.finish(await any_lab.start(node, flow(T=task("f"))))
    assert (ended.error, ended.cause) == ("States.TaskFailed", "ZeroDivisionError: a defect")


# --- the order of things


async def test_nothing_is_done_before_it_is_durable(lab: Lab) -> None:
    """When a task is called, its step is in the store; when a caller is answered, so is what it was told."""

    async def look(command: StartTask) -> str:
        assert "LambdaFunctionScheduled" in await events_of(lab.store, id_of("e"))
        return "seen"

    lab.handlers["f"] = look
    node = await lab.node()
    id = await lab.start(node, flow(T=task("f", Retry=[{"ErrorEquals": ["Never"]}])))
    assert (await lab.store.execution(id)).status in (RUNNING, SUCCEEDED)
    assert (await lab.finish(id)).output.value == "seen"


async def test_results_stand_in_definition_order(any_lab: Lab) -> None:
    gates = [asyncio.Event() for _ in range(6)]

    async def ordered(command: StartTask) -> int:
        await gates[command.input.value].wait()
        if command.input.value == 3 and command.attempt == 1:
            raise TaskError("Once")
        return command.input.value * 10

    any_lab.handlers["f"] = ordered
    node = await any_lab.node()
    each = task("f", Retry=[{"ErrorEquals": ["Once"], "IntervalSeconds": 1}])
    definition = flow(M={"Type": "Map", "ItemProcessor": {"StartAt": "T", "States": {"T": each}}, "End": True})
    id = await any_lab.start(node, definition, input=Payload(list(range(6))))
    await until(lambda: len(node.functions.calls) == 6)
    for number in (5, 3, 1):
        gates[number].set()
    await any_lab.reached(id, "MapIterationSucceeded", 2)
    node = await any_lab.restart(node)
    for gate in gates:
        gate.set()
    assert (await any_lab.finish(id)).output.value == [0, 10, 20, 30, 40, 50]
