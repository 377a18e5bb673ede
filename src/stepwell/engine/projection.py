"""From a decided step to the rows that its transaction writes beside the records."""

import secrets
from collections.abc import Mapping, Sequence

from stepwell.engine.deciders import State
from stepwell.machine import journal
from stepwell.machine.commands import (
    Command,
    DropMapRun,
    DropTask,
    RedriveMapRun,
    RenewBudget,
    StartMapRun,
    StartTask,
    StartTimer,
    StopChild,
    StopJob,
    StopTimer,
    WatchJob,
)
from stepwell.machine.execution import RUNNING, Execution
from stepwell.machine.maprun.commands import Unwatch, Watch
from stepwell.machine.maprun.records import MapRunReopened
from stepwell.machine.maprun.state import MapRun
from stepwell.machine.payload import EMPTY, Payload
from stepwell.machine.records import FORMAT, Event, ExecutionRedriven, LimitCrossed, Record
from stepwell.machine.stimuli import StartRequested
from stepwell.store.protocol import Document, ExecutionRow, OutboxEntry, StepCommit


def timer_key(frame: int, kind: str) -> str:
    return f"{frame}/{kind}"


def parse_timer_key(key: str) -> tuple[int, str]:
    frame, _, kind = key.partition("/")
    return int(frame), kind


def step_commit(
    execution: State, before: tuple[int, int], records: Sequence[Record], commands: Sequence[Command],
    done: Sequence[str], consumed: Sequence[int], deliveries: Sequence[tuple[str, bytes]],
) -> StepCommit:  # fmt: skip
    """What to commit for records that are applied already.

    `before` is (sequence, event id) of the execution before them; `done` are outbox keys that this step answers.
    """
    sequence, event_id = before
    encoded = journal.encode(records)
    payloads = dict(encoded.payloads)
    return StepCommit(
        execution=execution.id,
        sequence=sequence + 1,
        records=len(records),
        first_event_id=event_id + 1,
        events=sum(isinstance(record, Event) for record in records),
        writer=secrets.token_bytes(8),
        format=FORMAT,
        body=encoded.body,
        payloads=payloads,
        row=current_row(execution) if sequence == 0 or _shows(execution, records) else None,
        timers=_timers(commands),
        outbox=dict.fromkeys(done) | _outbox(commands) | _moot(execution),
        consumed=consumed,
        deliveries=deliveries,
    )


def _timers(commands: Sequence[Command]) -> Mapping[str, float | None]:
    timers: dict[str, float | None] = {}
    for command in commands:
        if isinstance(command, StartTimer):
            timers[timer_key(command.frame, command.kind)] = command.due_at
        elif isinstance(command, StopTimer):
            timers[timer_key(command.frame, command.kind)] = None
    return timers


def _outbox(commands: Sequence[Command]) -> dict[str, OutboxEntry | None]:
    outbox: dict[str, OutboxEntry | None] = {}
    for command in commands:
        if isinstance(command, StartTask):
            queue = command.resource if command.family == "Activity" else ""
            outbox[command.key] = OutboxEntry(journal.encode_inline(command), queue)
        elif isinstance(command, StopChild | WatchJob | StopJob | RenewBudget | StartMapRun | RedriveMapRun | Watch):
            outbox[command.key] = OutboxEntry(journal.encode_inline(command))
        elif isinstance(command, DropTask | DropMapRun | Unwatch):
            outbox[command.key] = None
    return outbox


def _shows(execution: State, records: Sequence[Record]) -> bool:
    """Whether the row shows something of the step."""
    shown = (ExecutionRedriven, MapRunReopened, LimitCrossed)
    return execution.status != RUNNING or any(isinstance(record, shown) for record in records)


def _moot(execution: State) -> dict[str, OutboxEntry | None]:
    """A budget that was spent when the execution closed, perhaps in this very step, is not renewed any more."""
    spent = isinstance(execution, Execution) and execution.budget_spent
    return {RenewBudget.key: None} if spent and execution.status != RUNNING else {}


def document(payload: Payload) -> Document:
    """How a row refers to a payload: by its text, or by its digest where the journal keeps it apart."""
    return payload.text if payload.size <= journal.INLINE_BYTES else payload.digest


def started_row(request: StartRequested) -> ExecutionRow:
    """The row of an execution as its first record makes it."""
    return ExecutionRow(
        id=request.execution,
        name=request.name,
        state_machine=request.state_machine,
        revision=request.revision,
        status=RUNNING,
        started_at=request.at,
        input=document(request.input),
        version=request.version,
        alias=request.alias,
        map_run=request.map_run,
        item=request.item,
        item_count=request.item_count,
        trace_header=request.trace_header,
    )


def current_row(execution: State) -> ExecutionRow:
    """The row of an execution or a Map Run as it stands."""
    if isinstance(execution, MapRun):
        return _map_run_row(execution)
    return ExecutionRow(
        id=execution.id,
        name=execution.name,
        state_machine=execution.state_machine,
        revision=execution.revision,
        status=execution.status,
        started_at=execution.started_at,
        input=document(execution.input),
        version=execution.version,
        alias=execution.alias,
        trace_header=execution.trace_header,
        stopped_at=execution.stopped_at,
        output=document(execution.output) if execution.output is not None else None,
        error=execution.error,
        cause=execution.cause,
        warnings="\n".join(execution.crossed),
        redrive_count=execution.redrive_count,
        redriven_at=execution.redriven_at,
        map_run=execution.map_run,
        item=execution.item,
        item_count=execution.item_count,
    )


def _map_run_row(run: MapRun) -> ExecutionRow:
    """Stands under its parent's ARN in place of a state machine's, so that ListMapRuns is a listing like any other."""
    return ExecutionRow(
        id=run.id,
        name=run.name,
        state_machine=run.execution,
        revision=run.ordered.revision,
        status=run.status,
        started_at=run.started_at,
        input=document(EMPTY),
        stopped_at=run.stopped_at,
        error=run.error,
        cause=run.cause,
        redrive_count=run.redrive_count,
        redriven_at=run.redriven_at,
    )
