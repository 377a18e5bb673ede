"""Whether repetitions agree, and how far a rate may be trusted beyond the run that it was counted in.

Requests of one run share its machine, its stores and its luck: the run is the unit, and repetitions have all of these
anew. The test of the benchmark itself is A against A: repetitions of the same cells, split in two, must not differ.
"""

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from stepwell.bench.measures.resampling import Interval, bootstrap, holm, permutation_test
from stepwell.bench.measures.statistics import CONFIDENCE
from stepwell.bench.oracles.outcome import Outcome

LEAST = 8
"""Repetitions for A against A: of fewer, no arrangement in two halves is rare enough to tell anything from chance."""


@dataclass(frozen=True, slots=True)
class Null:
    """A against A: how many rates were compared, and those that differ, which must be none."""

    compared: int
    differing: tuple[str, ...]


def repetitions(outcomes: Iterable[Outcome]) -> int:
    return len({each.repetition for each in outcomes})


def over_runs(outcomes: Iterable[Outcome], measure: str) -> Interval | None:
    """The median rate of a measure over repetitions with its bootstrap interval; None with fewer than two."""
    rates = _rates(outcomes).get(measure, [])
    return bootstrap([[rate] for rate in rates], random.Random(0)) if len(rates) > 1 else None


def null(outcomes: Iterable[Outcome]) -> Null | None:
    """Even repetitions of each cell against the odd ones, all rates taken together (Holm). None with too few."""
    outcomes = list(outcomes)
    if repetitions(outcomes) < LEAST:
        return None
    chance, tests = random.Random(0), {}
    for name, sides in _sides(outcomes).items():
        if sides[0] and sides[1]:
            tests[name] = permutation_test(sides[0], sides[1], chance)
    differing = [name for name, probability in holm(tests).items() if probability <= 1 - CONFIDENCE]
    return Null(len(tests), tuple(differing))


def _sides(outcomes: Iterable[Outcome]) -> Mapping[str, tuple[list[float], list[float]]]:
    """By cell and measure, the rates of its even and of its odd repetitions."""
    sides: dict[str, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    for outcome in outcomes:
        if outcome.without is None:
            for measure, (rate,) in _rates([outcome]).items():
                name = f"{outcome.workload}, {outcome.strategy}, {outcome.fault}: {measure}"
                sides[name][outcome.repetition % 2].append(rate)
    return sides


def _rates(outcomes: Iterable[Outcome]) -> dict[str, list[float]]:
    """By measure, those of all outcomes that say something."""
    rates: dict[str, list[float]] = defaultdict(list)
    for outcome in outcomes:
        for measure, verdict in outcome.verdicts.items():
            if not verdict.invalid and verdict.exposed:
                rates[measure].append(verdict.count / verdict.exposed)
    return rates
