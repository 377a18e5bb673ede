"""Parallel and inline Map: fork threads of control, start iterations as room allows, join results in order."""

from stepwell.asl.program import MapState, ParallelState
from stepwell.machine import records as r
from stepwell.machine.context import item_context
from stepwell.machine.distributed import run_distributed
from stepwell.machine.execution import Frame
from stepwell.machine.payload import Payload
from stepwell.machine.states import complete, prepared
from stepwell.machine.turn import Turn

CONCURRENCY_MAX = 40
"""AWS runs at most this many iterations of an inline Map at once."""


def run_parallel(turn: Turn, frame: Frame, state: ParallelState) -> None:
    input = prepared(turn, frame, state, turn.scope(frame, state))
    first = turn.execution.last_frame + 1
    turn.emit(
        r.ParallelStarted(
            type="ParallelStateStarted", at=turn.at, previous=frame.previous, frame=frame.id,
            branches=list(state.branches), first_frame=first, input=input,
        )
    )  # fmt: skip
    turn.ready.extend(range(first, first + len(state.branches)))


def run_map(turn: Turn, frame: Frame, state: MapState) -> None:
    if state.distributed is not None:
        run_distributed(turn, frame, state, state.distributed)
        return
    scope = turn.scope(frame, state)
    items = state.items(scope)
    concurrency = state.max_concurrency(scope) if state.max_concurrency is not None else 0
    turn.emit(
        r.MapStarted(
            type="MapStateStarted", at=turn.at, previous=frame.previous, frame=frame.id, items=Payload(items),
            length=len(items), concurrency=min(concurrency or CONCURRENCY_MAX, CONCURRENCY_MAX),
            input=prepared(turn, frame, state, scope),
        )
    )  # fmt: skip
    _start_iterations(turn, frame, state, frame.previous)
    if not items:
        turn.ready.append(frame.id)


def _start_iterations(turn: Turn, frame: Frame, state: MapState, previous: int) -> None:
    """Fill the free room. `previous` is the last event of the thread that made it."""
    branches = frame.branches
    assert branches is not None and branches.items is not None
    while branches.started < len(branches.results) and branches.running < branches.concurrency:
        index = branches.started
        child = turn.execution.last_frame + 1
        turn.emit(
            r.IterationStarted(
                type="MapIterationStarted", at=turn.at, previous=previous, frame=frame.id, name=state.name,
                index=index, child=child, start_at=state.processor, input=_iteration_input(turn, frame, state, index),
            )
        )  # fmt: skip
        turn.ready.append(child)


def _iteration_input(turn: Turn, frame: Frame, state: MapState, index: int) -> Payload:
    branches = frame.branches
    assert branches is not None and branches.items is not None
    value = branches.items.value[index]
    if state.item_selector is None:
        return Payload(value)
    context = item_context(turn.execution, frame, state, index, value)
    scope = turn.scope_with(frame, state, context)
    if not state.jsonata:
        scope.input = branches.input.value
    return Payload(state.item_selector(scope))


def end_iteration(turn: Turn, parent: Frame, child: Frame, state: MapState) -> None:
    """An iteration reached its end: its result is collected and the next one may begin."""
    last = child.previous
    turn.emit(
        r.IterationEnded(
            type="MapIterationSucceeded", at=turn.at, previous=last, frame=parent.id, name=state.name,
            index=child.index, child=child.id,
        )
    )  # fmt: skip
    _start_iterations(turn, parent, state, last)
    turn.ready.append(parent.id)


def join(turn: Turn, frame: Frame, state: ParallelState | MapState) -> None:
    """If every branch is done, leave the state with their results in definition order."""
    branches = frame.branches
    assert branches is not None
    if branches.done < len(branches.results):
        if isinstance(state, MapState):  # A redriven one may have room that its failure had left empty.
            _start_iterations(turn, frame, state, frame.previous)
        return
    results = [result.value if result is not None else None for result in branches.results]
    turn.emit(
        r.BranchesEnded(
            type=f"{state.type}StateSucceeded", at=turn.at, previous=frame.previous, frame=frame.id
        )
    )  # fmt: skip
    scope = turn.scope(frame, state, result=results) if state.finish is not None else None
    complete(turn, frame, state, scope, Payload(results))
