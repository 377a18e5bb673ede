"""What a person is told of AWS's quotas that an execution came near or passed: a sentence for each field."""

from collections.abc import Sequence

from stepwell.machine.records import LimitCrossed

_NEAR = " % of the "


def noted(sentences: Sequence[str], record: LimitCrossed) -> list[str]:
    """The sentences with what the record says; that a field has passed a quota replaces that it was near."""
    if not record.field:
        return [*sentences, record.limit]
    return [*(text for text in sentences if not text.startswith(f"{record.field}: ")), _sentence(record)]


def is_noted(sentences: Sequence[str], field: str, passes: bool) -> bool:
    """Whether it is said already that the field is near its quota, or, if it `passes`, that it has passed it."""
    return any(text.startswith(f"{field}: ") and not (passes and _NEAR in text) for text in sentences)


def _sentence(record: LimitCrossed) -> str:
    reached = f"{record.field}: {record.value:,} {'events' if record.limit == 'history' else 'bytes'}"
    if record.value > record.allowed:
        return f"{reached}, AWS allows {record.allowed:,}"
    return f"{reached}, {100 * record.value // record.allowed}{_NEAR}{record.allowed:,} that AWS allows"
