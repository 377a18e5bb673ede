"""Express executions: in memory, answered or begun again."""

import asyncio
from typing import Any

import pytest
from enginelab import Lab, TaskError, echo, flow, gathered, task, until, within

from stepwell.engine import residents
from stepwell.engine.residents import Advance
from stepwell.machine.commands import StartTask
from stepwell.machine.execution import FAILED, SUCCEEDED, TIMED_OUT
from stepwell.machine.payload import Payload
from stepwell.machine.records import Event
from stepwell.machine.stimuli import StartRequested

pytestmark = pytest.mark.anyio

WAIT = flow(W={"Type": "Wait", "Seconds": 200, "End": True})


def request(lab: Lab, definition: str, name: str = "x", **fields: Any) -> StartRequested:
    id = f"arn:aws:states:us-east-1:123456789012:express:machine:{name}:uid"
    return lab.request(definition, name, execution=id, **fields)


async def noted(lab: Lab) -> int:
    return len(await lab.store.list("express-execution"))


async def test_synchronous_one_writes_nothing(any_lab: Lab) -> None:
    any_lab.handlers["f"] = echo
    node = await any_lab.node()
    started = request(any_lab, flow(T=task("f")), input=Payload({"a": 1}))
    ended = (await within(node.engine.run_express(started))).execution
    assert (ended.status, ended.output.value) == (SUCCEEDED, {"a": 1})
    assert node.store.calls.keys() <= {"lease", "outbox", "inbox", "timers_due", "list"}
    assert len(node.engine._residents) == 0


async def test_failure_is_an_answer(lab: Lab) -> None:
    async def fail(command: StartTask) -> None:
        raise TaskError("Broken", "why")

    lab.handlers["f"] = fail
    node = await lab.node()
    ended = (await within(node.engine.run_express(request(lab, flow(T=task("f")))))).execution
    assert (ended.status, ended.error, ended.cause) == (FAILED, "Broken", "why")


async def test_wait_beyond_the_horizon_is_kept_in_memory(lab: Lab) -> None:
    node = await lab.node()
    running = asyncio.ensure_future(node.engine.run_express(request(lab, WAIT)))
    await until(lambda: len(node.engine._timers) == 2)
    lab.clock.move(200)
    assert (await within(running)).execution.status == SUCCEEDED


async def test_it_ends_after_five_minutes(lab: Lab) -> None:
    node = await lab.node()
    running = asyncio.ensure_future(node.engine.run_express(request(lab, WAIT.replace("200", "400"))))
    await until(lambda: len(node.engine._timers) == 2)
    lab.clock.move(300)
    assert (await within(running)).execution.status == TIMED_OUT


async def test_long_run_of_steps(lab: Lab) -> None:
    node = await lab.node()
    states = {f"S{i}": {"Type": "Pass", "Next": f"S{i + 1}"} for i in range(3000)} | {"S3000": {"Type": "Succeed"}}
    ended = (await within(node.engine.run_express(request(lab, flow(**states))))).execution
    assert (ended.status, ended.event_id) == (SUCCEEDED, 6004)


async def test_many_at_once(lab: Lab) -> None:
    lab.handlers["f"] = echo
    node = await lab.node()
    runs = [node.engine.run_express(request(lab, flow(T=task("f")), f"x{i}", input=Payload(i))) for i in range(200)]
    assert [run.execution.output.value for run in await gathered(runs)] == list(range(200))


async def test_asynchronous_one_begins_again_after_a_crash(any_lab: Lab) -> None:
    gate = asyncio.Event()

    async def wait(command: StartTask) -> str:
        await gate.wait()
        return "done"

    any_lab.handlers["f"] = wait
    node = await any_lab.node()
    at = await node.engine.start_express(request(any_lab, flow(P={"Type": "Pass", "Next": "T"}, T=task("f"))))
    assert at == any_lab.clock.now() and await noted(any_lab) == 1
    await until(lambda: node.functions.calls)
    again = await any_lab.restart(node)
    await until(lambda: again.functions.calls)
    assert again.functions.calls[0][1] == node.functions.calls[0][1], "the same attempt under the same key"
    gate.set()

    async def is_forgotten() -> bool:
        return await noted(any_lab) == 0

    await until(is_forgotten)
    third = await any_lab.restart(again)
    assert third.functions.calls == []


