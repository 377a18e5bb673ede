"""`MapRun`, the state of one, and `apply`, the only code that changes it.

It holds no settled child: those are executions, found in the store by the Map Run and the index of their item. So its
size is bounded by the children that run and one page of items that wait, however many items the source has.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from stepwell.machine.commands import StartMapRun
from stepwell.machine.execution import RUNNING
from stepwell.machine.identity import idempotency_key
from stepwell.machine.maprun import records as r
from stepwell.machine.payload import Payload


class Child(msgspec.Struct, array_like=True):
    """A child that waits or runs. `input` is None where a redrive runs one again, which has its input already."""

    index: int
    items: int
    input: Payload | None


class Count(msgspec.Struct, array_like=True):
    """How many children, and how many items they stand for."""

    executions: int = 0
    items: int = 0

    def add(self, items: int) -> None:
        self.executions += 1
        self.items += items


class MapRun(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One Map Run. `sequence` counts its records and is the fence. It has no AWS events.

    `settled` counts by status. `closing` is the status that the Map Run ends with once nothing runs, "" while it goes
    on. The thresholds and `concurrency`, 0 for none, are as the Map or UpdateMapRun set them.
    """

    id: str = ""
    sequence: int = 0
    event_id: int = 0
    at: float = 0.0
    status: str = RUNNING
    execution: str = ""
    order: StartMapRun | None = None
    concurrency: int = 0
    tolerated_count: int | None = None
    tolerated_percentage: float | None = None
    started_at: float = 0.0
    stopped_at: float | None = None
    redrive_count: int = 0
    redriven_at: float | None = None
    page: int = 0
    reading: bool = False
    cursor: str | None = None
    exhausted: bool = False
    items_read: int = 0
    children: int = 0
    rest: list[Payload] = []
    waiting: list[Child] = []
    running: dict[int, Child] = {}
    settled: dict[str, Count] = {}
    closing: str = ""
    gathering: bool = False
    output: Payload | None = None
    error: str | None = None
    cause: str | None = None
    written: int = 0

    @property
    def ordered(self) -> StartMapRun:
        """The order, which is there from the first record on."""
        assert self.order is not None
        return self.order

    @property
    def parent(self) -> str:
        """The execution that waits for it."""
        return self.execution

    @property
    def revision(self) -> str:
        """The revision of the Map's execution: the ItemSelector is the Map's."""
        return self.ordered.revision.partition("/")[0]

    @property
    def seed(self) -> str:
        return self.ordered.seed

    @property
    def name(self) -> str:
        """The UUID at the end of its ARN."""
        return self.id.rpartition(":")[2]

    def child_arn(self, index: int) -> str:
        """The ARN of the child at an index: the same whenever it is asked for."""
        prefix, _, rest = self.id.partition(":mapRun:")
        machine = rest.rpartition(":")[0]
        name = self.child_name(index)
        if self.ordered.express:
            return f"{prefix}:express:{machine}:{name}:{idempotency_key(self.seed, index, 2)}"
        return f"{prefix}:execution:{machine}:{name}"

    def child_name(self, index: int) -> str:
        return idempotency_key(self.seed, index, 1)

    def child_seed(self, index: int) -> str:
        """The secret of the child's draws, tokens and keys. An Express child that a redrive runs anew has another."""
        return idempotency_key(self.seed, index, 3 + self.redrive_count)

    def failed_items(self) -> int:
        """Items of children that did not succeed."""
        return sum(count.items for status, count in self.settled.items() if status != "SUCCEEDED")


def apply(run: MapRun, record: Any) -> None:
    """Fold one record into the Map Run."""
    run.sequence += 1
    _APPLY[type(record)](run, record)


def _began(run: MapRun, record: r.MapRunBegan) -> None:
    order = record.order
    run.id, run.execution, run.order, run.started_at = order.map_run, record.execution, order, record.at
    run.concurrency = order.concurrency
    run.tolerated_count, run.tolerated_percentage = order.tolerated_count, order.tolerated_percentage


def _items_requested(run: MapRun, record: r.ItemsRequested) -> None:
    run.reading = True
    run.page += 1


def _items_taken(run: MapRun, record: r.ItemsTaken) -> None:
    run.waiting.extend(
        Child(index, child.items, child.input) for index, child in enumerate(record.children, run.children)
    )
    run.children += len(record.children)
    run.items_read += record.read
    run.rest = record.rest
    run.reading, run.cursor, run.exhausted = False, record.cursor, record.cursor is None


def _children_started(run: MapRun, record: r.ChildrenStarted) -> None:
    started, run.waiting = run.waiting[: record.count], run.waiting[record.count :]
    run.running.update((child.index, child) for child in started)


def _child_settled(run: MapRun, record: r.ChildSettled) -> None:
    child = run.running.pop(record.index)
    run.settled.setdefault(record.status, Count()).add(child.items)


def _updated(run: MapRun, record: r.MapRunUpdated) -> None:
    for name in ("concurrency", "tolerated_count", "tolerated_percentage"):
        if getattr(record, name) is not None:
            setattr(run, name, getattr(record, name))


def _closing(run: MapRun, record: r.MapRunClosing) -> None:
    run.closing, run.error, run.cause = record.status, record.error, record.cause


def _results_requested(run: MapRun, record: r.ResultsRequested) -> None:
    run.gathering = True


def _resumed(run: MapRun, record: r.MapRunResumed) -> None:
    """Nothing changes: the record is what fences the process that lost the Map Run."""


def _redriven(run: MapRun, record: r.MapRunReopened) -> None:
    run.status, run.closing, run.gathering, run.output = RUNNING, "", False, None
    run.error = run.cause = run.stopped_at = None
    run.redrive_count, run.redriven_at = record.redrives, record.at
    run.settled = {status: count for status, count in run.settled.items() if status == "SUCCEEDED"}
    run.waiting = [Child(index, items, None) for index, items in record.failed] + run.waiting


def _ended(run: MapRun, record: r.MapRunSettled) -> None:
    run.status, run.stopped_at, run.gathering = record.status, record.at, False
    run.output, run.error, run.cause = record.output, record.error, record.cause
    run.written += record.written


_APPLY: dict[type, Callable[[MapRun, Any], None]] = {
    r.MapRunBegan: _began,
    r.ItemsRequested: _items_requested,
    r.ItemsTaken: _items_taken,
    r.ChildrenStarted: _children_started,
    r.ChildSettled: _child_settled,
    r.MapRunUpdated: _updated,
    r.MapRunClosing: _closing,
    r.ResultsRequested: _results_requested,
    r.MapRunResumed: _resumed,
    r.MapRunReopened: _redriven,
    r.MapRunSettled: _ended,
}
