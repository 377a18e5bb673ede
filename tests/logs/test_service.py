"""The log service: what is written is read, in order, and what is kept is bounded."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from stepwell.engine.clock import SystemClock
from stepwell.logs import database, service
from stepwell.logs.database import DAY_MS, Entry, GroupKey
from stepwell.logs.service import Logs
from stepwell.store.protocol import StoreError

pytestmark = pytest.mark.anyio

GROUP = GroupKey("123456789012", "us-east-1", "g")


class Clock(SystemClock):
    at = 1_700_000_000.0

    def now(self) -> float:
        return self.at


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def logs() -> AsyncIterator[Logs]:
    logs = Logs(None, Clock())
    yield logs
    await logs.close()


def entry(text: str, at_ms: int | None = None, stream: str = "s", group: GroupKey = GROUP, **more: Any) -> Entry:
    at_ms = int(Clock.at * 1000) if at_ms is None else at_ms
    return Entry(group, stream, at_ms, text, **{"makes_group": True, **more})


async def read(logs: Logs, group: GroupKey = GROUP, **more: Any) -> list[str]:
    """All that is there, page by page."""
    found = await logs.ask(database.group, group)
    texts, beyond, goes_on = [], None, True
    while goes_on:
        options = {"first_ms": 0, "last_ms": 2**53, "now_ms": logs.now_ms, "limit": 10_000, **more}
        page, beyond = await logs.ask(database.events, found, beyond=beyond, **options)
        texts += [event.message for event in page]
        goes_on = beyond is not None
    return texts


async def test_a_read_sees_what_was_written_just_before(logs: Logs) -> None:
    logs.write(entry("a"))
    assert await read(logs) == ["a"]
    logs.write(entry("b"))
    logs.write(entry("c"))
    assert await read(logs) == ["a", "b", "c"]


async def test_events_are_in_the_order_of_their_time_and_then_of_their_coming(logs: Logs) -> None:
    for text, at_ms in (("late", 3000), ("first", 1000), ("second", 2000), ("also second", 2000)):
        logs.write(entry(text, at_ms))
    expected = ["first", "second", "also second", "late"]
    for limit in (1, 2, 10):
        assert await read(logs, limit=limit) == expected
        assert await read(logs, limit=limit, descending=True) == expected[::-1]
    assert await read(logs, first_ms=2000, last_ms=2999) == ["second", "also second"]


async def test_streams_are_chosen_by_name_or_by_prefix(logs: Logs) -> None:
    for stream in ("a/1", "a/2", "b%", "b_"):
        logs.write(entry(stream, stream=stream))
    assert await read(logs, prefix="a/") == ["a/1", "a/2"]
    assert await read(logs, prefix="b%") == ["b%"]
    assert await read(logs, streams=["b_"]) == ["b_"]
    assert await read(logs, streams=["a/2", "gone", "b_"]) == ["a/2", "b_"]
    assert await read(logs, streams=["gone"]) == []


async def test_a_page_ends_at_a_megabyte_and_after_what_one_call_may_look_at(
    logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        logs.write(entry(f"{number}" * 400_000))
    group = await logs.ask(database.group, GROUP)
    options: Any = {"first_ms": 0, "last_ms": 2**53, "now_ms": logs.now_ms, "limit": 10_000}
    page, _ = await logs.ask(database.events, group, **options)
    assert [event.message[0] for event in page] == ["0", "1"]
    monkeypatch.setattr(database, "LOOKED_AT_MAX", 2)
    page, goes_on = await logs.ask(database.events, group, matches=lambda text: text[0] == "4", **options)
    assert page == [] and goes_on is not None
    assert [text[0] for text in await read(logs, matches=lambda text: text[0] == "4")] == ["4"]


async def test_a_group_is_made_only_where_it_is_wanted(logs: Logs) -> None:
    logs.write(entry("nobody reads this", makes_group=False))
    assert await logs.ask(database.group, GROUP) is None
    assert await logs.ask(database.create_group, GROUP, logs.now_ms)
    assert not await logs.ask(database.create_group, GROUP, logs.now_ms)
    logs.write(entry("kept", makes_group=False))
    assert await read(logs) == ["kept"]
    assert await logs.ask(database.delete_group, GROUP)
    assert not await logs.ask(database.delete_group, GROUP)
    logs.write(entry("again"))
    assert await read(logs) == ["again"]


async def test_what_is_past_the_retention_is_gone_at_once_and_then_from_the_disk(logs: Logs) -> None:
    now = logs.now_ms
    logs.write(entry("old", now - 4 * DAY_MS))
    logs.write(entry("new", now - 2 * DAY_MS))
    assert await logs.ask(database.set_retention, GROUP, 3)
    assert await read(logs) == ["new"]
    await logs.ask(database.set_retention, GROUP, None)
    assert await read(logs) == ["old", "new"]
    await logs.ask(database.set_retention, GROUP, 3)
    await logs.ask(database.expire, now)
    await logs.ask(database.set_retention, GROUP, None)
    assert await read(logs) == ["new"]
    group = await logs.ask(database.group, GROUP)
    assert group is not None and group.stored_bytes == len("new") + 26


async def test_the_largest_group_makes_room(logs: Logs) -> None:
    small = GroupKey(*GROUP[:2], "small")
    logs.write(entry("oldest of all", 1, group=small))
    for number in range(5000):
        logs.write(entry(f"{number:0100d}", 1000 + number))
    await logs.ask(database.trim, 400_000, 200_000)
    left = await read(logs)
    assert 0 < len(left) < 5000 and left[-1] == f"{4999:0100d}" and left[0] == f"{5000 - len(left):0100d}"
    assert await read(logs, small) == ["oldest of all"]
    await logs.ask(database.trim, 0, 0)
    assert await read(logs) == await read(logs, small) == []


async def test_logs_survive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "logs.sqlite"
    logs = Logs(path, Clock())
    logs.write(entry("before"))
    await logs.close()
    assert path.stat().st_mode & 0o777 == 0o600
    logs = Logs(path, Clock())
    logs.write(entry("after"))
    assert await read(logs) == ["before", "after"]
    await logs.close()


async def test_where_the_disk_does_not_keep_up_events_are_lost_and_counted(
    logs: Logs, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(service, "WAITING_BYTES_MAX", 100)
    for number in range(10):
        logs.write(entry(f"{number}" * 30))
    assert [text[0] for text in await read(logs)] == ["0", "1", "2", "3"]
    assert "6 log events were lost" in caplog.text
    logs.write(entry("again"))
    assert (await read(logs))[-1] == "again"


async def test_a_failing_database_costs_its_events_alone(
    logs: Logs, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*arguments: Any) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(database, "insert", fail)
        logs.write(entry("lost"))
        await asyncio.sleep(0)
        assert await logs.ask(database.group, GROUP) is None
    logs.write(entry("kept"))
    assert await read(logs) == ["kept"]
    assert "1 log events were lost" in caplog.text


async def test_a_file_that_is_no_database_is_refused_with_words(tmp_path: Path) -> None:
    path = tmp_path / "logs.sqlite"
    path.write_bytes(b"no database at all, but long enough to have a header" * 20)
    with pytest.raises(StoreError, match=r"logs\.sqlite: it is no SQLite database: name another file"):
        Logs(path, Clock())


async def test_what_comes_after_the_close_is_lost_in_silence(caplog: pytest.LogCaptureFixture) -> None:
    logs = Logs(None, Clock())
    logs.write(entry("early"))
    await logs.close()
    before = asyncio.all_tasks()
    logs.write(entry("late"))
    assert asyncio.all_tasks() == before
    assert not caplog.records
