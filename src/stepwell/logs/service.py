"""Logs: what the engine and the functions write to, and the Logs API asks.

To write is to append to a buffer. While one transaction is in flight the next batch gathers; there is no timer. The
buffer is bounded: where the disk does not keep up, events are dropped and counted rather than executions held up.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from logging import getLogger
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from stepwell.engine.clock import Clock
from stepwell.logs import database
from stepwell.logs.database import Entry
from stepwell.store.protocol import StoreError
from stepwell.store.sqlite_file import explain
from stepwell.store.sqlite_threads import DatabaseThreads

_log = getLogger("stepwell.logs")

WAITING_BYTES_MAX = 64 << 20
"""Of messages that are not yet in the database."""

EXPIRE_SECONDS = 60.0
"""How often, at most, events past their retention are deleted."""

P = ParamSpec("P")
T = TypeVar("T")


class Logs:
    """The logs of one endpoint, in a file, or in memory where `path` is None. Make it in the loop that uses it.

    Raises StoreError where the file cannot be used.
    """

    def __init__(self, path: Path | None, clock: Clock) -> None:
        self._clock = clock
        where = path or Path(":memory:")
        try:
            connection = database.connect(path)
        except sqlite3.Error as error:
            raise explain(where, error) from error
        # One thread for all: a read stands behind the writes that were accepted before it.
        self._threads = DatabaseThreads(where, [connection], shared_transactions=True)
        self._waiting: list[Entry] = []
        self._waiting_bytes = 0
        self._lost = 0
        self._writing: asyncio.Task[None] | None = None
        self._expire_at = 0.0
        self._closed = False

    @property
    def now_ms(self) -> int:
        return int(self._clock.now() * 1000)

    def write(self, entry: Entry) -> None:
        """Accept an event; it is in the database soon, and at the next `ask` in any case. After `close` it is lost."""
        if self._closed:
            return  # A worker process that was just killed may have had something to say.
        if self._waiting_bytes >= WAITING_BYTES_MAX:
            self._lost += 1
            return
        self._waiting.append(entry)
        self._waiting_bytes += len(entry.message)
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write())

    async def _write(self) -> None:
        try:
            while self._waiting:
                await self._store()
        finally:
            self._writing = None

    async def _store(self) -> None:
        entries, self._waiting, self._waiting_bytes = self._waiting, [], 0
        now_ms, expires = self.now_ms, self._clock.now() >= self._expire_at

        def job(connection: sqlite3.Connection) -> None:
            database.insert(connection, entries, now_ms)
            database.trim(connection)
            if expires:
                database.expire(connection, now_ms)

        try:
            await self._threads.run(job)
        except StoreError as error:
            self._lost += len(entries)
            _log.error("%s", error)
        if expires:
            self._expire_at = self._clock.now() + EXPIRE_SECONDS
        if self._lost:
            _log.warning("%s log events were lost: the log database did not keep up or failed", self._lost)
            self._lost = 0

    async def ask(
        self, job: Callable[Concatenate[sqlite3.Connection, P], T], *arguments: P.args, **options: P.kwargs
    ) -> T:
        """What a function of `stepwell.logs.database` returns, after everything that was written before."""
        if self._waiting:
            await self._store()
        return await self._threads.run(lambda connection: job(connection, *arguments, **options))

    async def close(self) -> None:
        """Store what waits, then close the file."""
        self._closed = True
        if self._writing is not None:
            await self._writing
        await asyncio.to_thread(self._threads.close)
