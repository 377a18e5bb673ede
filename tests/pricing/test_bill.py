"""What a bill comes to."""

import pytest

from stepwell.pricing.bill import (
    EXPRESS_GB_SECOND,
    EXPRESS_REQUEST,
    FUNCTION_GB_SECOND,
    FUNCTION_REQUEST,
    TRANSITION,
    bill,
    express_billed,
    gb_seconds,
)
from stepwell.pricing.prices import load_prices


def test_a_line_for_each_item_of_which_there_is_any() -> None:
    lines = bill({TRANSITION: 40_000, FUNCTION_REQUEST: 5_000_000, EXPRESS_REQUEST: 0}, load_prices())
    assert [(line.item, line.dollars) for line in lines] == [
        (FUNCTION_REQUEST, pytest.approx(1.0)),
        (TRANSITION, pytest.approx(1.0)),
    ]
    assert all(line.price.source for line in lines)


def test_every_item_is_in_the_price_file() -> None:
    names = {TRANSITION, EXPRESS_REQUEST, EXPRESS_GB_SECOND, FUNCTION_REQUEST, FUNCTION_GB_SECOND}
    assert names <= load_prices().items.keys()


@pytest.mark.parametrize(
    ("seconds", "definition_bytes", "payload_bytes", "billed"),
    [
        (0.0, 1_000, 0, (100, 64)),
        (0.1, 1_000, 0, (100, 64)),
        (0.101, 1_000, 0, (200, 64)),
        (299.95, 1_000, 0, (300_000, 64)),
        (1.0, 0, 14 << 20, (1_000, 64)),
        (1.0, 1, 14 << 20, (1_000, 128)),
    ],
)
def test_each_begun_step_and_chunk_is_billed_in_full(
    seconds: float, definition_bytes: int, payload_bytes: int, billed: tuple[int, int]
) -> None:
    assert express_billed(seconds, definition_bytes, payload_bytes) == billed


def test_gb_seconds() -> None:
    assert gb_seconds(1_500, 512) == pytest.approx(0.75)
