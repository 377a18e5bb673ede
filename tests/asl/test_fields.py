"""Fields that must come out as one type: seconds, timestamps, counts, percentages and texts."""

from typing import Any

import pytest

from stepwell.asl.errors import QUERY_EVALUATION_ERROR, RUNTIME, Diagnostic, StatesError
from stepwell.asl.fields import (
    LONG_MAX,
    compile_fail_text,
    compile_integer,
    compile_percentage,
    compile_wait_seconds,
    compile_wait_timestamp,
    is_integer,
)
from stepwell.asl.site import Site

MAX = 99_999_999


def site(jsonata: bool = False) -> Site:
    return Site("S", "/States/S", jsonata, [])


def refused(site: Site) -> list[Diagnostic]:
    return site.diagnostics


def failure(evaluate: Any, scope: Any) -> tuple[str, str, str | None]:
    with pytest.raises(StatesError) as raised:
        evaluate(scope)
    return raised.value.error, raised.value.cause, raised.value.location


@pytest.mark.parametrize(("value", "expected"), [(0, True), (10**30, True), (True, False), (1.0, False), ("1", False)])
def test_is_integer(value: Any, expected: bool):
    assert is_integer(value) is expected


# --- integers


@pytest.mark.parametrize("jsonata", [False, True])
@pytest.mark.parametrize("value", [0, 1, MAX])
def test_a_literal_integer(scope, jsonata: bool, value: int):
    evaluate = compile_integer(site(jsonata), {"MaxConcurrency": value}, "MaxConcurrency")
    assert evaluate(scope({})) == value


@pytest.mark.parametrize("jsonata", [False, True])
@pytest.mark.parametrize("value", [-1, MAX + 1, 1.5, 1.0, "1", True, None, [1]])
def test_a_literal_that_is_refused(jsonata: bool, value: Any):
    here = site(jsonata)
    assert compile_integer(here, {"MaxConcurrency": value}, "MaxConcurrency") is None
    (diagnostic,) = refused(here)
    assert diagnostic.location == "/States/S/MaxConcurrency"
    assert diagnostic.message == f"Value must be an integer from 0 to {MAX}"


def test_a_field_that_is_not_there():
    for jsonata in (False, True):
        here = site(jsonata)
        assert compile_integer(here, {}, "MaxConcurrency") is None
        assert compile_percentage(here, {}, "ToleratedFailurePercentage") is None
        assert compile_fail_text(here, {}, "Error") is None
        assert not refused(here)


@pytest.mark.parametrize(("value", "expected"), [(5, 5), ("5", 5), ("007", 7)])
def test_an_integer_at_a_path(scope, value: Any, expected: int):
    evaluate = compile_integer(site(), {"TimeoutSecondsPath": "$.t"}, "TimeoutSeconds", minimum=1)
    assert evaluate(scope({"t": value})) == expected


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        (0, "TimeoutSeconds must be between 1 and 99999999."),
        (-1, "TimeoutSeconds cannot be negative."),
        (MAX + 1, "TimeoutSeconds must be between 1 and 99999999."),
        (1.5, "The TimeoutSecondsPath field refers to value 1.5 which is not a valid integer: $.t"),
        (True, "The TimeoutSecondsPath field refers to value true which is not a valid integer: $.t"),
        (None, "The TimeoutSecondsPath field refers to value null which is not a valid integer: $.t"),
        ("x", 'The TimeoutSecondsPath field refers to value "x" which is not a valid integer: $.t'),
        ("-5", 'The TimeoutSecondsPath field refers to value "-5" which is not a valid integer: $.t'),
        ("٣", 'The TimeoutSecondsPath field refers to value "٣" which is not a valid integer: $.t'),
        ("9" * 19, f'The TimeoutSecondsPath field refers to value "{"9" * 19}" which is not a valid integer: $.t'),
    ],
    ids=repr,
)
def test_what_is_no_integer_at_a_path(scope, value: Any, cause: str):
    evaluate = compile_integer(site(), {"TimeoutSecondsPath": "$.t"}, "TimeoutSeconds", minimum=1)
    assert failure(evaluate, scope({"t": value})) == (RUNTIME, cause, None)


