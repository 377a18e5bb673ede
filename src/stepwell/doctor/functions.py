"""Invocations by what Lambda writes at the end of each: the REPORT line, on AWS and here alike.

An asynchronous invocation that is repeated keeps its request id, and only one that met a cold start has an Init
Duration, so these lines tell both.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from stepwell.doctor.findings import EVIDENCE_MAX, PROBLEM, Finding, Table, moment, share

COLD_SHARE = 0.1
COLD_MIN = 5
"""Fewer cold starts than this are no finding, whatever their share."""

_REPORT = re.compile(
    r"REPORT RequestId: (?P<id>[0-9A-Za-z-]+)\s.*?Billed Duration: (?P<billed>[\d.]+) ms"
    r"(?:.*?Init Duration: (?P<init>[\d.]+) ms)?(?:.*?Status: (?P<status>\w+))?",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Invocation:
    """One run of a function. `init_ms` is None for a warm worker."""

    function: str
    request: str
    at: float
    billed_ms: float
    init_ms: float | None
    status: str


def parse(function: str, at: float, text: str) -> Invocation | None:
    """The invocation that a log record reports; None for all other records."""
    found = _REPORT.match(text)
    if found is None:
        return None
    init = float(found["init"]) if found["init"] else None
    return Invocation(function, found["id"], at, float(found["billed"]), init, found["status"] or "success")


def check_invocations(invocations: Sequence[Invocation]) -> Iterator[Finding]:
    """What is wrong with them: cold starts that are no exception, and requests that ran more than once."""
    for function, runs in _by_function(invocations):
        yield from _cold(function, runs)
        yield from _repeated(function, runs)


def invocation_table(invocations: Sequence[Invocation], basis: str) -> Table:
    columns = ("function", "invocations", "cold", "cold share", "init, median", "init, longest", "billed, median")
    rows = []
    for function, runs in _by_function(invocations):
        inits = [run.init_ms for run in runs if run.init_ms is not None]
        longest = (_ms(median(inits)), _ms(max(inits))) if inits else ("-", "-")
        billed = _ms(median(run.billed_ms for run in runs))
        rows.append((function, f"{len(runs):,}", f"{len(inits):,}", share(len(inits), len(runs)), *longest, billed))
    return Table("Invocations of functions", basis, columns, tuple(rows))


def _by_function(invocations: Iterable[Invocation]) -> list[tuple[str, list[Invocation]]]:
    found: dict[str, list[Invocation]] = defaultdict(list)
    for invocation in invocations:
        found[invocation.function].append(invocation)
    return sorted(found.items())


def _cold(function: str, runs: list[Invocation]) -> Iterator[Finding]:
    cold = sorted((run for run in runs if run.init_ms is not None), key=lambda run: -(run.init_ms or 0))
    if len(cold) >= COLD_MIN and len(cold) >= COLD_SHARE * len(runs):
        what = f"{share(len(cold), len(runs))} of {len(runs):,} invocations met a cold start"
        evidence = tuple(f"request {run.request}, init {_ms(run.init_ms or 0)}" for run in cold[:EVIDENCE_MAX])
        yield Finding("cold-starts", PROBLEM, f"function {function}", what, evidence, len(cold))


def _repeated(function: str, runs: list[Invocation]) -> Iterator[Finding]:
    times = Counter(run.request for run in runs)
    repeated = [request for request, count in times.items() if count > 1]
    if repeated:
        evidence = tuple(_course(request, runs) for request in repeated[:EVIDENCE_MAX])
        what = f"request ids that ran more than once, of {len(times):,}"
        yield Finding("repeated-invocation", PROBLEM, f"function {function}", what, evidence, len(repeated))


def _course(request: str, runs: list[Invocation]) -> str:
    own = sorted((run for run in runs if run.request == request), key=lambda run: run.at)
    return f"request {request}: " + ", ".join(f"{run.status} {moment(run.at)}" for run in own)


def _ms(milliseconds: float) -> str:
    return f"{milliseconds:,.0f} ms"
