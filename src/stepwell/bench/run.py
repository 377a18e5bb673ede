"""A whole run: starts and certifies the back ends, deploys, warms, drives the plan, judges what was recorded."""

import random
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from stepwell.bench.catalog import CALM, HOT_KEY, STRATEGIES, ZOMBIE
from stepwell.bench.history import Op
from stepwell.bench.load.clients import Clients
from stepwell.bench.load.deploy import GIVEN_UP, Deployment, deploy, warm_up
from stepwell.bench.load.drive import CLIENTS, CONTENDERS, Drive
from stepwell.bench.load.ladder import Climb, climb, pace, rungs
from stepwell.bench.load.people import People
from stepwell.bench.load.queues import Queues
from stepwell.bench.measures.guards import judged, variants
from stepwell.bench.measures.profiles import profiles
from stepwell.bench.oracles.judge import Evidence, judge
from stepwell.bench.parts import sink
from stepwell.bench.parts.backends import BackEnds, back_ends
from stepwell.bench.parts.certify import Certificate, certify_dynamodb, certify_redis, certify_sink, certify_starts
from stepwell.bench.parts.certify_more import certify_more
from stepwell.bench.parts.workplace import OPS, machine, workplace
from stepwell.bench.plan import Plan
from stepwell.bench.report.data import Budget, Pace, Report

_CERTIFY_SHARE, _CERTIFY_SECONDS = 0.1, 6.0
"""Of the budget, and at most, for the hammers."""


Notify = Callable[[str, float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a run's report is told besides its plan. `command` repeats the run; `seed` is what its choices come from.

    `out` is the folder for the histories; None keeps nothing. `prices` and `round_trips` are files that replace ours.
    """

    seed: int
    preset: str = "custom"
    command: str = ""
    budget: Budget = field(default_factory=Budget)
    out: Path | None = None
    prices: Path | None = None
    round_trips: Path | None = None


def run(plan: Plan, settings: Settings, notify: Notify) -> Report:
    """Runs it and judges. `notify(phase, seconds_left)` is called as each phase begins.

    Raises `BackEndFailed` when a part does not start, and what boto3 raises when one breaks down.
    """
    started, begun = datetime.now(UTC), time.monotonic()
    with workplace() as work:
        done = _perform(plan, settings.seed, work, begun + plan.seconds, notify)
        evidence = Evidence.read(work, done.clients, done.drive.fired, done.drive.finals)
    parts = evidence.by_run()
    if settings.out:
        settings.out.mkdir(parents=True, exist_ok=True)
        evidence.keep(settings.out)
    outcomes = tuple(judge(cell, plan.name, parts[cell.run(plan.name)], done.certificates) for cell in plan.cells)
    histories = {cell: parts[cell.run(plan.name)].ops for cell in plan.cells}
    return Report(
        run=plan.name, preset=settings.preset, command=settings.command, budget=settings.budget, seed=settings.seed,
        started_at=started.isoformat(timespec="seconds"),
        seconds=time.monotonic() - begun, machine=machine(), versions=done.versions,
        certificates=done.certificates,
        outcomes=outcomes,
        profiles=profiles(plan.cells, histories, settings.budget, settings.prices, settings.round_trips),
        guards=judged(outcomes),
        rungs=rungs(done.climbs, plan.name, {run: part.ops for run, part in parts.items()}),
        paces=tuple(done.paces),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Done:
    """What the run itself knows at its end; the rest is in the files of the workers, the proxy and the sink."""

    certificates: tuple[Certificate, ...]
    versions: dict[str, str]
    clients: list[Op]
    drive: Drive
    climbs: list[Climb]
    paces: list[Pace]


def _perform(plan: Plan, seed: int, work: Path, ends: float, notify: Notify) -> _Done:
    def say(phase: str) -> None:
        notify(phase, max(ends - time.monotonic(), 0.0))

    say("starting Stepwell, DynamoDB, SQS, Valkey and the payment provider")
    needed = {store for cell in plan.cells for store in STRATEGIES[cell.strategy].state}
    with back_ends(work, needed) as running:
        deployment = deploy(plan.name, running, work / OPS, variants(plan.cells))
        say("certifying the back ends")
        certificates = _certify(deployment, running, plan)
        say(f"starting {CONTENDERS} workers")
        modules = {cell.module for cell in plan.cells if not cell.without}
        warm_up(deployment, f"{plan.name}-warm-up", sorted(modules), CONTENDERS)
        clients = Clients(deployment, Queues(deployment), seed)
        impatient = _impatient(plan, seed, deployment, running, work / OPS) if plan.of_fault(ZOMBIE) else None
        drive = Drive(plan, clients, running, work / OPS, random.Random(seed), say, impatient)
        everyone = [each for each in (clients, impatient) if each]
        people = People(clients, work / sink.EFFECTS)
        with ExitStack() as at_work:
            for each in everyone:
                at_work.enter_context(each.queues.polled())
            at_work.enter_context(people.at_work())
            drive.run(ends)
            climbs, paces = _loads(plan, seed, clients, say)
        drive.fired.extend(people.fired)
    history = [op for each in everyone for op in each.history + each.queues.history]
    return _Done(certificates, running.versions, history, drive, climbs, paces)


def _loads(plan: Plan, seed: int, clients: Clients, say: Callable[[str], None]) -> tuple[list[Climb], list[Pace]]:
    """Rising contention and an open loop, where the plan has them."""
    climbs, paces = list[Climb](), list[Pace]()
    if plan.concurrency:
        say(f"{', '.join(map(str, plan.concurrency))} clients on one key, strategy by strategy")
        climbs = climb(clients, plan.of_fault(HOT_KEY), plan.name, plan.concurrency, plan.load_seconds)
    if plan.rate:
        say(f"{plan.rate:g} requests a second, whether or not they are answered, strategy by strategy")
        paces = pace(clients, plan.of_fault(CALM), plan.name, plan.rate, plan.load_seconds, seed)
    return climbs, paces


def _impatient(plan: Plan, seed: int, deployment: Deployment, running: BackEnds, ops: Path) -> Clients:
    """Clients of a deployment of its own, whose workers are given up while they may still be at work."""
    name = f"{plan.name}-impatient"
    own = deploy(name, running, ops, variants(plan.cells), GIVEN_UP)
    modules = {cell.module for cell in plan.of_fault(ZOMBIE)}
    # By the usual client, which waits for workers that are only starting.
    warm_up(replace(own, lambda_=deployment.lambda_), f"{name}-warm-up", sorted(modules), CLIENTS)
    return Clients(own, Queues(own), seed)


def _certify(deployment: Deployment, running: BackEnds, plan: Plan) -> tuple[Certificate, ...]:
    seconds = min(plan.seconds * _CERTIFY_SHARE, _CERTIFY_SECONDS)
    arn, sfn = deployment.start_machine, deployment.sfn

    def start(execution: str) -> str | None:
        try:
            return str(sfn.start_execution(stateMachineArn=arn, name=execution)["startDate"])
        except sfn.exceptions.ExecutionAlreadyExists:
            return None

    def count() -> int:
        pages = sfn.get_paginator("list_executions").paginate(stateMachineArn=arn)
        return sum(len(page["executions"]) for page in pages)

    return (
        certify_dynamodb(running.aws_url.removeprefix("http://"), deployment.table, seconds * 0.5),
        certify_redis(running.redis_port, seconds * 0.2),
        certify_sink(running.sink_address, f"{plan.name}/certify", seconds * 0.15),
        certify_starts(start, count, seconds * 0.15),
        *certify_more({cell.strategy for cell in plan.cells}, deployment, running, seconds * 0.1),
    )
