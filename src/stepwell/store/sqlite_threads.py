"""Threads that run database jobs for an event loop: one that writes, in shared transactions, and a few that read.

Around each step of a statement SQLite's driver lets go of the interpreter's lock, and while the loop is busy getting it
back takes a switch interval (`sys.setswitchinterval`, 5 ms). So what a job costs beside a busy loop is the number of
its statements and of the rows that it fetches, hardly their size.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from stepwell.store.protocol import StoreError
from stepwell.store.sqlite_file import explain

Result = TypeVar("Result")

_JOBS_PER_TRANSACTION = 256


@dataclass(slots=True)
class _Job:
    run: Callable[[sqlite3.Connection], Any]
    done: "asyncio.Future[Any]"
    result: Any = None
    error: Exception | None = None


class DatabaseThreads:
    """Threads with a connection each that take jobs from one queue.

    `shared_transactions` is for a single thread that writes: all jobs that wait when it becomes free are one
    transaction, durable before any of them is answered. If one of them fails, each is run again by itself.
    """

    def __init__(
        self, path: Path, connections: Sequence[sqlite3.Connection], *, shared_transactions: bool = False
    ) -> None:
        self._path = path
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._closed = False
        serve = self._serve_writes if shared_transactions else self._serve_reads
        # Daemons, so that a program that dies of an error without closing its store does not hang.
        self._threads = [
            threading.Thread(target=serve, args=(connection,), name=f"stepwell-store-{path.name}", daemon=True)
            for connection in connections
        ]
        for thread in self._threads:
            thread.start()

    async def run(self, job: Callable[[sqlite3.Connection], Result]) -> Result:
        """What the job returns. StoreError where the database fails; if the caller is cancelled the job still runs."""
        if self._closed:
            raise StoreError(f"database {self._path}: this store is closed")
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._jobs.put(_Job(job, done))
        return await done

    def close(self) -> None:
        """Finish every job that was accepted, then close the connections. Blocks."""
        if not self._closed:
            self._closed = True
            for _ in self._threads:
                self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    def _serve_reads(self, connection: sqlite3.Connection) -> None:
        while job := self._jobs.get():
            try:
                job.result = job.run(connection)
            except Exception as error:
                job.error = self._explained(error)
            _answer([job])
        connection.close()

    def _serve_writes(self, connection: sqlite3.Connection) -> None:
        while job := self._jobs.get():
            jobs, closing = self._gather(job)
            self._commit(connection, jobs)
            _answer(jobs)
            if closing:
                break
        connection.close()

    def _gather(self, first: _Job) -> tuple[list[_Job], bool]:
        """The first job and those that wait behind it; whether the end of all jobs stood there."""
        jobs = [first]
        try:
            while len(jobs) < _JOBS_PER_TRANSACTION:
                job = self._jobs.get_nowait()
                if job is None:
                    return jobs, True
                jobs.append(job)
        except Empty:
            pass
        return jobs, False

    def _commit(self, connection: sqlite3.Connection, jobs: list[_Job]) -> None:
        running: _Job | None = None
        try:
            with _transaction(connection):
                for running in jobs:
                    running.result = running.run(connection)
                running = None
        except Exception as error:
            if running and len(jobs) > 1:
                for job in jobs:
                    self._commit(connection, [job])
            else:
                for job in jobs:
                    job.error = self._explained(error)

    def _explained(self, error: Exception) -> Exception:
        return explain(self._path, error) if isinstance(error, sqlite3.Error) else error


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # Some errors, a full disk among them, have rolled it back already.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _answer(jobs: list[_Job]) -> None:
    try:
        jobs[0].done.get_loop().call_soon_threadsafe(_settle, jobs)
    except RuntimeError:
        pass  # The loop is closed: nobody waits for the answers any more.


def _settle(jobs: list[_Job]) -> None:
    for job in jobs:
        if job.done.done():
            continue  # Its caller was cancelled.
        if job.error is not None:
            job.done.set_exception(job.error)
        else:
            job.done.set_result(job.result)
