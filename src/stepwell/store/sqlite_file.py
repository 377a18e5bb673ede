"""The database file: its lock, its connections, its schema, and what its errors mean."""

import fcntl
import os
import sqlite3
from importlib import resources
from pathlib import Path

from stepwell.store.protocol import StoreError

APPLICATION_ID = 0x53747077
"""Stands in the file's header and tells a Stepwell database from others: "Stpw"."""

SCHEMA_VERSION = 2

_BUSY_TIMEOUT_SECONDS = 5.0
"""How long another program (a backup, a shell) may hold the file's write lock before a commit gives up."""

# sqlite.org/pragma.html. FULL syncs the log at every commit: nothing else is durable. Only `fullfsync` makes macOS
# empty the drive's cache; elsewhere it does nothing.
_PRAGMAS = """
PRAGMA synchronous = FULL;
PRAGMA fullfsync = ON;
PRAGMA cache_size = -32768;
PRAGMA temp_store = MEMORY;
PRAGMA wal_autocheckpoint = 2000;
"""
# 8 KiB pages: against 4 KiB a batch of 1,000 steps commits a fifth faster, and one of a single step no slower. 2,000
# of them between checkpoints keep the log at 16 MiB. Once it has its full size single commits take the same time with
# 1,000, 2,000 and 8,000, but while it grows every commit extends the file and is slower, so a long log gains nothing.
_PAGE_BYTES = 8192

_CACHED_STATEMENTS = 256
"""Enough for every size of every bulk write."""

_REMEDIES = {
    sqlite3.SQLITE_BUSY: "another program holds a lock on it: end its transaction, then try again",
    sqlite3.SQLITE_LOCKED: "another program holds a lock on it: end its transaction, then try again",
    sqlite3.SQLITE_FULL: "the disk is full: free some space",
    sqlite3.SQLITE_READONLY: "it cannot be written: give this user write permission on the file and its folder",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: give this user permission on the file and its folder",
    sqlite3.SQLITE_PERM: "it cannot be opened: give this user permission on the file and its folder",
    sqlite3.SQLITE_CORRUPT: "it is damaged: restore a backup, or save what is left with the sqlite3 shell's .recover",
    sqlite3.SQLITE_NOTADB: "it is no SQLite database: name another file",
    sqlite3.SQLITE_IOERR: "the disk fails to read or write it: look at the system's log",
}


def explain(path: Path, error: sqlite3.Error) -> StoreError:
    """The error in words: which file, what is wrong, what to do."""
    # The low byte is the primary result code (sqlite.org/rescode.html). Errors of the driver itself carry none.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    remedy = _REMEDIES.get(code)
    explained = StoreError(f"database {path}: {remedy} ({error})" if remedy else f"database {path}: {error}")
    explained.__cause__ = error
    return explained


def lock_file(path: Path) -> Path:
    """What is locked for a database. It stays when the lock is given up, and so marks the file as a store's."""
    return path.with_name(path.name + ".lock")


def lock(path: Path) -> int:
    """Take the lock that lets one server at a time use the database; closing the returned descriptor gives it up.

    The lock is the operating system's, on `PATH.lock`, and ends with the process that holds it, however that ends.
    StoreError if another process has it or the file cannot be made.
    """
    beside = lock_file(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(beside, os.O_RDWR | os.O_CREAT, 0o600)
        # Made here so that it is private from the start, with the log that SQLite gives the same rights: journals hold
        # payloads and the seeds of task tokens, and handlers may run as another user.
        os.close(os.open(path, os.O_RDONLY | os.O_CREAT, 0o600))
    except OSError as error:
        raise StoreError(
            f"database {path}: cannot create {beside.name} beside it ({error.strerror}): "
            "choose a folder that this user may write to"
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        raise StoreError(
            f"database {path} is in use by process {holder}: stop that server, or give this one a database of its own"
        ) from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def connect(path: Path) -> sqlite3.Connection:
    """A connection in autocommit mode, for use by one thread at a time."""
    connection = sqlite3.connect(
        path,
        timeout=_BUSY_TIMEOUT_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=_CACHED_STATEMENTS,
    )
    try:
        connection.executescript(_PRAGMAS)
    except BaseException:
        connection.close()
        raise
    return connection


def connect_reader(path: Path) -> sqlite3.Connection:
    """As `connect`, of a database that is prepared; what would write is refused."""
    connection = connect(path)
    connection.execute("PRAGMA query_only = ON")
    return connection


def prepare(path: Path, connection: sqlite3.Connection) -> None:
    """Create the schema in an empty database; refuse one that is not Stepwell's or newer than this program.

    A refused file is left as it was. One of an older schema is left to `migrate`.
    """
    if is_empty(connection):
        connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(_creation())
    else:
        schema_version(path, connection)
        # A backup is a plain file, without a log.
        connection.execute("PRAGMA journal_mode = WAL")


def is_empty(connection: sqlite3.Connection) -> bool:
    """Whether nobody has written anything into the database."""
    queries = ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_schema")
    return not any(_number(connection, query) for query in queries)


def schema_version(path: Path, connection: sqlite3.Connection) -> int:
    """The schema of a Stepwell database. StoreError if it is another program's, or newer than this one."""
    if _number(connection, "PRAGMA application_id") != APPLICATION_ID:
        raise StoreError(f"database {path} belongs to another program: name another file")
    version = _number(connection, "PRAGMA user_version")
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"database {path} was written by a newer Stepwell (schema {version}; this one knows {SCHEMA_VERSION}): "
            "upgrade Stepwell"
        )
    return version


def _creation() -> str:
    schema = resources.files("stepwell.store").joinpath("schema.sql").read_text("utf-8")
    # The header's fields are part of the transaction, so that a file is either empty or whole.
    header = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION};"
    return f"BEGIN IMMEDIATE; {schema} {header} COMMIT;"


def _number(connection: sqlite3.Connection, query: str) -> int:
    (number,) = connection.execute(query).fetchone()
    return int(number)
