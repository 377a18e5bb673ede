"""Task states: schedule an attempt, follow it, settle it once."""

from stepwell.asl.errors import HEARTBEAT_TIMEOUT, RUNTIME, TIMEOUT, StatesError
from stepwell.asl.program import TaskState
from stepwell.machine import records as r
from stepwell.machine import stimuli as s
from stepwell.machine.commands import DropTask, StartTask, WatchJob
from stepwell.machine.execution import Frame, OpenTask
from stepwell.machine.failure import fail, failure, stop_work, task_failure, while_executing
from stepwell.machine.identity import idempotency_key, task_token
from stepwell.machine.payload import Payload
from stepwell.machine.states import complete, prepared
from stepwell.machine.turn import Failure, Turn

_ENDINGS = {
    "ActivityScheduled": ("ScheduleFailed",),
    "LambdaFunctionScheduled": ("ScheduleFailed", "StartFailed"),
    "TaskScheduled": ("StartFailed", "SubmitFailed"),
}
"""How an attempt can fail besides Failed and TimedOut: AWS has these events, and for no other family."""


def run_task(turn: Turn, frame: Frame, state: TaskState) -> None:
    """Schedule the next attempt."""
    scope = turn.scope(frame, state, attempt=frame.attempt + 1)
    input = prepared(turn, frame, state, scope)
    timeout = state.timeout_seconds(scope) if state.timeout_seconds is not None else None
    heartbeat = state.heartbeat_seconds(scope) if state.heartbeat_seconds is not None else None
    credentials = state.credentials(scope) if state.credentials is not None else None
    turn.check_size(input, state.name, "input of the task of state")
    _schedule(turn, frame, state, input, timeout, heartbeat, credentials)


def _schedule(
    turn: Turn, frame: Frame, state: TaskState, input: Payload,
    timeout: int | None, heartbeat: int | None, credentials: str | None,
) -> None:  # fmt: skip
    execution, resource = turn.execution, state.resource
    attempt = frame.attempt + 1
    is_task = resource.family == "Task"
    waits = _waits(state)
    turn.emit(
        r.TaskScheduled(
            type=f"{resource.family}Scheduled", at=turn.at, previous=frame.previous, frame=frame.id, attempt=attempt,
            resource=resource.action if is_task else resource.arn,
            resource_type=resource.type if is_task else None,
            region=execution.region if is_task else None,
            input=input, waits=waits, timeout_seconds=timeout, heartbeat_seconds=heartbeat,
            credentials=credentials,
        )
    )  # fmt: skip
    if timeout is not None:
        turn.start_timer(frame.id, "timeout", turn.at + timeout)
    if heartbeat is not None and resource.family != "Activity":
        turn.start_timer(frame.id, "heartbeat", turn.at + heartbeat)
    turn.command(
        StartTask(
            frame=frame.id, attempt=attempt, resource=resource.arn, family=resource.family, type=resource.type,
            action=resource.action, pattern=resource.pattern, input=input,
            idempotency_key=idempotency_key(execution.seed, frame.id, attempt),
            task_token=task_token(execution.id, execution.seed, frame.id, attempt) if waits == "token" else None,
            timeout_seconds=timeout, heartbeat_seconds=heartbeat, credentials=credentials,
        )
    )  # fmt: skip


def _waits(state: TaskState) -> str:
    """For what the task waits: for its `call` to return, for its `child`, or for whoever has its `token`."""
    if state.resource.waits_for_token or state.resource.family == "Activity":
        return "token"
    return "child" if state.resource.pattern.startswith("sync") else "call"


def task_started(turn: Turn, frame: Frame, stimulus: s.TaskStarted) -> None:
    """The task still runs after a while, or an activity worker has it."""
    task = frame.task
    assert task is not None
    if task.started:
        return
    _begin(turn, frame, task, stimulus.at, stimulus.worker_name)
    if task.type == "ActivityScheduled":
        # From now on the worker holds the token; a restart must not offer the task to another one.
        turn.command(DropTask(frame=frame.id, attempt=task.attempt))
        if task.heartbeat_seconds is not None:
            turn.start_timer(frame.id, "heartbeat", turn.at + task.heartbeat_seconds)


