"""What is SQLite's own: the file, its lock and its failures, and that what was committed outlives the process."""

import asyncio
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

import stepwell
from stepwell.store.memory import MemoryStore
from stepwell.store.open import open_store
from stepwell.store.protocol import SHARDS, Checkpoint, ExecutionRow, OutboxEntry, StepCommit, StoreError
from stepwell.store.sqlite import SqliteStore

ALL = range(SHARDS)
COMMITTER = Path(__file__).with_name("committer.py")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


def opened(path: Path, work: Callable[[SqliteStore], Awaitable[None]]) -> None:
    async def run() -> None:
        store = SqliteStore(path)
        try:
            await work(store)
        finally:
            await store.close()

    asyncio.run(run())


def step(execution: str, sequence: int = 1, body: bytes = b"records") -> StepCommit:
    return StepCommit(
        execution=execution, sequence=sequence, records=1, first_event_id=sequence, events=1, writer=b"w", body=body
    )


def refusal(path: Path) -> str:
    with pytest.raises(StoreError) as refused:
        SqliteStore(path)
    return str(refused.value)


# Durability


def test_everything_is_there_after_closing_and_opening(path: Path) -> None:
    async def write(store: SqliteStore) -> None:
        first = step("a")
        first.timers, first.outbox, first.payloads = {"t": 5.0}, {"c": OutboxEntry(b"command")}, {b"d": b"payload"}
        first.deliveries = [("b", b"message")]
        await store.commit([first])
        await store.save_checkpoint("a", Checkpoint(1, 1, b"folded"))
        await store.put("kind", "key", b"document")
        await store.lease("old node", 0.0, 1e9)

    async def read(store: SqliteStore) -> None:
        assert (await store.journal("a", 2)).steps[0].body == b"records"
        assert (await store.journal("a", 1)).checkpoint == Checkpoint(1, 1, b"folded")
        assert len(await store.timers_due(ALL, 10.0, 10)) == len(await store.outbox(ALL)) == 1
        assert await store.payloads("a", [b"d"]) == {b"d": b"payload"}
        assert [message.body for message in await store.inbox_of("b")] == [b"message"]
        assert await store.get("kind", "key") == b"document"
        assert await store.commit([step("a"), step("a", 2)]) == [False, True]
        # No other node can be alive, so a new one need not wait for the old one's leases.
        assert await store.lease("new node", 1.0, 2.0) == set(ALL)

    opened(path, write)
    assert not path.with_name("store.sqlite-wal").exists()
    opened(path, read)


def killed_after(url: str, first: int, batches: int) -> int:
    """Run the committer from batch `first` until it has reported so many, kill it, and return the last it reported."""
    environment = os.environ | {"PYTHONPATH": str(Path(stepwell.__file__).parents[1])}
    command = [sys.executable, str(COMMITTER), url, str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(batches)]
        child.kill()
        lines += child.stdout.readlines()
    return int(lines[-1])


def test_what_was_reported_as_committed_survives_a_kill(path: Path) -> None:
    async def check(store: SqliteStore) -> None:
        bodies = [[s.body for s in (await store.journal(f"execution-{n}", 1)).steps] for n in range(7)]
        # The batch that was under way may be there too, but then for every execution.
        assert len(bodies[0]) in (reported, reported + 1)
        assert all(each == [str(number).encode() * 50 for number in range(1, len(each) + 1)] for each in bodies)
        assert {len(each) for each in bodies} == {len(bodies[0])}
        assert len(await store.timers_due(ALL, 1e9, 10**6)) == 7 * len(bodies[0])
        assert {command.key for command in await store.outbox(ALL)} == {str(len(bodies[0]))}
        committed.append(len(bodies[0]))

    committed = [0]
    for batches in (1, 40, 200):
        reported = killed_after(f"sqlite:{path}", committed[-1] + 1, batches)
        opened(path, check)
    assert committed[-1] >= 241


# The file


def test_a_second_server_is_told_who_has_the_file(path: Path) -> None:
    async def check(store: SqliteStore) -> None:
        assert f"{path} is in use by process {os.getpid()}" in refusal(path)
        assert await store.commit([step("a")]) == [True]

    opened(path, check)
    opened(path, lambda store: store.delete("kind", "key"))


def test_a_refused_file_is_not_locked(path: Path) -> None:
    path.write_bytes(b"notes" * 1000)
    refusal(path)
    path.unlink()
    opened(path, lambda store: store.put("kind", "key", b""))


