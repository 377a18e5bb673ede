"""The statements of a commit: the fenced insert of steps, then what the winners project; and how all of it goes again.

Every statement writes many rows. The reason is the interpreter's lock (see `sqlite_threads`): beside a busy thread
`executemany`, which steps once per row, took 33 to 4,000 ms to commit 1,000 steps, as the scheduler pleased; statements
of up to 128 rows took 46 to 104 ms. With nothing beside them they are a fifth slower (14 ms against 11).
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple, TypeAlias, TypeVar

from msgspec.structs import astuple

from stepwell.store.protocol import OPEN, ExecutionRow, StepCommit, shard_of

_LISTED = "(SELECT value FROM json_each(?))"

_ROWS_PER_STATEMENT = 128
"""A power of two. Larger ones were no faster."""

EXECUTION_COLUMNS = ExecutionRow.__struct_fields__


def execution_row(row: tuple[Any, ...]) -> ExecutionRow:
    """The row of these columns."""
    return ExecutionRow(**dict(zip(EXECUTION_COLUMNS, row, strict=True)))


_Row: TypeAlias = tuple[Any, ...]
_Key: TypeAlias = tuple[int, str]
_Value = TypeVar("_Value")


class _Bulk(NamedTuple):
    """A statement for any number of rows: `row` is repeated, and holds the placeholders."""

    head: str
    row: str
    tail: str = ""
    between: str = ", "


_NUMBER = _Bulk("INSERT INTO journal (execution) VALUES", "(?)", "ON CONFLICT DO NOTHING")
# All in one row of JSON: to fetch a row for each would step as often.
_NUMBERS = _Bulk("SELECT json_group_object(execution, number) FROM journal WHERE execution IN (", "?", ")")
_INSERT_STEPS = _Bulk(
    "INSERT INTO step (journal, sequence, records, first_event_id, events, writer, body, format) VALUES",
    "(?, ?, ?, ?, ?, ?, ?, ?)",
    "ON CONFLICT DO NOTHING",
)
_UPSERT_EXECUTIONS = _Bulk(
    f"INSERT INTO execution (journal, {', '.join(EXECUTION_COLUMNS)}) VALUES",
    f"(?{', ?' * len(EXECUTION_COLUMNS)})",
    # The other columns never change: to name them would rewrite their index entries.
    "ON CONFLICT (journal) DO UPDATE SET status = excluded.status, stopped_at = excluded.stopped_at, "
    "output = excluded.output, error = excluded.error, cause = excluded.cause, warnings = excluded.warnings, "
    "redrive_count = excluded.redrive_count, redriven_at = excluded.redriven_at",
)
_INSERT_PAYLOADS = _Bulk("INSERT INTO payload (journal, digest, body) VALUES", "(?, ?, ?)", "ON CONFLICT DO NOTHING")
_UPSERT_TIMERS = _Bulk(
    "INSERT INTO timer (journal, key, shard, due_at) VALUES",
    "(?, ?, ?, ?)",
    "ON CONFLICT (journal, key) DO UPDATE SET due_at = excluded.due_at",
)
# With OR each row is a search of the primary key; for (journal, key) IN (VALUES ...) SQLite 3.40 scans the table.
_DELETE_TIMERS = _Bulk("DELETE FROM timer WHERE", "(journal = ? AND key = ?)", between=" OR ")
_UPSERT_OUTBOX = _Bulk(
    "INSERT INTO outbox (journal, key, shard, queue, body) VALUES",
    "(?, ?, ?, ?, ?)",
    "ON CONFLICT (journal, key) DO UPDATE SET queue = excluded.queue, body = excluded.body",
)
_DELETE_OUTBOX = _Bulk("DELETE FROM outbox WHERE", "(journal = ? AND key = ?)", between=" OR ")
_INSERT_INBOX = _Bulk("INSERT INTO inbox (execution, shard, body) VALUES", "(?, ?, ?)")
_DELETE_INBOX = _Bulk("DELETE FROM inbox WHERE id IN (", "?", ")")


def commit_steps(connection: sqlite3.Connection, steps: Sequence[StepCommit]) -> list[bool]:
    """As `Store.commit`, within a transaction that the caller has begun and ends."""
    _write_all(connection, _NUMBER, [(step.execution,) for step in steps if step.sequence == 1])
    numbers = _numbers(connection, [step.execution for step in steps])
    won = list(_append(connection, steps, numbers))
    winners = [(numbers[step.execution], step) for step, has_won in zip(steps, won, strict=True) if has_won]
    _project(connection, winners)
    return won


def forget(connection: sqlite3.Connection, execution: str, messages: Sequence[int], outbox: Sequence[str]) -> None:
    """As `Store.forget`, within a transaction that the caller has begun and ends."""
    _write_all(connection, _DELETE_INBOX, [(id,) for id in messages])
    number = _numbers(connection, [execution]).get(execution)
    _write_all(connection, _DELETE_OUTBOX, [(number, key) for key in outbox])


def erase(connection: sqlite3.Connection, executions: Sequence[str], closed_before: float) -> int:
    """As `Store.erase`, within a transaction that the caller has begun and ends."""
    numbers = list(_numbers(connection, executions).values())
    closed = connection.execute(
        f"SELECT journal, id FROM execution WHERE journal IN {_LISTED} AND status NOT IN {_LISTED} AND stopped_at < ?",
        (json.dumps(numbers), json.dumps(list(OPEN)), closed_before),
    ).fetchall()
    gone = json.dumps([number for number, _ in closed])
    for table in ("step", "payload", "checkpoint", "timer", "outbox", "execution"):
        connection.execute(f"DELETE FROM {table} WHERE journal IN {_LISTED}", (gone,))
    connection.execute(f"DELETE FROM inbox WHERE execution IN {_LISTED}", (json.dumps([id for _, id in closed]),))
    connection.execute(f"DELETE FROM journal WHERE number IN {_LISTED}", (gone,))
    return len(closed)


def _numbers(connection: sqlite3.Connection, executions: Sequence[str]) -> dict[str, int]:
    """The numbers of those that have a journal."""
    numbers: dict[str, int] = {}
    for chunk in _chunks(executions):
        (found,) = connection.execute(_text(_NUMBERS, len(chunk)), chunk).fetchone()
        numbers.update(json.loads(found))
    return numbers


def _append(connection: sqlite3.Connection, steps: Sequence[StepCommit], numbers: Mapping[str, int]) -> Iterator[bool]:
    # No journal has the number 0: a step for it that is not a first one does not pass the fence.
    rows = [
        (
            numbers.get(step.execution, 0),
            step.sequence,
            step.records,
            step.first_event_id,
            step.events,
            step.writer,
            step.body,
            step.format,
        )
        for step in steps
    ]
    for chunk in _chunks(rows):
        inserted = _write(connection, _INSERT_STEPS, chunk)
        if inserted == len(chunk):
            yield from (True for _ in chunk)
        else:
            yield from _winners(connection, chunk, inserted)


def _winners(connection: sqlite3.Connection, rows: Sequence[_Row], inserted: int) -> Iterator[bool]:
    """Which of the rows the last statement has inserted: those that are the last of the table."""
    keys = set(connection.execute("SELECT journal, sequence FROM step ORDER BY id DESC LIMIT ?", (inserted,)))
    for row in rows:
        key = row[:2]
        yield key in keys
        keys.discard(key)  # Of steps with the same key the first one has won.


def _project(connection: sqlite3.Connection, winners: Sequence[tuple[int, StepCommit]]) -> None:
    rows = [(number, *astuple(step.row)) for number, step in winners if step.row is not None]
    _write_all(connection, _UPSERT_EXECUTIONS, rows)
    payloads = [(number, digest, body) for number, step in winners for digest, body in step.payloads.items()]
    _write_all(connection, _INSERT_PAYLOADS, payloads)
    _project_timers(connection, winners)
    _project_outbox(connection, winners)
    _write_all(connection, _DELETE_INBOX, [(id,) for _, step in winners for id in step.consumed])
    deliveries = [(to, shard_of(to), body) for _, step in winners for to, body in step.deliveries]
    _write_all(connection, _INSERT_INBOX, deliveries)


def _project_timers(connection: sqlite3.Connection, winners: Sequence[tuple[int, StepCommit]]) -> None:
    gone, kept = _merged((number, shard_of(step.execution), step.timers) for number, step in winners)
    _write_all(connection, _DELETE_TIMERS, gone)
    _write_all(connection, _UPSERT_TIMERS, [(*key, shard, due_at) for key, (shard, due_at) in kept.items()])


def _project_outbox(connection: sqlite3.Connection, winners: Sequence[tuple[int, StepCommit]]) -> None:
    gone, kept = _merged((number, shard_of(step.execution), step.outbox) for number, step in winners)
    _write_all(connection, _DELETE_OUTBOX, gone)
    rows = [(*key, shard, entry.queue, entry.body) for key, (shard, entry) in kept.items()]
    _write_all(connection, _UPSERT_OUTBOX, rows)


def _merged(
    changes: Iterable[tuple[int, int, Mapping[str, _Value | None]]],
) -> tuple[list[_Key], dict[_Key, tuple[int, _Value]]]:
    """From (journal, shard, values by key) in order: the keys to delete, then what to write with its shard.

    A later step of the batch may undo what an earlier one wrote.
    """
    gone: list[_Key] = []
    kept: dict[_Key, tuple[int, _Value]] = {}
    for number, shard, values in changes:
        for name, value in values.items():
            key = (number, name)
            if value is None:
                gone.append(key)
                kept.pop(key, None)
            else:
                kept[key] = (shard, value)
    return gone, kept


def _write_all(connection: sqlite3.Connection, statement: _Bulk, rows: Sequence[_Row]) -> None:
    for chunk in _chunks(rows):
        _write(connection, statement, chunk)


def _write(connection: sqlite3.Connection, statement: _Bulk, rows: Sequence[_Row]) -> int:
    """Write rows, no more than `_chunks` gives, with one statement. Returns how many rows it has changed."""
    return connection.execute(_text(statement, len(rows)), tuple(chain.from_iterable(rows))).rowcount


@lru_cache(maxsize=256)
def _text(statement: _Bulk, rows: int) -> str:
    return f"{statement.head} {statement.between.join([statement.row] * rows)} {statement.tail}"


def _chunks(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Slices of 128, 64, 32 ... rows: few statements for any number, and few different ones to keep prepared."""
    start, size = 0, _ROWS_PER_STATEMENT
    while start < len(rows):
        while size > len(rows) - start:
            size //= 2
        yield rows[start : start + size]
        start += size
