"""Puts the loads and faults of a plan on a deployment: what is done, in which order, how often and by how many.

Strategies share each phase, in random order, so that whatever the machine does meanwhile hits all alike; only on one
key each is by itself.
"""

import itertools
import os
import random
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redis import Redis

from stepwell.bench.catalog import (
    CALM,
    CLOCK_SKEW,
    CRASH,
    DELAY,
    DUPLICATE,
    EXPIRED,
    HOT_KEY,
    LATE,
    NO_CALLBACK,
    PARTITION,
    REQUEST_LOST,
    RESPONSE_LOST,
    STORE_KILL,
    STRATEGIES,
    WORKLOADS,
    ZOMBIE,
)
from stepwell.bench.history import EMIT, Fired, Op, read_ops, read_rows
from stepwell.bench.load.clients import Clients, Work
from stepwell.bench.load.deploy import FUNCTION_SECONDS
from stepwell.bench.parts.backends import REDIS_SERVERS, STEPWELL, BackEnds
from stepwell.bench.parts.sink import FIRED
from stepwell.bench.plan import SHARED, Cell, Plan
from stepwell.bench.worker.call import INSPECT

CONTENDERS = 16
"""Clients on one key at once."""

CLIENTS = 8
"""Requests at once elsewhere. Fewer, because each takes a worker of its own, and each death another."""

_POINTS = 24
"""At most so many of a sweep's points are struck, drawn by chance: those of fifty steps are too many."""

OUTAGE_SECONDS = 1.0
"""How long a store is away."""

_QUIET_SECONDS = 0.5
_CUT_OFF_SECONDS = 0.5
_HEALED_SECONDS = FUNCTION_SECONDS + 0.5
"""Longer than a lease: one that was taken unheard blocks the others as long as that."""

_AHEAD_SECONDS = 60
_DELAY_SECONDS = 2.3
"""More than the stores' clients wait."""

_DRIVE = "drive"


class Stopped(Fired, frozen=True, kw_only=True):
    """A worker that has stopped itself."""

    pid: int = 0


Records = dict[str, dict[str, Any]]


