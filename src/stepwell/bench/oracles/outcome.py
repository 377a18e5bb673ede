"""What one cell of a run came to."""

from collections.abc import Mapping
from dataclasses import dataclass

from stepwell.bench.oracles.anomalies import Verdict


@dataclass(frozen=True, slots=True)
class Recovery:
    """`seconds` from the outage to the first success of a request that came after it began, None when there was none.

    `survived` of the `acknowledged` before it were still there in the end.
    """

    seconds: float | None
    survived: int
    acknowledged: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The verdicts by measure, and how often the fault fired. `refused` of `writes` in read-modify-write lost a race.

    `expected` are the measures in which an anomaly was expected, `possible` those in which it may or may not be found.
    `without` is the guard that was taken out of the strategy for the cell. `repetition` counts from 0.
    """

    workload: str
    strategy: str
    fault: str
    without: str | None
    verdicts: Mapping[str, Verdict]
    fired: int
    refused: int
    writes: int
    expected: frozenset[str]
    possible: frozenset[str]
    recovery: Recovery | None = None
    repetition: int = 0

    @property
    def invalid(self) -> str | None:
        """Why the cell says nothing, if it does not."""
        return next((each.invalid for each in self.verdicts.values() if each.invalid), None)

    @property
    def found(self) -> dict[str, Verdict]:
        """The measures in which something broke."""
        return {measure: each for measure, each in self.verdicts.items() if each.count and not each.invalid}

    @property
    def disagreements(self) -> list[str]:
        """The measures in which something else was found than was expected."""
        return [
            measure
            for measure, each in self.verdicts.items()
            if not each.invalid and measure not in self.possible and (each.count > 0) != (measure in self.expected)
        ]
