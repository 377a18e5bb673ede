"""A lean HTTP client for measuring: prepared requests over kept-alive sockets, no SDK in the way."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

HEADERS = (
    "POST / HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-amz-json-1.0\r\n"
    "X-Amz-Target: AWSStepFunctions.{operation}\r\n"
    "Authorization: AWS4-HMAC-SHA256 Credential=123456789012/20260101/us-east-1/states/aws4_request\r\n"
    "Content-Length: {length}\r\n\r\n"
)


class Connection:
    """One kept-alive connection."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port

    async def __aenter__(self) -> "Connection":
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def send(self, request: bytes) -> bytes:
        """Send a whole request, give the reply's body. Raises RuntimeError for any status but 200."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        body = await self._reader.readexactly(length)
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"{head[:60]!r} {body[:300]!r}")
        return body

    async def call(self, operation: str, **members: Any) -> dict[str, Any]:
        reply: dict[str, Any] = json.loads(await self.send(self.request(operation, **members)))
        return reply

    def request(self, operation: str, **members: Any) -> bytes:
        body = json.dumps(members).encode()
        head = HEADERS.format(host=f"{self._host}:{self._port}", operation=operation, length=len(body))
        return head.encode() + body

    def get(self, path: str) -> bytes:
        return f"GET {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n\r\n".encode()


async def rate(
    host: str, port: int, clients: int, total: int, one: Callable[[Connection, int], Awaitable[object]]
) -> float:
    """How many times a second `one` is done, by `clients` connections at once, `total` times in all."""
    numbers = iter(range(total))

    async def client() -> None:
        async with Connection(host, port) as connection:
            for number in numbers:
                await one(connection, number)

    begun = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return total / (time.perf_counter() - begun)
