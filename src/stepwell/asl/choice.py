"""Choice rules compiled to closures: the comparisons of JSONPath and the `Condition` of JSONata.

A comparison of values of the wrong type is false. A path that finds nothing fails the state, except under IsPresent.
"""

import re
from collections.abc import Callable
from typing import TypeAlias

from stepwell.asl.errors import RUNTIME, StatesError
from stepwell.asl.jsonata import Expression, JsonataSyntaxError, compile_jsonata, expect, is_jsonata, source_of
from stepwell.asl.jsontext import Json
from stepwell.asl.reference import PathError, PathSyntaxError, Reference, compile_reference
from stepwell.asl.scope import Evaluate, Scope
from stepwell.asl.template import SCHEMA_VALIDATION_FAILED, TemplateError, TemplateErrors
from stepwell.asl.timestamps import parse_timestamp

_Test: TypeAlias = Callable[[Scope], bool]
_Compare: TypeAlias = Callable[[Json, Json], bool]


class Rule:
    """A compiled rule. `evaluate(scope)` gives a bool and raises `StatesError`.

    `states_members` are the members of `$states` that a Condition reads.
    """

    __slots__ = ("evaluate", "reads_context", "states_members", "variables")

    def __init__(
        self,
        evaluate: _Test,
        variables: frozenset[str],
        reads_context: bool,
        states_members: frozenset[str] = frozenset(),
    ) -> None:
        self.evaluate = evaluate
        self.variables = variables
        self.reads_context = reads_context
        self.states_members = states_members


def compile_condition(condition: Json, field: str) -> Rule:
    """Compile a JSONata Condition: `{% … %}` or a literal boolean. Raises `TemplateErrors`."""
    if isinstance(condition, bool):
        return Rule(lambda scope: condition, frozenset(), False)
    if not is_jsonata(condition):
        message = "Expected value of type Boolean or a JSONata expression"
        raise TemplateErrors([TemplateError(SCHEMA_VALIDATION_FAILED, message)])
    try:
        expression = compile_jsonata(source_of(condition), field)
    except JsonataSyntaxError as error:
        raise TemplateErrors([TemplateError(error.code, error.message)]) from None
    return Rule(_boolean(expression), expression.variables, expression.reads_context, expression.states_members)


def _boolean(expression: Expression) -> _Test:
    evaluate = expression.evaluate

    def test(scope: Scope) -> bool:
        value = evaluate(scope)
        return value if isinstance(value, bool) else bool(expect(expression, value, "boolean"))

    return test


def compile_rule(rule: Json, field: str) -> Rule:
    """Compile a JSONPath rule, `field` being its place (`Choices[1]`). Raises `TemplateErrors` with every problem.

    What a rule of the top level has besides its test (Next, Assign, Comment, Output) is not looked at. No message of
    JSONPath names the place; `field` is taken so that rules of both languages compile alike.
    """
    compiler = _Compiler()
    test = compiler.compile(rule, "", _TOP_FIELDS)
    if compiler.problems or test is None:
        raise TemplateErrors(compiler.problems)
    return Rule(
        test,
        frozenset(each.variable for each in compiler.references if each.variable is not None),
        any(each.reads_context for each in compiler.references),
    )


_TOP_FIELDS = frozenset({"Next", "Assign", "Comment", "Output"})
_NESTED_FIELDS = frozenset({"Comment"})
COMBINATORS = ("And", "Or", "Not")


