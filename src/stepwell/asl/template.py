"""Payload templates: JSON in which some values are computed.

JSONPath marks them by a key that ends in `.$`, JSONata by strings `{% … %}` at any depth. Constant parts are settled
when the template is compiled and shared by all that it makes; nobody changes a value in place.
"""

from stepwell.asl.errors import RUNTIME, StatesError
from stepwell.asl.intrinsics import IntrinsicSyntaxError, compile_intrinsic, is_intrinsic
from stepwell.asl.jsonata import JsonataSyntaxError, compile_jsonata, is_jsonata, source_of
from stepwell.asl.jsontext import Json, encode
from stepwell.asl.reference import PathError, PathSyntaxError, Reference, compile_reference
from stepwell.asl.scope import Evaluate, Scope

SCHEMA_VALIDATION_FAILED = "SCHEMA_VALIDATION_FAILED"


class TemplateError(Exception):
    """One problem of a template or choice rule, to become a Diagnostic.

    `suffix` is what to append to the location of the template: `""` for its root, `/a/b[0]` inside.
    """

    def __init__(self, code: str, message: str, suffix: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.suffix = suffix


class TemplateErrors(Exception):
    """All problems of one template or choice rule."""

    def __init__(self, problems: list[TemplateError]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


class Template:
    """A compiled template.

    `evaluate(scope)` raises `StatesError`. `variables` are the workflow variables it reads; a `constant` template gives
    the same object each time. `states_members` are the members of `$states` that a JSONata template reads.
    """

    __slots__ = ("constant", "evaluate", "reads_context", "states_members", "variables")

    def __init__(self, evaluate: Evaluate | None, value: Json, found: "_Findings") -> None:
        self.constant = evaluate is None
        self.evaluate: Evaluate = evaluate or (lambda scope: value)
        self.variables = frozenset(found.variables)
        self.reads_context = found.reads_context
        self.states_members = frozenset(found.states_members)


def compile_template(value: Json, field: str) -> Template:
    """Compile a JSONPath payload template. Raises `TemplateErrors` with every problem.

    AWS names only the key that fails, never the place of the template; `field` is taken so that both languages compile
    alike.
    """
    found = _Findings()
    evaluate = _compile_jsonpath(value, "", found)
    return found.finish(evaluate, value)


def compile_jsonata_template(value: Json, field: str) -> Template:
    """Compile a JSONata template. `field` is AWS's name of its place (`Output`), which grows on the way down to
    `Output/items[0]/id`. Raises `TemplateErrors` with every problem.
    """
    found = _Findings()
    evaluate = _compile_jsonata(value, field, "", found)
    return found.finish(evaluate, value)


class _Findings:
    """What compiling the parts of a template brings to light."""

    __slots__ = ("problems", "reads_context", "states_members", "variables")

    def __init__(self) -> None:
        self.problems: list[TemplateError] = []
        self.variables: set[str] = set()
        self.states_members: set[str] = set()
        self.reads_context = False

    def finish(self, evaluate: Evaluate | None, value: Json) -> Template:
        if self.problems:
            raise TemplateErrors(self.problems)
        return Template(evaluate, value, self)


_Part = tuple[str, Json, Evaluate | None]
"""A member of an object: its name, its constant value, or how to compute it."""


def _compile_jsonpath(value: Json, suffix: str, found: _Findings) -> Evaluate | None:
    """None for a constant."""
    if isinstance(value, dict):
        return _object([_jsonpath_member(key, member, suffix, found) for key, member in value.items()])
    if isinstance(value, list):
        return _array(value, [_compile_jsonpath(item, f"{suffix}[{i}]", found) for i, item in enumerate(value)])
    return None


def _jsonpath_member(key: str, value: Json, suffix: str, found: _Findings) -> _Part:
    if not key.endswith(".$"):
        return key, value, _compile_jsonpath(value, f"{suffix}/{key}", found)
    try:
        return key[:-2], None, _compile_marked(key, value, suffix, found)
    except TemplateError as problem:
        found.problems.append(problem)
        return key[:-2], None, None


_KINDS: dict[type, str] = {dict: "an OBJECT", list: "an ARRAY", bool: "a BOOLEAN", int: "a NUMBER", float: "a NUMBER"}


def _compile_marked(key: str, value: Json, suffix: str, found: _Findings) -> Evaluate:
    if not isinstance(value, str):
        kind = _KINDS.get(type(value), "a NULL")
        message = f"The value for the field '{key}' must be a STRING that contains a JSONPath but was {kind}"
        raise TemplateError(SCHEMA_VALIDATION_FAILED, message, suffix)
    try:
        if is_intrinsic(value):
            intrinsic = compile_intrinsic(value)
            found.variables |= intrinsic.variables
            found.reads_context |= intrinsic.reads_context
            return intrinsic.evaluate
        reference = compile_reference(value)
    except (IntrinsicSyntaxError, PathSyntaxError):
        message = f"The value for the field '{key}' must be a valid JSONPath or a valid intrinsic function call"
        raise TemplateError(SCHEMA_VALIDATION_FAILED, message, suffix) from None
    if reference.variable is not None:
        found.variables.add(reference.variable)
    found.reads_context |= reference.reads_context
    return named_reference(reference, key)


def named_reference(reference: Reference, field: str) -> Evaluate:
    """Read a path that stands in `field`, failing as AWS does there (recorded for templates, ErrorPath, CausePath)."""
    read, of_context = reference.read_lenient, reference.reads_context
    complaint = f"The JSONPath '{reference.text}' specified for the field '{field}'"

    def evaluate(scope: Scope) -> Json:
        try:
            return read(scope)
        except PathError:
            source = encode(scope.context if of_context else scope.input)
            raise StatesError(RUNTIME, f"{complaint} could not be found in the input '{source}'") from None

    return evaluate


def _compile_jsonata(value: Json, field: str, suffix: str, found: _Findings) -> Evaluate | None:
    """None for a constant."""
    if isinstance(value, dict):
        parts = [
            (key, member, _compile_jsonata(member, f"{field}/{key}", f"{suffix}/{key}", found))
            for key, member in value.items()
        ]
        return _object(parts)
    if isinstance(value, list):
        evaluates = [_compile_jsonata(item, f"{field}[{i}]", f"{suffix}[{i}]", found) for i, item in enumerate(value)]
        return _array(value, evaluates)
    if is_jsonata(value):
        return _compile_expression(value, field, suffix, found)
    return None


def _compile_expression(text: str, field: str, suffix: str, found: _Findings) -> Evaluate | None:
    try:
        expression = compile_jsonata(source_of(text), field)
    except JsonataSyntaxError as error:
        found.problems.append(TemplateError(error.code, error.message, suffix))
        return None
    found.variables |= expression.variables
    found.reads_context |= expression.reads_context
    found.states_members |= expression.states_members
    return expression.evaluate


def _object(parts: list[_Part]) -> Evaluate | None:
    computed = [(name, evaluate) for name, _, evaluate in parts if evaluate is not None]
    if not computed:
        return None
    base = {name: value for name, value, _ in parts}

    def evaluate_object(scope: Scope) -> dict[str, Json]:
        filled = base.copy()
        for name, evaluate in computed:
            filled[name] = evaluate(scope)
        return filled

    return evaluate_object


def _array(values: list[Json], evaluates: list[Evaluate | None]) -> Evaluate | None:
    computed = [(index, evaluate) for index, evaluate in enumerate(evaluates) if evaluate is not None]
    if not computed:
        return None

    def evaluate_array(scope: Scope) -> list[Json]:
        filled = values.copy()
        for index, evaluate in computed:
            filled[index] = evaluate(scope)
        return filled

    return evaluate_array
