"""`MemoryStore`: the promises of a store without I/O, for tests, Express and simulation."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from stepwell.store.protocol import (
    OPEN,
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
    Tally,
    TimerRow,
    is_execution,
    is_searched,
    shard_of,
)

Value = TypeVar("Value")


class Leases:
    """Who holds which shard until when. For stores that one process at a time has open: it needs no keeping."""

    def __init__(self) -> None:
        self._held: dict[int, tuple[str, float]] = {}

    def take(self, node: str, now: float, until: float) -> set[int]:
        """As `Store.lease`. A lease runs out at its `until`, not after it."""
        for shard in range(SHARDS):
            holder, end = self._held.get(shard, (node, now))
            if holder == node or end <= now:
                self._held[shard] = (node, until)
        return {shard for shard, (holder, _) in self._held.items() if holder == node}

    def release(self, node: str) -> None:
        """As `Store.release`."""
        self._held = {shard: lease for shard, lease in self._held.items() if lease[0] != node}


class MemoryStore:
    """A `Store` in dictionaries. No method ever waits, so each is a transaction. Nothing outlives the process."""

    def __init__(self) -> None:
        self._steps: defaultdict[str, list[StepRow]] = defaultdict(list)
        self._checkpoints: dict[str, Checkpoint] = {}
        self._payloads: dict[tuple[str, bytes], bytes] = {}
        self._executions: dict[str, ExecutionRow] = {}
        self._places: dict[str, int] = {}
        self._last_place = 0
        self._timers: dict[tuple[str, str], float] = {}
        self._outbox: dict[tuple[str, str], OutboxEntry] = {}
        self._inbox: dict[int, InboxRow] = {}
        self._last_message = 0
        self._documents: dict[tuple[str, str], bytes] = {}
        self._leases = Leases()

    async def commit(self, steps: Sequence[StepCommit]) -> list[bool]:
        return [self._append(step) for step in steps]

    def _append(self, step: StepCommit) -> bool:
        journal = self._steps[step.execution]
        end = journal[-1].sequence + journal[-1].records if journal else 1
        if step.sequence != end:
            return False
        journal.append(
            StepRow(step.sequence, step.records, step.first_event_id, step.events, step.writer, step.body, step.format)
        )
        self._project(step)
        return True

    def _project(self, step: StepCommit) -> None:
        for digest, body in step.payloads.items():
            self._payloads.setdefault((step.execution, digest), body)
        if step.row is not None:
            if step.row.id not in self._places:
                self._last_place += 1
                self._places[step.row.id] = self._last_place
            self._executions[step.row.id] = step.row
        for key, due_at in step.timers.items():
            _set_or_delete(self._timers, (step.execution, key), due_at)
        for key, entry in step.outbox.items():
            _set_or_delete(self._outbox, (step.execution, key), entry)
        for id in step.consumed:
            self._inbox.pop(id, None)
        for execution, body in step.deliveries:
            self._last_message += 1
            self._inbox[self._last_message] = InboxRow(self._last_message, execution, body)

    async def journal(self, execution: str, format: int, after: int = 0, limit: int | None = None) -> Journal:
        checkpoint = self._checkpoints.get(execution)
        if checkpoint is not None and checkpoint.format != format:
            checkpoint = None
        start = max(after, checkpoint.sequence if checkpoint else 0)
        steps = [step for step in self._steps.get(execution, ()) if step.sequence > start]
        return Journal(checkpoint, steps[:limit])

    async def save_checkpoint(self, execution: str, checkpoint: Checkpoint) -> None:
        stored = self._checkpoints.get(execution)
        if stored is None or stored.format != checkpoint.format or stored.sequence <= checkpoint.sequence:
            self._checkpoints[execution] = checkpoint

    async def payloads(self, execution: str, digests: Iterable[bytes]) -> dict[bytes, bytes]:
        found = {digest: self._payloads.get((execution, digest)) for digest in digests}
        return {digest: body for digest, body in found.items() if body is not None}

    async def steps_with_events(self, execution: str, first: int, last: int) -> list[StepRow]:
        return [
            step
            for step in self._steps.get(execution, ())
            if step.events and step.first_event_id <= last and step.first_event_id + step.events > first
        ]

    async def last_event_id(self, execution: str) -> int:
        steps = self._steps.get(execution)
        return steps[-1].first_event_id + steps[-1].events - 1 if steps else 0

    async def forget(self, execution: str, *, messages: Sequence[int] = (), outbox: Sequence[str] = ()) -> None:
        for id in messages:
            self._inbox.pop(id, None)
        for key in outbox:
            self._outbox.pop((execution, key), None)

    async def execution(self, id: str) -> ExecutionRow | None:
        return self._executions.get(id)

    async def executions(
        self, *, through: str, status: str | None = None, limit: int = 100, before: tuple[float, str] | None = None
    ) -> list[ExecutionRow]:
        found = [
            row
            for row in self._executions.values()
            if through in (row.state_machine, row.version, row.alias)
            and status in (None, row.status)
            and (before is None or (row.started_at, row.id) < before)
        ]
        return sorted(found, key=lambda row: (row.started_at, row.id), reverse=True)[:limit]

    async def children(
        self,
        map_run: str,
        *,
        status: str | None = None,
        beyond: int | None = None,
        limit: int = 1000,
        reverse: bool = False,
    ) -> list[ExecutionRow]:
        found = {
            row.item: row
            for row in self._executions.values()
            if row.map_run == map_run and row.item is not None and status in (None, row.status)
        }
        wanted = [item for item in found if beyond is None or (item < beyond if reverse else item > beyond)]
        return [found[item] for item in sorted(wanted, reverse=reverse)[:limit]]

    async def search(self, search: Search, *, before: int | None = None, limit: int = 100, scan: int = 10_000) -> Found:
        places = sorted((place, id) for id, place in self._places.items() if before is None or place < before)
        rows: list[ExecutionRow] = []
        for place, id in places[: -scan - 1 : -1]:
            if self._matches(self._executions[id], search):
                rows.append(self._executions[id])
            if len(rows) == limit:
                return Found(rows, place)
        return Found(rows, places[-scan][0] if len(places) > scan else None)

    def _matches(self, row: ExecutionRow, search: Search) -> bool:
        return (
            is_searched(row)
            and search.state_machine in (None, row.state_machine)
            and (search.statuses is None or row.status in search.statuses)
            and (search.started_from is None or row.started_at >= search.started_from)
            and (search.started_before is None or row.started_at < search.started_before)
            and (search.name is None or _holds(row.name, search.name))
            and (search.text is None or any(_holds(text, search.text) for text in self._texts(row)))
        )

    def _texts(self, row: ExecutionRow) -> Iterator[str | bytes]:
        for document in (row.input, row.output):
            if document is not None:
                yield document if isinstance(document, str) else self._payloads[row.id, document]
        yield row.error or ""
        yield row.cause or ""

    async def tally(self, *, since: float, bucket_seconds: float) -> list[Tally]:
        counts = Counter(
            (
                row.state_machine,
                row.status,
                -1 if row.started_at < since else int((row.started_at - since) / bucket_seconds),
            )
            for row in self._executions.values()
            if is_execution(row)
        )
        return [Tally(*key, executions) for key, executions in counts.items()]

    async def oldest(self, *, after: int = 0, limit: int = 1000) -> list[tuple[int, ExecutionRow]]:
        return [(place, self._executions[id]) for id, place in self._places.items() if place > after][:limit]

    async def erase(self, executions: Sequence[str], *, closed_before: float) -> int:
        found = [self._executions[id] for id in executions if id in self._executions]
        gone = {row.id for row in found if row.status not in OPEN and (row.stopped_at or 0) < closed_before}
        for id in gone:
            del self._executions[id], self._places[id], self._steps[id]
            self._checkpoints.pop(id, None)
        self._payloads = {key: body for key, body in self._payloads.items() if key[0] not in gone}
        self._timers = {key: due_at for key, due_at in self._timers.items() if key[0] not in gone}
        self._outbox = {key: entry for key, entry in self._outbox.items() if key[0] not in gone}
        self._inbox = {key: message for key, message in self._inbox.items() if message.execution not in gone}
        return len(gone)

    async def lease(self, node: str, now: float, until: float) -> set[int]:
        return self._leases.take(node, now, until)

    async def release(self, node: str) -> None:
        self._leases.release(node)

    async def timers_due(self, shards: Iterable[int], before: float, limit: int) -> list[TimerRow]:
        wanted = set(shards)
        due = [
            TimerRow(execution, key, due_at)
            for (execution, key), due_at in self._timers.items()
            if due_at < before and shard_of(execution) in wanted
        ]
        return sorted(due, key=lambda timer: timer.due_at)[:limit]

    async def outbox(self, shards: Iterable[int]) -> list[OutboxRow]:
        wanted = set(shards)
        return [
            OutboxRow(execution, key, entry.queue, entry.body)
            for (execution, key), entry in self._outbox.items()
            if shard_of(execution) in wanted
        ]

    async def inbox(self, shards: Iterable[int]) -> list[InboxRow]:
        wanted = set(shards)
        return [message for message in self._inbox.values() if shard_of(message.execution) in wanted]

    async def inbox_of(self, execution: str) -> list[InboxRow]:
        return [message for message in self._inbox.values() if message.execution == execution]

    async def put(self, kind: str, key: str, body: bytes) -> None:
        self._documents[kind, key] = body

    async def put_new(self, kind: str, key: str, body: bytes) -> bool:
        if (kind, key) in self._documents:
            return False
        self._documents[kind, key] = body
        return True

    async def get(self, kind: str, key: str) -> bytes | None:
        return self._documents.get((kind, key))

    async def delete(self, kind: str, key: str) -> None:
        self._documents.pop((kind, key), None)

    async def list(self, kind: str, prefix: str = "") -> list[tuple[str, bytes]]:
        found = ((key, body) for (of, key), body in self._documents.items() if of == kind and key.startswith(prefix))
        return sorted(found)

    async def close(self) -> None:
        """Nothing to give up."""


def _set_or_delete(table: dict[tuple[str, str], Value], key: tuple[str, str], value: Value | None) -> None:
    if value is None:
        table.pop(key, None)
    else:
        table[key] = value


def _holds(text: str | bytes, part: str) -> bool:
    """Whether the text has the part in it. Bytes' lower() is ASCII's alone, as SQLite's is."""
    whole = text if isinstance(text, bytes) else text.encode()
    return part.encode().lower() in whole.lower()
