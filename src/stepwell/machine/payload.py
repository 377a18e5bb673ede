"""A JSON document that is encoded at most once and decoded at most once."""

import hashlib
from typing import Any

from stepwell.asl.errors import too_deep
from stepwell.asl.jsontext import Json, JsonTextError, decode, encode

_ABSENT: Any = object()


class Payload:
    """A value and its JSON text, either made from the other when first asked for.

    State A's output is state B's input: both records share one Payload, so its text is made once. A text that came
    from outside is kept as sent, white space included, as AWS does.
    """

    __slots__ = ("_digest", "_size", "_text", "_value")

    def __init__(self, value: Json = _ABSENT, text: str | None = None) -> None:
        self._value = value
        self._text = text
        self._size = -1
        self._digest: bytes | None = None

    @classmethod
    def of_text(cls, text: str) -> "Payload":
        """The document of a JSON text that is already known to be valid."""
        return cls(text=text)

    @property
    def value(self) -> Json:
        if self._value is _ABSENT:
            assert self._text is not None
            try:
                self._value = decode(self._text)
            except JsonTextError:
                # It was valid where it came in; only the stack is deeper here.
                raise too_deep() from None
        return self._value

    @property
    def text(self) -> str:
        if self._text is None:
            self._text = encode(self._value)
        return self._text

    @property
    def size(self) -> int:
        """Bytes of the text in UTF-8, which is how AWS counts."""
        if self._size < 0:
            text = self.text
            self._size = len(text) if text.isascii() else len(text.encode())
        return self._size

    @property
    def digest(self) -> bytes:
        """SHA-256 of the text: the key under which a large payload is stored once."""
        if self._digest is None:
            self._digest = hashlib.sha256(self.text.encode()).digest()
        return self._digest

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Payload) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        text = self.text
        return f"Payload({text if len(text) <= 60 else text[:57] + '...'})"


EMPTY = Payload.of_text("{}")
