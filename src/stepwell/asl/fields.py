"""Fields that must come out as one type: seconds, timestamps, counts, strings. Closures with AWS's errors."""

import re
from collections.abc import Callable, Mapping
from typing import TypeGuard

from stepwell.asl.dataflow import read
from stepwell.asl.errors import QUERY_EVALUATION_ERROR, RUNTIME, StatesError
from stepwell.asl.intrinsics import IntrinsicSyntaxError, compile_intrinsic, is_intrinsic
from stepwell.asl.jsonata import expect, is_jsonata
from stepwell.asl.jsonpath import PathError
from stepwell.asl.jsontext import Json, encode
from stepwell.asl.reference import Reference
from stepwell.asl.scope import Evaluate, Scope
from stepwell.asl.site import Site
from stepwell.asl.timestamps import parse_timestamp

SECONDS_MAX = 99_999_999
LONG_MAX = 2**63 - 1

_DIGITS = re.compile("[0-9]{1,18}")


def is_integer(value: Json) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def constant(value: Json) -> Evaluate:
    return lambda scope: value


def _jsonata(site: Site, value: Json, field: str, check: Callable[[Json], Json], *types: str) -> Evaluate | None:
    """A JSONata expression whose value must be of one of these types and pass `check`."""
    expression = site.expression(value, field)
    if expression is None:
        return None

    def evaluate(scope: Scope) -> Json:
        return check(expect(expression, expression.evaluate(scope), *types))

    return evaluate


def compile_integer(
    site: Site, state: Mapping[str, Json], field: str, minimum: int = 0, maximum: int = SECONDS_MAX
) -> Evaluate | None:
    """`field` or, in JSONPath, `field`Path: an integer within bounds. None where the state has neither."""
    if f"{field}Path" in state and not site.jsonata:
        return _integer_at_path(site, state[f"{field}Path"], field, minimum, maximum)
    if field not in state:
        return None
    value = state[field]
    if site.jsonata and is_jsonata(value):
        return _jsonata(site, value, field, lambda found: _bounded(found, field, minimum, maximum), "integer")
    if not is_integer(value) or not minimum <= value <= maximum:
        site.problem(f"Value must be an integer from {minimum} to {maximum}", field)
        return None
    return constant(value)


def _bounded(value: int, field: str, minimum: int, maximum: int, error: str = QUERY_EVALUATION_ERROR) -> int:
    location = field if error == QUERY_EVALUATION_ERROR else None
    if value < 0:
        raise StatesError(error, f"{field} cannot be negative.", location)
    if not minimum <= value <= maximum:
        raise StatesError(error, f"{field} must be between {minimum} and {maximum}.", location)
    return value


def _integer_at_path(site: Site, text: Json, field: str, minimum: int, maximum: int) -> Evaluate | None:
    reference = site.reference(text, f"{field}Path")
    if reference is None:
        return None

    return lambda scope: _bounded(integer_at(reference, scope, field), field, minimum, maximum, RUNTIME)


def integer_at(reference: Reference, scope: Scope, field: str) -> int:
    """What `field`Path refers to. Raises States.Runtime where that is no integer."""
    found = read(reference, scope)
    # AWS takes a number in a string too: a variable that was assigned "1" serves as 1.
    value = int(found) if isinstance(found, str) and _DIGITS.fullmatch(found) else found
    if not is_integer(value):
        cause = f"The {field}Path field refers to value {encode(value)} which is not a valid integer: {reference.text}"
        raise StatesError(RUNTIME, cause)
    return value


def compile_percentage(site: Site, state: Mapping[str, Json], field: str) -> Evaluate | None:
    """ToleratedFailurePercentage: a number from 0 to 100."""

    def bounded(value: float) -> float:
        if not 0 <= value <= 100:
            error = QUERY_EVALUATION_ERROR if site.jsonata else RUNTIME
            raise StatesError(error, f"{field} must be between 0 and 100.", field if site.jsonata else None)
        return value

    if f"{field}Path" in state and not site.jsonata:
        reference = site.reference(state[f"{field}Path"], f"{field}Path")
        return None if reference is None else lambda scope: bounded(_number(read(reference, scope), reference, field))
    value = state.get(field)
    if value is None:
        return None
    if site.jsonata and is_jsonata(value):
        return _jsonata(site, value, field, bounded, "number")
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
        site.problem("Value must be a number from 0 to 100", field)
        return None
    return constant(value)