def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path) -> None:
    path.write_bytes(b"notes" * 1000)
    assert "it is no SQLite database: name another file" in refusal(path)
    assert path.read_bytes() == b"notes" * 1000


def test_the_database_of_another_program_is_refused_and_left_alone(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE theirs (x)")
    database.close()
    before = path.read_bytes()
    assert "belongs to another program" in refusal(path)
    assert path.read_bytes() == before


def test_a_newer_schema_is_refused(path: Path) -> None:
    opened(path, lambda store: store.put("kind", "key", b""))
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 3")
    database.close()
    assert "written by a newer Stepwell (schema 3; this one knows 2): upgrade Stepwell" in refusal(path)


def test_the_folder_is_created(tmp_path: Path) -> None:
    opened(tmp_path / "new" / "folder" / "store.sqlite", lambda store: store.put("kind", "key", b""))
    assert (tmp_path / "new" / "folder" / "store.sqlite").exists()


def test_a_folder_that_cannot_be_written_is_named() -> None:
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)  # Nothing is read-only for root.
    try:
        message = refusal(folder / "store.sqlite")
    finally:
        os.seteuid(user)
        folder.rmdir()
    assert "Permission denied" in message and "choose a folder that this user may write to" in message


def test_a_file_that_cannot_be_created_in_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "cannot create store.sqlite.lock beside it" in refusal(tmp_path / "file" / "store.sqlite")


# Failures under way


async def fails(work: Awaitable[object]) -> str:
    with pytest.raises(StoreError) as failed:
        await work
    return str(failed.value)


def test_a_full_disk_is_named_and_nothing_is_half_written(path: Path) -> None:
    async def check(store: SqliteStore) -> None:
        pages = await store._writer.run(lambda database: database.execute("PRAGMA page_count").fetchone()[0])
        await store._writer.run(lambda database: database.execute(f"PRAGMA max_page_count = {pages}").fetchone())
        big = [step(f"big-{number}", body=bytes(100_000)) for number in range(3)]
        full, small = await asyncio.gather(
            fails(store.commit([step("small"), *big])), store.put("kind", "key", b"fits"), return_exceptions=True
        )
        assert isinstance(full, str) and "the disk is full: free some space" in full
        # What shared the transaction and fits is stored all the same.
        assert small is None and await store.get("kind", "key") == b"fits"
        assert (await store.journal("small", 1)).steps == []

        await store._writer.run(lambda database: database.execute("PRAGMA max_page_count = 100000").fetchone())
        assert await store.commit([step("small"), *big]) == [True] * 4

    opened(path, check)


def test_a_lock_of_another_program_is_named(path: Path) -> None:
    async def check(store: SqliteStore) -> None:
        await store._writer.run(lambda database: database.execute("PRAGMA busy_timeout = 10").fetchone())
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        attempts = await asyncio.gather(*(fails(store.commit([step(name)])) for name in "abc"))
        assert all("another program holds a lock on it" in text for text in attempts)
        assert await store.execution("a") is None
        other.execute("ROLLBACK")
        other.close()
        assert await store.commit([step("a")]) == [True]

    opened(path, check)


def test_a_damaged_file_is_named(path: Path) -> None:
    async def fill(store: SqliteStore) -> None:
        await store.commit([step(f"execution-{number}", body=bytes(5000)) for number in range(50)])

    async def check(store: SqliteStore) -> None:
        assert "it is damaged: restore a backup" in await fails(store.journal("execution-1", 1))

    opened(path, fill)
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(8192)  # The first page, with the schema, stays as it is.
        file.write(b"\xaa" * (size - 8192))
    opened(path, check)


def test_a_job_that_fails_harms_no_other_of_its_transaction(path: Path) -> None:
    async def check(store: SqliteStore) -> None:
        puts = [store.put("kind", str(number), b"" if number != 5 else None) for number in range(10)]  # type: ignore[arg-type]
        results = await asyncio.gather(*puts, return_exceptions=True)
        assert [number for number, result in enumerate(results) if result is not None] == [5]
        assert "NOT NULL constraint failed: document.body" in str(results[5])
        assert [key for key, _ in await store.list("kind")] == [str(number) for number in range(10) if number != 5]

    opened(path, check)


def test_a_batch_that_fails_at_its_end_leaves_nothing(path: Path) -> None:
    async def check(store: SqliteStore) -> None:
        whole, broken = step("whole"), step("broken")
        whole.timers, whole.outbox = {"t": 5.0}, {"c": OutboxEntry(b"")}
        broken.deliveries = [("parent", None)]  # type: ignore[list-item]
        assert "NOT NULL constraint failed: inbox.body" in await fails(store.commit([whole, broken]))
        assert (await store.journal("whole", 1)).steps == (await store.journal("broken", 1)).steps == []
        assert await store.timers_due(ALL, 10.0, 10) == await store.outbox(ALL) == []
        assert await store.commit([whole]) == [True]

    opened(path, check)


