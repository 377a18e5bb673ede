"""`python -m stepwell.bench.own.outside FOLDER PORT ANSWERS`: everybody that functions speak to by HTTP.

It answers for all hosts, so that no payment is made and no mail sent by a benchmark. What changes something (all but
GET, HEAD and OPTIONS) is an effect in the sink's own form: a row on disk before it is answered, one for each
Idempotency-Key. The fault `response-lost` is done here, as the proxy does it: noted, and then the connection is reset.
"""

import json
import socket
import struct
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

from stepwell.bench.own.identity import address
from stepwell.bench.own.tape import CONTEXT
from stepwell.bench.parts.sink import Sink
from stepwell.bench.worker.recorder import MARK

_MAX_BODY_BYTES = 10 << 20
_READS = ("GET", "HEAD", "OPTIONS")


class Outside:
    """The answers of one run, and the effects that they stand for."""

    def __init__(self, folder: Path, answers: Path) -> None:
        self._sink = Sink(folder)
        self._answers = {each["to"]: each for each in json.loads(answers.read_bytes())}

    def answer(self, method: str, to: str, who: dict[str, Any], key: str | None) -> tuple[int, str]:
        """The status and body for a request; `to` is host and path, without what is the request's own."""
        said = self._answers.get(f"{method} {to}", {})
        status = int(said.get("status", 200))
        sequence = 0
        if method not in _READS and status < 400:
            sequence = self._sink.effect({**who, "type": f"{method} {to}"}, key)["sequence"]
        return status, said.get("body") or json.dumps({"id": f"effect-{sequence}", "status": "succeeded"})

    def strikes(self, mark: dict[str, Any]) -> bool:
        """Notes that an answer is about to be lost; whether it may."""
        row = {name: mark[name] for name in ("fault", "run", "request", "worker")}
        return mark["fault"] == "response-lost" and bool(self._sink.fired(row)["first"])


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    outside: ClassVar[Outside]

    def _serve(self) -> None:
        if self.path == "/_health" and CONTEXT not in self.headers:
            self._reply(200, "{}")
            return
        self._drain()
        who = json.loads(self.headers.get(CONTEXT) or '{"run": "", "request": "", "attempt": 1, "worker": ""}')
        host = (self.headers.get("Host") or "").partition(":")[0]
        to = address(host + self.path.partition("?")[0])
        status, body = self.outside.answer(self.command, to, who, self.headers.get("Idempotency-Key"))
        mark = self.headers.get(MARK)
        if mark and self.outside.strikes(json.loads(mark)):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
            return
        self._reply(status, body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _serve

    def _drain(self) -> None:
        """Reads the body and forgets it."""
        left = int(self.headers.get("Content-Length") or 0)
        if left > _MAX_BODY_BYTES:
            raise ValueError(f"a request to the outside has {left:,} bytes, more than {_MAX_BODY_BYTES:,}")
        self.rfile.read(left)
        chunked = self.headers.get("Transfer-Encoding", "").lower() == "chunked"
        while chunked and (size := int(self.rfile.readline().partition(b";")[0] or b"0", 16)):
            self.rfile.read(size + 2)
        if chunked:
            self.rfile.readline()

    def _reply(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing: the rows are the log."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 128


def serve(folder: Path, port: int, answers: Path) -> ThreadingHTTPServer:
    """A server on loopback that is bound and not yet serving. Port 0 is any free one."""
    return _Server(("127.0.0.1", port), type("_OutsideHandler", (_Handler,), {"outside": Outside(folder, answers)}))


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])).serve_forever()
