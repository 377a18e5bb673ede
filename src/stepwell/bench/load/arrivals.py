"""Open-loop load: operations begin when they are due, whether or not those before them have come back.

A client that waits for an answer before it asks again leaves out just the requests that would have met a stall
(coordinated omission). Here every arrival is planned before the run, and its response time counts from when it was
due. That holds only as long as there are workers to begin it and the machine lets them, so a run also tells what it
could not do: arrivals that were dropped because all workers were busy for too long, which is the store's slowness, and
how late workers began that had been waiting for their arrival, which is the generator's own.
"""

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import accumulate, takewhile
from typing import Protocol

from stepwell.bench.load.latencies import Latencies
from stepwell.bench.measures.resampling import quantile

PATIENCE_SECONDS = 1.0
"""An arrival that no worker has begun by then is dropped: whoever asked would have gone away."""

LAG_SECONDS_MAX = 0.01
"""How late a worker may begin in 99 of 100 cases, though it was waiting."""

CORES_MAX = 0.5
"""What of one core the generator may use on average. Above that its own queueing shows in what it measures."""

_LAG_SHARE = 0.99
_HEAD_START_SECONDS = 0.05
"""Between the start of the threads and the time that the plan counts from."""

Plan = Sequence[float]
"""When operations are due, in seconds from the beginning, in order."""


def constant(rate: float, seconds: float) -> list[float]:
    """So many arrivals a second, evenly spaced."""
    _check(rate, seconds)
    return [number / rate for number in range(round(rate * seconds))]


def poisson(rate: float, seconds: float, chance: random.Random) -> list[float]:
    """So many arrivals a second on average, from clients that know nothing of each other."""
    _check(rate, seconds)
    endless = accumulate(iter(lambda: chance.expovariate(rate), None))
    return list(takewhile(lambda due: due < seconds, endless))


def steps(levels: Iterable[tuple[float, float]], chance: random.Random | None = None) -> list[float]:
    """One (rate, seconds) after the other, evenly spaced, or with `chance` as clients come that know nothing of it."""
    plan: list[float] = []
    begins = 0.0
    for rate, seconds in levels:
        level = poisson(rate, seconds, chance) if chance else constant(rate, seconds)
        plan += [begins + due for due in level]
        begins += seconds
    return plan


def _check(rate: float, seconds: float) -> None:
    if not (rate > 0 and seconds > 0):
        raise ValueError(f"a load of {rate} a second for {seconds} seconds has no arrivals; both must be above 0")


class Clock(Protocol):
    """Seconds that only go forward, and how much of a core this process has used."""

    def now(self) -> float: ...

    def sleep_until(self, at: float) -> None: ...

    def core_seconds(self) -> float: ...


class SystemClock:
    """The machine's."""

    def now(self) -> float:
        return time.monotonic()

    def sleep_until(self, at: float) -> None:
        time.sleep(max(0.0, at - time.monotonic()))

    def core_seconds(self) -> float:
        return time.process_time()


@dataclass(frozen=True, slots=True)
class Load:
    """What became of a plan.

    `dropped` of the `planned` arrivals were never begun. `errors` of those begun raised, and are in `latencies` like
    the others; `achieved` is how many ended in a second. `lag_seconds` is by how much 99 of 100 workers that were
    waiting began late at most, `cores` what the generator used. With `invalid` (the reason) the latencies are in part
    its own, and say nothing.
    """

    latencies: Latencies
    planned: int
    dropped: int
    errors: int
    achieved: float
    lag_seconds: float
    cores: float

    @property
    def invalid(self) -> str | None:
        if self.lag_seconds > LAG_SECONDS_MAX:
            return f"the generator began {1000 * self.lag_seconds:.0f} ms late"
        if self.cores > CORES_MAX:
            return f"the generator used {self.cores:.0%} of a core"
        return None


def run_open_loop(
    plan: Plan, perform: Callable[[int], object], workers: int, patience_seconds: float = PATIENCE_SECONDS,
    clock: Clock | None = None,
) -> Load:  # fmt: skip
    """Has so many threads perform the arrivals of a plan, each with its number, and returns when all have ended.

    What `perform` raises is counted; only what is no `Exception` ends the run.
    """
    clock = clock or SystemClock()
    if not plan or workers < 1:
        raise ValueError("a load needs arrivals and at least one worker")
    used, queue = clock.core_seconds(), _Queue(plan, clock.now() + _HEAD_START_SECONDS)
    shares = [_Share(queue, perform, patience_seconds, clock) for _ in range(workers)]
    with ThreadPoolExecutor(workers) as pool:
        try:
            for done in [pool.submit(share.run) for share in shares]:
                done.result()
        finally:
            queue.close()
    elapsed = clock.now() - queue.begins
    return _sum(plan, shares, elapsed, clock.core_seconds() - used)


class _Queue:
    """The arrivals that no worker has taken yet, first come first served."""

    def __init__(self, plan: Plan, begins: float) -> None:
        self.begins = begins
        self._lock = threading.Lock()
        self._left: Iterator[tuple[int, float]] = iter(enumerate(plan))

    def take(self) -> tuple[int, float] | None:
        """The number of the next arrival and when it is due by the clock; None if there are no more."""
        with self._lock:
            following = next(self._left, None)
        return following and (following[0], self.begins + following[1])

    def close(self) -> None:
        with self._lock:
            self._left = iter(())


@dataclass(slots=True)
class _Share:
    """What one worker does and sees.

    A worker takes an arrival when it has nothing else to do. If that is before it is due, the worker waits, and begins
    late only by the generator's fault; if it is after, no worker was free, and the wait belongs to the response time.
    """

    queue: _Queue
    perform: Callable[[int], object]
    patience_seconds: float
    clock: Clock
    latencies: Latencies = field(default_factory=Latencies)
    lags: list[float] = field(default_factory=list)
    dropped: int = 0
    errors: int = 0

    def run(self) -> None:
        while (arrival := self.queue.take()) is not None:
            number, due_at = arrival
            taken_at = self.clock.now()
            if taken_at > due_at + self.patience_seconds:
                self.dropped += 1
                continue
            if taken_at <= due_at:
                self.clock.sleep_until(due_at)
                self.lags.append(self.clock.now() - due_at)
            self._perform(number, due_at)

    def _perform(self, number: int, due_at: float) -> None:
        begun_at = self.clock.now()
        try:
            self.perform(number)
        except Exception:
            self.errors += 1
        self.latencies.record(due_at, begun_at, self.clock.now())


def _sum(plan: Plan, shares: Iterable[_Share], elapsed: float, core_seconds: float) -> Load:
    latencies, lags, dropped, errors = Latencies(), list[float](), 0, 0
    for share in shares:
        latencies.add(share.latencies)
        lags += share.lags
        dropped += share.dropped
        errors += share.errors
    return Load(
        latencies=latencies,
        planned=len(plan),
        dropped=dropped,
        errors=errors,
        achieved=latencies.count / elapsed,
        lag_seconds=quantile(sorted(lags), _LAG_SHARE) if lags else 0.0,
        cores=core_seconds / elapsed,
    )
