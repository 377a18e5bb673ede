"""Filters of JSONPath, `[?(@.price > 10 && @.name in ['a'])]`: parsed and compiled to a predicate.

Grammar, coercions and messages are those of Jayway json-path 2.10: a string and a number compare equal when one reads
as the other, ordering needs two numbers or two strings, `=~` matches the whole text, and a test that makes no sense
for the values at hand makes the whole filter false instead of failing.
"""

import re
from collections.abc import Callable
from typing import TypeAlias

import regex

from stepwell.asl.errors import RUNTIME, StatesError
from stepwell.asl.jsonpath_parser import Cursor, PathSyntaxError
from stepwell.asl.jsontext import Json

Predicate: TypeAlias = Callable[[Json, Json], bool]
"""(item, root) -> does it match?"""
Operand: TypeAlias = Callable[[Json, Json], Json]
"""(item, root) -> value, or `MISSING`."""


class _Missing:
    """The type of `MISSING`: a path in a filter found nothing."""


MISSING = _Missing()


class _Unfit(Exception):
    """An operator met values it is not made for: the whole filter is false."""


class PathCompiler:
    """What a filter needs to know of paths, given by the module that compiles them."""

    __slots__ = ("exists", "value")

    def __init__(self, value: Callable[[str], Operand], exists: Callable[[str], Predicate]) -> None:
        self.value = value
        self.exists = exists


def compile_filter(criteria: str, paths: PathCompiler, barewords: bool) -> Predicate:
    """The predicate of a whole bracket such as `[?(@.a > 1)]`. Raises `PathSyntaxError`.

    `barewords`: an unquoted word is a string, which Jayway 2.10 refuses and AWS accepts.
    """
    start = criteria.index("(")
    parser = _Parser(criteria, start, criteria.rindex(")") + 1, paths, barewords)
    try:
        test = parser.read_or()
    except RecursionError:
        raise PathSyntaxError("Failed to parse filter: nested too deep") from None
    parser.skip_blanks()
    if parser.cursor.char:
        rest = criteria[parser.cursor.position : parser.cursor.end]
        raise PathSyntaxError(f"Expected end of filter expression instead of: {rest}")

    def predicate(item: Json, root: Json) -> bool:
        try:
            return test(item, root)
        except _Unfit:
            return False

    return predicate


