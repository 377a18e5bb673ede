"""Entering and leaving states, and the five types that need nothing else: Pass, Succeed, Fail, Choice, Wait."""

from stepwell.asl.errors import NO_CHOICE_MATCHED, StatesError
from stepwell.asl.jsontext import Json
from stepwell.asl.program import Assigned, ChoiceState, FailState, PassState, State, SucceedState, WaitState
from stepwell.asl.scope import Scope
from stepwell.machine import records as r
from stepwell.machine.execution import Frame
from stepwell.machine.payload import Payload
from stepwell.machine.turn import Turn


def enter(turn: Turn, frame: Frame) -> State:
    """Record that the frame enters the state that it is at."""
    state = turn.program.states[frame.state]
    turn.emit(
        r.StateEntered(
            type=f"{state.type}StateEntered", at=turn.at, previous=frame.previous, frame=frame.id,
            name=state.name, input=frame.input,
        )
    )  # fmt: skip
    turn.spend(2 * frame.input.size + 100)
    return state


def exit(turn: Turn, frame: Frame, state: State, output: Payload, assigned: Assigned, next: str | None) -> None:
    """Record that the frame leaves the state, and let it go on at `next`, or end."""
    turn.check_size(output, state.name)
    variables = {name: Payload(value) for name, value in assigned.items()}
    if variables:
        turn.check_variables(frame, state.name, variables)
    cancel_descendants(turn, frame)
    turn.release(frame)
    turn.emit(
        r.StateExited(
            type=f"{state.type}StateExited", at=turn.at, previous=frame.previous, frame=frame.id, name=state.name,
            output=output, next=next, assigned=variables,
        )
    )  # fmt: skip
    turn.ready.append(frame.id if next is not None or frame.id in turn.execution.frames else frame.parent)


def cancel_descendants(turn: Turn, frame: Frame) -> None:
    """Threads that a failed Parallel or Map kept for a redrive go when it is exited or retried."""
    if frame.branches is None:
        return
    for child in turn.execution.children(frame):
        cancel_descendants(turn, child)
        turn.release(child)
        turn.emit(r.FrameCancelled(frame=child.id))


def complete(turn: Turn, frame: Frame, state: State, scope: Scope | None, result: Payload) -> None:
    """Leave the state with the result of its work. `scope` is needed only where the state has a `finish`."""
    if state.finish is None:
        exit(turn, frame, state, result, {}, state.next)
        return
    assert scope is not None
    output, assigned = state.finish(scope, result.value)
    exit(turn, frame, state, _payload(output, frame, result), assigned, state.next)


def _payload(value: Json, *known: Frame | Payload) -> Payload:
    """The value as a payload; one that is known already keeps its text, white space included."""
    for candidate in known:
        payload = candidate.input if isinstance(candidate, Frame) else candidate
        if value is payload.value:
            return payload
    return Payload(value)


def prepared(turn: Turn, frame: Frame, state: State, scope: Scope) -> Payload:
    """What the state works on: its input after InputPath and Parameters, or its Arguments."""
    return frame.input if state.prepare is None else _payload(state.prepare(scope), frame)


def run_pass(turn: Turn, frame: Frame, state: PassState) -> None:
    if state.prepare is None and state.result is None and state.finish is None:
        exit(turn, frame, state, frame.input, {}, state.next)
        return
    scope = turn.scope(frame, state)
    result = prepared(turn, frame, state, scope) if state.result is None else Payload(state.result[0])
    complete(turn, frame, state, scope, result)


def run_succeed(turn: Turn, frame: Frame, state: SucceedState) -> None:
    scope = turn.scope(frame, state)
    complete(turn, frame, state, scope, prepared(turn, frame, state, scope))


def run_choice(turn: Turn, frame: Frame, state: ChoiceState) -> None:
    scope = turn.scope(frame, state)
    chosen = prepared(turn, frame, state, scope)
    tested = scope if chosen is frame.input else scope.narrowed(chosen.value)
    for rule in state.rules:
        if rule.test(tested):
            output, assigned = rule.finish(scope, chosen.value)
            exit(turn, frame, state, _payload(output, frame, chosen), assigned, rule.next)
            return
    if state.default is None:
        raise StatesError(
            NO_CHOICE_MATCHED, "Failed to transition out of the state. The state does not point to a next state."
        )
    output, assigned = (chosen.value, {}) if state.finish is None else state.finish(scope, chosen.value)
    exit(turn, frame, state, _payload(output, frame, chosen), assigned, state.default)


def run_wait(turn: Turn, frame: Frame, state: WaitState) -> None:
    scope = turn.scope(frame, state)
    if state.seconds is not None:
        due_at = turn.at + state.seconds(scope)
    else:
        assert state.timestamp is not None
        due_at = state.timestamp(scope)
    if due_at > turn.at:
        turn.start_timer(frame.id, "wait", due_at)
    else:
        end_wait(turn, frame, state)


def end_wait(turn: Turn, frame: Frame, state: WaitState) -> None:
    """The time has come."""
    scope = turn.scope(frame, state)
    complete(turn, frame, state, scope, prepared(turn, frame, state, scope))


def fail_output(turn: Turn, frame: Frame, state: FailState) -> tuple[str | None, str | None]:
    """The error and cause that a Fail state names."""
    scope = turn.scope(frame, state)
    error = state.error(scope) if state.error is not None else None
    cause = state.cause(scope) if state.cause is not None else None
    return error, cause
