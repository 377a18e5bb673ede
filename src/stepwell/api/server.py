"""The endpoint as a whole: store, engine, catalog, functions, tasks, logs and the HTTP application, as one."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from stepwell.api.app import create_app
from stepwell.api.connection import BoundedConnection
from stepwell.api.console.live import LiveFeed, both
from stepwell.api.credentials import Keyring
from stepwell.api.execution_logs import ExecutionLogs
from stepwell.api.lambda_rest import lambda_routes
from stepwell.engine.catalog import Catalog
from stepwell.engine.clock import Clock, SystemClock
from stepwell.engine.engine import Engine, no_probe
from stepwell.engine.retention import YEAR_SECONDS
from stepwell.functions.logs import LogRecord, LogStream
from stepwell.functions.service import FunctionService
from stepwell.logs.database import Entry, GroupKey
from stepwell.logs.service import Logs
from stepwell.store.open import open_store
from stepwell.store.protocol import Store
from stepwell.tasks.connections import Connections
from stepwell.tasks.custom import CustomResources
from stepwell.tasks.endpoints import Endpoints
from stepwell.tasks.runner import Outside, Tasks

SHUTDOWN_SECONDS = 3
"""How long open requests may take to end when the server stops; long polls are cut then."""


class Server:
    """One running endpoint. Make it with `Server.open`."""

    def __init__(
        self,
        store: Store,
        engine: Engine,
        catalog: Catalog,
        functions: FunctionService,
        tasks: Tasks,
        logs: Logs,
        execution_logs: ExecutionLogs,
        live: LiveFeed,
        app: Starlette,
    ) -> None:
        self.store = store
        self.engine = engine
        self.catalog = catalog
        self.functions = functions
        self._logs = logs
        self._execution_logs = execution_logs
        self.live = live
        self.tasks = tasks
        self.app = app
        self.endpoint_url: str | None = None

    @classmethod
    async def open(
        cls,
        *,
        store_url: str,
        data_dir: Path,
        limits: str,
        keyring: Keyring | None = None,
        retain_seconds: float | None = None,
        aws_endpoints: Mapping[str, str] | None = None,
        connections: Connections | None = None,
        custom: CustomResources | None = None,
        items_folders: Sequence[Path] = (),
        reports: Sequence[Path] = (),
        clock: Clock | None = None,
        probe: Callable[[str], None] = no_probe,
    ) -> "Server":
        """Open the store, take over what an earlier process left, and be ready to serve.

        `limits` is `aws` or `extended`. With a `keyring` every request must be signed. Closed executions are kept for
        `retain_seconds`, None for ever. `aws_endpoints` says where tasks and functions find AWS's other services, as
        `parse_endpoints` gives it; of this machine Distributed Maps read and write in `items_folders` alone.
        The console shows the benchmark reports in the folders `reports`.
        `probe` is called at the engine's named points, for crash tests.
        """
        clock = clock or SystemClock()
        store = await open_store(store_url)

        def secret(account: str) -> str:
            return keyring.function_key(account).secret if keyring else "stepwell"

        endpoints = Endpoints(aws_endpoints, lambda: server.endpoint_url, secret)
        outside = Outside(endpoints, connections, custom, items_folders)
        catalog = Catalog(store, clock, outside.custom.recognizes)
        logs = Logs(data_dir / "logs.sqlite", clock)
        execution_logs, live = ExecutionLogs(catalog, logs), LiveFeed()
        others, each = outside.endpoints.for_functions()
        functions = FunctionService(
            data_dir, store, endpoint_url=lambda: server.endpoint_url, aws_endpoint=others, aws_endpoints=each,
            write_log=lambda stream, records: _write_function_log(logs, stream, records), secret=secret,
        )  # fmt: skip
        tasks = Tasks(functions, catalog, clock, limits, outside)
        engine = Engine(
            store, catalog.program, tasks, clock, probe, observe=both(execution_logs.observe, live.observe),
            retain_seconds=retain_seconds, open_seconds_max=YEAR_SECONDS if limits == "aws" else None,
        )  # fmt: skip
        tasks.attach(engine)
        app = create_app(
            engine, catalog, tasks.activities, logs, live, limits=limits, keyring=keyring,
            lambda_routes=lambda_routes(functions), reports=reports,
        )  # fmt: skip
        server = cls(store, engine, catalog, functions, tasks, logs, execution_logs, live, app)
        return server

    async def start(self, endpoint_url: str) -> None:
        """Begin the work: functions may be called from here on, so the address that they get must be known."""
        self.endpoint_url = endpoint_url
        await self.functions.start()
        await self.engine.start()

    def notes(self) -> list[str]:
        """What the operator should be told once."""
        return self.functions.security_notes()

    async def close(self) -> None:
        """Stop everything in order. Nothing durable is lost however this ends."""
        self.live.close()
        await self.engine.close()
        await self.tasks.close()
        await self.functions.close()
        await self._execution_logs.close()
        await self._logs.close()
        await self.store.close()


def _write_function_log(logs: Logs, stream: LogStream, records: Sequence[LogRecord]) -> None:
    group = GroupKey(stream.account, stream.region, stream.group)
    for record in records:
        logs.write(Entry(group, stream.stream, int(record.at * 1000), record.text, makes_group=True))


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2048)


class _Uvicorn(uvicorn.Server):
    """Leaves signals to `serve`, which ends the whole endpoint and not only the HTTP part."""

    def __init__(self, config: uvicorn.Config, live: LiveFeed) -> None:
        super().__init__(config)
        self._live = live

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Streams end by themselves never: a page that is open would hold up the end."""
        self._live.close()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(server: Server, host: str, port: int, *, ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM, then close. `ready` is told the endpoint's URL; port 0 takes any free one.

    Raises OSError where the port cannot be had.
    """
    config = uvicorn.Config(
        server.app, host=host, port=port, http=BoundedConnection, log_level="warning", access_log=False, lifespan="off",
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )  # fmt: skip
    uvicorn_server = _Uvicorn(config, server.live)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, setattr, uvicorn_server, "should_exit", True)
    try:
        with _listen(host, port) as listener:
            shown = f"[{host}]" if ":" in host else host
            url = f"http://{shown}:{listener.getsockname()[1]}"
            await server.start(url)
            ready(url)
            await uvicorn_server.serve(sockets=[listener])
    finally:
        await server.close()
