"""Records every boto3, Redis and HTTP call of a person's functions, from below their code.

Where the benchmark's recorder knows the shape of its strategies' records, this takes any call as it comes, from any
thread, and notes what it was about without its content. It never raises into the code it watches, except where a call
would leave this machine by a way that it does not know.

HTTP through `http.client` (urllib, requests, urllib3) and httpx goes to the benchmark's outside instead of to whom it
was meant for, and Redis to the benchmark's.
"""

import itertools
import json
import os
import re
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from http.client import HTTPConnection, HTTPSConnection
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

from stepwell.bench.worker.faults import Injection
from stepwell.bench.worker.recorder import MARK

Row = dict[str, Any]

CONTEXT = "X-Bench-Context"
"""The header by which the outside knows whose call it answers."""

_READ = re.compile(r"(Get|BatchGet|TransactGet|Query|Scan|Head|List|Describe|Receive)[A-Z]?")
_REDIS_READS = frozenset(
    {"GET", "MGET", "HGET", "HMGET", "HGETALL", "EXISTS", "TTL", "LRANGE", "SMEMBERS", "SISMEMBER", "ZSCORE", "ZRANGE",
     "XRANGE", "XREAD", "SCAN", "KEYS", "PING"}
)  # fmt: skip
_NOT_APPLIED = frozenset(
    {
        "ConditionalCheckFailedException",
        "ValidationException",
        "TransactionCanceledException",
        "PreconditionFailed",
        "WatchError",
    }
)
_NAMED_BY = ("QueueUrl", "TopicArn", "FunctionName", "stateMachineArn", "StreamName", "SecretId", "Name", "Source")
_TYPES = frozenset({"S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS"})
_REDIS_KEPT = frozenset(
    {"decode_responses", "encoding", "encoding_errors", "socket_timeout", "socket_connect_timeout", "retry",
     "retry_on_timeout", "retry_on_error", "protocol", "client_name", "health_check_interval", "db"}
)  # fmt: skip

_hidden: ContextVar[bool] = ContextVar("hidden", default=False)
"""Within a call that is recorded as a whole: what it does underneath is not another."""


