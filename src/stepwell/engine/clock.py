"""Time, as the engine sees it: one object, so that a test can move it."""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol


class Handle(Protocol):
    def cancel(self) -> None: ...


class Clock(Protocol):
    """Wall-clock time in epoch seconds."""

    def now(self) -> float: ...

    def call_at(self, at: float, action: Callable[[], None]) -> Handle:
        """Call `action` from the event loop at that time or as soon after it as can be."""


class SystemClock:
    """The machine's clock. A jump of it is noticed at the next tick, at the latest after `RECHECK_SECONDS`."""

    RECHECK_SECONDS = 60.0

    def now(self) -> float:
        return time.time()

    def call_at(self, at: float, action: Callable[[], None]) -> Handle:
        return asyncio.get_running_loop().call_later(min(max(0.0, at - self.now()), self.RECHECK_SECONDS), action)
