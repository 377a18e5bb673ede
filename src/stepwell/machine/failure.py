"""What happens when a state fails: Retry, then Catch, then the Parallel or Map around it, at last the execution."""

from collections.abc import Sequence

from stepwell.asl.errors import (
    ALL,
    BRANCH_FAILED,
    DATA_LIMIT_EXCEEDED,
    QUERY_EVALUATION_ERROR,
    RUNTIME,
    TASK_FAILED,
    TIMEOUT,
    StatesError,
    too_deep,
)
from stepwell.asl.fields import SECONDS_MAX
from stepwell.asl.program import Catcher, Retrier, State
from stepwell.machine import records as r
from stepwell.machine.commands import StopChild, StopJob, StopTimer
from stepwell.machine.execution import Execution, Frame
from stepwell.machine.payload import Payload
from stepwell.machine.states import cancel_descendants, exit
from stepwell.machine.turn import Failure, Turn


def failure(error: str | None, cause: str | None, *also: str) -> Failure:
    """A failure and the names that match it. Nothing matches States.Runtime: such an execution always fails."""
    if error == RUNTIME:
        return Failure(error, cause, frozenset())
    return Failure(error, cause, frozenset((error or "", ALL, *also)))


def task_failure(error: str | None, cause: str | None) -> Failure:
    """States.TaskFailed stands for every error of a task but States.Timeout."""
    return failure(error, cause, *([] if error == TIMEOUT else [TASK_FAILED]))


def fail_evaluation(turn: Turn, frame: Frame, error: StatesError) -> None:
    """An expression, a path or a limit failed while the state was at work."""
    fail(turn, frame, _evaluation_failure(turn, frame, error))


def _evaluation_failure(turn: Turn, frame: Frame, error: StatesError) -> Failure:
    """The failure that it is, after the event that AWS has for a failed query."""
    cause = error.cause
    if not cause.startswith("The state/task "):
        cause = while_executing(frame, cause)
    if error.error == QUERY_EVALUATION_ERROR:
        # AWS gives this event the previousEventId of the state's own Entered event, except in a Wait.
        just_entered = frame.previous == frame.entered and turn.program.states[frame.state].type != "Wait"
        previous = frame.entered_previous if just_entered else frame.previous
        turn.emit(
            r.EvaluationFailed(
                type="EvaluationFailed", at=turn.at, previous=previous, frame=frame.id, state=frame.state,
                error=error.error, cause=cause, location=error.location,
            )
        )  # fmt: skip
    return failure(error.error, cause)


def while_executing(frame: Frame, cause: str) -> str:
    """AWS's words around the cause of what is not a task's own error."""
    state = f"the state '{frame.state}' (entered at the event id #{frame.entered})"
    return f"An error occurred while executing {state}. {cause}"


def fail(turn: Turn, frame: Frame, failure: Failure) -> None:
    """Let the error travel outwards until a retrier or a catcher takes it or the execution fails."""
    turn.failure = failure
    while True:
        state = turn.program.states[frame.state]
        forked = frame.branches is not None
        abort_descendants(turn, frame)
        if _retry(turn, frame, state, failure):
            return
        if state.type in ("Map", "Parallel") and (forked or failure.error != RUNTIME):
            turn.emit(
                r.BranchesEnded(
                    type=f"{state.type}StateFailed", at=turn.at, previous=frame.previous, frame=frame.id,
                    discarded=failure.error == DATA_LIMIT_EXCEEDED and _is_joined(frame),
                )
            )  # fmt: skip
        caught = naming(state.catch, failure)
        if caught is not None:
            try:
                _follow(turn, frame, state, state.catch[caught], failure)
                return
            except (StatesError, RecursionError) as error:
                # No catcher of the same state takes another's failure: it goes on outwards.
                found = error if isinstance(error, StatesError) else too_deep()
                failure = _evaluation_failure(turn, frame, found)
        parent = turn.execution.frames.get(frame.parent)
        if parent is None:
            end_execution(turn, "ExecutionFailed", frame.previous, error=failure.error, cause=failure.cause)
            return
        frame = _leave_branch(turn, parent, frame)
        if turn.program.states[parent.state].type == "Parallel":
            failure = Failure(failure.error, failure.cause, failure.names and failure.names | {BRANCH_FAILED})


def _is_joined(frame: Frame) -> bool:
    return frame.branches is not None and frame.branches.done == len(frame.branches.results)


