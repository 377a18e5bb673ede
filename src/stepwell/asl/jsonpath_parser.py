"""Text to tokens: the grammar of Jayway json-path 2.10, the dialect that AWS Step Functions speaks, with its messages.

The grammar was taken from the behaviour of that library, oddities included: a definition that deploys on AWS must
compile here, and one that does not must be refused with the same words.
"""

from dataclasses import dataclass
from typing import TypeAlias

from stepwell.asl.jsontext import Json, JsonTextError, decode


class PathSyntaxError(ValueError):
    """The text is not a path; the message is Jayway's."""


@dataclass(frozen=True, slots=True)
class Names:
    """`.a`, `['a']` or `['a','b']`; `quote` is how they were quoted, which messages repeat."""

    names: tuple[str, ...]
    quote: str

    def __str__(self) -> str:
        return "[" + ",".join(f"{self.quote}{name}{self.quote}" for name in self.names) + "]"


@dataclass(frozen=True, slots=True)
class Indexes:
    """`[0]`, `[-1]` or `[0,2]`."""

    indexes: tuple[int, ...]

    def __str__(self) -> str:
        return f"[{','.join(map(str, self.indexes))}]"


@dataclass(frozen=True, slots=True)
class Slice:
    """`[1:]`, `[:2]` or `[1:3]`; a step is read and ignored, as Jayway does."""

    start: int | None
    stop: int | None

    def __str__(self) -> str:
        return f"[{'' if self.start is None else self.start}:{'' if self.stop is None else self.stop}]"


@dataclass(frozen=True, slots=True)
class Wildcard:
    """`.*` or `[*]`."""

    def __str__(self) -> str:
        return "[*]"


@dataclass(frozen=True, slots=True)
class Scan:
    """`..`: what follows applies to every value below."""

    def __str__(self) -> str:
        return ".."


@dataclass(frozen=True, slots=True)
class Filter:
    """`[?(…)]`; `criteria` is the whole bracket."""

    criteria: str

    def __str__(self) -> str:
        return "[?]"


@dataclass(frozen=True, slots=True)
class Call:
    """`.length()` and its like. An argument is a JSON value or the text of a path."""

    name: str
    arguments: tuple["Argument", ...]

    def __str__(self) -> str:
        return f".{self.name}({'...' if self.arguments else ''})"


@dataclass(frozen=True, slots=True)
class Argument:
    path: str | None
    value: Json = None


Token: TypeAlias = Names | Indexes | Slice | Wildcard | Scan | Filter | Call

_CLOSING = {"(": ")", "[": "]", "{": "}"}


class Cursor:
    """A position in a text; reading outside it gives the empty string."""

    __slots__ = ("end", "position", "text")

    def __init__(self, text: str, position: int = 0, end: int | None = None) -> None:
        self.text = text
        self.position = position
        self.end = len(text) if end is None else end

    @property
    def char(self) -> str:
        return self.at(self.position)

    def at(self, index: int) -> str:
        return self.text[index] if 0 <= index < self.end else ""

    def significant(self, index: int) -> int:
        """The first index from `index` on that holds no blank."""
        while self.at(index) == " ":
            index += 1
        return index

    def is_tail(self) -> bool:
        """Jayway's end test: a lone last character after a complete token is ignored (`$.a[` reads `$.a`)."""
        return self.position >= self.end - 1

    def closing(self, opening: int) -> int:
        """The index of the bracket that closes the one at `opening`, or -1; skips strings and regular expressions."""
        open_char, close_char = self.text[opening], _CLOSING[self.text[opening]]
        depth, index = 0, opening
        while index < self.end:
            char = self.text[index]
            if char in "'\"" or (char == "/" and open_char == "("):
                index = self.unescaped(index + 1, char)
                if index < 0:
                    raise PathSyntaxError(f"Could not find matching close quote for {char} when parsing : {self.text}")
            elif char == open_char:
                depth += 1
            elif char == close_char:
                depth -= 1
                if depth == 0:
                    return index
            index += 1
        return -1

    def unescaped(self, index: int, wanted: str) -> int:
        """The next `wanted` from `index` on that no backslash precedes, or -1."""
        while index < self.end:
            char = self.text[index]
            if char == "\\":
                index += 1
            elif char == wanted:
                return index
            index += 1
        return -1


