"""What was tried and what is known of it: the record that every verdict is computed from.

Strategies do not write it. Store calls are recorded by hooks in the client library, effects by the sink, deliveries by
the clients that make them, so that a strategy cannot hide what it did.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

Row = TypeVar("Row")
Status = Literal["ok", "fail", "info"]

DELIVER, ACKNOWLEDGE, READ, WRITE, EMIT = "deliver", "acknowledge", "read", "write", "emit"


class Op(msgspec.Struct, frozen=True, kw_only=True):
    """One operation. Times are epoch seconds of one machine; `returned_at` is None when nobody saw it return.

    `status` is `ok` when it was confirmed, `fail` only when the other side said that it was not applied, and `info` in
    all other cases: a time-out, a broken connection, an error of the server, the death of the worker. An `info` may
    have been applied or not, or be applied later, and is never by itself evidence of an anomaly.
    """

    id: str
    run: str
    request: str
    attempt: int
    worker: str
    key: str
    kind: str
    argument: Any = None
    result: Any = None
    intended_at: float
    invoked_at: float
    returned_at: float | None = None
    status: Status = "info"
    step: str = ""
    call: str = ""
    bytes: int = 0
    mode: str = ""
    count: int = 1


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """One thing done to the outside world. `sequence` is the sink's own order, `key` the idempotency key or None."""

    sequence: int
    run: str
    request: str
    type: str
    key: str | None
    attempt: int
    worker: str
    at: float


class Fired(msgspec.Struct, frozen=True, kw_only=True):
    """One time that a fault really happened, written down where it was injected."""

    fault: str
    run: str
    request: str
    worker: str
    at: float


def read_ops(paths: Iterable[Path]) -> list[Op]:
    """The operations of all files, by the time of their invocation.

    A recorder writes a line when an operation is invoked and another when it returns. Of two lines with one id the
    later counts, so that what never returned is `info` without anybody having to say so.
    """
    latest = {op.id: op for path in paths for op in read_rows(path, Op)}
    return sorted(latest.values(), key=lambda op: op.invoked_at)


def read_rows(path: Path, type: type[Row]) -> Iterator[Row]:
    """The rows of a JSON Lines file. A last line without its end was cut off by a death and is left out."""
    decoder = msgspec.json.Decoder(type)
    for line in path.read_bytes().splitlines(keepends=True) if path.exists() else ():
        if line.endswith(b"\n"):
            yield decoder.decode(line)


def write_rows(path: Path, rows: Iterable[msgspec.Struct]) -> None:
    """A JSON Lines file with these rows."""
    with path.open("wb") as file:
        for row in rows:
            file.write(msgspec.json.encode(row) + b"\n")