def test_a_path_that_leads_nowhere(scope):
    evaluate = compile_integer(site(), {"TimeoutSecondsPath": "$.t"}, "TimeoutSeconds")
    assert failure(evaluate, scope({})) == (RUNTIME, "Invalid path '$.t' : No results for path: $['t']", None)


@pytest.mark.parametrize(("source", "expected"), [("5", 5), ("2.0 * 3", 6), ("$v", 9), ("$states.input.n", 4)])
def test_an_integer_by_query(scope, source: str, expected: int):
    evaluate = compile_integer(site(True), {"MaxConcurrency": f"{{% {source} %}}"}, "MaxConcurrency")
    found = evaluate(scope({"n": 4.0}, v=9))
    assert (found, type(found)) == (expected, int)


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("-1", "MaxConcurrency cannot be negative."),
        ("100000000", "MaxConcurrency must be between 0 and 99999999."),
        (
            "'5'",
            "The JSONata expression ''5'' specified for the field 'MaxConcurrency' returned an unexpected result type. "
            "Expected 'integer', but was 'string' for value: \"5\"",
        ),
        (
            "1.5",
            "The JSONata expression '1.5' specified for the field 'MaxConcurrency' returned an unexpected result type. "
            "Expected 'integer', but was 'number' for value: 1.5",
        ),
        (
            "$nothing",
            "The JSONata expression '$nothing' specified for the field 'MaxConcurrency' returned nothing (undefined).",
        ),
    ],
)
def test_what_is_no_integer_by_query(scope, source: str, cause: str):
    evaluate = compile_integer(site(True), {"MaxConcurrency": f"{{% {source} %}}"}, "MaxConcurrency")
    assert failure(evaluate, scope({})) == (QUERY_EVALUATION_ERROR, cause, "MaxConcurrency")


# --- percentages

PERCENTAGE = "ToleratedFailurePercentage"


@pytest.mark.parametrize("value", [0, 12.5, 100])
def test_a_percentage(scope, value: float):
    assert compile_percentage(site(), {PERCENTAGE: value}, PERCENTAGE)(scope({})) == value
    assert compile_percentage(site(), {f"{PERCENTAGE}Path": "$.p"}, PERCENTAGE)(scope({"p": value})) == value
    query = {PERCENTAGE: "{% $states.input.p %}"}
    assert compile_percentage(site(True), query, PERCENTAGE)(scope({"p": value})) == value


@pytest.mark.parametrize("value", [-1, 100.5])
def test_a_percentage_out_of_bounds(scope, value: float):
    here = site()
    assert compile_percentage(here, {PERCENTAGE: value}, PERCENTAGE) is None
    assert refused(here)[0].message == "Value must be a number from 0 to 100"
    cause = f"{PERCENTAGE} must be between 0 and 100."
    by_path = compile_percentage(site(), {f"{PERCENTAGE}Path": "$.p"}, PERCENTAGE)
    assert failure(by_path, scope({"p": value})) == (RUNTIME, cause, None)
    by_query = compile_percentage(site(True), {PERCENTAGE: "{% $states.input.p %}"}, PERCENTAGE)
    assert failure(by_query, scope({"p": value})) == (QUERY_EVALUATION_ERROR, cause, PERCENTAGE)


@pytest.mark.parametrize("value", [True, "5", None, [5]])
def test_what_is_no_percentage(scope, value: Any):
    by_path = compile_percentage(site(), {f"{PERCENTAGE}Path": "$.p"}, PERCENTAGE)
    error, cause, _ = failure(by_path, scope({"p": value}))
    assert error == RUNTIME
    assert cause.endswith("which is not a valid float: $.p")


# --- Wait


