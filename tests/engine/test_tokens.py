"""Task tokens: genuine, forged, malformed, late, twice at once."""

import asyncio
import base64

import msgspec
import pytest
from enginelab import Lab, Node, flow, gathered, until
from journals import events_of, steps_of

from stepwell.engine.errors import InvalidToken, TaskDoesNotExist, TaskTimedOut
from stepwell.machine.commands import StartTask
from stepwell.machine.execution import ABORTED, FAILED, RUNNING, SUCCEEDED
from stepwell.machine.identity import TaskToken, parse_task_token
from stepwell.machine.payload import Payload
from stepwell.machine.stimuli import TaskSubmitted

pytestmark = pytest.mark.anyio

ACTION = "invoke.waitForTaskToken"


def callback(**fields: object) -> str:
    parameters = {"FunctionName": "f", "Payload": {"token.$": "$$.Task.Token"}}
    resource = f"arn:aws:states:::lambda:{ACTION}"
    return flow(T={"Type": "Task", "Resource": resource, "Parameters": parameters, "End": True, **fields})


async def submitted(command: StartTask) -> TaskSubmitted:
    assert command.input.value["Payload"] == {"token": command.task_token}
    return TaskSubmitted(at=0.0, frame=command.frame, attempt=command.attempt, output=Payload({}))


async def waiting(lab: Lab, node: Node, name: str = "e", **fields: object) -> tuple[str, str]:
    """An execution that waits for its token; the id and the token."""
    lab.handlers[ACTION] = submitted
    id = await lab.start(node, callback(**fields), name)
    await lab.reached(id, "TaskSubmitted")
    return id, next(command.task_token or "" for execution, command in node.functions.calls if execution == id)


async def test_success_by_token(any_lab: Lab) -> None:
    node = await any_lab.node()
    id, token = await waiting(any_lab, node)
    await node.engine.task_succeeded(token, Payload({"approved": True}))
    ended = await any_lab.finish(id)
    assert (ended.status, ended.output.value) == (SUCCEEDED, {"approved": True})


async def test_failure_by_token(any_lab: Lab) -> None:
    node = await any_lab.node()
    id, token = await waiting(any_lab, node)
    await node.engine.task_failed(token, "Refused", "not today")
    ended = await any_lab.finish(id)
    assert (ended.status, ended.error, ended.cause) == (FAILED, "Refused", "not today")


async def test_verdict_is_durable_on_return(any_lab: Lab) -> None:
    node = await any_lab.node()
    id, token = await waiting(any_lab, node)
    await node.engine.task_succeeded(token, Payload(1))
    node.vanish()
    assert (await any_lab.finish(id)).output.value == 1


async def test_token_works_after_a_restart(any_lab: Lab) -> None:
    node = await any_lab.node()
    id, token = await waiting(any_lab, node)
    node = await any_lab.restart(node)
    assert node.functions.calls == []
    await node.engine.task_succeeded(token, Payload(1))
    assert (await any_lab.finish(id)).status == SUCCEEDED


async def test_many_at_once_settle_it_once(any_lab: Lab) -> None:
    node = await any_lab.node()
    id, token = await waiting(any_lab, node)
    answers = [node.engine.task_succeeded(token, Payload(i)) for i in range(10)]
    answers += [node.engine.task_failed(token, "Refused", str(i)) for i in range(10)]
    outcomes = await gathered(answers)
    assert [type(outcome) for outcome in outcomes].count(TaskTimedOut) == 19
    ended = await any_lab.finish(id)
    assert ended.output.value == outcomes.index(None)
    assert (await events_of(any_lab.store, id)).count("TaskSucceeded") == 1


async def test_late_token(any_lab: Lab) -> None:
    node = await any_lab.node()
    id, token = await waiting(any_lab, node)
    await node.engine.stop_execution(id, None, None)
    length = len(await steps_of(any_lab.store, id))
    for settle in (node.engine.task_succeeded(token, Payload(1)), node.engine.task_heartbeat(token)):
        with pytest.raises(TaskTimedOut):
            await settle
    assert len(await steps_of(any_lab.store, id)) == length
    assert (await any_lab.finish(id)).status == ABORTED


