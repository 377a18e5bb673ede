import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwell.asl.timestamps import format_timestamp, parse_timestamp


@pytest.mark.parametrize(
    ("text", "epoch"),
    [
        ("1970-01-01T00:00:00Z", 0.0),
        ("2012-10-09T19:00:55Z", 1349809255.0),
        ("2012-10-09T19:00:55+01:00", 1349805655.0),
        ("2012-10-09T19:00:55-00:30", 1349811055.0),
        ("2016-03-05T21:29:29.243167252Z", 1457213369.243167),
        ("2016-03-14T01:59:00Z", 1457920740.0),
        ("2016-03-14T01:59Z", 1457920740.0),
        ("2026-11-21T20:58:12.00Z", 1795294692.0),
        ("1969-12-31T23:59:59.5Z", -0.5),
        ("2024-02-29T00:00:00Z", 1709164800.0),
    ],
)
def test_parse(text, epoch):
    assert parse_timestamp(text) == pytest.approx(epoch, abs=1e-6)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2012-10-09",
        "2012-10-09T19:00:55",
        "2016-12-05 21:29:29Z",
        "2016-13-05T21:29:29Z",
        "2023-02-29T00:00:00Z",
        "05-12-2016T21:29:29Z",
        "2016-12-05T25:29:29Z",
        "2016-12-05T21:60:29Z",
        "2016-12-05t21:29:29Z",
        "2016-12-05T21:29:29z",
        "2016-12-05T21:29:29+0100",
        "2016-12-05T21:29:29+19:00",
        "2016-12-05T21:29:29+01:60",
        "2016-12-05T21:29:29.Z",
        "2016-12-05T21:29:29,5Z",
        " 2016-12-05T21:29:29Z",
        "2016-12-05T21:29:29Z\n",
        "٢٠١٦-12-05T21:29:29Z",
        "0000-01-01T00:00:00Z",
    ],
)
def test_refused(text):
    assert parse_timestamp(text) is None


@pytest.mark.parametrize(
    ("epoch", "text"),
    [
        (0.0, "1970-01-01T00:00:00.000Z"),
        (1795298690.123, "2026-11-21T22:04:50.123Z"),
        (1795298690.1239, "2026-11-21T22:04:50.123Z"),
        (1795298690, "2026-11-21T22:04:50.000Z"),
        (-0.001, "1969-12-31T23:59:59.999Z"),
    ],
)
def test_format(epoch, text):
    assert format_timestamp(epoch) == text


@given(st.integers(min_value=0, max_value=32503680000_000))
def test_milliseconds_survive(milliseconds):
    assert parse_timestamp(format_timestamp(milliseconds / 1000)) == milliseconds / 1000
