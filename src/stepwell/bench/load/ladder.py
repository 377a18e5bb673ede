"""What rising load does to a strategy: a ladder of clients on one key, and arrivals that wait for nobody.

The ladder is closed: each client asks again when it was answered, so that what rises is contention. Its figure is the
goodput, which is what was done and is not lost. The pace is open: requests come when they are due, and their latency
counts from then. Both are of this machine, on which all parts share the cores; only ratios between strategies are
worth anything, and no latency here is one of a cloud.
"""

import itertools
import random
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from stepwell.bench.history import ACKNOWLEDGE, Op
from stepwell.bench.load.arrivals import poisson, run_open_loop
from stepwell.bench.load.clients import Clients, Work
from stepwell.bench.load.latencies import milliseconds
from stepwell.bench.oracles import anomalies
from stepwell.bench.plan import SHARED, Cell
from stepwell.bench.report.data import Pace, Rung

_WORKERS = 16
"""Requests of the open loop that may be under way at once; those that come when all are busy wait, or are dropped."""

_RUNG, _PACE = "rung", "pace"


@dataclass(frozen=True, slots=True)
class Climb:
    """One rung as it was driven; what was written on it is in the histories of the workers."""

    cell: Cell
    clients: int
    seconds: float
    value: int

    def run(self, name: str) -> str:
        return _run(self.cell, name, f"{_RUNG}-{self.clients}")


def climb(
    clients: Clients, cells: Iterable[Cell], name: str, concurrency: Sequence[int], seconds: float
) -> list[Climb]:
    """So many clients on one key for so long, for each cell and each number of them, from few to many."""
    return [_climb(clients, cell, name, many, seconds) for cell in cells for many in sorted(set(concurrency))]


def _climb(clients: Clients, cell: Cell, name: str, many: int, seconds: float) -> Climb:
    run, numbers, lock = _run(cell, name, f"{_RUNG}-{many}"), itertools.count(), threading.Lock()
    begun = time.monotonic()

    def client() -> None:
        while time.monotonic() < begun + seconds:
            with lock:
                number = next(numbers)
            clients.perform(_work(cell, run, number, shared=True))

    with ThreadPoolExecutor(many) as pool:
        for done in [pool.submit(client) for _ in range(many)]:
            done.result()
    taken = time.monotonic() - begun
    record = f"{run}/{SHARED}"
    found = clients.inspect(_work(cell, run, 0, shared=True), [record])[record]
    return Climb(cell, many, taken, int(found["value"]))


def rungs(climbs: Iterable[Climb], name: str, histories: dict[str, list[Op]]) -> tuple[Rung, ...]:
    """What each came to, from the history of its run."""
    return tuple(_rung(each, each.run(name), histories.get(each.run(name), [])) for each in climbs)


def _rung(each: Climb, run: str, history: list[Op]) -> Rung:
    done = sum(1 for op in history if op.kind == ACKNOWLEDGE and op.status == "ok")
    lost = anomalies.lost_updates(history, f"{run}/{SHARED}", each.value).count
    refused, writes = anomalies.writes(history)
    return Rung(
        workload=each.cell.workload, strategy=each.cell.strategy, clients=each.clients, seconds=each.seconds,
        done=done, lost=lost, refused=refused, writes=writes,
    )  # fmt: skip


def pace(clients: Clients, cells: Iterable[Cell], name: str, rate: float, seconds: float, seed: int) -> list[Pace]:
    """Requests on records of their own, so many a second on average, for each cell."""
    return [_pace(clients, cell, name, rate, seconds, seed) for cell in cells]


def _pace(clients: Clients, cell: Cell, name: str, rate: float, seconds: float, seed: int) -> Pace:
    run = _run(cell, name, _PACE)
    load = run_open_loop(
        poisson(rate, seconds, random.Random(f"{seed}/{run}")) or [0.0],
        lambda number: clients.perform(_work(cell, run, number)), _WORKERS,
    )  # fmt: skip
    return Pace(
        workload=cell.workload, strategy=cell.strategy, rate=rate, planned=load.planned, dropped=load.dropped,
        achieved=load.achieved, response_milliseconds=milliseconds(load.latencies.response),
        service_milliseconds=milliseconds(load.latencies.service), invalid=load.invalid,
    )  # fmt: skip


def _run(cell: Cell, name: str, load: str) -> str:
    return f"{name}/{cell.workload}/{cell.strategy}/{load}"


def _work(cell: Cell, run: str, number: int, *, shared: bool = False) -> Work:
    return Work(
        run=run, request=f"{run.replace('/', '-')}-{number}", workload=cell.workload, strategy=cell.strategy,
        module=cell.module, record=f"{run}/{SHARED if shared else number}",
    )  # fmt: skip
