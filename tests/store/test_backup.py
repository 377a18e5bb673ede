"""Backup beside a writer, restore, and databases of earlier schemas."""

import asyncio
import lzma
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from stepwell.api.server import Server
from stepwell.engine.clock import SystemClock
from stepwell.machine.payload import Payload
from stepwell.store.open import sqlite_path
from stepwell.store.protocol import StoreError
from stepwell.store.sqlite import SqliteStore
from stepwell.store.sqlite_backup import backup, migrate_file, restore
from stepwell.store.sqlite_file import SCHEMA_VERSION

COMMITTER = Path(__file__).with_name("committer.py")
STORES = Path(__file__).parents[1] / "data" / "stores"
WAITING = "arn:aws:states:us-east-1:123456789012:execution:approval:waiting"
SIGN = "arn:aws:states:us-east-1:123456789012:activity:sign"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


def written(path: Path, *documents: str) -> None:
    async def write() -> None:
        store = SqliteStore(path)
        await asyncio.gather(*(store.put("kind", key, b"document") for key in documents))
        await store.close()

    asyncio.run(write())


def documents(path: Path) -> list[str]:
    async def read() -> list[str]:
        store = SqliteStore(path)
        try:
            return [key for key, _ in await store.list("kind")]
        finally:
            await store.close()

    return asyncio.run(read())


def refusal(work: object, *arguments: object, **options: object) -> str:
    with pytest.raises(StoreError) as refused:
        work(*arguments, **options)  # type: ignore[operator]
    return str(refused.value)


# Backup


