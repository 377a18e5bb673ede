"""The outside world: a payment provider in a process of its own, which also keeps the count of the faults that fired.

It is a process and not a file that workers append to, because the two things a provider must do are to give effects an
order of its own and to honour an idempotency key atomically; and because what it has answered survives the death of
the worker that asked. It is never behind a fault. Rows are on disk before they are answered.

`POST /effects` with {run, request, type, attempt, worker} and perhaps the header Idempotency-Key gives {sequence,
repeated}: with a key that is known, the first one's sequence and no second effect. `POST /fired` with {fault, run,
request, worker} gives {first}. Each call is a row in calls.jsonl, each effect in effects.jsonl, each fault that fired
in fired.jsonl.
"""

import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

Row = dict[str, Any]

CALLS, EFFECTS, FIRED = "calls.jsonl", "effects.jsonl", "fired.jsonl"


class Sink:
    """The rows of one run in `folder`; its methods may be called from many threads."""

    def __init__(self, folder: Path) -> None:
        self._lock = threading.Lock()
        self._files = {name: _append_only(folder / name) for name in (CALLS, EFFECTS, FIRED)}
        self._sequence = 0
        self._by_key: dict[str, int] = {}
        self._fired: set[tuple[str, str, str]] = set()

    def effect(self, row: Row, key: str | None) -> Row:
        """Does it, unless it was done under this key. The answer tells which of the two."""
        with self._lock:
            self._write(CALLS, row | {"key": key, "at": time.time()})
            if key is not None and key in self._by_key:
                return {"sequence": self._by_key[key], "repeated": True}
            self._sequence += 1
            self._write(EFFECTS, {"sequence": self._sequence, **row, "key": key, "at": time.time()}, durable=True)
            if key is not None:
                self._by_key[key] = self._sequence
            return {"sequence": self._sequence, "repeated": False}

    def fired(self, row: Row) -> Row:
        """Notes that a fault is about to strike. Only the first of its kind for a request may: {first: true}."""
        with self._lock:
            known = (row["fault"], row["run"], row["request"])
            if known in self._fired:
                return {"first": False}
            self._fired.add(known)
            self._write(FIRED, row | {"at": time.time()}, durable=True)
            return {"first": True}

    def _write(self, name: str, row: Row, durable: bool = False) -> None:
        line = json.dumps(row, separators=(",", ":")).encode() + b"\n"
        if os.write(self._files[name], line) != len(line):
            raise OSError(f"{name}: a line was written in part")
        if durable:
            os.fsync(self._files[name])


def _append_only(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body of a reply go out in two writes, and Nagle's algorithm would hold the second back for 40 ms.
    disable_nagle_algorithm = True
    sink: ClassVar[Sink]

    def do_GET(self) -> None:
        self._reply({})

    def do_POST(self) -> None:
        row = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/effects":
            self._reply(self.sink.effect(row, self.headers.get("Idempotency-Key")))
        else:
            self._reply(self.sink.fired(row))

    def _reply(self, members: Row) -> None:
        body = json.dumps(members).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing: the rows are the log."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 128  # All workers connect at once; the default of 5 would refuse some.


def serve(folder: Path, port: int) -> ThreadingHTTPServer:
    """A server on loopback that is bound and not yet serving. Port 0 is any free one."""
    return _Server(("127.0.0.1", port), type("_SinkHandler", (_Handler,), {"sink": Sink(folder)}))


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2])).serve_forever()