class _Parser:
    """Recursive descent. Jayway backs out of an operator that it cannot read and takes what stands left of it as an
    existence test; what is then left over fails at the closing parenthesis."""

    __slots__ = ("barewords", "cursor", "paths")

    def __init__(self, criteria: str, start: int, end: int, paths: PathCompiler, barewords: bool) -> None:
        self.cursor = Cursor(criteria, start, end)
        self.paths = paths
        self.barewords = barewords

    def skip_blanks(self) -> str:
        self.cursor.position = self.cursor.significant(self.cursor.position)
        return self.cursor.char

    def read_or(self) -> Predicate:
        return self._read_chain("||", self._read_and)

    def _read_and(self) -> Predicate:
        return self._read_chain("&&", self._read_term)

    def _read_chain(self, operator: str, read: Callable[[], Predicate]) -> Predicate:
        terms = [read()]
        while True:
            saved = self.cursor.position
            self.skip_blanks()
            if not self.cursor.text.startswith(operator, self.cursor.position, self.cursor.end):
                self.cursor.position = saved
                break
            self.cursor.position += len(operator)
            terms.append(read())
        if len(terms) == 1:
            return terms[0]
        if operator == "||":
            return lambda item, root: any(term(item, root) for term in terms)
        return lambda item, root: all(term(item, root) for term in terms)

    def _read_term(self) -> Predicate:
        saved = self.cursor.position
        char = self.skip_blanks()
        if char == "!":
            self.cursor.position += 1
            if self.skip_blanks() not in ("$", "@"):
                term = self._read_term()
                return lambda item, root: not term(item, root)
            self.cursor.position = saved
        elif char == "(":
            return self._read_group()
        return self._read_comparison()

    def _read_group(self) -> Predicate:
        self.cursor.position += 1
        term = self.read_or()
        if self.skip_blanks() != ")":
            raise PathSyntaxError("Expected character: )")
        self.cursor.position += 1
        return term

    def _read_comparison(self) -> Predicate:
        negated = self.skip_blanks() == "!"
        if negated:
            self.cursor.position += 1
            self.skip_blanks()
        start = self.cursor.position
        left = self._read_operand()
        end = self.cursor.position
        operator = self._read_operator()
        if operator is not None:
            right = self._read_operand()
            return lambda item, root: operator(left(item, root), right(item, root))
        self.cursor.position = end
        text = self.cursor.text[start:end]
        if not text.startswith(("$", "@")):
            raise PathSyntaxError("Expected path node")
        exists = self.paths.exists(text)
        return (lambda item, root: not exists(item, root)) if negated else exists

    def _read_operator(self) -> "Operator | None":
        self.skip_blanks()
        start = self.cursor.position
        symbolic = self.cursor.char in tuple("<>=~!")
        while self.cursor.char and (self.cursor.char in "<>=~!" if symbolic else self.cursor.char != " "):
            self.cursor.position += 1
        return _OPERATORS.get(self.cursor.text[start : self.cursor.position].lower())

    def _read_operand(self) -> Operand:
        char = self.skip_blanks()
        if char in ("$", "@"):
            return self.paths.value(self._read_path())
        value = self._read_literal(char)
        return lambda item, root: value

    def _read_path(self) -> str:
        start = self.cursor.position
        self.cursor.position += 1
        while self.cursor.char and self.cursor.char not in "<>=~! ":
            if self.cursor.char in "[(":
                closing = self.cursor.closing(self.cursor.position)
                if closing < 0:
                    raise PathSyntaxError(f"Square brackets does not match in filter {self.cursor.text}")
                self.cursor.position = closing
            elif self.cursor.char == ")":
                break
            self.cursor.position += 1
        return self.cursor.text[start : self.cursor.position]

    def _read_literal(self, char: str) -> Json:
        if char in ("'", '"'):
            return self._read_string(char)
        if char == "/":
            return self._read_pattern()
        if char in ("[", "{"):
            return self._read_json(char)
        word = self._word()
        if word in _WORDS:
            self.cursor.position += len(word)
            return _WORDS[word]
        return self._read_number(word)

    def _word(self) -> str:
        return self._matched(_WORD)

    def _matched(self, pattern: "re.Pattern[str]") -> str:
        match = pattern.match(self.cursor.text, self.cursor.position, self.cursor.end)
        return match.group() if match else ""

    def _read_number(self, word: str) -> Json:
        text = self._matched(_NUMBER_CHARACTERS)
        number = _number(text)
        if number is not None:
            self.cursor.position += len(text)
            return number
        if self.barewords and word:
            self.cursor.position += len(word)
            return word
        self.cursor.position += len(text)
        position = self.cursor.position
        criteria = self.cursor.text
        raise PathSyntaxError(
            f"Failed to parse filter: {criteria}, error on position: {position}, char: {criteria[position]}"
        )

    def _read_string(self, quote: str) -> str:
        start = self.cursor.position + 1
        close = self.cursor.unescaped(start, quote)
        if close < 0:
            text = self.cursor.text
            raise PathSyntaxError(f"String literal does not have matching quotes. Expected {quote} in {text}")
        self.cursor.position = close + 1
        return _unescape(self.cursor.text[start:close])

    def _read_pattern(self) -> "regex.Pattern[str]":
        start = self.cursor.position + 1
        close = self.cursor.unescaped(start, "/")
        if close < 0:
            raise PathSyntaxError(f"Pattern not closed. Expected / in {self.cursor.text}")
        self.cursor.position = close + 1
        letters = self._word()
        self.cursor.position += len(letters)
        flags = 0
        for letter in letters:
            flags |= _FLAGS.get(letter, 0)
        try:
            return regex.compile(self.cursor.text[start:close], flags)
        except (regex.error, OverflowError, RecursionError):
            raise PathSyntaxError(f"Failed to parse pattern: {self.cursor.text[start:close]}") from None

    def _read_json(self, opening: str) -> Json:
        close = self.cursor.closing(self.cursor.position)
        if close < 0:
            raise PathSyntaxError(f"String not closed. Expected ' in {self.cursor.text}")
        return self._read_array() if opening == "[" else self._read_object()

    def _read_array(self) -> list[Json]:
        self.cursor.position += 1
        values: list[Json] = []
        while self.skip_blanks() != "]":
            values.append(self._read_member())
            if self.skip_blanks() == ",":
                self.cursor.position += 1
            elif self.cursor.char != "]":
                raise PathSyntaxError(f"Failed to parse array in filter: {self.cursor.text}")
        self.cursor.position += 1
        return values

    def _read_object(self) -> dict[str, Json]:
        self.cursor.position += 1
        values: dict[str, Json] = {}
        while self.skip_blanks() != "}":
            key = str(self._read_member())
            if self.skip_blanks() != ":":
                raise PathSyntaxError(f"Failed to parse object in filter: {self.cursor.text}")
            self.cursor.position += 1
            self.skip_blanks()
            values[key] = self._read_member()
            if self.skip_blanks() == ",":
                self.cursor.position += 1
        self.cursor.position += 1
        return values

    def _read_member(self) -> Json:
        char = self.cursor.char
        if char in ("", "/", ")"):
            raise PathSyntaxError(f"Failed to parse value in filter: {self.cursor.text}")
        return self._read_literal(char)


