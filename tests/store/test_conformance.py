"""What every store promises, held against each of them."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stepwell.store.open import open_store
from stepwell.store.protocol import (
    SHARDS,
    Checkpoint,
    ExecutionRow,
    Found,
    InboxRow,
    Journal,
    OutboxEntry,
    OutboxRow,
    Search,
    StepCommit,
    StepRow,
    Store,
    TimerRow,
    shard_of,
)

ALL = range(SHARDS)


def on_every_store(test: Callable[[Store], Awaitable[None]]) -> Callable[[str, Path], None]:
    @pytest.mark.parametrize("kind", ["memory", "sqlite"])
    def on_one(kind: str, tmp_path: Path) -> None:
        asyncio.run(_opened("memory:" if kind == "memory" else f"sqlite:{tmp_path / 'store.sqlite'}", test))

    on_one.__name__ = test.__name__
    return on_one


async def _opened(url: str, test: Callable[[Store], Awaitable[None]]) -> None:
    store = await open_store(url)
    try:
        await test(store)
    finally:
        await store.close()


def step(execution: str, sequence: int = 1, records: int = 1, **more: Any) -> StepCommit:
    """A step with as many events as records, unless `more` says otherwise."""
    fields: dict[str, Any] = {"first_event_id": sequence, "events": records, "writer": b"writer", "body": b"records"}
    return StepCommit(execution=execution, sequence=sequence, records=records, **fields | more)


def row(id: str, **more: Any) -> ExecutionRow:
    fields: dict[str, Any] = {"name": "name", "revision": "r1", "status": "RUNNING", "started_at": 1.0, "input": "{}"}
    return ExecutionRow(id=id, **{"state_machine": "machine"} | fields | more)


def full_step(execution: str, sequence: int, mark: str, **more: Any) -> StepCommit:
    """A step that writes one row of every kind, each recognisable by `mark`."""
    fields: dict[str, Any] = {
        "writer": mark.encode(),
        "payloads": {mark.encode(): mark.encode()},
        "row": row(execution, cause=mark),
        "timers": {mark: 5.0},
        "outbox": {mark: OutboxEntry(mark.encode(), "queue")},
        "deliveries": [("parent", mark.encode())],
    }
    return step(execution, sequence, **fields | more)


async def marks(store: Store, execution: str, asked: list[str]) -> dict[str, list[str]]:
    """By kind of row, the marks of the full steps that have written one for this execution."""
    execution_row = await store.execution(execution)
    return {
        "steps": [stored.writer.decode() for stored in (await store.journal(execution, 1)).steps],
        "rows": [execution_row.cause or ""] if execution_row else [],
        "payloads": [body.decode() for body in (await store.payloads(execution, [m.encode() for m in asked])).values()],
        "timers": [timer.key for timer in await store.timers_due(ALL, 10.0, 100) if timer.execution == execution],
        "outbox": [command.key for command in await store.outbox(ALL) if command.execution == execution],
        "deliveries": [message.body.decode() for message in await store.inbox_of("parent")],
    }


# The fence


@on_every_store
async def test_a_loser_writes_nothing_and_harms_nobody(store: Store) -> None:
    assert await store.commit([full_step("a", 1, "first")]) == [True]
    (delivered,) = await store.inbox(ALL)

    late = full_step("a", 1, "late", consumed=[delivered.id])
    assert await store.commit([step("b"), late, step("c")]) == [True, False, True]

    assert set(map(tuple, (await marks(store, "a", ["first", "late"])).values())) == {("first",)}
    assert len((await store.journal("b", 1)).steps) == len((await store.journal("c", 1)).steps) == 1


@on_every_store
async def test_of_two_steps_with_one_key_in_a_batch_the_first_wins(store: Store) -> None:
    assert await store.commit([full_step("a", 1, "one"), full_step("a", 1, "two")]) == [True, False]
    assert set(map(tuple, (await marks(store, "a", ["one", "two"])).values())) == {("one",)}


@on_every_store
async def test_exactly_one_of_many_concurrent_writers_wins_each_step(store: Store) -> None:
    async def write(writer: int, sequence: int) -> bool:
        (won,) = await store.commit([step("a", sequence, writer=bytes([writer]))])
        return won

    for sequence in range(1, 11):
        won = await asyncio.gather(*(write(writer, sequence) for writer in range(20)))
        assert won.count(True) == 1
        assert (await store.journal("a", 1)).steps[-1].writer == bytes([won.index(True)])


@on_every_store
async def test_a_step_wins_only_where_its_journal_ends(store: Store) -> None:
    assert await store.commit([step("a", 2)]) == [False]
    assert await store.commit([step("a", 1, records=3)]) == [True]
    for sequence in (1, 2, 3, 5):
        assert await store.commit([full_step("a", sequence, "stray")]) == [False]
    assert await store.commit([step("a", 4)]) == [True]
    assert [stored.sequence for stored in (await store.journal("a", 1)).steps] == [1, 4]
    assert await store.execution("a") is None


@on_every_store
async def test_steps_of_a_batch_are_judged_in_order(store: Store) -> None:
    first = step("a", 1, timers={"set": 1.0, "dropped": 1.0}, outbox={"dropped": OutboxEntry(b"")})
    second = step("a", 2, timers={"dropped": None, "set": 2.0}, outbox={"dropped": None})
    assert await store.commit([first, second]) == [True, True]
    assert await store.timers_due(ALL, 10.0, 10) == [TimerRow("a", "set", 2.0)]
    assert await store.outbox(ALL) == []
    assert await store.commit([step("a", 4), step("a", 3)]) == [False, True]


@on_every_store
async def test_large_batches_report_each_winner_in_its_place(store: Store) -> None:
    names = [f"execution-{number}" for number in range(300)]
    taken = set(names[::7])
    await store.commit([step(name) for name in taken])
    assert await store.commit([full_step(name, 1, name) for name in names]) == [name not in taken for name in names]
    assert {command.execution for command in await store.outbox(ALL)} == set(names) - taken


@on_every_store
async def test_an_empty_batch_is_nothing(store: Store) -> None:
    assert await store.commit([]) == []


@pytest.mark.parametrize(("records", "events"), [(0, 0), (1, 2), (-1, -1), (1, -1)])
def test_a_step_that_would_be_unfenced_cannot_be_made(records: int, events: int) -> None:
    with pytest.raises(ValueError, match="cannot hold"):
        step("a", records=records, events=events)


# Concurrency


@on_every_store
async def test_many_tasks_commit_at_the_same_time(store: Store) -> None:
    async def live(name: str) -> None:
        for sequence in range(1, 11):
            assert await store.commit([step(name, sequence, body=f"{name}/{sequence}".encode())]) == [True]
            await store.put("progress", name, str(sequence).encode())

    names = [f"execution-{number}" for number in range(50)]
    await asyncio.gather(*map(live, names))
    for name in names:
        bodies = [stored.body for stored in (await store.journal(name, 1)).steps]
        assert bodies == [f"{name}/{sequence}".encode() for sequence in range(1, 11)]
        assert await store.get("progress", name) == b"10"


@on_every_store
async def test_what_is_committed_can_be_read_at_once(store: Store) -> None:
    for sequence in range(1, 30):
        await store.commit([step("a", sequence, row=row("a", cause=str(sequence)))])
        stored, journal = await asyncio.gather(store.execution("a"), store.journal("a", 1))
        assert stored is not None and stored.cause == str(sequence)
        assert len(journal.steps) == sequence


@on_every_store
async def test_a_cancelled_caller_leaves_the_store_whole(store: Store) -> None:
    task = asyncio.create_task(store.commit([step("a")]))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    # Whether it was written is unknown, but not any more when a later commit has returned.
    assert await store.commit([step("b")]) == [True]
    steps = (await store.journal("a", 1)).steps
    assert await store.commit([step("a", len(steps) + 1)]) == [True]


# Journals


@on_every_store
async def test_a_journal_gives_back_what_was_committed(store: Store) -> None:
    await store.commit([step("a", 1, 4, first_event_id=1, events=3, writer=b"\x00w", body=b"\xff\x00", format=2)])
    await store.commit([step("a", 5, 2, first_event_id=4, events=0)])
    assert await store.journal("a", 1) == Journal(
        None, [StepRow(1, 4, 1, 3, b"\x00w", b"\xff\x00", 2), StepRow(5, 2, 4, 0, b"writer", b"records", 1)]
    )
    assert await store.journal("nobody", 1) == Journal(None, [])


@on_every_store
async def test_a_journal_starts_after_its_checkpoint(store: Store) -> None:
    await store.commit([step("a", sequence, 2) for sequence in (1, 3, 5, 7)])
    checkpoint = Checkpoint(4, 1, b"folded")
    await store.save_checkpoint("a", checkpoint)

    async def read(format: int, after: int = 0) -> tuple[Checkpoint | None, list[int]]:
        journal = await store.journal("a", format, after)
        return journal.checkpoint, [stored.sequence for stored in journal.steps]

    assert await read(1) == (checkpoint, [5, 7])
    assert await read(1, after=2) == (checkpoint, [5, 7])
    assert await read(1, after=6) == (checkpoint, [7])
    assert await read(2) == (None, [1, 3, 5, 7])
    assert await read(2, after=2) == (None, [3, 5, 7])


@on_every_store
async def test_a_checkpoint_yields_to_a_later_one_or_another_format(store: Store) -> None:
    await store.commit([step("a", 1, 9)])

    async def saved(sequence: int, format: int) -> bool:
        checkpoint = Checkpoint(sequence, format, f"{sequence}/{format}".encode())
        await store.save_checkpoint("a", checkpoint)
        return (await store.journal("a", format)).checkpoint == checkpoint

    assert await saved(4, 1)
    assert not await saved(3, 1)
    assert await saved(9, 1)
    assert await saved(2, 2)
    assert (await store.journal("a", 1)).checkpoint is None


@on_every_store
async def test_steps_are_found_by_their_events(store: Store) -> None:
    # (sequence, records, first event, events); the second and the last are internal records alone.
    shapes = [(1, 5, 1, 3), (6, 4, 4, 0), (10, 1, 4, 1), (11, 6, 5, 4), (17, 2, 9, 0)]
    await store.commit([step("a", s, r, first_event_id=first, events=events) for s, r, first, events in shapes])
    await store.commit([step("b", 1, 9)])

    async def found(first: int, last: int) -> list[int]:
        return [stored.sequence for stored in await store.steps_with_events("a", first, last)]

    assert await found(1, 3) == [1]
    assert await found(3, 4) == [1, 10]
    assert await found(4, 4) == [10]
    assert await found(5, 8) == [11]
    assert await found(8, 100) == [11]
    assert await found(1, 100) == [1, 10, 11]
    assert await found(9, 100) == []
    assert await store.steps_with_events("nobody", 1, 9) == []
    assert [await store.last_event_id(name) for name in ("a", "b", "nobody")] == [8, 9, 0]


# Projections


@on_every_store
async def test_payloads_are_kept_once_within_their_execution(store: Store) -> None:
    await store.commit([step("a", payloads={b"d1": b"one", b"d2": b"two"}), step("b", payloads={b"d1": b"other"})])
    await store.commit([step("a", 2, payloads={b"d1": b"one", b"d3": b""})])
    assert await store.payloads("a", [b"d1", b"d3", b"d4"]) == {b"d1": b"one", b"d3": b""}
    assert await store.payloads("b", [b"d1", b"d2"]) == {b"d1": b"other"}
    assert await store.payloads("a", []) == {}


@on_every_store
async def test_a_row_is_given_back_as_it_was_and_replaced(store: Store) -> None:
    running = row("a", version="machine:1", alias="machine:live", input=b"digest", started_at=1.25)
    await store.commit([step("a", row=running)])
    assert await store.execution("a") == running
    await store.commit([step("a", 2)])
    assert await store.execution("a") == running

    failed = msgspec.structs.replace(
        running, status="FAILED", stopped_at=2.5, output='"ü\x00"', error="E", cause="", warnings="quota"
    )
    await store.commit([step("a", 3, row=failed)])
    assert await store.execution("a") == failed
    redriven = msgspec.structs.replace(running, warnings="quota")
    await store.commit([step("a", 4, row=redriven)])
    assert await store.execution("a") == redriven


@on_every_store
async def test_timers_come_in_order_and_only_when_due(store: Store) -> None:
    await store.commit(
        [step("a", timers={"late": 30.0, "soon": 10.0, "gone": 5.0}), step("b", timers={"soon": 10.5, "next": 20.0})]
    )
    await store.commit([step("a", 2, timers={"gone": None, "never": None, "late": 25.0})])
    ordered = [
        TimerRow("a", "soon", 10.0),
        TimerRow("b", "soon", 10.5),
        TimerRow("b", "next", 20.0),
        TimerRow("a", "late", 25.0),
    ]
    assert await store.timers_due(ALL, 100.0, 10) == ordered
    assert await store.timers_due(ALL, 100.0, 2) == ordered[:2]
    assert await store.timers_due(ALL, 20.0, 10) == ordered[:2]
    assert await store.timers_due([shard_of("a")], 100.0, 10) == [ordered[0], ordered[3]]
    assert await store.timers_due([], 100.0, 10) == []


@on_every_store
async def test_the_outbox_keeps_the_order_of_writing(store: Store) -> None:
    await store.commit([step("z", outbox={"1": OutboxEntry(b"z1"), "2": OutboxEntry(b"z2")})])
    await store.commit([step("a", outbox={"1": OutboxEntry(b"a1", "activity")})])
    await store.commit([step("z", 2, outbox={"1": OutboxEntry(b"new", "queue"), "2": None, "none": None})])
    z, a = OutboxRow("z", "1", "queue", b"new"), OutboxRow("a", "1", "activity", b"a1")
    assert await store.outbox(ALL) == [z, a]
    assert await store.outbox([shard_of("a")]) == [a]
    assert await store.outbox([]) == []


@on_every_store
async def test_messages_are_kept_in_order_until_consumed(store: Store) -> None:
    await store.commit([step("x", deliveries=[("a", b"1"), ("b", b"2")]), step("y", deliveries=[("a", b"3")])])
    messages = await store.inbox(ALL)
    assert [(message.execution, message.body) for message in messages] == [("a", b"1"), ("b", b"2"), ("a", b"3")]
    assert [message.id for message in messages] == sorted({message.id for message in messages})
    assert await store.inbox_of("a") == [messages[0], messages[2]]
    assert await store.inbox([shard_of("b")]) == [messages[1]]

    assert await store.commit([step("a", consumed=[messages[0].id, messages[2].id, 999])]) == [True]
    assert await store.inbox(ALL) == [messages[1]]
    assert await store.inbox_of("a") == []


@on_every_store
async def test_the_id_of_a_consumed_message_is_not_used_again(store: Store) -> None:
    await store.commit([step("x", deliveries=[("a", b"1")])])
    (first,) = await store.inbox_of("a")
    await store.commit([step("a", consumed=[first.id])])
    await store.commit([step("x", 2, deliveries=[("a", b"2")])])
    (second,) = await store.inbox_of("a")
    assert second == InboxRow(second.id, "a", b"2") and second.id > first.id


@on_every_store
async def test_forget_deletes_without_a_step(store: Store) -> None:
    await store.commit([step("a", outbox={"1": OutboxEntry(b""), "2": OutboxEntry(b"")}, deliveries=[("a", b"m")])])
    await store.commit([step("b", outbox={"1": OutboxEntry(b"")})])
    (message,) = await store.inbox_of("a")
    await store.forget("a", messages=[message.id, 999], outbox=["1", "none"])
    await store.forget("nobody", outbox=["1"])
    await store.forget("b")
    assert [(command.execution, command.key) for command in await store.outbox(ALL)] == [("a", "2"), ("b", "1")]
    assert await store.inbox(ALL) == []
    assert len((await store.journal("a", 1)).steps) == 1


# Listings


async def pages(store: Store, **query: Any) -> list[str]:
    """The ids of a listing, read in pages of three."""
    found: list[ExecutionRow] = []
    while page := await store.executions(
        **query, limit=3, before=(found[-1].started_at, found[-1].id) if found else None
    ):
        assert len(page) <= 3
        found += page
    return [found_row.id for found_row in found]


@on_every_store
async def test_listing_pages_neither_skip_nor_repeat_ties(store: Store) -> None:
    rows = [row(f"e{number:02}", started_at=float(number // 5)) for number in range(23)]
    await store.commit([step(each.id, row=each) for each in random.Random(7).sample(rows, len(rows))])
    assert await pages(store, through="machine") == [each.id for each in reversed(rows)]


@on_every_store
async def test_listings_through_version_and_alias_and_in_a_status(store: Store) -> None:
    def of(number: int) -> ExecutionRow:
        return row(
            f"e{number:02}",
            started_at=float(number),
            state_machine="machine" if number % 2 else "another",
            version="machine:1" if number % 3 else None,
            alias="machine:live" if number % 5 == 0 else None,
            status="FAILED" if number % 4 == 0 else "SUCCEEDED",
        )

    numbers = list(reversed(range(40)))
    await store.commit([step(of(number).id, row=of(number)) for number in numbers])
    for through in ("machine", "another", "machine:1", "machine:live", "nothing"):
        for status in (None, "FAILED", "RUNNING"):
            wanted = [
                each.id
                for each in map(of, numbers)
                if through in (each.state_machine, each.version, each.alias) and status in (None, each.status)
            ]
            assert await pages(store, through=through, status=status) == wanted


@on_every_store
async def test_an_execution_changes_its_place_in_listings_with_its_status(store: Store) -> None:
    await store.commit([step("a", row=row("a"))])
    await store.commit([step("a", 2, row=row("a", status="SUCCEEDED"))])
    assert await pages(store, through="machine", status="RUNNING") == []
    assert await pages(store, through="machine", status="SUCCEEDED") == await pages(store, through="machine") == ["a"]


# Leases


@on_every_store
async def test_a_lease_is_taken_renewed_and_lost(store: Store) -> None:
    every = set(ALL)
    assert await store.lease("one", 0.0, 10.0) == every
    assert await store.lease("two", 5.0, 15.0) == set()
    assert await store.lease("one", 9.0, 19.0) == every
    assert await store.lease("two", 18.9, 28.9) == set()
    assert await store.lease("two", 19.0, 29.0) == every
    assert await store.lease("one", 20.0, 30.0) == set()


@on_every_store
async def test_a_node_renews_what_nobody_took_in_time(store: Store) -> None:
    await store.lease("one", 0.0, 10.0)
    assert await store.lease("one", 50.0, 60.0) == set(ALL)
    assert await store.lease("two", 55.0, 65.0) == set()


@on_every_store
async def test_released_leases_can_be_taken_at_once(store: Store) -> None:
    await store.lease("one", 0.0, 10.0)
    await store.release("two")
    assert await store.lease("two", 1.0, 11.0) == set()
    await store.release("one")
    assert await store.lease("two", 1.0, 11.0) == set(ALL)


# Documents


@on_every_store
async def test_documents_are_put_got_and_deleted(store: Store) -> None:
    await store.put("machine", "a", b"1")
    await store.put("machine", "a", b"2")
    await store.put("alias", "a", b"\x00\xff")
    assert await store.get("machine", "a") == b"2"
    assert await store.get("alias", "a") == b"\x00\xff"
    await store.delete("machine", "a")
    await store.delete("machine", "a")
    assert await store.get("machine", "a") is None
    assert await store.get("alias", "a") == b"\x00\xff"


@on_every_store
async def test_of_many_concurrent_new_documents_one_is_stored(store: Store) -> None:
    stored = await asyncio.gather(*(store.put_new("machine", "a", bytes([number])) for number in range(20)))
    assert stored.count(True) == 1
    body = bytes([stored.index(True)])
    assert not await store.put_new("machine", "a", body)
    assert await store.get("machine", "a") == body


@on_every_store
async def test_documents_are_listed_by_prefix_in_order(store: Store) -> None:
    keys = ["a", "a%", "a:1", "a:10", "a:2", "a_", "ab", "b", "é", "\U0010ffff", ""]
    for key in random.Random(3).sample(keys, len(keys)):
        await store.put("kind", key, key.encode())
    await store.put("other", "a:3", b"")
    for prefix in ("", "a", "a:", "a:1", "%", "é", "\U0010ffff", "zz"):
        wanted = [(key, key.encode()) for key in sorted(keys) if key.startswith(prefix)]
        assert await store.list("kind", prefix) == wanted
    assert await store.list("nothing") == []


# Finding and counting


MACHINES = [f"arn:aws:states:us-east-1:123456789012:stateMachine:{name}" for name in ("a", "b", "a/L")]
DIGEST = b"\x01" * 32


async def stored(store: Store, id: str, **more: Any) -> None:
    payloads = more.pop("payloads", {})
    await store.commit([step(id, row=row(id, **{"state_machine": MACHINES[0]} | more), payloads=payloads)])


async def found(store: Store, limit: int = 100, scan: int = 10_000, **wanted: Any) -> list[str]:
    """The ids of everything that a search finds, page by page; sees that it comes to an end."""
    ids: list[str] = []
    before: int | None = None
    for _ in range(1000):
        page = await store.search(Search(**wanted), before=before, limit=limit, scan=scan)
        assert len(page.rows) <= limit
        ids += [row.id for row in page.rows]
        if page.before is None:
            return ids
        assert before is None or page.before < before, "it goes on"
        before = page.before
    raise AssertionError("the search does not end")


@on_every_store
async def test_a_search_goes_by_the_order_of_the_first_steps(store: Store) -> None:
    for number, started_at in enumerate((5.0, 9.0, 1.0, 9.0)):
        await stored(store, f"e{number}", started_at=started_at)
    await store.commit([step("e0", 2, row=row("e0", state_machine=MACHINES[0], status="FAILED", started_at=5.0))])
    for limit in (1, 2, 3, 4, 5):
        for scan in (1, 2, 3, 100):
            assert await found(store, limit, scan) == ["e3", "e2", "e1", "e0"]
    assert await found(store, statuses=frozenset({"FAILED"})) == ["e0"]
    assert await found(store, statuses=frozenset()) == []
    assert await found(store, started_from=5.0, started_before=9.0) == ["e0"]
    assert await found(store, state_machine=MACHINES[1]) == []


@on_every_store
async def test_a_search_of_nothing_ends(store: Store) -> None:
    assert await store.search(Search()) == Found([], None)
    assert await store.search(Search(), before=0) == Found([], None)
    assert await store.search(Search(), before=(1 << 63) - 1) == Found([], None)
    await stored(store, "e")
    assert await store.search(Search(), before=1) == Found([], None)


@on_every_store
async def test_text_is_found_in_whole_payloads_in_either_case_of_ascii(store: Store) -> None:
    await stored(store, "small", input='{"a":"Straße 50%"}')
    await stored(store, "large", input=DIGEST, payloads={DIGEST: '{"b":"NEEDLE Ä"}'.encode()})
    await stored(store, "failed", error="States.Timeout", cause="a_b\\c")
    texts: dict[str, list[str]] = {
        "STRAßE": ["small"], "needle": ["large"], "Ä": ["large"], "ä": [], "50%": ["small"], "5_%": [],
        "a_b": ["failed"], "timeout": ["failed"], "b\\c": ["failed"], '"b":': ["large"], "\0": [],
        "'": [], "{}": ["failed"],
    }  # fmt: skip
    for text, ids in texts.items():
        assert await found(store, text=text) == ids, text
    assert await found(store, name="NAM", text="needle") == ["large"]
    assert await found(store, name="n_me") == []


@on_every_store
async def test_map_runs_and_their_children_are_not_searched_and_children_are_counted(store: Store) -> None:
    await stored(store, "e")
    await stored(store, "run", state_machine="arn:aws:states:us-east-1:123456789012:execution:a:e")
    await stored(store, "child", state_machine=MACHINES[2], map_run="run", item=0)
    assert await found(store) == ["e"]
    assert sorted(map(msgspec.structs.astuple, await store.tally(since=0.0, bucket_seconds=10.0))) == [
        (MACHINES[0], "RUNNING", 0, 1), (MACHINES[2], "RUNNING", 0, 1),
    ]  # fmt: skip


@on_every_store
async def test_executions_are_counted_in_buckets(store: Store) -> None:
    for number, started_at in enumerate((9.9, 10.0, 14.999, 15.0, 99.0)):
        await stored(store, f"e{number}", started_at=started_at, status="FAILED" if number == 2 else "SUCCEEDED")
    counted = await store.tally(since=10.0, bucket_seconds=5.0)
    assert sorted((tally.status, tally.bucket, tally.executions) for tally in counted) == [
        ("FAILED", 0, 1), ("SUCCEEDED", -1, 1), ("SUCCEEDED", 0, 1), ("SUCCEEDED", 1, 1), ("SUCCEEDED", 17, 1),
    ]  # fmt: skip


@on_every_store
async def test_a_journal_is_read_in_parts(store: Store) -> None:
    for sequence in (1, 4, 7, 10):
        await store.commit([step("e", sequence, 3)])
    read = [(await store.journal("e", -1, after, 2)).steps for after in (0, 6, 12)]
    assert [[each.sequence for each in steps] for steps in read] == [[1, 4], [7, 10], []]
    await store.save_checkpoint("e", Checkpoint(6, 1, b"state"))
    assert [each.sequence for each in (await store.journal("e", 1, 0, 1)).steps] == [7]
    assert [each.sequence for each in (await store.journal("e", -1, 0, 1)).steps] == [1], "no checkpoint is asked for"
    assert (await store.journal("none", -1, 0, 5)).steps == []


# Both stores beside each other


def random_step(draw: random.Random, names: list[str], ids: list[int]) -> StepCommit:
    keys = ["k1", "k2", "k3"]
    records = draw.randint(1, 3)
    return step(
        draw.choice(names),
        draw.randint(1, 12),
        records,
        events=draw.randint(0, records),
        writer=draw.randbytes(4),
        payloads={draw.choice([b"p1", b"p2"]): b"body"} if draw.random() < 0.3 else {},
        timers={key: draw.choice([None, float(draw.randint(1, 9))]) for key in draw.sample(keys, 2)},
        outbox={key: draw.choice([None, OutboxEntry(draw.randbytes(2))]) for key in draw.sample(keys, 2)},
        consumed=draw.sample(ids, min(len(ids), 1)),
        deliveries=[(draw.choice(names), draw.randbytes(2))] if draw.random() < 0.3 else [],
    )


async def everything(store: Store, names: list[str]) -> list[object]:
    timers = await store.timers_due(ALL, 100.0, 1000)
    return [
        [await store.journal(name, 1) for name in names],
        [await store.payloads(name, [b"p1", b"p2"]) for name in names],
        [await store.last_event_id(name) for name in names],
        sorted((timer.due_at, timer.execution, timer.key) for timer in timers),
        await store.outbox(ALL),
        await store.inbox(ALL),
    ]


@pytest.mark.parametrize("seed", range(8))
def test_random_batches_leave_both_stores_the_same(seed: int, tmp_path: Path) -> None:
    async def compare() -> None:
        draw = random.Random(seed)
        names = [f"execution-{number}" for number in range(6)]
        memory, sqlite = await open_store("memory:"), await open_store(f"sqlite:{tmp_path / 'store.sqlite'}")
        for _ in range(30):
            ids = [message.id for message in await memory.inbox(ALL)]
            batch = [random_step(draw, names, ids) for _ in range(draw.randint(1, 30))]
            assert await memory.commit(batch) == await sqlite.commit(batch)
        assert await everything(memory, names) == await everything(sqlite, names)
        await sqlite.close()

    asyncio.run(compare())


def random_row(draw: random.Random, id: str) -> dict[str, Any]:
    machine = draw.choice([*MACHINES, "arn:aws:states:us-east-1:123456789012:execution:a:e"])
    text = "".join(draw.choices("aAbBäÄ%_'\\\"{}", k=draw.randint(0, 6)))
    large = draw.random() < 0.3
    return {
        "state_machine": machine, "map_run": "run" if machine == MACHINES[2] else None,
        "item": int(id[1:]) if machine == MACHINES[2] else None, "name": text or "n",
        "status": draw.choice(["RUNNING", "FAILED", "SUCCEEDED"]), "started_at": draw.randint(0, 40) / 2,
        "stopped_at": 30.0,
        "input": DIGEST if large else text, "payloads": {DIGEST: text.encode()} if large else {},
        "output": draw.choice([None, text]), "error": draw.choice([None, "Oops"]), "cause": draw.choice([None, text]),
    }  # fmt: skip


def random_search(draw: random.Random) -> dict[str, Any]:
    def perhaps(value: Any) -> Any:
        return value if draw.random() < 0.4 else None

    part = "".join(draw.choices("aAbBäÄ%_'\\\"{}", k=draw.randint(1, 2)))
    return {
        "state_machine": perhaps(draw.choice(MACHINES)), "name": perhaps(part), "text": perhaps(part),
        "statuses": perhaps(frozenset(draw.sample(["RUNNING", "FAILED", "SUCCEEDED"], draw.randint(0, 2)))),
        "started_from": perhaps(draw.randint(0, 40) / 2), "started_before": perhaps(draw.randint(0, 40) / 2),
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_random_searches_find_the_same_in_both_stores(seed: int, tmp_path: Path) -> None:
    async def compare() -> None:
        draw = random.Random(seed)
        memory, sqlite = await open_store("memory:"), await open_store(f"sqlite:{tmp_path / 'store.sqlite'}")
        for number in range(60):
            described = random_row(draw, f"e{number}")
            for store in (memory, sqlite):
                await stored(store, f"e{number}", **described)
        gone = [f"e{number}" for number in draw.sample(range(60), 10)]
        assert await memory.erase(gone, closed_before=1e9) == await sqlite.erase(gone, closed_before=1e9)
        hits = 0
        for _ in range(150):
            wanted, limit, scan = random_search(draw), draw.randint(1, 9), draw.randint(1, 70)
            expected = await found(memory, limit, scan, **wanted)
            assert await found(sqlite, limit, scan, **wanted) == expected, wanted
            hits += bool(expected)
            since, seconds = draw.randint(0, 30) / 2, draw.choice([0.5, 1.0, 7.0])
            counts = [
                sorted(map(msgspec.structs.astuple, await store.tally(since=since, bucket_seconds=seconds)))
                for store in (memory, sqlite)
            ]
            assert counts[0] == counts[1]
        assert hits > 30, "most searches should find something"
        await sqlite.close()

    asyncio.run(compare())


@on_every_store
async def test_children_of_a_map_run_in_the_order_of_their_items(store: Store) -> None:
    for item in (2, 0, 3, 1):
        status = "FAILED" if item % 2 else "SUCCEEDED"
        child = row(f"child-{item}", status=status, map_run="run", item=item, item_count=5)
        await store.commit([step(child.id, 1, row=child)])
    await store.commit([step("stranger", 1, row=row("stranger", map_run="another", item=0))])

    async def items(**arguments: Any) -> list[int | None]:
        return [child.item for child in await store.children("run", **arguments)]

    assert await items() == [0, 1, 2, 3]
    assert await items(limit=2) == [0, 1]
    assert await items(beyond=1) == [2, 3]
    assert await items(beyond=2, reverse=True) == [1, 0]
    assert await items(reverse=True, limit=1) == [3]
    assert await items(status="FAILED") == [1, 3]
    assert await items(status="FAILED", beyond=1) == [3]
    assert (await store.children("run"))[0].item_count == 5
    assert await store.children("nothing") == []


# Erasing


@on_every_store
async def test_executions_come_in_the_order_of_their_first_steps(store: Store) -> None:
    await store.commit([step(id, row=row(id)) for id in "cab"])
    await store.commit([step("c", 2, row=row("c", status="FAILED", stopped_at=3.0))])
    everything = await store.oldest()
    assert [(found.id, found.status) for _, found in everything] == [
        ("c", "FAILED"),
        ("a", "RUNNING"),
        ("b", "RUNNING"),
    ]
    assert await store.oldest(limit=1) == everything[:1]
    assert await store.oldest(after=everything[0][0]) == everything[1:]


@on_every_store
async def test_erasing_leaves_nothing_of_an_execution_and_everything_of_others(store: Store) -> None:
    closed = {"status": "FAILED", "stopped_at": 3.0}
    for id in ("gone", "kept"):
        message = ("other", b"to another")
        await store.commit([full_step(id, 1, id, row=row(id, cause=id, **closed), deliveries=[(id, b"late"), message])])
        await store.save_checkpoint(id, Checkpoint(1, 2, b"folded"))
    assert await store.erase(["gone", "unknown"], closed_before=4.0) == 1

    assert not any((await marks(store, "gone", ["gone"])).values())
    assert (await store.journal("gone", 2)).checkpoint is None
    assert await store.inbox_of("gone") == []
    assert [found.id for found in await store.executions(through="machine")] == ["kept"]
    assert [len(found) for found in (await marks(store, "kept", ["kept"])).values()] == [1, 1, 1, 1, 1, 0]
    assert (await store.journal("kept", 2)).checkpoint == Checkpoint(1, 2, b"folded")
    assert len(await store.inbox_of("kept")) == 1 and len(await store.inbox_of("other")) == 2
    # The id is free, and whoever still holds the old one's memory cannot go on with it.
    assert await store.commit([step("gone", 2)]) == [False]
    assert await store.commit([full_step("gone", 1, "again")]) == [True]
    assert [found.cause for _, found in await store.oldest()] == ["kept", "again"]


@on_every_store
async def test_only_what_was_closed_before_is_erased(store: Store) -> None:
    rows = [
        row("runs"), row("late", status="FAILED", stopped_at=5.0), row("early", status="TIMED_OUT", stopped_at=4.9),
        row("again", status="RUNNING", stopped_at=1.0), row("waits", status="PENDING_REDRIVE", stopped_at=1.0),
    ]  # fmt: skip
    await store.commit([step(each.id, row=each) for each in rows])
    assert await store.erase([each.id for each in rows], closed_before=5.0) == 1
    assert {found.id for _, found in await store.oldest()} == {"runs", "late", "again", "waits"}
    assert await store.erase([], closed_before=9.0) == 0
