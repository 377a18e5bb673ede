"""Group commit by natural batching: while one transaction is in flight the next batch gathers. No timer."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from stepwell.store.protocol import StepCommit, Store

log = logging.getLogger(__name__)

BATCH_STEPS_MAX = 500
BATCH_BYTES_MAX = 8 << 20

WON, LOST, UNKNOWN = "won", "lost", "unknown"
"""A step's outcome. UNKNOWN: the store failed; whether the step was stored can only be read back."""

Done = Callable[[str], None]


class Committer:
    """Hands steps to the store in batches and tells each its outcome, in the order in which they were added.

    `probe` is called with `commit.before` and `commit.after` around each transaction: a crash test kills there.
    """

    def __init__(self, store: Store, probe: Callable[[str], None], on_error: Callable[[Exception], None]) -> None:
        self._store = store
        self._probe = probe
        self._on_error = on_error
        self._waiting: deque[tuple[StepCommit, Done]] = deque()
        self._task: asyncio.Task[None] | None = None

    def add(self, step: StepCommit, done: Done) -> None:
        """Commit the step soon; `done` is called with its outcome from the event loop."""
        self._waiting.append((step, done))
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def drained(self) -> None:
        """Wait until nothing is waiting or in flight."""
        while self._task is not None:
            await asyncio.shield(self._task)

    async def _run(self) -> None:
        try:
            while self._waiting:
                # One turn of the loop lets everything that is ready now join this batch.
                await asyncio.sleep(0)
                batch = self._take()
                for (step, done), outcome in zip(batch, await self._commit([step for step, _ in batch]), strict=True):
                    _tell(step, done, outcome)
        finally:
            self._task = None

    def _take(self) -> list[tuple[StepCommit, Done]]:
        batch: list[tuple[StepCommit, Done]] = []
        size = 0
        while self._waiting and len(batch) < BATCH_STEPS_MAX and size < BATCH_BYTES_MAX:
            batch.append(self._waiting.popleft())
            size += batch[-1][0].size
        return batch

    async def _commit(self, steps: list[StepCommit]) -> list[str]:
        self._probe("commit.before")
        try:
            won = await self._store.commit(steps)
        except Exception as error:
            self._on_error(error)
            return [UNKNOWN] * len(steps)
        self._probe("commit.after")
        return [WON if each else LOST for each in won]


def _tell(step: StepCommit, done: Done, outcome: str) -> None:
    try:
        done(outcome)
    except Exception:
        # A defect in one execution must not keep the rest of the batch from its outcome.
        log.exception("defect after the commit of %s", step.execution)
