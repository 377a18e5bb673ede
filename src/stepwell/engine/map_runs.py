"""What Map Runs order: read items, start, redrive and stop children, gather what they came to.

Nothing here is stored on its own. A child's identity is its Map Run and the index of its item, so starting one is
get-or-create; its last step puts its outcome into the Map Run's inbox. Whoever takes a Map Run over orders again what
was under way, and what is done already stays as it is.

An Express child runs in memory and is committed once, at its end: a crash before that starts it again.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from typing import Any, Protocol

import msgspec

from stepwell.asl.errors import ITEM_READER_FAILED, RESULT_WRITER_FAILED, StatesError
from stepwell.engine.clock import Clock
from stepwell.engine.committer import LOST, Committer
from stepwell.engine.errors import ExecutionExists, NotRedrivable, Throttled, Unavailable
from stepwell.engine.express import Express
from stepwell.engine.projection import step_commit
from stepwell.engine.residents import Residents
from stepwell.engine.tasks import EndedChild, TaskRunner
from stepwell.machine import journal
from stepwell.machine.apply import ENDINGS, apply
from stepwell.machine.commands import Command, RedriveMapRun, StartMapRun
from stepwell.machine.decide import started_record
from stepwell.machine.execution import ABORTED, FAILED, RUNNING, SUCCEEDED, Execution
from stepwell.machine.maprun.commands import (
    GatherResults,
    ReadItems,
    RedriveMapChild,
    StartMapChild,
    StopMapChild,
    Unwatch,
    Watch,
)
from stepwell.machine.maprun.records import MapRunSettled
from stepwell.machine.maprun.state import MapRun
from stepwell.machine.maprun.stimuli import (
    ChildEnded,
    ItemsRead,
    MapRunRedriveRequested,
    MapRunRequested,
    ResultsGathered,
)
from stepwell.machine.payload import Payload
from stepwell.machine.records import ExecutionEnded, ExecutionRedriven, Record
from stepwell.machine.redrive import redriven_by
from stepwell.machine.stimuli import MapRunEnded, StartRequested, Stimulus, StopRequested
from stepwell.store.protocol import Document, ExecutionRow, Store, StoreError

log = logging.getLogger(__name__)

CHILDREN_PER_READ = 500
PENDING = "PENDING"
RETRY_SECONDS = 1.0
"""How long work waits that could not be done because the store does not answer."""


class Executions(Protocol):
    """What the engine does with Standard executions; `closed` waits for the end of a Map Run too."""

    async def start_execution(self, request: StartRequested) -> ExecutionRow: ...
    async def redrive_execution(self, execution: str, client_token: str | None) -> float: ...
    async def closed(self, execution: str) -> ExecutionRow: ...


class MapRuns:
    """Performs the commands of Map Runs and of the Maps that order them. `submit` hands a stimulus to a journal."""

    def __init__(
        self, store: Store, residents: Residents, committer: Committer, express: Express, runner: TaskRunner,
        clock: Clock, programs: Callable[[str], Awaitable[Any]], executions: Executions,
        submit: Callable[[str, Stimulus], Awaitable[bool]], announce: Callable[[Sequence[str]], None],
    ) -> None:  # fmt: skip
        self._store = store
        self._residents = residents
        self._committer = committer
        self._express = express
        self._runner = runner
        self._clock = clock
        self._programs = programs
        self._executions = executions
        self._submit = submit
        self._announce = announce
        self._children: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Abandon what is under way; it is ordered again by whoever takes the Map Runs over."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def perform(self, id: str, command: Command) -> None:
        """Do what the execution or the Map Run `id` has ordered."""
        match command:
            case StartMapRun():
                self._spawn(lambda: self._begin(id, command))
            case RedriveMapRun():
                self._spawn(lambda: self._redrive(id, command))
            case ReadItems():
                self._spawn(lambda: self._read(id, command))
            case StartMapChild(request=request):
                self._spawn_child(request, lambda: self._start_child(request))
            case RedriveMapChild(request=request):
                self._spawn_child(request, lambda: self._redrive_child(id, command))
            case StopMapChild():
                self._spawn(lambda: self._stop_child(id, command))
            case GatherResults():
                self._spawn(lambda: self._gather(id, command))
            case Watch() | Unwatch():
                pass  # They matter only to the store.

    def deliveries(self, run: MapRun, records: Sequence[Record]) -> list[tuple[str, bytes]]:
        """A Map Run's last step tells the execution of its Map."""
        last = records[-1]
        if not isinstance(last, MapRunSettled):
            return []
        ended = MapRunEnded(
            at=last.at, frame=run.ordered.frame, attempt=run.ordered.attempt, redrives=run.redrive_count,
            output=last.output, error=last.error, cause=last.cause,
        )  # fmt: skip
        return [(run.execution, journal.encode_inline(ended))]

    # --- the Map Run

    async def _begin(self, execution: str, order: StartMapRun) -> None:
        request = MapRunRequested(at=self._clock.now(), execution=execution, order=order)
        if order.map_run in self._residents:
            await self._submit(order.map_run, request)
        else:
            program = await self._programs(order.revision.partition("/")[0])
            await self._residents.begin(order.map_run, request, program, durable=True)
        await self._store.forget(execution, outbox=[order.key])
        parent = await self._residents.fold(execution)
        if all(frame.map_run != order.map_run or frame.waiting != "map_run" for frame in parent.frames.values()):
            # Its Map was aborted before it began, so the order to stop it found nothing.
            await self._submit(order.map_run, StopRequested(at=self._clock.now()))

    async def _redrive(self, execution: str, order: RedriveMapRun) -> None:
        """Let the Map Run go on once it has ended: its children may still be on their way to their ends."""
        await self._executions.closed(order.map_run)
        failed = [(row.item or 0, row.item_count or 1) async for row in self._rows(order.map_run) if _unsuccessful(row)]
        request = MapRunRedriveRequested(at=self._clock.now(), failed=failed, redrives=order.redrives)
        if not await self._submit(order.map_run, request):
            await self._tell_success(execution, order)
        await self._store.forget(execution, outbox=[order.key])

    async def _tell_success(self, execution: str, order: RedriveMapRun) -> None:
        """The Map Run succeeded while its execution was closed, which did not hear of it."""
        run = await self._residents.fold_map_run(order.map_run)
        if run.status == SUCCEEDED:
            ended = MapRunEnded(
                at=self._clock.now(), frame=order.frame, attempt=order.attempt, redrives=order.redrives,
                output=run.output,
            )  # fmt: skip
            await self._submit(execution, ended)

    async def _rows(self, run: str) -> AsyncIterator[ExecutionRow]:
        """The children of a Map Run that ever began, in the order of their items."""
        beyond = -1
        while rows := await self._store.children(run, beyond=beyond, limit=CHILDREN_PER_READ):
            for row in rows:
                yield row
            beyond = rows[-1].item or 0

    async def _read(self, run: str, command: ReadItems) -> None:
        try:
            page = await self._runner.read_items(command.reader.value, command.cursor, command.region)
        except StatesError as error:
            read = ItemsRead(at=self._clock.now(), page=command.page, error=error.error, cause=error.cause)
        except Exception as error:
            log.exception("the reader of %s failed", run)
            cause = f"{type(error).__name__}: {error}"
            read = ItemsRead(at=self._clock.now(), page=command.page, error=ITEM_READER_FAILED, cause=cause)
        else:
            read = ItemsRead(
                at=self._clock.now(), page=command.page, items=Payload(page.items), cursor=page.cursor,
                sources=page.sources, keys=page.keys,
            )  # fmt: skip
        await self._submit(run, read)

    async def _gather(self, run: str, command: GatherResults) -> None:
        writer = None if command.writer is None else command.writer.value
        try:
            gathered = await self._runner.gather_results(run, writer, command.region, self._ended_children(run))
        except StatesError as error:
            results = ResultsGathered(at=self._clock.now(), error=error.error, cause=error.cause)
        except StoreError:
            raise  # It is tried again.
        except Exception as error:
            log.exception("the writer of %s failed", run)
            cause = f"{type(error).__name__}: {error}"
            results = ResultsGathered(at=self._clock.now(), error=RESULT_WRITER_FAILED, cause=cause)
        else:
            results = ResultsGathered(at=self._clock.now(), output=gathered.output, written=gathered.written)
        await self._submit(run, results)

    async def _ended_children(self, run: str) -> AsyncIterator[EndedChild]:
        async for row in self._rows(run):
            output = None if row.output is None else await self._text(row, row.output)
            yield EndedChild(row, await self._text(row, row.input), output)
        for child in await self._never_began(run):
            yield child

    async def _never_began(self, id: str) -> list[EndedChild]:
        run = await self._residents.fold_map_run(id)
        order = run.ordered
        return [
            EndedChild(
                ExecutionRow(
                    id=run.child_arn(child.index), name=run.child_name(child.index), state_machine=order.state_machine,
                    revision=order.revision, status=PENDING, started_at=run.started_at, input=child.input.text,
                ),
                child.input.text,
                None,
            )
            for child in run.waiting
            if child.input is not None
        ]  # fmt: skip

    async def _text(self, row: ExecutionRow, document: Document) -> str:
        if isinstance(document, str):
            return document
        return (await self._store.payloads(row.id, [document]))[document].decode()

    # --- children

    async def _start_child(self, request: StartRequested) -> None:
        if self._is_express(request):
            if await self._store.execution(request.execution) is None:
                await self._run_express(request, Execution(), None)
            return
        try:
            await self._executions.start_execution(request)
        except ExecutionExists:
            pass  # It was started before; its last step has told the Map Run or will.

    async def _redrive_child(self, run: str, command: RedriveMapChild) -> None:
        request, token = command.request, command.client_token
        if self._is_express(request):
            child = await self._residents.fold(request.execution)
            if redriven_by(child, token, self._clock.now()) is None:
                await self._run_express(msgspec.structs.replace(request, input=child.input), child, token)
            return
        try:
            await self._executions.redrive_execution(request.execution, token)
        except NotRedrivable as error:
            row = await self._store.execution(request.execution)
            if row is not None and _unsuccessful(row):
                log.warning("%s stays as it is: %s", request.execution, error)
                await self._submit(run, ChildEnded(at=self._clock.now(), index=row.item or 0, status=row.status))

    def _is_express(self, request: StartRequested) -> bool:
        return ":express:" in request.execution

    async def _run_express(self, request: StartRequested, before: Execution, client_token: str | None) -> None:
        """Run an Express child to its end and commit it. `before` is what an earlier run has left, for a redrive."""
        assert request.parent is not None and request.item is not None
        try:
            ended = (await self._express.run(request)).execution
        except Exception:
            log.exception("%s was cut off", request.execution)
            await self._submit(request.parent, ChildEnded(at=self._clock.now(), index=request.item, status=FAILED))
            return
        position = before.sequence, before.event_id
        records = [_beginning(request, before, client_token)]
        records.append(
            ExecutionEnded(
                type=ENDINGS[ended.status], at=max(ended.at, before.at), previous=before.event_id + 1,
                output=ended.output, error=ended.error, cause=ended.cause,
            )
        )  # fmt: skip
        for record in records:
            apply(before, record)
        outcome = ChildEnded(at=ended.at, index=request.item, status=ended.status)
        commit = step_commit(
            before, position, records, [], done=[], consumed=[],
            deliveries=[(request.parent, journal.encode_inline(outcome))],
        )  # fmt: skip
        committed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._committer.add(commit, committed.set_result)
        if await committed not in ("won", LOST):
            raise Unavailable("whether the store took the child's outcome is unknown")
        self._announce([request.parent])

    async def _stop_child(self, run: str, command: StopMapChild) -> None:
        child = command.execution
        stop = StopRequested(at=self._clock.now(), cause="The Map Run no longer waits for it.")
        if self._express.runs(child):
            await self._submit(child, stop)
            return
        starting = self._children.get(child)
        if starting is not None:
            await asyncio.wait([starting])
        row = await self._store.execution(child)
        if row is None:
            await self._submit(run, ChildEnded(at=self._clock.now(), index=command.index, status=ABORTED))
        elif row.status == RUNNING:
            await self._submit(child, stop)

    # --- work that the store may hold up

    def _spawn_child(self, request: StartRequested, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if request.execution in self._children:
            return
        task = self._spawn(work)
        self._children[request.execution] = task
        task.add_done_callback(lambda task: self._children.pop(request.execution, None))

    def _spawn(self, work: Callable[[], Coroutine[Any, Any, None]]) -> "asyncio.Task[None]":
        task = asyncio.get_running_loop().create_task(self._patiently(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _patiently(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            try:
                await work()
                return
            except (StoreError, Throttled, Unavailable) as error:
                log.warning("work for a Map Run is tried again in %s s: %s", RETRY_SECONDS, error)
                await asyncio.sleep(RETRY_SECONDS)
            except Exception:
                log.exception("defect in the work for a Map Run")
                return


def _unsuccessful(row: ExecutionRow) -> bool:
    return row.status not in (RUNNING, SUCCEEDED)


def _beginning(request: StartRequested, before: Execution, client_token: str | None) -> Record:
    """The first record of what an Express child is committed with."""
    at = max(request.at, before.at)
    if client_token is None:
        return started_record(request, at, "")
    return ExecutionRedriven(
        type="ExecutionRedriven", at=at, previous=before.event_id, redrive_count=before.redrive_count + 1, resumes={},
        client_token=client_token,
    )  # fmt: skip
