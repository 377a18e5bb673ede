"""Starting, stopping, reading: what a caller of the engine sees."""

import asyncio
from typing import Any

import pytest
from enginelab import Lab, echo, flow, gathered, id_of, task, until, within
from journals import check_journal, events_of, steps_of

from stepwell.engine import residents
from stepwell.engine.engine import Engine
from stepwell.engine.errors import ExecutionExists, ExecutionNotFound, Throttled
from stepwell.machine.commands import StartTask
from stepwell.machine.execution import ABORTED, FAILED, RUNNING, SUCCEEDED
from stepwell.machine.payload import Payload
from stepwell.machine.records import Event
from stepwell.machine.stimuli import StopRequested, TaskHeartbeat, TaskSucceeded

pytestmark = pytest.mark.anyio

PASS = flow(P={"Type": "Pass", "End": True})
WAIT = flow(W={"Type": "Wait", "Seconds": 3600, "End": True})


async def test_chain_of_states_is_one_step(any_lab: Lab) -> None:
    node = await any_lab.node()
    states = {f"S{i}": {"Type": "Pass", "Next": f"S{i + 1}"} for i in range(20)} | {"S20": {"Type": "Succeed"}}
    id = await any_lab.start(node, flow(**states), input=Payload({"n": 1}))
    ended = await any_lab.finish(id)
    assert (ended.status, ended.output.value, ended.event_id) == (SUCCEEDED, {"n": 1}, 44)
    assert len(await steps_of(any_lab.store, id)) == 1


