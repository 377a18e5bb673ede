"""Lambda functions as tasks, in real worker processes."""

import io
import json
import time
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from enginelab import function, until
from journals import events_of
from taskhouse import ROLE, House

from stepwell.functions.service import FunctionService
from stepwell.machine.execution import FAILED, SUCCEEDED
from stepwell.machine.payload import Payload
from stepwell.store.memory import MemoryStore

pytestmark = pytest.mark.anyio

HANDLER = """
import json, os

def handler(event, context):
    what = event.get("what") if isinstance(event, dict) else None
    if what == "id":
        with open(event["file"], "a") as file:
            file.write(context.aws_request_id + "\\n")
        if event.get("fails"):
            raise KeyError("no")
        return context.aws_request_id
    if what == "raise":
        raise ValueError("bad " + event["detail"])
    if what == "exit":
        os._exit(3)
    if what == "large":
        return "x" * event["size"]
    if what == "context":
        return context.client_context.custom if context.client_context else None
    return {"got": event}
"""


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def functions(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FunctionService]:
    """A Lambda service with the function `f`."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("handler.py", HANDLER)
    service = FunctionService(tmp_path_factory.mktemp("functions"), MemoryStore())
    await service.start()
    await service.create({
        "FunctionName": "f", "Runtime": "python3.12", "Handler": "handler.handler", "Role": ROLE,
        "Code": {"ZipFile": archive.getvalue()},
    })  # fmt: skip
    yield service
    await service.close()


@pytest.fixture
async def lambda_house(functions: FunctionService) -> AsyncIterator[House]:
    house = House(MemoryStore(), functions)
    house.clock.at = time.time()  # Invocations tell when they began and ended by the machine's own clock.
    await house.open()
    yield house
    await house.close()


def by_arn(name: str = "f", **fields: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": function(name), "End": True, **fields}


def invoke(**fields: Any) -> dict[str, Any]:
    """Through the optimized integration; capitalized fields of Invoke are its parameters."""
    parameters = {"FunctionName": "f", "Payload.$": "$", **fields}
    return {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": parameters, "End": True}


async def run(house: House, state: dict[str, Any], input: Any) -> Any:
    return await house.finish(await house.start(await house.create("machine", T=state), input=Payload(input)))


async def test_by_arn_gives_the_functions_own_result(lambda_house: House) -> None:
    ended = await run(lambda_house, by_arn(), {"a": 1})
    assert (ended.status, ended.output.value) == (SUCCEEDED, {"got": {"a": 1}})


async def test_invoke_wraps_the_result(lambda_house: House) -> None:
    output = (await run(lambda_house, invoke(), [1, 2])).output.value
    assert (output["StatusCode"], output["ExecutedVersion"], output["Payload"]) == (200, "$LATEST", {"got": [1, 2]})
    assert list(output) == [
        "ExecutedVersion", "Payload", "SdkHttpMetadata", "SdkResponseMetadata", "StatusCode",
    ]  # fmt: skip
    assert output["SdkResponseMetadata"]["RequestId"] == output["SdkHttpMetadata"]["HttpHeaders"]["x-amzn-RequestId"]


async def test_error_of_the_function(lambda_house: House) -> None:
    ended = await run(lambda_house, by_arn(), {"what": "raise", "detail": "luck"})
    assert (ended.status, ended.error) == (FAILED, "ValueError")
    cause = json.loads(ended.cause or "")
    assert (cause["errorMessage"], cause["errorType"]) == ("bad luck", "ValueError")


async def test_function_whose_process_ends(lambda_house: House) -> None:
    ended = await run(lambda_house, by_arn(), {"what": "exit"})
    assert (ended.status, ended.error) == (FAILED, "Runtime.ExitError")


async def test_result_that_is_too_large(lambda_house: House) -> None:
    assert (await run(lambda_house, by_arn(), {"what": "large", "size": 262_142})).status == SUCCEEDED
    machine = await lambda_house.create("other", T=by_arn())
    id = await lambda_house.start(machine, "large", Payload({"what": "large", "size": 262_143}))
    ended = await lambda_house.finish(id)
    assert (ended.status, ended.error) == (FAILED, "States.DataLimitExceeded")


async def test_extended_limits_let_a_large_result_pass(functions: FunctionService) -> None:
    house = House(MemoryStore(), functions, "extended")
    await house.open()
    ended = await run(house, by_arn(), {"what": "large", "size": 300_000})
    assert (ended.status, len(ended.output.value)) == (SUCCEEDED, 300_000)
    assert ended.crossed[1:] == ["output of state 'T': 300,002 bytes, AWS allows 262,144"]
    await house.close()


@pytest.mark.parametrize("state", [by_arn("nobody"), invoke(FunctionName="nobody")])
async def test_function_that_does_not_exist(lambda_house: House, state: dict[str, Any]) -> None:
    ended = await run(lambda_house, state, {})
    assert (ended.status, ended.error) == (FAILED, "Lambda.ResourceNotFoundException")
    assert "Status Code: 404" in (ended.cause or "")


async def test_function_whose_name_is_none_is_not_scheduled(lambda_house: House) -> None:
    ended = await run(lambda_house, by_arn("no function!"), {})
    assert (ended.status, ended.error) == (FAILED, "Lambda.ValidationException")
    events = await events_of(lambda_house.inner, ended.id)
    assert events[-3:] == ["LambdaFunctionScheduled", "LambdaFunctionScheduleFailed", "ExecutionFailed"]


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"FunctionName": 7}, "States.Runtime"),
        ({"FunctionName": "f:9"}, "Lambda.ResourceNotFoundException"),
        ({"ClientContext": "not base64!"}, "Lambda.InvalidRequestContentException"),
        ({"ClientContext": 5}, "Lambda.InvalidRequestContentException"),
    ],
)
async def test_call_that_lambda_does_not_take(lambda_house: House, parameters: dict[str, Any], error: str) -> None:
    ended = await run(lambda_house, invoke(**parameters), {})
    assert (ended.status, ended.error) == (FAILED, error)


async def test_refusal_happens_when_it_happens(lambda_house: House) -> None:
    """A retry counts from the refusal, not from when the task was scheduled."""
    retry = [{"ErrorEquals": ["Lambda.ResourceNotFoundException"], "IntervalSeconds": 10, "MaxAttempts": 1}]
    started_at = lambda_house.clock.now()
    lambda_call = lambda_house.tasks._lambda._functions.invoke

    async def slow(*arguments: Any, **options: Any) -> Any:
        lambda_house.clock.at += 100
        return await lambda_call(*arguments, **options)

    lambda_house.tasks._lambda._functions = type("Slow", (), {"invoke": staticmethod(slow)})  # type: ignore[assignment]
    machine = await lambda_house.create("machine", T=by_arn("nobody", Retry=retry))
    id = await lambda_house.start(machine)
    await lambda_house.reached(id, "LambdaFunctionFailed")
    timers = await lambda_house.inner.timers_due(range(64), float("inf"), 10)
    assert [timer.due_at - started_at for timer in timers] == [110]


async def test_event_invocation_returns_at_once(lambda_house: House, tmp_path: Path) -> None:
    note = tmp_path / "note"
    note.touch(0o666)
    ended = await run(lambda_house, invoke(InvocationType="Event"), {"what": "id", "file": str(note)})
    assert (ended.output.value["StatusCode"], ended.output.value["Payload"]) == (202, "")
    await until(lambda: note.read_text())


async def test_redelivery_has_the_same_request_id_and_a_retry_another_one(lambda_house: House, tmp_path: Path) -> None:
    note = tmp_path / "note"
    note.touch(0o666)
    retry = [{"ErrorEquals": ["KeyError"], "IntervalSeconds": 1, "MaxAttempts": 1}]
    machine = await lambda_house.create("machine", T=by_arn(Retry=retry))
    cut, original = lambda_house.store.cut, lambda_house.inner.commit

    async def commit(steps: Any) -> Any:
        if any(step.sequence > 1 for step in steps):
            cut()  # The function has run, and the server dies before its outcome is stored.
            await lambda_house.store.commit(steps)
        return await original(steps)

    lambda_house.inner.commit = commit
    id = await lambda_house.start(machine, input=Payload({"what": "id", "file": str(note), "fails": True}))
    await until(lambda: note.read_text().count("\n") == 1)
    await until(lambda: lambda_house.store._is_cut)
    lambda_house.inner.commit = original
    await lambda_house.restart()
    await lambda_house.reached(id, "LambdaFunctionFailed")
    lambda_house.clock.move(60)
    assert (await lambda_house.finish(id)).error == "KeyError"
    first, again, retried = note.read_text().split()
    assert first == again != retried
