"""Map Runs: DescribeMapRun, ListMapRuns, UpdateMapRun, and the listing of a Map Run's children."""

from typing import Any

import msgspec

from stepwell.api.identity import Identity
from stepwell.api.paging import Page
from stepwell.api.service import Handler, Members, Service, timestamp
from stepwell.awsmodels.errors import ServiceError
from stepwell.engine.arns import EXECUTION, MAP_RUN, parse_arn
from stepwell.engine.errors import ExecutionNotFound
from stepwell.machine.maprun.state import Count, MapRun
from stepwell.store.protocol import ExecutionRow

PENDING_REDRIVE = "PENDING_REDRIVE"

_STATUSES = {"SUCCEEDED": "succeeded", "FAILED": "failed", "TIMED_OUT": "timedOut", "ABORTED": "aborted"}
"""The status of a child, and AWS's counter of it."""


async def describe_map_run(service: Service, who: Identity, request: Members) -> Members:
    run = await _map_run(service, request["mapRunArn"])
    reply: dict[str, Any] = {
        "mapRunArn": run.id,
        "executionArn": run.execution,
        "status": run.status,
        "startDate": timestamp(run.started_at),
        "maxConcurrency": run.concurrency,
        "toleratedFailurePercentage": run.tolerated_percentage or 0.0,
        "toleratedFailureCount": run.tolerated_count or 0,
        "itemCounts": _counts(run, items=True),
        "executionCounts": _counts(run, items=False),
        "redriveCount": run.redrive_count,
    }
    if run.stopped_at is not None:
        reply["stopDate"] = timestamp(run.stopped_at)
    if run.redriven_at is not None:
        reply["redriveDate"] = timestamp(run.redriven_at)
    return reply


def _counts(run: MapRun, *, items: bool) -> dict[str, int]:
    """One of AWS's two blocks of counters: of items, or of the children that they were put into."""

    def number(count: Count) -> int:
        return count.items if items else count.executions

    def total(children: Any) -> int:
        return sum(child.items if items else 1 for child in children)

    redriven = [child for child in run.waiting if child.input is None]
    waiting = [child for child in run.waiting if child.input is not None]
    counts = {counter: number(run.settled.get(status, Count())) for status, counter in _STATUSES.items()}
    pending, running = total(waiting) + (len(run.rest) if items else 0), total(run.running.values())
    return {
        "pending": pending,
        "running": running,
        **counts,
        "total": pending + running + sum(counts.values()) + total(redriven),
        "resultsWritten": min(run.written, sum(counts.values())) if items else run.written,
        "failuresNotRedrivable": 0,
        "pendingRedrive": total(redriven),
    }


async def list_map_runs(service: Service, who: Identity, request: Members) -> Members:
    """The Map Runs of an execution, the latest first."""
    arn = parse_arn(request["executionArn"], EXECUTION).text
    page = Page(("ListMapRuns", arn), request, tuple[float, str], service.engine.clock.now())
    if await service.engine.execution(arn) is None:
        raise ServiceError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
    rows = await service.engine.executions(through=arn, limit=page.limit, before=page.start)
    return page.reply(
        "mapRuns", [_item(row) for row in rows], lambda: (rows[page.size - 1].started_at, rows[page.size - 1].id)
    )


def _item(row: ExecutionRow) -> dict[str, Any]:
    parsed = parse_arn(row.id, MAP_RUN)
    item = {
        "executionArn": row.state_machine,
        "mapRunArn": row.id,
        "stateMachineArn": f"{parsed.prefix}stateMachine:{parsed.name}/{parsed.label}",
        "startDate": timestamp(row.started_at),
    }
    return item if row.stopped_at is None else {**item, "stopDate": timestamp(row.stopped_at)}


async def update_map_run(service: Service, who: Identity, request: Members) -> Members:
    """Change the concurrency and the thresholds of a Map Run while it runs."""
    arn = parse_arn(request["mapRunArn"], MAP_RUN).text
    changes = [request.get(name) for name in ("maxConcurrency", "toleratedFailureCount", "toleratedFailurePercentage")]
    if all(change is None for change in changes):
        reason = {"reason": "MISSING_REQUIRED_PARAMETER"}
        message = "At least one of maxConcurrency, toleratedFailurePercentage and toleratedFailureCount must be given"
        raise ServiceError("ValidationException", message, extra=reason)
    concurrency, tolerated_count, tolerated_percentage = changes
    try:
        updated = await service.engine.update_map_run(arn, concurrency, tolerated_count, tolerated_percentage)
    except ExecutionNotFound:
        raise _not_found(arn) from None
    if not updated:
        reason = {"reason": "CANNOT_UPDATE_COMPLETED_MAP_RUN"}
        raise ServiceError("ValidationException", f"Map Run has completed and cannot be updated: '{arn}'", extra=reason)
    return {}


async def list_children(service: Service, request: Members) -> tuple[Page[int], list[ExecutionRow]]:
    """The page of a Map Run's children that a ListExecutions asks for. Raises ResourceNotFound."""
    arn, status = parse_arn(request["mapRunArn"], MAP_RUN).text, request.get("statusFilter")
    redrive = request.get("redriveFilter")
    page = Page(("ListExecutions", arn, status, redrive), request, int, service.engine.clock.now())
    if await service.engine.execution(arn) is None:
        raise _not_found(arn)
    if status == PENDING_REDRIVE:
        return page, await _pending_redrive(service, arn, page)
    rows = await service.engine.children(arn, status=status, beyond=page.start, limit=page.limit)
    if redrive is not None:
        rows = [row for row in rows if (row.redrive_count > 0) == (redrive == "REDRIVEN")]
    return page, rows


async def _pending_redrive(service: Service, map_run: str, page: Page[int]) -> list[ExecutionRow]:
    """The children that a redriven Map Run has still to let go on, the latest first."""
    run = await _map_run(service, map_run)
    waiting = sorted((child.index for child in run.waiting if child.input is None), reverse=True)
    wanted = [index for index in waiting if page.start is None or index < page.start][: page.limit]
    rows = [await service.engine.execution(run.child_arn(index)) for index in wanted]
    return [msgspec.structs.replace(row, status=PENDING_REDRIVE) for row in rows if row is not None]


async def _map_run(service: Service, text: str) -> MapRun:
    arn = parse_arn(text, MAP_RUN).text
    try:
        return await service.engine.map_run(arn)
    except ExecutionNotFound:
        raise _not_found(arn) from None


def _not_found(arn: str) -> ServiceError:
    return ServiceError("ResourceNotFound", f"Resource not found: '{arn}'", extra={"resourceName": arn})


OPERATIONS: dict[str, Handler] = {
    "DescribeMapRun": describe_map_run,
    "ListMapRuns": list_map_runs,
    "UpdateMapRun": update_map_run,
}
