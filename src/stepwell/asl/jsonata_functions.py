"""The functions that AWS adds to JSONata: $partition, $range, $hash, $parse, $random and $uuid.

Bounds and roundings were measured on AWS: $range gives at most 360,145 items and a lone item is not wrapped in an
array; fractions of sizes are cut.
"""

from collections.abc import Callable
from typing import Any

from stepwell.asl.intrinsic_functions import HASHES, uuid4
from stepwell.asl.javaforms import JavaRandom
from stepwell.asl.jsontext import Json, JsonTextError, decode, encode
from stepwell.asl.scope import Draws

MAX_RANGE = 360_145


class HostError(Exception):
    """A function of ours cannot do its work with these arguments."""


def _number(value: Json, function: str) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise HostError(f'T0410: Argument of function "{function}" does not match function signature')
    return value


def _partition(array: Json = None, size: Json = None, *rest: Json) -> Json:
    if array is None:
        return None
    items = array if isinstance(array, list) else [array]
    length = int(_number(size, "partition"))
    if length < 1:
        raise HostError("The chunk size of $partition must be a positive integer")
    return [items[start : start + length] for start in range(0, len(items), length)]


def _range(first: Json = None, last: Json = None, step: Json = None, *rest: Json) -> Json:
    start, end, delta = (_number(value, "range") for value in (first, last, step))
    if delta == 0:
        raise HostError("The increment of $range must not be zero")
    count = int((end - start) // delta) + 1
    if count > MAX_RANGE:
        raise HostError(f"$range gives at most {MAX_RANGE} items")
    values = [start + index * delta for index in range(max(count, 0))]
    return values[0] if len(values) == 1 else values


def _hash(data: Json = None, algorithm: Json = None, *rest: Json) -> str:
    if not isinstance(algorithm, str) or algorithm not in HASHES:
        raise HostError(f"The algorithm of $hash must be one of {', '.join(HASHES)}")
    text = data if isinstance(data, str) else encode(data)
    return HASHES[algorithm](text.encode()).hexdigest()


def _parse(text: Json = None, *rest: Json) -> Json:
    if text is None:
        return None
    if not isinstance(text, str):
        raise HostError('T0410: Argument 1 of function "parse" does not match function signature')
    try:
        return decode(text)
    except JsonTextError as error:
        raise HostError(f"The argument of $parse is not JSON: {error}") from None


def _random(draws: Draws) -> Callable[..., float]:
    def random(seed: Json = None, *rest: Json) -> float:
        if seed is None:
            return (draws.bits() >> 75) / (1 << 53)
        return JavaRandom(int(_number(seed, "random"))).next_double()

    return random


def _uuid(draws: Draws) -> Callable[..., str]:
    return lambda *arguments: uuid4(draws.bits())


PLAIN: dict[str, Callable[..., Any]] = {"partition": _partition, "range": _range, "hash": _hash, "parse": _parse}
"""Functions of their arguments alone."""
DRAWING: dict[str, Callable[[Draws], Callable[..., Any]]] = {"random": _random, "uuid": _uuid}
"""Functions that draw random values, made for one evaluation."""
