"""Express executions: the same machine with its records in memory only.

An asynchronous one is noted in the store before its caller is answered and starts again from the beginning after a
crash, so it runs at least once; a synchronous one at most once.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from stepwell.engine.catalog import EXPRESS
from stepwell.engine.residents import Residents
from stepwell.machine import journal
from stepwell.machine.execution import RUNNING, Execution
from stepwell.machine.stimuli import StartRequested
from stepwell.store.protocol import Store

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 300
"""AWS ends an Express execution after five minutes."""


@dataclass(slots=True)
class ExpressRun:
    """An Express execution that has ended, and the most that its threads held at a time, in bytes of JSON text."""

    execution: Execution
    payload_bytes: int


@dataclass(slots=True)
class _Running:
    ended: "asyncio.Future[ExpressRun]"
    payload_bytes: int = 0


class Express:
    """The Express executions that run in this process."""

    def __init__(self, store: Store, residents: Residents, programs: Callable[[str], Awaitable[Any]]) -> None:
        self._store = store
        self._residents = residents
        self._programs = programs
        self._running: dict[str, _Running] = {}
        self._noted: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def runs(self, execution: str) -> bool:
        return execution in self._running

    async def run(self, request: StartRequested) -> ExpressRun:
        """Run to the end. Raises what a defect raised, as `failed` is told."""
        program = await self._programs(request.revision)
        running = self._running[request.execution] = _Running(asyncio.get_running_loop().create_future())
        capped = msgspec.structs.replace(request, timeout_seconds=TIMEOUT_SECONDS)
        self._residents.begin(request.execution, capped, program, durable=False).add_done_callback(
            lambda verdict: self.failed(request.execution, verdict.exception())
        )
        return await running.ended

    async def start(self, request: StartRequested) -> float:
        """Note the start, then run in the background. One that runs already is not started again."""
        if request.execution in self._running:
            return request.at
        await self._store.put(EXPRESS, request.execution, journal.encode_inline(request))
        self._begin(request)
        return request.at

    async def recover(self) -> None:
        """Start what a crash cut off, from the beginning."""
        for _, body in await self._store.list(EXPRESS):
            request = journal.decode_stimulus(body)
            assert isinstance(request, StartRequested)
            if request.execution not in self._running:
                self._begin(request)

    def _begin(self, request: StartRequested) -> None:
        self._noted.add(request.execution)
        self._spawn(self._run_noted(request))

    async def _run_noted(self, request: StartRequested) -> None:
        try:
            await self.run(request)
        except Exception:
            # It stays noted, so a release that mends the defect runs it at its start.
            log.exception("%s was cut off", request.execution)

    def failed(self, execution: str, error: BaseException | None) -> None:
        """A stimulus of an execution met a defect, if there is an error; those not Express are nobody's here."""
        running = self._running.get(execution)
        if error is not None and running is not None and not running.ended.done():
            del self._running[execution]
            running.ended.set_exception(error)

    def advanced(self, execution: Execution) -> None:
        """A step of an execution is done; those that are not Express are nobody's here."""
        running = self._running.get(execution.id)
        if running is not None:
            running.payload_bytes = max(running.payload_bytes, held_bytes(execution))
        if execution.status != RUNNING:
            self._ended(execution)

    def _ended(self, execution: Execution) -> None:
        running = self._running.pop(execution.id, None)
        if running is not None and not running.ended.done():
            running.ended.set_result(ExpressRun(execution, running.payload_bytes))
        if execution.id in self._noted:
            self._noted.discard(execution.id)
            self._spawn(self._store.delete(EXPRESS, execution.id))

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def held_bytes(execution: Execution) -> int:
    """What the threads of an execution hold: the input of the state that each is in, or its result."""
    return sum(frame.input.size for frame in execution.frames.values())
