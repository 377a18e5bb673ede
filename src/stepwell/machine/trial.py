"""One state by itself, as TestState runs it.

A trial is a turn of an execution that is just about to enter the state. The work, Retry, Catch and the flow of data are
done by the functions that `decide` uses. Only what a mock stands for is left out: a Task's call, and all that happens
inside a Parallel or a Map.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from stepwell.asl.errors import (
    BRANCH_FAILED,
    EXCEED_TOLERATED_FAILURE_THRESHOLD,
    TASK_FAILED,
    TIMEOUT,
    StatesError,
    too_deep,
)
from stepwell.asl.jsontext import Json
from stepwell.asl.program import MapState, PassState, Program, State, WaitState
from stepwell.asl.scope import UNSET, Scope
from stepwell.asl.site import Watch
from stepwell.machine import failure, states, tasks
from stepwell.machine import records as r
from stepwell.machine.commands import StartTask
from stepwell.machine.context import build_context, map_item
from stepwell.machine.decide import work
from stepwell.machine.execution import TOP_FRAME, Execution, Frame
from stepwell.machine.maprun.batches import Batcher, take_batches
from stepwell.machine.maprun.decide import STATE_DATA
from stepwell.machine.payload import Payload
from stepwell.machine.stimuli import Stimulus, TaskFailed, TaskSucceeded
from stepwell.machine.turn import Turn

Read: TypeAlias = Callable[[dict[str, Json]], list[tuple[Json, str | None]]]
"""Gives what an ItemReader, all its values evaluated, would have read: items, each with its name if it is a member of
an object. Raises `StatesError`."""

STATE_NAME = "StateName"
"""What AWS calls the state under test, whatever its name in the definition. Recorded on AWS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """What holds when the state is entered.

    `retry_count` is how often each retrier has retried already. `context` has the members of the context object that
    stand in place of the trial's own.
    """

    execution: str
    name: str
    state_machine: str
    state_machine_name: str
    role: str
    region: str
    seed: str
    limits: str
    input: Payload
    variables: Mapping[str, Json]
    context: Mapping[str, Json]
    retry_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How the state ended, in the words of TestState. `details` are the members of its errorDetails."""

    status: str
    output: Payload | None = None
    next: str | None = None
    error: str | None = None
    cause: str | None = None
    details: Mapping[str, int]


class Trial(Turn):
    """Runs the state `name` of a program. `watch` is told of what a Map works on; see `Watch` for the other stages."""

    __slots__ = ("_context", "_tolerated", "_watch", "frame", "iterations", "sent", "state")

    def __init__(self, program: Program, name: str, beginning: Beginning, at: float, watch: Watch) -> None:
        self.state: State = replace(program.states[name], name=STATE_NAME)
        self._context = beginning.context
        self._watch = watch
        self.frame = _frame(self.state, beginning)
        self._tolerated: dict[str, float] = {}
        self.iterations = 0
        """How many a Map has."""
        self.sent = [beginning.input]
        """The documents that came from outside: their text is kept as it was sent."""
        alone = Program(start_at=STATE_NAME, states={STATE_NAME: self.state})
        super().__init__(alone, _execution(self.frame, beginning, at), at, beginning.seed)

    def scope(
        self, frame: Frame, state: State, result: Json = UNSET, error_output: Json = UNSET, attempt: int | None = None
    ) -> Scope:
        context = build_context(self.execution, frame, state, attempt)
        # As AWS shows it there: a state under test has no redrives, and its role may be missing. Recorded on AWS.
        del context["Execution"]["RedriveCount"]
        context["Execution"]["RoleArn"] = self.execution.role or None
        return self.scope_with(frame, state, {**context, **self._context}, result, error_output)

    # --- steps

    def enter(self, read: Read | None = None) -> None:
        """Enter the state and do its work, as far as it goes without the outside.

        What a Map would work on is told instead of worked on; `read` stands for its ItemReader.
        """
        self._guarded(lambda: self._enter(read))

    def succeed(self, output: Payload) -> None:
        """The work of the Task, Parallel or Map gave this result."""
        if self.frame.task is not None:
            self.take(TaskSucceeded(at=self.at, frame=TOP_FRAME, attempt=self.frame.attempt, output=output))
        else:
            self.sent.append(output)
            self._guarded(lambda: self._complete(output))

    def fail(self, error: str, cause: str | None, *, of_task: bool = False) -> None:
        """The work failed; in a Parallel or a Map, `of_task` says whether it was a Task that did."""
        if self.frame.task is not None:
            self.take(TaskFailed(at=self.at, frame=TOP_FRAME, attempt=self.frame.attempt, error=error, cause=cause))
            return
        also = [TASK_FAILED] if of_task and error != TIMEOUT else []
        also += [BRANCH_FAILED] if self.state.type == "Parallel" else []
        failure.fail(self, self.frame, failure.failure(error, cause, *also))

    def take(self, stimulus: Stimulus) -> None:
        """The outcome of a Task's call."""
        if isinstance(stimulus, TaskSucceeded):
            self.sent.append(stimulus.output)
            self._guarded(lambda: tasks.task_succeeded(self, self.frame, stimulus))
        else:
            assert isinstance(stimulus, TaskFailed), "TestState calls nothing that is only submitted"
            self._guarded(lambda: tasks.task_failed(self, self.frame, stimulus))

    def fire(self) -> None:
        """The earliest timer came due: a Wait is over, or a Task took too long."""
        kind, _ = min(self.frame.timers.items(), key=lambda timer: timer[1])
        state = self.state
        if isinstance(state, WaitState):
            self._guarded(lambda: states.end_wait(self, self.frame, state))
        else:
            self._guarded(lambda: tasks.task_timed_out(self, self.frame, kind))

    def time_out(self) -> None:
        """TestState waits for no state any longer."""
        failure.end_execution(self, "ExecutionTimedOut", self.execution.event_id, error=TIMEOUT)

    def _guarded(self, action: Callable[[], None]) -> None:
        """As `decide` has it, but the cause stands for itself: AWS puts no words around it here. Recorded on AWS."""
        try:
            action()
        except (StatesError, RecursionError) as error:
            found = error if isinstance(error, StatesError) else too_deep()
            failure.fail(self, self.frame, failure.failure(found.error, found.cause))

    def _enter(self, read: Read | None) -> None:
        states.enter(self, self.frame)
        if self.state.type == "Map":
            self.iterations = self._survey(read)
        elif self.state.type != "Parallel":
            work(self, self.frame, self.state)

    def _complete(self, output: Payload) -> None:
        scope = self.scope(self.frame, self.state, result=output.value)
        states.complete(self, self.frame, self.state, scope, output)

    def _survey(self, read: Read | None) -> int:
        state, frame = self.state, self.frame
        assert isinstance(state, MapState)
        distributed = state.distributed
        scope = self.scope(frame, state)
        input = states.prepared(self, frame, state, scope)
        narrowed = scope.narrowed(input.value)
        more: list[dict[str, Json]] = []
        if distributed is None or distributed.reader is None:
            items = state.items(scope)
            more = [{"Source": STATE_DATA} if distributed else {} for _ in items]
        else:
            assert read is not None, "whoever tries a Map with an ItemReader has its data"
            items, more = self._read(distributed.reader(narrowed), read)
        if state.item_selector is not None:
            described = [map_item(index, value) | more[index] for index, value in enumerate(items)]
            items = [self._selected(state, input, item) for item in described]
            self._watch("ItemSelector", items)
        if distributed is not None and distributed.batcher is not None:
            items = _batched(items, distributed.batcher(narrowed))
            self._watch("ItemBatcher", items)
        self._watch("MaxConcurrency", 0 if state.max_concurrency is None else state.max_concurrency(scope))
        self._tolerated = {field: tolerated(scope) for field, tolerated in _thresholds(state)}
        for field, tolerated in self._tolerated.items():
            self._watch(field, tolerated)
        return len(items)

    def _read(self, reader: dict[str, Json], read: Read) -> tuple[list[Json], list[dict[str, Json]]]:
        """The items, and what else the context object says of each: Key and Source as a Map Run has them."""
        found = read(reader)
        items = [value for value, _ in found]
        if "ItemsPointer" in (reader["ReaderConfig"] or {}):
            self._watch("ItemsPointer", items)
        named = reader["Parameters"] if isinstance(reader["Parameters"], dict) else {}
        source = {"Source": f"S3://{named.get('Bucket')}/{named.get('Key', '')}"}
        return items, [source if key is None else {**source, "Key": key} for _, key in found]

    def _selected(self, state: MapState, input: Payload, item: dict[str, Json]) -> Json:
        assert state.item_selector is not None
        scope = self.scope(self.frame, state)
        scope.context = {**scope.context, "Map": {"Item": item}}
        if not state.jsonata:
            scope.input = input.value
        return state.item_selector(scope)

    def tolerate(self, failed: int) -> None:
        """Fail a Map of which so many iterations failed, if that is more than it tolerates."""
        shares = {"ToleratedFailureCount": failed, "ToleratedFailurePercentage": 100 * failed / self.iterations}
        if any(shares[field] > tolerated for field, tolerated in self._tolerated.items()):
            self.fail(EXCEED_TOLERATED_FAILURE_THRESHOLD, "The specified tolerated failure threshold was exceeded")

    # --- what became of it

    @property
    def call(self) -> StartTask | None:
        """The call that the Task asks for."""
        return next((command for command in self.commands if isinstance(command, StartTask)), None)

    @property
    def due_at(self) -> float | None:
        """When the state's earliest timer comes due."""
        return min(self.frame.timers.values(), default=None)

    @property
    def result(self) -> Payload | None:
        """What the work of a Task, or the Result of a Pass, gave."""
        if isinstance(self.state, PassState) and self.state.result is not None:
            return Payload(self.state.result[0])
        return next((record.output for record in self.records if isinstance(record, r.TaskEnded)), None)

    @property
    def variables(self) -> dict[str, Json]:
        """The workflow variables as the state leaves them."""
        return {name: value.value for name, value in self.frame.variables.items()}

    @property
    def outcome(self) -> Outcome | None:
        """None while the state waits for something outside."""
        for record in self.records:
            if isinstance(record, r.StateExited):
                status = "SUCCEEDED" if self.failure is None else "CAUGHT_ERROR"
                return self._outcome(status, output=record.output, next=record.next)
            if isinstance(record, r.RetryScheduled):
                return self._outcome("RETRIABLE", backoff_seconds=round(record.due_at - self.at))
            if isinstance(record, r.ExecutionEnded):
                return Outcome(status="FAILED", error=record.error, cause=record.cause, details=self._details("FAILED"))
        return None

    def _outcome(
        self, status: str, output: Payload | None = None, next: str | None = None, backoff_seconds: int | None = None
    ) -> Outcome:
        details = self._details(status)
        if backoff_seconds is not None:
            details["retryBackoffIntervalSeconds"] = backoff_seconds
        error, cause = (None, None) if self.failure is None else (self.failure.error, self.failure.cause)
        return Outcome(status=status, output=output, next=next, error=error, cause=cause, details=details)

    def _details(self, status: str) -> dict[str, int]:
        """The retrier that names the error, used up or not, and the catcher that took it."""
        if self.failure is None:
            return {}
        found = {"retryIndex": failure.naming(self.state.retry, self.failure)}
        if status == "CAUGHT_ERROR":
            found["catchIndex"] = failure.naming(self.state.catch, self.failure)
        return {member: index for member, index in found.items() if index is not None}


