"""One execution as far as the doctor needs it, folded from its history page by page: no event is kept whole."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stepwell.commands.client import label_of_execution
from stepwell.commands.flow import CAUGHT, FAILED, Branch, Event, Flow, Place, State, details, outwards

OUTCOME_UNKNOWN = frozenset(
    {
        "States.Timeout", "States.HeartbeatTimeout", "Lambda.ServiceException", "Lambda.AWSLambdaException",
        "Lambda.SdkClientException", "Lambda.ClientExecutionTimeoutException", "Lambda.Unknown", "Sandbox.Timedout",
        "Runtime.ExitError",
    }
)  # fmt: skip
"""Errors that leave open how far the task came."""

UNLIMITED_SECONDS = 99_999_999
"""AWS's default time limit of a task, which is none."""

_DATA = ("input", "output", "parameters")
_KEY_NAME = re.compile(r"idempot|dedup|client_?(request_?)?token", re.IGNORECASE)
_NAME_MIN = 6
"""A shorter execution name could be in a value by chance."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """A state that ran again though it may have had its effect. `key` is where an idempotency key was seen, or None.

    `tasks` are those within it that had succeeded, for a Parallel or Map.
    """

    state: str
    error: str
    attempt: int
    key: str | None = None
    tasks: tuple[str, ...] = ()


@dataclass(slots=True)
class Attempt:
    """The latest attempt of a task: what its Scheduled event said, and the latest event after it."""

    scheduled: Mapping[str, Any]
    latest: str
    latest_at: float
    submitted: Mapping[str, Any]


class Story:
    """What a history tells. Data is counted in bytes of UTF-8, as AWS counts it."""

    def __init__(self, arn: str) -> None:
        self.arn = arn
        self.label = label_of_execution(arn)
        self.flow = Flow()
        self.events = 0
        self.latest_at = 0.0
        self.transitions: Counter[str] = Counter()
        self.carried_bytes = 0
        self.largest: tuple[int, str] = (0, "")
        self.repeats: list[Repeat] = []
        self.attempts: dict[State, Attempt] = {}
        self._visits: dict[Branch, Counter[tuple[str, str]]] = defaultdict(Counter)
        self._done: dict[State, list[str]] = defaultdict(list)

    def add(self, event: Event) -> None:
        """Takes in the next event of the history."""
        place = self.flow.add(event)
        detail = details(event)
        self.events = event["id"]
        self.latest_at = event["timestamp"].timestamp()
        self._measure(event["type"], detail, place)
        if event["type"] == "ExecutionRedriven":
            self._resume()
        if not isinstance(place, State):
            return
        type = event["type"]
        if type.endswith("StateEntered"):
            self._enter(place)
        elif type.endswith("Scheduled"):
            self._try(place, detail, type)
        elif type.endswith("StateStarted"):
            self._try_branches(place)
        elif place in self.attempts:
            self._note(place, detail, type)

    def open_leaves(self) -> list[State]:
        """The innermost states that have not ended: those for which the execution waits."""
        return list(_leaves(self.flow.root))

    def turns(self) -> Iterator[tuple[str, int]]:
        """The Wait states that were entered more than once in one place, and how often: polling loops."""
        for visits in self._visits.values():
            for (type, name), count in visits.items():
                if type == "Wait" and count > 1:
                    yield name, count

    def _measure(self, type: str, detail: Mapping[str, Any], place: Place | None) -> None:
        sizes = [len(detail[member].encode()) for member in _DATA if isinstance(detail.get(member), str)]
        names = (f"in the state {at.name}" for at in outwards(place) if isinstance(at, State))
        where = next(names, "in its own input or output")
        if sizes and max(sizes) > self.largest[0]:
            self.largest = (max(sizes), where)
        if type.endswith("StateEntered"):
            self.carried_bytes += sum(sizes)

    def _enter(self, state: State) -> None:
        self.transitions[state.name] += 1
        self._visits[state.parent][state.type, state.name] += 1

    def _resume(self) -> None:
        """States that a redrive lets work again. What a task or a fork does anew has an event of its own."""
        for state in self.open_leaves():
            if state.type not in ("Task", "Parallel", "Map"):
                self.transitions[state.name] += 1

    def _try(self, state: State, detail: Mapping[str, Any], type: str) -> None:
        if state.attempts > 1:
            self.transitions[state.name] += 1
            if state.error in OUTCOME_UNKNOWN:
                key = key_in(detail.get("parameters") or detail.get("input"), self.arn)
                self.repeats.append(Repeat(state.name, str(state.error), state.attempts, key))
        kept = {name: value for name, value in detail.items() if name not in _DATA}
        self.attempts[state] = Attempt(kept, type, self.latest_at, {})

    def _try_branches(self, state: State) -> None:
        done = self._done.pop(state, [])
        if state.attempts > 1:
            self.transitions[state.name] += 1
            if done:
                tasks = tuple(dict.fromkeys(done))
                self.repeats.append(Repeat(state.name, "", state.attempts, tasks=tasks))

    def _note(self, state: State, detail: Mapping[str, Any], type: str) -> None:
        attempt = self.attempts[state]
        attempt.latest, attempt.latest_at = type, self.latest_at
        if type == "TaskSubmitted":
            attempt.submitted = _members(detail.get("output"))
        elif type in ("TaskSucceeded", "LambdaFunctionSucceeded", "ActivitySucceeded"):
            for around in outwards(state.parent.parent):
                if isinstance(around, State):
                    self._done[around].append(state.name)
        elif type.endswith(("StateExited", "StateAborted")):
            del self.attempts[state]


def _leaves(branch: Branch) -> Iterator[State]:
    """Only the latest state of a branch can be open."""
    for state in branch.states[-1:]:
        if state.ended_at is None and state.status not in (FAILED, CAUGHT):
            inner = [leaf for part in state.branches for leaf in _leaves(part)]
            yield from inner or [state]


def _members(text: str | None) -> Mapping[str, Any]:
    try:
        value = json.loads(text or "")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def key_in(text: str | None, execution: str) -> str | None:
    """Where in a task's input something stands that can serve as an idempotency key; None where nothing is seen.

    It is a member with such a name, or a value made from the execution's name, which is the same for every attempt.
    """
    name = execution.rpartition(":")[2]
    waiting: list[tuple[str, Any]] = [("$", _members(text))]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [(f"{path}.{member}", inner) for member, inner in value.items()]
        elif isinstance(value, list):
            waiting += [(f"{path}[{index}]", inner) for index, inner in enumerate(value)]
        elif isinstance(value, str) and _serves_as_key(path, value, name):
            return path
    return None


def _serves_as_key(path: str, value: str, name: str) -> bool:
    return bool(value and _KEY_NAME.search(path)) or (len(name) >= _NAME_MIN and name in value)
