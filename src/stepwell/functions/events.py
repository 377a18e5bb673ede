"""Event invokes: kept durably before they are accepted, run later, retried, and still there after a restart."""

import asyncio
import heapq
from collections.abc import Awaitable, Callable
from uuid import uuid4

import msgspec

from stepwell.functions.documents import Documents
from stepwell.functions.errors import LambdaError
from stepwell.functions.invocation import Invocation
from stepwell.functions.names import FunctionName

RETRY_SECONDS = (60.0, 120.0)
"""AWS runs a failing event twice more, one and then two minutes later."""

MAX_AGE_SECONDS = 6 * 3600.0
"""How long AWS keeps an event that it cannot run."""

_THROTTLED_SECONDS = (1.0, 300.0)
_KIND = "function-event"


class QueuedEvent(msgspec.Struct, frozen=True):
    """One event. `attempt` counts runs that failed, `throttles` those that could not start; times are epoch seconds."""

    id: str
    name: FunctionName
    payload: bytes
    request_id: str
    received_at: float
    due_at: float
    client_context: str | None = None
    attempt: int = 0
    throttles: int = 0

    def after_failure(self, now: float) -> "QueuedEvent | None":
        """The next attempt; None when this was the last."""
        if self.attempt >= len(RETRY_SECONDS):
            return None
        due_at = now + RETRY_SECONDS[self.attempt]
        return msgspec.structs.replace(self, attempt=self.attempt + 1, due_at=due_at)

    def after_throttle(self, now: float) -> "QueuedEvent | None":
        """The next try, later each time; None when the event is too old."""
        first, most = _THROTTLED_SECONDS
        due_at = now + min(first * 2.0**self.throttles, most)
        if due_at > self.received_at + MAX_AGE_SECONDS:
            return None
        return msgspec.structs.replace(self, throttles=self.throttles + 1, due_at=due_at)


class EventQueue:
    """The queue of all functions. `run` performs one event, `dropped` is told (event, reason) when it is given up.

    At least once: an event whose end could not be written down before a crash runs again, with the same request id.
    Its memory holds due times only, never payloads.
    """

    def __init__(
        self,
        documents: Documents,
        clock: Callable[[], float],
        run: Callable[[QueuedEvent], Awaitable[Invocation]],
        dropped: Callable[[QueuedEvent, str], None],
        max_parallel: int,
    ) -> None:
        self._documents = documents
        self._clock = clock
        self._run = run
        self._dropped = dropped
        self._max_parallel = max_parallel
        self._due: list[tuple[float, str]] = []
        self._running: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._dispatcher: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take up what is queued and begin to run it."""
        rows = await self._documents.list(_KIND)
        self._due = [(msgspec.json.decode(body, type=QueuedEvent).due_at, key) for key, body in rows]
        heapq.heapify(self._due)
        self._dispatcher = asyncio.create_task(self._dispatch())

    async def close(self) -> None:
        """Stop. What has not ended stays queued."""
        tasks = [*self._running, *([self._dispatcher] if self._dispatcher else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def put(self, name: FunctionName, payload: bytes, request_id: str, client_context: str | None) -> None:
        """Accept an event: when this returns it is durable."""
        now = self._clock()
        await self._queue(QueuedEvent(uuid4().hex, name, payload, request_id, now, now, client_context))

    def wake(self) -> None:
        """Look at the clock again; for one that was moved."""
        self._wake.set()

    async def _queue(self, event: QueuedEvent) -> None:
        await self._documents.put(_KIND, event.id, msgspec.json.encode(event))
        heapq.heappush(self._due, (event.due_at, event.id))
        self._wake.set()

    async def _dispatch(self) -> None:
        while True:
            self._wake.clear()
            while self._due and len(self._running) < self._max_parallel and self._due[0][0] <= self._clock():
                task = asyncio.create_task(self._perform(heapq.heappop(self._due)[1]))
                self._running.add(task)
                task.add_done_callback(self._ended)
            await self._until_due()

    async def _until_due(self) -> None:
        room = len(self._running) < self._max_parallel
        delay = max(self._due[0][0] - self._clock(), 0.0) if self._due and room else None
        try:
            async with asyncio.timeout(delay):
                await self._wake.wait()
        except TimeoutError:
            pass

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._wake.set()

    async def _perform(self, key: str) -> None:
        body = await self._documents.get(_KIND, key)
        if body is None:
            return
        event = msgspec.json.decode(body, type=QueuedEvent)
        following, reason = await self._attempt(event)
        if following is not None:
            await self._queue(following)
            return
        await self._documents.delete(_KIND, key)
        if reason:
            self._dropped(event, reason)

    async def _attempt(self, event: QueuedEvent) -> tuple[QueuedEvent | None, str]:
        """Run it once: what is to be queued in its place, or None and the reason it is given up ("" after success)."""
        try:
            invocation = await self._run(event)
        except LambdaError as error:
            if error.status == 429 or error.status >= 500:
                return event.after_throttle(self._clock()), str(error)
            return None, str(error)
        if invocation.function_error is None:
            return None, ""
        return event.after_failure(self._clock()), "the last attempt failed"
