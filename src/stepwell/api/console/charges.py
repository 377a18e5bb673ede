"""What executions would be billed on AWS, as quantities: state transitions, and the runs of the functions they called.

Guarantees that the work is bounded: of many executions a sample is read, and what it leaves out is said.
"""

import math
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from stepwell.api.console.endpoint import Console
from stepwell.api.console.invocations import Invocation, find_invocations
from stepwell.api.console.usage import Call, Usage, read_usage
from stepwell.functions.catalog import Catalog
from stepwell.functions.errors import LambdaError
from stepwell.functions.names import DEFAULT_ACCOUNT, DEFAULT_REGION, parse_name
from stepwell.logs.database import GroupKey
from stepwell.pricing.bill import (
    EXPRESS_GB_SECOND,
    EXPRESS_REQUEST,
    FUNCTION_GB_SECOND,
    FUNCTION_REQUEST,
    TRANSITION,
    Quantities,
    express_billed,
    gb_seconds,
)
from stepwell.store.protocol import ExecutionRow

CHILDREN_SAMPLED = 20
"""Of each Map Run."""

LOGS_SECONDS = 0.5
"""How long the logs of the functions that they called are read after that."""

INVOCATIONS_MAX = 5_000
"""Read of one function's log for one stretch of time."""

JOINED_SECONDS = 60.0
"""Calls of a function that are nearer to each other are looked for together."""

LATE_MS = 1_000
"""A REPORT line may be this much later than the outcome that the execution heard."""

UNKNOWN_MEMORY_MB = 128
"""AWS's default, for a function that is not there any more."""


@dataclass(slots=True)
class Charges:
    """Quantities by the names of the price file, for all of `executions`, of which `sampled` were read.

    `states` is as they ran, `express` as if they all had been Express, which `not_express` may rule out. `children` are
    the executions of their Map Runs, and are in all quantities; `nested` ones are not. Of the `invocations`,
    `estimated` had no REPORT line that was read.
    """

    executions: int
    sampled: int = 0
    states: dict[str, float] = field(default_factory=dict)
    express: dict[str, float] = field(default_factory=dict)
    functions: dict[str, float] = field(default_factory=dict)
    not_express: str | None = None
    children: float = 0
    nested: float = 0
    invocations: float = 0
    estimated: float = 0

    def scale(self) -> None:
        """From those that were read to all of them."""
        factor = self.executions / self.sampled if self.sampled else 0.0
        for quantities in (self.states, self.express, self.functions):
            for item in quantities:
                quantities[item] *= factor
        for name in ("children", "nested", "invocations", "estimated"):
            setattr(self, name, getattr(self, name) * factor)

    def include(self, children: "Charges") -> None:
        """Take in the children of one of the executions."""
        _add(self.states, children.states)
        _add(self.functions, children.functions)
        self.children += children.executions
        self.nested += children.nested
        self.invocations += children.invocations
        self.estimated += children.estimated


async def charges(console: Console, rows: Sequence[ExecutionRow], executions: int, until: float) -> Charges:
    """Of `rows`, a sample of so many executions. At least one is read; others until the monotonic time `until`."""
    found = Charges(executions)
    calls: list[Call] = []
    for row in rows:
        if found.sampled and time.monotonic() > until:
            break
        usage = await read_usage(console.service.engine, row.id)
        found.sampled += 1
        found.nested += usage.nested
        found.not_express = found.not_express or usage.not_express
        calls += usage.calls
        await _count_states(console, row, usage, found)
        for map_run in dict.fromkeys(usage.map_runs):
            found.include(await _children(console, map_run, until))
    await _count_calls(console, calls, found, until + LOGS_SECONDS)
    found.scale()
    return found


async def _count_states(console: Console, row: ExecutionRow, usage: Usage, found: Charges) -> None:
    revision = await console.service.catalog.revision(row.revision)
    size = len(revision.definition.encode())
    express = {
        EXPRESS_REQUEST: 1,
        EXPRESS_GB_SECOND: gb_seconds(*express_billed(usage.seconds, size, usage.payload_bytes)),
    }
    _add(found.express, express)
    _add(found.states, express if usage.express else {TRANSITION: usage.transitions})


def _add(quantities: dict[str, float], more: Quantities) -> None:
    for item, quantity in more.items():
        quantities[item] = quantities.get(item, 0.0) + quantity


async def _children(console: Console, map_run: str, until: float) -> Charges:
    engine = console.service.engine
    run = await engine.map_run(map_run)
    rows = await engine.children(map_run, limit=CHILDREN_SAMPLED)
    return await charges(console, rows, max(len(rows), run.children - len(run.waiting)), until)


# --- functions


async def _count_calls(console: Console, calls: Sequence[Call], found: Charges, until: float) -> None:
    by_function: dict[str, list[Call]] = defaultdict(list)
    for call in calls:
        by_function[call.function].append(call)
    for function, own in by_function.items():
        group, memory_mb = await _function(console, function)
        reported = await _reported(console, group, own, until)
        for call in own:
            runs = reported.get(call.request_id, [])
            milliseconds = math.ceil((call.to_at - call.from_at) * 1000)
            billed = [(run.billed_ms, run.memory_mb) for run in runs] or [(milliseconds, memory_mb)]
            found.invocations += len(billed)
            found.estimated += not runs
            seconds = sum(gb_seconds(*each) for each in billed)
            _add(found.functions, {FUNCTION_REQUEST: len(billed), FUNCTION_GB_SECOND: seconds})


async def _function(console: Console, text: str) -> tuple[GroupKey, int]:
    """A function's log group and memory."""
    engine = console.service.engine
    try:
        name = parse_name(text, qualifier=None, account=DEFAULT_ACCOUNT, region=DEFAULT_REGION)
    except LambdaError:
        return GroupKey(DEFAULT_ACCOUNT, DEFAULT_REGION, ""), UNKNOWN_MEMORY_MB
    try:
        function = await Catalog(engine.store, engine.clock.now).get(name)
        configuration = function.version(name.qualifier)
    except LambdaError:
        return GroupKey(name.account, name.region, f"/aws/lambda/{name.name}"), UNKNOWN_MEMORY_MB
    return GroupKey(name.account, name.region, configuration["LoggingConfig"]["LogGroup"]), configuration["MemorySize"]


async def _reported(
    console: Console, group: GroupKey, calls: Sequence[Call], until: float
) -> dict[str, list[Invocation]]:  # fmt: skip
    """What the log has of these calls, by request id. One that was repeated has several runs."""
    wanted = {call.request_id for call in calls}
    reported: dict[str, list[Invocation]] = defaultdict(list)
    for first_at, last_at in stretches(calls):
        if time.monotonic() > until:
            break
        found = await find_invocations(
            console.service.logs, group, first_ms=int(first_at * 1000), last_ms=int(last_at * 1000) + LATE_MS,
            limit=INVOCATIONS_MAX, until=until,
        )  # fmt: skip
        for invocation in found.invocations:
            if invocation.request_id in wanted:
                reported[invocation.request_id].append(invocation)
    return reported


def stretches(calls: Sequence[Call]) -> list[tuple[float, float]]:
    """The times in which the calls ran, the latest first."""
    joined: list[tuple[float, float]] = []
    for call in sorted(calls, key=lambda call: call.from_at):
        if joined and call.from_at - joined[-1][1] < JOINED_SECONDS:
            joined[-1] = (joined[-1][0], max(joined[-1][1], call.to_at))
        else:
            joined.append((call.from_at, call.to_at))
    return joined[::-1]
