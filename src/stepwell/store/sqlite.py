"""`SqliteStore`: a store in one SQLite file, for one server at a time."""

import asyncio
import json
import math
import os
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from itertools import takewhile
from pathlib import Path
from typing import Any, TypeAlias

from stepwell.store import sqlite_file
from stepwell.store.memory import Leases
from stepwell.store.protocol import (
    Checkpoint,
    ExecutionRow,
    Found,
    InboxRow,
    Journal,
    OutboxRow,
    Search,
    StepCommit,
    StepRow,
    Tally,
    TimerRow,
)
from stepwell.store.sqlite_backup import migrate
from stepwell.store.sqlite_commit import EXECUTION_COLUMNS, commit_steps, erase, execution_row, forget
from stepwell.store.sqlite_search import TALLY, find
from stepwell.store.sqlite_threads import DatabaseThreads

_READERS = 2
"""So that one long read, such as a large outbox after a restart, does not hold up the short ones."""

_Parameters: TypeAlias = tuple[Any, ...] | dict[str, Any]

_STEP_COLUMNS = ", ".join(StepRow.__struct_fields__)
_EXECUTION_COLUMNS = ", ".join(EXECUTION_COLUMNS)
_OF_EXECUTION = "journal = (SELECT number FROM journal WHERE execution = ?1)"
_IN_SHARDS = "shard IN (SELECT value FROM json_each(?))"


def _listing(status: str) -> str:
    """A page of the executions through :through, each branch read from its own index up to the limit."""
    branches = (
        f"SELECT * FROM (SELECT {_EXECUTION_COLUMNS} FROM execution WHERE {column} = :through {status} "
        "AND (started_at, id) < (:started_at, :id) ORDER BY started_at DESC, id DESC LIMIT :limit)"
        for column in ("state_machine", "version", "alias")
    )
    return f"{' UNION ALL '.join(branches)} ORDER BY started_at DESC, id DESC LIMIT :limit"


_LISTING = _listing("")
_LISTING_IN_STATUS = _listing("AND status = :status")


