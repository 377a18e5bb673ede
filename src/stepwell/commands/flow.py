"""A fold of AWS's history events into what a person follows: states, their attempts, and the branches within them.

The events name neither branch nor attempt, but each names the event before it in its own thread. So every event leaves
its thread at a *place*, and the next one is understood by going outwards from the place of its `previousEventId`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Event: TypeAlias = Mapping[str, Any]
"""One HistoryEvent of GetExecutionHistory, with `timestamp` as a datetime."""

RUNNING = "running"
FAILING = "failing"
"""An attempt failed; the next event tells whether the state is retried, caught, or takes the execution with it."""
SUCCEEDED = "succeeded"
CAUGHT = "caught"
FAILED = "failed"
ABORTED = "aborted"

_CLOSED = frozenset({SUCCEEDED, CAUGHT, FAILED, ABORTED})
_WAITS = ((".waitForTaskToken", "waits for its task token"), (".sync", "waits for the nested execution"))


@dataclass(slots=True, eq=False)
class Branch:
    """States that follow each other: the execution itself, one branch of a Parallel, or one iteration of a Map."""

    label: str
    parent: "State | None" = None
    index: int = 0
    states: "list[State]" = field(default_factory=list)
    status: str = RUNNING


@dataclass(slots=True, eq=False)
class State:
    """One visit to a state. Times are epoch seconds; `error` and `cause` are those of the latest failed attempt.

    `attempts` counts what was tried at least once: tasks, and the branches of a Parallel or Map as a whole. `branches`
    are those of the latest attempt. `note` says what a running state waits for, and `resumed_at` when a redrive let it
    go on.
    """

    name: str
    type: str
    parent: Branch
    entered_at: float
    status: str = RUNNING
    attempts: int = 0
    error: str | None = None
    cause: str | None = None
    ended_at: float | None = None
    resumed_at: float | None = None
    note: str = ""
    branches: list[Branch] = field(default_factory=list)


Place: TypeAlias = State | Branch


class Flow:
    """One execution as its history tells it. `status`, `output`, `error` and `cause` are DescribeExecution's.

    A redrive reopens the states that had not succeeded: their next events follow without another Entered event.
    """

    def __init__(self) -> None:
        self.root = Branch("")
        self.status = "RUNNING"
        self.started_at = 0.0
        self.redriven_at: float | None = None
        self.ended_at: float | None = None
        self.output: str | None = None
        self.error: str | None = None
        self.cause: str | None = None
        self._places: dict[int, Place] = {0: self.root}

    def add(self, event: Event) -> Place | None:
        """Take in the next event; returns the state or branch that it is about. Unknown types change nothing."""
        place = self._places.get(event["previousEventId"], self.root)
        apply = _handler(event["type"])
        touched = apply(self, event, details(event), place) if apply else None
        self._places[event["id"]] = self._left_at(touched, place)
        return touched

    def _left_at(self, touched: Place | None, place: Place) -> Place:
        """Where the thread stands after the event: inside of what it touched, or after a state that it has left."""
        if isinstance(touched, State) and touched.status in (SUCCEEDED, CAUGHT):
            return touched.parent
        if touched is self.root and self.root.states[-1:] and self.root.states[-1].status == RUNNING:
            return self.root.states[-1]  # The top thread goes on in the state that a redrive has reopened.
        return touched or place


def details(event: Event) -> Mapping[str, Any]:
    """The member of an event that its type prescribes, or nothing."""
    return next((value for key, value in event.items() if key.endswith("EventDetails")), {})


def outwards(place: Place | None) -> Iterator[Place]:
    """The place and all that it stands in, innermost first."""
    while place is not None:
        yield place
        place = place.parent


def _state(place: Place, type: str = "", name: str | None = None) -> State | None:
    """The innermost open state around a place with this type and name, where they are given."""
    for at in outwards(place):
        if isinstance(at, State) and at.status not in _CLOSED and type in ("", at.type) and name in (None, at.name):
            return at
    return None


def _seconds(event: Event) -> float:
    return float(event["timestamp"].timestamp())


def _execution_started(flow: Flow, event: Event, detail: Mapping[str, Any], place: Place) -> Place:
    flow.started_at = _seconds(event)
    return flow.root


def _execution_ended(flow: Flow, event: Event, detail: Mapping[str, Any], place: Place) -> Place:
    flow.status = _STATUS[event["type"]]
    flow.ended_at = _seconds(event)
    flow.output, flow.error, flow.cause = detail.get("output"), detail.get("error"), detail.get("cause")
    if flow.status == "FAILED":
        for state in outwards(place):
            if isinstance(state, State):
                state.error, state.cause = flow.error, flow.cause
                _end(state, FAILED, state.ended_at or flow.ended_at)
    _abort_within(flow.root, flow.ended_at)
    return flow.root


def _execution_redriven(flow: Flow, event: Event, detail: Mapping[str, Any], place: Place) -> Place:
    flow.status, flow.redriven_at, flow.ended_at = "RUNNING", _seconds(event), None
    flow.output = flow.error = flow.cause = None
    _reopen_within(flow.root, flow.redriven_at)
    return flow.root


def _reopen_within(branch: Branch, at: float) -> None:
    """What did not succeed goes on. A Fail state is entered again instead."""
    branch.status = RUNNING
    for state in branch.states[-1:]:
        if state.status in (SUCCEEDED, CAUGHT) or state.type == "Fail":
            continue
        state.status, state.ended_at, state.resumed_at = RUNNING, None, at
        for inner in state.branches:
            if inner.status != SUCCEEDED:
                _reopen_within(inner, at)


def _abort_within(branch: Branch, at: float) -> None:
    """Nothing here runs any longer. Only the latest state of a branch can be open."""
    for state in branch.states[-1:]:
        for inner in state.branches:
            _abort_within(inner, at)
        if state.status not in _CLOSED:
            _end(state, ABORTED, at)


def _entered(flow: Flow, event: Event, detail: Mapping[str, Any], place: Place) -> Place:
    type = event["type"].removesuffix("StateEntered")
    branch = _branch_to_enter(place)
    state = State(detail["name"], type, branch, _seconds(event))
    branch.states.append(state)
    if type == "Fail":
        _end(state, FAILED, state.entered_at)
    return state


def _branch_to_enter(place: Place) -> Branch:
    """AWS has no event for the beginning of a Parallel's branch: its first state follows ParallelStateStarted."""
    if isinstance(place, Branch):
        return place
    if place.type != "Parallel" or place.status in _CLOSED:
        return place.parent
    branch = Branch(f"branch {len(place.branches) + 1}", place, len(place.branches))
    place.branches.append(branch)
    return branch


