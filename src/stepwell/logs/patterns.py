"""CloudWatch Logs' filter patterns, compiled to a function that says whether a message matches.

Terms: each must be there, of those with `?` one, and none with `-`; quoted where they are more than letters, digits and
underscores. JSON: `{ $.type = "TaskFailed" && ($.attempt > 2 || $.name = charge*) }`. Source: the page "Filter pattern
syntax" of CloudWatch Logs' user guide. Regular expressions and the patterns of space-delimited fields are refused.
A pattern is a client's, so its nesting is bounded and to match takes time linear in the message.
"""

import operator
import re
from collections.abc import Callable
from typing import Any, TypeAlias

from stepwell.asl.jsontext import Json, JsonTextError, decode

NESTING_MAX = 50

Matches: TypeAlias = Callable[[str], bool]
Condition: TypeAlias = Callable[[Json], bool]

_ABSENT = object()

_TERM = re.compile(r'(?P<sign>[?-]?)(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^\s"]+))(?=\s|$)')
_BARE = re.compile(r"[A-Za-z0-9_]+")

_TOKEN = re.compile(
    r'\s*(?:(?P<mark>&&|\|\||[()])|(?P<operator>!=|<=|>=|=|<|>)|"(?P<quoted>(?:[^"\\]|\\.)*)"'
    r'|(?P<selector>\$(?:\.[\w-]+|\["[^"\]]*"\]|\[\d{1,9}\])*)|(?P<word>[^\s"()&|=<>!]+))'
)
_PART = re.compile(r'\.([\w-]+)|\["([^"\]]*)"\]|\[(\d+)\]')
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")

_ORDERS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


class InvalidPattern(ValueError):
    """The text says what is wrong with a pattern."""


def compile_filter(pattern: str) -> Matches:
    """What tells whether a message matches. Raises `InvalidPattern`."""
    text = pattern.strip()
    if text.startswith("{"):
        return _json(text)
    if text.startswith("["):
        raise InvalidPattern("patterns of space-delimited fields are not supported here")
    return _terms(text)


# --- terms


def _terms(text: str) -> Matches:
    found: dict[str, list[str]] = {"": [], "?": [], "-": []}
    at = 0
    while at < len(text):
        match = _TERM.match(text, at)
        if match is None:
            raise InvalidPattern(f"Invalid character(s) in term '{text[at:]}'")
        found[match["sign"]].append(_term(match))
        at = match.end()
        at += len(text[at:]) - len(text[at:].lstrip())
    wanted, either, unwanted = found[""], found["?"], found["-"]

    def matches(message: str) -> bool:
        if any(term in message for term in unwanted) or not all(term in message for term in wanted):
            return False
        # AWS does not look at optional terms where there are others.
        return bool(wanted) or not either or any(term in message for term in either)

    return matches


def _term(match: re.Match[str]) -> str:
    if match["quoted"] is not None:
        return _unescaped(match["quoted"])
    if not _BARE.fullmatch(match["bare"]):
        raise InvalidPattern(f"Invalid character(s) in term '{match['bare']}'")
    return match["bare"]


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


# --- JSON


def _json(text: str) -> Matches:
    if not text.endswith("}"):
        raise InvalidPattern("a JSON pattern ends with '}'")
    condition = _Parser(text[1:-1]).parse()

    def matches(message: str) -> bool:
        if not message.lstrip().startswith("{"):
            return False
        try:
            return condition(decode(message))
        except JsonTextError:
            return False

    return matches