@pytest.mark.parametrize("value", [0, 1, LONG_MAX])
def test_seconds_at_a_path(scope, value: int):
    assert compile_wait_seconds(site(), {"SecondsPath": "$.s"})(scope({"s": value})) == value


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        ("5", "The SecondsPath parameter cannot be parsed as a long value: $.s == 5"),
        (1.5, "The SecondsPath parameter cannot be parsed as a long value: $.s == 1.5"),
        (True, "The SecondsPath parameter cannot be parsed as a long value: $.s == true"),
        (LONG_MAX + 1, f"The SecondsPath parameter cannot be parsed as a long value: $.s == {LONG_MAX + 1}"),
        (-1, "The SecondsPath parameter references a negative value: $.s == -1"),
    ],
)
def test_seconds_that_are_none(scope, value: Any, cause: str):
    evaluate = compile_wait_seconds(site(), {"SecondsPath": "$.s"})
    assert failure(evaluate, scope({"s": value})) == (RUNTIME, cause, None)


@pytest.mark.parametrize("text", ["2001-02-03T04:05:06Z", "2001-02-03T05:05:06+01:00", "2001-02-03T04:05:06.000Z"])
def test_timestamps(scope, text: str):
    at = 981_173_106.0
    assert compile_wait_timestamp(site(), {"Timestamp": text})(scope({})) == at
    assert compile_wait_timestamp(site(), {"TimestampPath": "$.t"})(scope({"t": text})) == at
    assert compile_wait_timestamp(site(True), {"Timestamp": "{% $states.input.t %}"})(scope({"t": text})) == at


@pytest.mark.parametrize("value", ["2001-02-03", "2001-02-03T04:05:06", "2001-02-30T04:05:06Z", "", 5, None])
def test_what_is_no_timestamp(scope, value: Any):
    here = site()
    assert compile_wait_timestamp(here, {"Timestamp": value}) is None
    assert refused(here)[0].message == "String does not match RFC3339 timestamp"
    error, cause, _ = failure(compile_wait_timestamp(site(), {"TimestampPath": "$.t"}), scope({"t": value}))
    assert error == RUNTIME
    assert cause.startswith("The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time")
    by_query = compile_wait_timestamp(site(True), {"Timestamp": "{% $states.input.t %}"})
    error, _, location = failure(by_query, scope({"t": value}))
    assert (error, location) == (QUERY_EVALUATION_ERROR, "Timestamp")


# --- Fail


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"Cause": "text"}, "text"),
        ({"CausePath": "$.c"}, "of input"),
        ({"CausePath": "$$.State.Name"}, "S"),
        ({"CausePath": "$v"}, "of a variable"),
        ({"CausePath": "States.JsonToString($)"}, '{"c":"of input","n":5}'),
    ],
    ids=repr,
)
def test_a_text(scope, state: dict[str, Any], expected: str):
    here = scope({"c": "of input", "n": 5}, {"State": {"Name": "S"}}, v="of a variable")
    assert compile_fail_text(site(), state, "Cause")(here) == expected


@pytest.mark.parametrize(
    ("path", "cause"),
    [
        ("$.n", "The CausePath field must refer to a string but was: 5"),
        ("States.MathAdd(1, 1)", "The CausePath field must refer to a string but was: 2"),
        ("$.x", "The JSONPath '$.x' specified for the field 'CausePath' could not be found in the input '{\"n\":5}'"),
    ],
)
def test_what_is_no_text(scope, path: str, cause: str):
    assert failure(compile_fail_text(site(), {"CausePath": path}, "Cause"), scope({"n": 5})) == (RUNTIME, cause, None)


@pytest.mark.parametrize(
    ("jsonata", "state"),
    [(False, {"Cause": 5}), (False, {"Cause": None}), (False, {"CausePath": "x"}), (False, {"CausePath": 5}),
     (False, {"CausePath": "States.Nope("}), (True, {"Cause": 5}), (True, {"Cause": "{% ( %}"})],
    ids=repr,
)  # fmt: skip
def test_a_text_that_is_refused(jsonata: bool, state: dict[str, Any]):
    here = site(jsonata)
    assert compile_fail_text(here, state, "Cause") is None
    (field,) = state
    assert [diagnostic.location for diagnostic in refused(here)] == [f"/States/S/{field}"]
