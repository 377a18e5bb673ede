"""What is written: the journal's records. AWS's history events in families of like shape, and the internal ones.

An event's `type` is AWS's name for it. `frame` is the thread of control it belongs to (0: the execution itself) and
`previous` its previousEventId, which follows the thread and cannot be derived. Event ids and sequence numbers are not
stored: they are counted. Fields with a default are left out of the encoding, so a field can be added in a later release
with a default and journals of earlier ones still fold.
"""

from typing import TypeAlias

import msgspec

from stepwell.machine.payload import Payload

FORMAT = 1
"""The version of the records' encoding, stored with every step."""


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True, tag_field="_"):
    """The base of the tagged union."""


class Event(Record, frozen=True, kw_only=True):
    """An AWS history event. `at` is epoch seconds, never earlier than the event before."""

    type: str
    at: float
    previous: int = 0
    frame: int = 0


class ExecutionStarted(Event, frozen=True, kw_only=True):
    """Everything that stays the same for the execution's life. Its first thread, frame 1, is at `start_at`."""

    execution: str
    name: str
    state_machine: str
    state_machine_name: str
    revision: str
    role: str
    region: str
    input: Payload
    seed: str
    start_at: str
    limits: str = "aws"
    version: str | None = None
    alias: str | None = None
    parent: str | None = None
    parent_task: str | None = None
    map_run: str | None = None
    item: int | None = None
    item_count: int | None = None
    trace_header: str | None = None


class ExecutionEnded(Event, frozen=True, kw_only=True):
    """ExecutionSucceeded, ExecutionFailed, ExecutionTimedOut or ExecutionAborted."""

    output: Payload | None = None
    error: str | None = None
    cause: str | None = None


class ExecutionRedriven(Event, frozen=True, kw_only=True):
    """A closed execution goes on. `resumes` says of each thread that had not ended how it does; see `redrive`."""

    redrive_count: int
    resumes: dict[int, str]
    client_token: str | None = None


class StateEntered(Event, frozen=True, kw_only=True):
    """PassStateEntered and its kin."""

    name: str
    input: Payload


class StateExited(Event, frozen=True, kw_only=True):
    """PassStateExited and its kin. `next` is None where the thread ends here; `assigned` is never truncated."""

    name: str
    output: Payload
    next: str | None = None
    assigned: dict[str, Payload] = {}


class StateAborted(Event, frozen=True, kw_only=True):
    """TaskStateAborted, WaitStateAborted, ParallelStateAborted or MapStateAborted: a sibling failed or a stop came."""


class EvaluationFailed(Event, frozen=True, kw_only=True):
    """A JSONata expression failed at `location`, for example `Output/total`."""

    state: str
    error: str
    cause: str
    location: str | None = None


class TaskScheduled(Event, frozen=True, kw_only=True):
    """LambdaFunctionScheduled, ActivityScheduled or TaskScheduled.

    `resource` is an ARN for the first two; for TaskScheduled it is AWS's action beside `resource_type`.
    `waits` says by what the attempt ends: `call` (its own return), `token` or `child`.
    """

    attempt: int
    resource: str
    input: Payload
    waits: str = "call"
    resource_type: str | None = None
    region: str | None = None
    timeout_seconds: int | None = None
    heartbeat_seconds: int | None = None
    credentials: str | None = None


class TaskBegun(Event, frozen=True, kw_only=True):
    """LambdaFunctionStarted, ActivityStarted or TaskStarted."""

    resource: str | None = None
    resource_type: str | None = None
    worker_name: str | None = None


class TaskSubmitted(Event, frozen=True, kw_only=True):
    """The call returned; the outcome comes by token, from the nested execution `child`, or from watching the `job`."""

    resource: str
    resource_type: str
    output: Payload
    child: str | None = None
    job: Payload | None = None


class TaskEnded(Event, frozen=True, kw_only=True):
    """The Succeeded, Failed, TimedOut, ScheduleFailed, StartFailed and SubmitFailed events of the task families."""

    output: Payload | None = None
    error: str | None = None
    cause: str | None = None
    resource: str | None = None
    resource_type: str | None = None


class ParallelStarted(Event, frozen=True, kw_only=True):
    """ParallelStateStarted. Branch i is frame `first_frame` + i and starts at `branches[i]` with `input`."""

    branches: list[str]
    first_frame: int
    input: Payload


