"""One turn of an execution: the step that is being decided, and what every handler needs to decide it."""

from collections import deque
from dataclasses import dataclass
from typing import Any

from stepwell.asl.errors import DATA_LIMIT_EXCEEDED, StatesError
from stepwell.asl.jsontext import Json
from stepwell.asl.program import Program, State
from stepwell.asl.scope import UNSET, Scope
from stepwell.machine import records as r
from stepwell.machine.apply import apply
from stepwell.machine.commands import Command, DropMapRun, DropTask, StartTimer, StopTimer
from stepwell.machine.context import build_context
from stepwell.machine.execution import RUNNING, Execution, Frame
from stepwell.machine.identity import SeededDraws
from stepwell.machine.payload import Payload
from stepwell.machine.quotas import is_noted

EVENTS_MAX = 25_000
"""AWS's quota of history events; the last of them is the ExecutionFailed that says so."""

PAYLOAD_BYTES_MAX = 262_144
"""AWS's quota for a task's, a state's or an execution's input or output, in bytes of UTF-8."""

VARIABLES_BYTES_MAX = 10 << 20
"""AWS's quota for all variables of an execution. Those that one Assign sets are bound by `PAYLOAD_BYTES_MAX`."""

NEAR = 0.8
"""From this share of a quota on a warning is noted, so that nobody finds out at the quota itself."""

WARNINGS_MAX = 20
"""An execution has no more than so many."""

EXTENDED_BYTES_MAX = 64 << 20
"""With extended limits there is a bound all the same: a loop that doubles its data must not fill the memory."""

TRANSITIONS_PER_STEP = 1_000
BYTES_PER_STEP = 1 << 20


_TOO_LARGE = "a size exceeding the maximum number of bytes service limit"


def data_limit_cause(subject: str) -> str:
    """AWS's text for States.DataLimitExceeded."""
    return f"The state/task '{subject}' returned a result with {_TOO_LARGE}."


@dataclass(frozen=True, slots=True)
class Failure:
    """An error on its way outwards. `names` are the entries of ErrorEquals that match it."""

    error: str | None
    cause: str | None
    names: frozenset[str]


class HistoryLimitReached(Exception):
    """The next event would be the last that AWS's quota allows."""


