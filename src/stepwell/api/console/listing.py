"""State machines with their executions counted, and executions found by status, time, name and text."""

import time

from stepwell import __version__
from stepwell.api.console.endpoint import Console, HoursQuery, Place, Query, Read
from stepwell.api.console.shapes import (
    PREVIEW_CHARACTERS,
    Bucket,
    Endpoint,
    ExecutionItem,
    ExecutionPage,
    Machine,
    Machines,
)
from stepwell.engine.catalog import StateMachine
from stepwell.functions.names import DEFAULT_ACCOUNT, DEFAULT_REGION
from stepwell.machine.execution import FAILED, RUNNING, SUCCEEDED, TIMED_OUT
from stepwell.store.protocol import ExecutionRow, Search, Store

BUCKETS = 24
PAGE_MAX = 500
SEARCH_SECONDS = 0.3
"""How long one page is searched for; the next one goes on from there."""


class Nothing(Query):
    """A path without parameters."""


async def _endpoint(console: Console, query: Nothing) -> Endpoint:
    service = console.service
    return Endpoint(
        version=__version__, limits=service.limits, now=service.engine.clock.now(), account=DEFAULT_ACCOUNT,
        region=DEFAULT_REGION, signed=console.signed,
    )  # fmt: skip


async def _machines(console: Console, query: HoursQuery) -> Machines:
    """Each state machine, in the order of their names; the buckets go back for the hours asked for."""
    service = console.service
    bucket_seconds = query.hours * 3600 / BUCKETS
    since = service.engine.clock.now() - BUCKETS * bucket_seconds
    counts: dict[str, dict[str, int]] = {}
    buckets: dict[str, list[dict[str, int]]] = {}
    for tally in await service.engine.store.tally(since=since, bucket_seconds=bucket_seconds):
        by_status = counts.setdefault(tally.state_machine, {})
        by_status[tally.status] = by_status.get(tally.status, 0) + tally.executions
        if tally.bucket >= 0:
            row = buckets.setdefault(tally.state_machine, [{} for _ in range(BUCKETS)])[min(tally.bucket, BUCKETS - 1)]
            kind = _kind(tally.status)
            row[kind] = row.get(kind, 0) + tally.executions
    machines = [
        await _machine(console, machine, counts.get(machine.arn, {}), buckets.get(machine.arn, []))
        for machine in await service.catalog.all_state_machines()
    ]
    return Machines(machines=machines, since=since, bucket_seconds=bucket_seconds)


def _kind(status: str) -> str:
    return "succeeded" if status == SUCCEEDED else "open" if status == RUNNING else "unsuccessful"


async def _machine(
    console: Console, machine: StateMachine, counts: dict[str, int], buckets: list[dict[str, int]]
) -> Machine:
    revision = await console.service.catalog.revision(machine.revision)
    return Machine(
        state_machine_arn=machine.arn, name=machine.name, type=machine.type, created_at=machine.created_at,
        revision=revision.number, counts=counts, buckets=[Bucket(**bucket) for bucket in buckets],
        deleting=machine.deleting, last_failure=await _last_failure(console, machine.arn, counts),
    )  # fmt: skip


async def _last_failure(console: Console, machine: str, counts: dict[str, int]) -> ExecutionItem | None:
    """Each status is one look into an index, where any such execution is counted."""
    rows = [
        row
        for status in (FAILED, TIMED_OUT)
        if counts.get(status)
        for row in await console.service.engine.executions(through=machine, status=status, limit=1)
    ]
    latest = max(rows, key=lambda row: row.started_at, default=None)
    return None if latest is None else execution_item(latest, PREVIEW_CHARACTERS)


class ExecutionsQuery(Query, rename="camel"):
    """What to look for, as `Search` has it, with `statuses` separated by commas; `before` is a page's."""

    state_machine: str | None = None
    statuses: list[str] | None = None
    started_from: float | None = None
    started_before: float | None = None
    name: str | None = None
    text: str | None = None
    before: Place | None = None
    limit: int = 100

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= PAGE_MAX:
            raise ValueError(f"limit is to be from 1 to {PAGE_MAX}")


async def _executions(console: Console, query: ExecutionsQuery) -> ExecutionPage:
    store = console.service.engine.store
    search = Search(
        state_machine=query.state_machine, statuses=frozenset(query.statuses) if query.statuses else None,
        started_from=query.started_from, started_before=query.started_before,
        name=query.name or None, text=query.text or None,
    )  # fmt: skip
    rows: list[ExecutionRow] = []
    before = query.before
    until = time.monotonic() + SEARCH_SECONDS
    while True:
        found = await store.search(search, before=before, limit=query.limit - len(rows))
        rows += found.rows
        before = found.before
        if before is None or len(rows) == query.limit or time.monotonic() > until:
            break
    items = [execution_item(row, PREVIEW_CHARACTERS) for row in rows]
    return ExecutionPage(executions=items, before=before, searched_to=await _searched_to(store, before))


async def _searched_to(store: Store, before: int | None) -> float | None:
    """When the oldest execution that was looked at was started; None where all were."""
    if before is None:
        return None
    oldest = await store.oldest(after=before - 1, limit=1)
    return oldest[0][1].started_at if oldest else None


def execution_item(row: ExecutionRow, characters: int | None = None) -> ExecutionItem:
    """What is shown of a row; with `characters`, error and cause are cut."""
    return ExecutionItem(
        execution_arn=row.id, state_machine_arn=row.state_machine, name=row.name, status=row.status,
        started_at=row.started_at, stopped_at=row.stopped_at, error=row.error and row.error[:characters],
        cause=row.cause and row.cause[:characters], version=row.version, alias=row.alias,
        redrive_count=row.redrive_count, redriven_at=row.redriven_at, map_run=row.map_run, item=row.item,
        warnings=row.warnings.splitlines(),
    )  # fmt: skip


READS = {
    "endpoint": Read(Nothing, Endpoint, _endpoint),
    "machines": Read(HoursQuery, Machines, _machines),
    "executions": Read(ExecutionsQuery, ExecutionPage, _executions),
}
