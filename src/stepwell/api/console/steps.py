"""An execution as a person follows it: its steps, each a visit to a state, folded from the records by `apply`.

What a step tells beyond the machine's own state is when things happened and what came of them. Payloads are not kept:
`details` reads those of one step when they are asked for.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from stepwell.asl.program import Program
from stepwell.machine import records as r
from stepwell.machine.apply import apply
from stepwell.machine.execution import ABORTED, FAILED, RUNNING, SUCCEEDED, TIMED_OUT, TOP_FRAME, Execution
from stepwell.machine.identity import idempotency_key

STEPS_MAX = 50_000
"""Of one execution. Beyond it, the oldest half of those that have ended is left out."""

CAUGHT = "CAUGHT"
"""A step whose failure a catcher has taken. The other statuses are those of executions."""


class Part(msgspec.Struct, rename="camel", gc=False):
    """The base of what is told. There are many and they form no cycles, so the collector need not look at them."""


class Attempt(Part):
    """One try of a Task's work. Members that end in Id are event ids, 0 for none; those in At are epoch seconds.

    `status` is RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED. `waits` is call, token or child. `request_id` is the
    idempotency key: a Lambda function's request id.
    """

    number: int
    scheduled_id: int
    scheduled_at: float
    resource: str
    waits: str
    request_id: str
    resource_type: str = ""
    started_at: float = 0.0
    submitted_at: float = 0.0
    heartbeat_at: float = 0.0
    ended_id: int = 0
    ended_at: float = 0.0
    status: str = RUNNING
    error: str = ""
    cause: str = ""
    worker: str = ""
    child: str = ""


class Retry(Part):
    """A pause before the state's work is tried again, by the retrier at that index for the `attempt`-th time.
    `event_id` is that of the latest event when it began."""

    event_id: int
    at: float
    due_at: float
    retrier: int
    attempt: int


class Fork(Part):
    """One run of a Parallel's branches or of a Map's iterations: how many there are and what came of them.

    A Distributed Map's Map Run knows what came of them, and how many there are where a reader finds them.
    """

    event_id: int
    at: float
    total: int
    started: int = 0
    succeeded: int = 0
    failed: int = 0
    aborted: int = 0


class Ending(Part):
    """How a step had ended before the redrive with the event `resumed_id` took it up again."""

    status: str
    ended_id: int
    ended_at: float
    resumed_id: int
    resumed_at: float


class Step(Part):
    """A visit to a state. `id` is that of the event which entered it, `exited_id` of the one that left it.

    `ended_id` is that of the latest event when it ended, also where no event left it: 0 while it runs. `earlier` is how
    it had ended before each redrive. `parent` is the step of the Parallel or Map that it is in, 0 at the top, and
    `index` that of the branch or the iteration. `due_at` is when a Wait is over. `revised` is the sequence of the
    record that last changed it.
    """

    id: int
    frame: int
    name: str
    type: str
    entered_at: float
    parent: int = 0
    index: int = 0
    status: str = RUNNING
    exited_id: int = 0
    ended_id: int = 0
    ended_at: float = 0.0
    next: str = ""
    error: str = ""
    cause: str = ""
    due_at: float = 0.0
    map_run: str = ""
    earlier: list[Ending] = []
    attempts: list[Attempt] = []
    retries: list[Retry] = []
    forks: list[Fork] = []
    revised: int = 0


class Story:
    """The steps of one execution in the order in which they were entered, and the execution as it stands.

    With its `program` a step is known to be caught also where AWS has no event for what failed.
    """

    def __init__(self, program: Program | None = None) -> None:
        self.execution = Execution()
        self.steps: dict[int, Step] = {}
        self.omitted = 0
        """How many of the oldest steps are not kept any more."""
        self.first_step = 0
        """Of the steps with an id below it only those are kept that had not ended when the others were left out."""
        self._program = program
        self._looked_through_at = STEPS_MAX
        """With how many steps it is time to leave some out."""
        self._in: dict[int, Step] = {}
        """The latest step of each frame."""
        self._failing: set[int] = set()
        """Steps whose work has failed: what comes next tells whether that is retried or caught."""
        self._unexplained: list[Step] = []
        """Steps with a failure that is still on its way outwards, and that no event has named."""

    def add(self, record: r.Record) -> None:
        """Take in the next record."""
        apply(self.execution, record)
        handle = _AFTER.get(type(record))
        if handle is not None:
            handle(self, record)

    def since(self, sequence: int) -> list[Step]:
        """The steps that a record beyond that sequence has changed."""
        return [step for step in self.steps.values() if step.revised > sequence]

    # --- the records

    def _at(self, frame: int) -> Step | None:
        """The step that a frame is in, which is about to change."""
        step = self._in.get(frame)
        if step is not None:
            step.revised = self.execution.sequence
        return step

    def _entered(self, record: r.StateEntered) -> None:
        execution = self.execution
        frame = execution.frames[record.frame]
        around = self._in.get(frame.parent)
        step = Step(
            id=execution.event_id, frame=frame.id, name=record.name, type=record.type.removesuffix("StateEntered"),
            entered_at=record.at, parent=around.id if around else 0, index=frame.index, revised=execution.sequence,
        )  # fmt: skip
        self.steps[step.id] = self._in[frame.id] = step
        if len(self.steps) > self._looked_through_at:
            self._leave_out()

    def _leave_out(self) -> None:
        ended = [id for id, step in self.steps.items() if step.status != RUNNING]
        for id in ended[: STEPS_MAX // 2]:
            del self.steps[id]
            self.omitted, self.first_step = self.omitted + 1, id + 1
        self._looked_through_at = max(STEPS_MAX, len(self.steps) + STEPS_MAX // 4)

    def _exited(self, record: r.StateExited) -> None:
        if (step := self._at(record.frame)) is None:
            return
        step.exited_id, step.next = self.execution.event_id, record.next or ""
        self._end(step, CAUGHT if self._is_caught(step, record) else SUCCEEDED, record.at)
        self._unexplained.clear()
        if record.next is None and record.frame != TOP_FRAME:
            del self._in[record.frame]
            around = self.steps.get(step.parent)
            if around is not None and around.type == "Parallel" and around.forks:
                around.forks[-1].succeeded += 1
                around.revised = self.execution.sequence

    def _is_caught(self, step: Step, record: r.StateExited) -> bool:
        """Whether a catcher has chosen what comes next. A path that fails after the work has no event of its own."""
        state = self._program.states[step.name] if self._program is not None else None
        by_another_way = state is not None and bool(state.catch) and record.next != state.next
        return by_another_way or step.id in self._failing

    def _end(self, step: Step, status: str, at: float) -> None:
        step.status, step.ended_id, step.ended_at, step.due_at = status, self.execution.event_id, at, 0.0
        self._failing.discard(step.id)
        self._count_aborted(step)
        for attempt in step.attempts[-1:]:
            if attempt.status == RUNNING:
                attempt.status, attempt.ended_at = ABORTED, at

    def _count_aborted(self, step: Step) -> None:
        """Its work is over: branches and iterations that have come to no end never will, whatever event says so."""
        for fork in step.forks[-1:]:
            fork.aborted = fork.started - fork.succeeded - fork.failed

    def _aborted(self, record: r.StateAborted) -> None:
        if step := self._at(record.frame):
            self._end(step, ABORTED, record.at)

    def _fail(self, frame: int, error: str | None, cause: str | None) -> None:
        if step := self._at(frame):
            self._failing.add(step.id)
            step.error, step.cause = error or step.error, cause or step.cause

    def _evaluation_failed(self, record: r.EvaluationFailed) -> None:
        self._unexplained.clear()
        self._fail(record.frame, record.error, record.cause)

    def _scheduled(self, record: r.TaskScheduled) -> None:
        if (step := self._at(record.frame)) is None:
            return
        self._try(step)
        step.attempts.append(
            Attempt(
                number=record.attempt, scheduled_id=self.execution.event_id, scheduled_at=record.at,
                resource=record.resource, resource_type=record.resource_type or "", waits=record.waits,
                request_id=idempotency_key(self.execution.seed, record.frame, record.attempt),
            )
        )  # fmt: skip

    def _try(self, step: Step) -> None:
        """Its work begins, perhaps again: what went wrong before is told by the attempts."""
        self._failing.discard(step.id)
        step.error = step.cause = ""

    def _attempt(self, frame: int) -> Attempt | None:
        step = self._at(frame)
        return step.attempts[-1] if step and step.attempts else None

    def _begun(self, record: r.TaskBegun) -> None:
        if attempt := self._attempt(record.frame):
            attempt.started_at, attempt.worker = record.at, record.worker_name or ""

    def _submitted(self, record: r.TaskSubmitted) -> None:
        if attempt := self._attempt(record.frame):
            attempt.submitted_at, attempt.child = record.at, record.child or ""

    def _heartbeat(self, record: r.HeartbeatReceived) -> None:
        if attempt := self._attempt(record.frame):
            attempt.heartbeat_at = record.at

    def _task_ended(self, record: r.TaskEnded) -> None:
        if (attempt := self._attempt(record.frame)) is None:
            return
        attempt.ended_id, attempt.ended_at = self.execution.event_id, record.at
        attempt.error, attempt.cause = record.error or "", record.cause or ""
        if record.type.endswith("Succeeded"):
            attempt.status = SUCCEEDED
        else:
            attempt.status = TIMED_OUT if record.type.endswith("TimedOut") else FAILED
            self._fail(record.frame, record.error, record.cause)

    def _retry(self, record: r.RetryScheduled) -> None:
        if step := self._at(record.frame):
            self._failing.discard(step.id)
            self._unexplained.clear()
            self._count_aborted(step)
            step.retries.append(
                Retry(self.execution.event_id, self.execution.at, record.due_at, record.retrier, record.attempt)
            )

    def _timer(self, record: r.TimerStarted) -> None:
        if record.kind == "wait" and (step := self._at(record.frame)):
            step.due_at = record.due_at

    def _fork(self, frame: int, total: int, at: float, started: int = 0) -> None:
        if step := self._at(frame):
            self._try(step)
            step.forks.append(Fork(event_id=self.execution.event_id, at=at, total=total, started=started))

    def _parallel(self, record: r.ParallelStarted) -> None:
        self._fork(record.frame, len(record.branches), record.at, len(record.branches))

    def _map(self, record: r.MapStarted) -> None:
        self._fork(record.frame, record.length, record.at)

    def _iteration_started(self, record: r.IterationStarted) -> None:
        if (step := self._at(record.frame)) and step.forks:
            step.forks[-1].started += 1

    def _iteration_ended(self, record: r.IterationEnded) -> None:
        if (step := self._at(record.frame)) and step.forks:
            step.forks[-1].succeeded += record.type == "MapIterationSucceeded"
            step.forks[-1].failed += record.type == "MapIterationFailed"
        if record.type == "MapIterationFailed":
            self._failed_within(record.child, record.frame)

    def _branch_failed(self, record: r.BranchFailed) -> None:
        parent = self.execution.frames[record.frame].parent
        if (step := self._at(parent)) and step.forks:
            step.forks[-1].failed += 1
        self._failed_within(record.frame, parent)

    def _failed_within(self, child: int, parent: int) -> None:
        """The failure of a branch or an iteration goes on in what it is a part of."""
        if inner := self._in.get(child):
            self._end_open(child, FAILED, self.execution.at)
            self._fail(parent, inner.error, inner.cause)
            if not inner.error:
                self._unexplained.append(inner)

    def _branches_ended(self, record: r.BranchesEnded) -> None:
        if record.type.endswith("Failed"):
            self._fail(record.frame, None, None)

    def _map_run(self, record: r.MapRunStarted | r.MapRunRedriven) -> None:
        if step := self._at(record.frame):
            self._try(step)
            step.map_run = record.map_run

    def _map_run_ended(self, record: r.MapRunEnded) -> None:
        if record.type != "MapRunSucceeded":
            self._fail(record.frame, record.error, record.cause)

    def _cancelled(self, record: r.FrameCancelled) -> None:
        self._end_open(record.frame, ABORTED, self.execution.at)
        self._in.pop(record.frame, None)

    def _end_open(self, frame: int, status: str, at: float) -> None:
        step = self._in.get(frame)
        if step is not None and step.status == RUNNING:
            step.revised = self.execution.sequence
            self._end(step, status, at)

    def _ended(self, record: r.ExecutionEnded) -> None:
        """What is still open ends with the execution: the top thread in its status, the others as they were."""
        for frame, step in list(self._in.items()):
            if step.status != RUNNING:
                continue
            failed = frame == TOP_FRAME or step.id in self._failing
            self._end_open(frame, self.execution.status if failed else ABORTED, record.at)
            if frame == TOP_FRAME and record.error is not None:
                self._explain([step, *self._unexplained], record.error, record.cause or "")
        self._unexplained.clear()

    def _explain(self, steps: list[Step], error: str, cause: str) -> None:
        for step in steps:
            step.error, step.cause = error, cause
            step.revised = self.execution.sequence

    def _redriven(self, record: r.ExecutionRedriven) -> None:
        for frame, waiting in record.resumes.items():
            if waiting and waiting != "done" and (step := self._at(frame)):
                self._try(step)
                ending = Ending(step.status, step.ended_id, step.ended_at, self.execution.event_id, record.at)
                step.earlier.append(ending)
                step.status, step.ended_id, step.ended_at = RUNNING, 0, 0.0
                if waiting == "branches":
                    step.forks[-1].failed = step.forks[-1].aborted = 0


_AFTER: dict[type[r.Record], Callable[[Story, Any], None]] = {
    r.StateEntered: Story._entered,
    r.StateExited: Story._exited,
    r.StateAborted: Story._aborted,
    r.EvaluationFailed: Story._evaluation_failed,
    r.TaskScheduled: Story._scheduled,
    r.TaskBegun: Story._begun,
    r.TaskSubmitted: Story._submitted,
    r.HeartbeatReceived: Story._heartbeat,
    r.TaskEnded: Story._task_ended,
    r.RetryScheduled: Story._retry,
    r.TimerStarted: Story._timer,
    r.ParallelStarted: Story._parallel,
    r.MapStarted: Story._map,
    r.IterationStarted: Story._iteration_started,
    r.IterationEnded: Story._iteration_ended,
    r.BranchFailed: Story._branch_failed,
    r.BranchesEnded: Story._branches_ended,
    r.MapRunStarted: Story._map_run,
    r.MapRunRedriven: Story._map_run,
    r.MapRunEnded: Story._map_run_ended,
    r.FrameCancelled: Story._cancelled,
    r.ExecutionEnded: Story._ended,
    r.ExecutionRedriven: Story._redriven,
}
