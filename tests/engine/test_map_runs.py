"""Distributed Maps on a real engine: children as executions of their own, thresholds, stops, restarts."""

import asyncio
from typing import Any

import pytest
from enginelab import Lab, Node, TaskError, echo, flow, id_of, task, until
from journals import EVERY_SHARD, check_journal, events_of

from stepwell.machine.commands import StartTask
from stepwell.machine.execution import ABORTED, FAILED, RUNNING, SUCCEEDED
from stepwell.machine.maprun.state import MapRun
from stepwell.machine.payload import Payload
from stepwell.store.protocol import ExecutionRow

pytestmark = pytest.mark.anyio

READER = {"Resource": "arn:aws:states:::s3:getObject", "Parameters": {"items": 1500}}


def distributed(type: str = "STANDARD", states: dict[str, Any] | None = None, **fields: Any) -> str:
    """A definition of one Distributed Map, whose children call the function `f` unless `states` says otherwise."""
    states = states or {"T": task("f")}
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": type},
        "StartAt": next(iter(states)),
        "States": states,
    }
    return flow(M={"Type": "Map", "Label": "L", "ItemProcessor": processor, "End": True, **fields})


async def only_map_run(lab: Lab, name: str = "e") -> ExecutionRow:
    (row,) = await lab.store.executions(through=id_of(name))
    return row


async def folded(node: Node, row: ExecutionRow) -> MapRun:
    return await node.engine.map_run(row.id)


async def counts(node: Node, row: ExecutionRow) -> dict[str, int]:
    return {status: count.executions for status, count in (await folded(node, row)).settled.items()}


@pytest.mark.parametrize("type", ["STANDARD", "EXPRESS"])
async def test_children_are_executions_of_their_own_and_results_come_in_order(any_lab: Lab, type: str) -> None:
    any_lab.handlers["f"] = echo
    node = await any_lab.node()
    id = await any_lab.start(node, distributed(type), input=Payload([3, 1, 2]))
    assert (await any_lab.finish(id)).output.value == [3, 1, 2]
    assert await events_of(any_lab.store, id) == [
        "ExecutionStarted", "MapStateEntered", "MapStateStarted", "MapRunStarted", "MapRunSucceeded",
        "MapStateSucceeded", "MapStateExited", "ExecutionSucceeded",
    ]  # fmt: skip
    run = await only_map_run(any_lab)
    assert run.status == SUCCEEDED
    assert run.id.startswith("arn:aws:states:us-east-1:123456789012:mapRun:machine/L:")
    children = await any_lab.store.children(run.id)
    kind = "execution" if type == "STANDARD" else "express"
    assert [(child.item, child.status, child.input) for child in children] == [
        (0, SUCCEEDED, "3"),
        (1, SUCCEEDED, "1"),
        (2, SUCCEEDED, "2"),
    ]
    assert all(child.id.startswith(f"arn:aws:states:us-east-1:123456789012:{kind}:machine/L:") for child in children)
    for child in children:
        await check_journal(any_lab.store, child.id)
    assert await any_lab.store.outbox(EVERY_SHARD) == []


async def test_no_items_are_no_children(lab: Lab) -> None:
    node = await lab.node()
    id = await lab.start(node, distributed(), input=Payload([]))
    assert (await lab.finish(id)).output.value == []


async def test_a_source_is_read_page_by_page_and_only_as_children_need_it(lab: Lab) -> None:
    gate = asyncio.Event()

    async def held(command: StartTask) -> Any:
        await gate.wait()
        return command.input.value

    lab.handlers["f"] = held
    node = await lab.node()
    id = await lab.start(node, distributed(ItemReader=READER, MaxConcurrency=10))
    await until(lambda: len(node.functions.calls) == 10)
    assert node.functions.reads == [None], "690 children wait, so nothing more is read"
    gate.set()
    assert (await lab.finish(id)).output.value == list(range(1500))
    assert node.functions.reads == [None, "700", "1400"]


