"""How much a count says: exact binomial bounds, in plain Python."""

import math
from collections.abc import Callable

CONFIDENCE = 0.95

_STEPS = 60
"""Halvings of [0, 1]: the last interval is narrower than a double can show."""


def at_most(count: int, exposed: int, confidence: float = CONFIDENCE) -> float:
    """The one-sided upper bound on a rate of which `count` of `exposed` trials were seen; 1.0 without trials.

    Clopper and Pearson, Biometrika 26 (1934). For a count of 0 it is 1 - (1 - confidence) ** (1 / exposed), which the
    rule of three puts as 3 / exposed. It takes the trials to be independent, which those of one run are only nearly.
    """
    if count >= exposed:
        return 1.0
    return _root(lambda rate: _cumulative(count, exposed, rate) - (1 - confidence))


def interval(count: int, exposed: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The two-sided interval of Clopper and Pearson; (0.0, 1.0) without trials."""
    side = 1 - (1 - confidence) / 2
    low = 0.0 if count == 0 else 1 - at_most(exposed - count, exposed, side)
    return low, at_most(count, exposed, side)


def _cumulative(count: int, exposed: int, rate: float) -> float:
    """The probability of at most `count` of `exposed`, each with `rate` in (0, 1)."""
    return math.fsum(math.exp(_log_probability(hits, exposed, rate)) for hits in range(count + 1))


def _log_probability(hits: int, exposed: int, rate: float) -> float:
    ways = math.lgamma(exposed + 1) - math.lgamma(hits + 1) - math.lgamma(exposed - hits + 1)
    return ways + hits * math.log(rate) + (exposed - hits) * math.log1p(-rate)


def _root(falling: Callable[[float], float]) -> float:
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if falling(middle) > 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2
