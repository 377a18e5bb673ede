"""Against published results and closed forms, and against what must hold for all data."""

import math
import random
from collections import Counter
from itertools import product
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwell.bench.measures import resampling
from stepwell.bench.measures.resampling import (
    Comparison,
    Interval,
    blocks,
    bootstrap,
    compare,
    differing,
    holm,
    paired_permutation_test,
    permutation_test,
    quantile,
    quantile_interval,
    ratio_of_medians,
)

DARWIN = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
"""Eighths of an inch by which crossed plants were higher than self-fertilised ones, by pairs (Darwin 1876)."""


def chance() -> random.Random:
    return random.Random(20)


@pytest.mark.parametrize(
    ("size", "ranks"),
    [(5, None), (6, (1, 6)), (7, (1, 7)), (8, (1, 7)), (9, (2, 8)), (10, (2, 9)), (12, (3, 10)), (50, (18, 32))],
)
def test_the_median_lies_between_the_ranks_that_the_binomial_gives(size: int, ranks: tuple[int, int] | None) -> None:
    interval = quantile_interval(range(size, 0, -1), 0.5)
    assert interval == (ranks and Interval((size + 1) // 2, *ranks))


@given(st.integers(1, 400), st.sampled_from([0.01, 0.25, 0.5, 0.9, 0.99]), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_an_interval_by_ranks_covers_and_no_narrower_one_does(size: int, share: float, confidence: float) -> None:
    weights = [math.comb(size, hits) * share**hits * (1 - share) ** (size - hits) for hits in range(size + 1)]
    interval = quantile_interval(range(1, size + 1), share, confidence)
    if interval is None:
        assert sum(weights[1:size]) < confidence
        return
    low, high = int(interval.low), int(interval.high)
    assert sum(weights[low:high]) >= confidence - 1e-9
    narrower = (sum(weights[first : first + high - low - 1]) for first in range(1, size - (high - low - 1) + 1))
    assert all(covered < confidence + 1e-9 for covered in narrower)


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 50), (0.501, 51), (0.99, 99), (0.999, 100), (0.001, 1), (0.07, 7)]
)
def test_a_quantile_is_a_value_that_was_seen(share: float, expected: int) -> None:
    assert quantile(range(1, 101), share) == expected


@pytest.mark.parametrize(("values", "share"), [([], 0.5), ([1], 0), ([1], 1)])
def test_what_has_no_quantile_is_refused(values: list[float], share: float) -> None:
    with pytest.raises(ValueError, match="there is no quantile"):
        quantile(values, share)


def test_fisher_s_exact_result_for_darwin_s_plants() -> None:
    """The Design of Experiments (1935), section 21: 1726 of the 32768 signs give a sum as great."""
    assert paired_permutation_test(DARWIN, [0] * 15, chance()) == 1726 / 32768


def test_independent_runs_are_compared_over_all_arrangements() -> None:
    assert permutation_test([1, 2, 3], [10, 11, 12], chance()) == 2 / 20
    assert permutation_test([0.1, 0.2, 0.3], [0.3, 0.2, 0.1], chance()) == 1
    assert permutation_test([1], [2, 2, 2], chance()) == 1 / 4


def test_a_difference_that_is_the_same_but_for_the_last_bit_counts_as_great() -> None:
    """The least difference there can be is reached by all arrangements."""
    assert permutation_test([0.9, 0.2, 0.3], [0.9, 0.2, 0.6], chance()) == 1


def test_drawn_arrangements_come_close_to_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = [12.1, 9.9, 11.0, 10.2, 12.5, 10.9], [9.5, 10.1, 9.8, 10.4, 9.9, 11.1]
    exact = permutation_test(one, other, chance()), paired_permutation_test(one, other, chance())
    monkeypatch.setattr(resampling, "EXACT_MAX", 0)
    drawn = permutation_test(one, other, chance()), paired_permutation_test(one, other, chance())
    assert drawn == pytest.approx(exact, abs=0.01)
    assert drawn != exact


def test_no_number_of_draws_makes_a_difference_certain() -> None:
    assert permutation_test([1.0] * 50, [9.0] * 50, chance()) == 1 / (1 + resampling.ARRANGEMENTS)


def test_pairs_show_what_the_drift_between_them_hides() -> None:
    drift = [1.0, 5.0, 2.0, 9.0, 7.0, 3.0, 8.0, 4.0]
    faster = [each - 0.5 for each in drift]
    assert paired_permutation_test(faster, drift, chance()) == 2 / 256
    assert permutation_test(faster, drift, chance()) > 0.5


def test_runs_that_cannot_be_compared_are_refused() -> None:
    for one, other in ([], [1.0]), ([1.0], []):
        with pytest.raises(ValueError, match="need a run"):
            permutation_test(one, other, chance())
    for one, other in ([], []), ([1.0, 2.0], [1.0]):
        with pytest.raises(ValueError, match="cannot be paired"):
            paired_permutation_test(one, other, chance())


