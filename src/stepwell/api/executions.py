"""Executions: the operations that start, stop and redrive them, and Describe, List and GetHistory."""

import uuid
from typing import Any

from stepwell.api.documents import read_document
from stepwell.api.history import history_event
from stepwell.api.identity import Identity
from stepwell.api.map_runs import list_children
from stepwell.api.paging import Page
from stepwell.api.service import Handler, Members, Service, timestamp
from stepwell.awsmodels.errors import ServiceError
from stepwell.engine.arns import EXECUTION, EXPRESS, STATE_MACHINE, Arn, InvalidArn, check_name, parse_arn
from stepwell.engine.errors import ExecutionExists, ExecutionNotFound, NotRedrivable
from stepwell.engine.express import ExpressRun
from stepwell.engine.redrives import refusal
from stepwell.engine.starts import start_request
from stepwell.engine.versions import Target
from stepwell.machine.execution import RUNNING, SUCCEEDED, TIMED_OUT, Execution
from stepwell.machine.payload import EMPTY, Payload
from stepwell.machine.stimuli import StartRequested
from stepwell.pricing.bill import express_billed
from stepwell.store.protocol import ExecutionRow


async def start_execution(service: Service, who: Identity, request: Members) -> Members:
    """Start an execution. The same name and input again while it runs is the same execution."""
    arn, target = await _target(service, request)
    start = _start(service, arn, target, request)
    if target.machine.type == "EXPRESS":
        started_at = await service.engine.start_express(start)
        return {"executionArn": start.execution, "startDate": timestamp(started_at)}
    try:
        row = await service.engine.start_execution(start)
    except ExecutionExists as error:
        row = error.row
        if row.status != RUNNING or await service.engine.text(row.id, row.input) != start.input.text:
            raise ServiceError("ExecutionAlreadyExists", f"Execution Already Exists: '{row.id}'") from None
    return {"executionArn": row.id, "startDate": timestamp(row.started_at)}


async def start_sync_execution(service: Service, who: Identity, request: Members) -> Members:
    """Run an Express execution to its end. A failed one is a reply like any other."""
    arn, target = await _target(service, request)
    if target.machine.type != "EXPRESS":
        raise _type_not_supported()
    run = await service.engine.run_express(_start(service, arn, target, request))
    billing = _billing(run, len(target.revision.definition.encode()))
    return _sync_reply(run.execution, billing, request.get("includedData") != "METADATA_ONLY")


async def _target(service: Service, request: Members) -> tuple[Arn, Target]:
    arn = parse_arn(request["stateMachineArn"], STATE_MACHINE)
    refuse_label(arn)
    return arn, await service.versions.target(arn)


def refuse_label(arn: Arn) -> None:
    """Raises ValidationException for the ARN of a Distributed Map's state. The text is ours."""
    if arn.label is not None:
        raise ServiceError(
            "ValidationException",
            "This operation does not support state machine ARNs with a label",
            extra={"reason": "API_DOES_NOT_SUPPORT_LABELED_ARNS"},
        )


def _start(service: Service, arn: Arn, target: Target, request: Members) -> StartRequested:
    name = request.get("name")
    if name is not None:
        check_name(name)
    return start_request(
        arn,
        target.machine,
        target.revision,
        at=service.engine.clock.now(),
        name=name or str(uuid.uuid4()),
        input=_input(service, request.get("input")),
        limits=service.limits,
        version=target.version,
        alias=target.alias,
        trace_header=request.get("traceHeader"),
    )


def _input(service: Service, text: str | None) -> Payload:
    if text is None:
        return EMPTY
    label = "Invalid State Machine Execution Input"
    return read_document(text, "InvalidExecutionInput", label, service.payload_max_bytes)


def _billing(run: ExpressRun, definition_bytes: int) -> dict[str, int]:
    stopped_at = run.execution.stopped_at or run.execution.at
    seconds = stopped_at - run.execution.started_at
    milliseconds, memory_mb = express_billed(seconds, definition_bytes, run.payload_bytes)
    return {"billedDurationInMilliseconds": milliseconds, "billedMemoryUsedInMB": memory_mb}


