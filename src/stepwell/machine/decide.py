"""`decide`: a stimulus in, a step out. The one entry to the machine.

A step runs until every thread of control waits for something outside, so a chain of Pass and Choice states is one step.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stepwell.asl.errors import DATA_LIMIT_EXCEEDED, RUNTIME, StatesError, too_deep
from stepwell.asl.program import (
    ChoiceState,
    FailState,
    MapState,
    ParallelState,
    PassState,
    Program,
    State,
    SucceedState,
    TaskState,
    WaitState,
)
from stepwell.machine import branches, distributed, failure, redrive, states, tasks
from stepwell.machine import records as r
from stepwell.machine import stimuli as s
from stepwell.machine.commands import Command, RenewBudget
from stepwell.machine.execution import Execution, Frame
from stepwell.machine.turn import EVENTS_MAX, HistoryLimitReached, Turn, data_limit_cause


@dataclass(frozen=True, slots=True)
class Step:
    """What one stimulus led to. Records are applied already, and are to be made durable before commands are performed.

    `accepted` is False, with nothing to write, where the stimulus came too late: its task was settled, its timer
    replaced, its execution closed.
    """

    records: list[r.Record]
    commands: list[Command]
    accepted: bool


def decide(
    program: Program, execution: Execution, stimulus: s.Stimulus, overtime: Callable[[], bool] = lambda: False
) -> Step:
    """Advance the execution in place. Raises only on a defect; the caller then drops the execution and folds anew.

    `overtime` is asked between transitions and ends the step when it says so. That a step ended is in its records, so
    a fold needs no such answer.
    """
    seed = stimulus.seed if isinstance(stimulus, s.StartRequested) else execution.seed
    turn = Turn(program, execution, stimulus.at, seed)
    try:
        accepted = _STIMULI[type(stimulus)](turn, stimulus)
        if accepted:
            _run(turn, overtime)
    except HistoryLimitReached:
        accepted = True
        cause = f"The execution reached the maximum number of history events ({EVENTS_MAX})."
        failure.end_execution(turn, "ExecutionFailed", execution.event_id, error=RUNTIME, cause=cause)
    return Step(turn.records, turn.commands, accepted)


def _run(turn: Turn, overtime: Callable[[], bool]) -> None:
    """Let every thread that can go on go on, one after the other, until all wait or the step's budget is spent."""
    begun = False
    while turn.ready and turn.running:
        # A step that did nothing would be followed by another such: the first transition is made however late it is.
        if turn.spent or (begun and overtime()):
            turn.emit(r.TransitionBudgetSpent())
            turn.command(RenewBudget())
            return
        begun = True
        frame = turn.execution.frames.get(turn.ready.popleft())
        if frame is not None:
            _guarded(turn, frame, _advance)


def _guarded(turn: Turn, frame: Frame, action: Callable[[Turn, Frame], None]) -> None:
    """Do something in a frame; an evaluation that fails is a failure of the frame's state."""
    try:
        action(turn, frame)
    except StatesError as error:
        failure.fail_evaluation(turn, frame, error)
    except RecursionError:
        # A document that grows a level in every round of a loop gets here; left alone it would wedge the execution.
        failure.fail_evaluation(turn, frame, too_deep())
    except MemoryError:
        # What does not fit into the memory exceeds any quota; left alone it would come again after every restart.
        failure.fail_evaluation(turn, frame, StatesError(DATA_LIMIT_EXCEEDED, data_limit_cause(frame.state)))


def _advance(turn: Turn, frame: Frame) -> None:
    if frame.waiting == "":
        state = states.enter(turn, frame)
        work(turn, frame, state)
    elif frame.waiting == "branches":
        state = turn.program.states[frame.state]
        assert isinstance(state, ParallelState | MapState)
        branches.join(turn, frame, state)
    elif frame.waiting == "redriven":
        work(turn, frame, turn.program.states[frame.state])
    elif frame.waiting == "done":
        _end_thread(turn, frame)


def _end_thread(turn: Turn, frame: Frame) -> None:
    parent = turn.execution.frames.get(frame.parent)
    if parent is None:
        failure.end_execution(turn, "ExecutionSucceeded", frame.previous, output=frame.input)
        return
    state = turn.program.states[parent.state]
    assert isinstance(state, MapState)
    # The next iteration's input is evaluated here: should that fail, it is the Map that fails, not its child.
    _guarded(turn, parent, lambda turn, parent: branches.end_iteration(turn, parent, frame, state))


def _run_fail(turn: Turn, frame: Frame, state: FailState) -> None:
    error, cause = states.fail_output(turn, frame, state)
    failure.fail(turn, frame, failure.failure(error, cause))


_WORK: dict[type[State], Callable[[Turn, Frame, Any], None]] = {
    PassState: states.run_pass,
    SucceedState: states.run_succeed,
    FailState: _run_fail,
    ChoiceState: states.run_choice,
    WaitState: states.run_wait,
    TaskState: tasks.run_task,
    ParallelState: branches.run_parallel,
    MapState: branches.run_map,
}


def work(turn: Turn, frame: Frame, state: State) -> None:
    """Do what the state is there for. Raises `StatesError`."""
    _WORK[type(state)](turn, frame, state)