async def test_token_of_an_attempt_that_was_retried(any_lab: Lab) -> None:
    node = await any_lab.node()
    retry = [{"ErrorEquals": ["States.Timeout"], "IntervalSeconds": 1}]
    id, first = await waiting(any_lab, node, TimeoutSeconds=10, Retry=retry)
    any_lab.clock.move(10)
    await any_lab.reached(id, "TaskTimedOut")
    any_lab.clock.move(1)
    await any_lab.reached(id, "TaskSubmitted", 2)
    with pytest.raises(TaskTimedOut):
        await node.engine.task_succeeded(first, Payload("first"))
    second = node.functions.calls[-1][1].task_token
    assert second is not None and second != first
    await node.engine.task_succeeded(second, Payload("second"))
    assert (await any_lab.finish(id)).output.value == "second"


async def test_heartbeats_keep_a_task_alive(any_lab: Lab) -> None:
    node = await any_lab.node()
    id, token = await waiting(any_lab, node, HeartbeatSeconds=10)
    for _ in range(5):
        any_lab.clock.move(9)
        await node.engine.task_heartbeat(token)
    assert (await any_lab.store.execution(id)).status == RUNNING
    any_lab.clock.move(10)
    ended = await any_lab.finish(id)
    assert (ended.status, ended.error) == (FAILED, "States.Timeout")


async def test_settled_before_the_call_returns(any_lab: Lab) -> None:
    gate = asyncio.Event()

    async def slow(command: StartTask) -> TaskSubmitted:
        await gate.wait()
        return await submitted(command)

    node = await any_lab.node()
    any_lab.handlers[ACTION] = slow
    id = await any_lab.start(node, callback())
    await until(lambda: node.functions.calls)
    await node.engine.task_succeeded(node.functions.calls[0][1].task_token or "", Payload("early"))
    gate.set()
    assert (await any_lab.finish(id)).output.value == "early"


async def test_forged_tokens(any_lab: Lab) -> None:
    node = await any_lab.node()
    id, token = await waiting(any_lab, node)
    other, _ = await waiting(any_lab, node, "other")
    genuine = parse_task_token(token)
    for forged in (
        TaskToken(id, genuine.frame, genuine.attempt + 1, genuine.mac),
        TaskToken(id, genuine.frame + 1, genuine.attempt, genuine.mac),
        TaskToken(other, genuine.frame, genuine.attempt, genuine.mac),
        TaskToken(id, genuine.frame, genuine.attempt, bytes(16)),
        TaskToken(id, genuine.frame, genuine.attempt, b""),
        TaskToken(id, -1, 2**60, genuine.mac),
    ):
        with pytest.raises(InvalidToken):
            await node.engine.task_succeeded(written(forged), Payload(1))
    unknown = TaskToken(id + "x", genuine.frame, genuine.attempt, genuine.mac)
    with pytest.raises(TaskDoesNotExist):
        await node.engine.task_succeeded(written(unknown), Payload(1))
    assert {(await any_lab.store.execution(each)).status for each in (id, other)} == {RUNNING}


def written(token: TaskToken) -> str:
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(token)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "AAAA", "not base64!", "ä", "\x00", "AAA=" * 500, "=" * 40,
        base64.urlsafe_b64encode(msgspec.msgpack.encode(["e", 1, 1])).decode(),
        base64.urlsafe_b64encode(msgspec.msgpack.encode(["e", "1", 1, b""])).decode(),
        base64.urlsafe_b64encode(msgspec.msgpack.encode({"execution": "e"})).decode(),
        base64.urlsafe_b64encode(msgspec.msgpack.encode([None] * 4)).decode(),
        base64.urlsafe_b64encode(b"\x91" * 3000).decode(),
        base64.urlsafe_b64encode(b"\xdd\xff\xff\xff\xff").decode(),
    ],
)  # fmt: skip
async def test_malformed_tokens(lab: Lab, text: str) -> None:
    node = await lab.node()
    with pytest.raises(InvalidToken):
        await node.engine.task_succeeded(text, Payload(1))
    assert node.store.calls["journal"] == 0


async def test_tokens_that_name_strange_executions(any_lab: Lab) -> None:
    node = await any_lab.node()
    for name in ("", "x", "e" * 5000, "'; DROP TABLE step; --", "\x00", "ä\U0001f600"):
        with pytest.raises(TaskDoesNotExist):
            await node.engine.task_succeeded(written(TaskToken(name, 1, 1, bytes(16))), Payload(1))
