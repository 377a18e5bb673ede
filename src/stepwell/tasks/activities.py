"""Activities: tasks that wait until a worker asks for one."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable

from stepwell.engine.clock import Clock
from stepwell.machine.commands import StartTask
from stepwell.machine.stimuli import Stimulus, TaskStarted

Claim = Callable[[str, Stimulus], Awaitable[bool]]
"""Tells an execution that a worker has taken a task; whether it was still to be had."""

POLLERS_MAX = 1_000
"""AWS's quota of workers that poll one activity at once."""


class TooManyPollers(Exception):
    """More workers poll the activity than AWS allows."""


class Activities:
    """The tasks that wait for a worker, by activity, oldest first. A restart fills it again from the outbox."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._claim: Claim | None = None
        self._waiting: dict[str, deque[tuple[str, StartTask]]] = defaultdict(deque)
        self._open: set[tuple[str, str]] = set()
        self._pollers: dict[str, deque[asyncio.Future[None]]] = defaultdict(deque)

    def attach(self, claim: Claim) -> None:
        """Tell how a task is claimed for a worker, before the first one asks."""
        self._claim = claim

    def offer(self, execution: str, command: StartTask) -> None:
        """Let a worker have the task."""
        if (execution, command.key) in self._open:
            return
        self._open.add((execution, command.key))
        self._waiting[command.resource].append((execution, command))
        self._wake(command.resource)

    def drop(self, execution: str, key: str) -> None:
        # The entry stays in its queue and is skipped there.
        self._open.discard((execution, key))

    async def poll(self, activity_arn: str, worker_name: str | None, seconds: float) -> tuple[str, str] | None:
        """The next task's token and input text, or None if none comes within `seconds`. Raises `TooManyPollers`."""
        assert self._claim is not None, "attach() comes before start()"
        if len(self._pollers[activity_arn]) >= POLLERS_MAX:
            raise TooManyPollers(activity_arn)
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            taken = self._take(activity_arn)
            if taken is not None:
                execution, command = taken
                started = TaskStarted(
                    at=self._clock.now(), frame=command.frame, attempt=command.attempt, worker_name=worker_name
                )
                if await self._claimed(execution, command, started):
                    assert command.task_token is not None
                    return command.task_token, command.input.text
            elif not await self._arrival(activity_arn, deadline):
                return None

    async def _claimed(self, execution: str, command: StartTask, started: TaskStarted) -> bool:
        assert self._claim is not None
        try:
            return await self._claim(execution, started)
        except Exception:
            # Whether it was claimed is unknown; if so, the next claim is refused.
            self.offer(execution, command)
            raise

    def _take(self, activity_arn: str) -> tuple[str, StartTask] | None:
        queue = self._waiting[activity_arn]
        while queue:
            execution, command = queue.popleft()
            if (execution, command.key) in self._open:
                self._open.discard((execution, command.key))
                return execution, command
        return None

    async def _arrival(self, activity_arn: str, deadline: float) -> bool:
        """Wait for a task to be offered; False once the time is up."""
        seconds = deadline - asyncio.get_running_loop().time()
        if seconds <= 0:
            return False
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pollers[activity_arn].append(waiter)
        try:
            # Not wait_for: before Python 3.12 it swallows the cancellation of a poller that was just woken.
            async with asyncio.timeout(seconds):
                await waiter
            return True
        except TimeoutError:
            return False
        finally:
            if waiter in self._pollers[activity_arn]:
                self._pollers[activity_arn].remove(waiter)
            if waiter.done() and not waiter.cancelled() and self._waiting[activity_arn]:
                # A poller that left after it was woken must hand the task on.
                self._wake(activity_arn)

    def _wake(self, activity_arn: str) -> None:
        pollers = self._pollers[activity_arn]
        while pollers:
            waiter = pollers.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