# --- stimuli: each handler says whether the stimulus still matters


def _start_requested(turn: Turn, stimulus: s.StartRequested) -> bool:
    if turn.execution.sequence:
        return False
    turn.emit(started_record(stimulus, turn.at, turn.program.start_at))
    timeouts = [limit for limit in (turn.program.timeout_seconds, stimulus.timeout_seconds) if limit is not None]
    if timeouts:
        turn.start_timer(0, "execution", turn.at + min(timeouts))
    turn.ready.append(turn.execution.last_frame)
    return True


def started_record(stimulus: s.StartRequested, at: float, start_at: str) -> r.ExecutionStarted:
    """The first record of the execution that was asked for; its first thread begins at the state `start_at`."""
    return r.ExecutionStarted(
        type="ExecutionStarted", at=at, execution=stimulus.execution, name=stimulus.name,
        state_machine=stimulus.state_machine, state_machine_name=stimulus.state_machine_name,
        revision=stimulus.revision, role=stimulus.role, region=stimulus.region, input=stimulus.input,
        seed=stimulus.seed, start_at=start_at, limits=stimulus.limits, version=stimulus.version,
        alias=stimulus.alias, parent=stimulus.parent, parent_task=stimulus.parent_task, map_run=stimulus.map_run,
        item=stimulus.item, item_count=stimulus.item_count, trace_header=stimulus.trace_header,
    )  # fmt: skip


def _about_task(handle: Callable[[Turn, Frame, Any], None]) -> Callable[[Turn, Any], bool]:
    """For stimuli about one attempt of a task: they matter only while it is the one that its frame waits for."""

    def handler(turn: Turn, stimulus: Any) -> bool:
        frame = turn.execution.frames.get(stimulus.frame)
        if not turn.running or frame is None or frame.task is None or frame.task.attempt != stimulus.attempt:
            return False
        _guarded(turn, frame, lambda turn, frame: handle(turn, frame, stimulus))
        return bool(turn.records)

    return handler


def _map_run_ended(turn: Turn, stimulus: s.MapRunEnded) -> bool:
    frame = turn.execution.frames.get(stimulus.frame)
    if not turn.running or frame is None or frame.waiting != "map_run":
        return False
    if (frame.attempt, frame.map_run_redrives) != (stimulus.attempt, stimulus.redrives):
        return False
    _guarded(turn, frame, lambda turn, frame: distributed.map_run_ended(turn, frame, stimulus))
    return True


def _timer_fired(turn: Turn, stimulus: s.TimerFired) -> bool:
    if turn.execution.timers().get((stimulus.frame, stimulus.kind)) != stimulus.due_at:
        return False
    if stimulus.kind == "execution":
        failure.end_execution(turn, "ExecutionTimedOut", turn.execution.event_id, error="States.Timeout")
        return True
    frame = turn.execution.frames[stimulus.frame]
    turn.end_timer(frame, stimulus.kind)
    if stimulus.kind in ("timeout", "heartbeat"):
        _guarded(turn, frame, lambda turn, frame: tasks.task_timed_out(turn, frame, stimulus.kind))
    else:
        _guarded(turn, frame, _resume)
    return True


def _resume(turn: Turn, frame: Frame) -> None:
    """A Wait is over, or a retry is due: the state works again without being entered again."""
    state = turn.program.states[frame.state]
    if isinstance(state, WaitState):
        states.end_wait(turn, frame, state)
    else:
        work(turn, frame, state)


def _stop_requested(turn: Turn, stimulus: s.StopRequested) -> bool:
    if not turn.running:
        return False
    previous = turn.execution.event_id
    failure.end_execution(turn, "ExecutionAborted", previous, error=stimulus.error, cause=stimulus.cause)
    return True


def _age_reached(turn: Turn, stimulus: s.AgeReached) -> bool:
    """AWS ends an execution after a year as if that had been its TimeoutSeconds."""
    if not turn.running:
        return False
    failure.end_execution(turn, "ExecutionTimedOut", turn.execution.event_id, error="States.Timeout")
    return True


def _budget_renewed(turn: Turn, stimulus: s.BudgetRenewed) -> bool:
    if not turn.running or not turn.execution.budget_spent:
        return False
    turn.emit(r.TransitionBudgetRenewed())
    turn.ready.extend(frame.id for frame in turn.execution.frames.values() if _can_go_on(frame))
    return True


def _can_go_on(frame: Frame) -> bool:
    return frame.waiting in ("", "done", "branches", "redriven")


_STIMULI: dict[type[s.Stimulus], Callable[[Turn, Any], bool]] = {
    s.StartRequested: _start_requested,
    s.TaskStarted: _about_task(tasks.task_started),
    s.TaskSubmitted: _about_task(tasks.task_submitted),
    s.TaskSucceeded: _about_task(tasks.task_succeeded),
    s.TaskFailed: _about_task(tasks.task_failed),
    s.TaskHeartbeat: _about_task(tasks.task_heartbeat),
    s.MapRunEnded: _map_run_ended,
    s.TimerFired: _timer_fired,
    s.StopRequested: _stop_requested,
    s.RedriveRequested: redrive.redrive,
    s.AgeReached: _age_reached,
    s.BudgetRenewed: _budget_renewed,
}
