"""A JSONPath as it stands in a state: `$.a` reads the input, `$$.a` the context object, `$name.a` a variable."""

import re
from collections.abc import Callable

from stepwell.asl.jsonpath import Path, PathError, PathSyntaxError, compile_path
from stepwell.asl.jsontext import Json
from stepwell.asl.scope import Scope

__all__ = ["PathError", "PathSyntaxError", "Reference", "compile_reference"]

_VARIABLE = re.compile(r"\$([^\W\d]\w*)")


class Reference:
    """A compiled reference.

    `read(scope)` gives its value and raises `PathError` with Jayway's message. `read_lenient(scope)` is the same with
    the exception that AWS makes in payload templates (recorded): an indefinite path whose parent is missing is `[]`.
    `keys` are the names and indexes below the root when there is nothing else, None otherwise; `variable` is the
    workflow variable read, or None.
    """

    __slots__ = ("definite", "keys", "read", "read_lenient", "reads_context", "text", "variable")

    def __init__(self, text: str, path: Path, variable: str | None, reads_context: bool) -> None:
        self.text = text
        self.definite = path.definite
        self.keys = path.keys
        self.variable = variable
        self.reads_context = reads_context
        self.read = _reader(path, variable, reads_context)
        self.read_lenient = self.read if path.definite else _lenient(self.read)


def compile_reference(text: str) -> Reference:
    """Compile a path that starts with `$`, `$$` or `$name`. Raises `PathSyntaxError`."""
    if not text.startswith("$"):
        raise PathSyntaxError(f"Illegal character at position 0 expected '$' in {text!r}")
    if text.startswith("$$"):
        return Reference(text, compile_path(text[1:], barewords=True), None, True)
    match = _VARIABLE.match(text)
    if match is None:
        return Reference(text, compile_path(text, barewords=True), None, False)
    return Reference(text, compile_path("$" + text[match.end() :], barewords=True), match[1], False)


def _reader(path: Path, variable: str | None, reads_context: bool) -> Callable[[Scope], Json]:
    read = path.read
    whole = path.keys == ()
    if variable is not None:
        return _variable_reader(variable, read, whole)
    if reads_context:
        return (lambda scope: scope.context) if whole else lambda scope: read(scope.context)
    return (lambda scope: scope.input) if whole else lambda scope: read(scope.input)


def _variable_reader(name: str, read: Callable[[Json], Json], whole: bool) -> Callable[[Scope], Json]:
    def evaluate(scope: Scope) -> Json:
        try:
            value = scope.variables[name]
        except KeyError:
            raise PathError(f"No results for path: $['{name}']") from None
        return value if whole else read(value)

    return evaluate


def _lenient(read: Callable[[Scope], Json]) -> Callable[[Scope], Json]:
    def evaluate(scope: Scope) -> Json:
        try:
            return read(scope)
        except PathError as error:
            if error.missing_parent:
                return []
            raise

    return evaluate
