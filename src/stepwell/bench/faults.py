"""What is broken on purpose, each with the point at which it is injected and a count of the times it really fired.

Duplicate delivery is injected by the client, which delivers one request twice at the same time, and has fired when
both deliveries were under way together and both were answered. The crash is injected here, in the worker: the process
kills itself right after the effect, and notes it at the sink first, durably, so that it strikes once for a request.
"""

import os
import signal
from collections.abc import Iterable, Mapping
from typing import Any

from stepwell.bench.gateway import Gateway

CRASH_AFTER_EFFECT = "crash-after-effect"


def crash_after_effect(event: Mapping[str, Any], gateway: Gateway, worker: str) -> None:
    """Ends this process by SIGKILL if the event asks for it and it has not happened for this request before.

    It dies with no chance to write, answer or clean up anything, as a worker does that is out of memory.
    """
    if event.get("fault") != CRASH_AFTER_EFFECT:
        return
    fired = {"fault": CRASH_AFTER_EFFECT, "run": event["run"], "request": event["request"], "worker": worker}
    if gateway.note_fired(fired):
        os.kill(os.getpid(), signal.SIGKILL)


def overlapping(intervals: Iterable[tuple[float, float | None]]) -> bool:
    """Whether two of these (from, to) were open at the same time; one without an end proves nothing."""
    closed = sorted((start, end) for start, end in intervals if end is not None)
    latest = float("-inf")
    for start, end in closed:
        if start < latest:
            return True
        latest = max(latest, end)
    return False
