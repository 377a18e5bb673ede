"""The `Store` protocol: what every store promises and the rows that it keeps.

The journal is the truth: one row per step, appended under the fence (execution, sequence). The other rows of a commit
are projections that only a won step writes, in the same transaction.
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeAlias

import msgspec

OPEN = frozenset({"RUNNING", "PENDING_REDRIVE"})
"""The statuses of an execution that is not closed."""

SHARDS = 64
"""Executions are spread over this many shards; a node leases shards, not executions."""


def shard_of(execution: str) -> int:
    """The shard of an execution, from its id alone."""
    return zlib.crc32(execution.encode()) % SHARDS


Document: TypeAlias = str | bytes
"""A JSON text, or the SHA-256 digest under which a large one stands among the execution's payloads."""


class StoreError(Exception):
    """The store cannot do its work. The text names the cause and what to do about it."""


class ExecutionRow(msgspec.Struct, kw_only=True, frozen=True):
    """What the API shows of an execution without folding its journal. Times are epoch seconds.

    Only the status, `stopped_at`, what it came to, the warnings and the redrives may differ from one row of an
    execution to the next.
    """

    id: str
    name: str
    state_machine: str
    revision: str
    status: str
    started_at: float
    input: Document
    version: str | None = None
    alias: str | None = None
    stopped_at: float | None = None
    output: Document | None = None
    error: str | None = None
    cause: str | None = None
    warnings: str = ""
    """Quotas of AWS's that it came near, or passed with extended limits: a sentence on each line."""
    redrive_count: int = 0
    redriven_at: float | None = None
    map_run: str | None = None
    """The Map Run whose child it is; then `item` is the index of its item, or of its batch of `item_count` items."""
    item: int | None = None
    item_count: int | None = None
    trace_header: str | None = None


class Search(msgspec.Struct, kw_only=True, frozen=True):
    """Which executions to look for; None is any. Map Runs and their children are none of them.

    `started_from` and `started_before` are epoch seconds. `name` is part of the name. `text` is part of the input, the
    output, the error or the cause, whole payloads included; ASCII letters are found in either case.
    """

    state_machine: str | None = None
    statuses: frozenset[str] | None = None
    started_from: float | None = None
    started_before: float | None = None
    name: str | None = None
    text: str | None = None


def is_searched(row: ExecutionRow) -> bool:
    """Whether a search looks at it: it is an execution, and neither a Map Run nor a Map Run's child."""
    return row.map_run is None and is_execution(row)


def is_execution(row: ExecutionRow) -> bool:
    """Whether it is an execution, perhaps a Map Run's child, and not a Map Run, which stands under its execution."""
    return ":stateMachine:" in row.state_machine


class Found(msgspec.Struct, frozen=True):
    """What a search came upon, newest first. It goes on before the place `before`; at None it has seen all."""

    rows: list[ExecutionRow]
    before: int | None


class Tally(msgspec.Struct, frozen=True):
    """How many executions of a machine have a status and were started in a bucket, -1 for all earlier ones."""

    state_machine: str
    status: str
    bucket: int
    executions: int


class OutboxEntry(msgspec.Struct, frozen=True):
    """A command that is not yet done. `queue` names the activity whose workers may take it, "" for none."""

    body: bytes
    queue: str = ""


class StepCommit(msgspec.Struct, kw_only=True):
    """One step, and all that its transaction writes if it wins.

    `sequence` is that of its first record, and 1 for an execution's first step. `events` of its `records` are AWS
    events, numbered from `first_event_id`. `writer` is a nonce: after a lost reply the stored one tells whether this
    very step won. `format` is that of the records in `body`. In `timers` and `outbox`, keyed within the execution, None
    deletes. `row` is None where nothing that it shows has changed. `consumed` are ids of inbox messages, `deliveries`
    are (execution, body) for other executions' inboxes.

    ValueError for a step without records (it would be unfenced) or with more events than records.
    """

    execution: str
    sequence: int
    records: int
    first_event_id: int
    events: int
    writer: bytes
    body: bytes
    format: int = 1
    payloads: Mapping[bytes, bytes] = {}
    row: ExecutionRow | None = None
    timers: Mapping[str, float | None] = {}
    outbox: Mapping[str, OutboxEntry | None] = {}
    consumed: Sequence[int] = ()
    deliveries: Sequence[tuple[str, bytes]] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.events <= self.records or not self.records:
            raise ValueError(f"a step of {self.records} records cannot hold {self.events} events")

    @property
    def size(self) -> int:
        """About how many bytes it writes."""
        return len(self.body) + sum(map(len, self.payloads.values())) + 200


class StepRow(msgspec.Struct, frozen=True):
    """A stored step."""

    sequence: int
    records: int
    first_event_id: int
    events: int
    writer: bytes
    body: bytes
    format: int = 1


class Checkpoint(msgspec.Struct, frozen=True):
    """The folded state after `sequence` records. A cache: of another `format` it is ignored."""

    sequence: int
    format: int
    body: bytes


class Journal(msgspec.Struct, frozen=True):
    """What it takes to fold an execution: perhaps a checkpoint, and every step after it."""

    checkpoint: Checkpoint | None
    steps: list[StepRow]