def task_submitted(turn: Turn, frame: Frame, stimulus: s.TaskSubmitted) -> None:
    """The call returned; the outcome comes later."""
    task = frame.task
    assert task is not None
    if task.submitted:
        return
    if not task.started:
        _begin(turn, frame, task, stimulus.started_at)
    turn.emit(
        r.TaskSubmitted(
            type="TaskSubmitted", at=turn.at, previous=frame.previous, frame=frame.id, resource=task.resource,
            resource_type=task.resource_type or "", output=stimulus.output, child=stimulus.child,
            job=stimulus.job,
        )
    )  # fmt: skip
    turn.command(DropTask(frame=frame.id, attempt=task.attempt))
    if stimulus.job is not None:
        turn.command(WatchJob(frame=frame.id, attempt=task.attempt, job=stimulus.job))


def task_heartbeat(turn: Turn, frame: Frame, stimulus: s.TaskHeartbeat) -> None:
    """Only the heartbeat clock begins again, never the time-out."""
    task = frame.task
    assert task is not None
    turn.emit(r.HeartbeatReceived(frame=frame.id, at=turn.at))
    if task.heartbeat_seconds is not None:
        turn.start_timer(frame.id, "heartbeat", turn.at + task.heartbeat_seconds)


def task_succeeded(turn: Turn, frame: Frame, stimulus: s.TaskSucceeded) -> None:
    task, state = frame.task, turn.program.states[frame.state]
    assert task is not None and isinstance(state, TaskState)
    _ensure_begun(turn, frame, task, stimulus.started_at)
    try:
        turn.check_size(stimulus.output, state.resource.arn, "result of task")
    except StatesError as error:
        _fail_attempt(turn, frame, task, "Failed", error.error, error.cause, task_failure(error.error, error.cause))
        return
    _end(turn, frame, task, "Succeeded", output=stimulus.output)
    scope = turn.scope(frame, state, result=stimulus.output.value) if state.finish is not None else None
    complete(turn, frame, state, scope, stimulus.output)


def task_failed(turn: Turn, frame: Frame, stimulus: s.TaskFailed) -> None:
    task = frame.task
    assert task is not None
    ending = f"{stimulus.stage}Failed"
    if ending not in _ENDINGS[task.type]:
        ending = "Failed"
    if ending not in ("ScheduleFailed", "StartFailed"):
        _ensure_begun(turn, frame, task, stimulus.started_at)
    cause = stimulus.cause
    if stimulus.stage == s.START and stimulus.error == RUNTIME:
        cause = while_executing(frame, cause or "")
    found = task_failure(stimulus.error, cause)
    _fail_attempt(turn, frame, task, ending, stimulus.error, stimulus.cause, found)


def task_timed_out(turn: Turn, frame: Frame, kind: str) -> None:
    """TimeoutSeconds or HeartbeatSeconds ran out. AWS shows States.Timeout for both."""
    task = frame.task
    assert task is not None
    _ensure_begun(turn, frame, task, None)
    stop_work(turn, frame)
    also = [HEARTBEAT_TIMEOUT] if kind == "heartbeat" else []
    _fail_attempt(turn, frame, task, "TimedOut", TIMEOUT, None, failure(TIMEOUT, None, *also))


def _ensure_begun(turn: Turn, frame: Frame, task: OpenTask, started_at: float | None) -> None:
    # An activity that nobody picked up has no Started event.
    if not task.started and task.type != "ActivityScheduled":
        _begin(turn, frame, task, started_at)


def _begin(turn: Turn, frame: Frame, task: OpenTask, started_at: float | None, worker_name: str | None = None) -> None:
    at = min(max(started_at or 0.0, turn.execution.at), turn.at)
    is_task = task.type == "TaskScheduled"
    turn.emit(
        r.TaskBegun(
            type=task.type.replace("Scheduled", "Started"), at=at, previous=frame.previous, frame=frame.id,
            resource=task.resource if is_task else None, resource_type=task.resource_type, worker_name=worker_name,
        )
    )  # fmt: skip


def _fail_attempt(
    turn: Turn, frame: Frame, task: OpenTask, ending: str, error: str | None, cause: str | None, found: Failure
) -> None:
    _end(turn, frame, task, ending, error=error, cause=cause)
    fail(turn, frame, found)


def _end(
    turn: Turn, frame: Frame, task: OpenTask, ending: str,
    output: Payload | None = None, error: str | None = None, cause: str | None = None,
) -> None:  # fmt: skip
    for kind in ("timeout", "heartbeat"):
        turn.end_timer(frame, kind)
    turn.command(DropTask(frame=frame.id, attempt=task.attempt))
    is_task = task.type == "TaskScheduled"
    turn.emit(
        r.TaskEnded(
            type=task.type.replace("Scheduled", ending), at=turn.at, previous=frame.previous, frame=frame.id,
            output=output, error=error, cause=cause,
            resource=task.resource if is_task else None, resource_type=task.resource_type,
        )
    )  # fmt: skip
