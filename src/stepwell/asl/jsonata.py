"""JSONata: the one place that knows the engine, `jlens`.

An expression is compiled once. It sees `$states` and the workflow variables as *lazily read input* rather than as
bindings, which the engine would convert whole on every call; a mere path such as `$states.input.order` never enters
the engine. Numbers follow JavaScript: what passes through the engine is a double, and a whole one comes back as an
integer. Values passed through untouched keep their form (`1.0` stays `1.0`).
"""

import re
from collections.abc import Callable
from typing import Any

import jlens

from stepwell.asl.errors import QUERY_EVALUATION_ERROR, StatesError
from stepwell.asl.jsonata_functions import DRAWING, PLAIN, HostError
from stepwell.asl.jsontext import Json, encode
from stepwell.asl.scope import UNSET, Evaluate, Scope

TIMEOUT_SECONDS = 1.0
MAX_DEPTH = 500
MAX_ARRAY_LENGTH = 873_782
"""The longest array AWS holds (measured: `[1..873782]` is the last range that fits its value memory)."""

_STATES_MEMBERS = {"input": "input", "result": "result", "errorOutput": "error_output", "context": "context"}
_PASS_THROUGH = re.compile(r"\$([A-Za-z_]\w*)((?:\.[A-Za-z_]\w*)*)", re.ASCII)
_EVAL = re.compile(r"\$eval\b")
_NO_EVAL = "no_eval"


class JsonataSyntaxError(ValueError):
    """An expression cannot be compiled. `code` is INVALID_JSONATA_EXPRESSION or UNSUPPORTED_JSONATA_EXPRESSION."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Expression:
    """A compiled expression.

    `evaluate(scope)` raises `StatesError` with AWS's cause and `field` as its location. `variables` are the workflow
    variables read and `states_members` the members of `$states`, as far as can be told without running it.
    """

    __slots__ = ("evaluate", "field", "reads_context", "source", "states_members", "variables")

    def __init__(
        self, source: str, field: str, variables: frozenset[str], states_members: frozenset[str], evaluate: Evaluate
    ) -> None:
        self.source = source
        self.field = field
        self.variables = variables
        self.states_members = states_members
        self.reads_context = "context" in states_members
        self.evaluate = evaluate


def is_jsonata(text: object) -> bool:
    """Is this a string `{% … %}`? Blanks outside the delimiters make it plain text."""
    return isinstance(text, str) and len(text) >= 4 and text.startswith("{%") and text.endswith("%}")


def source_of(text: str) -> str:
    """The expression between `{%` and `%}`."""
    return text[2:-2].strip()


def compile_jsonata(source: str, field: str) -> Expression:
    """Compile an expression. `field` is AWS's name of its place, such as `Output/total` or `Choices[1]/Condition`.

    Raises `JsonataSyntaxError`.
    """
    variables, members = _analyse(source)
    evaluate = _compile_engine(source, field, variables, members)
    walk = _PASS_THROUGH.fullmatch(source)
    if walk is not None:
        evaluate = _compile_walk(walk[1], walk[2].split(".")[1:], evaluate)
    return Expression(source, field, variables, members, evaluate)


def expect(expression: Expression, value: Json, wanted: str) -> Json:
    """The value, when it is of the type `wanted`: array, object, string, number, boolean, null or integer.

    A whole number is an integer whatever its form. Raises `StatesError` otherwise.
    """
    actual = type_name(value)
    if wanted == actual:
        return value
    if wanted == "integer" and actual == "number" and int(value) == value:
        return int(value)
    raise _failure(
        expression.source,
        expression.field,
        f"returned an unexpected result type. Expected '{wanted}', but was '{actual}' for value: {encode(value)}",
    )


def type_name(value: Json) -> str:
    """AWS's name of a JSON type."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
    return "object"


def _failure(source: str, field: str, what: str) -> StatesError:
    cause = f"The JSONata expression '{source}' specified for the field '{field}' {what}"
    return StatesError(QUERY_EVALUATION_ERROR, cause, location=field)


def _parse(source: str) -> jlens.Expression:
    try:
        return jlens.Expression(source)
    except jlens.JlensError as error:
        raise JsonataSyntaxError("INVALID_JSONATA_EXPRESSION", f"{error.code}: {error}") from None
    except UnicodeEncodeError:
        raise JsonataSyntaxError("INVALID_JSONATA_EXPRESSION", "The expression holds a lone surrogate") from None


def _refused(*arguments: Any) -> Any:
    raise HostError("T1006: Attempted to invoke a non-function")