class MapStarted(Event, frozen=True, kw_only=True):
    """MapStateStarted. `input` is what the ItemSelector sees as `$`; thresholds are None where there is none.

    A distributed one has no threads of control of its own: a MapRunStarted follows.
    """

    items: Payload
    length: int
    concurrency: int
    input: Payload
    tolerated_count: int | None = None
    tolerated_percentage: float | None = None
    distributed: bool = False


class MapRunStarted(Event, frozen=True, kw_only=True):
    """The Map in `frame` waits for the Map Run with this ARN."""

    map_run: str
    attempt: int


class MapRunRedriven(Event, frozen=True, kw_only=True):
    """The Map in `frame` waits again for the Map Run that it had."""

    map_run: str
    redrive_count: int


class MapRunEnded(Event, frozen=True, kw_only=True):
    """MapRunSucceeded, MapRunFailed or MapRunAborted."""

    error: str | None = None
    cause: str | None = None


class IterationStarted(Event, frozen=True, kw_only=True):
    """MapIterationStarted. `frame` is the Map's; the iteration runs as frame `child` from the state `start_at`."""

    name: str
    index: int
    child: int
    start_at: str
    input: Payload


class IterationEnded(Event, frozen=True, kw_only=True):
    """MapIterationSucceeded, MapIterationFailed or MapIterationAborted. `frame` is the Map's, `child` its own."""

    name: str
    index: int
    child: int


class BranchesEnded(Event, frozen=True, kw_only=True):
    """ParallelStateSucceeded, ParallelStateFailed, MapStateSucceeded or MapStateFailed.

    `discarded` where the results were too large together: a redrive runs all branches again.
    """

    discarded: bool = False


class TimerStarted(Record, frozen=True, kw_only=True):
    """`kind` is wait, retry, timeout, heartbeat or execution. `due_at` is epoch seconds."""

    frame: int
    kind: str
    due_at: float


class TimerEnded(Record, frozen=True, kw_only=True):
    """The timer fired, or what it waited for came first."""

    frame: int
    kind: str


class RetryScheduled(Record, frozen=True, kw_only=True):
    """The state's work runs again at `due_at`: the `attempt`-th retry by the retrier at index `retrier`."""

    frame: int
    retrier: int
    attempt: int
    due_at: float


class HeartbeatReceived(Record, frozen=True, kw_only=True):
    """AWS has no event for it. The heartbeat timer's new time stands in the TimerStarted that follows."""

    frame: int
    at: float


class BranchFailed(Record, frozen=True, kw_only=True):
    """The failure of a Parallel's branch goes on in the Parallel. AWS has no event for it."""

    frame: int


class FrameCancelled(Record, frozen=True, kw_only=True):
    """A thread of control below a state that is exited or retried is gone, with its task and its timers."""

    frame: int


class LimitCrossed(Record, frozen=True, kw_only=True):
    """The first time that `field` came near a quota of AWS's, or with extended limits passed it.

    `limit` is the kind of quota: `history`, `payload` or `variables`. `value` is what was reached of the `allowed`; one
    that is passed has no more than that. Journals of earlier releases name neither the field nor what is allowed.
    """

    limit: str
    value: int
    field: str = ""
    allowed: int = 0


class TransitionBudgetSpent(Record, frozen=True, kw_only=True):
    """The step ended although there was more to do; the next one goes on."""


class TransitionBudgetRenewed(Record, frozen=True, kw_only=True):
    """The threads that a spent budget stopped go on."""


AnyRecord: TypeAlias = (
    ExecutionStarted
    | ExecutionEnded
    | ExecutionRedriven
    | StateEntered
    | StateExited
    | StateAborted
    | EvaluationFailed
    | TaskScheduled
    | TaskBegun
    | TaskSubmitted
    | TaskEnded
    | ParallelStarted
    | MapStarted
    | MapRunStarted
    | MapRunRedriven
    | MapRunEnded
    | IterationStarted
    | IterationEnded
    | BranchesEnded
    | TimerStarted
    | TimerEnded
    | RetryScheduled
    | HeartbeatReceived
    | BranchFailed
    | FrameCancelled
    | LimitCrossed
    | TransitionBudgetSpent
    | TransitionBudgetRenewed
)
