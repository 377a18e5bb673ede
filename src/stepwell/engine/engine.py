"""The engine: one object that starts, advances, stops and recovers executions, and reads what is committed of them."""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from typing import Any

from stepwell.engine.clock import Clock, Handle, SystemClock
from stepwell.engine.committer import Committer
from stepwell.engine.deciders import State
from stepwell.engine.dispatch import Dispatcher
from stepwell.engine.errors import (
    ExecutionExists,
    ExecutionNotFound,
    InvalidToken,
    NotRedrivable,
    TaskDoesNotExist,
    TaskTimedOut,
    Unavailable,
)
from stepwell.engine.express import Express, ExpressRun
from stepwell.engine.map_runs import MapRuns
from stepwell.engine.projection import current_row, parse_timer_key, started_row, timer_key
from stepwell.engine.residents import NO_CHECKPOINT, Advance, Residents
from stepwell.engine.retention import Retention
from stepwell.engine.tasks import TaskRunner
from stepwell.engine.timers import HORIZON_SECONDS, Timers
from stepwell.machine import journal
from stepwell.machine.commands import (
    Command,
    DropTask,
    RenewBudget,
    StartTask,
    StartTimer,
    StopChild,
    StopJob,
    StopTimer,
    WatchJob,
)
from stepwell.machine.execution import RUNNING, Execution
from stepwell.machine.identity import InvalidTaskToken, TaskToken, parse_task_token
from stepwell.machine.maprun.commands import Watch
from stepwell.machine.maprun.state import MapRun
from stepwell.machine.maprun.stimuli import ChildEnded, TakenOver, UpdateRequested
from stepwell.machine.payload import Payload
from stepwell.machine.records import Event, ExecutionEnded, ExecutionStarted, Record
from stepwell.machine.redrive import TOKEN_SECONDS, redriven_by, refusal
from stepwell.machine.stimuli import (
    BudgetRenewed,
    RedriveRequested,
    StartRequested,
    Stimulus,
    StopRequested,
    TaskFailed,
    TaskHeartbeat,
    TaskSubmitted,
    TaskSucceeded,
    TimerFired,
)
from stepwell.store.protocol import Document, ExecutionRow, Store, StoreError, shard_of

log = logging.getLogger(__name__)

LEASE_SECONDS = 30.0
UPKEEP_SECONDS = 5.0
IDLE_SECONDS = 60.0
"""An execution that nothing touched for so long leaves memory."""

TIMERS_PER_SCAN = 50_000

STEPS_PER_READ = 256
"""Of a journal that is read in parts, so that a long one fills no memory."""


def no_probe(point: str) -> None:
    """Production reaches every point and goes on."""


def no_observer(advance: Advance) -> None:
    """Nobody watches."""