async def test_slow_transitions_let_others_have_their_turn(any_lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(residents, "STEP_SECONDS_MAX", 0)
    node = await any_lab.node()
    states = {f"S{i}": {"Type": "Pass", "Next": f"S{i + 1}"} for i in range(3)} | {"S3": {"Type": "Succeed"}}
    id = await any_lab.start(node, flow(**states), input=Payload({"n": 1}))
    ended = await any_lab.finish(id)
    assert (ended.status, ended.output.value, ended.event_id) == (SUCCEEDED, {"n": 1}, 10)
    assert len(await steps_of(any_lab.store, id)) == 5
    await check_journal(any_lab.store, id)


async def test_row_is_readable_once_started(any_lab: Lab) -> None:
    node = await any_lab.node()
    row = await node.engine.start_execution(any_lab.request(WAIT, input=Payload({"a": 1})))
    assert (row.status, row.started_at, row.input) == (RUNNING, any_lab.clock.now(), '{"a":1}')
    assert await node.engine.execution(row.id) == row


async def test_name_that_is_taken(any_lab: Lab) -> None:
    node = await any_lab.node()
    id = await any_lab.start(node, WAIT, input=Payload({"a": 1}))
    with pytest.raises(ExecutionExists) as caught:
        await any_lab.start(node, WAIT, input=Payload({"a": 2}))
    assert (caught.value.row.id, caught.value.row.input) == (id, '{"a":1}')
    await node.engine.stop_execution(id, None, None)
    with pytest.raises(ExecutionExists) as caught:
        await any_lab.start(node, WAIT)
    assert caught.value.row.status == ABORTED
    await check_journal(any_lab.store, id)


async def test_many_starts_of_one_name_at_once_make_one(any_lab: Lab) -> None:
    nodes = [await any_lab.node(), await any_lab.node()]
    outcomes = await gathered([any_lab.start(nodes[i % 2], WAIT, seed=f"seed {i}") for i in range(20)])
    assert sum(outcome == id_of("e") for outcome in outcomes) == 1
    assert sum(isinstance(outcome, ExecutionExists) for outcome in outcomes) == 19
    assert await events_of(any_lab.store, id_of("e")) == ["ExecutionStarted", "WaitStateEntered"]


async def test_stop(any_lab: Lab) -> None:
    node = await any_lab.node()
    id = await any_lab.start(node, WAIT)
    row = await node.engine.stop_execution(id, "Why", "because")
    assert (row.status, row.error, row.cause) == (ABORTED, "Why", "because")
    assert await node.engine.stop_execution(id, "Again", "x") == row
    with pytest.raises(ExecutionNotFound):
        await node.engine.stop_execution(id_of("nobody"), None, None)
    await any_lab.finish(id)


async def test_stop_of_an_unknown_execution_leaves_its_name_free(lab: Lab) -> None:
    node = await lab.node()
    stop, start = await gathered([node.engine.stop_execution(id_of("e"), None, None), lab.start(node, PASS)])
    assert start == id_of("e")
    assert isinstance(stop, ExecutionNotFound) or stop.status == SUCCEEDED


async def test_waiting_for_an_unknown_execution_is_refused(lab: Lab) -> None:
    node = await lab.node()
    with pytest.raises(ExecutionNotFound):
        await within(node.engine.closed(id_of("nobody")))


async def test_many_wait_for_one_end(lab: Lab) -> None:
    node = await lab.node()
    id = await lab.start(node, WAIT)
    waiting = [asyncio.ensure_future(node.engine.closed(id)) for _ in range(5)]
    await asyncio.sleep(0)
    waiting.pop().cancel()
    lab.clock.move(3600)
    assert {row.status for row in await gathered(waiting)} == {SUCCEEDED}
    assert not node.engine._waiters


async def test_history_in_pages_forward_and_backward(any_lab: Lab) -> None:
    node = await any_lab.node()
    any_lab.handlers["f"] = echo
    states = {f"T{i}": task("f", Next=f"T{i + 1}") for i in range(4)}
    id = await any_lab.start(node, flow(**states, T4={"Type": "Succeed"}))
    await any_lab.finish(id)
    whole = await node.engine.history(id, limit=1000)
    types = await events_of(any_lab.store, id)
    assert [(number, event.type) for number, event in whole] == list(enumerate(types, 1))
    assert len(await steps_of(any_lab.store, id)) == 5
    for size in (1, 2, 3, 7, 100):
        assert await _pages(node.engine, id, size, False) == whole
        assert await _pages(node.engine, id, size, True) == whole[::-1]
    assert await node.engine.history(id, start=len(whole) + 1) == []
    assert await node.engine.history(id_of("nobody")) == []


async def _pages(engine: Engine, id: str, size: int, reverse: bool) -> list[tuple[int, Event]]:
    found: list[tuple[int, Event]] = []
    start = None
    while page := await engine.history(id, start=start, limit=size, reverse=reverse):
        found += page
        start = page[-1][0] + (-1 if reverse else 1)
        if start == 0:
            break
    return found


async def test_large_payloads_are_kept_apart_and_shared(any_lab: Lab) -> None:
    node = await any_lab.node()
    large = {"text": "ä" * 3000}
    any_lab.handlers["f"] = echo
    definition = flow(T=task("f", Next="W"), W={"Type": "Wait", "Seconds": 600, "End": True})
    id = await any_lab.start(node, definition, input=Payload(large))
    await any_lab.reached(id, "WaitStateEntered")
    assert all(len(step.body) < 3000 for step in await steps_of(any_lab.store, id))
    row = await node.engine.execution(id)
    assert isinstance(row.input, bytes)
    assert await node.engine.text(id, row.input) == Payload(large).text
    node = await any_lab.restart(node)
    any_lab.clock.move(600)
    ended = await any_lab.finish(id)
    assert ended.output.value == large
    row = await node.engine.execution(id)
    assert row.output == row.input
    assert [event for _, event in await node.engine.history(id)][-1].output.value == large


async def test_full_inbox_is_throttled_and_drains(lab: Lab) -> None:
    node = await lab.node()
    id = await lab.start(node, WAIT)
    verdicts = []
    with pytest.raises(Throttled):
        for _ in range(20_000):
            verdicts.append(node.engine._residents.submit(id, TaskHeartbeat(at=0.0, frame=1, attempt=1)))
    assert 10_000 <= len(verdicts) < 10_500
    patient = node.engine._residents.submit(id, TaskHeartbeat(at=0.0, frame=1, attempt=1), patient=True)
    assert not any(await gathered([*verdicts, patient]))
    assert (await node.engine.stop_execution(id, None, None)).status == ABORTED


async def test_transition_budget_is_renewed(any_lab: Lab) -> None:
    node = await any_lab.node()
    id = await any_lab.start(node, LOOP, input=Payload({"n": 0}))
    ended = await any_lab.finish(id)
    assert ended.status == SUCCEEDED and ended.output.value["n"] == 1500
    assert len(await steps_of(any_lab.store, id)) == 4


LOOP = flow(
    Count={"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)"}, "Next": "Again"},
    Again={"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericLessThan": 1500, "Next": "Count"}],
           "Default": "Done"},
    Done={"Type": "Succeed"},
)  # fmt: skip
ROUND: dict[str, Any] = {
    "A": {"Type": "Pass", "Next": "B"},
    "B": {"Type": "Choice", "Choices": [{"Variable": "$.done", "IsPresent": True, "Next": "C"}], "Default": "A"},
    "C": {"Type": "Succeed"},
}
ENDLESS = flow(**ROUND)


