"""Express executions: the same machine with its records in memory only.

An asynchronous one is noted in the store before its caller is answered and starts again from the beginning after a
crash, so it runs at least once; a synchronous one at most once.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from stepwell.engine.residents import Residents
from stepwell.machine import journal
from stepwell.machine.execution import Execution
from stepwell.machine.stimuli import StartRequested
from stepwell.store.protocol import Store

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 300
"""AWS ends an Express execution after five minutes."""

_KIND = "express-execution"


class Express:
    """The Express executions that run in this process."""

    def __init__(self, store: Store, residents: Residents, programs: Callable[[str], Awaitable[Any]]) -> None:
        self._store = store
        self._residents = residents
        self._programs = programs
        self._running: dict[str, asyncio.Future[Execution]] = {}
        self._noted: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def runs(self, execution: str) -> bool:
        return execution in self._running

    async def run(self, request: StartRequested) -> Execution:
        """Run to the end and give the final state. Raises what a defect raised, as `failed` is told."""
        program = await self._programs(request.revision)
        ended: asyncio.Future[Execution] = asyncio.get_running_loop().create_future()
        self._running[request.execution] = ended
        capped = msgspec.structs.replace(request, timeout_seconds=TIMEOUT_SECONDS)
        self._residents.begin(request.execution, capped, program, durable=False).add_done_callback(
            lambda verdict: self.failed(request.execution, verdict.exception())
        )
        return await ended

    async def start(self, request: StartRequested) -> float:
        """Note the start, then run in the background. One that runs already is not started again."""
        if request.execution in self._running:
            return request.at
        await self._store.put(_KIND, request.execution, journal.encode_inline(request))
        self._begin(request)
        return request.at

    async def recover(self) -> None:
        """Start what a crash cut off, from the beginning."""
        for _, body in await self._store.list(_KIND):
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
        waiter = self._running.get(execution)
        if error is not None and waiter is not None and not waiter.done():
            del self._running[execution]
            waiter.set_exception(error)

    def ended(self, execution: Execution) -> None:
        """An execution has ended; those that are not Express are nobody's here."""
        waiter = self._running.pop(execution.id, None)
        if waiter is not None and not waiter.done():
            waiter.set_result(execution)
        if execution.id in self._noted:
            self._noted.discard(execution.id)
            self._spawn(self._store.delete(_KIND, execution.id))

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