class Engine:
    """Runs executions on a store.

    `programs` gives the compiled program of a revision. `probe` is called at named points, where a crash test kills.
    `observe` is told each step that became durable, of Express executions each step that is done; it must be quick, and
    raise nothing.
    Closed executions are kept for `retain_seconds` (None: for ever), and one may be open for `open_seconds_max`.
    """

    def __init__(
        self,
        store: Store,
        programs: Callable[[str], Awaitable[Any]],
        runner: TaskRunner,
        clock: Clock | None = None,
        probe: Callable[[str], None] = no_probe,
        idle_seconds: float = IDLE_SECONDS,
        observe: Callable[[Advance], None] = no_observer,
        retain_seconds: float | None = None,
        open_seconds_max: float | None = None,
    ) -> None:
        self.store = store
        self.node = secrets.token_hex(8)
        self.clock = clock or SystemClock()
        self._programs = programs
        self._runner = runner
        self._idle_seconds = idle_seconds
        self._observe = observe
        self._committer = Committer(store, probe, self._commit_failed)
        self._residents = Residents(store, self._committer, programs, self._advanced, self._deliveries)
        self._timers = Timers(self.clock, self._timer_due)
        self._dispatcher = Dispatcher(runner, self.clock, self._submit, probe)
        self._express = Express(store, self._residents, programs)
        self._map_runs = MapRuns(
            store, self._residents, self._committer, self._express, runner, self.clock, programs, self,
            self._submit, self._announce,
        )  # fmt: skip
        self._retention = Retention(
            store, self.clock, self._parent, self._submit, retain_seconds, open_seconds_max
        )  # fmt: skip
        self._waiters: dict[str, list[asyncio.Future[None]]] = {}
        self._messages: set[int] = set()
        self._reading: dict[str, bool] = {}
        """Whose inbox is being read, and whether something came since."""
        self._shards: set[int] = set()
        self._scan_again_at = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self._upkeep: Handle | None = None
        self._closing = False

    # --- life

    async def start(self) -> None:
        """Take over what earlier processes left: commands not done, messages not read, timers not fired."""
        await self._take_over()
        await self._express.recover()
        self._plan_upkeep()

    async def close(self) -> None:
        """Stop. What is not done stays in the store."""
        self._closing = True
        if self._upkeep is not None:
            self._upkeep.cancel()
        self._timers.close()
        await self._dispatcher.close()
        await self._map_runs.close()
        await self._committer.drained()
        await self._residents.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.store.release(self.node)

    def _plan_upkeep(self) -> None:
        self._upkeep = self.clock.call_at(self.clock.now() + UPKEEP_SECONDS, lambda: self._spawn(self._keep_up()))

    async def _keep_up(self) -> None:
        try:
            await self._take_over()
            await self._read_inboxes(self._shards)
            if self.clock.now() >= self._scan_again_at:
                await self._scan_timers(self._shards)
            await self._residents.evict(self._idle_seconds)
            await self._retention.keep_up()
        except Exception:
            log.exception("upkeep failed; it is tried again in %s s", UPKEEP_SECONDS)
        for waiting in list(self._waiters):
            self._wake(waiting)  # Another engine may have ended it.
        self._plan_upkeep()

    async def _take_over(self) -> None:
        now = self.clock.now()
        held = await self.store.lease(self.node, now, now + LEASE_SECONDS)
        gained, self._shards = held - self._shards, held & self._shards
        if gained:
            for row in await self.store.outbox(gained):
                command = journal.decode_command(row.body)
                if isinstance(command, Watch):
                    self._submit(row.execution, TakenOver(at=now))
                else:
                    self._perform(row.execution, command)
            await self._read_inboxes(gained)
            await self._scan_timers(held)
        # Only now: a shard whose outbox could not be read is to be gained again.
        self._shards = held

    async def _read_inboxes(self, shards: set[int]) -> None:
        for message in await self.store.inbox(shards):
            self._receive(message.execution, message.id, message.body)

    async def _scan_timers(self, shards: set[int]) -> None:
        """Bring timers that are due within the horizon into memory; half of it later it is time to look again."""
        before = self.clock.now() + HORIZON_SECONDS
        rows = await self.store.timers_due(shards, before, TIMERS_PER_SCAN)
        for row in rows:
            self._timers.start(row.execution, row.key, row.due_at)
        brought = rows[-1].due_at if len(rows) == TIMERS_PER_SCAN else before
        self._scan_again_at = brought - HORIZON_SECONDS / 2

    # --- executions

    async def start_execution(
        self, request: StartRequested, deliveries: Sequence[tuple[str, bytes]] = ()
    ) -> ExecutionRow:
        """Start a Standard execution; its first step is durable on return. Raises `ExecutionExists`.

        Returns its row as of the start, though it may well have ended.
        `deliveries` go into other executions' inboxes in the same transaction as the first step.
        """
        id = request.execution
        program = await self._programs(request.revision)
        if id in self._residents:
            # Behind the execution that has the name: by its turn that one's first step is durable.
            started = await self._residents.submit(id, request)
        else:
            started = await self._residents.begin(id, request, program, durable=True, deliveries=deliveries)
        if not started:
            row = await self.store.execution(id)
            assert row is not None, "an id that is taken has a row"
            raise ExecutionExists(row)
        self._announce([execution for execution, _ in deliveries])
        return started_row(request)

    async def stop_execution(self, execution: str, error: str | None, cause: str | None) -> ExecutionRow:
        """Stop an execution; one that has ended already stays as it is. Raises `ExecutionNotFound`."""
        row = await self.store.execution(execution)
        if row is None:
            raise ExecutionNotFound(execution)
        if row.status == RUNNING:
            stimulus = StopRequested(at=self.clock.now(), error=error, cause=cause)
            await self._residents.submit(execution, stimulus)
            row = await self.store.execution(execution)
            assert row is not None
        return row

    async def redrive_execution(self, execution: str, client_token: str | None) -> float:
        """Let a closed execution go on where it did not succeed; durable on return. Returns the time of the redrive.

        Raises `ExecutionNotFound` and `NotRedrivable`.
        """
        row = await self.store.execution(execution)
        if row is None:
            raise ExecutionNotFound(execution)
        # Not while it runs: it could end and go on in one step, and its parent would never hear of the end.
        accepted = row.status != RUNNING and await self._residents.submit(
            execution, RedriveRequested(at=self.clock.now(), client_token=client_token)
        )
        row = await self.store.execution(execution)
        assert row is not None
        known = row.redriven_at if accepted else await self.known_redrive(row, client_token)
        if known is not None:
            return known
        reason = refusal(row.status, await self.store.last_event_id(execution), "aws")
        raise NotRedrivable(reason) if reason else Unavailable(f"{execution} is contended")

    async def known_redrive(self, row: ExecutionRow, client_token: str | None) -> float | None:
        """When this client token redrove the execution; None where it did not, or too long ago."""
        now = self.clock.now()
        if client_token is None or row.redriven_at is None or now >= row.redriven_at + TOKEN_SECONDS:
            return None
        return redriven_by(await self._residents.fold(row.id), client_token, now)

    async def start_express(self, request: StartRequested) -> float:
        """Start an asynchronous Express execution: that it starts is durable on return. Returns its start time."""
        return await self._express.start(request)

    async def run_express(self, request: StartRequested) -> ExpressRun:
        """Run a synchronous Express execution to its end, in memory alone."""
        return await self._express.run(request)

    async def call_task(self, execution: str, command: StartTask) -> Stimulus | None:
        """Make a task's call by itself, for nothing that is stored. The execution only gives account and Region."""
        return await self._dispatcher.call(execution, command)

    # --- task tokens

    async def task_succeeded(self, token: str, output: Payload) -> None:
        """Settle a task by its token. Raises `InvalidToken`, `TaskDoesNotExist` or `TaskTimedOut`."""
        await self._settle(
            token,
            lambda at, parsed: TaskSucceeded(at=at, frame=parsed.frame, attempt=parsed.attempt, output=output),
        )

    async def task_failed(self, token: str, error: str | None, cause: str | None) -> None:
        """Fail a task by its token. Raises as `task_succeeded` does."""
        await self._settle(
            token,
            lambda at, parsed: TaskFailed(at=at, frame=parsed.frame, attempt=parsed.attempt, error=error, cause=cause),
        )

    async def task_heartbeat(self, token: str) -> None:
        """Begin a task's heartbeat clock again. Raises as `task_succeeded` does."""
        await self._settle(token, lambda at, parsed: TaskHeartbeat(at=at, frame=parsed.frame, attempt=parsed.attempt))

    async def _settle(self, text: str, stimulus: Callable[[float, TaskToken], Stimulus]) -> None:
        try:
            token = parse_task_token(text)
        except InvalidTaskToken as error:
            raise InvalidToken(str(error)) from None
        seed = await self._residents.seed_of(token.execution)
        if seed is None:
            raise TaskDoesNotExist(token.execution)
        if not token.is_genuine(seed):
            raise InvalidToken("the token was not issued by this execution")
        if not await self._residents.submit(token.execution, stimulus(self.clock.now(), token)):
            raise TaskTimedOut(token.execution)

    async def _parent(self, execution: str) -> str | None:
        """The execution whose task started this one, from its first record alone."""
        steps = await self.store.steps_with_events(execution, 1, 1)
        records = await self._residents.records(execution, [step.body for step in steps[:1]])
        return records[0].parent if records and isinstance(records[0], ExecutionStarted) else None

    async def parent_task(self, execution: str) -> str | None:
        """The task of another execution that started this one, as it named itself; None where there is none."""
        return (await self._residents.fold(execution)).parent_task

    async def claim_task(self, execution: str, stimulus: Stimulus) -> bool:
        """Tell an execution that a worker has taken a task; whether the task was still to be had."""
        return await self._residents.submit(execution, stimulus)

    # --- Map Runs

    async def map_run(self, id: str) -> MapRun:
        """A Map Run as it is committed. Raises `ExecutionNotFound`."""
        return await self._residents.fold_map_run(id)

    async def update_map_run(
        self, id: str, concurrency: int | None, tolerated_count: int | None, tolerated_percentage: float | None
    ) -> bool:
        """Change what is not None, from now on; False where the Map Run has ended. Raises `ExecutionNotFound`."""
        update = UpdateRequested(
            at=self.clock.now(), concurrency=concurrency, tolerated_count=tolerated_count,
            tolerated_percentage=tolerated_percentage,
        )  # fmt: skip
        return await self._residents.submit(id, update)

    async def children(
        self, map_run: str, *, status: str | None = None, beyond: int | None = None, limit: int = 100
    ) -> list[ExecutionRow]:
        """The children of a Map Run, the latest first."""
        return await self.store.children(map_run, status=status, beyond=beyond, limit=limit, reverse=True)

    # --- reading what is committed

    async def execution(self, id: str) -> ExecutionRow | None:
        return await self.store.execution(id)

    async def executions(
        self, *, through: str, status: str | None = None, limit: int = 100, before: tuple[float, str] | None = None
    ) -> list[ExecutionRow]:
        return await self.store.executions(through=through, status=status, limit=limit, before=before)

    async def last_event_id(self, execution: str) -> int:
        return await self.store.last_event_id(execution)

    async def text(self, execution: str, found: Document) -> str:
        """The JSON text that a row refers to."""
        if isinstance(found, str):
            return found
        return (await self.store.payloads(execution, [found]))[found].decode()

    async def history(
        self, execution: str, *, start: int | None = None, limit: int = 100, reverse: bool = False
    ) -> list[tuple[int, Event]]:
        """Up to `limit` events with their ids from `start` on, backwards if `reverse`; [] when there are no more."""
        if reverse and start is None:
            start = await self.store.last_event_id(execution)
        at = start or (0 if reverse else 1)
        first, last = (max(1, at - limit + 1), at) if reverse else (at, at + limit - 1)
        steps = await self.store.steps_with_events(execution, first, last)
        found: list[tuple[int, Event]] = []
        for step in steps:
            records = await self._residents.records(execution, [step.body])
            found += enumerate((record for record in records if isinstance(record, Event)), step.first_event_id)
        page = [(id, event) for id, event in found if first <= id <= last]
        return page[::-1] if reverse else page

    async def records(self, execution: str, *, after: int = 0) -> AsyncIterator[list[Record]]:
        """Records beyond the sequence `after`, which ends a step, one step's after the other.

        Each step is decoded by itself: all of a long journal would keep everybody waiting.
        """
        while steps := (await self.store.journal(execution, NO_CHECKPOINT, after, STEPS_PER_READ)).steps:
            for step in steps:
                yield await self._residents.records(execution, [step.body])
            after = steps[-1].sequence + steps[-1].records - 1

    async def closed(self, execution: str) -> ExecutionRow:
        """Wait for an execution's end. Raises `ExecutionNotFound`."""
        while True:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.setdefault(execution, []).append(waiter)
            try:
                row = await self.store.execution(execution)
                if row is None:
                    raise ExecutionNotFound(execution)
                if row.status != RUNNING:
                    return row
                await waiter
            finally:
                self._forget(execution, waiter)

    def _forget(self, execution: str, waiter: "asyncio.Future[None]") -> None:
        waiters = self._waiters.get(execution, [])
        if waiter in waiters:
            waiters.remove(waiter)
        if not waiters:
            self._waiters.pop(execution, None)

    def _wake(self, execution: str) -> None:
        for waiter in self._waiters.pop(execution, ()):
            if not waiter.done():
                waiter.set_result(None)

    # --- after a commit

    def _advanced(self, advance: Advance) -> None:
        execution = advance.execution
        self._observe(advance)
        if isinstance(execution, Execution):
            self._express.advanced(execution)
        # A branch may schedule a task in the very step in which its sibling fails: that one is never called.
        dropped = {command.key for command in advance.commands if isinstance(command, DropTask)}
        for command in advance.commands:
            if not (isinstance(command, StartTask) and command.key in dropped):
                self._perform(execution.id, command)
        if execution.status != RUNNING:
            self._wake(execution.id)
            if execution.parent is not None:
                self._announce([execution.parent])

    def _perform(self, execution: str, command: Command) -> None:
        if self._closing:
            return  # It is in the store. Otherwise a loop of states would go on, and closing would never end.
        match command:
            case StartTimer(frame=frame, kind=kind, due_at=due_at):
                self._timers.start(execution, timer_key(frame, kind), due_at, keep=self._express.runs(execution))
            case StopTimer(frame=frame, kind=kind):
                self._timers.stop(execution, timer_key(frame, kind))
            case StartTask():
                self._dispatcher.start(execution, command)
            case DropTask():
                self._dispatcher.drop(execution, command.key)
            case RenewBudget():
                self._submit(execution, BudgetRenewed(at=self.clock.now()))
            case WatchJob():
                self._dispatcher.watch(execution, command)
            case StopChild() | StopJob():
                self._spawn(self._stop(execution, command))
            case _:
                self._map_runs.perform(execution, command)

    async def _stop(self, execution: str, command: StopChild | StopJob) -> None:
        """Stop what worked for an execution; while the store does not answer, later."""
        try:
            if isinstance(command, StopChild):
                await self._stop_unwanted(command.execution)
            else:
                await self._runner.stop_job(execution, command.job)
            await self.store.forget(execution, outbox=[command.key])
        except StoreError as error:
            log.warning("%s of %s is done in %s s: %s", command.key, execution, UPKEEP_SECONDS, error)
            self.clock.call_at(self.clock.now() + UPKEEP_SECONDS, lambda: self._perform(execution, command))

    async def _stop_unwanted(self, child: str) -> None:
        row = await self.store.execution(child)
        if row is not None and row.status == RUNNING:
            cause = "The parent execution no longer waits for it."
            await self._residents.submit(child, StopRequested(at=self.clock.now(), cause=cause), patient=True)

    async def _submitted_too_late(self, parent: str, child: str) -> None:
        """A nested execution was started while its parent stopped waiting, so no command to stop it was given."""
        execution = await self._residents.fold(parent)
        if all(frame.task is None or frame.task.child != child for frame in execution.frames.values()):
            await self._stop_unwanted(child)

    async def _job_submitted_too_late(self, execution: str, submitted: TaskSubmitted, job: Payload) -> None:
        """A job was started while its task was given up, so no command to stop it was given."""
        frame = (await self._residents.fold(execution)).frames.get(submitted.frame)
        if frame is None or frame.task is None or frame.task.attempt != submitted.attempt:
            await self._runner.stop_job(execution, job)

    def _submit(self, execution: str, stimulus: Stimulus) -> "asyncio.Future[bool]":
        """A stimulus that no caller waits for."""
        verdict = self._residents.submit(execution, stimulus, patient=True)
        verdict.add_done_callback(lambda verdict: self._taken(execution, verdict))
        if isinstance(stimulus, TaskSubmitted) and stimulus.job is not None:
            verdict.add_done_callback(lambda verdict: self._job_submitted(execution, stimulus, verdict))
        return verdict

    def _job_submitted(self, execution: str, submitted: TaskSubmitted, verdict: "asyncio.Future[bool]") -> None:
        wanted = verdict.cancelled() or verdict.exception() is not None or verdict.result()
        if not wanted and submitted.job is not None:
            self._spawn(self._job_submitted_too_late(execution, submitted, submitted.job))

    def _taken(self, execution: str, verdict: "asyncio.Future[bool]") -> None:
        error = None if verdict.cancelled() else verdict.exception()
        # An Express execution that has ended leaves nothing behind that a late outcome could find.
        if error is not None and not isinstance(error, ExecutionNotFound) and not self._closing:
            log.error("a stimulus was not taken: %s", error)
            self._express.failed(execution, error)

    def _timer_due(self, execution: str, key: str, due_at: float) -> None:
        frame, kind = parse_timer_key(key)
        verdict = self._submit(execution, TimerFired(at=self.clock.now(), frame=frame, kind=kind, due_at=due_at))
        verdict.add_done_callback(lambda verdict: self._timers.settled(execution, key, due_at))

    def _deliveries(self, execution: State, records: Sequence[Record]) -> Sequence[tuple[str, bytes]]:
        """A nested execution's last step puts its outcome into its parent's inbox, a Map Run's and its child's too."""
        if isinstance(execution, MapRun):
            return self._map_runs.deliveries(execution, records)
        if execution.parent is None or not isinstance(records[-1], ExecutionEnded):
            return ()
        if execution.item is not None:
            ended = ChildEnded(at=execution.at, index=execution.item, status=execution.status)
            return [(execution.parent, journal.encode_inline(ended))]
        if execution.redrive_count:
            return ()  # The task that waited has heard of the first end, or went before it.
        output = execution.output.text if execution.output is not None else None
        outcome = self._runner.child_ended(
            current_row(execution), execution.input.text, output, execution.parent_task or ""
        )
        return [(execution.parent, journal.encode_inline(outcome))]

    def _announce(self, executions: Sequence[str]) -> None:
        """Messages were stored for these executions. While one's are being read, the next read takes all that came."""
        for execution in executions:
            if shard_of(execution) not in self._shards:
                continue
            if execution in self._reading:
                self._reading[execution] = True
            else:
                self._reading[execution] = False
                self._spawn(self._read_inbox(execution))

    async def _read_inbox(self, execution: str) -> None:
        try:
            more = True
            while more:
                self._reading[execution] = False
                for message in await self.store.inbox_of(execution):
                    self._receive(execution, message.id, message.body)
                more = self._reading[execution]
        finally:
            del self._reading[execution]

    def _receive(self, execution: str, id: int, body: bytes) -> None:
        if id in self._messages:
            return
        self._messages.add(id)
        stimulus = journal.decode_stimulus(body)
        verdict = self._residents.submit(execution, stimulus, message=id, patient=True)
        verdict.add_done_callback(lambda verdict: self._received(execution, id, stimulus, verdict))

    def _received(self, execution: str, id: int, stimulus: Stimulus, verdict: "asyncio.Future[bool]") -> None:
        self._messages.discard(id)
        self._taken(execution, verdict)
        wanted = verdict.cancelled() or verdict.exception() is not None or verdict.result()
        if not wanted and isinstance(stimulus, TaskSubmitted) and stimulus.child is not None:
            self._spawn(self._submitted_too_late(execution, stimulus.child))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("work in the background failed", exc_info=error)

    def _commit_failed(self, error: Exception) -> None:
        log.error("a commit failed: %s", error)