async def test_outcome_that_comes_after_the_end_is_nobodys(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    gate = asyncio.Event()

    async def wait(command: StartTask) -> str:
        await gate.wait()
        return "late"

    lab.handlers["f"] = wait
    node = await lab.node()
    running = asyncio.ensure_future(node.engine.run_express(request(lab, flow(T=task("f", TimeoutSeconds=5)))))
    await until(lambda: node.functions.calls)
    lab.clock.move(5)
    assert (await within(running)).execution.error == "States.Timeout"
    gate.set()
    await until(lambda: len(node.engine._dispatcher) == 0 and len(node.engine._residents) == 0)
    assert not caplog.records


@pytest.mark.parametrize("at_once", [True, False])
async def test_defect_is_told_to_the_caller(lab: Lab, monkeypatch: pytest.MonkeyPatch, at_once: bool) -> None:
    decide = residents.decide

    def broken(program: Any, execution: Any, stimulus: Any, overtime: Any) -> Any:
        if at_once or not isinstance(stimulus, StartRequested):
            raise ZeroDivisionError("a defect")
        return decide(program, execution, stimulus, overtime)

    monkeypatch.setattr(residents, "decide", broken)
    lab.handlers["f"] = echo
    node = await lab.node()
    with pytest.raises(ZeroDivisionError):
        await within(node.engine.run_express(request(lab, flow(T=task("f")))))
    assert len(node.engine._residents) == 0


async def test_defect_leaves_an_asynchronous_one_to_a_better_release(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    decide = residents.decide

    def broken(*arguments: Any) -> None:
        raise ZeroDivisionError("a defect")

    lab.handlers["f"] = echo
    monkeypatch.setattr(residents, "decide", broken)
    node = await lab.node()
    await node.engine.start_express(request(lab, flow(T=task("f"))))
    await until(lambda: len(node.engine._residents) == 0)
    monkeypatch.setattr(residents, "decide", decide)
    node = await lab.restart(node)
    await until(lambda: node.functions.calls)

    async def is_forgotten() -> bool:
        return await noted(lab) == 0

    await until(is_forgotten)


async def test_the_most_that_its_threads_held_is_known(lab: Lab) -> None:
    gate = asyncio.Event()

    async def wait(command: StartTask) -> str:
        await gate.wait()
        return ""

    lab.handlers["f"] = wait
    node = await lab.node()
    items = {"Type": "Map", "ItemProcessor": {"StartAt": "T", "States": {"T": task("f")}}, "End": True}
    started = request(lab, flow(M=items), input=Payload(["x" * 1000] * 5))
    running = asyncio.ensure_future(node.engine.run_express(started))
    await until(lambda: len(node.functions.calls) == 5)
    gate.set()
    run = await within(running)
    assert run.execution.output.value == [""] * 5
    assert run.payload_bytes == started.input.size + 5 * 1002


async def test_an_observer_sees_every_step_when_it_is_done(lab: Lab) -> None:
    seen: list[tuple[str, int, list[str]]] = []
    lab.handlers["f"] = echo
    node = await lab.node()

    def observe(advance: Advance) -> None:
        events = [record.type for record in advance.records if isinstance(record, Event)]
        seen.append((advance.execution.id, advance.execution.event_id, events))

    node.engine._observe = observe
    express = (await within(node.engine.run_express(request(lab, flow(T=task("f")))))).execution
    standard = await lab.finish(await lab.start(node, flow(T=task("f")), "e"))
    for execution in (express, standard):
        steps = [(last, events) for id, last, events in seen if id == execution.id]
        assert [type for _, events in steps for type in events][-1] == "ExecutionSucceeded"
        assert steps[-1][0] == sum(len(events) for _, events in steps) == execution.event_id