def _batched(items: list[Json], batcher: dict[str, Json]) -> list[Json]:
    """The inputs of the children."""
    by = Batcher(batcher)
    batches, _ = take_batches([Payload(item) for item in items], by, last=True)
    return [by.input_of(batch).value for batch in batches]


def _thresholds(state: MapState) -> list[tuple[str, Callable[[Scope], Json]]]:
    found = (
        ("ToleratedFailureCount", state.tolerated_failure_count),
        ("ToleratedFailurePercentage", state.tolerated_failure_percentage),
    )
    return [(field, tolerated) for field, tolerated in found if tolerated is not None]


def _frame(state: State, beginning: Beginning) -> Frame:
    return Frame(
        id=TOP_FRAME, parent=0, index=0, state=state.name, input=beginning.input,
        retry_count=beginning.retry_count, retries=dict.fromkeys(range(len(state.retry)), beginning.retry_count),
        variables={name: Payload(value) for name, value in beginning.variables.items()},
    )  # fmt: skip


def _execution(frame: Frame, beginning: Beginning, at: float) -> Execution:
    return Execution(
        id=beginning.execution, name=beginning.name, state_machine=beginning.state_machine,
        state_machine_name=beginning.state_machine_name, role=beginning.role, region=beginning.region,
        seed=beginning.seed, limits=beginning.limits, input=beginning.input, at=at, started_at=at,
        frames={frame.id: frame}, last_frame=frame.id,
    )  # fmt: skip
