"""`python -m stepwell.bench.parts.proxy FIRED_FILE CONTROL_PORT NAME=LISTEN_PORT:UPSTREAM_PORT ...`: breaks calls.

A proxy on loopback between the workers and what they call. It breaks *one call* that a worker has marked, or all that
goes over a route. A fault that struck is written down: of a marked call as a row of history.Fired, which is on disk in
FIRED_FILE before the client can notice anything, of a route as a count under its name.

A worker marks a call of HTTP by the header `X-Bench-Fault: MARKER`, and one of Redis by the command `BENCH.FAULT
MARKER` right before it on the same connection, which is answered here and never forwarded. MARKER is JSON: {fault, run,
request, worker, seconds}. Only the marked call is touched, and nothing behind it is forwarded before its fault struck:

- `request-lost`: nothing of the call is forwarded, and the client's connection is reset.
- `response-lost`: the call is forwarded whole. When the store begins to answer, and so has applied it, both connections
  are reset and nothing of the answer is passed on.
- `delay`: the answer is held back for `seconds`.

Connections end by a reset and not by an orderly close: HTTP clients take the latter for a connection that was idle for
too long, and some then call again by themselves. A call that is sent again with its marker is struck again.

A whole route is set by `POST /NAME` with {mode, seconds} on CONTROL_PORT: `open`; `cut`, where connections are reset
and new ones as well; `blackhole`, where calls arrive here and no further, and nothing is answered; `one-way`, where
calls reach the store and its answers get lost; `delay`. A connection that has lost bytes is reset when that mode ends.
`GET /NAME` tells the mode and what has struck, `GET /health` that all ports are open.

Calls are told apart in HTTP/1.1 without pipelining and in RESP 2 and 3. Anything else passes as bytes, without markers.
"""

import asyncio
import os
import re
import socket
import struct
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol, cast

import httptools
import httpx
import msgspec
import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route as Endpoint

from stepwell.bench.history import Fired
from stepwell.bench.worker.faults import DELAY, REQUEST_LOST, RESPONSE_LOST
from stepwell.bench.worker.recorder import MARK, MARK_COMMAND

LOOPBACK = "127.0.0.1"

OPEN, CUT, BLACKHOLE, ONE_WAY = "open", "cut", "blackhole", "one-way"
_LOSSY = (BLACKHOLE, ONE_WAY)

_CONTROL_TIMEOUT_SECONDS = 10.0


