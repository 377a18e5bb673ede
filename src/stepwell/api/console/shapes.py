"""The JSON that the pages read. Times are epoch seconds. Every member is always there, null where there is nothing.

`console/src/api/schema.json` is made of these types, and the pages' TypeScript of that: `make console-types`.
"""

from typing import Any

import msgspec

from stepwell.api.console.steps import Step
from stepwell.machine.payload import Payload

TEXT_MAX_BYTES = 1 << 20
"""A payload beyond it is told by its size alone; AWS's calls give it whole."""

REPLY_MAX_BYTES = 16 << 20
"""Of payloads in one reply that shows as many as there are threads."""

ATTEMPTS_SHOWN = 20
"""The payloads of a step's attempts before the latest of these are told by their sizes."""

PREVIEW_CHARACTERS = 300


class Shape(msgspec.Struct, rename="camel"):
    """The base of replies."""


class Data(Shape):
    """A JSON text and its bytes in UTF-8. Without `text` it is too large to be shown."""

    bytes: int
    text: str | None = None


def data(payload: Payload) -> Data:
    """A payload as far as it may be shown."""
    return Data(bytes=payload.size, text=payload.text if payload.size <= TEXT_MAX_BYTES else None)


class Room:
    """What payloads may take in one reply together: those that do not fit any more are told by their size alone."""

    def __init__(self, bytes: int = REPLY_MAX_BYTES) -> None:
        self._left = bytes

    def data(self, payload: Payload) -> Data:
        """The payload as far as it and there is room."""
        if payload.size > self._left:
            return Data(bytes=payload.size)
        self._left -= payload.size
        return data(payload)


class Endpoint(Shape):
    """What the page is about to talk to. `signed`: every request needs a signature."""

    version: str
    limits: str
    now: float
    account: str
    region: str
    signed: bool


class Bucket(Shape):
    """Executions that were started in one stretch of time, by what came of them."""

    succeeded: int = 0
    unsuccessful: int = 0
    open: int = 0


class Machine(Shape):
    """A state machine with its executions counted by status, and the latest of them bucket by bucket.

    `last_failure` is the latest started one that has failed or timed out.
    """

    state_machine_arn: str
    name: str
    type: str
    created_at: float
    revision: int
    counts: dict[str, int]
    buckets: list[Bucket]
    deleting: bool = False
    last_failure: "ExecutionItem | None" = None


class Machines(Shape):
    """`since` is when the first bucket begins; each takes `bucket_seconds`."""

    machines: list[Machine]
    since: float
    bucket_seconds: float


class RevisionItem(Shape):
    """A revision of a state machine. `versions` are the numbers under which it is published."""

    id: str
    number: int
    created_at: float
    current: bool
    versions: list[int]


class Revisions(Shape):
    """A state machine's revisions, the latest first."""

    revisions: list[RevisionItem]


class RevisionDetail(Shape):
    """What executions of one revision run by. Nothing of it ever changes."""

    id: str
    state_machine_arn: str
    number: int
    created_at: float
    definition: str
    role: str
    log_level: str
    tracing: bool


class ExecutionItem(Shape):
    """An execution in a listing. `error` and `cause` are cut to 300 characters there."""

    execution_arn: str
    state_machine_arn: str
    name: str
    status: str
    started_at: float
    stopped_at: float | None = None
    error: str | None = None
    cause: str | None = None
    version: str | None = None
    alias: str | None = None
    redrive_count: int = 0
    redriven_at: float | None = None
    map_run: str | None = None
    item: int | None = None
    warnings: list[str] = []


class ExecutionPage(Shape):
    """Executions, newest first. Where `before` is given, the search goes on with it; the page may be short all the
    same, as one that has looked for long enough. `searched_to` is when the oldest one looked at was started, null where
    all were."""

    executions: list[ExecutionItem]
    before: int | None = None
    searched_to: float | None = None


class StoryPage(Shape):
    """An execution and those of its steps that have changed since the sequence asked for.

    `definition` is given with the first page alone, where the sequence asked for is 0. Of the steps with an id below
    `first_step` only those are kept that had not ended when the others were left out. `label` is that of the
    Distributed Map whose child it is: its program is that Map's ItemProcessor. `not_redrivable` is the reason why it
    cannot be redriven, null where it can. `machine_type` is EXPRESS for a Map Run's Express child too, of which no
    steps are kept.
    """

    execution: ExecutionItem
    sequence: int
    event_id: int
    steps: list[Step]
    input: Data
    output: Data | None = None
    first_step: int = 0
    definition: str | None = None
    revision: int = 0
    label: str = ""
    parent: str | None = None
    machine_type: str = "STANDARD"
    not_redrivable: str | None = None


class EventItem(Shape):
    """One event as GetExecutionHistory shows it, and the thread of control that it belongs to."""

    frame: int
    event: dict[str, Any]


class EventPage(Shape):
    """Events in order; `last` is the id of the latest one that there is."""

    events: list[EventItem]
    last: int


class AttemptDetail(Shape):
    """What one attempt was given and what it gave. `token` settles it, where it can be settled so and still waits.

    Of all but the latest 20 attempts only the sizes are told.
    """

    number: int
    input: Data
    output: Data | None = None
    submitted: Data | None = None
    token: str | None = None


class StepDetail(Shape):
    """One step with its data, all that is needed to evaluate it again with TestState.

    `variables_after` is null while the state has not been left, and `result` is what its work gave. `context` is the
    context object, as it was for the latest attempt.
    """

    step: Step
    input: Data
    variables_before: Data
    context: Data
    retry_count: int
    attempts: list[AttemptDetail]
    output: Data | None = None
    result: Data | None = None
    variables_after: Data | None = None
    assigned: list[str] = []


class FrameMoment(Shape):
    """A thread of control at one moment. `waiting` is as Frame has it; `timers` are due times by kind."""

    frame: int
    parent: int
    index: int
    state: str
    entered_id: int
    waiting: str
    input: Data
    variables: Data
    timers: dict[str, float]
    attempt: int = 0
    retry_count: int = 0


class Moment(Shape):
    """An execution as it was after one of its events."""

    event_id: int
    at: float
    status: str
    frames: list[FrameMoment]
