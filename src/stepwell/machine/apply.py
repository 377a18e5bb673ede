"""`apply`: how one record changes an execution. The only code that changes one, live and in recovery alike.

Takes neither program nor clock and evaluates nothing: a record carries what is needed.
"""

from collections.abc import Callable
from typing import Any

from stepwell.machine import records as r
from stepwell.machine.execution import (
    ABORTED,
    FAILED,
    REDRIVES_KEPT,
    RUNNING,
    SUCCEEDED,
    TIMED_OUT,
    TOP_FRAME,
    Branches,
    Execution,
    Frame,
    OpenTask,
    Redrive,
)
from stepwell.machine.payload import Payload
from stepwell.machine.quotas import noted

_STATUS = {
    "ExecutionSucceeded": SUCCEEDED,
    "ExecutionFailed": FAILED,
    "ExecutionTimedOut": TIMED_OUT,
    "ExecutionAborted": ABORTED,
}
ENDINGS = {status: type for type, status in _STATUS.items()}
"""The terminal event of each status."""


def apply(execution: Execution, record: r.Record) -> None:
    """Fold one record into the execution."""
    execution.sequence += 1
    if isinstance(record, r.Event):
        execution.event_id += 1
        assert record.at >= execution.at, "event times must not go back"
        assert record.previous < execution.event_id, "previousEventId must be earlier"
        execution.at = record.at
    _APPLY[type(record)](execution, record)


def _advance(execution: Execution, record: r.Event) -> Frame:
    """The event is the latest of its frame."""
    frame = execution.frames[record.frame]
    frame.previous = execution.event_id
    return frame


def _execution_started(execution: Execution, record: r.ExecutionStarted) -> None:
    for name in (
        "name", "state_machine", "state_machine_name", "revision", "role", "region", "input", "seed",
        "limits", "version", "alias", "parent", "parent_task", "map_run", "item", "item_count", "trace_header",
    ):  # fmt: skip
        setattr(execution, name, getattr(record, name))
    execution.id = record.execution
    execution.started_at = record.at
    _fork(execution, TOP_FRAME, 0, 0, record.start_at, record.input)
    execution.frames[TOP_FRAME].previous = 0


def _fork(execution: Execution, frame: int, parent: int, index: int, state: str, input: Payload) -> None:
    """A new thread; its first event follows the one that is being applied."""
    execution.frames[frame] = Frame(
        id=frame, parent=parent, index=index, state=state, input=input, previous=execution.event_id
    )
    execution.last_frame = max(execution.last_frame, frame)


def _execution_ended(execution: Execution, record: r.ExecutionEnded) -> None:
    execution.status = _STATUS[record.type]
    execution.stopped_at = record.at
    execution.output = record.output
    execution.error, execution.cause = record.error, record.cause
    execution.due_at = None
    # A failed execution keeps its frames, which is what a partial redrive resumes; nothing runs in them any longer.
    close = _close if execution.status == SUCCEEDED else _cut
    for frame in execution.frames.values():
        close(frame)


def _close(frame: Frame) -> None:
    frame.waiting, frame.task, frame.timers = "closed", None, {}


def _cut(frame: Frame) -> None:
    frame.finished = frame.finished or frame.waiting == "done"
    _close(frame)


def _execution_redriven(execution: Execution, record: r.ExecutionRedriven) -> None:
    execution.status, execution.stopped_at = RUNNING, None
    execution.output = execution.error = execution.cause = None
    # A budget that was spent stays so: its renewal may be under way, and does no harm.
    execution.redrive_count, execution.redriven_at = record.redrive_count, record.at
    if record.client_token is not None:
        redrives = [*execution.redrives, Redrive(record.client_token, record.at)]
        execution.redrives = redrives[-REDRIVES_KEPT:]
    for id, waiting in record.resumes.items():
        _resume(execution, execution.frames[id], waiting)
    execution.frames[TOP_FRAME].previous = execution.event_id


def _resume(execution: Execution, frame: Frame, waiting: str) -> None:
    frame.waiting, frame.finished = waiting, False
    frame.retry_count, frame.retries = 0, {}
    if frame.branches is not None:
        frame.branches.running = len(execution.children(frame))


