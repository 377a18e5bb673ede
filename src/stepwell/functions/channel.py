"""The server's end of a sandbox's channel: the Runtime API as frames on a socket pair.

A pair, not a listener on a port or a path: nobody but the worker can connect to it, so one function can neither take
another's events nor forge its replies, and there is no address to run out of. See `runtime/runtime_client.py`, which
holds the other end, for the frames.
"""

import asyncio
import struct
from collections.abc import Callable, Mapping
from typing import cast

import msgspec

HEADER = struct.Struct("!cII")

NEXT, RESPONSE, ERROR, INIT_ERROR = b"N", b"R", b"E", b"I"
_INVOCATION = b"V"

Frame = tuple[bytes, bytes]
"""The kind and the body; the heads that a worker sends say nothing that its sandbox does not know."""


class Channel(asyncio.Protocol):
    """Frames from the worker go to `receive` as they arrive; `send_invocation` answers its call for the next one.

    A body above `max_body_bytes` is cut to one byte more than that, so that it can be refused without being kept.
    `on_lost` is called once, when the worker's end is closed and all that it sent has been received.
    """

    def __init__(
        self, receive: Callable[[bytes, bytes], None], on_lost: Callable[[], None], max_body_bytes: int
    ) -> None:
        self._receive = receive
        self._on_lost = on_lost
        self.lost = False
        self._max_body_bytes = max_body_bytes
        self._transport: asyncio.WriteTransport | None = None
        self._buffer = bytearray()
        self._skip_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.lost = True
        self._on_lost()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while frame := self._take():
            self._receive(*frame)

    def send_invocation(self, headers: Mapping[str, str], body: bytes) -> None:
        """Raises nothing when the worker is gone: its exit is noticed elsewhere."""
        head = msgspec.json.encode(headers)
        if self._transport is not None:
            self._transport.write(b"".join((HEADER.pack(_INVOCATION, len(head), len(body)), head, body)))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _take(self) -> Frame | None:
        self._skip()
        if len(self._buffer) < HEADER.size:
            return None
        kind, head_bytes, body_bytes = HEADER.unpack_from(self._buffer)
        start = HEADER.size + head_bytes
        kept = min(body_bytes, self._max_body_bytes + 1)
        if len(self._buffer) < start + kept:
            return None
        body = bytes(memoryview(self._buffer)[start : start + kept])
        del self._buffer[: start + kept]
        self._skip_bytes = body_bytes - kept
        return kind, body

    def _skip(self) -> None:
        if self._skip_bytes:
            count = min(self._skip_bytes, len(self._buffer))
            del self._buffer[:count]
            self._skip_bytes -= count