class SqliteStore:
    """A `Store` in the file at `path`, created with its folder if there is none.

    Steps are appended by one thread, in transactions that waiting calls share. Reads see all that is committed and wait
    for no writer. Leases are kept in memory: since one server has the file, a new one starts without any.

    Creating one blocks for some milliseconds, or for as long as it takes to migrate a file of an older schema.
    StoreError if another server has the file, if it is not a Stepwell database or a newer one, or if it cannot be
    opened and written.
    """

    def __init__(self, path: Path) -> None:
        with ExitStack() as undo:
            lock = sqlite_file.lock(path)
            undo.callback(os.close, lock)
            try:
                writer = undo.enter_context(closing(sqlite_file.connect(path)))
                sqlite_file.prepare(path, writer)
                migrate(path, writer)
                readers = [undo.enter_context(closing(sqlite_file.connect_reader(path))) for _ in range(_READERS)]
            except sqlite3.Error as error:
                raise sqlite_file.explain(path, error) from error
            undo.pop_all()
        self._lock: int | None = lock
        self._writer = DatabaseThreads(path, [writer], shared_transactions=True)
        self._readers = DatabaseThreads(path, readers)
        self._leases = Leases()

    async def commit(self, steps: Sequence[StepCommit]) -> list[bool]:
        return await self._writer.run(lambda connection: commit_steps(connection, steps))

    async def journal(self, execution: str, format: int, after: int = 0, limit: int | None = None) -> Journal:
        def read(connection: sqlite3.Connection) -> Journal:
            # In this order: a checkpoint that is saved between the two reads does not matter.
            checkpoint = connection.execute(
                f"SELECT sequence, format, body FROM checkpoint WHERE {_OF_EXECUTION} AND format = ?2",
                (execution, format),
            ).fetchone()
            start = max(after, checkpoint[0] if checkpoint else 0)
            steps = connection.execute(
                f"SELECT {_STEP_COLUMNS} FROM step WHERE {_OF_EXECUTION} AND sequence > ?2 ORDER BY sequence LIMIT ?3",
                (execution, start, -1 if limit is None else limit),
            )
            return Journal(Checkpoint(*checkpoint) if checkpoint else None, [StepRow(*row) for row in steps])

        return await self._readers.run(read)

    async def save_checkpoint(self, execution: str, checkpoint: Checkpoint) -> None:
        await self._write(
            "INSERT INTO checkpoint (journal, sequence, format, body) "
            "SELECT number, ?, ?, ? FROM journal WHERE execution = ? ON CONFLICT (journal) DO UPDATE "
            "SET sequence = excluded.sequence, format = excluded.format, body = excluded.body "
            "WHERE format <> excluded.format OR sequence <= excluded.sequence",
            (checkpoint.sequence, checkpoint.format, checkpoint.body, execution),
        )

    async def payloads(self, execution: str, digests: Iterable[bytes]) -> dict[bytes, bytes]:
        wanted = list(digests)

        def read(connection: sqlite3.Connection) -> dict[bytes, bytes]:
            query = f"SELECT body FROM payload WHERE {_OF_EXECUTION} AND digest = ?2"
            found = ((digest, connection.execute(query, (execution, digest)).fetchone()) for digest in wanted)
            return {digest: row[0] for digest, row in found if row}

        return await self._readers.run(read) if wanted else {}

    async def steps_with_events(self, execution: str, first: int, last: int) -> list[StepRow]:
        def read(connection: sqlite3.Connection) -> list[StepRow]:
            # Every event is a record, so event n is not before record n: the search begins at the step of that record,
            # and an index by event, which would cost every commit, is not needed.
            rows = connection.execute(
                f"SELECT {_STEP_COLUMNS} FROM step WHERE {_OF_EXECUTION} AND sequence >= "
                f"(SELECT max(sequence) FROM step WHERE {_OF_EXECUTION} AND sequence <= ?2) "
                "AND events > 0 AND first_event_id + events > ?2 ORDER BY sequence",
                (execution, first),
            )
            # A cursor that is left open would keep its connection at what was committed then.
            with closing(rows):
                steps = (StepRow(*row) for row in rows)
                return list(takewhile(lambda step: step.first_event_id <= last, steps))

        return await self._readers.run(read)

    async def last_event_id(self, execution: str) -> int:
        query = f"SELECT first_event_id + events - 1 FROM step WHERE {_OF_EXECUTION} ORDER BY sequence DESC LIMIT 1"
        rows = await self._read(query, (execution,))
        return int(rows[0][0]) if rows else 0

    async def forget(self, execution: str, *, messages: Sequence[int] = (), outbox: Sequence[str] = ()) -> None:
        await self._writer.run(lambda connection: forget(connection, execution, messages, outbox))

    async def execution(self, id: str) -> ExecutionRow | None:
        rows = await self._read(f"SELECT {_EXECUTION_COLUMNS} FROM execution WHERE {_OF_EXECUTION}", (id,))
        return execution_row(rows[0]) if rows else None

    async def executions(
        self, *, through: str, status: str | None = None, limit: int = 100, before: tuple[float, str] | None = None
    ) -> list[ExecutionRow]:
        started_at, id = before or (math.inf, "")
        rows = await self._read(
            _LISTING if status is None else _LISTING_IN_STATUS,
            {"through": through, "status": status, "started_at": started_at, "id": id, "limit": limit},
        )
        return [execution_row(row) for row in rows]

    async def children(
        self,
        map_run: str,
        *,
        status: str | None = None,
        beyond: int | None = None,
        limit: int = 1000,
        reverse: bool = False,
    ) -> list[ExecutionRow]:
        condition = "" if status is None else "AND status = :status"
        if beyond is not None:
            condition += f" AND item {'<' if reverse else '>'} :beyond"
        rows = await self._read(
            f"SELECT {_EXECUTION_COLUMNS} FROM execution WHERE map_run = :map_run {condition} "
            f"ORDER BY item {'DESC' if reverse else ''} LIMIT :limit",
            {"map_run": map_run, "status": status, "beyond": beyond, "limit": limit},
        )
        return [execution_row(row) for row in rows]

    async def search(self, search: Search, *, before: int | None = None, limit: int = 100, scan: int = 10_000) -> Found:
        return await self._readers.run(lambda connection: find(connection, search, before, limit, scan))

    async def tally(self, *, since: float, bucket_seconds: float) -> list[Tally]:
        rows = await self._read(TALLY, {"since": since, "seconds": bucket_seconds})
        return [Tally(*row) for row in rows]

    async def oldest(self, *, after: int = 0, limit: int = 1000) -> list[tuple[int, ExecutionRow]]:
        rows = await self._read(
            f"SELECT journal, {_EXECUTION_COLUMNS} FROM execution WHERE journal > ? ORDER BY journal LIMIT ?",
            (after, limit),
        )
        return [(row[0], execution_row(row[1:])) for row in rows]

    async def erase(self, executions: Sequence[str], *, closed_before: float) -> int:
        return await self._writer.run(lambda connection: erase(connection, executions, closed_before))

    async def lease(self, node: str, now: float, until: float) -> set[int]:
        return self._leases.take(node, now, until)

    async def release(self, node: str) -> None:
        self._leases.release(node)

    async def timers_due(self, shards: Iterable[int], before: float, limit: int) -> list[TimerRow]:
        rows = await self._read(
            "SELECT execution, key, due_at FROM timer JOIN journal ON number = journal "
            f"WHERE due_at < ? AND {_IN_SHARDS} ORDER BY due_at LIMIT ?",
            (before, json.dumps(list(shards)), limit),
        )
        return [TimerRow(*row) for row in rows]

    async def outbox(self, shards: Iterable[int]) -> list[OutboxRow]:
        rows = await self._read(
            "SELECT execution, key, queue, body FROM outbox JOIN journal ON number = journal "
            f"WHERE {_IN_SHARDS} ORDER BY id",
            (json.dumps(list(shards)),),
        )
        return [OutboxRow(*row) for row in rows]

    async def inbox(self, shards: Iterable[int]) -> list[InboxRow]:
        rows = await self._read(
            f"SELECT id, execution, body FROM inbox WHERE {_IN_SHARDS} ORDER BY id", (json.dumps(list(shards)),)
        )
        return [InboxRow(*row) for row in rows]

    async def inbox_of(self, execution: str) -> list[InboxRow]:
        rows = await self._read("SELECT id, execution, body FROM inbox WHERE execution = ? ORDER BY id", (execution,))
        return [InboxRow(*row) for row in rows]

    async def put(self, kind: str, key: str, body: bytes) -> None:
        await self._write(
            "INSERT INTO document (kind, key, body) VALUES (?, ?, ?) "
            "ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body",
            (kind, key, body),
        )

    async def put_new(self, kind: str, key: str, body: bytes) -> bool:
        stored = await self._write(
            "INSERT INTO document (kind, key, body) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (kind, key, body)
        )
        return stored == 1

    async def get(self, kind: str, key: str) -> bytes | None:
        rows = await self._read("SELECT body FROM document WHERE kind = ? AND key = ?", (kind, key))
        return bytes(rows[0][0]) if rows else None

    async def delete(self, kind: str, key: str) -> None:
        await self._write("DELETE FROM document WHERE kind = ? AND key = ?", (kind, key))

    async def list(self, kind: str, prefix: str = "") -> list[tuple[str, bytes]]:
        def read(connection: sqlite3.Connection) -> list[tuple[str, bytes]]:
            query = "SELECT key, body FROM document WHERE kind = ? AND key >= ? ORDER BY key"
            with closing(connection.execute(query, (kind, prefix))) as rows:
                return list(takewhile(lambda row: row[0].startswith(prefix), rows))

        return await self._readers.run(read)

    async def close(self) -> None:
        """Finish what is under way and give up the file. Closing twice is no error."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        # The last connection to close empties the log into the file, which only the writer's may do.
        self._readers.close()
        self._writer.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def _read(self, query: str, parameters: _Parameters) -> Sequence[Any]:
        return await self._readers.run(lambda connection: connection.execute(query, parameters).fetchall())

    async def _write(self, statement: str, parameters: _Parameters) -> int:
        """Returns how many rows have changed."""
        return await self._writer.run(lambda connection: connection.execute(statement, parameters).rowcount)
