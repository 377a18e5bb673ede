"""Page tokens."""

import base64
from typing import Any

import pytest

from stepwell.api.paging import LIFETIME_SECONDS, make_token, page_size, read_token
from stepwell.awsmodels.errors import ServiceError

CALL = ("ListThings", "arn", None)


def test_a_token_gives_its_cursor_back_for_a_day() -> None:
    token = make_token(CALL, (1.5, "id"), 100.0)
    assert read_token(token, CALL, tuple[float, str], 100.0) == (1.5, "id")
    assert read_token(token, CALL, tuple[float, str], 100.0 + LIFETIME_SECONDS - 1) == (1.5, "id")
    assert read_token(None, CALL, int, 100.0) is None


@pytest.mark.parametrize(
    ("token", "call", "cursor_type", "now"),
    [
        (make_token(CALL, 5, 100.0), ("ListThings", "arn", "RUNNING"), int, 100.0),
        (make_token(CALL, 5, 100.0), ("ListOther", "arn", None), int, 100.0),
        (make_token(CALL, 5, 100.0), CALL, str, 100.0),
        (make_token(CALL, 5, 100.0), CALL, int, 100.0 + LIFETIME_SECONDS),
        (make_token(CALL, 5, 100.0)[:-4], CALL, int, 100.0),
        (base64.urlsafe_b64encode(b"x" * 40).decode(), CALL, int, 100.0),
        ("InvalidToken", CALL, int, 100.0),
        ("é", CALL, int, 100.0),
        ("", CALL, int, 100.0),
    ],
)
def test_any_other_token_is_invalid(token: str, call: tuple[object, ...], cursor_type: Any, now: float) -> None:
    with pytest.raises(ServiceError) as caught:
        read_token(token, call, cursor_type, now)
    assert (caught.value.code, caught.value.message) == ("InvalidToken", "Invalid Token: 'Invalid token'")


def test_page_sizes() -> None:
    assert [page_size(None), page_size(0), page_size(1), page_size(1000), page_size(None, 7)] == [100, 100, 1, 1000, 7]
