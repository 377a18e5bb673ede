"""What an execution did, as operations: from the history that any Step Functions endpoint gives.

AWS bills a transition for each state that is entered and for each retry of one (aws.amazon.com/step-functions/pricing,
by second-hand copies of March 2026). A retry enters no state again: its task is scheduled again, or its branches or
iterations are started again, after something else than the state's entry. Neither does a redrive, which is billed as
well: it shows in the same way, or in that a state which does nothing on its way is exited after something else.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from stepwell.bench.history import Op

Event = Mapping[str, Any]

TRANSITION, INVOKE = "states.Transition", "lambda.Invoke"

HISTORY = "states"
"""The worker of operations that were read from the history of an execution."""

_ENTERED, _EXITED, _SCHEDULED = "StateEntered", "StateExited", "Scheduled"
_TRIES = (_SCHEDULED, "ParallelStateStarted", "MapStateStarted")
_AT_ONCE = ("Pass", "Choice", "Wait", "Succeed")
_CONTAINERS = ("Parallel", "Map")
_TASKS = ("LambdaFunction", "Task")
_OUTCOMES = ("Succeeded", "Failed", "TimedOut")


def execution_ops(events: Iterable[Event], run: str, request: str) -> list[Op]:
    """A `states.Transition` for each that is billed, and a `lambda.Invoke` for each call of a function.

    `events` are all of one history. A Parallel or Map state is over when it was entered, because what it contains
    comes after that; any other lasts until it was exited.
    """
    by_id: dict[int, Event] = {event["id"]: event for event in events}
    ended = {begun: _seconds(event) for event in by_id.values() if (begun := _begun_by(event, by_id))}
    return [
        Op(
            id=f"{request}/{call}/{id}", run=run, request=request, attempt=1, worker=HISTORY, key=request, kind=call,
            intended_at=_seconds(event), invoked_at=_seconds(event),
            returned_at=_seconds(event) if at_once else ended.get(id), status="ok", call=call,
        )
        for id, event in by_id.items()
        for call, at_once in _calls(event, by_id)
    ]  # fmt: skip


def _calls(event: Event, by_id: Mapping[int, Event]) -> Iterator[tuple[str, bool]]:
    """What an event is billed as, and whether that was over at once."""
    type = event["type"]
    if type.endswith(_ENTERED):
        yield TRANSITION, type.startswith(_CONTAINERS)
    elif _works(type) and not by_id[event["previousEventId"]]["type"].endswith(_ENTERED):
        yield TRANSITION, True
    if type == "LambdaFunctionScheduled" or _resource(event) == "lambda":
        yield INVOKE, False


def _works(type: str) -> bool:
    """Whether the event follows the state's entry, unless the state works again."""
    return type.endswith(_TRIES) or (type.endswith(_EXITED) and type.startswith(_AT_ONCE))


def _resource(event: Event) -> str | None:
    """The service that a task is scheduled on, by its optimized integration."""
    details = event.get("taskScheduledEventDetails", {}) if event["type"] == "TaskScheduled" else {}
    found: str | None = details.get("resourceType")
    return found


def _begun_by(event: Event, by_id: Mapping[int, Event]) -> int | None:
    """The event at which began what this one ends: a state without others in it, or a try of a task."""
    type = event["type"]
    if type.endswith(_EXITED) and not type.startswith(_CONTAINERS):
        return _back(event, by_id, _ENTERED)
    return _back(event, by_id, _SCHEDULED) if type.startswith(_TASKS) and type.endswith(_OUTCOMES) else None


def _back(event: Event, by_id: Mapping[int, Event], end: str) -> int | None:
    while not event["type"].endswith((end, _ENTERED)):
        event = by_id[event["previousEventId"]]
    return int(event["id"]) if event["type"].endswith(end) else None


def _seconds(event: Event) -> float:
    return float(event["timestamp"].timestamp())
