"""What the 18 intrinsic functions do, given their evaluated arguments.

Rounding, splitting and limits are AWS's (its developer guide, "Intrinsic functions", and recorded executions).
"""

import base64
import binascii
import hashlib
import math
from collections.abc import Callable, Hashable
from typing import TypeAlias

from stepwell.asl.javaforms import JavaRandom, java_text
from stepwell.asl.jsonpath_filters import same
from stepwell.asl.jsontext import Json, JsonTextError, decode, encode
from stepwell.asl.scope import Draws

MAX_CHARACTERS = 10_000
MAX_RANGE = 1_000
HASHES = {
    "MD5": hashlib.md5,
    "SHA-1": hashlib.sha1,
    "SHA-256": hashlib.sha256,
    "SHA-384": hashlib.sha384,
    "SHA-512": hashlib.sha512,
}


class IntrinsicError(Exception):
    """A function cannot do its work with these arguments."""


Function: TypeAlias = Callable[[list[Json], Draws], Json]


def _integer(value: Json, name: str) -> int:
    """AWS rounds numbers half up, towards positive infinity: 1.5 is 2 and -1.5 is -1."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise IntrinsicError(f"The {name} must be a number but was: {encode(value)}")
    if isinstance(value, int):
        return value
    return math.floor(value + 0.5)


def _array(value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise IntrinsicError(f"The argument must be an array but was: {encode(value)}")
    return value


def _string(value: Json) -> str:
    if not isinstance(value, str):
        raise IntrinsicError(f"The argument must be a string but was: {encode(value)}")
    return value


def _limited(value: Json) -> str:
    text = _string(value)
    if len(text) > MAX_CHARACTERS:
        raise IntrinsicError(f"The argument is longer than {MAX_CHARACTERS} characters")
    return text


FORMAT_CHARACTERS_MAX = 16 << 20
"""A template may name a large argument thousands of times: the memory is bounded before the text is made."""


def _format(arguments: list[Json], draws: Draws) -> str:
    template, values = _string(arguments[0]), iter(arguments[1:])
    parts: list[str] = []
    used = index = size = 0
    while index < len(template):
        char = template[index]
        if char == "\\" and template[index + 1 : index + 2] in ("{", "}", "\\"):
            index += 1
            parts.append(template[index])
        elif template.startswith("{}", index):
            parts.append(java_text(next(values, None)))
            used += 1
            size += len(parts[-1])
            if size > FORMAT_CHARACTERS_MAX:
                raise IntrinsicError(f"The result has more than {FORMAT_CHARACTERS_MAX} characters")
            index += 1
        else:
            parts.append(char)
        index += 1
    if used != len(arguments) - 1:
        raise IntrinsicError(f"The template has {used} placeholders for {len(arguments) - 1} arguments")
    return "".join(parts)


def _string_to_json(arguments: list[Json], draws: Draws) -> Json:
    text = _string(arguments[0])
    if not text.strip():
        return None
    try:
        return decode(text)
    except JsonTextError as error:
        raise IntrinsicError(f"The string is not JSON: {error}") from None


def _array_partition(arguments: list[Json], draws: Draws) -> list[Json]:
    array, size = _array(arguments[0]), _integer(arguments[1], "chunk size")
    if size < 1:
        raise IntrinsicError("The chunk size must be a positive integer")
    return [array[start : start + size] for start in range(0, len(array), size)]


def _array_contains(arguments: list[Json], draws: Draws) -> bool:
    return any(same(value, arguments[1]) for value in _array(arguments[0]))


def _array_range(arguments: list[Json], draws: Draws) -> list[int]:
    first, last, step = map(_integer, arguments, ("first element", "last element", "increment"))
    if step == 0:
        raise IntrinsicError("The increment must not be zero")
    values = range(first, last + (1 if step > 0 else -1), step)
    if values[MAX_RANGE:]:
        raise IntrinsicError(f"The range has more than {MAX_RANGE} elements")
    return list(values)


def _array_get_item(arguments: list[Json], draws: Draws) -> Json:
    array, index = _array(arguments[0]), _integer(arguments[1], "index")
    if not 0 <= index < len(array):
        raise IntrinsicError(f"The index {index} is out of range for an array of length {len(array)}")
    return array[index]


def _array_unique(arguments: list[Json], draws: Draws) -> list[Json]:
    unique: dict[Hashable, Json] = {}
    for value in _array(arguments[0]):
        unique.setdefault(_identity(value), value)
    return list(unique.values())


def _identity(value: Json) -> Hashable:
    """Equal for two values when they are the same JSON, as `same` has it."""
    if isinstance(value, dict):
        return dict, frozenset((name, _identity(member)) for name, member in value.items())
    if isinstance(value, list):
        return list, tuple(map(_identity, value))
    return (bool, value) if isinstance(value, bool) else value


def _base64_encode(arguments: list[Json], draws: Draws) -> str:
    return base64.b64encode(_limited(arguments[0]).encode()).decode()


def _base64_decode(arguments: list[Json], draws: Draws) -> str:
    try:
        return base64.b64decode(_limited(arguments[0]), validate=True).decode()
    except (binascii.Error, ValueError):
        raise IntrinsicError("The argument is not valid base64") from None


def _hash(arguments: list[Json], draws: Draws) -> str:
    data, algorithm = arguments
    if not isinstance(algorithm, str) or algorithm not in HASHES:
        raise IntrinsicError(f"The algorithm must be one of {', '.join(HASHES)}")
    text = _limited(data if isinstance(data, str) else encode(data))
    return HASHES[algorithm](text.encode()).hexdigest()


def _json_merge(arguments: list[Json], draws: Draws) -> dict[str, Json]:
    first, second, deep = arguments
    if not isinstance(first, dict) or not isinstance(second, dict):
        raise IntrinsicError("Both arguments to merge must be objects")
    if deep is not False:
        raise IntrinsicError("Only a shallow merge is supported: the third argument must be false")
    return first | second


def _math_random(arguments: list[Json], draws: Draws) -> int:
    start, end = _integer(arguments[0], "start"), _integer(arguments[1], "end")
    if not 0 < end - start < 1 << 31:
        raise IntrinsicError("The end number must be greater than the start number")
    if len(arguments) == 3:
        return start + JavaRandom(_integer(arguments[2], "seed")).next_int(end - start)
    return start + draws.bits() % (end - start)


def _math_add(arguments: list[Json], draws: Draws) -> int:
    return _integer(arguments[0], "first addend") + _integer(arguments[1], "second addend")


def _string_split(arguments: list[Json], draws: Draws) -> list[str]:
    """Every character of the second argument separates, and nothing empty is kept (recorded)."""
    text, separators = _string(arguments[0]), frozenset(_string(arguments[1]))
    parts, start = [], 0
    for index, char in enumerate(text):
        if char in separators:
            parts.append(text[start:index])
            start = index + 1
    parts.append(text[start:])
    return [part for part in parts if part]


def uuid4(bits: int) -> str:
    """A version 4 UUID of 128 random bits."""
    digits = f"{bits & ((1 << 128) - 1):032x}"
    # RFC 9562: the version is the 13th digit, the variant the two high bits of the 17th.
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


FUNCTIONS: dict[str, Function] = {
    "Format": _format,
    "StringToJson": _string_to_json,
    "JsonToString": lambda arguments, draws: encode(arguments[0]),
    "Array": lambda arguments, draws: arguments,
    "ArrayPartition": _array_partition,
    "ArrayContains": _array_contains,
    "ArrayRange": _array_range,
    "ArrayGetItem": _array_get_item,
    "ArrayLength": lambda arguments, draws: len(_array(arguments[0])),
    "ArrayUnique": _array_unique,
    "Base64Encode": _base64_encode,
    "Base64Decode": _base64_decode,
    "Hash": _hash,
    "JsonMerge": _json_merge,
    "MathRandom": _math_random,
    "MathAdd": _math_add,
    "StringSplit": _string_split,
    "UUID": lambda arguments, draws: uuid4(draws.bits()),
}

_ANY = 1_000_000
ARITY: dict[str, tuple[int, int]] = {
    "Format": (1, _ANY),
    "StringToJson": (1, 1),
    "JsonToString": (1, 1),
    "Array": (0, _ANY),
    "ArrayPartition": (2, 2),
    "ArrayContains": (2, 2),
    "ArrayRange": (3, 3),
    "ArrayGetItem": (2, 2),
    "ArrayLength": (1, 1),
    "ArrayUnique": (1, 1),
    "Base64Encode": (1, 1),
    "Base64Decode": (1, 1),
    "Hash": (2, 2),
    "JsonMerge": (3, 3),
    "MathRandom": (2, 3),
    "MathAdd": (2, 2),
    "StringSplit": (2, 2),
    "UUID": (0, 0),
}
"""Name -> fewest and most arguments."""