class Tape:
    """Of one worker process, which runs one invocation at a time. `folder` is where all workers put their files."""

    def __init__(self, folder: Path, tables: Path) -> None:
        self.function = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.worker = f"{self.function}/{os.getpid()}"
        self._file = os.open(
            folder / f"{self.function}-{os.getpid()}.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644
        )
        self._tables: dict[str, list[str]] = json.loads(tables.read_bytes()) if tables.exists() else {}
        self._ids = itertools.count(1)
        self._numbers = itertools.count(1)
        self._context: Row = {}
        self._injection: Injection | None = None

    def enter(self, context: Row, injection: Injection) -> None:
        """What is recorded until the next call of this belongs to this invocation."""
        self._context = context
        self._injection = injection
        self._numbers = itertools.count(1)

    def begin(self, kind: str, call: str, key: str, size: int, mode: str = "", conditional: bool = False) -> Row:
        """An operation is about to be sent; the row may have the `mark` that is to go with it."""
        now = time.time()
        row = {
            "id": f"{self.worker}#{next(self._ids)}", **self._context, "worker": self.worker, "key": key, "kind": kind,
            "call": call, "argument": {"conditional": conditional, "at": _place(sys._getframe(1))}, "bytes": size,
            "mode": mode, "intended_at": now, "invoked_at": now, "status": "info",
        }  # fmt: skip
        self._write(row)
        number = next(self._numbers)
        with hidden():
            mark = self._injection.before(number) if self._injection else None
        return {"row": row, "number": number, "mark": mark}

    def end(self, open_: Row, status: str, error: str | None = None, size: int = 0) -> None:
        """It has returned, with so many bytes."""
        row = open_["row"]
        row |= {"status": status, "result": error, "returned_at": time.time(), "bytes": max(row["bytes"], size)}
        self._write(row)
        with hidden():
            if self._injection:
                self._injection.after(open_["number"])

    def _write(self, row: Row) -> None:
        if self._context:  # What a module does while it is imported belongs to no request.
            os.write(self._file, json.dumps(row, separators=(",", ":")).encode() + b"\n")

    def watch_aws(self) -> None:
        """All boto3 clients and resources, those of later too: they share one method."""
        from botocore.client import BaseClient

        send = BaseClient._make_api_call

        def recorded(client: Any, operation: str, params: Row) -> Any:
            if _hidden.get():
                return send(client, operation, params)
            service = client.meta.service_model.service_name
            kind = "read" if _READ.match(operation) else "write"
            conditional = "ConditionExpression" in json.dumps(params, default=str) or "IfMatch" in params
            opened = self.begin(
                kind, f"{service}.{operation}", self._key(service, params), _size(params), _mode(operation, params),
                conditional or "IfNoneMatch" in params,
            )  # fmt: skip
            _mark_first(client, service, operation, opened["mark"])
            try:
                with hidden():
                    reply = send(client, operation, params)
            except Exception as error:
                code = getattr(error, "response", {}).get("Error", {}).get("Code") or type(error).__name__
                self.end(opened, "fail" if code in _NOT_APPLIED else "info", code)
                raise
            self.end(opened, "ok", None, _size(reply) if kind == "read" else 0)
            return reply

        _patch(BaseClient, _make_api_call=recorded)

    def watch_redis(self, url: str) -> None:
        """All clients of redis-py, which from now on are connected to this URL whatever they were given."""
        redis: Any = import_module("redis")
        pipelines = redis.client.Pipeline
        there = redis.connection.parse_url(url)
        make = redis.ConnectionPool.__init__
        run, execute = redis.Redis.execute_command, pipelines.execute

        def made(pool: Any, connection_class: Any = None, max_connections: int | None = None, **options: Any) -> None:
            kept = {name: value for name, value in options.items() if name in _REDIS_KEPT}
            where = {"connection_class": redis.Connection, **there}
            make(pool, max_connections=max_connections, **{**kept, **where})

        def recorded(client: Any, *args: Any, **options: Any) -> Any:
            if _hidden.get() or isinstance(client, pipelines):
                return run(client, *args, **options)
            return self._redis(str(args[0]).upper(), args, lambda: run(client, *args, **options),
                               lambda mark: run(client, "BENCH.FAULT", json.dumps(mark)))  # fmt: skip

        def recorded_pipeline(pipeline: Any, raise_on_error: bool = True) -> Any:
            # Left unmarked: its connection is its own, and what goes before it would be part of its transaction.
            watching = ("XX",) if pipeline.watching else ()
            args = ("", _pipelined(pipeline), *watching)
            return self._redis("PIPELINE", args, lambda: execute(pipeline, raise_on_error), None)

        _patch(redis.ConnectionPool, __init__=made)
        _patch(redis.Redis, execute_command=recorded)
        _patch(pipelines, execute=recorded_pipeline)

    def _redis(
        self, command: str, args: tuple[Any, ...], send: Callable[[], Any], mark: Callable[[Row], Any] | None
    ) -> Any:
        scripted = command in ("EVAL", "EVALSHA")
        key = str(args[3 if scripted else 1]) if len(args) > (3 if scripted else 1) else ""
        conditional = scripted or command in ("SETNX", "HSETNX") or "NX" in args[2:] or "XX" in args[2:]
        kind = "read" if command in _REDIS_READS else "write"
        opened = self.begin(kind, f"redis.{command}", key, sum(len(str(each)) for each in args), "", conditional)
        try:
            with hidden():
                if opened["mark"] and mark:
                    mark(opened["mark"])
                reply = send()
        except Exception as error:
            name = type(error).__name__
            self.end(opened, "fail" if name in _NOT_APPLIED else "info", name)
            raise
        self.end(opened, "fail" if conditional and reply in (None, 0, False) else "ok", None, len(str(reply)))
        return reply

    def watch_http(self, outside: tuple[str, int]) -> None:
        """All of http.client, and httpx where it is imported; from now on they reach `outside`, whoever they name."""
        import urllib3.connection

        for each in (HTTPConnection, HTTPSConnection, urllib3.connection.HTTPConnection,
                     urllib3.connection.HTTPSConnection):  # fmt: skip
            _patch(each, connect=_rerouted(each.connect, outside))
        put, head, answer = HTTPConnection.putrequest, HTTPConnection.endheaders, HTTPConnection.getresponse

        def put_request(connection: Any, method: str, url: str, *args: Any, **options: Any) -> None:
            connection._bench_asked = None if _hidden.get() else (method.upper(), url)
            put(connection, method, url, *args, **options)

        def end_headers(connection: Any, *args: Any, **options: Any) -> None:
            asked = getattr(connection, "_bench_asked", None)
            if asked:
                method, path = asked
                kind = "read" if method in ("GET", "HEAD", "OPTIONS") else "emit"
                key = f"{connection.host}{path.partition('?')[0]}"
                keyed = b"\r\nidempotency-key:" in b"\r\n".join(connection._buffer).lower()
                opened = self.begin(kind, f"outside.{method}", key, 0, conditional=keyed)
                connection._bench_open = opened
                who = {name: self._context.get(name, "") for name in ("run", "request", "attempt")}
                connection.putheader(CONTEXT, json.dumps(who | {"worker": self.worker}))
                if opened["mark"]:
                    connection.putheader(MARK, json.dumps(opened["mark"]))
            head(connection, *args, **options)

        def get_response(connection: Any) -> Any:
            opened = getattr(connection, "_bench_open", None)
            connection._bench_open = None
            try:
                response = answer(connection)
            except Exception as error:
                if opened:
                    self.end(opened, "info", type(error).__name__)
                raise
            if opened:
                # Of an answer below 500 the provider said itself what it did.
                self.end(opened, "info" if response.status >= 500 else "ok" if response.status < 400 else "fail")
            return response

        _patch(HTTPConnection, putrequest=put_request, endheaders=end_headers, getresponse=get_response)

    def _key(self, service: str, params: Row) -> str:
        """What a call is about: table and key, bucket and key, or a name; several, joined by a space."""
        try:
            return self._named(service, params)
        except (AttributeError, TypeError, StopIteration):
            return ""  # Of a form that botocore is about to refuse.

    def _named(self, service: str, params: Row) -> str:
        if service == "dynamodb":
            return " ".join(self._items(params)) or str(params.get("TableName", ""))
        if "Bucket" in params:
            return f"{params['Bucket']}/{params.get('Key', '')}"
        name = next((str(params[each]) for each in _NAMED_BY if params.get(each)), "")
        return name.rpartition("/")[2] if name.startswith("http") else name.rpartition(":")[2]

    def _items(self, params: Row) -> Iterator[str]:
        if isinstance(items := params.get("TransactItems"), list):
            for item in items:
                yield from self._items(next(iter(item.values())))
        elif isinstance(tables := params.get("RequestItems"), dict):
            for table, requests in tables.items():
                for request in requests if isinstance(requests, list) else requests.get("Keys", []):
                    inner = next(iter(request.values())) if isinstance(requests, list) else {"Key": request}
                    yield from self._items({"TableName": table, **inner})
        elif isinstance(named := params.get("Key") or params.get("Item"), Mapping):
            table = str(params.get("TableName", ""))
            names = self._tables.get(table) or (list(named) if "Key" in params else [])
            yield item_path(table, [_plain(named[name]) for name in names if name in named])


