"""What must always hold of a stored journal and of what is projected from it."""

from itertools import pairwise
from typing import Any

from stepwell.machine import journal
from stepwell.machine.apply import apply
from stepwell.machine.execution import RUNNING, Execution
from stepwell.machine.records import (
    FORMAT,
    Event,
    ExecutionEnded,
    ExecutionRedriven,
    MapRunStarted,
    Record,
    TaskEnded,
    TaskScheduled,
)
from stepwell.store.protocol import SHARDS, StepRow

NO_CHECKPOINT = -1
EVERY_SHARD = range(SHARDS)


async def steps_of(store: Any, id: str) -> list[StepRow]:
    return (await store.journal(id, NO_CHECKPOINT)).steps


async def records_of(store: Any, id: str) -> list[Record]:
    bodies = [step.body for step in await steps_of(store, id)]
    try:
        return journal.decode_records(bodies, {})
    except journal.MissingPayloads as missing:
        return journal.decode_records(bodies, await store.payloads(id, missing.digests))


async def events_of(store: Any, id: str) -> list[str]:
    """The types of an execution's events."""
    return [record.type for record in await records_of(store, id) if isinstance(record, Event)]


def fold(records: list[Record]) -> Execution:
    execution = Execution()
    for record in records:
        apply(execution, record)
    return execution


async def check_journal(store: Any, id: str) -> Execution:
    """Assert every invariant of one execution; gives its folded state."""
    steps, records = await steps_of(store, id), await records_of(store, id)
    assert steps, f"{id} has no journal"
    _check_numbering(steps, records)
    _check_events([record for record in records if isinstance(record, Event)])
    _check_tasks(records)
    execution = fold(records)
    await _check_checkpoint(store, execution)
    await _check_row(store, execution)
    await _check_projections(store, execution)
    return execution


async def check_all(store: Any, *machines: str) -> dict[str, Execution]:
    """Assert the invariants of every execution of the machines, and that nothing is left over for a closed one."""
    found = {}
    for machine in machines:
        for row in await store.executions(through=machine, limit=1_000_000):
            found[row.id] = await check_journal(store, row.id)
    return found


def _check_numbering(steps: list[StepRow], records: list[Record]) -> None:
    sequence, event_id = 1, 1
    for step in steps:
        assert (step.sequence, step.first_event_id) == (sequence, event_id), "a gap between steps"
        written = records[sequence - 1 : sequence - 1 + step.records]
        assert step.events == sum(isinstance(record, Event) for record in written)
        sequence, event_id = sequence + step.records, event_id + step.events
    assert sequence == len(records) + 1


def _check_events(events: list[Event]) -> None:
    assert events[0].type == "ExecutionStarted"
    for id, event in enumerate(events, 1):
        assert event.previous < id
    assert [event.at for event in events] == sorted(event.at for event in events)
    for event, next in pairwise(events):
        ends = isinstance(event, ExecutionEnded)
        assert ends == isinstance(next, ExecutionRedriven), "a terminal event is the last, or there was a redrive"


def _check_tasks(records: list[Record]) -> None:
    """Attempts of a frame count up, and each is settled once at most."""
    scheduled: dict[int, int] = {}
    settled: dict[int, int] = {}
    for record in records:
        if isinstance(record, TaskScheduled | MapRunStarted):
            assert record.attempt == scheduled.get(record.frame, 0) + 1
            scheduled[record.frame] = record.attempt
        elif isinstance(record, TaskEnded):
            assert settled.get(record.frame, 0) < scheduled[record.frame], "an attempt is settled once"
            settled[record.frame] = scheduled[record.frame]


async def _check_checkpoint(store: Any, execution: Execution) -> None:
    """What a checkpoint and the steps after it fold to is what all steps fold to."""
    stored = await store.journal(execution.id, FORMAT)
    if stored.checkpoint is None:
        return
    try:
        state = journal.decode_execution(stored.checkpoint.body, {})
    except journal.MissingPayloads as missing:
        payloads = await store.payloads(execution.id, missing.digests)
        state = journal.decode_execution(stored.checkpoint.body, payloads)
    for record in (await records_of(store, execution.id))[stored.checkpoint.sequence :]:
        apply(state, record)
    assert state == execution


async def _check_row(store: Any, execution: Execution) -> None:
    row = await store.execution(execution.id)
    assert row is not None
    for name in (
        "name", "state_machine", "revision", "status", "started_at", "stopped_at", "error", "cause", "redrive_count",
        "redriven_at",
    ):  # fmt: skip
        assert getattr(row, name) == getattr(execution, name), name
    for name in ("input", "output"):
        shown, folded = getattr(row, name), getattr(execution, name)
        if isinstance(shown, bytes):
            shown = (await store.payloads(execution.id, [shown]))[shown].decode()
        assert shown == (folded.text if folded is not None else None), name


async def _check_projections(store: Any, execution: Execution) -> None:
    id = execution.id
    timers = await store.timers_due(EVERY_SHARD, float("inf"), 1_000_000)
    stored = {timer.key: timer.due_at for timer in timers if timer.execution == id}
    assert stored == {f"{frame}/{kind}": due for (frame, kind), due in execution.timers().items()}
    commands = {row.key for row in await store.outbox(EVERY_SHARD) if row.execution == id}
    open_tasks = {f"task/{frame.id}/{frame.attempt}" for frame in execution.frames.values() if frame.task is not None}
    assert {key for key in commands if key.startswith("task/")} <= open_tasks
    if execution.status != RUNNING:
        left = {key for key in commands if not (key.startswith("stop/") and ":mapRun:" in key)}
        assert not left, "a closed execution has no commands left but to stop its Map Runs"
        # A Map Run that was stopped with its execution still says that it has ended.
        map_runs = await store.executions(through=id, limit=1)
        assert map_runs or not await store.inbox_of(id), "a closed execution has no messages left"
