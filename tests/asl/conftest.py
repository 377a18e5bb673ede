"""Scopes for expressions under test."""

from collections.abc import Callable

import pytest

from stepwell.asl.jsontext import Json
from stepwell.asl.scope import UNSET, Scope


class Draws:
    """A reproducible stream of bits: 1, 2, 3 … spread over 128 bits."""

    def __init__(self) -> None:
        self.count = 0

    def bits(self) -> int:
        self.count += 1
        return self.count * 0x9E3779B97F4A7C15F39CC0605CEDC835 % (1 << 128)


def _scope(
    input: Json = None,
    context: Json = None,
    result: Json = UNSET,
    error_output: Json = UNSET,
    at: float = 1_700_000_000.123,
    **variables: Json,
) -> Scope:
    return Scope(input, context or {}, variables, Draws(), at, result, error_output)


@pytest.fixture(scope="session")
def scope() -> Callable[..., Scope]:
    """`scope(input, context, result, error_output, at, **variables)`; draws are reproducible."""
    return _scope
