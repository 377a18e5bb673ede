"""Invocations of functions, by what Lambda writes at the end of each: the REPORT line and what stands before it.

A function's own output could look like these lines, on AWS as here; then it misleads its owner alone.
"""

import re
import sqlite3
import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from stepwell.logs import database
from stepwell.logs.database import Event, GroupKey, Place
from stepwell.logs.service import Logs

ERROR_CHARACTERS = 300

_MS = r"(\d{1,12}(?:\.\d{1,6})?) ms"
_REPORT = re.compile(
    rf"REPORT RequestId: (?P<id>[0-9A-Za-z-]{{1,64}})\s+Duration: {_MS}\s+Billed Duration: {_MS}"
    rf"\s+Memory Size: (\d{{1,9}}) MB(?:\s+Max Memory Used: (\d{{1,9}}) MB)?(?:\s+Init Duration: {_MS})?"
    r"(?:\s+Status: (?P<status>\w+))?(?:\s+Error Type: (?P<error>\S+))?",
    re.ASCII,
)
_INIT_REPORT = re.compile(rf"INIT_REPORT Init Duration: {_MS}", re.ASCII)
_ERROR = re.compile(r"\[ERROR\] (?P<error>[^\n]+)\nTraceback ")
"""How the runtime tells of a handler's exception. A logger's line has a tab, and a print has no second line."""


class Invocation(NamedTuple):
    """One run of a function, as its log tells it. `used_mb` is None where the memory was not measured.

    `init_ms` is None for a warm worker, and `error` "" where the handler returned.
    """

    request_id: str
    place: Place
    stream: str
    duration_ms: float
    billed_ms: float
    memory_mb: int
    used_mb: int | None
    init_ms: float | None
    error: str

    @property
    def at(self) -> float:
        """When it ended, in epoch seconds."""
        return self.place[0] / 1000


class Found(NamedTuple):
    """Invocations, the latest first. Where `before` is given there are more, from that place on."""

    invocations: list[Invocation]
    before: Place | None


async def find_invocations(
    logs: Logs, group: GroupKey, *, first_ms: int, last_ms: int, before: Place | None = None, limit: int, until: float
) -> Found:
    """Up to `limit` of those that ended from `first_ms` to `last_ms`, looked for until the monotonic time `until`."""
    events: list[Event] = []
    ended = 0
    while True:
        page, before = await logs.ask(_page, group, first_ms, last_ms, before, logs.now_ms, limit + 1 - ended)
        events += page
        ended += sum(event.message.startswith("REPORT") for event in page)
        if before is None or ended > limit or time.monotonic() > until:
            break
    found = read_invocations(events)
    if before is not None and len(found) > 1:
        # What stands before the oldest one's REPORT line may not have been read.
        at_ms, id = found.pop().place
        before = at_ms, id + 1
    return Found(found, before)


def _page(
    connection: sqlite3.Connection,
    key: GroupKey,
    first_ms: int,
    last_ms: int,
    beyond: Place | None,
    now_ms: int,
    limit: int,
) -> tuple[Sequence[Event], Place | None]:
    group = database.group(connection, key)
    if group is None:
        return [], None
    return database.events(
        connection, group, first_ms=first_ms, last_ms=last_ms, beyond=beyond, descending=True, now_ms=now_ms,
        matches=_tells, limit=limit,
    )  # fmt: skip


def _tells(message: str) -> bool:
    return message.startswith(("REPORT RequestId", "INIT_REPORT", "[ERROR] "))


def read_invocations(events: Iterable[Event]) -> list[Invocation]:
    """The invocations that these events tell of, the latest first.

    An invocation's lines are stored together, so those between two REPORT lines belong to the second.
    """
    found: list[Invocation] = []
    init_ms: float | None = None
    error = ""
    for event in sorted(events, key=lambda event: event.id):
        if report := _REPORT.match(event.message):
            found.append(_invocation(report, event, init_ms, error))
            init_ms, error = None, ""
        elif failed := _INIT_REPORT.match(event.message):
            init_ms = float(failed[1])
        elif raised := _ERROR.match(event.message):
            error = raised["error"][:ERROR_CHARACTERS]
    return sorted(found, key=lambda invocation: invocation.place, reverse=True)


def _invocation(report: re.Match[str], event: Event, init_ms: float | None, error: str) -> Invocation:
    id, duration, billed, memory, used, init, status, kind = report.groups()
    if status == "timeout":
        error = "Task timed out"
    return Invocation(
        id, event.place, event.stream, float(duration), float(billed), int(memory), int(used) if used else None,
        float(init) if init else init_ms, error or kind or (status or ""),
    )  # fmt: skip
