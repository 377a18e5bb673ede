"""What AWS's answers inherit from Java: number and map texts, class names, the random generator, the order of a map."""

from collections.abc import Sequence

from stepwell.asl.jsontext import Json, encode

_MULTIPLIER = 0x5DEECE66D
_MASK = (1 << 48) - 1


class JavaRandom:
    """java.util.Random, the linear congruential generator that its documentation specifies."""

    __slots__ = ("_state",)

    def __init__(self, seed: int) -> None:
        self._state = (seed ^ _MULTIPLIER) & _MASK

    def _next(self, bits: int) -> int:
        self._state = (self._state * _MULTIPLIER + 0xB) & _MASK
        return self._state >> (48 - bits)

    def next_double(self) -> float:
        """A double from 0 to below 1."""
        return ((self._next(26) << 27) + self._next(27)) / (1 << 53)

    def next_int(self, bound: int) -> int:
        """An integer from 0 to below `bound`, which is at most 2^31 - 1."""
        draw = self._next(31)
        if bound & (bound - 1) == 0:
            return (bound * draw) >> 31
        while draw - draw % bound + bound - 1 >= 1 << 31:
            draw = self._next(31)
        return draw % bound


def java_class(value: Json) -> str:
    """The class name that Jayway prints for a value that is not an object."""
    match value:
        case None:
            return "null"
        case bool():
            return "java.lang.Boolean"
        case int():
            if -(2**31) <= value < 2**31:
                return "java.lang.Integer"
            return "java.lang.Long" if -(2**63) <= value < 2**63 else "java.math.BigInteger"
        case float():
            return "java.lang.Double"
        case str():
            return "java.lang.String"
    return "net.minidev.json.JSONArray"


def java_text(value: Json) -> str:
    """`String.valueOf`: objects as `{a=1, b=[]}`, strings bare, null as `null`."""
    match value:
        case str():
            return value
        case None | bool() | int():
            return encode(value)
        case float():
            return java_double(value)
        case list():
            return "[" + ", ".join(map(java_text, value)) + "]"
    return "{" + ", ".join(f"{key}={java_text(member)}" for key, member in value.items()) + "}"


def java_double(value: float) -> str:
    """`Double.toString`: plain from 0.001 to below ten million, otherwise with an exponent such as `1.0E10`."""
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(value)
    mantissa, _, exponent = f"{value!r}".partition("e")
    if not exponent:
        digits, power = _scientific(mantissa)
        return f"{digits}E{power}"
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}E{int(exponent)}"


def _scientific(plain: str) -> tuple[str, int]:
    sign = "-" if plain.startswith("-") else ""
    whole, _, fraction = plain.lstrip("-").partition(".")
    digits = whole + fraction
    leading = len(digits) - len(digits.lstrip("0"))
    significant = digits.strip("0")
    return f"{sign}{significant[0]}.{significant[1:] or '0'}", len(whole) - 1 - leading


def hash_order(names: Sequence[str]) -> list[int]:
    """In which order `HashMap` gives keys that were put in as `names`; indices into it."""
    capacity = 16
    while len(names) > capacity * 3 // 4:
        capacity *= 2
    # Sorting keeps the order of what falls into one place, as the table does.
    return sorted(range(len(names)), key=lambda index: _spread(java_hash(names[index])) & (capacity - 1))


def java_hash(text: str) -> int:
    """`String.hashCode` without its sign, over UTF-16."""
    units = text.encode("utf-16-be", "surrogatepass")
    code = 0
    for high, low in zip(units[::2], units[1::2], strict=True):
        code = (31 * code + (high << 8 | low)) & 0xFFFFFFFF
    return code


def _spread(code: int) -> int:
    return code ^ code >> 16