def parse_path(text: str) -> tuple[str, list[Token]]:
    """The root (`$` or `@`) and the tokens of a path. Raises `PathSyntaxError`."""
    if not text:
        raise PathSyntaxError("json can not be null or empty")
    text = text.rstrip(" ")
    if not text.startswith(("$", "@")):
        text = "$." + text
    if text.endswith("."):
        raise PathSyntaxError("Path must not end with a '.' or '..'")
    cursor = Cursor(text)
    tokens: list[Token] = []
    if not cursor.is_tail():
        cursor.position = 1
        if cursor.char not in (".", "["):
            raise PathSyntaxError("Illegal character at position 1 expected '.' or '['")
        _read_tokens(cursor, tokens)
    return text[0], tokens


def _read_tokens(cursor: Cursor, tokens: list[Token]) -> None:
    _read_token(cursor, tokens)
    while not cursor.is_tail():
        _read_token(cursor, tokens)


def _read_token(cursor: Cursor, tokens: list[Token]) -> None:
    if cursor.char == ".":
        _read_dots(cursor, tokens)
    if cursor.char == "[":
        tokens.append(_read_bracket(cursor))
    elif cursor.char == "*":
        cursor.position += 1
        tokens.append(Wildcard())
    else:
        tokens.append(_read_property(cursor))


def _read_dots(cursor: Cursor, tokens: list[Token]) -> None:
    cursor.position += 1
    if cursor.char == ".":
        cursor.position += 1
        tokens.append(Scan())
    if cursor.char == ".":
        raise PathSyntaxError(f"Character '.' on position {cursor.position} is not valid.")


def _read_property(cursor: Cursor) -> Token:
    start = cursor.position
    if cursor.char in ("", " "):
        raise PathSyntaxError(f"Could not parse token starting at position {start}")
    index = start
    while index < cursor.end and cursor.text[index] not in ".[(":
        if cursor.text[index] == " ":
            raise PathSyntaxError(
                f"Use bracket notion ['my prop'] if your property contains blank characters. position: {start}"
            )
        index += 1
    name = cursor.text[start:index]
    cursor.position = index
    if cursor.char == "(":
        return _read_call(cursor, name)
    return Names((name,), "'")


def _read_bracket(cursor: Cursor) -> Token:
    first = cursor.at(cursor.significant(cursor.position + 1))
    token: Token | None = None
    if first in ("'", '"'):
        return _read_names(cursor, first)
    if first == "*":
        return _read_wildcard(cursor)
    if first.isdigit() or first in ("-", ":"):
        token = _read_array_token(cursor)
    elif first == "?":
        token = _read_filter(cursor)
    if token is None:
        raise PathSyntaxError(f"Could not parse token starting at position {cursor.position}. Expected ?, ', 0-9, * ")
    return token


def _read_names(cursor: Cursor, quote: str) -> Names:
    names: list[str] = []
    index = cursor.position + 1
    after_comma = True
    while True:
        index = cursor.significant(index)
        char = cursor.at(index)
        if char == quote:
            name, index = _read_name(cursor, index, quote)
            names.append(name)
            after_comma = False
        elif char in (",", "]"):
            if after_comma:
                raise PathSyntaxError(f"Found empty property at index {index}")
            if char == "]":
                cursor.position = index + 1
                return Names(tuple(names), quote)
            after_comma = True
            index += 1
        else:
            raise PathSyntaxError("Property has not been closed - missing closing ]")


