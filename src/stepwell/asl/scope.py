"""What an expression of a state can see: its input, the context object, variables, the step's time and draws."""

from collections.abc import Callable, Mapping
from typing import Protocol

from stepwell.asl.jsontext import Json


class Draws(Protocol):
    """The only source of randomness: reproducible from the execution's seed, never the same value twice."""

    def bits(self) -> int:
        """The next 128 random bits."""


class _Unset:
    """The type of `UNSET`: no such member in this place, which is not the same as null."""

    def __repr__(self) -> str:
        return "UNSET"

    def __bool__(self) -> bool:
        return False


UNSET = _Unset()


class Scope:
    """One evaluation's surroundings. `input` is `$` in JSONPath and `$states.input` in JSONata.

    `at` is the time of the step in epoch seconds. `result` and `error_output` are the JSONata members
    `$states.result` and `$states.errorOutput`; UNSET where the place does not offer them.
    """

    __slots__ = ("at", "context", "draws", "error_output", "input", "result", "variables")

    def __init__(
        self,
        input: Json,
        context: Json,
        variables: Mapping[str, Json],
        draws: Draws,
        at: float,
        result: Json = UNSET,
        error_output: Json = UNSET,
    ) -> None:
        self.input = input
        self.context = context
        self.variables = variables
        self.draws = draws
        self.at = at
        self.result = result
        self.error_output = error_output

    def narrowed(self, input: Json) -> "Scope":
        """The same surroundings with another `$`."""
        return Scope(input, self.context, self.variables, self.draws, self.at, self.result, self.error_output)


Evaluate = Callable[[Scope], Json]
"""A compiled expression. Raises `StatesError`."""