def test_holm_s_adjustment() -> None:
    adjusted = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert adjusted == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})
    assert list(adjusted) == ["a", "b", "c", "d"]
    assert holm({"a": 0.6, "b": 0.7}) == {"a": 1.0, "b": 1.0}


@given(st.dictionaries(st.text(), st.floats(0, 1), min_size=1, max_size=8))
def test_holm_keeps_the_order_and_is_never_milder_than_nothing_nor_harder_than_bonferroni(
    probabilities: dict[str, float],
) -> None:
    adjusted = holm(probabilities)
    for name, probability in probabilities.items():
        assert probability <= adjusted[name] <= min(1.0, probability * len(probabilities)) + 1e-12
        assert all(adjusted[other] >= adjusted[name] for other, p in probabilities.items() if p >= probability)


def test_a_bootstrap_of_single_values_is_that_of_their_median() -> None:
    """Of three runs the median of a resample is known for all 27 of them: 7, 13 and 7 give 1, 2 and 3."""
    exact = Counter(median(drawn) for drawn in product([1, 2, 3], repeat=3))
    assert exact == {1: 7, 2: 13, 3: 7}
    interval = bootstrap([[1.0], [2.0], [3.0]], chance(), confidence=0.4)
    assert interval == Interval(2, 2, 2)
    assert bootstrap([[1.0], [2.0], [3.0]], chance()) == Interval(2, 1, 3)


@pytest.mark.parametrize("confidence", [0.5, 0.9])
def test_the_quantile_of_a_resample_is_distributed_as_if_it_had_been_made(
    monkeypatch: pytest.MonkeyPatch, confidence: float
) -> None:
    monkeypatch.setattr(resampling, "RESAMPLES", 4000)
    values, source = [float(number) for number in range(40)], chance()
    interval = bootstrap([values], chance(), 0.9, confidence)
    made = sorted(quantile(sorted(source.choices(values, k=len(values))), 0.9) for _ in range(4000))
    assert abs(interval.low - quantile(made, (1 - confidence) / 2)) <= 1
    assert abs(interval.high - quantile(made, (1 + confidence) / 2)) <= 1


def test_runs_that_differ_count_for_more_than_the_requests_in_them() -> None:
    source = chance()
    alike = [[source.gauss(100, 5) for _ in range(300)] for _ in range(10)]
    unlike = [[source.gauss(centre, 5) for _ in range(300)] for centre in source.choices(range(80, 120), k=10)]
    narrow, wide = bootstrap(alike, chance()), bootstrap(unlike, chance())
    assert narrow.low < 100 < narrow.high
    assert wide.high - wide.low > 10 * (narrow.high - narrow.low)


def test_the_interval_has_the_true_value_about_as_often_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resampling, "RESAMPLES", 200)
    source, held, times = chance(), 0, 150
    for _ in range(times):
        runs = [[source.gauss(centre, 3) for _ in range(20)] for centre in (source.gauss(50, 4) for _ in range(12))]
        interval = bootstrap(runs, source)
        held += interval.low <= 50 <= interval.high
    assert 0.88 <= held / times <= 1


def test_a_ratio_is_of_medians_and_has_its_interval() -> None:
    source = chance()
    runs = [[source.gauss(200, 10) for _ in range(50)] for _ in range(10)]
    baseline = [[source.gauss(100, 5) for _ in range(50)] for _ in range(10)]
    ratio = ratio_of_medians(runs, baseline, chance())
    assert ratio.low < 2 < ratio.high
    assert ratio.high - ratio.low < 0.1
    assert ratio == ratio_of_medians(runs, baseline, chance())


def test_a_baseline_of_nothing_has_no_ratio() -> None:
    with pytest.raises(ValueError, match="values above 0"):
        ratio_of_medians([[1.0]], [[0.0]], chance())
    with pytest.raises(ValueError, match="there are no runs"):
        bootstrap([], chance())


def test_a_run_against_itself_differs_in_nothing_and_against_a_slower_one_in_that() -> None:
    source = chance()

    def measured(middle: float) -> list[list[float]]:
        return [[source.lognormvariate(math.log(middle), 0.5) for _ in range(60)] for _ in range(8)]

    same = {f"cell-{number}": compare(measured(100), measured(100), chance()) for number in range(6)}
    assert differing(same) == []
    assert differing(same | {"slower": compare(measured(150), measured(100), chance())}) == ["slower"]


def test_many_questions_make_one_of_them_look_like_a_difference() -> None:
    ratio = Interval(1, 0.9, 1.1)
    assert differing({"alone": Comparison(ratio, 0.03)}) == ["alone"]
    assert differing({f"cell-{number}": Comparison(ratio, 0.03 if number else 0.5) for number in range(5)}) == []


def test_blocks_have_every_treatment_once_and_in_any_order() -> None:
    plan = blocks(["a", "b", "c"], 600, chance())
    assert all(sorted(block) == ["a", "b", "c"] for block in plan)
    orders = Counter(map(tuple, plan))
    assert len(orders) == 6
    assert min(orders.values()) > 60
    assert plan == blocks(["a", "b", "c"], 600, chance())