class Marker(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to happen to one call, and whose call it is."""

    fault: Literal["request-lost", "response-lost", "delay"]
    run: str
    request: str
    worker: str
    seconds: float = 0.0


class Setting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What happens to all calls of a route. `seconds` is for the mode `delay`."""

    mode: Literal["open", "cut", "blackhole", "one-way", "delay"] = "open"
    seconds: float = 0.0


class FiredFile:
    """Rows of history.Fired, added to a file. If it is `durable` a row is on disk when `note` returns."""

    def __init__(self, path: Path, *, durable: bool) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._durable = durable

    def note(self, fault: str, run: str, request: str, worker: str) -> None:
        row = Fired(fault=fault, run=run, request=request, worker=worker, at=time.time())
        line = msgspec.json.encode(row) + b"\n"
        if os.write(self._file, line) != len(line):
            raise OSError("a row of a fault that fired was written in part")
        if self._durable:
            os.fsync(self._file)


@dataclass(frozen=True, slots=True)
class _Reply:
    """What the proxy itself answers."""

    data: bytes
    last: bool = False


_END = None
_Event = bytes | Marker | _Reply | None
"""Of a client: bytes of a call to forward, a marker of the next call, a reply to give, or the end of a call."""


class _Dialect(Protocol):
    """How calls are told apart on a connection. `waiting` counts those that are forwarded and not yet answered."""

    waiting: int

    def read(self, data: bytes) -> Iterator[_Event]:
        """What the client's bytes mean. Raises ValueError when they are not of this dialect."""
        ...

    def answers(self, data: bytes) -> int:
        """Takes note of the store's bytes; how many answers begin in them."""
        ...

    def idle(self) -> bool:
        """Whether all answers to what was forwarded have come whole."""
        ...

    def rest(self) -> bytes:
        """What has been read and not been given on."""
        ...


class _Bytes:
    """Anything: what comes is forwarded."""

    waiting = 0

    def read(self, data: bytes) -> Iterator[_Event]:
        yield data

    def answers(self, data: bytes) -> int:
        return 1

    def idle(self) -> bool:
        return True

    def rest(self) -> bytes:
        return b""


_UNKNOWN: _Dialect = _Bytes()
"""Of a connection on which nothing has come."""


class _Http:
    """One request after the other. The head of each is held back until it is whole, as a marker may stand in it."""

    def __init__(self) -> None:
        self.waiting = 0
        self._parser = httptools.HttpRequestParser(self)
        self._held = b""
        self._in_head = True
        self._whole = False
        self._marker: bytes | None = None

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == MARK.lower().encode():
            self._marker = value

    def on_headers_complete(self) -> None:
        self._in_head = False

    def on_message_complete(self) -> None:
        self._whole = True

    def read(self, data: bytes) -> Iterator[_Event]:
        self._held += data
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            raise ValueError("not HTTP") from error
        if self._in_head:
            return
        if self._marker is not None:
            marker, self._marker = _marker(self._marker), None
            yield marker if isinstance(marker, Marker) else _Reply(_bad_request(marker), last=True)
        yield self.rest()
        if self._whole:
            self._whole, self._in_head = False, True
            yield _END

    def answers(self, data: bytes) -> int:
        if data.startswith(b"HTTP/1.1 100") and data.count(b"\r\n\r\n") == 1:
            return 0  # It asks for the body of the request, and is no answer.
        count, self.waiting = self.waiting, 0
        return count

    def idle(self) -> bool:
        return True

    def rest(self) -> bytes:
        held, self._held = self._held, b""
        return held


class _Redis:
    """Commands as arrays of strings, several in a packet or one in several. A command is forwarded when it is whole."""

    def __init__(self) -> None:
        self.waiting = 0
        self._commands = bytearray()
        self._replies = bytearray()
        self._in_reply = False

    def read(self, data: bytes) -> Iterator[_Event]:
        self._commands += data
        while self._commands:
            end = _value_end(self._commands, 0)
            if end is None:
                return
            command = bytes(self._commands[:end])
            special = _SPECIAL_COMMAND.match(command)
            if special and special[1].upper() != MARK_COMMAND.encode():
                raise ValueError("answers without end")
            del self._commands[:end]
            if special:
                yield from self._marked(command[special.end() :])
            else:
                yield command
                yield _END

    def _marked(self, arguments: bytes) -> Iterator[_Event]:
        _, _, text = arguments.partition(b"\r\n")
        marker = _marker(text.removesuffix(b"\r\n"))
        if isinstance(marker, Marker):
            yield _Reply(b"+OK\r\n")
            yield marker
        else:
            yield _Reply(f"-ERR {marker}\r\n".encode())

    def answers(self, data: bytes) -> int:
        self._replies += data
        at, count = 0, 0
        while at < len(self._replies):
            if not self._in_reply:
                count += self._replies[at] != _PUSH
            end = _value_end(self._replies, at)
            self._in_reply = end is None
            if end is None:
                break
            at = end
        del self._replies[:at]
        self.waiting -= count
        return count

    def idle(self) -> bool:
        return not self.waiting and not self._in_reply

    def rest(self) -> bytes:
        return bytes(self._commands)


_SPECIAL_COMMAND = re.compile(
    rb"\*\d+\r\n\$\d+\r\n(BENCH\.FAULT|P?SYNC|MONITOR|[PS]?SUBSCRIBE)\r\n", re.IGNORECASE
)  # fmt: skip
"""The marker, and those after which a connection is no longer one of a reply for a command."""

_LINES, _STRINGS, _LISTS, _MAPS, _PUSH = b"+-:_#,(", b"$!=", b"*~>", b"%", ord(">")


def _value_end(data: bytearray, at: int) -> int | None:
    """Where the RESP value that begins at `at` ends; None when it is not whole. Raises ValueError when it is none."""
    missing = 1
    while missing:
        line_end = data.find(b"\r\n", at)
        if line_end < 0:
            return None
        kind = data[at]
        missing -= 1
        if kind in _STRINGS:
            length = int(data[at + 1 : line_end])
            line_end += length + 2 if length >= 0 else 0
        elif kind in _LISTS or kind in _MAPS:
            missing += max(int(data[at + 1 : line_end]), 0) * (2 if kind in _MAPS else 1)
        elif kind not in _LINES:
            raise ValueError("not RESP")
        at = line_end + 2
    return at if at <= len(data) else None


def _dialect(data: bytes) -> _Dialect:
    if data[:1] == b"*":
        return _Redis()
    return _Http() if data[:1].isupper() else _Bytes()


def _marker(text: bytes) -> Marker | str:
    """The marker, or what is wrong with it."""
    try:
        return msgspec.json.decode(text, type=Marker)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        return f"{MARK_COMMAND} takes JSON of fault, run, request, worker and seconds: {error}"


def _bad_request(text: str) -> bytes:
    body = text.encode()
    return b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body)


