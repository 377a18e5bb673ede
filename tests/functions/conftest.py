"""A real Lambda service with real worker processes, in an event loop of its own."""

import asyncio
import io
import threading
import zipfile
from collections.abc import Awaitable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest

from stepwell.functions.invocation import Invocation
from stepwell.functions.logs import LogRecord, LogStream
from stepwell.functions.service import FunctionService

T = TypeVar("T")

ROLE = "arn:aws:iam::123456789012:role/test"


class MemoryDocuments:
    """`Documents` without durability; a second service on the same object stands for a restart."""

    def __init__(self) -> None:
        self.bodies: dict[tuple[str, str], bytes] = {}

    async def put(self, kind: str, key: str, body: bytes) -> None:
        self.bodies[kind, key] = body

    async def get(self, kind: str, key: str) -> bytes | None:
        return self.bodies.get((kind, key))

    async def delete(self, kind: str, key: str) -> None:
        self.bodies.pop((kind, key), None)

    async def list(self, kind: str, prefix: str = "") -> list[tuple[str, bytes]]:
        rows = [(key, body) for (of, key), body in self.bodies.items() if of == kind and key.startswith(prefix)]
        return sorted(rows)


def zipped(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


class Lab:
    """An event loop in a thread, and what the tests do in it."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self._services: list[FunctionService] = []
        self._names = 0
        self.logged: list[tuple[LogStream, LogRecord]] = []

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)

    def service(self, data_dir: Path, documents: Any = None, **options: Any) -> FunctionService:
        self.documents = documents or MemoryDocuments()

        async def start() -> FunctionService:
            service = FunctionService(data_dir, self.documents, write_log=self._log, **options)
            await service.start()
            return service

        service = self.call(start())
        self._services.append(service)
        return service

    def _log(self, stream: LogStream, records: Sequence[LogRecord]) -> None:
        self.logged += [(stream, record) for record in records]

    def log_of(self, name: str) -> list[str]:
        """The texts that a function has logged, in its own group."""
        return [record.text for stream, record in self.logged if stream.group == f"/aws/lambda/{name}"]

    zipped = staticmethod(zipped)

    def create(self, service: FunctionService, source: str | dict[str, str], **members: Any) -> str:
        """A new function from the text of its one module (or of several files); its name."""
        self._names += 1
        name = f"f{self._names}"
        files = {"handler.py": source} if isinstance(source, str) else source
        request = {"FunctionName": name, "Runtime": "python3.12", "Handler": "handler.handler", "Role": ROLE}
        self.call(service.create({**request, "Code": {"ZipFile": self.zipped(files)}, **members}))
        return name

    def invoke(self, service: FunctionService, name: str, payload: bytes = b"{}", **options: Any) -> Invocation:
        return self.call(service.invoke(name, payload, **{"request_id": "request-1", "log_tail": True, **options}))

    def together(self, awaitables: list[Awaitable[T]]) -> list[T | BaseException]:
        async def gather() -> list[T | BaseException]:
            return await asyncio.gather(*awaitables, return_exceptions=True)

        return self.call(gather())

    def close(self) -> None:
        for service in self._services:
            self.call(service.close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()


@pytest.fixture
def lab() -> Iterator[Lab]:
    lab = Lab()
    yield lab
    lab.close()


@pytest.fixture
def service(lab: Lab, tmp_path: Path) -> FunctionService:
    return lab.service(tmp_path)