class Turn:
    """Collects the records and commands of one step. Records are applied as they are emitted."""

    __slots__ = (
        "_bytes", "_draws", "_transitions", "at", "commands", "execution", "failure", "program", "ready", "records",
    )  # fmt: skip

    def __init__(self, program: Program, execution: Execution, at: float, seed: str) -> None:
        self.program = program
        self.execution = execution
        self.at = max(at, execution.at)
        self.records: list[r.Record] = []
        self.commands: list[Command] = []
        self.ready: deque[int] = deque()
        """Frames that can go on by themselves, in the order in which they do."""
        self.failure: Failure | None = None
        """The latest failure of a state, as it was before anything took it."""
        self._transitions = 0
        self._bytes = 0
        self._draws = SeededDraws(seed, execution.sequence)

    # --- records and commands

    def emit(self, record: r.Record) -> None:
        """Append a record and apply it."""
        if isinstance(record, r.Event):
            self._count_event(record)
        apply(self.execution, record)
        self.records.append(record)

    def _count_event(self, record: r.Event) -> None:
        id = self.execution.event_id + 1
        near = int(EVENTS_MAX * NEAR)
        if id < near or self.execution.limits == "express":
            return
        if id >= EVENTS_MAX and self.execution.limits == "aws" and not isinstance(record, r.ExecutionEnded):
            raise HistoryLimitReached
        if id in (near, EVENTS_MAX + 1):
            self.warn("history", id, EVENTS_MAX, "history")

    def warn(self, limit: str, value: int, allowed: int, field: str) -> None:
        """Note the first time that a field comes near a quota of AWS's, and the first time that it passes it."""
        crossed = self.execution.crossed
        if len(crossed) < WARNINGS_MAX and not is_noted(crossed, field, value > allowed):
            self.emit(r.LimitCrossed(limit=limit, value=value, field=field, allowed=allowed))

    def command(self, command: Command) -> None:
        self.commands.append(command)

    def start_timer(self, frame: int, kind: str, due_at: float) -> None:
        self.emit(r.TimerStarted(frame=frame, kind=kind, due_at=due_at))
        self.command(StartTimer(frame=frame, kind=kind, due_at=due_at))

    def end_timer(self, frame: Frame, kind: str) -> None:
        """End a timer that may not be running."""
        if kind in frame.timers:
            self.emit(r.TimerEnded(frame=frame.id, kind=kind))
            self.command(StopTimer(frame=frame.id, kind=kind))

    def release(self, frame: Frame) -> None:
        """Order away all that works for the frame outside. The record that clears it from the frame comes after."""
        for kind in frame.timers:
            self.command(StopTimer(frame=frame.id, kind=kind))
        if frame.task is not None:
            self.command(DropTask(frame=frame.id, attempt=frame.task.attempt))
        if frame.waiting == "map_run":
            self.command(DropMapRun(frame=frame.id, attempt=frame.attempt))

    # --- budget

    def spend(self, size: int) -> None:
        """Count one transition that writes about `size` bytes."""
        self._transitions += 1
        self._bytes += size

    @property
    def spent(self) -> bool:
        return self._transitions >= TRANSITIONS_PER_STEP or self._bytes >= BYTES_PER_STEP

    @property
    def running(self) -> bool:
        return self.execution.status == RUNNING

    # --- values

    def scope(
        self, frame: Frame, state: State, result: Json = UNSET, error_output: Json = UNSET, attempt: int | None = None
    ) -> Scope:
        """What the state's expressions see. Holds only what they read. `attempt` is a task's that is being prepared."""
        context = build_context(self.execution, frame, state, attempt) if state.reads_context else {}
        return self.scope_with(frame, state, context, result, error_output)

    def scope_with(
        self, frame: Frame, state: State, context: dict[str, Any], result: Json = UNSET, error_output: Json = UNSET
    ) -> Scope:
        variables = self._variables(frame, state.reads) if state.reads else {}
        return Scope(frame.input.value, context, variables, self._draws, self.at, result, error_output)

    def draw_fraction(self) -> float:
        """A random number in [0, 1)."""
        return (self._draws.bits() >> 64) / 2**64

    def _variables(self, frame: Frame, names: frozenset[str]) -> dict[str, Json]:
        """Inner scopes see outer variables; a name cannot be in both, which is checked when a definition compiles."""
        found: dict[str, Json] = {}
        at: Frame | None = frame
        while at is not None:
            for name in names & at.variables.keys():
                found.setdefault(name, at.variables[name].value)
            at = self.execution.frames.get(at.parent)
        return found

    def check_size(self, payload: Payload, subject: str, kind: str = "output of state") -> None:
        """Hold a result to AWS's quota. `subject` is the state's name or the task's resource, `kind` what it has."""
        if payload.size > PAYLOAD_BYTES_MAX * NEAR:
            self._hold("payload", payload.size, PAYLOAD_BYTES_MAX, f"{kind} '{subject}'", data_limit_cause(subject))

    def check_variables(self, frame: Frame, subject: str, assigned: dict[str, Payload]) -> None:
        """Hold what a state assigns, and with it all variables of the execution, to AWS's quotas."""
        size = sum(payload.size for payload in assigned.values())
        frames = self.execution.frames.values()
        kept = sum(payload.size for each in frames for payload in each.variables.values())
        replaced = sum(frame.variables[name].size for name in assigned if name in frame.variables)
        total = kept - replaced + size
        # Neither the recordings nor AWS's documents show the text: it is ours.
        cause = f"The state '{subject}' assigned variables with {_TOO_LARGE}."
        if size > PAYLOAD_BYTES_MAX * NEAR:
            self._hold("variables", size, PAYLOAD_BYTES_MAX, f"variables assigned by state '{subject}'", cause)
        if total > VARIABLES_BYTES_MAX * NEAR:
            self._hold("variables", total, VARIABLES_BYTES_MAX, "variables of the execution", cause)

    def _hold(self, limit: str, size: int, allowed: int, field: str, cause: str) -> None:
        bound = EXTENDED_BYTES_MAX if self.execution.limits == "extended" else allowed
        if size > bound:
            raise StatesError(DATA_LIMIT_EXCEEDED, cause)
        if self.execution.limits != "express":
            self.warn(limit, size, allowed, field)
