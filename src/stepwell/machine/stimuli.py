"""What comes in: facts about the outside, in the past tense. Each carries its own time, `at`, in epoch seconds."""

from typing import TypeAlias

import msgspec

from stepwell.machine.payload import Payload

CALL, SCHEDULE, START, SUBMIT = "", "Schedule", "Start", "Submit"
"""Where a task failed, as the names of AWS's events have it: `TaskFailed`, `ActivityScheduleFailed` ..."""


class Stimulus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True, tag_field="_"):
    at: float


class StartRequested(Stimulus, frozen=True, kw_only=True):
    """Somebody asked for an execution. `seed` is a fresh random hexadecimal secret: draws and task tokens come from it.

    `parent` and `parent_task` name the task of another execution that waits for this one's end. `limits` is `aws`,
    `express` (AWS's for an Express execution, whose events are not limited) or `extended`. `timeout_seconds` caps the
    definition's TimeoutSeconds, as Express does. A child of a Map Run names it as `parent` and `map_run`, with the
    index of its item, or of its batch and how many items that holds.
    """

    execution: str
    name: str
    state_machine: str
    state_machine_name: str
    revision: str
    role: str
    region: str
    input: Payload
    seed: str
    limits: str = "aws"
    version: str | None = None
    alias: str | None = None
    parent: str | None = None
    parent_task: str | None = None
    trace_header: str | None = None
    timeout_seconds: int | None = None
    map_run: str | None = None
    item: int | None = None
    item_count: int | None = None


class TaskStarted(Stimulus, frozen=True, kw_only=True):
    """A task has been running for a while, or an activity worker has picked it up."""

    frame: int
    attempt: int
    worker_name: str | None = None


class TaskSubmitted(Stimulus, frozen=True, kw_only=True):
    """The call of a `.sync` or `.waitForTaskToken` task returned `output`; its outcome comes later.

    `child` is the nested execution that a `.sync` task started, `job` what its runner needs to watch and to stop
    whatever else it started.
    """

    frame: int
    attempt: int
    output: Payload
    child: str | None = None
    job: Payload | None = None
    started_at: float | None = None


class TaskSucceeded(Stimulus, frozen=True, kw_only=True):
    """`started_at` is when the call began, where a TaskStarted was not worth a step of its own."""

    frame: int
    attempt: int
    output: Payload
    started_at: float | None = None


class TaskFailed(Stimulus, frozen=True, kw_only=True):
    """The task failed. `stage` is CALL where its call began, else the first thing that could not be done for it."""

    frame: int
    attempt: int
    error: str | None = None
    cause: str | None = None
    started_at: float | None = None
    stage: str = CALL


class TaskHeartbeat(Stimulus, frozen=True, kw_only=True):
    """The holder of a task's token says that it is still at work."""

    frame: int
    attempt: int


class MapRunEnded(Stimulus, frozen=True, kw_only=True):
    """A Map Run has ended. `output` is what the Map's work comes to; None where the Map Run failed.

    `redrives` tells its ends apart: it can be redriven before the execution has heard of the end before.
    """

    frame: int
    attempt: int
    redrives: int = 0
    output: Payload | None = None
    error: str | None = None
    cause: str | None = None


class TimerFired(Stimulus, frozen=True, kw_only=True):
    """A timer that the machine asked for came due. Frame 0 is the execution itself."""

    frame: int
    kind: str
    due_at: float


class StopRequested(Stimulus, frozen=True, kw_only=True):
    """Somebody asked for the execution to be stopped."""

    error: str | None = None
    cause: str | None = None


class RedriveRequested(Stimulus, frozen=True, kw_only=True):
    """Somebody asked for a closed execution to go on where it did not succeed."""

    client_token: str | None = None


class AgeReached(Stimulus, frozen=True, kw_only=True):
    """The execution has been open for as long as AWS lets one run."""


class BudgetRenewed(Stimulus, frozen=True, kw_only=True):
    """The step that spent its budget of transitions is durable; go on."""


AnyStimulus: TypeAlias = (
    StartRequested
    | TaskStarted
    | TaskSubmitted
    | TaskSucceeded
    | TaskFailed
    | TaskHeartbeat
    | MapRunEnded
    | TimerFired
    | StopRequested
    | RedriveRequested
    | AgeReached
    | BudgetRenewed
)
