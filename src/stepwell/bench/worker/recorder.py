"""Records the store calls and effects of a worker, from below the strategy: it sees what the clients really send.

Two lines for each operation, at its call and at its return, in a file of the worker's own. A killed process leaves the
first line behind, which says `info`. They need no fsync: the kernel keeps what a dead process has written.

An operation is also where faults strike: `injection.before` and `injection.after` are asked around each, with its
number in the invocation.
"""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

Row = dict[str, Any]

_READS = frozenset(
    {"GetItem", "Query", "BatchGetItem", "TransactGetItems", "GetObject", "HeadObject", "ReceiveMessage"}
)
_NOT_APPLIED = frozenset(
    {"ConditionalCheckFailedException", "ValidationException", "TransactionCanceledException", "PreconditionFailed"}
)
"""The stores' errors that say that nothing was written. Any other leaves that open."""

_NOTHING_THERE = "NoSuchKey"
"""S3's answer to a read where there is no object. Other stores do not take that for an error."""

MARK, MARK_COMMAND = "X-Bench-Fault", "BENCH.FAULT"
"""The header, and the command of Redis, by which the proxy in front of a store knows the one call to be broken."""


class Injection(Protocol):
    """What strikes around an operation. `before` may give the mark that has the proxy break this very call."""

    def before(self, number: int) -> Row | None: ...

    def after(self, number: int) -> None: ...


class Recorder:
    """Of one worker process, which runs one invocation at a time. `folder` is where all workers put their files."""

    def __init__(self, folder: Path) -> None:
        self.worker = f"{os.environ.get('AWS_LAMBDA_FUNCTION_NAME', 'worker')}/{os.getpid()}"
        name = f"{self.worker.replace('/', '-')}.jsonl"
        self._file = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._count = 0
        self._number = 0
        self._context: Row = {}
        self._open: Row = {}
        self._injection: Injection | None = None
        self._mark: Row | None = None

    def enter(self, run: str, request: str, attempt: int, step: str, injection: Injection | None) -> None:
        """Everything until the next call of this belongs to this attempt at this step of this request."""
        self._context = {"run": run, "request": request, "attempt": attempt, "step": step, "worker": self.worker}
        self._injection = injection
        self._number = 0

    def begin(self, kind: str, call: str, key: str, argument: Any, size: int = 0, mode: str = "") -> Row | None:
        """An operation is about to be sent. Gives the mark that is to go with it, if it is one to be broken."""
        now = time.time()
        self._count += 1
        self._number += 1
        self._open = {
            "id": f"{self.worker}#{self._count}", **self._context, "key": key, "kind": kind, "call": call,
            "argument": argument, "bytes": size, "mode": mode, "intended_at": now, "invoked_at": now, "status": "info",
        }  # fmt: skip
        self._write()
        return self._injection.before(self._number) if self._injection else None

    def end(self, status: str, result: Any, size: int = 0) -> None:
        """It has returned; `size` counts what it brought, in bytes."""
        returned = {"status": status, "result": result, "returned_at": time.time()}
        self._open |= returned | {"bytes": max(self._open["bytes"], size)}
        self._write()
        if self._injection:
            self._injection.after(self._number)

    def _write(self) -> None:
        os.write(self._file, json.dumps(self._open, separators=(",", ":")).encode() + b"\n")

    def watch(self, client: Any) -> None:
        """Records all calls of a boto3 client."""
        service, events = client.meta.service_model.service_name, client.meta.events
        events.register(f"provide-client-params.{service}", self._on_call)
        events.register(f"before-call.{service}", self._on_send)
        events.register(f"after-call.{service}", self._on_reply)
        events.register(f"after-call-error.{service}", self._on_error)

    def _on_call(self, params: Row, model: Any, **_: Any) -> None:
        name, service = model.name, model.service_model.service_name
        kind = "read" if name in _READS else "write"
        self._mark = self.begin(
            kind, f"{service}.{name}", _key(params), _argument(params), _size(params), _mode(name, params)
        )

    def _on_send(self, params: Row, **_: Any) -> None:
        if self._mark:
            params["headers"][MARK] = json.dumps(self._mark)
            self._mark = None

    def _on_reply(self, parsed: Row, **_: Any) -> None:
        error = parsed.get("Error", {}).get("Code")
        error = None if error == _NOTHING_THERE else error
        status = "ok" if error is None else "fail" if error in _NOT_APPLIED else "info"
        found = parsed.get("Item")
        size = sum(item_bytes(item) for item in parsed.get("Items", [found or {}])) + parsed.get("ContentLength", 0)
        self.end(status, error or (plain_item(found) if found else None), size)

    def _on_error(self, exception: Exception, **_: Any) -> None:
        self.end("info", type(exception).__name__)


def _key(params: Row) -> str:
    """The item, object or queue that a call is about; several, joined."""
    if "TransactItems" in params:
        return " ".join(_key(next(iter(item.values()))) for item in params["TransactItems"])
    if "Key" in params and isinstance(params["Key"], str):
        return str(params["Key"])
    if ":id" in params.get("ExpressionAttributeValues", {}):
        return str(_plain(params["ExpressionAttributeValues"][":id"]))  # Of a Query.
    key = params.get("Key") or params.get("Item")
    return str(_plain(key["id"])) if key and "id" in key else str(params.get("QueueUrl", "")).rpartition("/")[2]


def _argument(params: Row) -> Any:
    if "TransactItems" in params:
        return [_argument(next(iter(item.values()))) for item in params["TransactItems"]]
    if isinstance(params.get("Body"), str) and params["Body"].startswith("{"):
        return json.loads(params["Body"])
    return plain_item(params["Item"]) if "Item" in params else None


def _size(params: Row) -> int:
    """Of what is sent to be stored. An update is taken for its values, as its item is not seen here."""
    if "TransactItems" in params:
        return sum(_size(next(iter(item.values()))) for item in params["TransactItems"])
    body = params.get("MessageBody") or params.get("Body")
    if body is not None or "Bucket" in params:
        return len(body or "")
    return item_bytes(params.get("Item") or {**params.get("Key", {}), **params.get("ExpressionAttributeValues", {})})


def _mode(name: str, params: Row) -> str:
    if name.startswith("Transact"):
        return "transactional"
    if name in ("GetItem", "Query", "BatchGetItem"):
        return "strong" if params.get("ConsistentRead") else "eventual"
    return ""


def item_bytes(item: Mapping[str, Any]) -> int:
    """About what DynamoDB takes as an item's size: the lengths of names and values."""
    return sum(len(name) + len(json.dumps(_plain(value))) for name, value in item.items())


def plain_item(item: Mapping[str, Any]) -> Row:
    """An item as JSON has it."""
    return {name: _plain(value) for name, value in item.items()}


def _plain(value: Mapping[str, Any]) -> Any:
    (type, content), *_ = value.items()
    if type == "N":
        return int(content)
    if type == "L":
        return [_plain(each) for each in content]
    return plain_item(content) if type == "M" else sorted(content) if type == "SS" else content
