"""What must hold whatever is sent: an answer in AWS's shape, soon, and nothing in the log that says of a defect."""

import asyncio
import json
import logging
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from hypothesis import strategies as st
from tests.api.conftest import ROLE, Api
from tests.fuzz.definitions import tampered
from tests.fuzz.requests import ARN, DEFINITIONS, MADE, MODEL, conversations
from tests.machine.generated import INPUTS, happenings
from tests.machine.harness import ACTIVITY, Run
from tests.machine.test_properties import World, quota

from stepwell.api import activities
from stepwell.asl.compile import check_definition, compile_definition
from stepwell.asl.errors import DefinitionError
from stepwell.functions.service import FunctionService
from stepwell.machine.execution import RUNNING
from stepwell.store.memory import MemoryStore

CPU_SECONDS_MAX = 2.0
WALL_SECONDS_MAX = 20.0
"""More than a hang takes where it is noticed, so that a busy machine is no finding."""

COMMON = frozenset(
    {"ValidationException", "SerializationException", "RequestEntityTooLargeException", "UnsupportedOperation"}
)
"""Errors that AWS's model of the service does not name."""


@contextmanager
def soon() -> Iterator[None]:
    """Fails what takes more of the processor's time than any request or definition should."""
    begun = time.process_time()
    yield
    taken = time.process_time() - begun
    assert taken < CPU_SECONDS_MAX, f"it took {taken:.1f} s"


class _Errors(logging.Handler):
    """What was logged as an error: a defect that the caller was not told of."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(record)


@contextmanager
def nothing_logged() -> Iterator[None]:
    errors = _Errors()
    loggers = [logging.getLogger(name) for name in ("stepwell", "asyncio")]
    for logger in loggers:
        logger.addHandler(errors)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(errors)
    for record in errors.found:
        raise AssertionError(f"logged: {record.getMessage()}") from (record.exc_info[1] if record.exc_info else None)


# --- requests


def converse(requests: list[tuple[str, Any]]) -> None:
    """Every request of a conversation with a fresh endpoint is answered."""
    with tempfile.TemporaryDirectory() as folder, nothing_logged():
        api = Api(functions=FunctionService(Path(folder), MemoryStore()))
        try:
            with mock.patch.object(activities, "POLL_SECONDS", 0.05):
                api.run(_converse(api, requests))
        finally:
            api.close()


async def _converse(api: Api, requests: list[tuple[str, Any]]) -> None:
    seen = await _furnish(api)
    for operation, body in requests:
        text = json.dumps(body)
        for name, value in seen.items():
            text = text.replace(f"<{name}>", value)
        with soon():
            reply = await _answer(api, operation, text.encode())
        seen |= _texts(reply)
    # What was started goes on; timers of any length come due.
    for _ in range(8):
        api.clock.offset = api.clock.offset * 2 + 60
        await asyncio.sleep(0.002)


def _texts(reply: dict[str, Any]) -> dict[str, str]:
    """Every text in a reply by its name, which a later request may speak of."""
    found = {name: value for name, value in reply.items() if isinstance(value, str)}
    for value in reply.values():
        for item in value if isinstance(value, list) else ():
            found |= _texts(item) if isinstance(item, dict) else {}
    return found


async def _furnish(api: Api) -> dict[str, str]:
    """The machines, executions and the activity that requests speak of; a task token and a Map Run."""
    await api.acall("CreateActivity", name=ACTIVITY.rpartition(":")[2])
    for name, type in MADE.items():
        text = json.dumps(DEFINITIONS[name])
        await api.acall("CreateStateMachine", name=name, definition=text, roleArn=ROLE, type=type)
        if type == "STANDARD":
            items = '{"items": [1]}'
            await api.acall("StartExecution", stateMachineArn=f"{ARN}:stateMachine:{name}", name="e", input=items)
    task = await api.acall("GetActivityTask", activityArn=ACTIVITY)
    return _texts(task) | _texts(await api.acall("ListMapRuns", executionArn=f"{ARN}:execution:maps:e"))


async def _answer(api: Api, operation: str, body: bytes) -> dict[str, Any]:
    """The reply, {} for an error. Time is made to pass where the answer waits for it."""
    headers = {"x-amz-target": f"AWSStepFunctions.{operation}", "content-type": "application/x-amz-json-1.0"}
    asking = asyncio.ensure_future(api.asgi(body, headers))
    for _ in range(int(WALL_SECONDS_MAX / 0.02)):
        await asyncio.wait({asking}, timeout=0.02)
        if asking.done():
            break
        api.clock.offset += 60
    else:
        asking.cancel()
        raise AssertionError(f"{operation} is not answered")
    status, _, text = asking.result()
    reply = json.loads(text)
    if status == 200:
        _conforms(reply, MODEL.operations[operation].output, operation)
        return dict(reply)
    assert isinstance(reply["message"], str)
    assert status < 500 or (status, reply["__type"]) == (501, "UnsupportedOperation"), reply
    assert reply["__type"] in MODEL.error_statuses.keys() | COMMON, (operation, reply)
    return {}


def _conforms(value: Any, shape: str | None, at: str) -> None:
    """A reply has the members of AWS's model and no others, and each is of its type."""
    if shape is None:
        assert value == {}, at
        return
    described = MODEL.shapes[shape]
    kind = described["type"]
    assert isinstance(value, _TYPES[kind]), (at, value)
    if kind == "structure":
        assert value.keys() <= described["members"].keys(), at
        assert set(described.get("required", ())) <= value.keys(), at
        for name, member in value.items():
            if member is not None:
                _conforms(member, described["members"][name]["shape"], f"{at}.{name}")
    elif kind == "list":
        for item in value:
            _conforms(item, described["member"]["shape"], f"{at}[]")
    elif "enum" in described:
        assert value in described["enum"], (at, value)


_TYPES: dict[str, Any] = {
    "structure": dict, "list": list, "map": dict, "string": str, "boolean": bool, "integer": int, "long": int,
    "float": (int, float), "timestamp": (int, float),
}  # fmt: skip


# --- definitions


def judge(definition: Any, input: Any, happening: list[int]) -> None:
    """A definition is refused with diagnostics, or runs to an end or as far as what happens leads it."""
    text = json.dumps(definition)
    with soon():
        for express in (False, True):
            for diagnostic in check_definition(text, express=express):
                assert diagnostic.code and diagnostic.message and diagnostic.severity in ("ERROR", "WARNING")
                assert diagnostic.location == "" or diagnostic.location.startswith("/")
        try:
            program = compile_definition(text)
        except DefinitionError as error:
            assert error.diagnostics
            return
    with soon(), quota(100, 300):
        world = World(Run(program, input))
        for number in happening:
            if world.run.status == RUNNING:
                world.happen(number)


TARGETS: dict[str, tuple[Callable[..., None], dict[str, st.SearchStrategy[Any]]]] = {
    "requests": (converse, {"requests": conversations()}),
    "definitions": (
        judge,
        {"definition": tampered(), "input": st.sampled_from(INPUTS), "happening": happenings},
    ),
}
"""What is fuzzed: a function that raises, and the strategies of its arguments."""