def item_path(table: str, key: list[Any]) -> str:
    """How an item of a table is called in histories and snapshots."""
    return "/".join([table, *map(str, key)])


@contextmanager
def hidden() -> Iterator[None]:
    """What is called in here is not recorded, and goes where it is meant to go."""
    token = _hidden.set(True)
    try:
        yield
    finally:
        _hidden.reset(token)


def _patch(owner: Any, **methods: Callable[..., Any]) -> None:
    for name, method in methods.items():
        setattr(owner, name, method)


def keep_inside() -> None:
    """Refuses connections to other machines that no call which is recorded makes: nobody would see or answer them."""

    def audit(event: str, args: tuple[Any, ...]) -> None:
        if event != "socket.connect" or _hidden.get() or not isinstance(args[1], tuple):
            return
        host = str(args[1][0])
        if not (host.startswith("127.") or host in ("::1", "localhost")):
            raise PermissionError(
                f"a connection to {host} by a library that `stepwell bench` does not see was refused; it sees boto3, "
                "redis-py, httpx and what uses http.client"
            )

    sys.addaudithook(audit)


def watch_httpx() -> None:
    """Sends what httpx was given through http.client, where it is recorded; if the project uses httpx."""
    httpx = sys.modules.get("httpx")
    if httpx is None:
        return

    def send(request: Any) -> Any:
        kind = HTTPSConnection if request.url.scheme == "https" else HTTPConnection
        connection = kind(request.url.host, request.url.port)
        headers = {name: value for name, value in request.headers.items() if name.lower() != "connection"}
        try:
            connection.request(request.method, request.url.raw_path.decode(), request.read(), headers)
            answer = connection.getresponse()
            return httpx.Response(answer.status, headers=answer.getheaders(), content=answer.read())
        except OSError as error:
            raise httpx.ReadError(str(error), request=request) from error
        finally:
            connection.close()

    async def send_async(_: Any, request: Any) -> Any:
        await request.aread()
        return send(request)

    httpx.HTTPTransport.handle_request = lambda _, request: send(request)
    httpx.AsyncHTTPTransport.handle_async_request = send_async


