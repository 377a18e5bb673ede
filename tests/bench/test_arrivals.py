"""Plans of arrivals, and what a generator must and must not blame on the store."""

import random
import statistics
import threading
import time
from itertools import pairwise

import pytest

from stepwell.bench.load.arrivals import Load, constant, poisson, run_open_loop, steps
from stepwell.bench.load.latencies import milliseconds


def test_a_constant_load_is_evenly_spaced() -> None:
    assert constant(4, 1.5) == [0, 0.25, 0.5, 0.75, 1.0, 1.25]


def test_a_poisson_load_has_its_rate_and_gaps_without_memory() -> None:
    plan = poisson(50, 200, random.Random(3))
    assert len(plan) == pytest.approx(10_000, rel=0.04)
    assert plan == sorted(plan) == poisson(50, 200, random.Random(3))
    assert plan[-1] < 200
    gaps = [later - earlier for earlier, later in pairwise(plan)]
    assert statistics.stdev(gaps) == pytest.approx(statistics.mean(gaps), rel=0.05)


def test_steps_follow_each_other() -> None:
    assert steps([(2, 1), (4, 1)]) == [0, 0.5, 1.0, 1.25, 1.5, 1.75]
    rising = steps([(50, 10), (200, 10)], random.Random(3))
    assert rising == sorted(rising)
    assert sum(due < 10 for due in rising) == pytest.approx(500, rel=0.2)
    assert sum(due >= 10 for due in rising) == pytest.approx(2000, rel=0.1)


@pytest.mark.parametrize(("rate", "seconds"), [(0, 1), (1, 0), (-1, 1)])
def test_a_load_without_arrivals_is_refused(rate: float, seconds: float) -> None:
    with pytest.raises(ValueError, match="both must be above 0"):
        constant(rate, seconds)
    with pytest.raises(ValueError, match="both must be above 0"):
        poisson(rate, seconds, random.Random(3))


class Time:
    """A clock for one worker: only sleeping and work make time pass. It wakes sleepers late by `lag`."""

    def __init__(self, lag: float = 0.0, cores: float = 0.1) -> None:
        self.at = 100.0
        self.lag = lag
        self.cores = cores

    def now(self) -> float:
        return self.at

    def sleep_until(self, at: float) -> None:
        self.at = max(self.at, at + self.lag)

    def core_seconds(self) -> float:
        return self.at * self.cores


def stalling(clock: Time, patience: float = 60.0) -> Load:
    """100 a second for 10 seconds, of a millisecond each, but number 300 takes two seconds."""

    def perform(number: int) -> None:
        clock.at += 2.0 if number == 300 else 0.001

    return run_open_loop(constant(100, 10), perform, 1, patience, clock)


def test_a_stall_shows_in_all_that_were_due_in_it() -> None:
    load = stalling(Time())
    assert (load.planned, load.latencies.count, load.dropped, load.errors) == (1000, 1000, 0, 0)
    service, response = milliseconds(load.latencies.service), milliseconds(load.latencies.response)
    assert service["p99"] == pytest.approx(1, rel=0.01)
    assert response["p50"] == pytest.approx(1, rel=0.01)
    # Each of those behind the stall was due 10 ms after the one before it and ended 1 ms after it.
    assert response["p90"] == pytest.approx(2000 - 9 * 100, rel=0.01)
    assert response["p99"] == pytest.approx(2000 - 9 * 10, rel=0.01)
    assert response["max"] == service["max"] == pytest.approx(2000, rel=0.01)
    assert load.invalid is None


def test_what_waits_longer_than_anybody_would_is_dropped_and_counted() -> None:
    load = stalling(Time(), patience=0.5)
    assert load.dropped == 149  # Of number 301 to 500, those due more than half a second before the end of the stall.
    assert load.latencies.count == 1000 - 149
    assert load.achieved == pytest.approx(85, rel=0.01)
    assert load.invalid is None


def test_a_generator_that_wakes_up_late_makes_the_load_invalid() -> None:
    assert stalling(Time(lag=0.009)).invalid is None
    assert stalling(Time(lag=0.02)).invalid == "the generator began 20 ms late"


def test_a_store_that_is_slow_is_not_the_generator_s_lag() -> None:
    clock = Time()

    def perform(number: int) -> None:
        clock.at += 0.1

    load = run_open_loop(constant(100, 1), perform, 1, 60.0, clock)
    assert load.invalid is None
    assert milliseconds(load.latencies.response)["max"] == pytest.approx(100 * 100 - 99 * 10, rel=0.01)


def test_a_generator_that_takes_the_machine_makes_the_load_invalid() -> None:
    assert stalling(Time(cores=0.7)).invalid == "the generator used 70% of a core"


def test_what_raises_is_an_error_and_has_a_latency() -> None:
    clock = Time()

    def perform(number: int) -> None:
        clock.at += 0.001
        if number % 4 == 0:
            raise TimeoutError

    load = run_open_loop(constant(100, 1), perform, 1, clock=clock)
    assert (load.errors, load.latencies.count) == (25, 100)


@pytest.mark.parametrize(("plan", "workers"), [([], 1), ([0.0], 0)])
def test_a_load_needs_arrivals_and_workers(plan: list[float], workers: int) -> None:
    with pytest.raises(ValueError, match="needs arrivals and at least one worker"):
        run_open_loop(plan, lambda number: None, workers)


def test_workers_perform_each_arrival_once_when_it_is_due_and_side_by_side() -> None:
    plan, begun, lock = constant(100, 0.4), dict[int, float](), threading.Lock()

    def perform(number: int) -> None:
        with lock:
            assert number not in begun
            begun[number] = time.monotonic()
        time.sleep(0.1)

    load = run_open_loop(plan, perform, 30)
    assert sorted(begun) == list(range(40))
    assert load.dropped == load.errors == 0
    # One worker would need four seconds; thirty keep up with what comes.
    assert 0.3 < begun[39] - begun[0] < 2
    assert 90 < milliseconds(load.latencies.response)["p50"] < 1000


def test_what_is_no_exception_ends_the_load() -> None:
    def perform(number: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_open_loop(constant(10, 3600), perform, 1)