class _Compiler:
    """Compiles one rule with all nested in it, gathering problems instead of stopping at the first."""

    __slots__ = ("problems", "references")

    def __init__(self) -> None:
        self.problems: list[TemplateError] = []
        self.references: list[Reference] = []

    def report(self, message: str, suffix: str) -> None:
        self.problems.append(TemplateError(SCHEMA_VALIDATION_FAILED, message, suffix))

    def compile(self, rule: Json, suffix: str, ignored: frozenset[str]) -> _Test | None:
        if not isinstance(rule, dict):
            self.report("Expected value of type Object", suffix)
            return None
        names = [name for name in rule if name not in ignored and name != "Variable"]
        unknown = [name for name in names if name not in OPERATORS and name not in COMBINATORS]
        for name in unknown:
            self.report("Field is not supported", f"{suffix}/{name}")
        operators = [name for name in names if name not in unknown]
        if len(operators) != 1:
            # An unknown operator has been reported already; that it leaves none is no second problem.
            if operators or not unknown:
                found = f"[{', '.join(operators)}]" if operators else "none"
                self.report(f"A choice rule must have exactly one comparison operator, found {found}", suffix)
            return None
        return self._compile_operator(operators[0], rule, suffix)

    def _compile_operator(self, name: str, rule: dict[str, Json], suffix: str) -> _Test | None:
        operand, place = rule[name], f"{suffix}/{name}"
        if name == "Not":
            inner = self.compile(operand, place, _NESTED_FIELDS)
            return None if inner is None else lambda scope: not inner(scope)
        if name in COMBINATORS:
            return self._compile_all(name, operand, place)
        if "Variable" not in rule:
            self.report("The field 'Variable' is required but was missing", suffix)
        variable = self._reference(rule["Variable"], f"{suffix}/Variable") if "Variable" in rule else None
        return self._compile_comparison(name, variable, operand, place)

    def _compile_all(self, name: str, rules: Json, place: str) -> _Test | None:
        if not isinstance(rules, list) or not rules:
            self.report("Expected value of type Array with at least one element", place)
            return None
        tests = [self.compile(rule, f"{place}[{index}]", _NESTED_FIELDS) for index, rule in enumerate(rules)]
        complete = [test for test in tests if test is not None]
        if len(complete) < len(tests):
            return None
        if name == "And":
            return lambda scope: all(test(scope) for test in complete)
        return lambda scope: any(test(scope) for test in complete)

    def _compile_comparison(self, name: str, variable: Reference | None, operand: Json, place: str) -> _Test | None:
        operator = OPERATORS[name]
        if operator.by_path:
            other = self._reference(operand, place)
            return None if variable is None or other is None else _compare_paths(operator, variable, other)
        problem = operator.check(operand)
        if problem is not None:
            self.report(problem, place)
            return None
        if variable is None:
            return None
        if name == "IsPresent":
            return _present(variable, operand)
        if name == "StringMatches":
            return _matches(variable, operand)
        return _compare_literal(operator, variable, operand)

    def _reference(self, text: Json, place: str) -> Reference | None:
        if not isinstance(text, str):
            self.report("Expected value of type String", place)
            return None
        try:
            reference = compile_reference(text)
        except PathSyntaxError:
            self.report("Value is not a Reference Path: The value must be a valid JSONPath", place)
            return None
        self.references.append(reference)
        return reference


def _reader(reference: Reference) -> Evaluate:
    read, text = reference.read, reference.text

    def evaluate(scope: Scope) -> Json:
        try:
            return read(scope)
        except PathError:
            cause = f"Invalid path '{text}': The choice state's condition path references an invalid value."
            raise StatesError(RUNTIME, cause) from None

    return evaluate


class _Operator:
    """How one comparison operator works: `check` judges a literal operand and gives its problem or None; `prepare`
    turns an operand into what `compare` takes, None when it is of the wrong type."""

    __slots__ = ("by_path", "check", "compare", "prepare")

    def __init__(
        self,
        compare: _Compare,
        prepare: Callable[[Json], Json],
        check: Callable[[Json], str | None],
        by_path: bool = False,
    ) -> None:
        self.compare = compare
        self.prepare = prepare
        self.check = check
        self.by_path = by_path


def _present(variable: Reference, wanted: bool) -> _Test:
    read = variable.read

    def test(scope: Scope) -> bool:
        try:
            read(scope)
        except PathError:
            return not wanted
        return wanted

    return test


def _matches(variable: Reference, pattern: str) -> _Test:
    read, pieces = _reader(variable), _pieces(pattern)

    def test(scope: Scope) -> bool:
        value = read(scope)
        return isinstance(value, str) and _fits(value, pieces)

    return test


def _pieces(pattern: str) -> list[str]:
    """The literal texts between the stars of a pattern; `\\*` and `\\\\` stand for themselves."""
    pieces = [""]
    for part in re.findall(r"\\[*\\]|.", pattern, re.DOTALL):
        if part == "*":
            pieces.append("")
        else:
            pieces[-1] += part[-1]
    return pieces