def _sync_reply(execution: Execution, billing: Members, with_data: bool) -> dict[str, Any]:
    stopped_at = execution.stopped_at or execution.at
    reply: dict[str, Any] = {
        "executionArn": execution.id,
        "stateMachineArn": execution.state_machine,
        "name": execution.name,
        "startDate": timestamp(execution.started_at),
        "stopDate": timestamp(stopped_at),
        "status": execution.status,
        **_data("input", execution.input.text, with_data),
        "billingDetails": billing,
        **_present("traceHeader", execution.trace_header),
    }
    if execution.output is not None:
        reply |= _data("output", execution.output.text, with_data)
    return reply | _failure(execution.status, execution.error, execution.cause)


async def stop_execution(service: Service, who: Identity, request: Members) -> Members:
    arn = parse_arn(request["executionArn"], EXECUTION).text
    try:
        row = await service.engine.stop_execution(arn, request.get("error"), request.get("cause"))
    except ExecutionNotFound:
        raise _does_not_exist(arn) from None
    return {"stopDate": timestamp(row.stopped_at or service.engine.clock.now())}


async def redrive_execution(service: Service, who: Identity, request: Members) -> Members:
    """Let a closed execution go on. The same client token again is the same redrive."""
    row = await find_execution(service, request)
    token = request.get("clientToken")
    redriven_at = await service.engine.known_redrive(row, token)
    if redriven_at is None:
        reason = await not_redrivable(service, row)
        if row.map_run is not None:
            reason = reason or "Execution is a child of a Map Run: redrive the execution of the Map"  # a text of ours
        if reason is not None:
            raise ServiceError("ExecutionNotRedrivable", reason)
        try:
            redriven_at = await service.engine.redrive_execution(row.id, token)
        except NotRedrivable as error:
            raise ServiceError("ExecutionNotRedrivable", str(error)) from None
    return {"redriveDate": timestamp(redriven_at)}


async def describe_execution(service: Service, who: Identity, request: Members) -> Members:
    row = await find_execution(service, request)
    reply = _item(row)
    for name, document in (("input", row.input), ("output", row.output)):
        if document is not None and request.get("includedData") == "METADATA_ONLY":
            reply |= _data(name, "", False)
        elif document is not None:
            reply |= _data(name, await service.engine.text(row.id, document), True)
    reply |= _present("traceHeader", row.trace_header)
    return reply | _failure(row.status, row.error, row.cause) | await _redrive_status(service, row)


async def list_executions(service: Service, who: Identity, request: Members) -> Members:
    if request.get("mapRunArn") is not None:
        return await _list_children(service, request)
    arn = await _listed(service, request)
    status = request.get("statusFilter")
    page = Page(("ListExecutions", arn, status), request, tuple[float, str], service.engine.clock.now())
    rows = await service.engine.executions(through=arn, status=status, limit=page.limit, before=page.start)

    def last() -> tuple[float, str]:
        return rows[page.size - 1].started_at, rows[page.size - 1].id

    return page.reply("executions", [_item(row) for row in rows], last)


async def _list_children(service: Service, request: Members) -> Members:
    if request.get("stateMachineArn") is not None:
        raise ServiceError("ValidationException", "Specify either stateMachineArn or mapRunArn, not both")
    page, rows = await list_children(service, request)
    items = [_item(row) if row.item_count is None else {**_item(row), "itemCount": row.item_count} for row in rows]
    return page.reply("executions", items, lambda: rows[page.size - 1].item or 0)


async def _listed(service: Service, request: Members) -> str:
    """The ARN of the machine, version or alias whose executions are asked for.

    Raises AWS's errors for all that cannot be listed.
    """
    if request.get("stateMachineArn") is None:
        reason = {"reason": "MISSING_REQUIRED_PARAMETER"}
        raise ServiceError("ValidationException", "Specify either stateMachineArn or mapRunArn", extra=reason)
    if request.get("statusFilter") == "PENDING_REDRIVE" or request.get("redriveFilter") is not None:
        raise ServiceError("ValidationException", "Filters on redrive are for the executions of a Map Run")
    arn = parse_arn(request["stateMachineArn"], STATE_MACHINE)
    machine, _, _ = await service.versions.described(arn)
    if machine.type == "EXPRESS":
        raise _type_not_supported()
    return arn.text


