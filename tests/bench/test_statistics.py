"""Bounds against published values, and what must hold for all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwell.bench.measures.statistics import at_most, interval


@pytest.mark.parametrize(
    ("count", "exposed", "low", "high"),
    [
        (0, 10, 0.0, 0.30850),
        (1, 10, 0.00253, 0.44502),
        (5, 10, 0.18709, 0.81291),
        (10, 10, 0.69150, 1.0),
        (1, 100, 0.00025, 0.05446),
        (50, 1000, 0.03733, 0.06539),
        (0, 0, 0.0, 1.0),
    ],
)
def test_interval_is_clopper_and_pearson_s(count: int, exposed: int, low: float, high: float) -> None:
    assert interval(count, exposed) == pytest.approx((low, high), abs=1e-5)


@pytest.mark.parametrize("exposed", [1, 5, 30, 412, 100_000])
def test_nothing_seen_is_bounded_by_the_closed_form(exposed: int) -> None:
    assert at_most(0, exposed) == pytest.approx(1 - 0.05 ** (1 / exposed), rel=1e-9)


@pytest.mark.parametrize("exposed", [100, 412, 10_000])
def test_nothing_seen_is_bounded_by_the_rule_of_three(exposed: int) -> None:
    assert at_most(0, exposed) == pytest.approx(3 / exposed, rel=0.02)


@given(st.data(), st.integers(1, 80))
def test_the_interval_holds_the_rate_seen_and_narrows_with_more_of_the_same(data: st.DataObject, exposed: int) -> None:
    count = data.draw(st.integers(0, exposed))
    low, high = interval(count, exposed)
    assert 0 <= low <= count / exposed <= high <= 1
    four_low, four_high = interval(4 * count, 4 * exposed)
    assert four_high - four_low < high - low


@given(st.integers(1, 80), st.data())
def test_more_anomalies_mean_a_higher_bound(exposed: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, exposed - 1))
    assert at_most(count, exposed) <= at_most(count + 1, exposed)
