"""The four functions that awslambdaric asks of its native module, over the channel that the sandbox inherited.

AWS's module speaks HTTP through libcurl and exists for Linux alone. This one stands in its place on every system, needs
one round trip less per invocation, and has no port that another process could connect to.

A frame is `kind` (1 byte), the length of the head and of the body (4 bytes each, big endian), the head (a JSON object
of strings) and the body. Loaded by the worker's bootstrap, so it imports nothing of Stepwell.
"""

import json
import socket
import struct

_HEADER = struct.Struct("!cII")
_channel: socket.socket


def attach(fd: int) -> None:
    """Take over the inherited socket `fd`; children of the handler must not see it."""
    global _channel
    _channel = socket.socket(fileno=fd)
    _channel.set_inheritable(False)


def initialize_client(user_agent: str) -> None:
    """Nothing to set up: the channel is open before the runtime is imported."""


def next() -> tuple[bytes, dict[str, str | int]]:
    """Ask for the next invocation and wait for it: (body, headers). As from AWS's module, the deadline is a number."""
    _send(b"N", {}, b"")
    _kind, head_size, body_size = _HEADER.unpack(_receive(_HEADER.size))
    head = json.loads(_receive(head_size))
    head["Lambda-Runtime-Deadline-Ms"] = int(head["Lambda-Runtime-Deadline-Ms"])
    return bytes(_receive(body_size)), head


def post_invocation_result(invoke_id: str, result: bytes, content_type: str, invocation_id: str | None = None) -> None:
    _send(b"R", {"id": invoke_id, "content_type": content_type}, result)


def post_error(invoke_id: str, error: str, xray_fault: str, invocation_id: str | None = None) -> None:
    _send(b"E", {"id": invoke_id}, error.encode())


def post_init_error(error: str) -> None:
    _send(b"I", {}, error.encode())


def _send(kind: bytes, head: dict[str, str], body: bytes) -> None:
    encoded = json.dumps(head).encode() if head else b""
    _channel.sendall(b"".join((_HEADER.pack(kind, len(encoded), len(body)), encoded, body)))


def _receive(size: int) -> bytearray:
    data = bytearray(size)
    view = memoryview(data)
    while view:
        count = _channel.recv_into(view)
        if not count:
            raise SystemExit(0)
        view = view[count:]
    return data