def _leave_branch(turn: Turn, parent: Frame, child: Frame) -> Frame:
    """The error leaves a branch or an iteration; its frame stays, closed, until the parent is exited or retried."""
    turn.release(child)
    state = turn.program.states[parent.state]
    if state.type == "Map":
        turn.emit(_iteration_ended("MapIterationFailed", turn, parent, child))
    else:
        turn.emit(r.BranchFailed(frame=child.id))
    return parent


def _iteration_ended(type: str, turn: Turn, parent: Frame, child: Frame) -> r.IterationEnded:
    return r.IterationEnded(
        type=type, at=turn.at, previous=child.previous, frame=parent.id, name=parent.state,
        index=child.index, child=child.id,
    )  # fmt: skip


def abort_descendants(turn: Turn, frame: Frame) -> None:
    """A sibling failed: what still runs below the frame is cut, innermost first."""
    if frame.branches is None:
        return
    for child in turn.execution.children(frame):
        if child.waiting == "closed":
            continue
        abort_descendants(turn, child)
        _abort(turn, child)
        if frame.branches.items is not None:
            turn.emit(_iteration_ended("MapIterationAborted", turn, frame, child))


def _abort(turn: Turn, frame: Frame) -> None:
    """Cut one thread. AWS has an Aborted event for the four types that can be waiting, and one for a Map Run."""
    stop_work(turn, frame)
    turn.release(frame)
    if frame.waiting == "map_run":
        turn.emit(r.MapRunEnded(type="MapRunAborted", at=turn.at, previous=frame.previous, frame=frame.id))
    state = turn.program.states[frame.state]
    if frame.entered and state.type in ("Task", "Wait", "Parallel", "Map"):
        turn.emit(r.StateAborted(type=f"{state.type}StateAborted", at=turn.at, previous=frame.previous, frame=frame.id))


def stop_work(turn: Turn, frame: Frame) -> None:
    """A nested execution or a service's job is stopped with the task that waits for it, a Map Run with its Map."""
    task = frame.task
    child = task.child if task is not None else None
    if frame.waiting == "map_run":
        child = frame.map_run
    if child is not None:
        turn.command(StopChild(execution=child))
    if task is not None and task.job is not None:
        turn.command(StopJob(frame=frame.id, attempt=task.attempt, job=task.job))


def _retry(turn: Turn, frame: Frame, state: State, failure: Failure) -> bool:
    """The first retrier that names the error decides; once it is used up, the error goes on to Catch."""
    index = naming(state.retry, failure)
    if index is None:
        return False
    retrier, attempt = state.retry[index], frame.retries.get(index, 0) + 1
    if attempt > retrier.max_attempts:
        return False
    cancel_descendants(turn, frame)
    turn.release(frame)
    due_at = turn.at + _delay_seconds(turn, retrier, attempt)
    turn.emit(r.RetryScheduled(frame=frame.id, retrier=index, attempt=attempt, due_at=due_at))
    turn.start_timer(frame.id, "retry", due_at)
    return True


def _delay_seconds(turn: Turn, retrier: Retrier, attempt: int) -> float:
    longest = SECONDS_MAX if retrier.max_delay_seconds is None else retrier.max_delay_seconds
    try:
        delay = min(retrier.interval_seconds * retrier.backoff_rate ** (attempt - 1), longest)
    except OverflowError:  # a rate to the power of a large attempt
        delay = longest
    return delay * turn.draw_fraction() if retrier.full_jitter else delay


def naming(entries: Sequence[Retrier | Catcher], failure: Failure) -> int | None:
    """The index of the first entry of Retry or Catch that names the error, if any does."""
    return next((index for index, entry in enumerate(entries) if entry.errors & failure.names), None)


def _follow(turn: Turn, frame: Frame, state: State, catcher: Catcher, failure: Failure) -> None:
    error_output = {"Error": failure.error or "", "Cause": failure.cause or ""}
    scope = turn.scope(frame, state, error_output=error_output)
    output, assigned = catcher.finish(scope, error_output)
    exit(turn, frame, state, Payload(output), assigned, catcher.next)


def end_execution(
    turn: Turn,
    type: str,
    previous: int,
    output: Payload | None = None,
    error: str | None = None,
    cause: str | None = None,
) -> None:
    """The terminal event. Everything that still works for the execution is ordered away."""
    execution: Execution = turn.execution
    for frame in execution.frames.values():
        stop_work(turn, frame)
        turn.release(frame)
    if execution.due_at is not None:
        turn.command(StopTimer(frame=0, kind="execution"))
    turn.ready.clear()
    turn.emit(r.ExecutionEnded(type=type, at=turn.at, previous=previous, output=output, error=error, cause=cause))
