"""The Step Functions API over a real engine on a store in memory, without a socket."""

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
import uvicorn

from stepwell.api.app import create_app
from stepwell.api.connection import BoundedConnection
from stepwell.api.console.live import LiveFeed, both
from stepwell.api.credentials import Keyring
from stepwell.api.execution_logs import ExecutionLogs
from stepwell.engine.catalog import Catalog
from stepwell.engine.clock import SystemClock
from stepwell.engine.engine import Engine
from stepwell.logs.service import Logs
from stepwell.store.memory import MemoryStore
from stepwell.tasks.runner import Tasks

ROLE = "arn:aws:iam::123456789012:role/steps"
ARN = "arn:aws:states:us-east-1:123456789012"


class ApiError(Exception):
    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body
        self.code = body["__type"]
        self.message = body["message"]


class MovableClock(SystemClock):
    """The system's clock, with an offset that a test can change; timers notice at once."""

    offset = 0.0
    RECHECK_SECONDS = 0.01

    def now(self) -> float:
        return super().now() + self.offset


def build(
    clock: SystemClock, limits: str, keyring: Keyring | None = None, functions: Any = None, live: LiveFeed | None = None
) -> tuple[Engine, Any]:
    """An engine and its endpoint. Without functions, no definition may call one."""
    store = MemoryStore()
    catalog = Catalog(store, clock)
    tasks = Tasks(functions, catalog, clock, limits)
    logs = Logs(None, clock)
    live = live or LiveFeed()
    observe = both(ExecutionLogs(catalog, logs).observe, live.observe)
    engine = Engine(store, catalog.program, tasks, clock, observe=observe)
    tasks.attach(engine)
    return engine, create_app(engine, catalog, tasks.activities, logs, live, limits=limits, keyring=keyring)


class Api:
    """An endpoint, and a client that speaks raw ASGI to it."""

    def __init__(self, limits: str = "aws", keyring: Keyring | None = None, functions: Any = None) -> None:
        self._runner = asyncio.Runner()
        self.clock = MovableClock()
        self.live = LiveFeed()
        self.engine, self.app = build(self.clock, limits, keyring, functions, self.live)
        self.run(self.engine.start())

    def run(self, work: Any) -> Any:
        return self._runner.run(work)

    def close(self) -> None:
        self.run(self.engine.close())
        self._runner.close()

    async def asgi(
        self, body: bytes, headers: dict[str, str], method: str = "POST", path: str = "/", chunk: int = 1 << 30
    ) -> tuple[int, dict[str, str], bytes]:
        chunks = [body[at : at + chunk] for at in range(0, len(body), chunk)] or [b""]
        incoming = [
            {"type": "http.request", "body": part, "more_body": index + 1 < len(chunks)}
            for index, part in enumerate(chunks)
        ]
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if incoming:
                return incoming.pop(0)
            await asyncio.Event().wait()
            raise AssertionError

        async def send(message: Any) -> None:
            sent.append(message)

        path, _, query = path.partition("?")
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "path": path,
            "raw_path": path.encode(), "root_path": "", "scheme": "http", "query_string": query.encode(),
            "server": ("x", 80), "client": ("y", 1), "headers": [
                (key.lower().encode("latin-1"), value.encode("latin-1")) for key, value in headers.items()
            ],
        }  # fmt: skip
        await self.app(scope, receive, send)
        received = {key.decode(): value.decode() for key, value in sent[0]["headers"]}
        return sent[0]["status"], received, b"".join(message.get("body", b"") for message in sent[1:])

    async def acall(self, operation: str, **request: Any) -> Any:
        return await self.post(f"AWSStepFunctions.{operation}", request)

    async def aread(self, path: str, headers: dict[str, str] | None = None, **query: Any) -> Any:
        """What the console's JSON says at that path."""
        at = f"/console/api/{path}?{urlencode(query)}"
        status, _, body = await self.asgi(b"", headers or {}, "GET", at)
        if status != 200:
            raise ApiError(status, json.loads(body))
        return json.loads(body)

    def read(self, path: str, **query: Any) -> Any:
        return self.run(self.aread(path, **query))

    def logs(self, operation: str, **request: Any) -> Any:
        """A call of CloudWatch Logs."""
        return self.run(self.post(f"Logs_20140328.{operation}", request))

    async def post(self, target: str, request: dict[str, Any], **headers: str) -> Any:
        headers = {"x-amz-target": target, "content-type": "application/x-amz-json-1.0", **headers}
        status, _, body = await self.asgi(json.dumps(request).encode(), headers)
        if status != 200:
            raise ApiError(status, json.loads(body))
        return json.loads(body)

    def call(self, operation: str, **request: Any) -> Any:
        return self.run(self.acall(operation, **request))

    def refused(self, operation: str, **request: Any) -> tuple[str, str]:
        """Code and message of the error that the call gets."""
        with pytest.raises(ApiError) as caught:
            self.call(operation, **request)
        return caught.value.code, caught.value.message

    def create(self, name: str = "machine", definition: Any = None, **more: Any) -> str:
        text = json.dumps(definition or PASS)
        return self.call("CreateStateMachine", name=name, definition=text, roleArn=ROLE, **more)["stateMachineArn"]

    def start(self, machine: str, **more: Any) -> str:
        return self.call("StartExecution", stateMachineArn=machine, **more)["executionArn"]

    def finish(self, execution: str) -> Any:
        self.run(self.engine.closed(execution))
        return self.call("DescribeExecution", executionArn=execution)


class QuietServer(uvicorn.Server):
    """Runs in a thread, where signals are not its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The port of a real HTTP server on loopback."""
    ready: list[int] = []
    started = threading.Event()
    config: list[QuietServer] = []

    async def main() -> None:
        engine, app = build(SystemClock(), "aws")
        await engine.start()
        server = QuietServer(uvicorn.Config(app, port=0, http=BoundedConnection, log_level="critical", lifespan="off"))
        config.append(server)
        serving = asyncio.ensure_future(server.serve())
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        ready.append(server.servers[0].sockets[0].getsockname()[1])
        started.set()
        await serving
        await engine.close()

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    assert started.wait(10)
    yield ready[0]
    config[0].should_exit = True
    thread.join(10)


PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
WAIT = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}


@pytest.fixture
def api() -> Iterator[Api]:
    api = Api()
    yield api
    api.close()


@pytest.fixture
def extended() -> Iterator[Api]:
    api = Api("extended")
    yield api
    api.close()


@pytest.fixture
def with_keys() -> Iterator[Callable[[Keyring], Api]]:
    """Opens endpoints that verify signatures."""
    with contextlib.ExitStack() as stack:

        def opened(keyring: Keyring) -> Api:
            api = Api(keyring=keyring)
            stack.callback(api.close)
            return api

        yield opened