@dataclass(slots=True)
class Drive:
    """Runs a plan. `ops` is where the workers write; `say` is told of each phase and what share of the work is left.

    `impatient` are clients of a deployment whose workers are given up while they may still be at work, and only needed
    for that. `finals` has, by the run of a cell, the records as they were in the end; `fired` what the drive itself
    broke.
    """

    plan: Plan
    clients: Clients
    back_ends: BackEnds
    ops: Path
    chance: random.Random
    say: Callable[[str], None]
    impatient: Clients | None = None
    finals: dict[str, Records] = field(default_factory=dict)
    fired: list[Fired] = field(default_factory=list)
    _records: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    _undisturbed: list[Op] = field(default_factory=list)

    def run(self, ends: float) -> None:
        """All phases, about until `ends` on the monotonic clock."""
        phases = {
            CALM: self._calm, NO_CALLBACK: self._leave_unanswered, HOT_KEY: self._contend, DUPLICATE: self._repeat,
            LATE: self._repeat_later, EXPIRED: self._repeat_forgotten,
            RESPONSE_LOST: self._sweep_responses, REQUEST_LOST: self._sweep_requests, DELAY: self._sweep_delays,
            CRASH: self._sweep_deaths, ZOMBIE: self._sweep_zombies,
            CLOCK_SKEW: self._repeat_ahead, PARTITION: self._cut_off, STORE_KILL: self._kill_stores,
        }  # fmt: skip
        asked = [fault for fault in phases if self.plan.of_fault(fault)]
        for number, fault in enumerate(asked):
            share = self.plan.share(fault) / sum(self.plan.share(each) for each in asked[number:])
            phases[fault](self.plan.of_fault(fault), max(ends - time.monotonic(), 0.0) * share)
            for cell in self.plan.of_fault(fault):
                self._inspect(cell)

    def _calm(self, cells: list[Cell], seconds: float) -> None:
        self.say("nothing broken: what a request takes")
        works = [self._work(cell, number) for number in range(self.plan.calm) for cell in self._mixed(cells)]
        self._share_out(works, CLIENTS // 2)
        for work in works:
            self.clients.account(work)
        self._undisturbed = read_ops(self.ops.glob("*.jsonl"))

    def _leave_unanswered(self, cells: list[Cell], seconds: float) -> None:
        self.say("mails that nobody answers")
        fault = {"name": NO_CALLBACK}
        numbers = range(self.plan.least)
        works = (self._work(cell, number, fault=fault) for number in numbers for cell in self._mixed(cells))
        self._share_out(works, CONTENDERS)

    def _contend(self, cells: list[Cell], seconds: float) -> None:
        for cell in self._mixed(cells):
            self.say(f"{CONTENDERS} clients on one key, {WORKLOADS[cell.workload].title}: {cell.title}")
            numbers = _until(time.monotonic() + seconds / len(cells), 2 * CONTENDERS)
            self._share_out((self._work(cell, number, record=SHARED) for number in numbers), CONTENDERS)

    def _repeat(self, cells: list[Cell], seconds: float) -> None:
        self.say("requests delivered twice at once")
        self._twice(cells, seconds)

    def _repeat_ahead(self, cells: list[Cell], seconds: float) -> None:
        self.say("requests delivered twice at once, to clocks that differ by more than a lease")
        self._twice(cells, seconds, fault={"name": CLOCK_SKEW, "seconds": _AHEAD_SECONDS})

    def _twice(self, cells: list[Cell], seconds: float, **more: Any) -> None:
        """Half as many clients, as each delivers twice at once."""
        numbers = _until(time.monotonic() + seconds, self.plan.least)
        works = (self._work(cell, number, copies=2, **more) for number in numbers for cell in self._mixed(cells))
        self._share_out(works, CLIENTS // 2)

    def _repeat_later(self, cells: list[Cell], seconds: float) -> None:
        self.say("requests delivered again when they are done")
        self._again(cells, seconds, LATE, lambda work: None)

    def _repeat_forgotten(self, cells: list[Cell], seconds: float) -> None:
        self.say("requests delivered again when what expires has expired")
        self._again(cells, seconds, EXPIRED, self._expire)

    def _again(self, cells: list[Cell], seconds: float, fault: str, meanwhile: Callable[[Work], None]) -> None:
        def twice(work: Work) -> None:
            delivery = self.clients.perform(work)
            if delivery.outcome == "ok":
                meanwhile(work)
                self._note(fault, work.run, work.request, time.time())
                self.clients.repeat(delivery)

        numbers = _until(time.monotonic() + seconds, self.plan.least)
        self._share_out((self._work(cell, number) for number in numbers for cell in self._mixed(cells)), CLIENTS, twice)
        self._quiet()

    def _expire(self, work: Work) -> None:
        """Deletes what the request is remembered under, as the stores do when its time is over: not the records."""
        deployment = self.clients.deployment
        for part in (*WORKLOADS[work.workload].steps, work.record):
            id = f"{work.request}/{part}"
            deployment.dynamodb.delete_item(TableName=deployment.table, Key={"id": {"S": id}})
            deployment.s3.delete_object(Bucket=deployment.bucket, Key=id)
            for server in REDIS_SERVERS.keys() & self.back_ends.proxied.keys():
                with Redis.from_url(f"redis://{self.back_ends.proxied[server]}") as redis:
                    redis.delete(id)

    def _sweep_responses(self, cells: list[Cell], seconds: float) -> None:
        self.say("responses of stores lost, call by call")
        self._sweep(cells, RESPONSE_LOST, _calls)

    def _sweep_requests(self, cells: list[Cell], seconds: float) -> None:
        self.say("requests to stores lost, call by call")
        self._sweep(cells, REQUEST_LOST, _calls)

    def _sweep_delays(self, cells: list[Cell], seconds: float) -> None:
        self.say("answers of stores held back for longer than their clients wait, call by call")
        self._sweep(cells, DELAY, _calls)

    def _sweep_deaths(self, cells: list[Cell], seconds: float) -> None:
        self.say("workers killed, before the first operation and after each")
        self._sweep(cells, CRASH, _points)

    def _sweep_zombies(self, cells: list[Cell], seconds: float) -> None:
        """All on one record, so that others change it while one of them sleeps."""
        self.say("workers stopped past their lease, and woken when another has taken over")
        assert self.impatient is not None
        clients = self.impatient

        def through_sleep(work: Work) -> None:
            clients.perform(work)
            self._wake(work)

        self._share_out(self._struck(cells, ZOMBIE, _points, record=SHARED), CLIENTS, through_sleep)
        self._quiet()

    def _wake(self, work: Work) -> None:
        for row in read_rows(self.ops.parent / FIRED, Stopped):
            if (row.fault, row.run, row.request) == (ZOMBIE, work.run, work.request):
                with suppress(ProcessLookupError):  # It was kept for longer than its function's own time limit.
                    os.kill(row.pid, signal.SIGCONT)

    def _quiet(self) -> None:
        """Waits until no worker has anything left to do: those on their own, too, and messages nobody waits for."""
        sizes: list[int] = []
        while len(sizes) < 2 or sizes[-1] != sizes[-2]:
            time.sleep(_QUIET_SECONDS)
            sizes.append(sum(path.stat().st_size for path in self.ops.glob("*.jsonl")))

    def _sweep(self, cells: list[Cell], fault: str, numbers: Callable[[list[Op]], list[int]]) -> None:
        self._share_out(self._struck(cells, fault, numbers), CLIENTS)

    def _struck(
        self, cells: list[Cell], fault: str, numbers: Callable[[list[Op]], list[int]], record: str | None = None
    ) -> list[Work]:
        """Each point of each step as often as the plan says, and more often where there are few."""
        works = []
        for cell in cells:
            points = [(step, number) for step, ops in self._calm_steps(cell).items() for number in numbers(ops)]
            points = self.chance.sample(points, min(len(points), _POINTS))
            times = max(self.plan.sweeps, -(-self.plan.least // max(len(points), 1)))
            for index, (step, number) in enumerate(points * times):
                strike = {"name": fault, "step": step, "number": number, "seconds": _DELAY_SECONDS}
                works.append(self._work(cell, index, record, fault=strike))
        self.chance.shuffle(works)
        return works

    def _calm_steps(self, cell: Cell) -> dict[str, list[Op]]:
        """The operations of each invocation of an undisturbed request, by step: those of the request with most."""
        run = Cell(cell.workload, cell.strategy, CALM).run(self.plan.name)
        by_invocation: dict[tuple[str, str, str], list[Op]] = defaultdict(list)
        for op in self._undisturbed:
            if op.run == run and op.attempt == 1 and op.step != INSPECT:
                by_invocation[op.step, op.request, op.worker].append(op)
        longest: dict[str, list[Op]] = {}
        for (step, *_), ops in by_invocation.items():
            if len(ops) > len(longest.get(step, [])):
                longest[step] = ops
        return longest

    def _kill_stores(self, cells: list[Cell], seconds: float) -> None:
        """First the stores of those that keep state there, all at once; then Stepwell, on which all others run too."""
        own = [cell for cell in cells if STEPWELL in STRATEGIES[cell.strategy].state]
        others = [cell for cell in cells if cell not in own]
        if others:
            self.say("stores killed or cut off under load")
            self._note_kill(others, self._through_outage(others, seconds / 2, self._stores_away))
        if own:
            self.say("Stepwell killed under load")
            self._note_kill(own, self._through_outage(own, seconds / 2, self._stepwell_away))

    def _note_kill(self, cells: list[Cell], at: float) -> None:
        for cell in cells:
            self._note(STORE_KILL, cell.run(self.plan.name), "", at)

    def _cut_off(self, cells: list[Cell], seconds: float) -> None:
        """Again and again, so that each request begins while they are; between that, those that wait can go on."""
        self.say("stores cut off under load, in both directions and then in one")
        cut, over = threading.Event(), threading.Event()

        def strike() -> None:
            while not over.is_set():
                self._cut_stores_off(cut)
                over.wait(_HEALED_SECONDS)

        def meanwhile(work: Work) -> None:
            cut.wait()
            self._note(PARTITION, work.run, work.request, time.time())
            self.clients.perform(work)

        striker = threading.Thread(target=strike)
        striker.start()
        numbers = _until(time.monotonic() + seconds, self.plan.least)
        try:
            works = (self._work(cell, number) for number in numbers for cell in self._mixed(cells))
            self._share_out(works, CONTENDERS, meanwhile)
        finally:
            over.set()
            striker.join()

    def _cut_stores_off(self, cut: threading.Event) -> None:
        for mode in ("blackhole", "one-way"):
            for store in self.back_ends.proxied:
                self.back_ends.control.set(store, mode)
            cut.set()
            time.sleep(_CUT_OFF_SECONDS)
        cut.clear()
        for store in self.back_ends.proxied:
            self.back_ends.control.set(store, "open")

    def _through_outage(self, cells: list[Cell], seconds: float, outage: Callable[[], float]) -> float:
        """Load for so long, with the outage in its middle, and not before each cell has had a few requests.

        `outage` gives the time at which it began, and so does this.
        """
        begun = time.monotonic()
        ready, over = threading.Event(), threading.Event()
        began: list[float] = []

        def strike() -> None:
            ready.wait()
            time.sleep(max(begun + seconds / 2 - time.monotonic(), 0))
            began.append(outage())
            over.set()

        def works() -> Iterator[Work]:
            for number in itertools.count():
                if over.is_set() and number >= self.plan.least and time.monotonic() > begun + seconds:
                    return
                if number == self.plan.least:
                    ready.set()
                yield from (self._work(cell, number) for cell in self._mixed(cells))

        striker = threading.Thread(target=strike)
        striker.start()
        try:
            self._share_out(works(), CLIENTS)
        finally:
            ready.set()
            striker.join()
        return began[0]

    def _stores_away(self) -> float:
        """Redis is killed, and comes back with what it has written down; the others are cut off."""
        at = time.time()
        stores = list(self.back_ends.proxied)
        for store in stores:
            if store in REDIS_SERVERS:
                self.back_ends.children[store].kill()
            else:
                self.back_ends.control.set(store, "cut")
        time.sleep(OUTAGE_SECONDS)
        for store in stores:
            if store in REDIS_SERVERS:
                self.back_ends.children[store].restart()
            else:
                self.back_ends.control.set(store, "open")
        return at

    def _stepwell_away(self) -> float:
        stepwell = self.back_ends.children[STEPWELL]
        at = stepwell.kill()
        time.sleep(OUTAGE_SECONDS)
        stepwell.restart()
        return at

    def _inspect(self, cell: Cell) -> None:
        run = cell.run(self.plan.name)
        if WORKLOADS[cell.workload].changes and self._records[run]:
            records = sorted(self._records[run])
            clients = self.impatient if cell.fault == ZOMBIE and self.impatient else self.clients
            self.finals[run] = clients.inspect(self._work(cell, 0), records)

    def _work(self, cell: Cell, number: int, record: str | None = None, **more: Any) -> Work:
        run = cell.run(self.plan.name)
        request = f"{run.replace('/', '-')}-{number}"
        name = f"{run}/{record or number}"
        self._records[run].update(name + end for end in WORKLOADS[cell.workload].records)
        return Work(
            run=run, request=request, workload=cell.workload, strategy=cell.strategy,
            module=cell.module, record=name, **more,
        )  # fmt: skip

    def _mixed(self, cells: list[Cell]) -> list[Cell]:
        return self.chance.sample(cells, len(cells))

    def _note(self, fault: str, run: str, request: str, at: float) -> None:
        self.fired.append(Fired(fault=fault, run=run, request=request, worker=_DRIVE, at=at))

    def _share_out(self, works: Iterable[Work], clients: int, perform: Callable[[Work], object] | None = None) -> None:
        """Has so many clients take the works, one after the other; returns when all have ended.

        What stops one of them, or this thread, keeps the others from taking more.
        """
        shared = _Shared(works)

        def client() -> None:
            for work in shared:
                (perform or self.clients.perform)(work)

        with ThreadPoolExecutor(clients) as pool:
            try:
                for done in [pool.submit(client) for _ in range(clients)]:
                    done.result()
            finally:
                shared.close()


class _Shared:
    """An iterator that many threads take from, until it is closed."""

    def __init__(self, works: Iterable[Work]) -> None:
        self._works = iter(works)
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[Work]:
        while True:
            with self._lock:
                work = next(self._works, None)
            if work is None:
                return
            yield work

    def close(self) -> None:
        with self._lock:
            self._works = iter(())


def _calls(ops: list[Op]) -> list[int]:
    """The numbers of calls to stores."""
    return [number for number, op in enumerate(ops, 1) if op.kind != EMIT]


def _points(ops: list[Op]) -> list[int]:
    """Before the first operation and after each."""
    return list(range(len(ops) + 1))


def _until(deadline: float, least: int) -> Iterator[int]:
    """0, 1, 2 ... as long as there is time, and `least` numbers in any case."""
    for number in itertools.count():
        if number >= least and time.monotonic() >= deadline:
            return
        yield number
