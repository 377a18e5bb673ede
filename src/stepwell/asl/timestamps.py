"""Timestamps as AWS judges them: the extended offset date-time of ISO 8601, which RFC 3339 profiles.

A capital `T`, a `Z` or a numeric offset, and real calendar values are required; fractions of any length are read.
"""

import re
from datetime import UTC, datetime, timedelta, timezone

_TIMESTAMP = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:\d\d(?::\d\d)?)", re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_timestamp(text: str) -> float | None:
    """Epoch seconds of a timestamp, or None when AWS would not accept it. Digits beyond microseconds are cut."""
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    microsecond = int((fraction or "").ljust(6, "0")[:6])
    try:
        moment = datetime(
            int(year), int(month), int(day), int(hour), int(minute), int(second or 0), microsecond, _zone(offset)
        )
        return (moment - _EPOCH).total_seconds()
    except (ValueError, OverflowError):
        return None


def _zone(offset: str) -> timezone:
    if offset == "Z":
        return UTC
    hours, minutes, *seconds = map(int, offset[1:].split(":"))
    # Java's ZoneOffset, which AWS parses with, ends at 18 hours.
    if minutes > 59 or any(second > 59 for second in seconds):
        raise ValueError(offset)
    span = timedelta(hours=hours, minutes=minutes, seconds=sum(seconds))
    if span > timedelta(hours=18):
        raise ValueError(offset)
    return timezone(-span if offset[0] == "-" else span)


def format_timestamp(epoch_seconds: float) -> str:
    """`2026-11-21T22:04:50.123Z`: UTC with milliseconds, cut, as in the context object."""
    # Rounded to microseconds first: a double just below a whole millisecond would lose one when cut.
    moment = _EPOCH + timedelta(microseconds=round(epoch_seconds * 1_000_000))
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
