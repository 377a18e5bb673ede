"""Two engines on one store, both convinced that the executions are theirs."""

import asyncio
import random

import pytest
from enginelab import MACHINE, Lab, Node, echo, flow, gathered, id_of, task, until
from journals import check_all, check_journal, events_of

from stepwell.engine.engine import UPKEEP_SECONDS
from stepwell.engine.errors import TaskTimedOut, Unavailable
from stepwell.machine import journal
from stepwell.machine.commands import StartTask
from stepwell.machine.execution import ABORTED, RUNNING, SUCCEEDED
from stepwell.machine.payload import Payload
from stepwell.machine.stimuli import TaskSubmitted, TaskSucceeded, TimerFired

pytestmark = pytest.mark.anyio

ACTION = "invoke.waitForTaskToken"
RETRY = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 2}]


def callback(**fields: object) -> dict[str, object]:
    end = {} if "Next" in fields else {"End": True}
    parameters = {"FunctionName": "f", "Payload.$": "$$.Task.Token"}
    return {"Type": "Task", "Resource": f"arn:aws:states:::lambda:{ACTION}", "Parameters": parameters} | end | fields


def use_tokens(lab: Lab) -> dict[tuple[str, int], str]:
    """Tokens that were handed out, by (execution, frame)."""
    tokens: dict[tuple[str, int], str] = {}

    async def submitted(command: StartTask) -> TaskSubmitted:
        execution = next(id for node in lab.nodes for id, known in node.functions.calls if known is command)
        tokens[execution, command.frame] = command.task_token or ""
        return TaskSubmitted(at=0.0, frame=command.frame, attempt=command.attempt, output=Payload({}))

    lab.handlers[ACTION] = submitted
    return tokens


async def test_both_settle_the_same_tokens(any_lab: Lab) -> None:
    tokens = use_tokens(any_lab)
    nodes = [await any_lab.node(), await any_lab.node()]
    branches = [{"StartAt": f"T{i}", "States": {f"T{i}": callback()}} for i in range(3)]
    definition = flow(P={"Type": "Parallel", "Branches": branches, "End": True})
    ids = [await any_lab.start(nodes[i % 2], definition, f"e{i}") for i in range(12)]
    await until(lambda: len(tokens) == 36)
    for id in ids:
        await any_lab.reached(id, "TaskSubmitted", 3)
    calls = [(node, token, by) for token in tokens.values() for by, node in enumerate(nodes) for _ in range(2)]
    random.Random(7).shuffle(calls)
    outcomes = await gathered([settle(node, token, by) for node, token, by in calls])
    assert all(outcome is None or isinstance(outcome, TaskTimedOut) for outcome in outcomes), outcomes
    won = [token for (_, token, _), outcome in zip(calls, outcomes, strict=True) if outcome is None]
    assert sorted(won) == sorted(tokens.values()), "each token is settled by exactly one call"
    for id in ids:
        ended = await any_lab.finish(id)
        assert ended.status == SUCCEEDED and set(ended.output.value) <= {0, 1}
    assert await both_agree(nodes, ids)


async def settle(node: Node, token: str, by: int) -> None:
    await node.engine.task_succeeded(token, Payload(by))


async def both_agree(nodes: list[Node], ids: list[str]) -> bool:
    """Whether both engines fold every execution to the same state."""
    folded = [[await node.engine._residents.fold(id) for id in ids] for node in nodes]
    return folded[0] == folded[1]


async def test_both_fire_the_same_timers(any_lab: Lab) -> None:
    nodes = [await any_lab.node(), await any_lab.node()]
    definition = flow(A={"Type": "Wait", "Seconds": 10, "Next": "B"}, B={"Type": "Wait", "Seconds": 10, "End": True})
    ids = [await any_lab.start(nodes[i % 2], definition, f"e{i}") for i in range(30)]
    for number in (1, 2):
        due = any_lab.clock.now() + 10
        any_lab.clock.move(10)
        for id in ids:
            for node in nodes:
                node.engine._submit(id, TimerFired(at=due, frame=1, kind="wait", due_at=due))
        for id in ids:
            await any_lab.reached(id, "WaitStateExited", number)
    for id in ids:
        assert (await any_lab.finish(id)).event_id == 6
    assert await both_agree(nodes, ids)