async def test_selector_and_batcher_make_the_inputs(lab: Lab) -> None:
    lab.handlers["f"] = echo
    node = await lab.node()
    definition = distributed(
        ItemSelector={"index.$": "$$.Map.Item.Index", "value.$": "$$.Map.Item.Value", "who.$": "$.who"},
        ItemsPath="$.items",
        ItemBatcher={"MaxItemsPerBatch": 2, "BatchInput": {"who.$": "$.who"}},
    )
    id = await lab.start(node, definition, input=Payload({"who": "Ada", "items": ["a", "b", "c"]}))
    assert (await lab.finish(id)).output.value == [
        {
            "BatchInput": {"who": "Ada"},
            "Items": [{"index": 0, "value": "a", "who": "Ada"}, {"index": 1, "value": "b", "who": "Ada"}],
        },
        {"BatchInput": {"who": "Ada"}, "Items": [{"index": 2, "value": "c", "who": "Ada"}]},
    ]
    run = await folded(node, await only_map_run(lab))
    assert [(count.executions, count.items) for count in run.settled.values()] == [(2, 3)]


@pytest.mark.parametrize(
    ("thresholds", "failing", "status"),
    [
        ({}, 0, SUCCEEDED),
        ({}, 1, FAILED),
        ({"ToleratedFailureCount": 1}, 1, SUCCEEDED),
        ({"ToleratedFailureCount": 1}, 2, FAILED),
        ({"ToleratedFailurePercentage": 50}, 5, SUCCEEDED),
        ({"ToleratedFailurePercentage": 50}, 6, FAILED),
        ({"ToleratedFailurePercentage": 50, "ToleratedFailureCount": 2}, 3, FAILED),
    ],
)
async def test_thresholds_decide(lab: Lab, thresholds: dict[str, Any], failing: int, status: str) -> None:
    async def fail_some(command: StartTask) -> Any:
        if command.input.value < failing:
            raise TaskError("Broken", "it broke")
        return command.input.value

    lab.handlers["f"] = fail_some
    node = await lab.node()
    id = await lab.start(node, distributed(**thresholds), input=Payload(list(range(10))))
    ended = await lab.finish(id)
    assert ended.status == status
    if status == FAILED:
        assert ended.error == "States.ExceedToleratedFailureThreshold"
        assert (await events_of(lab.store, id))[-3:] == ["MapRunFailed", "MapStateFailed", "ExecutionFailed"]


async def test_a_failed_map_run_stops_the_children_that_run(lab: Lab) -> None:
    async def first_fails(command: StartTask) -> Any:
        if command.input.value == 0:
            raise TaskError("Broken")
        await asyncio.Event().wait()

    lab.handlers["f"] = first_fails
    node = await lab.node()
    id = await lab.start(node, distributed(MaxConcurrency=3), input=Payload(list(range(9))))
    assert (await lab.finish(id)).status == FAILED
    run = await only_map_run(lab)
    assert await counts(node, run) == {"FAILED": 1, "ABORTED": 2}
    assert len(await lab.store.children(run.id)) == 3, "the others never began"


@pytest.mark.parametrize("type", ["STANDARD", "EXPRESS"])
async def test_stopping_the_execution_stops_the_map_run_and_its_children(lab: Lab, type: str) -> None:
    lab.handlers["f"] = lambda command: asyncio.Event().wait()
    node = await lab.node()
    id = await lab.start(node, distributed(type), input=Payload([1, 2]))
    await until(lambda: len(node.functions.calls) == 2)
    await node.engine.stop_execution(id, "Enough", None)
    run = await only_map_run(lab)
    await node.engine.closed(run.id)
    assert (await only_map_run(lab)).status == ABORTED
    assert [child.status for child in await lab.store.children(run.id)] == [ABORTED, ABORTED]