class TimerRow(msgspec.Struct, frozen=True):
    """A timer that has not fired. `due_at` is epoch seconds."""

    execution: str
    key: str
    due_at: float


class OutboxRow(msgspec.Struct, frozen=True):
    """A command that is not yet done."""

    execution: str
    key: str
    queue: str
    body: bytes


class InboxRow(msgspec.Struct, frozen=True):
    """A message from another execution; ids rise in the order of delivery."""

    id: int
    execution: str
    body: bytes


class Store(Protocol):
    """Everything the engine and the catalog need to keep.

    All methods may be called concurrently from one event loop, and raise StoreError where the store fails.
    """

    async def commit(self, steps: Sequence[StepCommit]) -> list[bool]:
        """Append the steps, in this order and in one transaction; True where the step won its key.

        A step wins if it begins where its execution's journal ends. A loser writes nothing and harms no other step of
        the batch. All of it is durable on return. An exception means that the outcome is unknown: read `writer` of the
        step to find out.
        """

    async def journal(self, execution: str, format: int, after: int = 0, limit: int | None = None) -> Journal:
        """The latest checkpoint of that format, if any, and the steps after it, or after sequence `after` if later.

        With a `limit` no more than that many steps.
        """

    async def save_checkpoint(self, execution: str, checkpoint: Checkpoint) -> None:
        """Replace the execution's checkpoint, unless the stored one is of the same format and later.

        An execution without a step has none to save.
        """

    async def payloads(self, execution: str, digests: Iterable[bytes]) -> dict[bytes, bytes]:
        """The large payloads of an execution that are stored under these digests."""

    async def steps_with_events(self, execution: str, first: int, last: int) -> list[StepRow]:
        """The steps that hold any of the AWS events `first` to `last`, in order."""

    async def last_event_id(self, execution: str) -> int:
        """The id of the execution's latest AWS event; 0 where there is none."""

    async def forget(self, execution: str, *, messages: Sequence[int] = (), outbox: Sequence[str] = ()) -> None:
        """Delete inbox messages by id and outbox commands by key that are dealt with and need no step for it."""

    async def execution(self, id: str) -> ExecutionRow | None:
        """The row of one execution."""

    async def executions(
        self, *, through: str, status: str | None = None, limit: int = 100, before: tuple[float, str] | None = None
    ) -> list[ExecutionRow]:
        """Executions of the state machine, version or alias `through`, newest first by (started_at, id).

        `before` is the (started_at, id) of the last one seen.
        """

    async def children(
        self,
        map_run: str,
        *,
        status: str | None = None,
        beyond: int | None = None,
        limit: int = 1000,
        reverse: bool = False,
    ) -> list[ExecutionRow]:
        """A Map Run's children in the order of their items, backwards if `reverse`, without those up to `beyond`."""

    async def search(self, search: Search, *, before: int | None = None, limit: int = 100, scan: int = 10_000) -> Found:
        """Executions by the order of their first steps, newest first, before the place `before`.

        It ends with `limit` executions found or about `scan` looked at, whichever comes first.
        """

    async def tally(self, *, since: float, bucket_seconds: float) -> list[Tally]:
        """All executions, counted by machine, status and start; buckets are counted from `since`.

        The children of a Map Run are counted under its labelled ARN. Map Runs are not counted.
        """

    async def oldest(self, *, after: int = 0, limit: int = 1000) -> list[tuple[int, ExecutionRow]]:
        """Executions in the order of their first steps, each with its place in that order, beyond the place `after`."""

    async def erase(self, executions: Sequence[str], *, closed_before: float) -> int:
        """Delete all that is kept of those executions that were closed before that time; how many they were.

        One that runs, perhaps again, is left alone. Afterwards their ids are free.
        """

    async def lease(self, node: str, now: float, until: float) -> set[int]:
        """Renew the node's shards until that time and take all whose lease has run out. Returns every shard it holds.

        Leases decide who tries; the journal's key decides who wins.
        """

    async def release(self, node: str) -> None:
        """Give up the node's leases at once."""

    async def timers_due(self, shards: Iterable[int], before: float, limit: int) -> list[TimerRow]:
        """Timers of these shards with `due_at` < `before`, the earliest first."""

    async def outbox(self, shards: Iterable[int]) -> list[OutboxRow]:
        """Every command of these shards that is not yet done, in the order in which they were first written."""

    async def inbox(self, shards: Iterable[int]) -> list[InboxRow]:
        """Every message of these shards that is not yet consumed, in the order of delivery."""

    async def inbox_of(self, execution: str) -> list[InboxRow]:
        """One execution's messages that are not yet consumed, in the order of delivery."""

    async def put(self, kind: str, key: str, body: bytes) -> None:
        """Store or replace a named document, durable on return."""

    async def put_new(self, kind: str, key: str, body: bytes) -> bool:
        """Store a named document unless there is one; whether it was stored."""

    async def get(self, kind: str, key: str) -> bytes | None:
        """A named document."""

    async def delete(self, kind: str, key: str) -> None:
        """Delete a named document; none is no error."""

    async def list(self, kind: str, prefix: str = "") -> list[tuple[str, bytes]]:
        """The (key, body) of a kind's documents whose keys begin with `prefix`, sorted by key."""

    async def close(self) -> None:
        """Finish what is under way and give up the resources."""
