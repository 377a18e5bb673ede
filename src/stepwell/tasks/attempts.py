"""One attempt of a task: what became of its call, as the stimulus that its execution gets."""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass

from stepwell.asl.errors import StatesError
from stepwell.asl.jsontext import Json
from stepwell.engine.clock import Clock
from stepwell.machine.commands import StartTask, WatchJob
from stepwell.machine.payload import Payload
from stepwell.machine.stimuli import CALL, Stimulus, TaskFailed, TaskSubmitted, TaskSucceeded


class TaskError(Exception):
    """The task failed, at a stage as TaskFailed has it."""

    def __init__(self, error: str, cause: str, stage: str = CALL) -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause
        self.stage = stage


@dataclass(frozen=True, slots=True)
class Submitted:
    """The call of a `.sync` task returned; `job` is what is needed to watch and to stop what it started."""

    output: Json
    job: Mapping[str, Json]


async def settle(command: StartTask | WatchJob, clock: Clock, work: Awaitable[Json | Submitted]) -> Stimulus:
    """Do the work and say how it ended."""
    started_at = clock.now()
    try:
        output = await work
        job = None
        if isinstance(output, Submitted):
            output, job = output.output, Payload(output.job)
        payload = Payload(output)
        _ = payload.size  # Encoded here, where what cannot be is the task's failure.
    except (TaskError, StatesError) as error:
        return TaskFailed(
            at=clock.now(), frame=command.frame, attempt=command.attempt, error=error.error, cause=error.cause,
            stage=getattr(error, "stage", CALL), started_at=started_at,
        )  # fmt: skip
    if job is not None:
        return TaskSubmitted(
            at=clock.now(), frame=command.frame, attempt=command.attempt, output=payload, job=job, started_at=started_at
        )
    waits = isinstance(command, StartTask) and command.pattern == "waitForTaskToken"
    kind = TaskSubmitted if waits else TaskSucceeded
    return kind(at=clock.now(), frame=command.frame, attempt=command.attempt, output=payload, started_at=started_at)
