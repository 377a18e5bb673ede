"""`stepwell bench quick`: the whole benchmark in small. Few cells, all of them measured on real parts.

1. Start and certify the back ends; deploy; warm the workers.
2. One key, 16 clients, each strategy by itself.
3. Orders that are delivered twice at once, then orders whose worker dies right after the charge; all strategies mixed.
4. Judge what was recorded.
"""

import os
import platform
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson

from stepwell.bench.backends import BackEnds, back_ends
from stepwell.bench.certify import Certificate, certify_dynamodb, certify_sink, certify_starts
from stepwell.bench.clients import Clients
from stepwell.bench.deploy import Deployment, create_counter, deploy, warm_up
from stepwell.bench.history import Op
from stepwell.bench.judge import Evidence, judge
from stepwell.bench.loads import CANDIDATES, CHARGES, CLIENTS, Loads
from stepwell.bench.report import Report, as_members

_CERTIFY_SHARE = 0.1
"""Of the budget, for the hammers."""

Notify = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Settings:
    """`seconds` is the budget for everything, to which the amount of work adapts; `deaths` the fewest per strategy.

    `out` is the folder for the report and the histories it was made from; None keeps nothing.
    """

    seed: int
    seconds: float = 20.0
    deaths: int = 5
    out: Path | None = None


def run(settings: Settings, notify: Notify) -> Report:
    """Runs it and judges. `notify(phase, seconds_left)` is called as each phase begins.

    Raises `BackEndFailed` when a part does not start, and what boto3 raises when one breaks down.
    """
    started, begun = datetime.now(UTC), time.monotonic()
    # The seed says what is repeated; the clock keeps the names of one run from being those of another.
    name = f"{settings.seed:x}-{int(started.timestamp()) & 0xFFFFF:05x}"
    with _workplace() as work:
        done = _perform(settings, name, work, begun + settings.seconds, notify)
        evidence = Evidence.read(work, done.ops, done.counters)
    report = Report(
        run=name, seed=settings.seed, started_at=started.isoformat(timespec="seconds"),
        seconds=time.monotonic() - begun, clients=CLIENTS, machine=_machine(), versions=done.versions,
        certificates=done.certificates,
        rows=tuple(judge(row, name, evidence, done.certificates) for row in CANDIDATES),
    )  # fmt: skip
    if settings.out:
        settings.out.mkdir(parents=True, exist_ok=True)
        evidence.keep(settings.out)
        members = orjson.dumps(as_members(report), option=orjson.OPT_INDENT_2)
        (settings.out / "report.json").write_bytes(members + b"\n")
    return report


@contextmanager
def _workplace() -> Iterator[Path]:
    """A folder that anyone may pass through, because workers may be another user, with one they may write to."""
    folder = Path(tempfile.mkdtemp(prefix="stepwell-bench-"))
    folder.chmod(0o755)
    ops = folder / "ops"
    ops.mkdir()
    ops.chmod(0o1777)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class _Done:
    """What the run itself knows at its end; the rest is in the files of the workers and of the sink."""

    certificates: tuple[Certificate, ...]
    versions: dict[str, str]
    ops: list[Op]
    counters: dict[str, int]


def _perform(settings: Settings, name: str, work: Path, ends: float, notify: Notify) -> _Done:
    def say(phase: str) -> None:
        notify(phase, max(ends - time.monotonic(), 0.0))

    say("starting Stepwell, DynamoDB and the payment provider")
    with back_ends(work) as running:
        deployment = deploy(name, running, work / "ops")
        say("certifying the back ends")
        certificates = _certify(deployment, running, name, settings.seconds * _CERTIFY_SHARE)
        create_counter(deployment, "warm-up")
        for function, workers in (("count", CLIENTS), ("charge", CHARGES)):
            say(f"starting {workers} workers of the function {function}")
            warm_up(deployment, function, f"{name}-warm-up", "warm-up", workers)
        clients = Clients(deployment, settings.seed)
        loads = Loads(clients, name, settings.seconds, random.Random(settings.seed), say)
        counters = loads.run(ends, settings.deaths)
    return _Done(certificates, running.versions, clients.history, counters)


def _certify(deployment: Deployment, running: BackEnds, name: str, seconds: float) -> tuple[Certificate, ...]:
    arn, sfn = deployment.machines["start"], deployment.sfn

    def start(execution: str) -> str | None:
        try:
            return str(sfn.start_execution(stateMachineArn=arn, name=execution)["startDate"])
        except sfn.exceptions.ExecutionAlreadyExists:
            return None

    def count() -> int:
        pages = sfn.get_paginator("list_executions").paginate(stateMachineArn=arn)
        return sum(len(page["executions"]) for page in pages)

    return (
        certify_dynamodb(running.dynamodb_url.removeprefix("http://"), deployment.table, seconds * 0.6),
        certify_sink(running.sink_address, f"{name}/certify", seconds * 0.2),
        certify_starts(start, count, seconds * 0.2),
    )


def _machine() -> dict[str, str]:
    return {
        "system": platform.platform(),
        "cores": f"{os.cpu_count()} cores",
        "python": f"Python {platform.python_version()}",
    }
