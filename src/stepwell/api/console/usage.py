"""What one execution has used of AWS's services, counted from its records."""

from dataclasses import dataclass, field

from stepwell.api.console.steps import Attempt, Step, Story
from stepwell.api.console.stories import read_records
from stepwell.engine.engine import Engine
from stepwell.engine.express import TIMEOUT_SECONDS, held_bytes
from stepwell.machine import records as r
from stepwell.machine.execution import Execution

FUNCTION = ("lambda", "invoke")
NESTED = ("states", "startExecution")
WAITS = {"token": "waits for a task token", "child": "waits for a job or a nested execution (.sync)"}


@dataclass(slots=True)
class Call:
    """One invocation of a function by a Task. `function` is a name or an ARN, as the call gave it.

    For a task that waits for a token `to_at` is when the function returned.
    """

    function: str
    request_id: str
    from_at: float
    to_at: float


@dataclass(slots=True)
class Usage:
    """What an execution has used up to now. `nested` are executions that it has started by a Task.

    `not_express` is the reason why it could not run as an Express execution, None where it could.
    """

    express: bool
    seconds: float = 0.0
    payload_bytes: int = 0
    transitions: int = 0
    nested: int = 0
    calls: list[Call] = field(default_factory=list)
    map_runs: list[str] = field(default_factory=list)
    not_express: str | None = None


async def read_usage(engine: Engine, execution: str) -> Usage:
    """The usage of one execution, without that of a Map Run's children and of nested executions."""
    reader = _Reader()
    async for record in read_records(engine, execution):
        reader.add(record)
    return reader.usage(engine.clock.now())


class _Reader:
    def __init__(self) -> None:
        self.story = Story()
        self._functions: dict[int, str] = {}
        """By the event that scheduled the call."""
        self._payload_bytes = 0
        self._map_runs: list[str] = []

    def add(self, record: r.Record) -> None:
        self.story.add(record)
        execution = self.story.execution
        if isinstance(record, r.StateEntered):
            self._payload_bytes = max(self._payload_bytes, held_bytes(execution))
        elif isinstance(record, r.TaskScheduled):
            function = _function(record)
            if function is not None:
                self._functions[execution.event_id] = function
        elif isinstance(record, r.MapRunStarted):
            self._map_runs.append(record.map_run)

    def usage(self, now: float) -> Usage:
        execution, steps = self.story.execution, self.story.steps.values()
        seconds = (execution.stopped_at or now) - execution.started_at
        attempts = [attempt for step in steps for attempt in step.attempts]
        return Usage(
            express=":express:" in execution.id, seconds=seconds, payload_bytes=self._payload_bytes,
            transitions=sum(map(transitions, steps)) + self.story.omitted,
            nested=sum(_action(each.resource_type, each.resource) == NESTED for each in attempts),
            calls=[self._call(each, now) for each in attempts if each.scheduled_id in self._functions and _ran(each)],
            map_runs=self._map_runs, not_express=_not_express(execution, seconds, attempts, self._map_runs),
        )  # fmt: skip

    def _call(self, attempt: Attempt, now: float) -> Call:
        from_at = attempt.started_at or attempt.scheduled_at
        to_at = attempt.submitted_at or attempt.ended_at or now
        return Call(self._functions[attempt.scheduled_id], attempt.request_id, from_at, to_at)


def _ran(attempt: Attempt) -> bool:
    """Not where the function could not be called at all."""
    return attempt.started_at > 0 or not attempt.ended_at


def transitions(step: Step) -> int:
    """State transitions as AWS bills them: the entry, and each time that the state's work began again.

    A redrive lets work again what was not exited; a task or a fork that it begins anew is seen as such.
    """
    if step.type == "Task":
        again = len(step.attempts) - 1
    elif step.type in ("Parallel", "Map"):
        again = len(step.forks) - 1
    else:
        again = len(step.earlier)
    return 1 + max(0, again)


def _function(record: r.TaskScheduled) -> str | None:
    """The function that a task calls; None where it calls something else."""
    if record.type.startswith("LambdaFunction"):
        return record.resource
    if _action(record.resource_type, record.resource) != FUNCTION:
        return None
    request = record.input.value
    name = request.get("FunctionName") if isinstance(request, dict) else None
    return name if isinstance(name, str) else None


def _action(resource_type: str | None, resource: str) -> tuple[str | None, str]:
    """What a task calls, without the pattern by which it waits (`.sync`, `.waitForTaskToken`)."""
    return resource_type, resource.partition(".")[0]


def _not_express(execution: Execution, seconds: float, attempts: list[Attempt], map_runs: list[str]) -> str | None:
    for attempt in attempts:
        if attempt.waits in WAITS:
            return WAITS[attempt.waits]
        if ":activity:" in attempt.resource:
            return "has an activity"
    if map_runs:
        return "has a Distributed Map"
    if execution.redrive_count:
        return "was redriven"
    return "takes five minutes or more" if seconds >= TIMEOUT_SECONDS else None
