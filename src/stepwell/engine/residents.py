"""Executions in memory, each with its inbox; how they are folded, advanced one step at a time, and let go."""

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, NamedTuple

from stepwell.engine.committer import LOST, UNKNOWN, WON, Committer
from stepwell.engine.deciders import BEGINNINGS, State, apply, decide, decode, new
from stepwell.engine.errors import ExecutionNotFound, Throttled, Unavailable
from stepwell.engine.projection import step_commit
from stepwell.machine import journal
from stepwell.machine.commands import Command, RenewBudget
from stepwell.machine.execution import RUNNING, Execution
from stepwell.machine.maprun.state import MapRun
from stepwell.machine.records import FORMAT, Record
from stepwell.machine.stimuli import BudgetRenewed, Stimulus
from stepwell.store.protocol import Checkpoint, Journal, StepCommit, StepRow, Store

log = logging.getLogger(__name__)

INBOX_MAX = 10_000
"""Stimuli that may wait for one execution before callers are throttled."""

ARRIVALS_PER_STEP_MAX = 256

STEP_SECONDS_MAX = 0.25
"""How long the transitions of one step may keep all other executions and callers waiting."""

RECORDS_BETWEEN_CHECKPOINTS = 1_000

CHECKPOINTS_AT_ONCE = 256
"""Saved side by side, so that the store can let them share transactions."""

ATTEMPTS_MAX = 5
"""How often a caller's stimulus is tried again after a lost or unknown commit before the caller is told."""

RETRY_SECONDS, RETRY_SECONDS_MAX = 0.2, 30.0
"""The pause before the store is asked again doubles from the first to the second."""

NO_CHECKPOINT = -1
"""A format that no checkpoint has: to ask for a journal's steps alone."""


class Arrival(NamedTuple):
    """A stimulus in an inbox. `verdict` is told, once that is durable, whether the stimulus still mattered.

    `message` is the id of the stored inbox row that it came in, None for others. A `patient` one has no caller that
    could ask again, so it is tried for as long as it takes.
    """

    stimulus: Stimulus
    verdict: "asyncio.Future[bool]"
    message: int | None = None
    patient: bool = False
    attempts: int = 0

    def answer(self, verdict: bool) -> None:
        if not self.verdict.done():
            self.verdict.set_result(verdict)

    def refuse(self, error: Exception) -> None:
        if not self.verdict.done():
            self.verdict.set_exception(error)


class Advance(NamedTuple):
    """A step that became durable: what the engine now has to do about it."""

    execution: State
    records: Sequence[Record]
    commands: Sequence[Command]


class Resident:
    """One execution in memory. At most one of its steps is uncommitted at a time.

    `durable` is False for Express executions, whose records stay in memory. `deliveries` go with its next step.
    """

    __slots__ = (
        "busy", "checkpointed", "deliveries", "durable", "execution", "id", "inbox", "program", "stored", "touched",
    )  # fmt: skip

    def __init__(self, id: str, durable: bool = True) -> None:
        self.id = id
        self.durable = durable
        self.execution: State | None = None
        self.program: Any = None
        self.inbox: deque[Arrival] = deque()
        self.deliveries: Sequence[tuple[str, bytes]] = ()
        self.busy = False
        self.checkpointed = 0
        self.stored = 0
        self.touched = 0.0


class Pending:
    """A step between its decision and its outcome."""

    __slots__ = ("advance", "arrivals", "commit", "messages", "resident", "verdicts")

    def __init__(self, resident: Resident, arrivals: list[Arrival], verdicts: list[bool], advance: Advance) -> None:
        self.resident = resident
        self.arrivals = arrivals
        self.verdicts = verdicts
        self.advance = advance
        self.messages = [arrival.message for arrival in arrivals if arrival.message is not None]
        self.commit: StepCommit | None = None


