"""HTTP to the emulator: one call at a time on a connection, and connections that are kept for the next call.

Nothing is retried. Whoever asked must learn that a call has no known outcome.
"""

import asyncio
import time
from collections.abc import Iterable
from typing import NamedTuple, cast
from urllib.parse import urlsplit

import httptools

Headers = list[tuple[bytes, bytes]]

_IDLE_SECONDS = 2.0
"""A connection that nobody used for longer is left: servers close them after five, and perhaps as we write."""

_OF_THE_CONNECTION = frozenset({b"connection", b"keep-alive", b"transfer-encoding", b"content-length", b"expect"})


class Reply(NamedTuple):
    status: int
    headers: Headers
    body: bytes


def end_to_end(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Without those that belong to one connection and are written anew on the next."""
    return [(name, value) for name, value in headers if name.lower() not in _OF_THE_CONNECTION]


class Upstream:
    """Calls the server at `url`. Raises OSError when the server was not reached or broke off."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname or not parts.port:
            raise ValueError(f"the emulator's address is http://HOST:PORT, not {url}")
        self._host, self._port = parts.hostname, parts.port
        self._idle: list[_Connection] = []

    async def call(self, method: str, path: str, headers: Headers, body: bytes) -> Reply:
        connection = await self._connection()
        lines = [f"{method} {path} HTTP/1.1".encode(), *(b"%s: %s" % header for header in end_to_end(headers))]
        head = b"\r\n".join([*lines, b"Content-Length: %d" % len(body), b"\r\n"])
        reply = await connection.exchange(head + body)
        self._idle.append(connection)
        return reply

    async def _connection(self) -> "_Connection":
        while self._idle:
            connection = self._idle.pop()
            if connection.usable():
                return connection
            connection.close()
        _, connection = await asyncio.get_running_loop().create_connection(_Connection, self._host, self._port)
        return connection

    def close(self) -> None:
        for connection in self._idle:
            connection.close()


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._reply: asyncio.Future[Reply] | None = None
        self._used_at = time.monotonic()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def usable(self) -> bool:
        return not self._transport.is_closing() and time.monotonic() - self._used_at < _IDLE_SECONDS

    def close(self) -> None:
        self._transport.close()

    async def exchange(self, request: bytes) -> Reply:
        self._parser = httptools.HttpResponseParser(self)
        self._headers: Headers = []
        self._body: list[bytes] = []
        self._reply = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            return await self._reply
        finally:
            if not self._reply.done() or self._reply.cancelled():
                self._transport.abort()  # Its answer would be taken for that of the next call.
            self._reply = None
            self._used_at = time.monotonic()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        if self._reply and not self._reply.done():
            body = b"".join(self._body)
            self._reply.set_result(Reply(self._parser.get_status_code(), end_to_end(self._headers), body))
        if not self._parser.should_keep_alive():
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(ConnectionError(f"the emulator did not answer in HTTP: {error}"))
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(ConnectionError("the emulator broke the connection off"))

    def _fail(self, error: ConnectionError) -> None:
        if self._reply and not self._reply.done():
            self._reply.set_exception(error)
