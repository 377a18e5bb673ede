"""Records the store calls and effects of a worker, from below the strategy: it sees what boto3 really sends.

Two lines for each operation, at its call and at its return, in a file of the worker's own. A killed process leaves the
first line behind, which says `info`. They need no fsync: the kernel keeps what a dead process has written.
"""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Row = dict[str, Any]

_KINDS = {"GetItem": "read", "PutItem": "write", "UpdateItem": "write"}
_NOT_APPLIED = frozenset({"ConditionalCheckFailedException", "ValidationException"})
"""DynamoDB's errors that say that nothing was written. Any other leaves that open."""


class Recorder:
    """Of one worker process, which runs one invocation at a time. `folder` is where all workers put their files."""

    def __init__(self, folder: Path) -> None:
        self.worker = f"{os.environ.get('AWS_LAMBDA_FUNCTION_NAME', 'worker')}/{os.getpid()}"
        name = f"{self.worker.replace('/', '-')}.jsonl"
        self._file = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._count = 0
        self._context: Row = {}
        self._open: Row = {}

    def enter(self, run: str, request: str, attempt: int) -> None:
        """Everything until the next call of this belongs to this attempt at this request."""
        self._context = {"run": run, "request": request, "attempt": attempt, "worker": self.worker}

    def watch(self, client: Any) -> None:
        """Records all item calls of a boto3 DynamoDB client."""
        client.meta.events.register("provide-client-params.dynamodb", self._on_call)
        client.meta.events.register("after-call.dynamodb", self._on_reply)

    def begin(self, kind: str, key: str, argument: Any) -> None:
        now = time.time()
        self._count += 1
        self._open = {
            "id": f"{self.worker}#{self._count}", **self._context, "key": key, "kind": kind,
            "argument": argument, "intended_at": now, "invoked_at": now, "status": "info",
        }  # fmt: skip
        self._write()

    def end(self, status: str, result: Any) -> None:
        self._open |= {"status": status, "result": result, "returned_at": time.time()}
        self._write()

    def _write(self) -> None:
        os.write(self._file, json.dumps(self._open, separators=(",", ":")).encode() + b"\n")

    def _on_call(self, params: Row, model: Any, **_: Any) -> None:
        if kind := _KINDS.get(model.name):
            item = params.get("Item", {})
            key = params.get("Key", {"id": item.get("id")})["id"]
            self.begin(kind, plain(key), {name: plain(value) for name, value in item.items()} or None)

    def _on_reply(self, parsed: Row, model: Any, **_: Any) -> None:
        if model.name in _KINDS:
            error = parsed.get("Error", {}).get("Code")
            status = "ok" if error is None else "fail" if error in _NOT_APPLIED else "info"
            found = {name: plain(value) for name, value in parsed.get("Item", {}).items()}
            self.end(status, error or found or None)


def plain(value: Mapping[str, Any]) -> Any:
    """A DynamoDB string or number as JSON has it."""
    return int(value["N"]) if "N" in value else value.get("S")
