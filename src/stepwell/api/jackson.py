"""AWS's words for JSON that does not parse: those of Jackson, the Java library that reads it there.

Python's json module finds the place; the sentence is Jackson's. Shapes of the messages: jackson-core 2.13,
`ParserBase` and `ReaderBasedJsonParser`.
"""

import json
import re

_PARSE = "com.fasterxml.jackson.core.JsonParseException"
_EOF = "com.fasterxml.jackson.core.io.JsonEOFException"
_MISMATCH = "com.fasterxml.jackson.databind.exc.MismatchedInputException"

_VALUE = "JSON String, Number, Array, Object or token 'null', 'true' or 'false'"
_WORD = re.compile(r"[\w$]+")
_STRING = re.compile(r'"(?:\\.|[^"\\])*"', re.DOTALL)
_SHOWN = 500


def describe_error(text: str) -> str:
    """One sentence, with Jackson's exception class, on why `text` is not JSON."""
    if not text.strip():
        return f"{_MISMATCH}: No content to map due to end-of-input{_place(text, 1, 0)}"
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return _sentence(text, error.msg, _culprit(text, error))
    except RecursionError:
        return f"{_PARSE}: Document nesting depth exceeds the maximum allowed{_place(text, 1, 1)}"
    return f"{_PARSE}: Invalid numeric value or escape{_place(text, 1, 1)}"


def _culprit(text: str, error: json.JSONDecodeError) -> int:
    """Where the error is. Newer Pythons point at a trailing comma; Jackson, at what follows it."""
    if not error.msg.startswith("Illegal trailing comma"):
        return error.pos
    rest = text[error.pos + 1 :]
    return len(text) - len(rest.lstrip())


def _sentence(text: str, found: str, at: int) -> str:
    if found.startswith("Unterminated string"):
        return f"{_EOF}: Unexpected end-of-input: was expecting closing quote for a string value{_at(text, len(text))}"
    if at >= len(text):
        return f"{_EOF}: Unexpected end-of-input{_expected_close(text)}{_at(text, len(text))}"
    if found in ("Expecting value", "Extra data") and (word := _WORD.match(text, at)) and not text[at].isdigit():
        return f"{_PARSE}: Unrecognized token '{word.group()}': was expecting ({_VALUE}){_at(text, word.end())}"
    character = f"Unexpected character ('{text[at]}' (code {ord(text[at])}))"
    return f"{_PARSE}: {character}: {_wanted(text, found, at)}{_at(text, at + 1)}"


def _wanted(text: str, found: str, at: int) -> str:
    if found.startswith(("Expecting property name", "Illegal trailing comma before end of object")):
        return "was expecting double-quote to start field name"
    if found == "Expecting ':' delimiter":
        return "was expecting a colon to separate field name and value"
    if found == "Expecting ',' delimiter":
        container = {"{": "Object", "[": "Array"}[_open(text[:at])[-1]]
        return f"was expecting comma to separate {container} entries"
    return f"expected a valid value ({_VALUE})"


def _expected_close(text: str) -> str:
    opened = _open(text)
    return f": expected close marker for {'Object' if opened[-1] == '{' else 'Array'}" if opened else ""


def _open(text: str) -> list[str]:
    """The brackets that are open at the end of `text`, the innermost last."""
    stack: list[str] = []
    for bracket in re.findall(r"[\[\]{}]", _STRING.sub("", text)):
        if bracket in "[{":
            stack.append(bracket)
        elif stack:
            stack.pop()
    return stack


def _at(text: str, read: int) -> str:
    """Where Jackson is after reading so many characters."""
    before = text[:read]
    return _place(text, before.count("\n") + 1, read - (before.rfind("\n") + 1) + 1)


def _place(text: str, line: int, column: int) -> str:
    shown = text if len(text) <= _SHOWN else f'{text[:_SHOWN]}"[truncated {len(text) - _SHOWN} chars]'
    return f'\n at [Source: (String)"{shown}{"" if len(text) > _SHOWN else chr(34)}; line: {line}, column: {column}]'
