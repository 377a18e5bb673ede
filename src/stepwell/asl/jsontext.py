"""JSON text to value and back, in one place.

msgspec decodes, because it keeps integers beyond 64 bits exactly; orjson encodes, because it is fastest. Values are
treated as immutable everywhere: they are shared, never copied, and a change copies only the spine it changes.
"""

from typing import Any, TypeAlias

import msgspec
import orjson

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
    """Compact JSON text. Integers beyond 64 bits, which orjson refuses, go through msgspec."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return msgspec.json.encode(value).decode()