def _state_entered(execution: Execution, record: r.StateEntered) -> None:
    frame = _advance(execution, record)
    frame.state, frame.input = record.name, record.input
    frame.entered, frame.entered_previous, frame.entered_at = execution.event_id, record.previous, record.at


def _state_exited(execution: Execution, record: r.StateExited) -> None:
    frame = _advance(execution, record)
    frame.variables = {**frame.variables, **record.assigned} if record.assigned else frame.variables
    frame.entered, frame.waiting, frame.task, frame.branches, frame.map_run = 0, "", None, None, None
    frame.retry_count, frame.retries, frame.timers = 0, {}, {}
    frame.input = record.output
    if record.next is not None:
        frame.state = record.next
    else:
        frame.waiting = "done"
        _join(execution, frame)


def _join(execution: Execution, frame: Frame) -> None:
    """A Parallel branch that is done gives its result at once; AWS has an event of its own only for Map iterations."""
    parent = execution.frames.get(frame.parent)
    if parent is None or parent.branches is None or parent.branches.items is not None:
        return
    _collect(parent.branches, frame)
    parent.previous = execution.event_id
    del execution.frames[frame.id]


def _collect(branches: Branches, frame: Frame) -> None:
    branches.results[frame.index] = frame.input
    branches.done += 1
    branches.running -= 1


def _state_aborted(execution: Execution, record: r.StateAborted) -> None:
    _cut(_advance(execution, record))


def _evaluation_failed(execution: Execution, record: r.EvaluationFailed) -> None:
    _advance(execution, record)


def _task_scheduled(execution: Execution, record: r.TaskScheduled) -> None:
    frame = _advance(execution, record)
    frame.attempt, frame.waiting = record.attempt, "task"
    frame.task = OpenTask(
        attempt=record.attempt, type=record.type, resource=record.resource, resource_type=record.resource_type,
        waits=record.waits, heartbeat_seconds=record.heartbeat_seconds,
    )  # fmt: skip


def _task_begun(execution: Execution, record: r.TaskBegun) -> None:
    task = _advance(execution, record).task
    assert task is not None
    task.started = True


def _task_submitted(execution: Execution, record: r.TaskSubmitted) -> None:
    task = _advance(execution, record).task
    assert task is not None
    task.submitted, task.child, task.job = True, record.child, record.job


def _task_ended(execution: Execution, record: r.TaskEnded) -> None:
    frame = _advance(execution, record)
    assert frame.task is not None, "a task is settled once"
    frame.task, frame.waiting = None, ""


def _parallel_started(execution: Execution, record: r.ParallelStarted) -> None:
    frame = _advance(execution, record)
    frame.waiting = "branches"
    count = len(record.branches)
    frame.branches = Branches(results=[None] * count, started=count, running=count)
    for index, start_at in enumerate(record.branches):
        _fork(execution, record.first_frame + index, frame.id, index, start_at, record.input)


def _map_started(execution: Execution, record: r.MapStarted) -> None:
    frame = _advance(execution, record)
    if record.distributed:
        return
    frame.waiting = "branches"
    frame.branches = Branches(
        results=[None] * record.length, items=record.items, input=record.input, concurrency=record.concurrency
    )


def _map_run_started(execution: Execution, record: r.MapRunStarted) -> None:
    frame = _advance(execution, record)
    frame.waiting, frame.map_run, frame.attempt = "map_run", record.map_run, record.attempt
    frame.map_run_redrives = 0


def _map_run_redriven(execution: Execution, record: r.MapRunRedriven) -> None:
    frame = _advance(execution, record)
    frame.waiting, frame.map_run_redrives = "map_run", record.redrive_count


def _map_run_ended(execution: Execution, record: r.MapRunEnded) -> None:
    frame = _advance(execution, record)
    frame.waiting = ""
    if record.type == "MapRunSucceeded":
        frame.map_run = None  # Should the Map fail all the same, a redrive has nothing to go on with.


def _iteration_started(execution: Execution, record: r.IterationStarted) -> None:
    branches = execution.frames[record.frame].branches
    assert branches is not None
    branches.started += 1
    branches.running += 1
    _fork(execution, record.child, record.frame, record.index, record.start_at, record.input)