async def test_memory_that_was_overtaken_does_not_turn_a_caller_away(any_lab: Lab) -> None:
    """A token of the second attempt comes to an engine whose memory still holds the first one."""
    tokens = use_tokens(any_lab)
    first, second = await any_lab.node(), await any_lab.node()
    id = await any_lab.start(first, flow(T=callback(TimeoutSeconds=5, Retry=RETRY)))
    await any_lab.reached(id, "TaskSubmitted")
    assert id in first.engine._residents
    old = tokens[id, 1]
    first.engine._timers.close()  # From here on only the second one advances it.
    for kind, pause in (("timeout", 5), ("retry", 1)):
        any_lab.clock.at += pause
        assert await second.engine._submit(
            id, TimerFired(at=any_lab.clock.now(), frame=1, kind=kind, due_at=any_lab.clock.now())
        )
    await any_lab.reached(id, "TaskSubmitted", 2)
    assert tokens[id, 1] != old
    await first.engine.task_succeeded(tokens[id, 1], Payload("through the first"))
    assert (await any_lab.finish(id)).output.value == "through the first"


async def test_overtaken_memory_keeps_messages_that_it_does_not_understand(any_lab: Lab) -> None:
    """An inbox message for what only the other engine knows of is not taken for a late one and dropped."""
    tokens = use_tokens(any_lab)
    first, second = await any_lab.node(), await any_lab.node()
    id = await any_lab.start(first, flow(A=callback(Next="B"), B=callback()))
    await any_lab.reached(id, "TaskSubmitted")
    await second.engine.task_succeeded(tokens[id, 1], Payload("a"))
    await any_lab.reached(id, "TaskSubmitted", 2)
    outcome = TaskSucceeded(at=any_lab.clock.now(), frame=1, attempt=2, output=Payload("b"))
    sender = any_lab.request(flow(P={"Type": "Pass", "End": True}), "sender")
    await second.engine.start_execution(sender, [(id, journal.encode_inline(outcome))])
    await first.engine._read_inbox(id)
    assert (await any_lab.finish(id)).output.value == "b"


async def test_stop_against_success(any_lab: Lab) -> None:
    tokens = use_tokens(any_lab)
    nodes = [await any_lab.node(), await any_lab.node()]
    ids = [await any_lab.start(nodes[i % 2], flow(T=callback()), f"e{i}") for i in range(20)]
    await until(lambda: len(tokens) == 20)
    for id in ids:
        await any_lab.reached(id, "TaskSubmitted")
    stops = [nodes[0].engine.stop_execution(id, None, None) for id in ids]
    successes = [nodes[1].engine.task_succeeded(tokens[id, 1], Payload(1)) for id in ids]
    outcomes = await gathered([*stops, *successes])
    for id, stopped, settled in zip(ids, outcomes[:20], outcomes[20:], strict=True):
        ended = await any_lab.finish(id)
        assert stopped.status == ended.status
        assert (settled is None) == (ended.status == SUCCEEDED)
        assert ended.status in (SUCCEEDED, ABORTED)


async def test_contention_ends(any_lab: Lab) -> None:
    """Heartbeats through both engines at once: all count or are told that it is contended; none is lost in silence."""
    tokens = use_tokens(any_lab)
    nodes = [await any_lab.node(), await any_lab.node()]
    id = await any_lab.start(nodes[0], flow(T=callback(HeartbeatSeconds=100)))
    await any_lab.reached(id, "TaskSubmitted")
    outcomes = await gathered([nodes[i % 2].engine.task_heartbeat(tokens[id, 1]) for i in range(60)])
    assert all(outcome is None or isinstance(outcome, Unavailable) for outcome in outcomes)
    assert outcomes.count(None) >= 30
    await nodes[1].engine.task_succeeded(tokens[id, 1], Payload(1))
    assert (await any_lab.finish(id)).status == SUCCEEDED


