"""Functions with what their logs tell of the latest invocations, and those invocations one by one."""

import time
from collections.abc import Sequence
from math import ceil
from statistics import fmean

from stepwell.api.console.endpoint import Console, HoursQuery, Query, Read
from stepwell.api.console.invocations import Invocation, find_invocations
from stepwell.api.console.shapes import Shape
from stepwell.awsmodels.errors import ValidationError
from stepwell.functions.catalog import Catalog, Function
from stepwell.functions.names import DEFAULT_ACCOUNT, DEFAULT_REGION, parse_name
from stepwell.logs.database import LAST, GroupKey

INVOCATIONS_MAX = 2_000
"""Of each function: the figures are of its latest ones."""

READ_SECONDS = 0.6
"""How long the logs are read for one reply."""

PAGE = 100


class FunctionItem(Shape):
    """A function and its latest invocations; those before are left out where `cut`. Durations are None without any."""

    name: str
    arn: str
    runtime: str
    memory_mb: int
    timeout_seconds: int
    modified_at: str
    log_group: str
    invocations: int
    errors: int
    cold_starts: int
    cut: bool
    mean_ms: float | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None
    max_ms: float | None = None
    max_memory_mb: int | None = None


class Functions(Shape):
    """Every function by name. The figures are of the last `hours`."""

    functions: list[FunctionItem]
    hours: float


class InvocationItem(Shape):
    """One run of a function that ended at `at`. `init_ms` is that of a cold start; `error` is "" where it returned."""

    request_id: str
    at: float
    stream: str
    duration_ms: float
    billed_ms: float
    memory_mb: int
    used_mb: int | None
    init_ms: float | None
    error: str


class InvocationPage(Shape):
    """Invocations, the latest first. Where `before` is given, there may be more from there on."""

    log_group: str
    invocations: list[InvocationItem]
    before: str | None = None


class FunctionsQuery(HoursQuery):
    """`hours` is how far back the figures go; with `name` it is one function alone."""

    name: str | None = None


class InvocationsQuery(Query):
    """`before` is a page's."""

    name: str
    before: str | None = None


async def _functions(console: Console, query: FunctionsQuery) -> Functions:
    catalog = _catalog(console)
    if query.name is None:
        functions = await catalog.of(DEFAULT_ACCOUNT, DEFAULT_REGION)
    else:
        functions = [await _function(console, query.name)]
    begun = time.monotonic()
    items = [
        await _item(console, function, query.hours, begun + READ_SECONDS * number / len(functions))
        for number, function in enumerate(functions, 1)
    ]
    return Functions(functions=items, hours=query.hours)


async def _item(console: Console, function: Function, hours: float, until: float) -> FunctionItem:
    logs, latest = console.service.logs, function.latest
    first_ms = logs.now_ms - int(hours * 3_600_000)
    found = await find_invocations(
        logs, _group(function), first_ms=first_ms, last_ms=LAST[0], limit=INVOCATIONS_MAX, until=until
    )  # fmt: skip
    runs = found.invocations
    return FunctionItem(
        name=function.name.name, arn=function.name.arn, runtime=latest["Runtime"], memory_mb=latest["MemorySize"],
        timeout_seconds=latest["Timeout"], modified_at=latest["LastModified"], log_group=_group(function).name,
        invocations=len(runs), errors=sum(bool(run.error) for run in runs),
        cold_starts=sum(run.init_ms is not None for run in runs), cut=found.before is not None,
        max_memory_mb=max((run.used_mb for run in runs if run.used_mb is not None), default=None),
        **durations([run.duration_ms for run in runs]),
    )  # fmt: skip


def durations(milliseconds: Sequence[float]) -> dict[str, float]:
    """Mean and percentiles by nearest rank; nothing of nothing."""
    ranked = sorted(milliseconds)
    if not ranked:
        return {}

    def percentile(share: float) -> float:
        return ranked[max(0, ceil(share * len(ranked)) - 1)]

    return {"mean_ms": fmean(ranked), "p50_ms": percentile(0.5), "p95_ms": percentile(0.95), "max_ms": ranked[-1]}


async def _invocations(console: Console, query: InvocationsQuery) -> InvocationPage:
    group = _group(await _function(console, query.name))
    found = await find_invocations(
        console.service.logs, group, first_ms=0, last_ms=LAST[0], before=_place(query.before), limit=PAGE,
        until=time.monotonic() + READ_SECONDS,
    )  # fmt: skip
    before = None if found.before is None else f"{found.before[0]}-{found.before[1]}"
    return InvocationPage(log_group=group.name, invocations=list(map(_shown, found.invocations)), before=before)


def _shown(invocation: Invocation) -> InvocationItem:
    return InvocationItem(
        request_id=invocation.request_id, at=invocation.at, stream=invocation.stream,
        duration_ms=invocation.duration_ms, billed_ms=invocation.billed_ms, memory_mb=invocation.memory_mb,
        used_mb=invocation.used_mb, init_ms=invocation.init_ms, error=invocation.error,
    )  # fmt: skip


def _place(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    at_ms, _, id = text.partition("-")
    if not (at_ms.isdecimal() and id.isdecimal() and max(len(at_ms), len(id)) <= 18):
        raise ValidationError("before is no place that a page has named")
    return int(at_ms), int(id)


async def _function(console: Console, name: str) -> Function:
    """Raises `LambdaError` where there is none."""
    parsed = parse_name(name, qualifier=None, account=DEFAULT_ACCOUNT, region=DEFAULT_REGION)
    return await _catalog(console).get(parsed)


def _catalog(console: Console) -> Catalog:
    engine = console.service.engine
    return Catalog(engine.store, engine.clock.now)


def _group(function: Function) -> GroupKey:
    name = function.name
    return GroupKey(name.account, name.region, function.latest["LoggingConfig"]["LogGroup"])


READS = {
    "functions": Read(FunctionsQuery, Functions, _functions),
    "functions/invocations": Read(InvocationsQuery, InvocationPage, _invocations),
}
