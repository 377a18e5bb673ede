"""The state of one execution: what its records fold to. Owned by one caller at a time and changed only by `apply`."""

import msgspec

from stepwell.machine.payload import EMPTY, Payload

RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED = "RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"

TOP_FRAME = 1
"""The thread of control that begins at StartAt. Frame 0 is the execution itself, which has only a timer."""

REDRIVES_KEPT = 10
"""How many redrives are known by their client tokens, as AWS's API reference has it."""


class OpenTask(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The attempt that a frame waits for. `waits` is call, token or child; see the TaskScheduled record."""

    attempt: int
    type: str
    resource: str
    resource_type: str | None
    waits: str
    started: bool = False
    submitted: bool = False
    child: str | None = None
    job: Payload | None = None
    heartbeat_seconds: int | None = None


class Branches(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a frame inside a Parallel or Map waits for.

    `results` is in definition order, None where a branch is not done; `started` counts the iterations begun. `items`,
    `input` and `concurrency` are a Map's.
    """

    results: list[Payload | None]
    done: int = 0
    started: int = 0
    running: int = 0
    items: Payload | None = None
    input: Payload = EMPTY
    concurrency: int = 0


class Frame(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One thread of control: the top level, a Parallel branch, or a Map iteration.

    `entered` is the id of the current state's Entered event, 0 while the state is still to be entered; `previous` the
    id of the thread's last event. `waiting` is task, timer, retry, branches or map_run; `done` at the thread's end;
    `closed` once the thread failed or was aborted, which keeps it for a redrive, with `finished` set where nothing was
    left to run; `redriven` where its state is to work again; "" while it can go on by itself. `map_run` is the latest
    Map Run of the state that the thread is in, unless it succeeded, and `map_run_redrives` how often it was redriven.
    """

    id: int
    parent: int
    index: int
    state: str
    input: Payload
    previous: int = 0
    entered: int = 0
    entered_previous: int = 0
    entered_at: float = 0.0
    waiting: str = ""
    attempt: int = 0
    retry_count: int = 0
    retries: dict[int, int] = {}
    variables: dict[str, Payload] = {}
    timers: dict[str, float] = {}
    task: OpenTask | None = None
    branches: Branches | None = None
    map_run: str | None = None
    map_run_redrives: int = 0
    finished: bool = False


class Redrive(msgspec.Struct, frozen=True, array_like=True):
    """A redrive that a client token stands for."""

    client_token: str
    at: float


class Execution(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One execution. `sequence` counts its records and is the fence; `event_id` counts its AWS events.

    `redrives` are the latest ones with a client token.
    """

    id: str = ""
    sequence: int = 0
    event_id: int = 0
    at: float = 0.0
    status: str = RUNNING
    name: str = ""
    state_machine: str = ""
    state_machine_name: str = ""
    revision: str = ""
    role: str = ""
    region: str = ""
    seed: str = ""
    limits: str = "aws"
    version: str | None = None
    alias: str | None = None
    parent: str | None = None
    parent_task: str | None = None
    map_run: str | None = None
    item: int | None = None
    item_count: int | None = None
    trace_header: str | None = None
    input: Payload = EMPTY
    output: Payload | None = None
    error: str | None = None
    cause: str | None = None
    started_at: float = 0.0
    stopped_at: float | None = None
    due_at: float | None = None
    frames: dict[int, Frame] = {}
    last_frame: int = 0
    crossed: list[str] = []
    """Quotas that were approached or passed, a sentence each."""
    budget_spent: bool = False
    redrive_count: int = 0
    redriven_at: float | None = None
    redrives: list[Redrive] = []

    def children(self, frame: Frame) -> list[Frame]:
        """The threads that a Parallel or Map in `frame` has forked, in the order of their ids."""
        return [other for other in self.frames.values() if other.parent == frame.id]

    def timers(self) -> dict[tuple[int, str], float]:
        """Every running timer, (frame, kind) to its time. Empty once the execution has ended."""
        if self.status != RUNNING:
            return {}
        found = {(frame.id, kind): due for frame in self.frames.values() for kind, due in frame.timers.items()}
        if self.due_at is not None:
            found[0, "execution"] = self.due_at
        return found