async def get_execution_history(service: Service, who: Identity, request: Members) -> Members:
    arn = parse_arn(request["executionArn"], EXECUTION).text
    reverse = bool(request.get("reverseOrder"))
    page = Page(("GetExecutionHistory", arn, reverse), request, int, service.engine.clock.now())
    if await service.engine.execution(arn) is None:
        raise _does_not_exist(arn)
    events = await service.engine.history(arn, start=page.start, limit=page.limit, reverse=reverse)
    include_data = request.get("includeExecutionData") is not False
    shown = [history_event(id, event, include_data) for id, event in events]
    return page.reply("events", shown, lambda: events[page.size][0])


async def find_execution(service: Service, request: Members) -> ExecutionRow:
    """The row of the Standard execution, or of the Map Run's child of any type, that a request names.

    Raises InvalidArn, ExecutionDoesNotExist.
    """
    arn = parse_arn(request["executionArn"], EXECUTION, EXPRESS)
    if arn.kind == EXPRESS and arn.label is None:
        raise InvalidArn(f"Resource type not valid in this context: {EXPRESS}")
    row = await service.engine.execution(arn.text)
    if row is None:
        raise _does_not_exist(arn.text)
    return row


def _item(row: ExecutionRow) -> dict[str, Any]:
    """What ListExecutions and DescribeExecution have in common."""
    item: dict[str, Any] = {
        "executionArn": row.id,
        "stateMachineArn": row.state_machine,
        "name": row.name,
        "status": row.status,
        "startDate": timestamp(row.started_at),
        "redriveCount": row.redrive_count,
    }
    optional = (
        ("stateMachineVersionArn", row.version), ("stateMachineAliasArn", row.alias), ("mapRunArn", row.map_run),
    )  # fmt: skip
    item |= {member: value for member, value in optional if value is not None}
    if row.warnings:
        # Not AWS's, whose SDKs pass over members that they do not know.
        item["warnings"] = row.warnings.splitlines()
    times = (("stopDate", row.stopped_at), ("redriveDate", row.redriven_at))
    return item | {member: timestamp(at) for member, at in times if at is not None}


def _data(name: str, text: str, included: bool) -> dict[str, Any]:
    if not included:
        return {f"{name}Details": {"included": False}}
    return {name: text, f"{name}Details": {"included": True}}


def _present(name: str, value: str | None) -> dict[str, str]:
    return {} if value is None else {name: value}


def _failure(status: str, error: str | None, cause: str | None) -> dict[str, str]:
    """Error and cause, which AWS shows of every execution but one that has timed out."""
    if status == TIMED_OUT:
        return {}
    return {member: value for member, value in (("error", error), ("cause", cause)) if value is not None}


async def _redrive_status(service: Service, row: ExecutionRow) -> dict[str, str]:
    reason = await not_redrivable(service, row)
    if reason is not None:
        return {"redriveStatus": "NOT_REDRIVABLE", "redriveStatusReason": reason}
    return {"redriveStatus": "REDRIVABLE" if row.map_run is None else "REDRIVABLE_BY_MAP_RUN"}


async def not_redrivable(service: Service, row: ExecutionRow) -> str | None:
    """AWS's reason why an execution cannot be redriven now, in AWS's order as the model lists them."""
    if row.status in (RUNNING, SUCCEEDED):
        return refusal(row, 0, service.limits, row.started_at)
    if not await service.catalog.is_active(row.state_machine.partition("/")[0]):  # without a Distributed Map's label
        return "State machine is in DELETING status"
    events = await service.engine.last_event_id(row.id)
    return refusal(row, events, service.limits, service.engine.clock.now())


def _does_not_exist(arn: str) -> ServiceError:
    return ServiceError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")


def _type_not_supported() -> ServiceError:
    return ServiceError("StateMachineTypeNotSupported", "This operation is not supported by this type of state machine")


OPERATIONS: dict[str, Handler] = {
    "StartExecution": start_execution,
    "StartSyncExecution": start_sync_execution,
    "StopExecution": stop_execution,
    "RedriveExecution": redrive_execution,
    "DescribeExecution": describe_execution,
    "ListExecutions": list_executions,
    "GetExecutionHistory": get_execution_history,
}