def test_a_closed_store_says_so_and_closing_twice_is_no_error(path: Path) -> None:
    async def check(store: SqliteStore) -> None:
        pending = [asyncio.ensure_future(store.put("kind", str(number), b"")) for number in range(100)]
        await asyncio.sleep(0)
        await store.close()
        await asyncio.gather(*pending)
        assert "this store is closed" in await fails(store.get("kind", "1"))
        assert "this store is closed" in await fails(store.commit([step("a")]))

    opened(path, check)
    opened(path, lambda store: store.put("kind", "key", b""))


# What things cost


def test_waiting_writes_share_a_transaction(path: Path) -> None:
    async def check(store: SqliteStore) -> None:
        statements: list[str] = []
        await store._writer.run(lambda database: database.set_trace_callback(statements.append))
        await asyncio.gather(*(store.put("kind", str(number), b"") for number in range(200)))
        assert 1 <= sum(text.startswith("BEGIN") for text in statements) < 20

    opened(path, check)


def test_a_page_costs_the_same_however_much_there_is(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fill(store: SqliteStore, numbers: range, status: str) -> None:
        steps = [step(f"e{number:05}") for number in numbers]
        for each in steps:
            each.row = ExecutionRow(
                id=each.execution, name="", state_machine="m", revision="", status=status, started_at=1.0, input="",
                version="v", alias="a",
            )  # fmt: skip
            each.timers = {"t": 1.0}
        await store.commit(steps)

    async def cost(store: SqliteStore) -> list[int]:
        """In tens of instructions of SQLite's machine."""
        costs = []
        for through in "mva":
            for status, before in ((None, (1.0, "e00100")), ("FAILED", None)):
                ticks.clear()
                assert len(await store.executions(through=through, status=status, limit=20, before=before)) == 20
                costs.append(len(ticks))
        ticks.clear()
        assert len(await store.timers_due(ALL, 5.0, 20)) == 20
        return [*costs, len(ticks)]

    async def check(store: SqliteStore) -> None:
        await store._readers.run(lambda database: database.set_progress_handler(lambda: ticks.append(None), 10))
        await fill(store, range(200), "FAILED")
        few = await cost(store)
        await fill(store, range(200, 4000), "RUNNING")
        assert all(later <= earlier + 2 for earlier, later in zip(few, await cost(store), strict=True))

    ticks: list[None] = []
    monkeypatch.setattr("stepwell.store.sqlite._READERS", 1)
    opened(path, check)


# URLs


@pytest.mark.parametrize(
    ("url", "file"),
    [
        ("sqlite:store.db", "store.db"),
        ("sqlite:sub/store.db", "sub/store.db"),
        ("sqlite:///store.db", "store.db"),
        ("sqlite:///{folder}/store.db", "store.db"),
        ("sqlite:{folder}/store.db", "store.db"),
    ],
)
def test_urls_of_files(url: str, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def check() -> None:
        store = await open_store(url.format(folder=tmp_path))
        assert isinstance(store, SqliteStore)
        await store.close()

    monkeypatch.chdir(tmp_path)
    asyncio.run(check())
    assert (tmp_path / file).is_file()


def test_the_url_of_memory() -> None:
    assert isinstance(asyncio.run(open_store("memory:")), MemoryStore)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql://host/name", "PostgreSQL is not available yet"),
        ("postgres://host/name", "PostgreSQL is not available yet"),
        ("sqlite:", "names no file"),
        ("sqlite:///", "names no file"),
        ("sqlite://store.db", "names no file"),
        ("sqlite::memory:", "write memory: to keep nothing"),
        ("memory:name", "names no store"),
        ("store.db", "names no store"),
        ("", "names no store"),
    ],
)
def test_urls_that_name_no_store(url: str, reason: str) -> None:
    with pytest.raises(StoreError, match=reason):
        asyncio.run(open_store(url))


def test_the_files_are_private(path: Path) -> None:
    """Handlers may run as another user, and journals hold what is not theirs."""
    modes: dict[str, int] = {}

    async def work(store: SqliteStore) -> None:
        await store.put("kind", "key", b"body")
        modes.update({file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()})

    opened(path, work)
    assert len(modes) >= 3 and set(modes.values()) == {0o600}, modes
