"""One step with its data, and an execution as it was after any of its events: folds that stop where asked to."""

from typing import Any

from stepwell.api.console.endpoint import Console, Place, Query, Read
from stepwell.api.console.shapes import ATTEMPTS_SHOWN, AttemptDetail, FrameMoment, Moment, Room, StepDetail, data
from stepwell.api.console.steps import Step, Story
from stepwell.api.console.stories import program_of, read_records
from stepwell.api.executions import find_execution
from stepwell.asl.program import Program
from stepwell.awsmodels.errors import ServiceError
from stepwell.machine import records as r
from stepwell.machine.apply import apply
from stepwell.machine.context import build_context
from stepwell.machine.execution import Execution, Frame
from stepwell.machine.identity import task_token
from stepwell.machine.payload import Payload

# --- one step


class StepQuery(Query):
    """`id` is a step's: that of the event which entered it."""

    arn: str
    id: Place


async def _step(console: Console, query: StepQuery) -> StepDetail:
    service = console.service
    row = await find_execution(service, {"executionArn": query.arn})
    program = await program_of(service.catalog, row)
    story, reader = Story(program), _Reader(query.id, program)
    async for record in read_records(service.engine, row.id):
        story.add(record)
        reader.read(story, record)
        if reader.done:
            break
    if reader.step is None:
        raise ServiceError("ValidationException", f"No event with the id {query.id} enters a state", 404)
    return reader.detail(reader.step, story.execution)


_BEGINNINGS = (r.TaskScheduled, r.ParallelStarted, r.MapStarted, r.MapRunRedriven)
"""The events with which a state's work begins, perhaps again."""


class _Reader:
    """Keeps the data of one step while its execution is folded."""

    def __init__(self, id: int, program: Program | None) -> None:
        self.step: Step | None = None
        self.done = False
        self._id = id
        self._program = program
        self._attempts: list[AttemptDetail] = []
        self._retry_count = 0
        self._context: dict[str, Any] = {}
        self._input = self._before = Payload({})
        self._result: Payload | None = None
        self._exit: r.StateExited | None = None
        self._after: Payload | None = None

    def read(self, story: Story, record: r.Record) -> None:
        """Take in a record that was added just now."""
        execution = story.execution
        if self.step is None:
            if isinstance(record, r.StateEntered) and execution.event_id == self._id:
                self.step = story.steps[self._id]
                self._enter(execution, execution.frames[record.frame])
        elif isinstance(record, r.StateEntered | r.FrameCancelled) and record.frame == self.step.frame:
            self.done = True
        elif isinstance(record, r.Event) and record.frame == self.step.frame:
            self._within(execution, record)

    def _enter(self, execution: Execution, frame: Frame) -> None:
        self._input, self._before = frame.input, _visible(execution, frame)
        self._look(execution, frame)

    def _look(self, execution: Execution, frame: Frame) -> None:
        if self._program is not None:
            self._context = build_context(execution, frame, self._program.states[frame.state])
        self._retry_count = frame.retry_count

    def _within(self, execution: Execution, record: r.Event) -> None:
        if isinstance(record, r.StateExited):
            self._exit, self.done = record, True
            assigned = {name: value.value for name, value in record.assigned.items()}
            self._after = Payload({**self._before.value, **assigned})
            return
        frame = execution.frames[record.frame]
        if isinstance(record, _BEGINNINGS):
            self._look(execution, frame)
        if isinstance(record, r.TaskScheduled):
            self._schedule(record)
        elif isinstance(record, r.TaskSubmitted):
            self._change(submitted=data(record.output))
        elif isinstance(record, r.TaskEnded) and record.output is not None:
            self._result = record.output
            self._change(output=data(record.output))
        elif isinstance(record, r.BranchesEnded) and frame.branches is not None and record.type.endswith("Succeeded"):
            self._result = Payload([None if result is None else result.value for result in frame.branches.results])

    def _schedule(self, record: r.TaskScheduled) -> None:
        self._attempts.append(AttemptDetail(number=record.attempt, input=data(record.input)))
        for attempt in self._attempts[-ATTEMPTS_SHOWN - 1 : -ATTEMPTS_SHOWN]:
            for each in (attempt.input, attempt.submitted, attempt.output):
                if each is not None:
                    each.text = None

    def _change(self, **members: Any) -> None:
        if self._attempts:
            for name, value in members.items():
                setattr(self._attempts[-1], name, value)

    def detail(self, step: Step, execution: Execution) -> StepDetail:
        """What was read, after the last record."""
        frame = None if self.done else execution.frames.get(step.frame)
        if frame is not None and frame.task is not None and frame.task.waits == "token":
            self._change(token=task_token(execution.id, execution.seed, frame.id, frame.task.attempt))
        return StepDetail(
            step=step, input=data(self._input), variables_before=data(self._before),
            context=data(Payload(self._context)), retry_count=self._retry_count, attempts=self._attempts,
            output=data(self._exit.output) if self._exit else None,
            result=data(self._result) if self._result else None,
            variables_after=data(self._after) if self._after else None,
            assigned=sorted(self._exit.assigned) if self._exit else [],
        )  # fmt: skip


def _visible(execution: Execution, frame: Frame) -> Payload:
    """The variables that a state in the frame sees: its own and those of what it is in."""
    found: dict[str, Any] = {}
    at: Frame | None = frame
    while at is not None:
        found = {name: value.value for name, value in at.variables.items()} | found
        at = execution.frames.get(at.parent)
    return Payload(found)


# --- one moment


class MomentQuery(Query):
    """`event` is the id of the event after which the execution is shown."""

    arn: str
    event: Place

    def __post_init__(self) -> None:
        if self.event < 1:
            raise ValueError("event is to be at least 1")


async def _moment(console: Console, query: MomentQuery) -> Moment:
    """Fold up to the event, with the internal records that follow it: what it led to belongs to the moment.

    The end of a timer leads to the event after it.
    """
    row = await find_execution(console.service, {"executionArn": query.arn})
    execution = Execution()
    async for record in read_records(console.service.engine, row.id):
        if isinstance(record, r.Event | r.TimerEnded) and execution.event_id >= query.event:
            break
        apply(execution, record)
    room = Room()
    return Moment(
        event_id=execution.event_id, at=execution.at, status=execution.status,
        frames=[_frame(frame, room) for frame in execution.frames.values()],
    )  # fmt: skip


def _frame(frame: Frame, room: Room) -> FrameMoment:
    variables = Payload({name: value.value for name, value in frame.variables.items()})
    return FrameMoment(
        frame=frame.id, parent=frame.parent, index=frame.index, state=frame.state, entered_id=frame.entered,
        waiting=frame.waiting, input=room.data(frame.input), variables=room.data(variables), timers=frame.timers,
        attempt=frame.attempt, retry_count=frame.retry_count,
    )  # fmt: skip


READS = {
    "execution/step": Read(StepQuery, StepDetail, _step),
    "execution/moment": Read(MomentQuery, Moment, _moment),
}