async def test_the_second_takes_over_what_the_first_left(any_lab: Lab) -> None:
    gate = asyncio.Event()

    async def wait(command: StartTask) -> str:
        await gate.wait()
        return "done"

    any_lab.handlers |= {"f": wait, "g": echo}
    first, second = await any_lab.node(), await any_lab.node()
    tasks = [await any_lab.start(first, flow(T=task("f")), f"t{i}") for i in range(10)]
    waits = [
        await any_lab.start(first, flow(W={"Type": "Wait", "Seconds": 100, "End": True}), f"w{i}") for i in range(10)
    ]
    await until(lambda: len(first.functions.calls) == 10)
    first.vanish()
    gate.set()
    assert second.functions.calls == []
    any_lab.clock.move(29)
    await until(lambda: second.store.calls["lease"] == 2)
    assert {(await any_lab.store.execution(id)).status for id in tasks} == {RUNNING}
    any_lab.clock.move(UPKEEP_SECONDS)
    for id in tasks:
        assert (await any_lab.finish(id)).status == SUCCEEDED
    assert sorted(id for id, _ in second.functions.calls) == sorted(tasks)
    any_lab.clock.move(70)
    for id in waits:
        assert (await any_lab.finish(id)).status == SUCCEEDED


async def test_a_holder_that_lives_keeps_its_shards(any_lab: Lab) -> None:
    first, second = await any_lab.node(), await any_lab.node()
    for times in range(2, 22):
        any_lab.clock.move(UPKEEP_SECONDS)
        for node in (first, second):
            await until(lambda node=node, times=times: node.store.calls["lease"] == times)
            await until(lambda node=node: node.engine._upkeep.at > any_lab.clock.now())
    assert len(first.engine._shards) == 64 and not second.engine._shards


async def test_waiting_for_an_end_that_another_engine_brings(any_lab: Lab) -> None:
    first, second = await any_lab.node(), await any_lab.node()
    id = await any_lab.start(first, flow(W={"Type": "Wait", "Seconds": 3600, "End": True}))
    waiting = asyncio.ensure_future(first.engine.closed(id))
    await second.engine.stop_execution(id, None, None)
    any_lab.clock.move(5)
    assert (await asyncio.wait_for(waiting, 60)).status == ABORTED


async def test_random_work_through_both(any_lab: Lab) -> None:
    """Starts, tokens, stops and evictions through either engine, in a seeded disorder."""
    chance = random.Random(11)
    tokens = use_tokens(any_lab)
    nodes = [await any_lab.node(idle_seconds=0.0), await any_lab.node(idle_seconds=0.0)]
    definition = flow(
        A=callback(Next="W"), W={"Type": "Wait", "Seconds": 3, "Next": "B"}, B=callback(TimeoutSeconds=50)
    )
    for i in range(25):
        await any_lab.start(chance.choice(nodes), definition, f"e{i}")

    async def all_closed() -> bool:
        rows = await any_lab.store.executions(through=MACHINE)
        return all(row.status != RUNNING for row in rows)

    rounds = 0
    while not await all_closed():
        rounds += 1
        assert rounds < 3000, "it does not come to an end"
        acts = [
            chance.choice(nodes).engine.task_succeeded(token, Payload(rounds))
            for token in chance.choices([*tokens.values(), ""], k=8)
        ]
        if chance.random() < 0.1:
            acts.append(chance.choice(nodes).engine.stop_execution(id_of(f"e{chance.randrange(25)}"), None, None))
        await gathered(acts)
        if chance.random() < 0.3:
            any_lab.clock.move(chance.choice([1, 3, 5]))
    ended = await check_all(any_lab.store, MACHINE)
    assert len(ended) == 25
    assert await both_agree(nodes, list(ended))
    for id in ended:
        assert (await check_journal(any_lab.store, id)).status in (SUCCEEDED, ABORTED)
        assert (await events_of(any_lab.store, id)).count("TaskSucceeded") <= 2