_WORD = re.compile(r"\w*")
_NUMBER_CHARACTERS = re.compile(r"[-.\deE]*")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)
_WORDS = {"true": True, "false": False, "null": None}
_FLAGS = {"i": regex.IGNORECASE, "m": regex.MULTILINE, "s": regex.DOTALL, "x": regex.VERBOSE}

MATCH_SECONDS_MAX = 0.1
"""For one text. A pattern such as `(a+)+b` takes time exponential in it, and nothing else could stop that."""


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text
    escapes = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
    return re.sub(r"\\(.)", lambda match: escapes.get(match[1], match[1]), text, flags=re.DOTALL)


def _number(text: str) -> int | float | None:
    """The number that Java's BigDecimal would read, else None."""
    if not _NUMBER.fullmatch(text):
        return None
    try:
        return int(text)
    except ValueError:
        return float(text)


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


Operator: TypeAlias = Callable[[Json, Json], bool]


def same(left: Json, right: Json) -> bool:
    """JSON equality: as Python's, but true is not 1, at any depth."""
    if isinstance(left, dict):
        return (
            isinstance(right, dict)
            and left.keys() == right.keys()
            and all(same(value, right[key]) for key, value in left.items())
        )
    if isinstance(left, list):
        return isinstance(right, list) and len(left) == len(right) and all(map(same, left, right))
    return bool(left == right) and isinstance(left, bool) == isinstance(right, bool)


def _equals(left: Json, right: Json) -> bool:
    if left is MISSING or right is MISSING:
        return False
    if isinstance(left, str) and _is_number(right):
        return left == str(right)
    if _is_number(left) and isinstance(right, str):
        return bool(left == _number(right))
    return same(left, right)


def _strictly_equals(left: Json, right: Json) -> bool:
    kinds = [
        "number" if _is_number(value) else "json" if isinstance(value, list | dict) else type(value).__name__
        for value in (left, right)
    ]
    return kinds[0] == kinds[1] and _equals(left, right)


def _ordered(compare: Callable[[Json, Json], bool]) -> Operator:
    def test(left: Json, right: Json) -> bool:
        comparable = (_is_number(left) and _is_number(right)) or (isinstance(left, str) and isinstance(right, str))
        return comparable and compare(left, right)

    return test


def _matches(left: Json, right: Json) -> bool:
    pattern, subject = (left, right) if isinstance(left, regex.Pattern) else (right, left)
    if not isinstance(pattern, regex.Pattern) or isinstance(subject, regex.Pattern):
        return False
    subjects = subject if isinstance(subject, list) else [subject]
    try:
        return any(pattern.fullmatch(_pattern_input(each), timeout=MATCH_SECONDS_MAX) for each in subjects)
    except TimeoutError:
        raise StatesError(
            RUNTIME, f"The regular expression /{pattern.pattern}/ takes more than {MATCH_SECONDS_MAX} s on one text."
        ) from None


def _pattern_input(value: Json) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else ""


def _list(value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise _Unfit
    return value


def _within(value: Json, values: list[Json]) -> bool:
    return any(_equals(value, each) for each in values)


def _in(left: Json, right: Json) -> bool:
    return not isinstance(right, dict) and _within(left, _list(right))


def _contains(left: Json, right: Json) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        return right in left
    return isinstance(left, list) and _within(right, left)


def _size(left: Json, right: Json) -> bool:
    return _is_number(right) and isinstance(left, str | list) and len(left) == int(right)


def _empty(left: Json, right: Json) -> bool:
    if not isinstance(left, str | list | dict):
        return False
    if not isinstance(right, bool):
        raise _Unfit
    return (not left) == right


def _subset(left: Json, right: Json) -> bool:
    wanted = _list(right)
    return all(_within(value, wanted) for value in _list(left))


def _any_of(left: Json, right: Json) -> bool:
    wanted = _list(right)
    return any(_within(value, wanted) for value in _list(left))


def _none_of(left: Json, right: Json) -> bool:
    return not _any_of(left, right)


def _all_of(left: Json, right: Json) -> bool:
    return isinstance(left, list) and all(_within(value, left) for value in _list(right))


_OPERATORS: dict[str, Operator] = {
    "==": _equals,
    "!=": lambda left, right: not _equals(left, right),
    "===": _strictly_equals,
    "!==": lambda left, right: not _strictly_equals(left, right),
    "<": _ordered(lambda left, right: bool(left < right)),
    "<=": _ordered(lambda left, right: bool(left <= right)),
    ">": _ordered(lambda left, right: bool(left > right)),
    ">=": _ordered(lambda left, right: bool(left >= right)),
    "=~": _matches,
    "in": _in,
    "nin": lambda left, right: not _in(left, right),
    "contains": _contains,
    "size": _size,
    "empty": _empty,
    "subsetof": _subset,
    "anyof": _any_of,
    "noneof": _none_of,
    "all": _all_of,
}