def _number(value: Json, reference: Reference, field: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        cause = f"The {field}Path field refers to value {encode(value)} which is not a valid float: {reference.text}"
        raise StatesError(RUNTIME, cause)
    return value


# --- Wait


def compile_wait_seconds(site: Site, state: Mapping[str, Json]) -> Evaluate | None:
    """Seconds or SecondsPath."""
    if "SecondsPath" not in state:
        return compile_integer(site, state, "Seconds")
    reference = site.reference(state["SecondsPath"], "SecondsPath")
    return None if reference is None else lambda scope: _seconds(reference, scope)


def _referenced(reference: Reference, scope: Scope, field: str) -> Json:
    try:
        return reference.read(scope)
    except PathError:
        cause = f"The {field} parameter does not reference an input value: {reference.text}"
        raise StatesError(RUNTIME, cause) from None


def _seconds(reference: Reference, scope: Scope) -> int:
    value = _referenced(reference, scope, "SecondsPath")
    shown = f"{reference.text} == {value if isinstance(value, str) else encode(value)}"
    if not is_integer(value) or value > LONG_MAX:
        raise StatesError(RUNTIME, f"The SecondsPath parameter cannot be parsed as a long value: {shown}")
    if value < 0:
        raise StatesError(RUNTIME, f"The SecondsPath parameter references a negative value: {shown}")
    return int(value)


def compile_wait_timestamp(site: Site, state: Mapping[str, Json]) -> Evaluate | None:
    """Timestamp or TimestampPath, as epoch seconds."""
    if "TimestampPath" in state:
        reference = site.reference(state["TimestampPath"], "TimestampPath")
        return None if reference is None else lambda scope: _timestamp_at(reference, scope)
    value = state["Timestamp"]
    if site.jsonata and is_jsonata(value):
        return _jsonata(site, value, "Timestamp", _parsed_timestamp, "string")
    due_at = parse_timestamp(value) if isinstance(value, str) else None
    if due_at is None:
        site.problem("String does not match RFC3339 timestamp", "Timestamp")
        return None
    return constant(due_at)


def _timestamp_at(reference: Reference, scope: Scope) -> float:
    value = _referenced(reference, scope, "TimestampPath")
    due_at = parse_timestamp(value) if isinstance(value, str) else None
    if due_at is None:
        raise StatesError(
            RUNTIME,
            "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: "
            f"{reference.text} == {value if isinstance(value, str) else encode(value)}",
        )
    return due_at


def _parsed_timestamp(value: str) -> float:
    due_at = parse_timestamp(value)
    if due_at is None:
        cause = f"The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: {value}"
        raise StatesError(QUERY_EVALUATION_ERROR, cause, "Timestamp")
    return due_at


# --- Fail


def compile_fail_text(site: Site, state: Mapping[str, Json], field: str) -> Evaluate | None:
    """Error or Cause, or their Path forms, which may also be intrinsics."""
    if f"{field}Path" in state:
        return _text_at_path(site, state[f"{field}Path"], f"{field}Path")
    if field not in state:
        return None
    value = state[field]
    if site.jsonata and is_jsonata(value):
        return _jsonata(site, value, field, lambda found: found, "string")
    if not isinstance(value, str):
        site.problem("Value must be a string", field)
        return None
    return constant(value)


def _text_at_path(site: Site, text: Json, field: str) -> Evaluate | None:
    if isinstance(text, str) and is_intrinsic(text):
        return _intrinsic_text(site, text, field)
    reference = site.reference(text, field)
    if reference is None:
        return None

    def evaluate(scope: Scope) -> str:
        try:
            return _as_text(reference.read(scope), field)
        except PathError:
            cause = f"The JSONPath '{text}' specified for the field '{field}' could not be found in the input"
            raise StatesError(RUNTIME, f"{cause} '{encode(scope.input)}'") from None

    return evaluate


def _intrinsic_text(site: Site, text: str, field: str) -> Evaluate | None:
    try:
        intrinsic = compile_intrinsic(text)
    except IntrinsicSyntaxError as error:
        site.problem(str(error), field)
        return None
    site.note(intrinsic)
    return lambda scope: _as_text(intrinsic.evaluate(scope), field)


def _as_text(value: Json, field: str) -> str:
    if not isinstance(value, str):
        raise StatesError(RUNTIME, f"The {field} field must refer to a string but was: {encode(value)}")
    return value
