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


class StopChild(Command, frozen=True, kw_only=True):
    """Stop a nested execution whose parent no longer waits for it."""

    execution: str

    @property
    def key(self) -> str:
        return f"stop/{self.execution}"


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


AnyCommand: TypeAlias = StartTask | DropTask | StopChild | StartTimer | StopTimer | RenewBudget