def _register(expression: jlens.Expression, source: str, names: set[str]) -> None:
    # Registering costs more than an evaluation: only what the expression reads.
    for name in names & PLAIN.keys():
        expression.register_function(name, PLAIN[name])
    if _EVAL.search(source):
        expression.register_function("eval", _refused)


def _analyse(source: str) -> tuple[frozenset[str], frozenset[str]]:
    """Variables and members of $states that an expression reads; refuses what would read an input document."""
    _parse(source)
    # The engine takes $eval to read everything; here it is a function like any other that does not exist.
    expression = _parse(_EVAL.sub("$" + _NO_EVAL, source))
    first = expression.reads()["bindings"]
    names = set(first)
    # A second look, in which every name may be a function: a call of an unknown one counts as reading the context.
    if expression.reads(dict.fromkeys(names, _refused)).get("input"):
        raise JsonataSyntaxError(
            "UNSUPPORTED_JSONATA_EXPRESSION",
            "The expression refers to $, $$ or a field outside of $states and variables",
        )
    states = first.get("states")
    members = frozenset(_STATES_MEMBERS if states is True else states or ())
    return frozenset(names - PLAIN.keys() - DRAWING.keys() - {"states", _NO_EVAL}), members


def _compile_engine(source: str, field: str, variables: frozenset[str], members: frozenset[str]) -> Evaluate:
    bound = "".join(f"${name}:=v.`{name}`;" for name in sorted(variables))
    if "$states" in source:
        bound = "$states:=s;" + bound
    # The object around it tells undefined, which leaves no member, from null.
    wrapped = _parse(f'{{"r":({bound}\n{source}\n)}}')
    kind = _parse(f"($r:=({bound}\n{source}\n);$type($r))")
    for expression in (wrapped, kind):
        _register(expression, source, set(expression.reads()["bindings"]))
    drawing = [name for name in DRAWING if f"${name}" in source]
    shuffles = "$shuffle" in source
    document = _document_builder(variables, members)

    def run(expression: jlens.Expression, scope: Scope) -> Any:
        functions = {name: DRAWING[name](scope.draws) for name in drawing} or None
        return expression.evaluate(
            document(scope),
            functions,
            timeout=TIMEOUT_SECONDS,
            max_depth=MAX_DEPTH,
            max_array_length=MAX_ARRAY_LENGTH,
            now=round(scope.at * 1_000_000) // 1000,
            seed=scope.draws.bits() >> 65 if shuffles else 0,
        )

    def evaluate(scope: Scope) -> Json:
        try:
            result = run(wrapped, scope)
            if "r" in result:
                return result["r"]
            # Undefined, or a function, which an object does not keep.
            is_function = run(kind, scope) == "function"
        except jlens.JlensError as error:
            raise _threw(source, field, f"{error.code}: {error}") from None
        except (HostError, TypeError, OverflowError) as error:
            raise _threw(source, field, str(error)) from None
        if is_function:
            raise _failure(source, field, "returned an unsupported result type.")
        raise _failure(source, field, "returned nothing (undefined).")

    return evaluate


def _threw(source: str, field: str, what: str) -> StatesError:
    return _failure(source, field, f"threw an error during evaluation. {what}")


def _document_builder(variables: frozenset[str], members: frozenset[str]) -> Callable[[Scope], dict[str, Json]]:
    """Builds what the wrapped expression has as its input: `s` for $states, `v` for the variables it reads."""
    slots = [(name, _STATES_MEMBERS[name]) for name in _STATES_MEMBERS if name in members]
    names = tuple(variables)

    def build(scope: Scope) -> dict[str, Json]:
        states = {name: value for name, slot in slots if (value := getattr(scope, slot)) is not UNSET}
        if not names:
            return {"s": states}
        held = scope.variables
        return {"s": states, "v": {name: held[name] for name in names if name in held}}

    return build


def _compile_walk(root: str, names: list[str], engine: Evaluate) -> Evaluate:
    """A mere path, read without the engine as long as it meets only objects (an array maps, which the engine does)."""
    if root == "states":
        if not names or names[0] not in _STATES_MEMBERS:
            return engine
        start, names = _member_reader(_STATES_MEMBERS[names[0]]), names[1:]
    else:
        start = _variable_reader(root)

    def evaluate(scope: Scope) -> Json:
        value = start(scope)
        for name in names:
            if isinstance(value, list):
                return engine(scope)
            value = value.get(name, UNSET) if isinstance(value, dict) else UNSET
        if value is UNSET:
            return engine(scope)
        return value

    return evaluate


def _member_reader(slot: str) -> Evaluate:
    return lambda scope: getattr(scope, slot)


def _variable_reader(name: str) -> Evaluate:
    return lambda scope: scope.variables.get(name, UNSET)
