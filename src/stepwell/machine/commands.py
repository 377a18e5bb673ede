"""What goes out: orders to the outside, in the imperative. Performed only after their step is durable."""

from typing import TypeAlias

import msgspec

from stepwell.machine.payload import Payload


def task_key(frame: int, attempt: int) -> str:
    """Names one attempt of one task within its execution; its outbox row and its task runner use it."""
    return f"task/{frame}/{attempt}"


class Command(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True, tag_field="_"):
    """The base of the tagged union."""


class StartTask(Command, frozen=True, kw_only=True):
    """Call `resource` with `input`, for one attempt.

    `idempotency_key` is a UUID and the same however often this attempt is dispatched. `task_token` is set where the
    outcome comes by token. `timeout_seconds` is advice to the callee; the machine keeps the time itself.
    """

    frame: int
    attempt: int
    resource: str
    family: str
    type: str
    action: str
    pattern: str
    input: Payload
    idempotency_key: str
    task_token: str | None = None
    timeout_seconds: int | None = None
    heartbeat_seconds: int | None = None
    credentials: str | None = None

    @property
    def key(self) -> str:
        return task_key(self.frame, self.attempt)


class DropTask(Command, frozen=True, kw_only=True):
    """The attempt needs nothing more from its runner: it ended, it was submitted, or nobody waits for it any longer."""

    frame: int
    attempt: int

    @property
    def key(self) -> str:
        return task_key(self.frame, self.attempt)


def map_run_key(frame: int, attempt: int) -> str:
    """Names the start of a Map Run within its execution."""
    return f"map-run/{frame}/{attempt}"


class StartMapRun(Command, frozen=True, kw_only=True):
    """Start the Map Run with the ARN `map_run` for the Map `state`.

    `items` is an array, or None where `reader` says where to find them. `reader`, `batcher` and `writer` are
    ItemReader, ItemBatcher and ResultWriter with every value evaluated. `input`, `context` and `variables` are what
    the ItemSelector sees. `concurrency` is 0 where the Map sets no limit. The children take the rest: their state
    machine's ARN and name, with the label, their revision, role, region and limits.
    """

    frame: int
    attempt: int
    map_run: str
    state: str
    label: str
    express: bool
    items: Payload | None
    reader: Payload | None
    batcher: Payload | None
    writer: Payload | None
    concurrency: int
    tolerated_count: int | None
    tolerated_percentage: float | None
    input: Payload
    context: Payload
    variables: Payload
    seed: str
    state_machine: str
    state_machine_name: str
    revision: str
    role: str
    region: str
    limits: str

    @property
    def key(self) -> str:
        return map_run_key(self.frame, self.attempt)


class RedriveMapRun(Command, frozen=True, kw_only=True):
    """Let a Map Run that did not succeed go on, for the `redrives`-th time."""

    frame: int
    attempt: int
    map_run: str
    redrives: int

    @property
    def key(self) -> str:
        return map_run_key(self.frame, self.attempt)


class DropMapRun(Command, frozen=True, kw_only=True):
    """The Map Run has ended, or nobody waits for it: it need not be started or redriven any more."""

    frame: int
    attempt: int

    @property
    def key(self) -> str:
        return map_run_key(self.frame, self.attempt)


class StopChild(Command, frozen=True, kw_only=True):
    """Stop a nested execution or a Map Run whose parent no longer waits for it."""

    execution: str

    @property
    def key(self) -> str:
        return f"stop/{self.execution}"


class WatchJob(Command, frozen=True, kw_only=True):
    """Follow what a `.sync` task has started until it ends. Takes the place of the StartTask, under the same key.

    `job` is what the runner said of it when it was submitted.
    """

    frame: int
    attempt: int
    job: Payload

    @property
    def key(self) -> str:
        return task_key(self.frame, self.attempt)


class StopJob(Command, frozen=True, kw_only=True):
    """Stop a job whose task no longer waits for it."""

    frame: int
    attempt: int
    job: Payload

    @property
    def key(self) -> str:
        return f"stop-job/{self.frame}/{self.attempt}"


class StartTimer(Command, frozen=True, kw_only=True):
    """Send a TimerFired at `due_at`, in epoch seconds. Replaces the frame's timer of that kind."""

    frame: int
    kind: str
    due_at: float


class StopTimer(Command, frozen=True, kw_only=True):
    """Forget the frame's timer of that kind."""

    frame: int
    kind: str


class RenewBudget(Command, frozen=True, kw_only=True):
    """Send a BudgetRenewed once this step is durable."""

    key = "renew"


AnyCommand: TypeAlias = (
    StartTask
    | DropTask
    | StartMapRun
    | RedriveMapRun
    | DropMapRun
    | StopChild
    | WatchJob
    | StopJob
    | StartTimer
    | StopTimer
    | RenewBudget
)
