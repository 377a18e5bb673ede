"""What is closed for long enough goes, what others need stays, and what is open for too long ends."""

from typing import Any

import pytest
from enginelab import MACHINE, Lab, Node, flow, id_of, until

from stepwell.engine import retention
from stepwell.engine.catalog import Catalog, Logging
from stepwell.engine.retention import YEAR_SECONDS
from stepwell.machine.stimuli import TaskSucceeded
from stepwell.store.protocol import ExecutionRow, StepCommit

pytestmark = pytest.mark.anyio

DAY = 86_400.0
PASS = flow(P={"Type": "Pass", "End": True})
WAIT = flow(W={"Type": "Wait", "Seconds": 99_999_999, "End": True})


async def later(lab: Lab, node: Node, days: float) -> None:
    """Let days go by, and the upkeep that has then come due be over: then the next one is planned."""
    planned = node.engine._upkeep
    lab.clock.move(days * DAY)
    await until(lambda: node.engine._upkeep is not planned)


async def upkeep(lab: Lab, node: Node) -> None:
    await later(lab, node, retention.PAUSE_SECONDS / DAY)


async def names(lab: Lab) -> set[str]:
    return {row.name for _, row in await lab.store.oldest()}


async def add(lab: Lab, id: str, **fields: Any) -> None:
    """An execution of which there is only its row, closed now."""
    now = lab.clock.now()
    shown: dict[str, Any] = {
        "name": id,
        "state_machine": MACHINE,
        "revision": PASS,
        "status": "SUCCEEDED",
        "input": "{}",
    }
    row = ExecutionRow(id=id, started_at=now, stopped_at=now, **shown | fields)
    await lab.store.commit(
        [StepCommit(execution=id, sequence=1, records=1, first_event_id=1, events=0, writer=b"", body=b"\x90", row=row)]
    )


async def test_closed_executions_go_after_their_time_and_their_names_are_free(any_lab: Lab) -> None:
    node = await any_lab.node(retain_seconds=90 * DAY)
    first = await any_lab.start(node, PASS, "first")
    await any_lab.finish(first)
    await any_lab.start(node, WAIT, "open")
    await later(any_lab, node, 60)
    await any_lab.finish(await any_lab.start(node, PASS, "second"))
    await upkeep(any_lab, node)
    assert await names(any_lab) == {"first", "open", "second"}
    await later(any_lab, node, 31)
    await upkeep(any_lab, node)
    assert await names(any_lab) == {"open", "second"}
    assert await any_lab.start(node, PASS, "first") == first


async def test_for_ever_is_for_ever(lab: Lab) -> None:
    node = await lab.node()
    await lab.finish(await lab.start(node, PASS, "first"))
    await later(lab, node, 10_000)
    await upkeep(lab, node)
    assert await names(lab) == {"first"}
    assert not node.store.calls["oldest"]


async def test_all_pages_are_gone_through(lab: Lab, monkeypatch: Any) -> None:
    monkeypatch.setattr(retention, "PAGE", 3)
    monkeypatch.setattr(retention, "ERASED_AT_ONCE", 2)
    node = await lab.node(retain_seconds=DAY)
    await lab.start(node, WAIT, "open")
    for number in range(10):
        await add(lab, f"e{number}")
    await later(lab, node, 2)
    await add(lab, "young")
    for _ in range(4):
        await upkeep(lab, node)
    assert await names(lab) == {"open", "young"}


async def test_what_a_running_parent_waits_for_is_kept(lab: Lab) -> None:
    node = await lab.node(retain_seconds=DAY)
    at = lab.clock.now()
    node.functions.child_ended = lambda *_: TaskSucceeded(at=at, frame=1, attempt=1, output=None)  # type: ignore[method-assign]
    parent = await lab.start(node, WAIT, "parent")
    await lab.finish(await lab.start(node, PASS, "child", parent=parent, parent_task="task"))
    await lab.finish(await lab.start(node, PASS, "orphan", parent=id_of("gone"), parent_task="task"))
    await later(lab, node, 2)
    await upkeep(lab, node)
    assert await names(lab) == {"parent", "child"}
    await node.engine.stop_execution(parent, None, None)
    await upkeep(lab, node)
    assert await names(lab) == {"parent"}


async def test_a_map_run_goes_with_its_execution_and_its_children_with_it(any_lab: Lab) -> None:
    node = await any_lab.node(retain_seconds=DAY)
    parent = await any_lab.start(node, WAIT, "parent")
    run = "arn:aws:states:us-east-1:123456789012:mapRun:machine/M:1"
    await add(any_lab, run, state_machine=parent)
    for index in range(3):
        await add(any_lab, f"child{index}", map_run=run, item=index)
    await later(any_lab, node, 3)
    await upkeep(any_lab, node)
    assert len(await names(any_lab)) == 5
    await node.engine.stop_execution(parent, None, None)
    await upkeep(any_lab, node)
    assert len(await names(any_lab)) == 5
    await later(any_lab, node, 2)
    await upkeep(any_lab, node)
    assert await names(any_lab) == set()


async def test_an_execution_may_be_open_for_a_year(any_lab: Lab) -> None:
    node = await any_lab.node(open_seconds_max=YEAR_SECONDS)
    old = await any_lab.start(node, WAIT, "old")
    await later(any_lab, node, 364)
    young = await any_lab.start(node, WAIT, "young")
    await later(any_lab, node, 1)
    await upkeep(any_lab, node)
    ended = await any_lab.finish(old)
    assert (ended.status, ended.error) == ("TIMED_OUT", "States.Timeout")
    assert (await any_lab.store.execution(young)).status == "RUNNING"
    assert [timer.execution for timer in await any_lab.store.timers_due(range(64), 1e12, 10)] == [young]


async def test_revisions_go_when_nothing_can_run_by_them(lab: Lab) -> None:
    catalog = Catalog(lab.store, lab.clock)
    machines = {
        name: await catalog.create_state_machine(
            "123456789012", "us-east-1", name=name, definition=PASS, role="arn:aws:iam::123456789012:role/r",
            type="STANDARD", logging=Logging(), tracing=False, encryption=None, tags={},
        )
        for name in ("kept", "deleted", "in-use")
    }  # fmt: skip
    await add(lab, "e", state_machine=machines["in-use"].arn)
    for name in ("deleted", "in-use"):
        await lab.store.delete("state-machine", machines[name].arn)
    left = []
    for before in (lab.clock.now(), lab.clock.now() + 1):
        await retention.forget_revisions(lab.store, created_before=before)
        left.append({key for key, _ in await lab.store.list("revision")})
    assert left[0] == {machine.revision for machine in machines.values()}
    assert left[1] == {machines["kept"].revision, machines["in-use"].revision}