def _iteration_ended(execution: Execution, record: r.IterationEnded) -> None:
    parent, child = execution.frames[record.frame], execution.frames[record.child]
    assert parent.branches is not None
    if record.type == "MapIterationSucceeded":
        # The Map's own next event follows this one, but the next iteration's follows the thread that made room for it.
        parent.previous = execution.event_id
        _collect(parent.branches, child)
        del execution.frames[child.id]
    else:
        if record.type == "MapIterationFailed":
            parent.previous = record.previous
        parent.branches.running -= 1
        _cut(child)


def _branches_ended(execution: Execution, record: r.BranchesEnded) -> None:
    frame = execution.frames[record.frame]
    if record.type.endswith("Failed"):  # what follows a success names the last branch's event instead, as AWS does
        frame.previous = execution.event_id
    if record.discarded:
        frame.branches = None
    frame.waiting = ""


def _timer_started(execution: Execution, record: r.TimerStarted) -> None:
    if record.frame == 0:
        execution.due_at = record.due_at
        return
    frame = execution.frames[record.frame]
    frame.timers = {**frame.timers, record.kind: record.due_at}
    if record.kind == "wait":
        frame.waiting = "timer"


def _timer_ended(execution: Execution, record: r.TimerEnded) -> None:
    if record.frame == 0:
        execution.due_at = None
        return
    frame = execution.frames[record.frame]
    frame.timers = {kind: due for kind, due in frame.timers.items() if kind != record.kind}
    if record.kind in ("wait", "retry"):
        frame.waiting = ""


def _retry_scheduled(execution: Execution, record: r.RetryScheduled) -> None:
    frame = execution.frames[record.frame]
    frame.retries = {**frame.retries, record.retrier: record.attempt}
    frame.retry_count += 1
    frame.waiting, frame.task, frame.branches = "retry", None, None
    frame.timers = {"retry": record.due_at}


def _heartbeat_received(execution: Execution, record: r.HeartbeatReceived) -> None:
    execution.at = max(execution.at, record.at)


def _branch_failed(execution: Execution, record: r.BranchFailed) -> None:
    child = execution.frames[record.frame]
    parent = execution.frames[child.parent]
    assert parent.branches is not None
    parent.previous = child.previous
    parent.branches.running -= 1
    _cut(child)


def _frame_cancelled(execution: Execution, record: r.FrameCancelled) -> None:
    del execution.frames[record.frame]


def _limit_crossed(execution: Execution, record: r.LimitCrossed) -> None:
    execution.crossed = noted(execution.crossed, record)


def _transition_budget_spent(execution: Execution, record: r.TransitionBudgetSpent) -> None:
    execution.budget_spent = True


def _transition_budget_renewed(execution: Execution, record: r.TransitionBudgetRenewed) -> None:
    execution.budget_spent = False


_APPLY: dict[type[r.Record], Callable[[Execution, Any], None]] = {
    r.ExecutionStarted: _execution_started,
    r.ExecutionEnded: _execution_ended,
    r.ExecutionRedriven: _execution_redriven,
    r.StateEntered: _state_entered,
    r.StateExited: _state_exited,
    r.StateAborted: _state_aborted,
    r.EvaluationFailed: _evaluation_failed,
    r.TaskScheduled: _task_scheduled,
    r.TaskBegun: _task_begun,
    r.TaskSubmitted: _task_submitted,
    r.TaskEnded: _task_ended,
    r.ParallelStarted: _parallel_started,
    r.MapStarted: _map_started,
    r.MapRunStarted: _map_run_started,
    r.MapRunRedriven: _map_run_redriven,
    r.MapRunEnded: _map_run_ended,
    r.IterationStarted: _iteration_started,
    r.IterationEnded: _iteration_ended,
    r.BranchesEnded: _branches_ended,
    r.TimerStarted: _timer_started,
    r.TimerEnded: _timer_ended,
    r.RetryScheduled: _retry_scheduled,
    r.HeartbeatReceived: _heartbeat_received,
    r.BranchFailed: _branch_failed,
    r.FrameCancelled: _frame_cancelled,
    r.LimitCrossed: _limit_crossed,
    r.TransitionBudgetSpent: _transition_budget_spent,
    r.TransitionBudgetRenewed: _transition_budget_renewed,
}