def test_a_backup_beside_a_server_that_writes_holds_all_that_was_committed_before(path: Path, tmp_path: Path) -> None:
    command = [sys.executable, COMMITTER, f"sqlite:{path}", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        copies = []
        for number in range(3):
            committed = [int(process.stdout.readline()) for _ in range(20)]
            copies.append((committed[-1], tmp_path / f"{number}.backup"))
            backup(path, copies[-1][1])
        process.kill()
    for committed, copy in copies:
        with closing(sqlite3.connect(copy)) as connection:
            steps = connection.execute("SELECT journal, count(*), max(sequence) FROM step GROUP BY journal").fetchall()
        # A commit is in the copy whole or not at all.
        assert len(steps) == 7 and len({count for _, count, _ in steps}) == 1
        assert all(count == last >= committed for _, count, last in steps)
        assert sorted(copy.parent.glob(f"{copy.name}*")) == [copy]
        assert copy.stat().st_mode & 0o777 == 0o600


def test_a_backup_of_a_store_that_was_killed_holds_its_log(path: Path, tmp_path: Path) -> None:
    command = [sys.executable, COMMITTER, f"sqlite:{path}", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        committed = [int(process.stdout.readline()) for _ in range(10)][-1]
        process.kill()
    assert backup(path, tmp_path / "copy").schema == SCHEMA_VERSION
    with closing(sqlite3.connect(tmp_path / "copy")) as connection:
        assert connection.execute("SELECT max(sequence) FROM step").fetchone()[0] >= committed


def test_a_backup_replaces_nothing_unasked(path: Path, tmp_path: Path) -> None:
    written(path, "a")
    copy = tmp_path / "copy"
    backup(path, copy)
    written(path, "b")
    assert "copy is there already" in refusal(backup, path, copy)
    backup(path, copy, replace=True)
    restore(copy, tmp_path / "restored.sqlite")
    assert documents(tmp_path / "restored.sqlite") == ["a", "b"]
    other = tmp_path / "other.sqlite"
    written(other, "c")
    assert "is the file of a store" in refusal(backup, path, other, replace=True)
    assert "is the file of a store" in refusal(backup, path, path, replace=True)
    assert (documents(other), documents(path)) == (["c"], ["a", "b"])


def test_what_cannot_be_backed_up(path: Path, tmp_path: Path) -> None:
    assert "there is no database" in refusal(backup, path, tmp_path / "copy")
    path.write_bytes(b"not a database" * 1000)
    assert "it is no SQLite database" in refusal(backup, path, tmp_path / "copy")
    with closing(sqlite3.connect(tmp_path / "theirs")) as connection:
        connection.execute("CREATE TABLE t (c)")
    assert "belongs to another program" in refusal(backup, tmp_path / "theirs", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


# Restore


def test_a_restored_store_is_what_it_was(path: Path, tmp_path: Path) -> None:
    written(path, "a", "b")
    backup(path, tmp_path / "copy")
    written(path, "c")
    assert "store.sqlite is there already" in refusal(restore, tmp_path / "copy", path)
    assert documents(path) == ["a", "b", "c"]
    restore(tmp_path / "copy", path, replace=True)
    assert documents(path) == ["a", "b"]


def test_a_store_in_use_is_not_restored(path: Path, tmp_path: Path) -> None:
    written(path, "a")
    backup(path, tmp_path / "copy")

    async def use() -> None:
        store = SqliteStore(path)
        assert f"is in use by process {os.getpid()}" in refusal(restore, tmp_path / "copy", path, replace=True)
        await store.put("kind", "b", b"")
        await store.close()

    asyncio.run(use())
    assert documents(path) == ["a", "b"]


def test_the_log_of_the_store_before_does_not_get_into_the_restored_one(path: Path, tmp_path: Path) -> None:
    written(path, "a")
    backup(path, tmp_path / "copy")
    command = [sys.executable, COMMITTER, f"sqlite:{path}", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
    assert path.with_name("store.sqlite-wal").stat().st_size
    restore(tmp_path / "copy", path, replace=True)
    assert documents(path) == ["a"]
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM step").fetchone() == (0,)


def test_a_damaged_backup_is_refused_and_the_store_stays(path: Path, tmp_path: Path) -> None:
    written(path, *(f"{number}" for number in range(3000)))
    copy = tmp_path / "copy"
    backup(path, copy)
    data = bytearray(copy.read_bytes())
    for at in range(len(data) // 2, len(data), 8192):
        data[at : at + 64] = bytes(64)
    copy.write_bytes(data)
    assert "damaged" in refusal(restore, copy, path, replace=True)
    assert len(documents(path)) == 3000
    assert not list(tmp_path.glob("*.partial*"))


# Schemas


def unpacked(version: int, path: Path) -> None:
    path.write_bytes(lzma.decompress((STORES / f"v{version}.sqlite.xz").read_bytes()))


def shape(path: Path) -> list[tuple[object, ...]]:
    """Tables with their columns, and indexes and triggers by their text. A default is no part of it: rows name all."""
    with closing(sqlite3.connect(path)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        columns = [
            (table, *column[:4], column[5])
            for table in sorted(tables)
            for column in connection.execute(f"PRAGMA table_info({table})")
        ]
        query = "SELECT name, sql FROM sqlite_schema WHERE type <> 'table' AND sql IS NOT NULL ORDER BY name"
        return [*columns, *connection.execute(query)]


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_a_migrated_file_has_the_shape_of_a_new_one(version: int, path: Path, tmp_path: Path) -> None:
    unpacked(version, path)
    before = path.read_bytes()
    kept = migrate_file(path)
    assert kept is not None and kept.name.startswith(f"store.sqlite.schema-{version}.")
    with closing(sqlite3.connect(kept)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (version,)
        assert connection.execute("SELECT count(*) FROM execution").fetchone() == (2,)
    written(tmp_path / "new.sqlite")
    assert shape(path) == shape(tmp_path / "new.sqlite")
    assert migrate_file(path) is None
    assert path.read_bytes() != before


def test_a_migration_that_fails_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unpacked(1, path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE INDEX execution_of_map_run_in_status ON execution (status)")
        connection.commit()
    shape_before = shape(path)
    assert "execution_of_map_run_in_status already exists" in refusal(SqliteStore, path)
    assert shape(path) == shape_before
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)


class LaterClock(SystemClock):
    """A minute after the database was made, whatever the time is now."""

    def now(self) -> float:
        return 1_795_322_113.0


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_what_an_older_release_left_waiting_goes_on(version: int, path: Path, tmp_path: Path) -> None:
    unpacked(version, path)

    async def go_on() -> None:
        server = await Server.open(
            store_url=f"sqlite:{path}", data_dir=tmp_path / "data", limits="aws", clock=LaterClock()
        )  # fmt: skip
        await server.start("http://127.0.0.1:1")
        try:
            task = await server.engine._runner.activities.poll(SIGN, "worker", 20)  # type: ignore[attr-defined]
            assert task is not None

            await server.engine.task_succeeded(task[0], Payload("signed"))
            row = await server.engine.closed(WAITING)
            assert (row.status, row.output) == ("SUCCEEDED", '"signed"')
            history = await server.engine.history(WAITING)
            assert [id for id, _ in history] == list(range(1, len(history) + 1))
            assert history[1][1].input.value["order"] == 17  # type: ignore[attr-defined]
        finally:
            await server.close()

    asyncio.run(go_on())


def test_the_file_of_a_store_by_its_url_or_its_path() -> None:
    assert sqlite_path("a/b.sqlite") == sqlite_path("sqlite:a/b.sqlite") == sqlite_path("sqlite:///a/b.sqlite")
    for text in ("memory:", "postgresql://x/y"):
        assert "is no SQLite file" in refusal(sqlite_path, text)