async def test_a_caught_failure_of_the_map_goes_on(lab: Lab) -> None:
    async def broken(command: StartTask) -> Any:
        raise TaskError("Broken")

    lab.handlers["f"] = broken
    node = await lab.node()
    definition = distributed(
        Catch=[{"ErrorEquals": ["States.ExceedToleratedFailureThreshold"], "ResultPath": "$.error", "Next": "After"}],
        ItemsPath="$.items",
    )
    definition = definition[:-2] + ', "After": {"Type": "Succeed"}}}'
    id = await lab.start(node, definition, input=Payload({"items": [1]}))
    assert (await lab.finish(id)).output.value["error"]["Error"] == "States.ExceedToleratedFailureThreshold"


async def test_a_retried_map_has_a_map_run_for_each_attempt(lab: Lab) -> None:
    calls = 0

    async def second_time(command: StartTask) -> Any:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise TaskError("Broken")
        return "done"

    lab.handlers["f"] = second_time
    node = await lab.node()
    retry = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1}]
    id = await lab.start(node, distributed(Retry=retry), input=Payload([1]))
    await until(lambda: calls == 1)
    await lab.reached(id, "MapRunFailed")
    lab.clock.move(1)
    assert (await lab.finish(id)).output.value == ["done"]
    assert [row.status for row in await lab.store.executions(through=id)] in ([SUCCEEDED, FAILED], [FAILED, SUCCEEDED])


async def test_concurrency_and_thresholds_change_while_it_runs(lab: Lab) -> None:
    gates = [asyncio.Event() for _ in range(4)]

    async def held(command: StartTask) -> Any:
        await gates[command.input.value].wait()
        raise TaskError("Broken")

    lab.handlers["f"] = held
    node = await lab.node()
    id = await lab.start(node, distributed(MaxConcurrency=1), input=Payload([0, 1, 2, 3]))
    await until(lambda: len(node.functions.calls) == 1)
    run = await only_map_run(lab)
    assert await node.engine.update_map_run(run.id, 4, 4, None)
    await until(lambda: len(node.functions.calls) == 4)
    for gate in gates:
        gate.set()
    assert (await lab.finish(id)).output.value == [FAILED] * 4
    assert not await node.engine.update_map_run(run.id, 1, None, None), "it has ended"


@pytest.mark.parametrize("type", ["STANDARD", "EXPRESS"])
async def test_a_restart_in_the_middle_goes_on_where_it_was(any_lab: Lab, type: str) -> None:
    done: list[int] = []
    gate = asyncio.Event()

    async def half(command: StartTask) -> Any:
        if command.input.value >= 750:
            await gate.wait()
        done.append(command.input.value)
        return command.input.value

    any_lab.handlers["f"] = half
    node = await any_lab.node()
    id = await any_lab.start(node, distributed(type, ItemReader=READER, MaxConcurrency=50))

    async def half_is_settled() -> bool:
        rows = await any_lab.store.executions(through=id)
        return bool(rows) and len(await any_lab.store.children(rows[0].id, status=SUCCEEDED)) >= 750

    await until(half_is_settled)
    again = await any_lab.restart(node)
    gate.set()
    assert (await any_lab.finish(id)).output.value == list(range(1500))
    assert sorted(set(done)) == list(range(1500))
    assert all(command.input.value >= 750 for _, command in again.functions.calls), "settled children run once"
    run = await only_map_run(any_lab)
    assert await counts(again, run) == {SUCCEEDED: 1500}
    assert None not in again.functions.reads, "what was read is not read again"


async def test_a_map_within_a_map(lab: Lab) -> None:
    lab.handlers["f"] = echo
    inner = {
        "Type": "Map", "Label": "Inner", "End": True,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}, "StartAt": "T",
            "States": {"T": task("f")},
        },
    }  # fmt: skip
    node = await lab.node()
    id = await lab.start(node, distributed(states={"I": inner}), input=Payload([[1, 2], [3]]))
    assert (await lab.finish(id)).output.value == [[1, 2], [3]]


