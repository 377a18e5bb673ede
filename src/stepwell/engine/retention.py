"""What is closed for long enough is deleted, and what is open for too long is ended. AWS does both.

It goes through all executions from the oldest on, a page at each upkeep, and again some minutes later. What belongs to
another execution goes with it: a Map Run with the execution of its Map, a child with its Map Run.
"""

from collections.abc import Awaitable, Callable

from stepwell.engine.catalog import forget_revisions
from stepwell.engine.clock import Clock
from stepwell.machine.execution import RUNNING
from stepwell.machine.stimuli import AgeReached, Stimulus
from stepwell.store.protocol import OPEN, ExecutionRow, Store

YEAR_SECONDS = 365 * 86_400.0
"""How long AWS lets a Standard execution run."""

RETAINED_DAYS_AWS = 90
"""How long AWS shows an execution after its end."""

PAGE = 500
ERASED_AT_ONCE = 50
"""Executions in one transaction, which all commits wait for."""

PAUSE_SECONDS = 600.0


class Retention:
    """`retain_seconds` is how long closed executions are kept, None for ever; `open_seconds_max` how long one may run.

    `parent_of` finds the execution whose task started one; `submit` hands an execution a stimulus.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        parent_of: Callable[[str], Awaitable[str | None]],
        submit: Callable[[str, Stimulus], object],
        retain_seconds: float | None,
        open_seconds_max: float | None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._parent_of = parent_of
        self._submit = submit
        self._retain_seconds = retain_seconds
        self._open_seconds_max = open_seconds_max
        self._ages = [age for age in (retain_seconds, open_seconds_max) if age is not None]
        self._place = 0
        self._again_at = clock.now()

    async def keep_up(self) -> None:
        """Look at the next page of executions, if it is time."""
        now = self._clock.now()
        if not self._ages or now < self._again_at:
            return
        page = await self._store.oldest(after=self._place, limit=PAGE)
        await self._look_at([row for _, row in page], now)
        # The order is that of the first steps, so what is older still cannot come after a page that is all younger.
        if len(page) == PAGE and any(row.started_at < now - min(self._ages) for _, row in page):
            self._place = page[-1][0]
            return
        self._place, self._again_at = 0, now + PAUSE_SECONDS
        if self._retain_seconds is not None:
            await forget_revisions(self._store, created_before=now - self._retain_seconds)

    async def _look_at(self, rows: list[ExecutionRow], now: float) -> None:
        if self._open_seconds_max is not None:
            for row in rows:
                if row.status == RUNNING and row.started_at < now - self._open_seconds_max and _owner(row) is None:
                    self._submit(row.id, AgeReached(at=now))
        if self._retain_seconds is not None:
            await self._erase(rows, now - self._retain_seconds)

    async def _erase(self, rows: list[ExecutionRow], closed_before: float) -> None:
        gone: set[str] = set()
        for row in rows:
            if row.status not in OPEN and (row.stopped_at or 0) < closed_before and not await self._wanted(row, gone):
                gone.add(row.id)
        found = list(gone)
        for start in range(0, len(found), ERASED_AT_ONCE):
            await self._store.erase(found[start : start + ERASED_AT_ONCE], closed_before=closed_before)

    async def _wanted(self, row: ExecutionRow, gone: set[str]) -> bool:
        """Whether another execution still needs it."""
        owner = _owner(row)
        if owner is not None:
            return owner not in gone and await self._store.execution(owner) is not None
        parent = await self._parent_of(row.id)
        waiting = await self._store.execution(parent) if parent is not None else None
        return waiting is not None and waiting.status in OPEN


def _owner(row: ExecutionRow) -> str | None:
    """The Map Run that a child belongs to, or the execution that a Map Run, whose row has it as its machine, does."""
    return row.map_run or (row.state_machine if ":execution:" in row.state_machine else None)
