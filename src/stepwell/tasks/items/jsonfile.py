"""A JSON file whose items are the elements of an array or the members of an object, anywhere in it.

The file is scanned for where values begin and end, and only items are decoded, one at a time: a file of any size is
read in bounded memory, and reading goes on at an offset.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from stepwell.asl.errors import StatesError
from stepwell.asl.jsontext import Json, JsonTextError, decode
from stepwell.tasks.items.lines import Blocks
from stepwell.tasks.items.settings import failed

_SPACE = re.compile(rb"[ \t\r\n]*")
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_FLAT = re.compile(rb'[\[{](?:[^\[\]{}"]++|"(?:[^"\\]++|\\.)*+")*+[\]}]', re.DOTALL)
_MARK = re.compile(rb'["\[\]{}]')
_SCALAR = re.compile(rb"[^\s,:\[\]{}\"]+")
_BOM = b"\xef\xbb\xbf"


class Item(NamedTuple):
    """`key` is the member's name in an object; `position` is where to go on: an offset, and what is gone on in."""

    value: Json
    key: str | None
    position: list[Json]


def json_items(blocks: Blocks, pointer: str | None, position: list[Json] | None, bytes_max: int) -> Iterator[Item]:
    """Raises `StatesError` for what is not JSON, and for a value without items."""
    if position is not None:
        offset, opening = position
        yield from _items(_Scanner(blocks, offset, bytes_max), str(opening), begun=True)
        return
    scanner = _Scanner(blocks, 0, bytes_max)
    if pointer is not None:
        _seek(scanner, pointer)
    opening = scanner.peek()
    # Recorded on AWS for the items of an inline Map: an object is not iterated. A pointer asks for one by name.
    if opening != "[" and (opening != "{" or pointer is None):
        raise failed("Attempting to map over non-iterable node." if opening else "The file holds no JSON")
    scanner.take()
    yield from _items(scanner, opening, begun=False)
    if not pointer and scanner.peek():
        raise scanner.malformed()


def _items(scanner: "_Scanner", opening: str, begun: bool) -> Iterator[Item]:
    closing = "]" if opening == "[" else "}"
    while not scanner.closes(closing, begun):
        begun = True
        key = scanner.key() if opening == "{" else None
        value = scanner.value()
        yield Item(value, key, [scanner.offset, opening])


def _seek(scanner: "_Scanner", pointer: str) -> None:
    """Go to the value that a JSON Pointer (RFC 6901) names."""
    for token in pointer.split("/")[1:]:
        wanted = token.replace("~1", "/").replace("~0", "~")
        opening = scanner.peek()
        if opening not in ("[", "{") or not _enter(scanner, opening, wanted):
            raise failed(f"The ItemsPointer '{pointer}' refers to nothing in the file")


def _enter(scanner: "_Scanner", opening: str, wanted: str) -> bool:
    """Whether the array or object has this element or member; if so the scanner stands before its value."""
    scanner.take()
    closing, index = ("]" if opening == "[" else "}"), 0
    while not scanner.closes(closing, index > 0):
        found = scanner.key() if opening == "{" else str(index)
        if found == wanted:
            return True
        scanner.skip()
        index += 1
    return False


class _Scanner:
    """Walks over JSON text. Holds a block of it, or one value of at most `bytes_max`.

    `_at` is where it stands; offsets of what is ahead are told from there, because reading on drops what lies behind.
    """

    def __init__(self, blocks: Blocks, offset: int, bytes_max: int) -> None:
        self._blocks = blocks(offset)
        self._bytes_max = bytes_max
        self._base = offset
        self._buffer = b""
        self._at = 0
        if offset == 0:
            while len(self._buffer) < len(_BOM) and self._grow():
                pass
            self._at = len(_BOM) if self._buffer.startswith(_BOM) else 0

    @property
    def offset(self) -> int:
        return self._base + self._at

    def malformed(self, why: str = "") -> StatesError:
        return failed(f"The file is not JSON at byte {self.offset}{': ' if why else ''}{why}")

    def peek(self) -> str:
        """The next character that is no white space; "" at the end."""
        while True:
            match = _SPACE.match(self._buffer, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._buffer):
                return chr(self._buffer[self._at])
            if not self._grow():
                return ""

    def take(self) -> None:
        self._at += 1

    def closes(self, closing: str, begun: bool) -> bool:
        """Whether the array or object ends here; if not, the next value follows, after the comma that parts them."""
        found = self.peek()
        if found == closing:
            self.take()
            return True
        if begun:
            if found != ",":
                raise self.malformed()
            self.take()
        return False

    def key(self) -> str:
        """A member's name, and the colon behind it."""
        if self.peek() != '"':
            raise self.malformed()
        name = str(self.value())
        if self.peek() != ":":
            raise self.malformed()
        self.take()
        return name

    def value(self) -> Json:
        """The next value, decoded."""
        self.peek()
        end = self._end(kept=True)
        try:
            value = decode(self._buffer[self._at : self._at + end])
        except JsonTextError as error:
            raise self.malformed(str(error)) from None
        self._at += end
        return value

    def skip(self) -> None:
        """Pass over the next value. Only its brackets and strings are looked at."""
        self.peek()
        end = self._end(kept=False)
        self._at += end

    def _end(self, kept: bool) -> int:
        """Where the value ends that begins here. Of what is not `kept`, the beginning may be left behind."""
        opening = self._buffer[self._at : self._at + 1]
        if opening in (b"[", b"{"):
            return self._end_of_nested(kept)
        if opening == b'"':
            return self._end_of_string(0)
        while True:
            match = _SCALAR.match(self._buffer, self._at)
            if match is None:
                raise self.malformed()
            if match.end() < len(self._buffer) or not self._grow():
                return match.end() - self._at

    def _end_of_nested(self, kept: bool) -> int:
        flat = _FLAT.match(self._buffer, self._at)
        if flat is not None:
            return flat.end() - self._at
        depth = ahead = 0
        while True:
            mark = _MARK.search(self._buffer, self._at + ahead)
            ahead = (mark.start() if mark else len(self._buffer)) - self._at
            if not kept:
                self._at, ahead = self._at + ahead, 0
            if mark is None:
                self._need()
            elif mark[0] == b'"':
                ahead = self._end_of_string(ahead)
            else:
                ahead += 1
                depth += 1 if mark[0] in b"[{" else -1
                if depth == 0:
                    return ahead

    def _end_of_string(self, ahead: int) -> int:
        while True:
            match = _STRING.match(self._buffer, self._at + ahead)
            if match is not None:
                return match.end() - self._at
            self._need()

    def _need(self) -> None:
        if not self._grow():
            raise self.malformed("it ends early")

    def _grow(self) -> bool:
        """Hold more, if there is more, and drop what lies behind."""
        held = self._buffer[self._at :]
        if len(held) > self._bytes_max:
            raise failed(f"The item at byte {self.offset} is larger than {self._bytes_max} bytes")
        block = next(self._blocks, b"")
        self._base += self._at
        self._buffer, self._at = held + block, 0
        return bool(block)