class Residents:
    """All executions in memory.

    `programs` finds the program of a revision, `advanced` is called for each durable step before its callers are
    answered, `deliveries` says what a step puts into other executions' inboxes.
    """

    def __init__(
        self,
        store: Store,
        committer: Committer,
        programs: Callable[[str], Awaitable[Any]],
        advanced: Callable[[Advance], None],
        deliveries: Callable[[State, Sequence[Record]], Sequence[tuple[str, bytes]]],
    ) -> None:
        self._store = store
        self._committer = committer
        self._programs = programs
        self._advanced = advanced
        self._deliveries = deliveries
        self._residents: OrderedDict[str, Resident] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._residents)

    def __contains__(self, id: str) -> bool:
        return id in self._residents

    # --- inboxes

    def begin(
        self,
        id: str,
        request: Stimulus,
        program: Any,
        *,
        durable: bool,
        deliveries: Sequence[tuple[str, bytes]] = (),
    ) -> "asyncio.Future[bool]":
        """Start an execution that is not in memory. The verdict is False where its id was taken."""
        resident = Resident(id, durable)
        resident.execution, resident.program, resident.deliveries = new(id), program, deliveries
        self._residents[resident.id] = resident
        return self._enqueue(resident, request, None, False)

    def submit(
        self, id: str, stimulus: Stimulus, *, message: int | None = None, patient: bool = False
    ) -> "asyncio.Future[bool]":
        """Put a stimulus into the inbox of an execution. Raises `Throttled`, but never for a patient one."""
        resident = self._residents.get(id)
        if resident is None:
            resident = self._residents[id] = Resident(id)
        else:
            self._residents.move_to_end(id)
        if len(resident.inbox) >= INBOX_MAX and not patient:
            raise Throttled(f"{len(resident.inbox)} stimuli wait for {id}")
        return self._enqueue(resident, stimulus, message, patient)

    def _enqueue(
        self, resident: Resident, stimulus: Stimulus, message: int | None, patient: bool
    ) -> "asyncio.Future[bool]":
        verdict: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        resident.inbox.append(Arrival(stimulus, verdict, message, patient))
        if not resident.busy:
            self._go(resident)
        return verdict

    async def seed_of(self, id: str) -> str | None:
        """The seed of an execution, or None where there is none of that id.

        What had to be folded for it does not stay: a forged token is not to fill the memory.
        """
        resident = self._residents.get(id)
        if resident is None or resident.execution is None:
            try:
                execution = await self.fold(id)
            except ExecutionNotFound:
                return None
            return execution.seed
        return resident.execution.seed

    def _go(self, resident: Resident) -> None:
        resident.busy = True
        if resident.execution is not None:
            self._step(resident)
        else:
            self._spawn(self._load_and_step(resident))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        """Abandon what waits for the store. Callers that still wait for a verdict are told that it is unknown."""
        self._closed = True
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for resident in list(self._residents.values()):
            self._give_up(resident, Unavailable("the engine is closed"))

    # --- folding

    async def _load_and_step(self, resident: Resident) -> None:
        try:
            await self._load(resident)
        except ExecutionNotFound as error:
            self._give_up(resident, error)
        except Exception:
            log.exception("cannot load %s", resident.id)
            self._back_off(resident)
        else:
            self._step(resident)

    async def _load(self, resident: Resident) -> None:
        stored = await self._store.journal(resident.id, FORMAT)
        execution = await self._folded(resident.id, stored)
        resident.program = await self._programs(execution.revision)
        resident.execution = execution
        resident.stored = execution.sequence
        resident.checkpointed = stored.checkpoint.sequence if stored.checkpoint is not None else 0

    async def fold(self, id: str) -> Execution:
        """The state of an execution, from its checkpoint and the steps after it. Raises `ExecutionNotFound`."""
        execution = await self._fold(id)
        if not isinstance(execution, Execution):
            raise ExecutionNotFound(id)
        return execution

    async def fold_map_run(self, id: str) -> MapRun:
        """The state of a Map Run. Raises `ExecutionNotFound`."""
        run = await self._fold(id)
        if not isinstance(run, MapRun):
            raise ExecutionNotFound(id)
        return run

    async def _fold(self, id: str) -> State:
        return await self._folded(id, await self._store.journal(id, FORMAT))

    async def _folded(self, id: str, stored: Journal) -> State:
        execution = new(id)
        if stored.checkpoint is not None:
            body = stored.checkpoint.body
            execution = await self._decoded(id, lambda payloads: decode(id, body, payloads))
        elif not stored.steps:
            raise ExecutionNotFound(id)
        for record in await self.records(id, [step.body for step in stored.steps]):
            apply(execution, record)
        return execution

    async def records(self, id: str, bodies: Sequence[bytes]) -> list[Record]:
        """The records of an execution's steps."""
        found: list[Record] = await self._decoded(id, lambda payloads: journal.decode_records(bodies, payloads))
        return found

    async def _decoded(self, id: str, decode: Callable[[dict[bytes, bytes]], Any]) -> Any:
        """Decode something of an execution's, with the large payloads that it refers to."""
        try:
            return decode({})
        except journal.MissingPayloads as missing:
            return decode(await self._store.payloads(id, missing.digests))

    # --- stepping

    def _step(self, resident: Resident) -> None:
        """Decide what is in the inbox as one step, and have it committed."""
        execution = resident.execution
        assert execution is not None
        arrivals = [resident.inbox.popleft() for _ in range(min(len(resident.inbox), ARRIVALS_PER_STEP_MAX))]
        try:
            pending = self._decided(resident, execution, arrivals)
        except Exception as error:
            self._defect(resident, arrivals, error)
            return
        if pending.commit is not None:
            self._committer.add(pending.commit, lambda outcome: self._done(pending, outcome))
        elif resident.durable:
            self._ask(pending, self._confirm(pending))
        else:
            # From the loop, not from here: a long run of such steps must not grow the stack.
            asyncio.get_running_loop().call_soon(self._done, pending, WON)

    def _decided(self, resident: Resident, execution: State, arrivals: list[Arrival]) -> "Pending":
        before = execution.sequence, execution.event_id
        time = asyncio.get_running_loop().time
        ends = time() + STEP_SECONDS_MAX
        steps = [decide(resident.program, execution, arrival.stimulus, lambda: time() >= ends) for arrival in arrivals]
        records = [record for step in steps for record in step.records]
        commands = [command for step in steps for command in step.commands]
        advance = Advance(execution, records, commands)
        pending = Pending(resident, arrivals, [step.accepted for step in steps], advance)
        if resident.durable and records:
            pending.commit = self._commit_of(pending, before)
        return pending

    def _commit_of(self, pending: "Pending", before: tuple[int, int]) -> StepCommit:
        execution, records, commands = pending.advance
        renewed = any(isinstance(arrival.stimulus, BudgetRenewed) for arrival in pending.arrivals)
        return step_commit(
            execution, before, records, commands,
            done=[RenewBudget.key] if renewed else [],
            consumed=pending.messages,
            deliveries=[*pending.resident.deliveries, *self._deliveries(execution, records)],
        )  # fmt: skip

    def _done(self, pending: "Pending", outcome: str) -> None:
        resident = pending.resident
        if outcome == WON:
            resident.deliveries = ()
            self._advanced(pending.advance)
            resident.stored = pending.advance.execution.sequence
            self._settled(pending)
            return
        resident.execution = None
        if outcome == UNKNOWN:
            self._ask(pending, self._find_out(pending))
        elif isinstance(pending.arrivals[0].stimulus, BEGINNINGS):
            self._name_taken(pending)
        else:
            self._again(resident, pending.arrivals)

    def _ask(self, pending: "Pending", work: Coroutine[Any, Any, None]) -> None:
        """Ask the store about a step; should the engine close first, its callers are told so."""

        def asked(task: "asyncio.Task[None]") -> None:
            if task.cancelled():
                self._give_up(pending.resident, Unavailable("the engine is closed"), pending.arrivals)

        self._spawn(work).add_done_callback(asked)

    async def _confirm(self, pending: "Pending") -> None:
        """Nothing of it mattered, says a memory that no fence has tested: look whether the journal has gone on."""
        resident, sequence = pending.resident, pending.advance.execution.sequence
        try:
            later = (await self._store.journal(resident.id, NO_CHECKPOINT, after=sequence)).steps
        except Exception:
            log.exception("cannot read %s", resident.id)
            resident.execution = None
            self._back_off(resident, pending.arrivals)
            return
        if later:
            resident.execution = None
            self._again(resident, pending.arrivals)
        else:
            self._settled(pending)

    async def _find_out(self, pending: "Pending") -> None:
        """The store failed in the middle: the step's nonce tells whether it was stored all the same."""
        resident, commit = pending.resident, pending.commit
        assert commit is not None
        step = await self._read_back(pending, commit)
        if step is not None and step.writer == commit.writer:
            resident.execution = pending.advance.execution
            self._done(pending, WON)
        elif step is None and isinstance(pending.arrivals[0].stimulus, BEGINNINGS):
            self._give_up(resident, Unavailable("the store did not take the execution's first step"), pending.arrivals)
        else:
            self._done(pending, LOST)

    async def _read_back(self, pending: "Pending", commit: StepCommit) -> StepRow | None:
        """The step that is stored at this one's sequence. Asks until the store answers: commands may depend on it."""
        pause = RETRY_SECONDS
        while True:
            await asyncio.sleep(pause)
            try:
                stored = await self._store.journal(commit.execution, NO_CHECKPOINT, after=commit.sequence - 1)
            except Exception:
                log.exception("cannot read back %s", commit.execution)
                self._refuse_callers([*pending.arrivals, *pending.resident.inbox])
                pause = min(2 * pause, RETRY_SECONDS_MAX)
            else:
                return next((step for step in stored.steps if step.sequence == commit.sequence), None)

    def _refuse_callers(self, arrivals: Sequence[Arrival]) -> None:
        for arrival in arrivals:
            if not arrival.patient:
                arrival.refuse(Unavailable("the store does not answer"))

    def _settled(self, pending: "Pending") -> None:
        """Nothing of the step is uncommitted any longer: answer, and go on or come to rest."""
        resident = pending.resident
        for arrival, verdict in zip(pending.arrivals, pending.verdicts, strict=True):
            arrival.answer(verdict)
        if pending.messages and not pending.advance.records:
            # Messages that came too late go without a step: what they say matters to nobody.
            self._spawn(self._forget(resident.id, pending.messages))
        resident.busy = False
        resident.touched = asyncio.get_running_loop().time()
        execution = pending.advance.execution
        due = resident.durable and resident.stored - resident.checkpointed >= RECORDS_BETWEEN_CHECKPOINTS
        if due and execution.status == RUNNING:
            self._spawn(self._checkpoint(resident, execution))
        if resident.inbox:
            self._go(resident)
        elif execution.status != RUNNING:
            self._leave(resident)

    async def _forget(self, id: str, messages: Sequence[int]) -> None:
        try:
            await self._store.forget(id, messages=messages)
        except Exception:
            log.exception("messages of %s stay until they are read again", id)

    def _name_taken(self, pending: "Pending") -> None:
        """A lost first step: somebody else's execution has this id. What else came in is meant for that one."""
        resident = pending.resident
        for arrival in pending.arrivals:
            if isinstance(arrival.stimulus, BEGINNINGS):
                arrival.answer(False)
        later = [arrival for arrival in pending.arrivals if not isinstance(arrival.stimulus, BEGINNINGS)]
        resident.deliveries = ()
        self._again(resident, later)

    def _again(self, resident: Resident, arrivals: Sequence[Arrival]) -> None:
        """Another owner was faster, or the store failed: fold anew and decide again."""
        kept = []
        for arrival in arrivals:
            if arrival.patient or arrival.attempts + 1 < ATTEMPTS_MAX:
                kept.append(arrival._replace(attempts=arrival.attempts + 1))
            else:
                arrival.refuse(Unavailable(f"{resident.id} is contended"))
        resident.inbox.extendleft(reversed(kept))
        if self._closed:
            self._give_up(resident, Unavailable("the engine is closed"))
        elif resident.inbox:
            self._go(resident)
        else:
            self._leave(resident)

    def _back_off(self, resident: Resident, arrivals: Sequence[Arrival] = ()) -> None:
        """The store does not answer: wait, the longer the oftener it was tried, and try again with all that is here."""
        arrivals = [*arrivals, *resident.inbox]
        resident.inbox.clear()
        tried = min(max(arrival.attempts for arrival in arrivals), 10)
        pause = min(RETRY_SECONDS * 2**tried, RETRY_SECONDS_MAX)
        asyncio.get_running_loop().call_later(pause, self._again, resident, arrivals)

    def _leave(self, resident: Resident) -> None:
        # By identity: after an eviction another resident may stand for the same execution.
        if self._residents.get(resident.id) is resident:
            del self._residents[resident.id]

    def _give_up(self, resident: Resident, error: Exception, arrivals: Sequence[Arrival] = ()) -> None:
        self._leave(resident)
        for arrival in [*arrivals, *resident.inbox]:
            arrival.refuse(error)

    def _defect(self, resident: Resident, arrivals: list[Arrival], error: Exception) -> None:
        """`decide` raised, which is a bug: what it half did is dropped with the memory of the execution."""
        log.error("defect while deciding %s", resident.id, exc_info=error)
        resident.execution = None
        self._give_up(resident, error, arrivals)

    # --- leaving memory

    def _checkpoint(self, resident: Resident, execution: State) -> Coroutine[Any, Any, None]:
        """The work of saving the folded state, which is taken at once, while nothing of it is uncommitted."""
        resident.checkpointed = execution.sequence
        return self._save(resident.id, Checkpoint(execution.sequence, FORMAT, journal.encode(execution).body))

    async def _save(self, id: str, checkpoint: Checkpoint) -> None:
        try:
            await self._store.save_checkpoint(id, checkpoint)
        except Exception:
            # The journal is the truth: without its checkpoint an execution only takes longer to fold.
            log.exception("no checkpoint of %s", id)

    async def evict(self, idle_seconds: float) -> int:
        """Let executions that nothing touched for so long leave memory, with a checkpoint. Returns how many left."""
        horizon = asyncio.get_running_loop().time() - idle_seconds
        idle = [
            r for r in self._residents.values() if r.durable and not r.busy and not r.inbox and r.touched <= horizon
        ]
        for start in range(0, len(idle), CHECKPOINTS_AT_ONCE):
            await self._evict(idle[start : start + CHECKPOINTS_AT_ONCE])
        return len(idle)

    async def _evict(self, idle: Sequence[Resident]) -> None:
        unsaved = [(r, r.execution) for r in idle if r.execution is not None and r.stored > r.checkpointed]
        await asyncio.gather(*(self._checkpoint(r, execution) for r, execution in unsaved if not r.busy))
        for resident in idle:
            if not resident.busy and not resident.inbox:
                self._leave(resident)