@dataclass(slots=True)
class Route:
    """One store behind the proxy: what happens to its calls, and how often each mode and marker has struck."""

    name: str
    listen_port: int
    upstream_port: int
    fired: FiredFile
    setting: Setting = field(default_factory=Setting)
    struck: Counter[str] = field(default_factory=Counter)
    connections: "set[_Client]" = field(default_factory=set)

    @classmethod
    def parse(cls, text: str, fired: FiredFile) -> "Route":
        """Of NAME=LISTEN_PORT:UPSTREAM_PORT. Raises ValueError."""
        found = re.fullmatch(r"([\w-]+)=(\d+):(\d+)", text)
        if not found or found[1] == "health":
            raise ValueError(f"a route is NAME=LISTEN_PORT:UPSTREAM_PORT, with a name other than health: {text}")
        return cls(found[1], int(found[2]), int(found[3]), fired)

    def set(self, setting: Setting) -> None:
        broken = setting.mode == CUT or (self.setting.mode in _LOSSY and setting.mode != self.setting.mode)
        self.setting = setting
        for connection in tuple(self.connections) if broken else ():
            self.struck[CUT] += setting.mode == CUT
            connection.reset()

    def struck_by(self, marker: Marker) -> None:
        self.fired.note(marker.fault, marker.run, marker.request, marker.worker)
        self.struck[marker.fault] += 1


