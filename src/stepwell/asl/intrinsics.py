"""Intrinsic functions, `States.Format('Hello, {}', $.name)`: the grammar and its compilation to closures.

A call may be nested ten deep. Arguments are strings in single quotes, numbers, true, false, null, paths and calls.
What the functions do is in `intrinsic_functions`.
"""

import math
import re

from stepwell.asl.errors import INTRINSIC_FAILURE, RUNTIME, StatesError
from stepwell.asl.intrinsic_functions import ARITY, FUNCTIONS, IntrinsicError
from stepwell.asl.jsontext import Json, encode
from stepwell.asl.reference import PathError, PathSyntaxError, Reference, compile_reference
from stepwell.asl.scope import Evaluate, Scope

MAX_NESTING = 10

_NAME = re.compile(r"States\.(\w+)")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?", re.ASCII)
_WORD = re.compile(r"\w+")
_ESCAPED = re.compile(r"\\([{}\\])")
_CONSTANTS = {"true": True, "false": False, "null": None}


class IntrinsicSyntaxError(ValueError):
    """The text is not a call of an intrinsic function."""


class _MissingArgument(Exception):
    """A path among the arguments found nothing."""


class Intrinsic:
    """A compiled call. `evaluate(scope)` raises `StatesError`; `variables` are the workflow variables it reads."""

    __slots__ = ("evaluate", "reads_context", "text", "variables")

    def __init__(self, text: str, evaluate: Evaluate, variables: frozenset[str], reads_context: bool) -> None:
        self.text = text
        self.evaluate = evaluate
        self.variables = variables
        self.reads_context = reads_context


def is_intrinsic(text: str) -> bool:
    """Is this meant as an intrinsic function rather than as a path?"""
    return text.startswith("States.")


def compile_intrinsic(text: str) -> Intrinsic:
    """Compile a call. Raises `IntrinsicSyntaxError`."""
    parser = _Parser(text)
    evaluate = parser.read_call(1)
    parser.expect_end()
    return Intrinsic(
        text,
        evaluate,
        frozenset(reference.variable for reference in parser.references if reference.variable is not None),
        any(reference.reads_context for reference in parser.references),
    )


class _Parser:
    __slots__ = ("position", "references", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.references: list[Reference] = []

    def fail(self, reason: str) -> IntrinsicSyntaxError:
        return IntrinsicSyntaxError(f"{reason} at position {self.position} of {self.text!r}")

    def _skip_blanks(self) -> str:
        while self.text[self.position : self.position + 1].isspace():
            self.position += 1
        return self.text[self.position : self.position + 1]

    def expect_end(self) -> None:
        if self._skip_blanks():
            raise self.fail("Unexpected text after the call")

    def read_call(self, depth: int) -> Evaluate:
        if depth > MAX_NESTING:
            raise self.fail(f"More than {MAX_NESTING} nested calls")
        start = self.position
        match = _NAME.match(self.text, start)
        if match is None or match[1] not in FUNCTIONS:
            raise self.fail("Unknown intrinsic function")
        self.position = match.end()
        arguments = self._read_arguments(match[1], depth)
        least, most = ARITY[match[1]]
        if not least <= len(arguments) <= most:
            raise self.fail(f"Wrong number of arguments for States.{match[1]}")
        return _call(self.text[start : self.position], match[1], arguments)

    def _read_arguments(self, name: str, depth: int) -> list[Evaluate]:
        if self._skip_blanks() != "(":
            raise self.fail("Expected '('")
        self.position += 1
        arguments: list[Evaluate] = []
        while self._skip_blanks() != ")":
            if arguments:
                if self._skip_blanks() != ",":
                    raise self.fail("Expected ',' or ')'")
                self.position += 1
                self._skip_blanks()
            template = name == "Format" and not arguments
            arguments.append(self._read_argument(template, depth))
        self.position += 1
        return arguments

    def _read_argument(self, template: bool, depth: int) -> Evaluate:
        char = self.text[self.position : self.position + 1]
        if char == "'":
            raw = self._read_string()
            return _constant(raw if template else _ESCAPED.sub(r"\1", raw))
        if char == "$":
            return self._read_path()
        number = _NUMBER.match(self.text, self.position)
        if number is not None:
            value = _number(number)
            if value is None:
                raise self.fail("Number out of range")
            self.position = number.end()
            return _constant(value)
        word = _WORD.match(self.text, self.position)
        if word is not None and word[0] in _CONSTANTS:
            self.position = word.end()
            return _constant(_CONSTANTS[word[0]])
        return self.read_call(depth + 1)

    def _read_string(self) -> str:
        """The text between single quotes with `\\'` resolved; the other escapes stay, as a template needs them."""
        start = self.position
        self.position += 1
        parts: list[str] = []
        while (char := self.text[self.position : self.position + 1]) != "'":
            if char == "\\":
                self.position += 1
                escaped = self.text[self.position : self.position + 1]
                if escaped not in ("'", "{", "}", "\\"):
                    raise self.fail("Illegal escape sequence")
                char = escaped if escaped == "'" else "\\" + escaped
            elif not char:
                self.position = start
                raise self.fail("String is not closed")
            parts.append(char)
            self.position += 1
        self.position += 1
        return "".join(parts)

    def _read_path(self) -> Evaluate:
        start = self.position
        self.position = _path_end(self.text, start)
        text = self.text[start : self.position].rstrip()
        try:
            reference = compile_reference(text)
        except PathSyntaxError as error:
            raise self.fail(f"Invalid path {text!r} ({error})") from None
        self.references.append(reference)
        return _path(reference)


def _path_end(text: str, index: int) -> int:
    """Where a path among arguments ends: at a comma or closing parenthesis outside brackets and quotes."""
    depth = 0
    quote = ""
    while index < len(text):
        char = text[index]
        if quote:
            if char == "\\":
                index += 1
            elif char == quote:
                quote = ""
        elif char in "'\"":
            quote = char
        elif char in "[(":
            depth += 1
        elif char in "])" and depth:
            depth -= 1
        elif char in ",)" and not depth:
            break
        index += 1
    return min(index, len(text))


def _number(match: re.Match[str]) -> int | float | None:
    text = match[0]
    try:
        value = float(text) if match[1] or match[2] else int(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _constant(value: Json) -> Evaluate:
    return lambda scope: value


def _path(reference: Reference) -> Evaluate:
    read, text, of_context = reference.read_lenient, reference.text, reference.reads_context

    def evaluate(scope: Scope) -> Json:
        try:
            return read(scope)
        except PathError:
            source = encode(scope.context if of_context else scope.input)
            raise _MissingArgument(
                f"The JsonPath argument for the field '{text}' could not be found in the input '{source}'"
            ) from None

    return evaluate


def _call(text: str, name: str, arguments: list[Evaluate]) -> Evaluate:
    function = FUNCTIONS[name]
    prefix = f"The function '{text}' had the following error: "

    def evaluate(scope: Scope) -> Json:
        try:
            return function([argument(scope) for argument in arguments], scope.draws)
        except IntrinsicError as error:
            raise StatesError(INTRINSIC_FAILURE, prefix + str(error)) from None
        except _MissingArgument as error:
            raise StatesError(RUNTIME, prefix + str(error)) from None

    return evaluate
