"""The live stream: what became durable, told to every page that is open, as server-sent events.

A page gets for each execution only the latest that is to be told, at most four times a second, so a slow page costs no
memory and a busy engine no time. It is a hint to read again, never the truth: another process's steps are not in it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

import msgspec

from stepwell.api.console.shapes import PREVIEW_CHARACTERS
from stepwell.engine.residents import Advance
from stepwell.machine.execution import Execution

FLUSH_SECONDS = 0.25
SILENCE_SECONDS = 15.0
"""After so long without news a comment is sent, so that a connection that is gone is noticed."""

WAITING_MAX = 2_000
"""Executions of which a page may be behind. Beyond it, it is told to read everything anew."""

PAGES_MAX = 64


class Change(msgspec.Struct, frozen=True, rename="camel"):
    """An execution as its latest durable step has left it. Times are epoch seconds; error and cause are cut."""

    execution_arn: str
    state_machine_arn: str
    name: str
    status: str
    started_at: float
    event_id: int
    stopped_at: float = 0.0
    map_run: str = ""
    redrive_count: int = 0
    error: str = ""
    cause: str = ""


class News(msgspec.Struct, frozen=True, rename="camel"):
    """One message of the stream. With `missed` there was more than could be told."""

    changes: list[Change]
    missed: bool = False


class Page:
    """An open page, and what it is still to be told. Made by `LiveFeed.subscribe`; `leave` ends it."""

    def __init__(self, feed: "LiveFeed", execution: str | None) -> None:
        self._feed = feed
        self._execution = execution
        self._changes: dict[str, Change] = {}
        self._missed = False
        self._woken = asyncio.Event()

    def hears_of(self, execution: str) -> bool:
        return self._execution in (None, execution)

    def tell(self, change: Change) -> None:
        if len(self._changes) >= WAITING_MAX and change.execution_arn not in self._changes:
            self._missed = True
        else:
            self._changes[change.execution_arn] = change
        self.wake()

    def wake(self) -> None:
        self._woken.set()

    def leave(self) -> None:
        """Nobody listens any more."""
        self._feed.forget(self)

    async def messages(self) -> AsyncIterator[bytes]:
        """Server-sent events, until the feed is closed."""
        yield b": stepwell\n\n"
        while not self._feed.closed:
            try:
                await asyncio.wait_for(self._woken.wait(), SILENCE_SECONDS)
            except TimeoutError:
                yield b": still here\n\n"
                continue
            if not self._feed.closed:
                yield b"data: " + msgspec.json.encode(self._take()) + b"\n\n"
                await asyncio.sleep(FLUSH_SECONDS)

    def _take(self) -> News:
        news = News(list(self._changes.values()), self._missed)
        self._changes, self._missed = {}, False
        self._woken.clear()
        return news


class LiveFeed:
    """Tells pages of durable steps. `observe` is one of the engine's observers."""

    def __init__(self) -> None:
        self.closed = False
        self._pages: set[Page] = set()

    def observe(self, advance: Advance) -> None:
        """Take note of a step. Express executions are told where they are kept, as a Map Run's children."""
        execution = advance.execution
        if not self._pages or not isinstance(execution, Execution):
            return
        if ":express:" in execution.id and execution.map_run is None:
            return
        told = [page for page in self._pages if page.hears_of(execution.id)]
        if not told:
            return
        change = Change(
            execution_arn=execution.id, state_machine_arn=execution.state_machine, name=execution.name,
            status=execution.status, started_at=execution.started_at, event_id=execution.event_id,
            stopped_at=execution.stopped_at or 0.0, map_run=execution.map_run or "",
            redrive_count=execution.redrive_count, error=(execution.error or "")[:PREVIEW_CHARACTERS],
            cause=(execution.cause or "")[:PREVIEW_CHARACTERS],
        )  # fmt: skip
        for page in told:
            page.tell(change)

    def subscribe(self, execution: str | None = None) -> Page | None:
        """A page that hears of one execution or of all; None where too many are open. Whoever has it must `leave`."""
        if len(self._pages) >= PAGES_MAX:
            return None
        page = Page(self, execution)
        self._pages.add(page)
        return page

    def forget(self, page: Page) -> None:
        """The page has left."""
        self._pages.discard(page)

    def close(self) -> None:
        """End every stream."""
        self.closed = True
        for page in self._pages:
            page.wake()


def both(first: Callable[[Advance], None], second: Callable[[Advance], None]) -> Callable[[Advance], None]:
    """Two observers as one."""

    def observe(advance: Advance) -> None:
        first(advance)
        second(advance)

    return observe
