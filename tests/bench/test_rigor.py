"""Repetitions of the same must look the same, and what does not must be told."""

import random

import pytest

from stepwell.bench.catalog import BLIND, COUNTER, DUPLICATED, HOT_KEY
from stepwell.bench.measures.rigor import LEAST, null, over_runs
from stepwell.bench.oracles.anomalies import Verdict
from stepwell.bench.oracles.outcome import Outcome


def outcome(repetition: int, count: int, invalid: str | None = None, strategy: str = BLIND) -> Outcome:
    return Outcome(
        workload=COUNTER, strategy=strategy, fault=HOT_KEY, without=None,
        verdicts={DUPLICATED: Verdict(count, 100, invalid=invalid)}, fired=9, refused=0, writes=9,
        expected=frozenset(), possible=frozenset(), repetition=repetition,
    )  # fmt: skip


def test_repetitions_of_the_same_do_not_differ() -> None:
    chance = random.Random(1)
    found = null([outcome(number, chance.randrange(30, 60)) for number in range(10)])
    assert found is not None and (found.compared, found.differing) == (1, ())


def test_halves_that_differ_every_time_are_told() -> None:
    found = null([outcome(number, 90 if number % 2 else 10) for number in range(10)])
    assert found is not None and found.differing == (f"{COUNTER}, {BLIND}, {HOT_KEY}: {DUPLICATED}",)


def test_with_too_few_repetitions_nothing_is_claimed() -> None:
    assert null([outcome(number, 0) for number in range(LEAST - 1)]) is None


def test_what_says_nothing_is_not_compared() -> None:
    outcomes = [outcome(number, 90 if number % 2 else 10, invalid="fault never fired") for number in range(10)]
    found = null(outcomes)
    assert found is not None and (found.compared, found.differing) == (0, ())


def test_the_interval_over_runs_is_as_wide_as_the_runs_differ() -> None:
    alike = over_runs([outcome(number, 50) for number in range(10)], DUPLICATED)
    apart = over_runs([outcome(number, 10 * number) for number in range(10)], DUPLICATED)
    assert alike is not None and (alike.low, alike.high) == (0.5, 0.5)
    assert apart is not None and apart.low < 0.35 and apart.high > 0.55


@pytest.mark.parametrize("repetitions", [0, 1])
def test_one_run_has_no_interval_over_runs(repetitions: int) -> None:
    assert over_runs([outcome(number, 5) for number in range(repetitions)], DUPLICATED) is None