def _read_name(cursor: Cursor, index: int, quote: str) -> tuple[str, int]:
    close = cursor.unescaped(index + 1, quote)
    if close < 0:
        raise PathSyntaxError(f"Property has not been closed - missing closing {quote}")
    if cursor.at(cursor.significant(close + 1)) not in (",", "]"):
        raise PathSyntaxError(
            f"Property must be separated by comma or Property must be terminated close square bracket at index {close}"
        )
    return _unescape_name(cursor.text[index + 1 : close], quote), close + 1


def _unescape_name(name: str, quote: str) -> str:
    # AWS deviates from Jayway here: only the delimiter is unescaped, so `\"` in single quotes stays two characters.
    return name.replace("\\" + quote, quote) if "\\" in name else name


def _read_wildcard(cursor: Cursor) -> Wildcard:
    star = cursor.significant(cursor.position + 1)
    close = cursor.significant(star + 1)
    if cursor.at(close) != "]":
        raise PathSyntaxError(f"Expected wildcard token to end with ']' on position {star + 1}")
    cursor.position = close + 1
    return Wildcard()


def _read_array_token(cursor: Cursor) -> Indexes | Slice | None:
    close = cursor.text.find("]", cursor.position, cursor.end)
    if close < 0:
        return None
    expression = cursor.text[cursor.position + 1 : close].strip()
    if not all(char.isdigit() or char in ",-: " for char in expression):
        return None
    cursor.position = close + 1
    return _parse_slice(expression) if ":" in expression else _parse_indexes(expression)


def _parse_slice(expression: str) -> Slice:
    parts = expression.split(":")
    try:
        start, stop = (int(part) if part else None for part in parts[:2])
    except ValueError:
        raise PathSyntaxError(f"Failed to parse SliceOperation: {expression}") from None
    if start is None and stop is None:
        raise PathSyntaxError(f"Failed to parse SliceOperation: {expression}")
    return Slice(start, stop)


def _parse_indexes(expression: str) -> Indexes:
    indexes = []
    for part in expression.split(","):
        try:
            indexes.append(int(part))
        except ValueError:
            raise PathSyntaxError(f"Failed to parse token in ArrayIndexOperation: {part.strip()}") from None
    return Indexes(tuple(indexes))


def _read_filter(cursor: Cursor) -> Filter | None:
    question_mark = cursor.significant(cursor.position + 1)
    opening = cursor.significant(question_mark + 1)
    if cursor.at(opening) != "(":
        return None
    closing = cursor.closing(opening)
    bracket = cursor.significant(closing + 1)
    if closing < 0 or cursor.at(bracket) != "]":
        return None
    criteria = cursor.text[cursor.position : bracket + 1]
    cursor.position = bracket + 1
    return Filter(criteria)


def _read_call(cursor: Cursor, name: str) -> Call:
    opening = cursor.position
    closing = cursor.closing(opening)
    if closing < 0:
        raise PathSyntaxError(f"Arguments to function: '{name}' are not closed properly.")
    arguments = [_parse_argument(part) for part in _split_arguments(cursor, opening + 1, closing)]
    cursor.position = closing + 1
    return Call(name, tuple(argument for argument in arguments if argument is not None))


def _split_arguments(cursor: Cursor, start: int, end: int) -> list[str]:
    parts, index = [], start
    while index < end:
        char = cursor.text[index]
        if char in _CLOSING:
            index = max(cursor.closing(index), index)
        elif char in "'\"":
            index = max(cursor.unescaped(index + 1, char), index)
        elif char == ",":
            parts.append(cursor.text[start:index])
            start = index + 1
        index += 1
    parts.append(cursor.text[start:end])
    return [part.strip() for part in parts]


def _parse_argument(text: str) -> Argument | None:
    """Jayway drops an argument that is neither JSON nor a path, such as one in single quotes."""
    if text.startswith(("$", "@")):
        return Argument(path=text)
    if not (text[:1].isdigit() or text[:1] in ("{", '"', "-")) or not text:
        return None
    try:
        return Argument(path=None, value=decode(text))
    except JsonTextError:
        raise PathSyntaxError(f"Failed to parse function argument: {text}") from None
