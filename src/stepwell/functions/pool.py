"""The warm sandboxes: kept per function version, bounded in all, lent to one invocation at a time."""

import asyncio
import os
import time
from collections.abc import Callable

from stepwell.functions.errors import LambdaError
from stepwell.functions.sandbox import Launch, Sandbox

_CLOSE_SECONDS = 5.0

STARTS_AT_ONCE = 2 * (os.cpu_count() or 1)
"""Initialization is the interpreter's work: more of it at once than cores only makes every caller wait for all of it,
while a sandbox that comes free meanwhile serves the next one at once."""


class Pool:
    """At most `max_sandboxes` processes. A caller for whom there is none waits its turn, first come first served.

    `idle_seconds` is how long a sandbox stays warm without work. A function that waits for other functions keeps its
    own sandbox meanwhile, so a chain of calls needs as many as it is long.
    """

    def __init__(self, max_sandboxes: int, idle_seconds: float, clock: Callable[[], float] = time.time) -> None:
        self._max_sandboxes = max_sandboxes
        self._idle_seconds = idle_seconds
        self._clock = clock
        self._turns = asyncio.Semaphore(max_sandboxes)
        self._versions: dict[Sandbox, str] = {}
        self._idle: dict[Sandbox, asyncio.TimerHandle] = {}  # In the order of their return: the last is the warmest.
        self._starts = 0
        self._starting: set[Sandbox] = set()
        self._waiting: list[asyncio.Future[None]] = []
        self._leaving: set[Sandbox] = set()
        self._retired: set[str] = set()
        self._emptied = asyncio.Event()
        self._closed = False

    async def acquire(self, version: str, launch: Launch) -> Sandbox:
        """A sandbox of this version for the caller alone, warm (`idle`) or just started.

        `version` names everything that `launch` depends on. Raises `LambdaError` when the pool is closed or the system
        cannot start a process. Every sandbox goes back through `release`.
        """
        await self._turns.acquire()
        try:
            return await self._obtain(version, launch)
        except BaseException:
            self._turns.release()
            raise

    async def _obtain(self, version: str, launch: Launch) -> Sandbox:
        while True:
            if self._closed:
                raise LambdaError("ServiceException", "The service is shutting down.", 500)
            if sandbox := self._take_idle(version):
                return sandbox
            if self._starts < STARTS_AT_ONCE:
                return await self._start(version, launch)
            change: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(change)
            await change

    def _wake(self) -> None:
        """Something came free: those who wait look again, in the order in which they came."""
        waiting, self._waiting = self._waiting, []
        for change in waiting:
            if not change.done():
                change.set_result(None)

    def release(self, sandbox: Sandbox) -> None:
        """Give it back. One that is still at work, or dying, counts as lent until it is not."""
        if sandbox.alive and not sandbox.idle:
            self._leaving.add(sandbox)
        else:
            self._returned(sandbox)

    def retire(self, prefix: str) -> None:
        """No version whose name begins with `prefix` is needed any more: idle sandboxes end now, busy ones later."""
        self._retired |= {version for version in self._versions.values() if version.startswith(prefix)}
        for sandbox in [idle for idle in self._idle if self._versions[idle] in self._retired]:
            self._evict(sandbox)

    def count(self) -> int:
        """How many processes there are."""
        return len(self._versions)

    async def close(self) -> None:
        """End every process; invocations that run are told that theirs exited."""
        self._closed = True
        self._wake()
        for sandbox in list(self._versions):
            sandbox.kill()
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                while self._versions:
                    self._emptied.clear()
                    await self._emptied.wait()
        except TimeoutError:
            pass  # A process in uninterruptible sleep; the kernel ends it when it can.

    def _take_idle(self, version: str) -> Sandbox | None:
        for sandbox in reversed(self._idle):
            if self._versions[sandbox] == version:
                self._idle.pop(sandbox).cancel()
                return sandbox
        return None

    async def _start(self, version: str, launch: Launch) -> Sandbox:
        if len(self._versions) >= self._max_sandboxes and self._idle:
            self._evict(next(iter(self._idle)))
        self._starts += 1
        try:
            sandbox = await Sandbox.start(launch, self._clock, self._on_change)
        except BaseException as error:
            self._started()
            if not isinstance(error, OSError):
                raise
            raise LambdaError("ServiceException", f"Cannot start a worker process: {error}", 500) from None
        self._versions[sandbox] = version
        self._starting.add(sandbox)
        return sandbox

    def _started(self) -> None:
        """One start is over, whether it went well or not."""
        self._starts -= 1
        self._wake()

    def _on_change(self, sandbox: Sandbox) -> None:
        if sandbox in self._starting:
            self._starting.remove(sandbox)
            self._started()
        if not sandbox.alive:
            self._forget(sandbox)
        if sandbox in self._leaving:
            self._leaving.remove(sandbox)
            self._returned(sandbox)

    def _returned(self, sandbox: Sandbox) -> None:
        self._turns.release()
        if not sandbox.alive:
            return
        if self._closed or self._versions[sandbox] in self._retired:
            sandbox.kill()
        else:
            loop = asyncio.get_running_loop()
            self._idle[sandbox] = loop.call_later(self._idle_seconds, self._evict, sandbox)
            self._wake()

    def _evict(self, sandbox: Sandbox) -> None:
        self._idle.pop(sandbox).cancel()
        sandbox.kill()

    def _forget(self, sandbox: Sandbox) -> None:
        version = self._versions.pop(sandbox, None)
        if version not in self._versions.values():
            self._retired.discard(version or "")
        if timer := self._idle.pop(sandbox, None):
            timer.cancel()
        self._emptied.set()