def _exited(flow: Flow, event: Event, detail: Mapping[str, Any], place: Place) -> Place | None:
    for state in outwards(place):
        if isinstance(state, State) and state.name == detail["name"]:
            _end(state, CAUGHT if state.status in (FAILING, FAILED) else SUCCEEDED, _seconds(event))
            return state
    return None


def _end(state: State, status: str, at: float) -> None:
    state.status, state.ended_at, state.note = status, at, ""


def _fail(state: State, detail: Mapping[str, Any]) -> None:
    state.status, state.note = FAILING, ""
    state.error, state.cause = detail.get("error"), detail.get("cause")


def _state_aborted(flow: Flow, event: Event, detail: Mapping[str, Any], place: Place) -> Place | None:
    state = _state(place, event["type"].removesuffix("StateAborted"))
    if state is not None:
        _end(state, ABORTED, _seconds(event))
    return state


def _scheduled(flow: Flow, event: Event, detail: Mapping[str, Any], place: Place) -> Place | None:
    state = _state(place, "Task")
    if state is not None:
        _try(state, "waits for a worker" if event["type"] == "ActivityScheduled" else "")
    return state


def _branches_started(flow: Flow, event: Event, detail: Mapping[str, Any], place: Place) -> Place | None:
    """The first time, or again: a retried Parallel or Map has no event for the failure of the attempt before."""
    state = _state(place, event["type"].removesuffix("StateStarted"))
    if state is not None:
        state.branches = []
        _try(state, "")
    return state


def _try(state: State, note: str) -> None:
    state.attempts += 1
    state.status, state.note = RUNNING, note


def _begun(flow: Flow, event: Event, detail: Mapping[str, Any], place: Place) -> Place | None:
    state = _state(place, "Task")
    if state is not None:
        worker = detail.get("workerName")
        state.note = f"worker {worker}" if worker else ""
    return state


def _submitted(flow: Flow, event: Event, detail: Mapping[str, Any], place: Place) -> Place | None:
    state = _state(place, "Task")
    if state is not None:
        state.note = next((note for mark, note in _WAITS if mark in detail.get("resource", "")), "")
    return state


def _attempt_succeeded(flow: Flow, event: Event, detail: Mapping[str, Any], place: Place) -> Place | None:
    state = _state(place, "Task")
    if state is not None:
        state.note = ""
    return state


def _attempt_failed(flow: Flow, event: Event, detail: Mapping[str, Any], place: Place) -> Place | None:
    state = _state(place, "Task")
    if state is not None:
        _fail(state, detail)
    return state


