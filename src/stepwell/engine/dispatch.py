"""Performs the commands of durable steps: task calls, and stops of nested executions."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from stepwell.asl.errors import TASK_FAILED
from stepwell.engine.clock import Clock
from stepwell.engine.errors import Throttled, Unavailable
from stepwell.engine.tasks import TaskRunner
from stepwell.machine.commands import StartTask, WatchJob
from stepwell.machine.stimuli import Stimulus, TaskFailed, TaskStarted, TaskSubmitted, TaskSucceeded
from stepwell.store.protocol import StoreError

log = logging.getLogger(__name__)

STARTED_AFTER_SECONDS = 1.0
"""A call that is still running by then gets a TaskStarted of its own; a shorter one's travels with its outcome."""

RETRY_SECONDS = 1.0
"""How long a call waits that could not be made because the store does not answer."""


class Dispatcher:
    """Runs task calls as asyncio tasks and submits their outcomes.

    `probe` is called with `dispatch.before` and `dispatch.after` around each call: a crash test kills there.
    """

    def __init__(
        self,
        runner: TaskRunner,
        clock: Clock,
        submit: Callable[[str, Stimulus], object],
        probe: Callable[[str], None],
    ) -> None:
        self._runner = runner
        self._clock = clock
        self._submit = submit
        self._probe = probe
        self._running: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._watching: dict[tuple[str, str], asyncio.Task[None]] = {}

    def __len__(self) -> int:
        return len(self._running) + len(self._watching)

    def start(self, execution: str, command: StartTask) -> None:
        """Call the task, unless this process is at it already."""
        key = execution, command.key
        if key in self._running:
            return
        self._running[key] = asyncio.get_running_loop().create_task(self._run(execution, command))
        self._running[key].add_done_callback(lambda task: self._running.pop(key, None))

    def watch(self, execution: str, command: WatchJob) -> None:
        """Follow a job, unless this process is at it already."""
        key = execution, command.key
        if key not in self._watching:
            self._watching[key] = asyncio.get_running_loop().create_task(self._watch(execution, command))
            self._watching[key].add_done_callback(lambda task: self._watched(key, task))

    def _watched(self, key: tuple[str, str], task: "asyncio.Task[None]") -> None:
        if self._watching.get(key) is task:
            del self._watching[key]

    def drop(self, execution: str, key: str) -> None:
        watching = self._watching.pop((execution, key), None)
        if watching is not None:
            watching.cancel()
        # A call that is under way is left to end: AWS does not interrupt a function whose caller went away either.
        self._runner.drop(execution, key)

    async def close(self) -> None:
        """Abandon the calls under way; their commands are in the outbox still."""
        tasks = [*self._running.values(), *self._watching.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def call(self, execution: str, command: StartTask) -> Stimulus | None:
        """Make one call by itself and give its outcome; see `TaskRunner.run`."""
        return await self._outcome(command, command.resource, lambda: self._runner.run(execution, command))

    async def _run(self, execution: str, command: StartTask) -> None:
        self._probe("dispatch.before")
        at = self._clock.now()
        still_running = self._clock.call_at(
            at + STARTED_AFTER_SECONDS, lambda: self._started(execution, command, at)
        )  # fmt: skip
        try:
            outcome = await self.call(execution, command)
        finally:
            still_running.cancel()
        self._probe("dispatch.after")
        if outcome is not None:
            assert isinstance(outcome, TaskSucceeded | TaskFailed | TaskSubmitted)
            self._submit(execution, outcome)

    async def _watch(self, execution: str, command: WatchJob) -> None:
        outcome = await self._outcome(command, "the watch", lambda: self._runner.watch(execution, command))
        if outcome is not None:
            self._submit(execution, outcome)

    async def _outcome(
        self, command: StartTask | WatchJob, what: str, call: Callable[[], Awaitable[Stimulus | None]]
    ) -> Stimulus | None:
        while True:
            try:
                return await call()
            except (StoreError, Throttled, Unavailable) as error:
                # Our own trouble, not the task's: the attempt is made again, under the same key.
                log.warning("%s is called again in %s s: %s", what, RETRY_SECONDS, error)
                await asyncio.sleep(RETRY_SECONDS)
            except Exception as error:
                log.exception("the runner of %s failed", what)
                return TaskFailed(
                    at=self._clock.now(), frame=command.frame, attempt=command.attempt, error=TASK_FAILED,
                    cause=f"{type(error).__name__}: {error}",
                )  # fmt: skip

    def _started(self, execution: str, command: StartTask, at: float) -> None:
        if command.family != "Activity":
            self._submit(execution, TaskStarted(at=at, frame=command.frame, attempt=command.attempt))
