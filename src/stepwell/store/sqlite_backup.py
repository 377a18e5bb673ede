"""Whole database files: backed up beside a running server, put back, and migrated from older schemas.

A copy is made under another name, checked, made durable and only then given its own: what bears the name is whole. It
holds everything that a store keeps, functions' code included.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from importlib import resources
from logging import getLogger
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from stepwell.store import sqlite_file
from stepwell.store.protocol import StoreError
from stepwell.store.sqlite_file import SCHEMA_VERSION

_log = getLogger("stepwell.store")


class Copied(NamedTuple):
    """What a copy holds."""

    executions: int
    schema: int
    size: int


def backup(store: Path, file: Path, *, replace: bool = False) -> Copied:
    """Copy the store, as it is at one moment, into a file. A server may be using it and is not held up.

    StoreError if there is no such store, if the file is there and not to be replaced, or if the copy is not sound.
    """
    _refuse_existing(file, replace)
    if sqlite_file.lock_file(file).exists():
        raise StoreError(f"{file} is the file of a store, not of a backup: name another file")
    with _explained(store), closing(_open(store)) as source:
        sqlite_file.schema_version(store, source)
        return _copy(source, file)


def restore(file: Path, store: Path, *, replace: bool = False) -> Copied:
    """Put a backup in a store's place. StoreError as for `backup`, and if a server is using the store."""
    with _explained(file), closing(_open(file)) as source:
        sqlite_file.schema_version(file, source)
        with _locked(store):
            if store.stat().st_size:
                _refuse_existing(store, replace)
            with _partial(store) as copy:
                _save(source, copy)
                copied = _checked(copy)
                _drop_log(store)
            return copied


def migrate(path: Path, connection: sqlite3.Connection) -> Path | None:
    """Bring a database to this program's schema, after a copy of it as it was; that copy, None if nothing was to do."""
    version = sqlite_file.schema_version(path, connection)
    if version == SCHEMA_VERSION:
        return None
    kept = path.with_name(f"{path.name}.schema-{version}.{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    _copy(connection, kept)
    folder = resources.files("stepwell.store").joinpath("migrations")
    scripts = [folder.joinpath(f"{step:04}.sql").read_text("utf-8") for step in range(version + 1, SCHEMA_VERSION + 1)]
    try:
        connection.executescript(
            f"BEGIN IMMEDIATE; {' '.join(scripts)} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
        )  # fmt: skip
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    _log.warning("%s was migrated from schema %s to %s; as it was, it is %s", path, version, SCHEMA_VERSION, kept)
    return kept


def migrate_file(path: Path) -> Path | None:
    """As `migrate`, of a store that no server uses."""
    with _explained(path):
        _open(path).close()
        with _locked(path), closing(sqlite_file.connect(path)) as connection:
            return migrate(path, connection)


def _copy(source: sqlite3.Connection, target: Path) -> Copied:
    with _partial(target) as copy:
        _save(source, copy)
        return _checked(copy)


@contextmanager
def _partial(target: Path) -> Iterator[Path]:
    """A private file that takes the target's place if all goes well, and is gone if not."""
    partial = target.with_name(f"{target.name}.partial")
    try:
        partial.unlink(missing_ok=True)
        os.close(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        yield partial
        _sync(partial)
        partial.replace(target)
        _sync(target.parent)
    finally:
        for name in (partial, *_log_files(partial)):
            name.unlink(missing_ok=True)


def _save(source: sqlite3.Connection, copy: Path) -> None:
    # All pages in one go: a backup in portions begins anew whenever the server commits between two of them.
    with closing(sqlite3.connect(copy)) as target:
        source.backup(target)


def _checked(copy: Path) -> Copied:
    """What the copy holds. StoreError where it is not sound."""
    with closing(sqlite3.connect(copy)) as connection:
        # One file without a log beside it, that can be read where nothing may be written.
        connection.execute("PRAGMA journal_mode = DELETE")
        (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        if found != "ok":
            raise StoreError(f"database {copy} is damaged: {found}: take another copy, or mend it with .recover")
        (executions,) = connection.execute("SELECT count(*) FROM execution").fetchone()
        version = sqlite_file.schema_version(copy, connection)
    return Copied(executions, version, copy.stat().st_size)


def _open(path: Path) -> sqlite3.Connection:
    if not path.is_file():
        raise StoreError(f"there is no database {path}: name the file of a store")
    return sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True)


def _drop_log(store: Path) -> None:
    """A log belongs to the file that it was written for: with another one it would damage that."""
    for name in _log_files(store):
        name.unlink(missing_ok=True)


def _log_files(path: Path) -> list[Path]:
    return [path.with_name(path.name + suffix) for suffix in ("-wal", "-shm", "-journal")]


def _refuse_existing(file: Path, replace: bool) -> None:
    if file.exists() and not replace:
        raise StoreError(f"{file} is there already: name another file, or replace it with --force")


@contextmanager
def _locked(store: Path) -> Iterator[None]:
    lock = sqlite_file.lock(store)
    try:
        yield
    finally:
        os.close(lock)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise sqlite_file.explain(path, error) from error


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