async def test_transition_budget_is_renewed_after_a_restart(any_lab: Lab) -> None:
    steps = 0

    def probe(point: str) -> None:
        nonlocal steps
        steps += point == "commit.after"
        if steps == 2:
            node.vanish()

    node = await any_lab.node(probe=probe)
    starting = asyncio.ensure_future(any_lab.start(node, LOOP, input=Payload({"n": 0})))
    await until(lambda: steps == 2)
    assert (await any_lab.store.execution(id_of("e"))).status == RUNNING
    node = await any_lab.restart(node)
    ended = await any_lab.finish(id_of("e"))
    assert ended.output.value["n"] == 1500
    starting.cancel()


async def test_endless_loop_is_stopped_and_its_budget_is_not_renewed(any_lab: Lab) -> None:
    node = await any_lab.node()
    id = await any_lab.start(node, ENDLESS, limits="extended")
    row = await node.engine.stop_execution(id, None, None)
    assert row.status == ABORTED
    await any_lab.finish(id)


async def test_stop_in_the_same_step_as_a_spent_budget_leaves_nothing_to_renew(any_lab: Lab) -> None:
    any_lab.handlers["f"] = nothing
    node = await any_lab.node()
    id = await any_lab.start(node, flow(T=task("f", Next="A"), **ROUND), limits="extended")
    await until(lambda: node.functions.calls)
    submit, at = node.engine._residents.submit, any_lab.clock.now()
    verdicts = [
        submit(id, TaskHeartbeat(at=at, frame=1, attempt=1)),  # While it is committed, the others gather.
        submit(id, TaskSucceeded(at=at, frame=1, attempt=1, output=Payload(1))),
        submit(id, StopRequested(at=at)),
    ]
    assert await gathered(verdicts) == [True, True, True]
    assert len(await steps_of(any_lab.store, id)) == 3
    assert (await any_lab.finish(id)).budget_spent


async def nothing(command: StartTask) -> None:
    """The outcome comes another way."""


async def test_endless_loop_does_not_keep_the_engine_from_closing(any_lab: Lab) -> None:
    node = await any_lab.node()
    id = await any_lab.start(node, ENDLESS, limits="extended")
    await within(node.engine.close())
    length = (await steps_of(any_lab.store, id))[-1].sequence
    node = await any_lab.node()

    async def grew() -> bool:
        return (await steps_of(any_lab.store, id))[-1].sequence > length

    await until(grew)
    await node.engine.stop_execution(id, None, None)
    await any_lab.finish(id)


async def test_history_limit_fails_the_execution(lab: Lab) -> None:
    node = await lab.node()
    id = await lab.start(node, ENDLESS)
    ended = await lab.finish(id)
    assert (ended.status, ended.event_id) == (FAILED, 25_000)


async def test_defect_is_told_and_drops_only_the_memory(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    node = await lab.node()
    id = await lab.start(node, WAIT)
    decide = residents.decide

    def broken(*arguments: Any) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(residents, "decide", broken)
    with pytest.raises(ZeroDivisionError):
        await node.engine.stop_execution(id, None, None)
    assert id not in node.engine._residents
    monkeypatch.setattr(residents, "decide", decide)
    lab.clock.move(3600)
    assert (await lab.finish(id)).status == SUCCEEDED


async def test_half_decided_step_of_a_defect_is_forgotten(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    node = await lab.node()
    id = await lab.start(node, WAIT)
    before = await check_journal(lab.store, id)
    decide = residents.decide

    def broken(*arguments: Any) -> None:
        decide(*arguments)
        raise ZeroDivisionError("a defect after the execution was changed")

    monkeypatch.setattr(residents, "decide", broken)
    with pytest.raises(ZeroDivisionError):
        await node.engine.stop_execution(id, None, None)
    assert (await check_journal(lab.store, id)).sequence == before.sequence
    monkeypatch.setattr(residents, "decide", decide)
    assert (await node.engine.stop_execution(id, None, None)).status == ABORTED
