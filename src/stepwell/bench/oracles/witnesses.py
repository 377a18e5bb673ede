"""From what an oracle found to its verdict: every anomaly counts, the first few are shown with their rows."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import msgspec

from stepwell.bench.oracles.anomalies import WITNESSES_MAX, Verdict, Witness

Found = TypeVar("Found")


def witness(text: str, rows: Iterable[msgspec.Struct]) -> Witness:
    """An anomaly in words, with the rows of the history that prove it."""
    return Witness(text, tuple(msgspec.to_builtins(row) for row in rows))


def counted(found: Sequence[Found], exposed: int, show: Callable[[Found], Witness]) -> Verdict:
    """The verdict that counts all that was found."""
    return Verdict(len(found), exposed, tuple(show(each) for each in found[:WITNESSES_MAX]))