def _evaluation_failed(flow: Flow, event: Event, detail: Mapping[str, Any], place: Place) -> Place | None:
    """AWS gives this event the previousEventId of the state's own Entered event, so its place may be before it."""
    name = detail.get("state")
    state = _state(place, name=name) or _latest(place, name)
    if state is not None:
        _fail(state, detail)
    return state


def _latest(place: Place, name: str | None) -> State | None:
    """The open state of this name that was entered from the place."""
    for branch in place.branches if isinstance(place, State) else [place]:
        for state in branch.states[-1:]:
            if state.name == name and state.status not in _CLOSED:
                return state
    return None


def _branches_failed(flow: Flow, event: Event, detail: Mapping[str, Any], place: Place) -> Place | None:
    state = _state(place, event["type"].removesuffix("StateFailed"))
    if state is not None:
        at = _seconds(event)
        _take_error(state, place, at)
        _end(state, FAILED, at)
        for branch in state.branches:
            _abort_within(branch, at)
    return state


def _take_error(state: State, place: Place, at: float) -> None:
    """What failed at the place has failed for good, and the state around it with the same error."""
    if isinstance(place, State) and place is not state and place.status in (FAILING, FAILED):
        _end(place, FAILED, place.ended_at or at)
        state.error, state.cause = place.error, place.cause


def _branches_succeeded(flow: Flow, event: Event, detail: Mapping[str, Any], place: Place) -> Place | None:
    return _state(place, event["type"].removesuffix("StateSucceeded"))


def _iteration_started(flow: Flow, event: Event, detail: Mapping[str, Any], place: Place) -> Place | None:
    state = _state(place, "Map", detail["name"])
    if state is None:
        return None
    branch = Branch(f"[{detail['index']}]", state, detail["index"])
    state.branches.append(branch)
    return branch


def _iteration_ended(flow: Flow, event: Event, detail: Mapping[str, Any], place: Place) -> Place | None:
    for at in outwards(place):
        if isinstance(at, Branch) and at.parent and at.parent.name == detail["name"] and at.index == detail["index"]:
            at.status = _ITERATION_STATUS[event["type"]]
            if at.status == FAILED:
                _take_error(at.parent, place, _seconds(event))
            return at
    return None


_STATUS = {
    "ExecutionSucceeded": "SUCCEEDED",
    "ExecutionFailed": "FAILED",
    "ExecutionTimedOut": "TIMED_OUT",
    "ExecutionAborted": "ABORTED",
}
_ITERATION_STATUS = {
    "MapIterationSucceeded": SUCCEEDED,
    "MapIterationFailed": FAILED,
    "MapIterationAborted": ABORTED,
}

_Handler: TypeAlias = Callable[[Flow, Event, Mapping[str, Any], Place], Place | None]

_HANDLERS: dict[str, _Handler] = {
    "ExecutionStarted": _execution_started,
    **dict.fromkeys(_STATUS, _execution_ended),
    "ExecutionRedriven": _execution_redriven,
    **dict.fromkeys(("LambdaFunctionScheduled", "TaskScheduled", "ActivityScheduled"), _scheduled),
    **dict.fromkeys(("ParallelStateStarted", "MapStateStarted"), _branches_started),
    **dict.fromkeys(("LambdaFunctionStarted", "TaskStarted", "ActivityStarted"), _begun),
    "TaskSubmitted": _submitted,
    **dict.fromkeys(("LambdaFunctionSucceeded", "TaskSucceeded", "ActivitySucceeded"), _attempt_succeeded),
    **dict.fromkeys(
        (
            *("LambdaFunctionFailed", "LambdaFunctionScheduleFailed", "LambdaFunctionStartFailed"),
            *("TaskFailed", "TaskStartFailed", "TaskSubmitFailed", "ActivityFailed", "ActivityScheduleFailed"),
            *("LambdaFunctionTimedOut", "TaskTimedOut", "ActivityTimedOut"),
        ),
        _attempt_failed,
    ),
    "EvaluationFailed": _evaluation_failed,
    **dict.fromkeys(("ParallelStateFailed", "MapStateFailed"), _branches_failed),
    **dict.fromkeys(("ParallelStateSucceeded", "MapStateSucceeded"), _branches_succeeded),
    "MapIterationStarted": _iteration_started,
    **dict.fromkeys(_ITERATION_STATUS, _iteration_ended),
}

_SUFFIXES: dict[str, _Handler] = {"StateEntered": _entered, "StateExited": _exited, "StateAborted": _state_aborted}


def _handler(type: str) -> _Handler | None:
    return _HANDLERS.get(type) or next((apply for end, apply in _SUFFIXES.items() if type.endswith(end)), None)