async def test_an_order_to_stop_that_overtakes_the_start_is_not_lost(lab: Lab) -> None:
    lab.handlers["f"] = lambda command: asyncio.Event().wait()
    node = await lab.node()
    id = await lab.start(node, distributed(), input=Payload([1]))
    await node.engine.stop_execution(id, None, None)

    async def nothing_runs() -> bool:
        rows = [*await lab.store.executions(through=id)]
        rows += [child for run in rows for child in await lab.store.children(run.id)]
        return all(row.status != RUNNING for row in rows) and not await lab.store.outbox(EVERY_SHARD)

    await until(nothing_runs)


@pytest.mark.parametrize("type", ["STANDARD", "EXPRESS"])
async def test_a_redrive_runs_only_the_unsuccessful_children(any_lab: Lab, type: str) -> None:
    broken = True

    async def odd_ones_fail(command: StartTask) -> Any:
        if broken and command.input.value % 2:
            raise TaskError("Odd", "it is odd")
        return command.input.value

    any_lab.handlers["f"] = odd_ones_fail
    node = await any_lab.node()
    items = Payload(list(range(10)))
    id = await any_lab.start(node, distributed(type, MaxConcurrency=2, ToleratedFailureCount=2), input=items)
    assert (await any_lab.finish(id)).status == FAILED
    run = await only_map_run(any_lab)
    began = {child.item: child.status for child in await any_lab.store.children(run.id)}
    assert sorted(began.values()).count(FAILED) == 3
    broken, first_calls = False, len(node.functions.calls)
    await node.engine.redrive_execution(id, "token")
    assert (await any_lab.finish(id)).output.value == list(range(10))
    again = [command.input.value for _, command in node.functions.calls[first_calls:]]
    assert sorted(again) == [item for item in range(10) if began.get(item) != SUCCEEDED]
    assert (await events_of(any_lab.store, id))[-6:] == [
        "ExecutionRedriven", "MapRunRedriven", "MapRunSucceeded", "MapStateSucceeded", "MapStateExited",
        "ExecutionSucceeded",
    ]  # fmt: skip
    run = await only_map_run(any_lab)
    assert (run.status, run.redrive_count) == (SUCCEEDED, 1)
    assert {child.status for child in await any_lab.store.children(run.id)} == {SUCCEEDED}
    for child in await any_lab.store.children(run.id):
        await check_journal(any_lab.store, child.id)


@pytest.mark.parametrize("type", ["STANDARD", "EXPRESS"])
async def test_a_crash_in_a_redrive_redrives_nothing_twice(any_lab: Lab, type: str) -> None:
    fails, gate = True, asyncio.Event()

    async def second_waits(command: StartTask) -> Any:
        if fails:
            raise TaskError("Broken")
        await gate.wait()
        return command.input.value

    any_lab.handlers["f"] = second_waits
    node = await any_lab.node()
    id = await any_lab.start(node, distributed(type), input=Payload([1]))
    assert (await any_lab.finish(id)).status == FAILED
    fails = False
    await node.engine.redrive_execution(id, None)
    await until(lambda: len(node.functions.calls) == 2)
    await any_lab.restart(node)
    gate.set()
    assert (await any_lab.finish(id)).output.value == [1]
    (child,) = await any_lab.store.children((await only_map_run(any_lab)).id)
    assert child.redrive_count == 1


async def test_a_stopped_execution_is_redriven_with_its_map_run(lab: Lab) -> None:
    gate = asyncio.Event()

    async def held(command: StartTask) -> Any:
        await gate.wait()
        return command.input.value

    lab.handlers["f"] = held
    node = await lab.node()
    id = await lab.start(node, distributed(MaxConcurrency=1), input=Payload([1, 2]))
    await until(lambda: len(node.functions.calls) == 1)
    await node.engine.stop_execution(id, None, None)
    gate.set()
    await node.engine.redrive_execution(id, None)
    assert (await lab.finish(id)).output.value == [1, 2]
    assert (await only_map_run(lab)).redrive_count == 1
