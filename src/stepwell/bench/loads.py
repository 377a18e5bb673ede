"""The three loads of a quick run: one hot key, duplicate deliveries, and workers that die after the effect."""

import itertools
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from stepwell.bench.clients import Clients, Work
from stepwell.bench.deploy import FUNCTION_SECONDS, create_counter, read_counter
from stepwell.bench.faults import CRASH_AFTER_EFFECT
from stepwell.bench.judge import cell_run, counter
from stepwell.bench.report import (
    BLIND,
    CONDITIONAL,
    DELIVERED_TWICE,
    HOT_KEY,
    KEYED,
    ORCHESTRATION,
    TITLES,
    WORKER_DIED,
)

CLIENTS = 16
"""On one key at once."""

CHARGES = 8
"""Deliveries of orders at once. Fewer, because each takes a worker of its own, and each death another."""

_HOT_SHARE = 0.6
"""Of the time for the first two loads, what the hot key gets."""

_DEATHS_SHARE = 0.5
"""Of the whole budget, what is kept for deaths: each costs a cold start, and a dead worker's claim lives on."""

_LEAST_SHARE = 0.2
"""Of the whole budget, what the first two loads get even where starting up took it all."""

_LEAST_UPDATES = 2 * CLIENTS
_LEAST_REPEATED = 5
"""For each strategy, however slow the machine is; below this a cell says next to nothing."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """How a strategy is run: the worker's module, and the machines in front of its two functions, if any."""

    strategy: str
    count_machine: str | None = None
    charge_machine: str | None = None


CANDIDATES = {
    BLIND: Candidate("blind"),
    CONDITIONAL: Candidate("conditional"),
    ORCHESTRATION: Candidate("orchestration", "count", "charge"),
    KEYED: Candidate("orchestration", "count", "charge-keyed"),
}


class Loads:
    """Puts the loads on a deployment that is warm. `name` is the run's; `seconds` its whole budget.

    `chance` decides in which order the strategies come. `say` is told of each load as it begins.
    """

    def __init__(
        self, clients: Clients, name: str, seconds: float, chance: random.Random, say: Callable[[str], None]
    ) -> None:
        self._clients = clients
        self._name = name
        self._seconds = seconds
        self._order = chance.sample(list(CANDIDATES), len(CANDIDATES))
        self._say = say

    def run(self, ends: float, deaths: int) -> dict[str, int]:
        """All three, about until `ends` on the monotonic clock, with at least so many deaths for each strategy.

        Gives the final value of each strategy's counter.
        """
        kept = _DEATHS_SHARE * self._seconds
        left = max(ends - time.monotonic() - kept, _LEAST_SHARE * self._seconds)
        for row in self._order:
            self._say(f"{CLIENTS} clients on one key: {TITLES[row]}")
            self._contend(row, left * _HOT_SHARE / len(self._order))
        self._say("orders delivered twice")
        self._repeat(left * (1 - _HOT_SHARE))
        self._say("workers die after the charge")
        self._kill(ends - FUNCTION_SECONDS, deaths)
        return {row: read_counter(self._clients.deployment, counter(row)) for row in CANDIDATES}

    def _contend(self, row: str, seconds: float) -> None:
        create_counter(self._clients.deployment, counter(row))
        candidate, run = CANDIDATES[row], cell_run(self._name, row, HOT_KEY)
        works = (
            Work(
                run=run, request=_request(run, number), strategy=candidate.strategy, function="count",
                machine=candidate.count_machine, counter=counter(row),
            )
            for number in _until(time.monotonic() + seconds, _LEAST_UPDATES)
        )  # fmt: skip
        self._share_out(works, CLIENTS)

    def _repeat(self, seconds: float) -> None:
        """Half as many clients, as each delivers twice at once; strategies in turn, so that drift hits all alike."""
        works = (
            self._charge(row, DELIVERED_TWICE, number, copies=2)
            for number in _until(time.monotonic() + seconds, _LEAST_REPEATED)
            for row in self._order
        )
        self._share_out(works, CHARGES // 2)

    def _kill(self, deadline: float, least: int) -> None:
        works = (
            self._charge(row, WORKER_DIED, number, fault=CRASH_AFTER_EFFECT)
            for number in _until(deadline, least)
            for row in self._order
        )
        self._share_out(works, CHARGES)

    def _charge(self, row: str, measure: str, number: int, copies: int = 1, fault: str | None = None) -> Work:
        candidate, run = CANDIDATES[row], cell_run(self._name, row, measure)
        return Work(
            run=run, request=_request(run, number), strategy=candidate.strategy, function="charge",
            machine=candidate.charge_machine, copies=copies, fault=fault,
        )  # fmt: skip

    def _share_out(self, works: Iterable[Work], clients: int) -> None:
        """Has so many clients take the works, one after the other; returns when all have ended.

        What stops one of them, or this thread, keeps the others from taking more.
        """
        shared = _Shared(works)

        def client() -> None:
            for work in shared:
                self._clients.perform(work)

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


def _until(deadline: float, least: int) -> Iterator[int]:
    """0, 1, 2 ... as long as there is time, and `least` numbers in any case."""
    for number in itertools.count():
        if number >= least and time.monotonic() >= deadline:
            return
        yield number


def _request(run: str, number: int) -> str:
    """Unique within the back ends, and fit to be an execution's name."""
    return f"{run.replace('/', '-')}-{number}"
