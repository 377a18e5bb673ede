"""How sure a comparison of runs is, by drawing from what was measured and assuming no distribution.

The unit is the run: requests of one run share its process, its store and its minute, so a thousand of them are no
thousand observations. All chance comes from a `random.Random` that the caller seeds, so that a report can be made
again from what was recorded.
"""

import math
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from statistics import median

from stepwell.bench.measures.statistics import CONFIDENCE

RESAMPLES = 2000
EXACT_MAX = 200_000
"""Up to so many arrangements a permutation test goes through all, as for ten runs against ten."""

ARRANGEMENTS = 10_000
"""How many it draws beyond that."""

Runs = Sequence[Sequence[float]]
"""What was measured in each run; one number each where a run has but one, as its goodput."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate, and the interval that has the true value with the confidence that was asked for."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """One over another: the ratio of their medians, and the probability of such a difference where there is none."""

    ratio: Interval
    p: float


def quantile(ordered: Sequence[float], share: float) -> float:
    """The least of the ordered values that so great a share of them do not exceed."""
    return ordered[_rank(len(ordered), share) - 1]


def _rank(size: int, share: float) -> int:
    if not size or not 0 < share < 1:
        raise ValueError(f"there is no quantile {share} of {size} values")
    # Decimal shares are not exact in binary: 0.07 * 100 is above 7.
    return max(1, math.ceil(round(share * size, 9)))


def quantile_interval(values: Iterable[float], share: float, confidence: float = CONFIDENCE) -> Interval | None:
    """A quantile of independent values with its narrowest interval by order statistics; None if there are too few.

    Le Boudec, Performance Evaluation of Computer and Communication Systems (2010), theorem 2.1: the quantile lies
    between the values ranked j and k with the probability that of n values j to k - 1 lie below it, which is binomial.
    """
    ordered = sorted(values)
    size = len(ordered)
    rank = _rank(size, share)
    low = high = min(max(math.floor((size + 1) * share), 1), max(size - 1, 1))
    covered = _binomial(size, low, share) if size > 1 else 0.0
    while covered < confidence:
        below = _binomial(size, low - 1, share) if low > 1 else 0.0
        above = _binomial(size, high + 1, share) if high < size - 1 else 0.0
        if not below and not above:
            return None
        if below >= above:
            low -= 1
        else:
            high += 1
        covered += max(below, above)
    return Interval(ordered[rank - 1], ordered[low - 1], ordered[high])


def _binomial(size: int, hits: int, share: float) -> float:
    ways = math.lgamma(size + 1) - math.lgamma(hits + 1) - math.lgamma(size - hits + 1)
    return math.exp(ways + hits * math.log(share) + (size - hits) * math.log1p(-share))


def bootstrap(runs: Runs, chance: random.Random, share: float = 0.5, confidence: float = CONFIDENCE) -> Interval:
    """The median over runs of the quantile of each, with a percentile interval by drawing runs, and within them values.

    From fewer than about ten runs the interval is too narrow: it knows of no run worse than the worst.
    """
    draws = _Draws(runs, share)
    return _interval(draws.estimate, [draws.draw(chance) for _ in range(RESAMPLES)], confidence)


def ratio_of_medians(
    runs: Runs, baseline: Runs, chance: random.Random, share: float = 0.5, confidence: float = CONFIDENCE
) -> Interval:
    """By what the median over runs is greater than that of the baseline. Raises `ValueError` where that can be 0."""
    above, below = _Draws(runs, share), _Draws(baseline, share)
    if below.least <= 0:
        raise ValueError("a ratio needs a baseline of values above 0")
    ratios = [above.draw(chance) / below.draw(chance) for _ in range(RESAMPLES)]
    return _interval(above.estimate / below.estimate, ratios, confidence)


def _interval(estimate: float, drawn: Iterable[float], confidence: float) -> Interval:
    ordered, tail = sorted(drawn), (1 - confidence) / 2
    return Interval(estimate, quantile(ordered, tail), quantile(ordered, 1 - tail))


class _Draws:
    """Two-level resamples of runs: so many runs with replacement, and of each of them so many values."""

    def __init__(self, runs: Runs, share: float) -> None:
        if not runs:
            raise ValueError("there are no runs")
        self._runs = [sorted(run) for run in runs]
        self._ranks = [_rank(len(run), share) for run in self._runs]
        self.estimate = median(quantile(run, share) for run in self._runs)
        self.least = min(run[0] for run in self._runs)

    def draw(self, chance: random.Random) -> float:
        drawn = chance.choices(range(len(self._runs)), k=len(self._runs))
        return median(self._quantile(number, chance) for number in drawn)

    def _quantile(self, number: int, chance: random.Random) -> float:
        """A quantile of a resample, without making it: of n uniform numbers the r-th has a beta distribution."""
        run, rank = self._runs[number], self._ranks[number]
        place = chance.betavariate(rank, len(run) - rank + 1)
        return run[min(int(place * len(run)), len(run) - 1)]


def permutation_test(one: Sequence[float], other: Sequence[float], chance: random.Random) -> float:
    """How probable a difference of means as great as this is, if which run is whose means nothing; two-sided.

    Fisher and Pitman's test of independent runs, one number each.
    """
    if not one or not other:
        raise ValueError("both sides of a comparison need a run")
    both = [*one, *other]
    total, size = math.fsum(both), len(one)

    def difference(chosen: Iterable[float]) -> float:
        part = math.fsum(chosen)
        return abs(part / size - (total - part) / len(other))

    if math.comb(len(both), size) <= EXACT_MAX:
        return _exact(difference(one), map(difference, combinations(both, size)))
    return _drawn(difference(one), (difference(chance.sample(both, size)) for _ in range(ARRANGEMENTS)))


def paired_permutation_test(one: Sequence[float], other: Sequence[float], chance: random.Random) -> float:
    """The same for runs that belong together by pairs, as those of one block do: each pair may be exchanged."""
    if not one or len(one) != len(other):
        raise ValueError(f"{len(one)} runs cannot be paired with {len(other)}")
    differences = [left - right for left, right in zip(one, other, strict=True)]

    def total(signs: Iterable[int]) -> float:
        return abs(math.fsum(sign * each for sign, each in zip(signs, differences, strict=True)))

    seen, signs = total([1] * len(differences)), (1, -1)
    if 2 ** len(differences) <= EXACT_MAX:
        return _exact(seen, map(total, product(signs, repeat=len(differences))))
    return _drawn(seen, (total(chance.choices(signs, k=len(differences))) for _ in range(ARRANGEMENTS)))


def _exact(seen: float, arrangements: Iterable[float]) -> float:
    as_great = [_as_great(each, seen) for each in arrangements]
    return sum(as_great) / len(as_great)


def _drawn(seen: float, arrangements: Iterator[float]) -> float:
    """What was seen counts as one of the arrangements drawn: no number of draws shows that a probability is 0."""
    return (1 + sum(_as_great(each, seen) for each in arrangements)) / (1 + ARRANGEMENTS)


def _as_great(value: float, seen: float) -> bool:
    """Sums in another order are not the same to the last bit."""
    return value >= seen or math.isclose(value, seen, rel_tol=1e-12)


def compare(runs: Runs, baseline: Runs, chance: random.Random, share: float = 0.5) -> Comparison:
    """The ratio of two sets of independent runs, and whether it may be chance."""
    mine, theirs = ([quantile(sorted(run), share) for run in side] for side in (runs, baseline))
    return Comparison(ratio_of_medians(runs, baseline, chance, share), permutation_test(mine, theirs, chance))


def holm(probabilities: Mapping[str, float]) -> dict[str, float]:
    """Adjusted for having asked so many questions at once: Holm, Scandinavian Journal of Statistics 6 (1979)."""
    adjusted: dict[str, float] = {}
    least = 0.0
    ordered = sorted(probabilities.items(), key=lambda item: item[1])
    for rank, (name, probability) in enumerate(ordered):
        least = max(least, min(1.0, probability * (len(ordered) - rank)))
        adjusted[name] = least
    return {name: adjusted[name] for name in probabilities}


def differing(comparisons: Mapping[str, Comparison], confidence: float = CONFIDENCE) -> list[str]:
    """Those that are no chance, all taken together.

    Of a run against itself (A/A) this must be none: whatever is named differs by how it was measured.
    """
    adjusted = holm({name: each.p for name, each in comparisons.items()})
    return [name for name, probability in adjusted.items() if probability <= 1 - confidence]


def blocks(treatments: Sequence[str], repetitions: int, chance: random.Random) -> list[list[str]]:
    """Randomised complete blocks: every treatment once in each block, in an order of its own.

    What drifts with time, as the heat of a machine does, so hits all of them alike.
    """
    return [chance.sample(treatments, len(treatments)) for _ in range(repetitions)]