def _fits(text: str, pieces: list[str]) -> bool:
    """First and last piece are anchored; each between is found as early as it can be, which never loses a match."""
    if len(pieces) == 1:
        return text == pieces[0]
    first, *middle, last = pieces
    end = len(text) - len(last)
    if not text.startswith(first) or not text.endswith(last) or end < len(first):
        return False
    position = len(first)
    for piece in middle:
        found = text.find(piece, position, end)
        if found < 0:
            return False
        position = found + len(piece)
    return True


def _compare_literal(operator: _Operator, variable: Reference, operand: Json) -> _Test:
    read, compare, prepare = _reader(variable), operator.compare, operator.prepare
    right = prepare(operand)

    def test(scope: Scope) -> bool:
        left = prepare(read(scope))
        return left is not None and compare(left, right)

    return test


def _compare_paths(operator: _Operator, variable: Reference, other: Reference) -> _Test:
    read_left, read_right = _reader(variable), _reader(other)
    compare, prepare = operator.compare, operator.prepare

    def test(scope: Scope) -> bool:
        left, right = prepare(read_left(scope)), prepare(read_right(scope))
        return left is not None and right is not None and compare(left, right)

    return test


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _as_text(value: Json) -> bytes | None:
    # AWS compares as Java does: by UTF-16 code units, which is not the order of code points.
    return value.encode("utf-16-be", "surrogatepass") if isinstance(value, str) else None


def _as_number(value: Json) -> int | float | None:
    return value if _is_number(value) else None


def _as_boolean(value: Json) -> bool | None:
    return value if isinstance(value, bool) else None


def _as_timestamp(value: Json) -> float | None:
    return parse_timestamp(value) if isinstance(value, str) else None


def _expected(kind: str, prepare: Callable[[Json], Json]) -> Callable[[Json], str | None]:
    return lambda value: None if prepare(value) is not None else f"Expected value of type {kind}"


def _check_timestamp(value: Json) -> str | None:
    if not isinstance(value, str):
        return "Expected value of type String"
    return None if parse_timestamp(value) is not None else "String does not match RFC3339 timestamp"


_COMPARISONS: dict[str, _Compare] = {
    "Equals": lambda left, right: bool(left == right),
    "LessThan": lambda left, right: bool(left < right),
    "LessThanEquals": lambda left, right: bool(left <= right),
    "GreaterThan": lambda left, right: bool(left > right),
    "GreaterThanEquals": lambda left, right: bool(left >= right),
}
_TYPES: dict[str, tuple[Callable[[Json], Json], Callable[[Json], str | None], dict[str, _Compare]]] = {
    "String": (_as_text, _expected("String", _as_text), _COMPARISONS),
    "Numeric": (_as_number, _expected("Numeric", _as_number), _COMPARISONS),
    "Timestamp": (_as_timestamp, _check_timestamp, _COMPARISONS),
    "Boolean": (_as_boolean, _expected("Boolean", _as_boolean), {"Equals": _COMPARISONS["Equals"]}),
}
_KINDS: dict[str, Callable[[Json], bool]] = {
    "IsNull": lambda value: value is None,
    "IsNumeric": _is_number,
    "IsString": lambda value: isinstance(value, str),
    "IsBoolean": lambda value: isinstance(value, bool),
    "IsTimestamp": lambda value: _as_timestamp(value) is not None,
    "IsPresent": lambda value: True,
}


def _kind_operator(is_kind: Callable[[Json], bool]) -> _Operator:
    # A value is wrapped, because None is a value here and not a sign of the wrong type.
    return _Operator(
        lambda left, right: is_kind(left[0]) == right[0],
        lambda value: (value,),
        _expected("Boolean", _as_boolean),
    )


def _operators() -> dict[str, _Operator]:
    operators = {name: _kind_operator(is_kind) for name, is_kind in _KINDS.items()}
    # Its pattern is prepared apart, by _matches: the two sides are not of one kind.
    operators["StringMatches"] = _Operator(_COMPARISONS["Equals"], _as_text, _expected("String", _as_text))
    for kind, (prepare, check, comparisons) in _TYPES.items():
        for name, compare in comparisons.items():
            operators[kind + name] = _Operator(compare, prepare, check)
            operators[f"{kind}{name}Path"] = _Operator(compare, prepare, check, by_path=True)
    return operators


OPERATORS = _operators()