class _Client(asyncio.Protocol):
    """A connection of a client: its calls, and the answers on their way back to it."""

    def __init__(self, route: Route) -> None:
        self._route = route
        self._dialect: _Dialect = _UNKNOWN
        self._swallowed = False
        self._events: deque[_Event] = deque()
        self._marker: Marker | None = None
        self._armed = False  # The marked call has been forwarded whole, and its answer is awaited.
        self._late: deque[tuple[float, bytes]] = deque()
        self._upstream: _Upstream | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if self._route.setting.mode == CUT:
            self._route.struck[CUT] += 1
            _reset(self._transport)
            return
        self._route.connections.add(self)
        if self._route.setting.mode != BLACKHOLE:
            self._connecting = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, self._upstream = await loop.create_connection(
                lambda: _Upstream(self), LOOPBACK, self._route.upstream_port
            )
        except OSError:
            self.reset()
            return
        if self._transport.is_closing():
            self._upstream.transport.abort()
        else:
            self._advance()

    def data_received(self, data: bytes) -> None:
        if self._route.setting.mode == BLACKHOLE:
            self._route.struck[BLACKHOLE] += not self._swallowed
            self._swallowed = True
            return
        if self._dialect is _UNKNOWN:
            self._dialect = _dialect(data)
        try:
            self._events.extend(self._dialect.read(data))
        except ValueError:
            rest, self._dialect = self._dialect.rest(), _Bytes()
            self._events.append(rest)
        self._advance()

    def _advance(self) -> None:
        """Does what the client's bytes ask for, as far as it can be done now."""
        while self._events and self._upstream and not self._armed:
            event = self._events[0]
            if isinstance(event, _Reply) and not self._dialect.idle():
                return  # The answers to earlier calls come first.
            self._events.popleft()
            if isinstance(event, bytes):
                self._forward(event)
            elif isinstance(event, Marker):
                self._marker = event
            elif isinstance(event, _Reply):
                self._answer(event.data, 0.0)
                if event.last:
                    self._events.clear()
                    self._answer(b"", 0.0)
            else:
                self._dialect.waiting += 1
                self._armed = self._marker is not None

    def _forward(self, data: bytes) -> None:
        if self._marker and self._marker.fault == REQUEST_LOST:
            self._route.struck_by(self._marker)
            self.reset()
        elif self._upstream:
            self._upstream.transport.write(data)

    def answer(self, data: bytes) -> None:
        """Bytes that the store sends."""
        mode = self._route.setting.mode
        count = self._answers(data)
        self._route.struck[mode] += count if mode != OPEN else 0
        if mode in _LOSSY:
            return
        delay = self._route.setting.seconds if mode == DELAY else 0.0
        if self._armed and self._marker and count:
            marker, self._marker, self._armed = self._marker, None, False
            self._route.struck_by(marker)
            if marker.fault == RESPONSE_LOST:
                self.reset()
                return
            delay += marker.seconds
        self._answer(data, delay)
        self._advance()

    def _answers(self, data: bytes) -> int:
        try:
            return self._dialect.answers(data)
        except ValueError:
            self._dialect = _Bytes()
            return 1

    def _answer(self, data: bytes, delay_seconds: float) -> None:
        """Sends `data` after `delay_seconds`, behind what was to be sent before it. Without data it closes."""
        if not delay_seconds and not self._late:
            self._transport.write(data) if data else self._transport.close()
            return
        loop = asyncio.get_running_loop()
        due = loop.time() + delay_seconds
        if not self._late:
            loop.call_at(due, self._send_late)
        self._late.append((max(due, self._late[-1][0] if self._late else 0.0), data))

    def _send_late(self) -> None:
        loop = asyncio.get_running_loop()
        while self._late and not self._transport.is_closing():
            due, data = self._late[0]
            if due > loop.time():
                loop.call_at(due, self._send_late)
                return
            self._late.popleft()
            self._transport.write(data) if data else self._transport.close()

    def upstream_ended(self, broken: bool) -> None:
        if self._route.setting.mode in _LOSSY:
            return  # This as well does not get through to the client.
        if broken:
            self.reset()
        else:
            self._answer(b"", 0.0)

    def reset(self) -> None:
        self._events.clear()
        _reset(self._transport)
        if self._upstream:
            _reset(self._upstream.transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._route.connections.discard(self)
        if self._upstream:
            self._upstream.transport.close()

    def pause_writing(self) -> None:
        if self._upstream:
            self._upstream.transport.pause_reading()

    def resume_writing(self) -> None:
        if self._upstream:
            self._upstream.transport.resume_reading()

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()


class _Upstream(asyncio.Protocol):
    """The store's side of a client's connection."""

    def __init__(self, client: _Client) -> None:
        self._client = client
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._client.answer(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._client.upstream_ended(broken=exc is not None)

    def pause_writing(self) -> None:
        self._client.pause_reading()

    def resume_writing(self) -> None:
        self._client.resume_reading()


def _reset(transport: asyncio.Transport) -> None:
    """Ends a connection at once, by RST."""
    if not transport.is_closing():
        lingering = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, lingering)
    transport.abort()


class ProxyControl:
    """Sets the routes of a running proxy."""

    def __init__(self, port: int) -> None:
        # Without the environment: the proxy settings of whoever runs the benchmark are not for loopback.
        url = f"http://{LOOPBACK}:{port}"
        self._client = httpx.Client(base_url=url, timeout=_CONTROL_TIMEOUT_SECONDS, trust_env=False)

    def set(self, name: str, mode: str, seconds: float = 0) -> None:
        """The mode is in force when this returns. Raises ValueError for a route or mode that does not exist."""
        self._ask("POST", name, {"mode": mode, "seconds": seconds})

    def struck(self, name: str) -> dict[str, int]:
        """How many calls and connections each mode and each kind of marker has struck on a route."""
        counts: dict[str, int] = self._ask("GET", name)["struck"]
        return counts

    def _ask(self, method: str, name: str, members: dict[str, Any] | None = None) -> dict[str, Any]:
        reply = self._client.request(method, f"/{name}", json=members)
        if reply.status_code != 200:
            raise ValueError(reply.text)
        answer: dict[str, Any] = reply.json()
        return answer


def _control(routes: dict[str, Route]) -> Starlette:
    async def answer(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in routes:
            return PlainTextResponse(f"there is no route {name}, but {', '.join(routes)}", 404)
        if request.method == "POST":
            try:
                routes[name].set(msgspec.json.decode(await request.body(), type=Setting))
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                return PlainTextResponse(f"a route is set by JSON of mode and seconds: {error}", 400)
        state = {**msgspec.to_builtins(routes[name].setting), "struck": +routes[name].struck}
        return Response(msgspec.json.encode(state), media_type="application/json")

    async def health(_: Request) -> Response:
        return PlainTextResponse("")

    return Starlette(routes=[Endpoint("/health", health), Endpoint("/{name}", answer, methods=["GET", "POST"])])


async def _serve(control_port: int, routes: Sequence[Route]) -> None:
    loop = asyncio.get_running_loop()
    app = _control({route.name: route for route in routes})
    config = uvicorn.Config(
        app, host=LOOPBACK, port=control_port, lifespan="off", log_level="warning", access_log=False
    )  # fmt: skip
    async with AsyncExitStack() as stack:
        for route in routes:
            server = await loop.create_server(partial(_Client, route), LOOPBACK, route.listen_port)
            stack.callback(server.close)
        await uvicorn.Server(config).serve()


def main(arguments: Sequence[str]) -> None:
    try:
        path, control_port, *texts = arguments
        fired = FiredFile(Path(path), durable=True)
        routes = [Route.parse(text, fired) for text in texts]
        uvloop.run(_serve(int(control_port), routes))
    except ValueError as error:
        raise SystemExit(f"{error}\nusage: FIRED_FILE CONTROL_PORT NAME=LISTEN_PORT:UPSTREAM_PORT ...") from error


if __name__ == "__main__":
    main(sys.argv[1:])
