"""What would count as reproducing a published table, said before and checked after."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Criterion:
    """`text` says what is asked for, `measured` what was found."""

    text: str
    measured: str
    met: bool