class _Parser:
    """Reads conditions by recursive descent; && binds more tightly than ||."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._at = 0
        self._depth = 0

    def parse(self) -> Condition:
        condition = self._any()
        if self._at < len(self._tokens):
            raise InvalidPattern(f"'{self._next()[1]}' is not expected there")
        return condition

    def _any(self) -> Condition:
        conditions = [self._all()]
        while self._takes("||"):
            conditions.append(self._all())
        return conditions[0] if len(conditions) == 1 else lambda value: any(each(value) for each in conditions)

    def _all(self) -> Condition:
        conditions = [self._one()]
        while self._takes("&&"):
            conditions.append(self._one())
        return conditions[0] if len(conditions) == 1 else lambda value: all(each(value) for each in conditions)

    def _one(self) -> Condition:
        if not self._takes("("):
            return self._comparison()
        self._depth += 1
        if self._depth > NESTING_MAX:
            raise InvalidPattern(f"parentheses are nested more than {NESTING_MAX} deep")
        condition = self._any()
        self._depth -= 1
        if not self._takes(")"):
            raise InvalidPattern("a parenthesis is not closed")
        return condition

    def _comparison(self) -> Condition:
        kind, text = self._next()
        if kind != "selector":
            raise InvalidPattern(f"a selector such as $.type is expected, not '{text}'")
        select = _selector(text)
        kind, text = self._next()
        if kind == "operator":
            return _compared(select, text, *self._next())
        words = f"{text} {self._next()[1]}".upper()
        if words not in _STATES:
            raise InvalidPattern(f"'{words}' is no comparison: use =, !=, <, >, <=, >=, IS NULL, IS TRUE or NOT EXISTS")
        holds = _STATES[words]
        return lambda value: holds(select(value))

    def _takes(self, mark: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] == ("mark", mark):
            self._at += 1
            return True
        return False

    def _next(self) -> tuple[str, str]:
        if self._at == len(self._tokens):
            raise InvalidPattern("the pattern ends too early")
        self._at += 1
        return self._tokens[self._at - 1]


_STATES: dict[str, Callable[[Any], bool]] = {
    "IS NULL": lambda found: found is None,
    "IS TRUE": lambda found: found is True,
    "IS FALSE": lambda found: found is False,
    "NOT EXISTS": lambda found: found is _ABSENT,
}


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    text = text.rstrip()
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise InvalidPattern(f"'{text[at:].strip()}' cannot be read")
        kind = match.lastgroup
        assert kind is not None
        found.append((kind, match[kind]))
        at = match.end()
    return found


def _selector(text: str) -> Callable[[Json], Any]:
    parts: list[str | int] = [
        int(index) if index else name or quoted for name, quoted, index in _PART.findall(text)
    ]  # fmt: skip

    def select(value: Any) -> Any:
        for part in parts:
            if isinstance(part, str):
                value = value.get(part, _ABSENT) if isinstance(value, dict) else _ABSENT
            else:
                value = value[part] if isinstance(value, list) and part < len(value) else _ABSENT
        return value

    return select


def _compared(select: Callable[[Json], Any], sign: str, kind: str, text: str) -> Condition:
    if kind not in ("quoted", "word"):
        raise InvalidPattern(f"a value is expected, not '{text}'")
    if kind == "word" and text.startswith("%"):
        raise InvalidPattern("regular expressions are not supported here")
    number = float(text) if kind == "word" and _NUMBER.fullmatch(text) else None
    if sign in _ORDERS:
        if number is None:
            raise InvalidPattern(f"'{sign}' compares with numbers, not with '{text}'")
        order = _ORDERS[sign]
        return lambda value: _is_number(select(value)) and order(select(value), number)
    equals = _equals(number, _unescaped(text) if kind == "quoted" else text)
    if sign == "=":
        return lambda value: equals(select(value))
    return lambda value: select(value) is not _ABSENT and not equals(select(value))


def _equals(number: float | None, text: str) -> Callable[[Any], bool]:
    if number is not None:
        return lambda found: _is_number(found) and found == number
    fits = _wildcard(text)
    return lambda found: isinstance(found, str) and fits(found)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _wildcard(pattern: str) -> Matches:
    """A text in which each `*` stands for anything. Each part is looked for once, from left to right."""
    first, *rest = pattern.split("*")
    if not rest:
        return lambda text: text == pattern
    *middle, last = rest

    def fits(text: str) -> bool:
        if not text.startswith(first):
            return False
        at = len(first)
        for part in middle:
            at = text.find(part, at)
            if at < 0:
                return False
            at += len(part)
        return text.endswith(last) and len(text) - len(last) >= at

    return fits