def _rerouted(connect: Callable[[Any], None], outside: tuple[str, int]) -> Callable[[Any], None]:
    def rerouted(connection: Any) -> None:
        if _hidden.get():
            return connect(connection)
        connection.sock = socket.create_connection(outside, 5)
        connection.sock.settimeout(connection.timeout if isinstance(connection.timeout, int | float) else None)
        connection.is_verified = True  # For urllib3, which would warn of a connection without a certificate.
        return None

    return rerouted


def _mark_first(client: Any, service: str, operation: str, mark: Row | None) -> None:
    """Has the next request carry the mark, and not the ones by which the client repeats it."""
    left = [mark] if mark else []

    def add(request: Any, **_: Any) -> None:
        request.headers.pop(MARK, None)
        if left:
            request.headers[MARK] = json.dumps(left.pop())

    client.meta.events.unregister(f"before-send.{service}.{operation}", unique_id="stepwell-bench")
    client.meta.events.register(f"before-send.{service}.{operation}", add, unique_id="stepwell-bench")


def _mode(operation: str, params: Row) -> str:
    if operation.startswith("Transact"):
        return "transactional"
    if operation in ("GetItem", "Query", "BatchGetItem", "Scan"):
        return "strong" if params.get("ConsistentRead") else "eventual"
    return ""


def _size(members: Any) -> int:
    """About what is sent or brought, in bytes."""
    if isinstance(members, dict):
        return sum(len(name) + _size(value) for name, value in members.items() if name != "ResponseMetadata")
    if isinstance(members, list | tuple):
        return sum(map(_size, members))
    return len(members) if isinstance(members, str | bytes) else len(str(members)) if members is not None else 0


def _plain(value: Any) -> Any:
    """A key's value, from the client's form or the resource's."""
    if isinstance(value, Mapping) and len(value) == 1 and next(iter(value)) in _TYPES:
        return next(iter(value.values()))
    return value


def _pipelined(pipeline: Any) -> str:
    """The keys that a pipeline names."""
    return " ".join(dict.fromkeys(str(command[0][1]) for command in pipeline.command_stack if len(command[0]) > 1))


def _place(frame: FrameType | None) -> str:
    """The line of the person's own code that a call comes from."""
    root = os.environ.get("LAMBDA_TASK_ROOT", "")
    while frame:
        name = frame.f_code.co_filename
        inside = root and name.startswith(root)
        if inside and "/stepwell/bench/" not in name and not name.endswith("/once.py"):
            return f"{Path(name).relative_to(root)}:{frame.f_lineno}"
        frame = frame.f_back
    return ""
