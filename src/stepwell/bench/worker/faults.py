"""What a worker does to itself on purpose, around one of its operations, and the marks that have a proxy do it.

A fault in an event is {name, step, number}: it strikes in the first attempt at this step (all steps in one invocation
are the step ""), after the operation with this number has returned, or before the first when the number is 0. Losing
the request or the response is the proxy's work, on the operation `number` itself.

Each is noted where it strikes, durably and before it does: at the sink for what happens in a worker, at the proxy for
what happens on the wire. The sink lets it strike once for a request.
"""

import os
import signal
from collections.abc import Iterable, Mapping
from typing import Any

from stepwell.bench.worker.gateway import Gateway

CRASH, ZOMBIE, CLOCK_SKEW = "crash", "zombie", "clock-skew"
REQUEST_LOST, RESPONSE_LOST, DELAY = "request-lost", "response-lost", "delay"
ON_THE_WIRE = frozenset({REQUEST_LOST, RESPONSE_LOST, DELAY})

_SIGNALS = {CRASH: signal.SIGKILL, ZOMBIE: signal.SIGSTOP}


class Injection:
    """The fault of one invocation; an event without one, or not the first attempt, has none."""

    def __init__(self, event: Mapping[str, Any], gateway: Gateway, worker: str) -> None:
        fault = event.get("fault") or {}
        struck = fault.get("step") == (event.get("step") or "") and event["attempt"] == 1
        self._name = fault.get("name") if struck else None
        self._number = fault.get("number")
        self._row = {"fault": self._name, "run": event["run"], "request": event["request"], "worker": worker}
        self._seconds = fault.get("seconds", 0)
        self._skew_seconds = fault.get("seconds", 0) if fault.get("name") == CLOCK_SKEW and event["attempt"] > 1 else 0
        self._gateway = gateway

    def skew_seconds(self) -> float:
        """How far ahead the strategy's clock is in this invocation: only in later ones for a request."""
        if self._skew_seconds:
            self._gateway.note_fired(self._row | {"fault": CLOCK_SKEW})
        return self._skew_seconds

    def before(self, number: int) -> dict[str, Any] | None:
        """What the proxy is to do with this operation, if anything. May end or stop this process."""
        if number == 1 and self._number == 0:
            self._signal()
        if self._name in ON_THE_WIRE and number == self._number:
            return self._row | {"seconds": self._seconds}
        return None

    def after(self, number: int) -> None:
        """May end or stop this process."""
        if number == self._number:
            self._signal()

    def _signal(self) -> None:
        """By SIGKILL it has no chance to write, answer or clean up, as a worker that is out of memory; by SIGSTOP it
        sleeps, until the benchmark wakes it, as one whose host was paused.
        """
        if self._name in _SIGNALS and self._gateway.note_fired(self._row | {"pid": os.getpid()}):
            os.kill(os.getpid(), _SIGNALS[self._name])


def overlapping(intervals: Iterable[tuple[float, float | None]]) -> bool:
    """Whether two of these (from, to) were open at the same time; one without an end proves nothing."""
    closed = sorted((start, end) for start, end in intervals if end is not None)
    latest = float("-inf")
    for start, end in closed:
        if start < latest:
            return True
        latest = max(latest, end)
    return False
