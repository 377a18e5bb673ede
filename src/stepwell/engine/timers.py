"""Timers that are due soon, in one heap with one armed wake-up. The store holds all; memory only a horizon of them."""

import heapq
from collections.abc import Callable

from stepwell.engine.clock import Clock, Handle

HORIZON_SECONDS = 120.0
"""A timer further away than this stays in the store until a scan brings it: a million waits cost no memory."""


class Timers:
    """`fire(execution, key, due_at)` is called once per timer, at its time, from the event loop.

    The caller says with `settled` when that has had its effect.
    """

    def __init__(self, clock: Clock, fire: Callable[[str, str, float], None]) -> None:
        self._clock = clock
        self._fire = fire
        self._due: dict[tuple[str, str], float] = {}
        self._firing: set[tuple[str, str, float]] = set()
        self._heap: list[tuple[float, str, str]] = []
        self._armed: Handle | None = None
        self._armed_for = float("inf")

    def __len__(self) -> int:
        return len(self._due)

    def start(self, execution: str, key: str, due_at: float, *, keep: bool = False) -> None:
        """Watch a timer, in place of an earlier one of that key. `keep` holds it however far away it is."""
        if not keep and due_at > self._clock.now() + HORIZON_SECONDS:
            self._due.pop((execution, key), None)
            return
        if self._due.get((execution, key)) == due_at or (execution, key, due_at) in self._firing:
            return
        self._due[execution, key] = due_at
        heapq.heappush(self._heap, (due_at, execution, key))
        self._arm()

    def stop(self, execution: str, key: str) -> None:
        # The heap entry stays and is skipped when it surfaces; removing it would cost a search.
        self._due.pop((execution, key), None)

    def settled(self, execution: str, key: str, due_at: float) -> None:
        """What a timer fired for is durable. Until then a scan, which still finds it in the store, changes nothing."""
        self._firing.discard((execution, key, due_at))

    def close(self) -> None:
        if self._armed is not None:
            self._armed.cancel()
        self._due.clear()
        self._heap.clear()

    def _arm(self) -> None:
        if not self._heap or self._heap[0][0] >= self._armed_for:
            return
        if self._armed is not None:
            self._armed.cancel()
        self._armed_for = self._heap[0][0]
        self._armed = self._clock.call_at(self._armed_for, self._tick)

    def _tick(self) -> None:
        self._armed, self._armed_for = None, float("inf")
        now = self._clock.now()
        while self._heap and self._heap[0][0] <= now:
            due_at, execution, key = heapq.heappop(self._heap)
            if self._due.get((execution, key)) == due_at:
                del self._due[execution, key]
                self._firing.add((execution, key, due_at))
                self._fire(execution, key, due_at)
        self._arm()
