"""JSON text to value and back, in one place.

msgspec decodes, because it keeps integers beyond 64 bits exactly; orjson encodes, because it is fastest. Values are
treated as immutable everywhere: they are shared, never copied, and a change copies only the spine it changes.
"""

from typing import Any, TypeAlias

import msgspec
import orjson

from stepwell.asl.errors import too_deep

Json: TypeAlias = Any
"""None, bool, int, float, str, list or dict with string keys. `Any`, because mypy's recursive form only adds casts."""


class JsonTextError(ValueError):
    """The text is not JSON; the message says where."""


_decoder = msgspec.json.Decoder()


def decode(text: str | bytes) -> Json:
    """The value of a JSON text. Raises `JsonTextError`."""
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise JsonTextError(str(error)) from None


def encode(value: Json) -> str:
    """Compact JSON text. Raises `StatesError` for what is nested too deeply, about 900 levels.

    Integers beyond 64 bits, and what is nested deeper than 254 levels, orjson refuses: they go through msgspec.
    """
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        pass
    try:
        return msgspec.json.encode(value).decode()
    except RecursionError:
        raise too_deep() from None
