"""What executions log: the events of durable steps, as far as the machine's loggingConfiguration asks for them.

A step is taken note of in the engine's own turn and written later, so nothing of it holds up a commit. What a crash
cuts off between the two is not logged: AWS's logs are best effort too, and the history is the truth.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from logging import getLogger
from secrets import token_hex
from typing import Any, NamedTuple

import orjson

from stepwell.api.history import history_event
from stepwell.api.logs import parse_group_arn
from stepwell.engine.catalog import Catalog, Logging, Revision
from stepwell.engine.residents import Advance
from stepwell.logs.database import Entry, GroupKey
from stepwell.logs.service import Logs
from stepwell.machine.execution import Execution
from stepwell.machine.records import Event

_log = getLogger("stepwell.api")

ESCAPED_BYTES_MAX = 248 * 1024
"""Of one input or output in a log record, escaped as JSON; a longer one is cut. Source: the developer guide's page on
logging to CloudWatch Logs. Where it is cut is ours: at its beginning the text stays, as much as fits."""

WAITING_STEPS_MAX = 20_000
STEPS_PER_TURN = 100

_FATAL = ("ExecutionAborted", "ExecutionFailed", "ExecutionTimedOut")
_ERROR = ("Failed", "TimedOut", "Aborted", "FailStateEntered")

_CUT = {"truncated": True}


def is_logged(level: str, event_type: str) -> bool:
    """Whether events of this type go into the log at this level."""
    if level == "ALL":
        return True
    return event_type in _FATAL if level == "FATAL" else level == "ERROR" and event_type.endswith(_ERROR)


class _Step(NamedTuple):
    """What a durable step leaves to be logged. The execution itself goes on changing."""

    execution: str
    revision: str
    first_id: int
    redrive_count: int
    events: Sequence[Event]


class ExecutionLogs:
    """Writes what executions log. `observe` is the engine's observer."""

    def __init__(self, catalog: Catalog, logs: Logs) -> None:
        self._catalog = catalog
        self._logs = logs
        self._steps: deque[_Step] = deque()
        self._revisions: dict[str, Revision] = {}
        self._writing: asyncio.Task[None] | None = None
        self._lost = 0

    def observe(self, advance: Advance) -> None:
        """Take note of a step's events. Map Runs have none of their own."""
        execution, records, _ = advance
        if not isinstance(execution, Execution):
            return
        known = self._revisions.get(execution.revision)
        if known is not None and known.logging.level == "OFF":
            return
        if len(self._steps) >= WAITING_STEPS_MAX:
            self._lost += 1
            return
        events = [record for record in records if isinstance(record, Event)]
        first_id = execution.event_id - len(events) + 1
        self._steps.append(_Step(execution.id, execution.revision, first_id, execution.redrive_count, events))
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write())

    async def close(self) -> None:
        """Hand over what waits."""
        if self._writing is not None:
            await self._writing

    async def _write(self) -> None:
        try:
            while self._steps:
                for _ in range(min(len(self._steps), STEPS_PER_TURN)):
                    await self._log(self._steps.popleft())
                await asyncio.sleep(0)
        finally:
            self._writing = None
        if self._lost:
            _log.warning("the events of %s steps were not logged: there were too many at a time", self._lost)
            self._lost = 0

    async def _look_up(self, id: str) -> Revision:
        if len(self._revisions) >= 4096:
            self._revisions.clear()
        revision = self._revisions[id] = await self._catalog.revision(id)
        return revision

    async def _log(self, step: _Step) -> None:
        try:
            self._log_by(self._revisions.get(step.revision) or await self._look_up(step.revision), step)
        except Exception:
            _log.exception("a step of %s was not logged", step.execution)

    def _log_by(self, revision: Revision, step: _Step) -> None:
        group = log_group(revision.logging)
        if group is None:
            return
        stream = _stream(revision.state_machine.rpartition(":")[2], self._logs.now_ms // 3_600_000)
        for id, event in enumerate(step.events, step.first_id):
            if is_logged(revision.logging.level, event.type):
                text = orjson.dumps(_record(step, id, event, revision.logging.include_execution_data)).decode()
                self._logs.write(Entry(group, stream, round(event.at * 1000), text))


def log_group(logging: Logging) -> GroupKey | None:
    """Where executions log to; None where they do not."""
    if logging.level == "OFF" or not logging.destinations:
        return None
    return parse_group_arn(logging.destinations[0])


@lru_cache(maxsize=4096)
def _stream(machine: str, hour: int) -> str:
    """A stream of the machine's for each hour, and for each process, so that no two write to one."""
    at = datetime.fromtimestamp(hour * 3600, UTC)
    return f"states/{machine}/{at:%Y-%m-%d-%H-%M}/{token_hex(4)}"


def _record(step: _Step, id: int, event: Event, with_data: bool) -> dict[str, Any]:
    """The members and their order are AWS's. A type without details has none of its own to show."""
    shown = history_event(id, event, with_data)
    details: dict[str, Any] = next((value for name, value in shown.items() if name.endswith("EventDetails")), {})
    if not with_data:
        details.pop("parameters", None)
    return {
        "id": str(id),
        "type": event.type,
        "details": _cut(details),
        "previous_event_id": str(event.previous),
        "event_timestamp": str(round(event.at * 1000)),
        "execution_arn": step.execution,
        "redrive_count": str(step.redrive_count),
    }


def _cut(details: dict[str, Any]) -> dict[str, Any]:
    """Details whose data fits into a log event."""
    for name in ("input", "output", "parameters"):
        text = details.get(name, "")
        # No character takes more than six bytes.
        if len(text) * 6 > ESCAPED_BYTES_MAX and (size := _escaped_bytes(text)) > ESCAPED_BYTES_MAX:
            while size > ESCAPED_BYTES_MAX:
                text = text[: len(text) * ESCAPED_BYTES_MAX // size]
                size = _escaped_bytes(text)
            details |= {name: text} | ({f"{name}Details": _CUT} if f"{name}Details" in details else {})
    if "assignedVariables" in details and _escaped_bytes(details["assignedVariables"]) > ESCAPED_BYTES_MAX:
        details |= {"assignedVariables": {}, "assignedVariablesDetails": _CUT}
    return details


def _escaped_bytes(value: Any) -> int:
    return len(orjson.dumps(value))
