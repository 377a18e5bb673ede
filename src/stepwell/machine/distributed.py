"""A Distributed Map as its execution sees it: start a Map Run, wait for its end, go on with what it came to.

The Map Run itself is a journal of its own, see `machine.maprun`.
"""

from typing import Any

from stepwell.asl.errors import RUNTIME, StatesError
from stepwell.asl.program import Distributed, MapState
from stepwell.machine import records as r
from stepwell.machine import stimuli as s
from stepwell.machine.commands import DropMapRun, RedriveMapRun, StartMapRun
from stepwell.machine.context import build_context
from stepwell.machine.execution import Execution, Frame
from stepwell.machine.failure import fail, failure
from stepwell.machine.identity import idempotency_key
from stepwell.machine.payload import EMPTY, Payload
from stepwell.machine.states import complete, prepared
from stepwell.machine.turn import Turn

CHILDREN_MAX = 10_000
"""AWS runs at most this many children of a Map Run at once."""


def run_distributed(turn: Turn, frame: Frame, state: MapState, distributed: Distributed) -> None:
    """Start a Map Run. AWS tells the number of items only where they are in the state's data."""
    if frame.waiting == "redriven" and frame.map_run is not None:
        _redrive(turn, frame, frame.map_run)
        return
    scope = turn.scope(frame, state)
    input = prepared(turn, frame, state, scope)
    items = state.items(scope) if distributed.reader is None else None
    turn.emit(
        r.MapStarted(
            type="MapStateStarted", at=turn.at, previous=frame.previous, frame=frame.id, items=EMPTY,
            length=len(items or ()), concurrency=0, input=EMPTY, distributed=True,
        )
    )  # fmt: skip
    tolerated_count = state.tolerated_failure_count(scope) if state.tolerated_failure_count else None
    tolerated_percentage = state.tolerated_failure_percentage(scope) if state.tolerated_failure_percentage else None
    concurrency = state.max_concurrency(scope) if state.max_concurrency is not None else 0
    _check_type(turn)
    narrowed = scope.narrowed(input.value)
    reader, batcher, writer = (
        None if part is None else Payload(part(narrowed))
        for part in (distributed.reader, distributed.batcher, distributed.writer)
    )
    attempt, execution = frame.attempt + 1, turn.execution
    # The children of a Map Run within a Map Run are named after the state machine all the same.
    machine, name = execution.state_machine.partition("/")[0], execution.state_machine_name.partition("/")[0]
    map_run = _map_run_arn(execution, machine, frame, distributed, attempt)
    turn.emit(
        r.MapRunStarted(
            type="MapRunStarted", at=turn.at, previous=frame.previous, frame=frame.id, map_run=map_run, attempt=attempt
        )
    )  # fmt: skip
    turn.command(
        StartMapRun(
            frame=frame.id, attempt=attempt, map_run=map_run, state=state.name, label=distributed.label,
            express=distributed.express, items=None if items is None else Payload(items), reader=reader,
            batcher=batcher, writer=writer, concurrency=concurrency, tolerated_count=tolerated_count,
            tolerated_percentage=tolerated_percentage, input=input, context=Payload(_context(turn, frame, state)),
            variables=Payload(dict(scope.variables)), seed=idempotency_key(execution.seed, frame.id, -attempt),
            state_machine=f"{machine}/{distributed.label}", state_machine_name=f"{name}/{distributed.label}",
            revision=f"{execution.revision.partition('/')[0]}/{distributed.label}", role=execution.role,
            region=execution.region, limits=execution.limits,
        )
    )  # fmt: skip


def _redrive(turn: Turn, frame: Frame, map_run: str) -> None:
    """Of a Map Run that did not succeed only the unsuccessful children run again."""
    redrives = frame.map_run_redrives + 1
    turn.emit(
        r.MapRunRedriven(
            type="MapRunRedriven", at=turn.at, previous=turn.execution.event_id, frame=frame.id, map_run=map_run,
            redrive_count=redrives,
        )
    )  # fmt: skip
    turn.command(RedriveMapRun(frame=frame.id, attempt=frame.attempt, map_run=map_run, redrives=redrives))


def _check_type(turn: Turn) -> None:
    # Definitions are checked for it, so this is met only where an Express child of a Map Run holds another Map Run.
    if turn.execution.limits == "express":
        raise StatesError(RUNTIME, "An Express execution cannot run a Distributed Map.")


def _context(turn: Turn, frame: Frame, state: MapState) -> dict[str, Any]:
    return build_context(turn.execution, frame, state) if state.reads_context else {}


def _map_run_arn(execution: Execution, machine: str, frame: Frame, distributed: Distributed, attempt: int) -> str:
    """The same however often the step is decided anew: its UUID is that of the attempt."""
    uuid = idempotency_key(execution.seed, frame.id, attempt)
    return f"{machine.replace(':stateMachine:', ':mapRun:', 1)}/{distributed.label}:{uuid}"


def map_run_ended(turn: Turn, frame: Frame, stimulus: s.MapRunEnded) -> None:
    """The Map Run came to its end: the Map succeeds or fails with it."""
    state = turn.program.states[frame.state]
    assert isinstance(state, MapState)
    turn.command(DropMapRun(frame=frame.id, attempt=frame.attempt))
    type = "MapRunFailed" if stimulus.output is None else "MapRunSucceeded"
    turn.emit(
        r.MapRunEnded(
            type=type, at=turn.at, previous=frame.previous, frame=frame.id, error=stimulus.error, cause=stimulus.cause
        )
    )  # fmt: skip
    if stimulus.output is None:
        fail(turn, frame, failure(stimulus.error, stimulus.cause))
        return
    turn.emit(r.BranchesEnded(type="MapStateSucceeded", at=turn.at, previous=frame.previous, frame=frame.id))
    scope = turn.scope(frame, state, result=stimulus.output.value) if state.finish is not None else None
    complete(turn, frame, state, scope, stimulus.output)
