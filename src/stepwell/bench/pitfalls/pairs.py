"""What a pair of broken and fixed code is, and what is known of it after both have run.

Guarantees that the two differ in the code that is shown and in nothing else: the change is computed from their sources,
and one function measures both. A mistake that did not show makes its pair invalid, not mended.

Pairs are deployed with the worker, which has only boto3, redis and what it is packed with.
"""

import difflib
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stepwell.bench.oracles.anomalies import Verdict
    from stepwell.bench.pitfalls.stage import Stage

BROKEN, FIXED = "broken", "fixed"

SHOWS_LEAST = 3
"""How often a mistake must be seen before its pair says anything."""

MENDED_MOST = 0.5
"""What may be left of it, as a share. The figures say how much it was."""

_VARIANT = re.compile(rf"\b({BROKEN}|{FIXED})_")


@dataclass(frozen=True, slots=True)
class Figure:
    """So many of `what` in so many of `each`.

    A `relative` one was timed here, and only its ratio may be shown; one with a `verdict` was counted by an oracle.
    """

    what: str
    amount: float
    of: int
    each: str
    relative: bool = False
    verdict: "Verdict | None" = None

    @property
    def rate(self) -> float:
        return self.amount / self.of if self.of else 0.0


Figures = tuple[Figure, ...]
"""Of one variant. The mistake shows in the first."""


def judged(what: str, each: str, verdict: "Verdict") -> Figure:
    """What an oracle found."""
    return Figure(what, verdict.count, verdict.exposed, each, verdict=verdict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A mistake and its fix. `remark` says what the fix costs, or what the pair does not show.

    `variants` are functions named broken_NAME and fixed_NAME; all that differs stands in them.
    """

    name: str
    title: str
    mistake: str
    fix: str
    remark: str
    variants: tuple[tuple[Callable[..., Any], Callable[..., Any]], ...]
    measure: Callable[["Stage", str], Figures]


@dataclass(frozen=True, slots=True)
class Change:
    """The fix as a diff, with both variants under one name."""

    lines: tuple[str, ...]

    @property
    def added(self) -> int:
        return sum(line.startswith("+") for line in self.lines)

    @property
    def removed(self) -> int:
        return sum(line.startswith("-") for line in self.lines)


@dataclass(frozen=True, slots=True)
class Result:
    """A pair after both its variants have run."""

    pair: Pair
    before: Figures
    after: Figures

    @property
    def invalid(self) -> str | None:
        """Why it says nothing, if it does not."""
        for figure in (*self.before, *self.after):
            if figure.verdict and figure.verdict.invalid:
                return figure.verdict.invalid
        shown = self.before[0]
        if shown.amount < SHOWS_LEAST:
            return f"the mistake did not show: {shown.what} {shown.amount:g} in {shown.of} {shown.each}"
        return None

    @property
    def mended(self) -> bool:
        """Whether the fix has helped, and broken nothing."""
        clean = not any(figure.verdict and figure.verdict.count for figure in self.after)
        return clean and self.after[0].rate <= MENDED_MOST * self.before[0].rate

    @property
    def witness(self) -> str | None:
        """One case of the mistake, where an oracle found it."""
        found = (witness for figure in self.before if figure.verdict for witness in figure.verdict.witnesses)
        return next((witness.text for witness in found), None)


def change(pair: Pair) -> Change:
    """What is to be written and deleted to get from the broken code to the fixed."""
    before, after = ([line for both in pair.variants for line in _source(both[side])] for side in (0, 1))
    whole = len(before) + len(after)
    return Change(tuple(difflib.unified_diff(before, after, lineterm="", n=whole))[3:])


def _source(function: Callable[..., Any]) -> list[str]:
    return [_VARIANT.sub("", line) for line in inspect.getsource(function).splitlines()]
