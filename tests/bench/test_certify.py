"""A back end that loses writes must not be certified, nor one that nobody raced on."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from stepwell.bench.parts.certify import Certificate, Trial, certify_dynamodb, certify_starts

Members = dict[str, Any]


class Table:
    """As much of DynamoDB as the hammers use; `guard` is held from the check to the write, or is no lock at all."""

    def __init__(self, guard: Any) -> None:
        self.items: dict[str, Members] = {}
        self.guard = guard

    def answer(self, operation: str, request: Members) -> Members | None:
        """None when the condition does not hold."""
        name = (request.get("Item") or request["Key"])["id"]["S"]
        with self.guard:
            found = self.items.get(name)
            if operation == "GetItem":
                return {"Item": found} if found else {}
            if not self._holds(request.get("ConditionExpression"), found, request):
                return None
            time.sleep(0.0005)  # Where a store without a lock lets others in.
            self.items[name] = request["Item"] if operation == "PutItem" else self._added(found)
        return {}

    def _holds(self, condition: str | None, found: Members | None, request: Members) -> bool:
        if condition == "attribute_not_exists(id)":
            return found is None
        return condition is None or (found or {}).get("version") == request["ExpressionAttributeValues"][":read"]

    def _added(self, found: Members | None) -> Members:
        return {"hits": {"N": str(int((found or {"hits": {"N": "0"}})["hits"]["N"]) + 1)}}


@pytest.fixture
def serve() -> Iterator[Callable[[Table], str]]:
    servers = []

    def start(table: Table) -> str:
        server = _Server(("127.0.0.1", 0), type("_Bound", (_Handler,), {"table": table}))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        servers.append((server, thread))
        return f"127.0.0.1:{server.server_address[1]}"

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    request_queue_size = 64


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    table: Table

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        reply = self.table.answer(self.headers["X-Amz-Target"].partition(".")[2], request)
        body = json.dumps({"__type": "x#ConditionalCheckFailedException"} if reply is None else reply).encode()
        self.send_response(400 if reply is None else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def test_a_store_with_a_lock_is_certified(serve: Callable[[Table], str]) -> None:
    certificate = certify_dynamodb(serve(Table(threading.Lock())), "t", 0.9)
    assert certificate.failure is None
    assert all(trial.acknowledged and trial.raced for trial in certificate.trials)


def test_a_store_that_checks_and_then_writes_is_not(serve: Callable[[Table], str]) -> None:
    certificate = certify_dynamodb(serve(Table(nullcontext())), "t", 0.9)
    assert [trial.wrong > 0 for trial in certificate.trials] == [True, True, True]
    assert certificate.failure and "atomic counters" in certificate.failure


def test_a_hammer_that_met_no_race_certifies_nothing() -> None:
    assert Certificate("b", (Trial("t", 9, 0, 0),)).failure == "t: no two clients met"


@pytest.mark.parametrize(("idempotent", "failed"), [(True, False), (False, True)])
def test_a_name_that_starts_twice_is_found(idempotent: bool, failed: bool) -> None:
    started: dict[str, str] = {}
    total: list[str] = []
    lock = threading.Lock()
    pair = threading.Barrier(2)

    def start(name: str) -> str | None:
        with suppress(threading.BrokenBarrierError):
            pair.wait(1)  # Two clients are in here at once, however busy the machine is.
        with lock:
            if not idempotent or name not in started:
                started[name] = f"start-{len(total)}"
                total.append(name)
            return started[name]

    certificate = certify_starts(start, lambda: len(total), 0.05)
    assert (certificate.failure is not None) is failed
