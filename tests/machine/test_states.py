"""Pass, Succeed, Fail, Choice and Wait, and how data and variables flow through states."""

from typing import Any

import pytest

from stepwell.machine.payload import Payload

from .harness import BEGIN, FUNCTION, Run, machine, one, one_jsonata

RUNTIME = "States.Runtime"
QUERY = "States.QueryEvaluationError"


def in_s(cause: str) -> str:
    """AWS's words around what failed in the first state, S."""
    return f"An error occurred while executing the state 'S' (entered at the event id #2). {cause}"


def test_a_line_of_states_is_one_step():
    run = Run(machine(*({"Name": name, "Type": "Pass"} for name in "ABC")))
    assert len(run.steps) == 1
    assert run.history() == [
        (1, 0, "ExecutionStarted"),
        (2, 0, "PassStateEntered"),
        (3, 2, "PassStateExited"),
        (4, 3, "PassStateEntered"),
        (5, 4, "PassStateExited"),
        (6, 5, "PassStateEntered"),
        (7, 6, "PassStateExited"),
        (8, 7, "ExecutionSucceeded"),
    ]


def test_white_space_of_the_input_is_kept():
    run = Run(machine({"Name": "A", "Type": "Pass"}, {"Name": "B", "Type": "Succeed"}), Payload.of_text("[1, 2]"))
    assert run.entered("B").input.text == run.execution.output.text == "[1, 2]"


@pytest.mark.parametrize(
    ("fields", "output"),
    [
        ({}, {"a": {"b": 1}, "c": 2}),
        ({"InputPath": "$.a"}, {"b": 1}),
        ({"InputPath": None}, {}),
        ({"OutputPath": "$.a.b"}, 1),
        ({"OutputPath": None}, {}),
        ({"Result": None}, None),
        ({"Result": 5, "ResultPath": "$.a.b"}, {"a": {"b": 5}, "c": 2}),
        ({"Result": 5, "ResultPath": "$.x.y"}, {"a": {"b": 1}, "c": 2, "x": {"y": 5}}),
        ({"Result": 5, "ResultPath": None}, {"a": {"b": 1}, "c": 2}),
        ({"InputPath": "$.a", "ResultPath": "$.c"}, {"a": {"b": 1}, "c": {"b": 1}}),
        ({"Parameters": {"k": 1, "v.$": "$.c"}}, {"k": 1, "v": 2}),
        ({"InputPath": "$.a", "Parameters": {"v.$": "$.b"}}, {"v": 1}),
        ({"Parameters": {"v.$": "$.c"}, "ResultPath": "$.p", "OutputPath": "$.p"}, {"v": 2}),
        ({"Parameters": {"n.$": "$$.Execution.Name", "s.$": "$$.State.Name"}}, {"n": "E", "s": "S"}),
        ({"Parameters": {"v.$": "States.Format('{}-{}', $.c, 'x')"}}, {"v": "2-x"}),
    ],
    ids=repr,
)
def test_pass(fields: dict[str, Any], output: Any):
    assert Run(one("Pass", **fields), {"a": {"b": 1}, "c": 2}).output == output


@pytest.mark.parametrize(
    ("fields", "output"),
    [
        ({}, {"a": 1}),
        ({"Output": "{% $states.input.a %}"}, 1),
        ({"Output": {"x": ["{% $states.input.a + 1 %}", 7]}}, {"x": [2, 7]}),
        ({"Output": " {% $states.input.a %}"}, " {% $states.input.a %}"),
        ({"Output": "{% null %}"}, None),
        ({"Output": "{% $states.context.State.Name %}"}, "S"),
        ({"Output": "{% $states.context.Execution.Input %}"}, {"a": 1}),
    ],
    ids=repr,
)
def test_pass_in_jsonata(fields: dict[str, Any], output: Any):
    assert Run(one_jsonata("Pass", **fields), {"a": 1}).output == output


@pytest.mark.parametrize(
    ("fields", "error", "cause"),
    [
        ({"InputPath": "$.x"}, RUNTIME, "Invalid path '$.x' : No results for path: $['x']"),
        ({"OutputPath": "$.x"}, RUNTIME, "Invalid path '$.x' : No results for path: $['x']"),
        (
            {"Parameters": {"v.$": "$.x"}},
            RUNTIME,
            "The JSONPath '$.x' specified for the field 'v.$' could not be found in the input '{\"a\":1}'",
        ),
        (
            {"Result": 5, "ResultPath": "$.a.b"},
            "States.ResultPathMatchFailure",
            'Unable to apply Reference Path $.a.b to input {"a":1}',
        ),
    ],
    ids=repr,
)
def test_what_fails_in_jsonpath(fields: dict[str, Any], error: str, cause: str):
    run = Run(one("Pass", **fields), {"a": 1})
    assert run.failure == (error, in_s(cause))
    assert run.types()[1:] == ["PassStateEntered", "ExecutionFailed"]


def test_a_failed_query_has_an_event():
    run = Run(one_jsonata("Pass", Output={"x": "{% $nothing %}"}))
    cause = in_s("The JSONata expression '$nothing' specified for the field 'Output/x' returned nothing (undefined).")
    # The EvaluationFailed of a state just entered has the previousEventId of its Entered event: recorded on AWS.
    assert run.history()[1:] == [(2, 0, "PassStateEntered"), (3, 0, "EvaluationFailed"), (4, 3, "ExecutionFailed")]
    assert run.failure == (QUERY, cause)
    assert (run.events[2].location, run.events[2].state) == ("Output/x", "S")


# --- Succeed and Fail


def test_succeed():
    assert Run(one("Succeed", InputPath="$.a", OutputPath="$.b"), {"a": {"b": 3}}).output == 3
    assert Run(one_jsonata("Succeed", Output="{% 1 + 1 %}")).output == 2


@pytest.mark.parametrize(
    ("fields", "failure"),
    [
        ({}, (None, None)),
        ({"Error": "E"}, ("E", None)),
        ({"Error": "E", "Cause": "c"}, ("E", "c")),
        ({"ErrorPath": "$.e", "CausePath": "$.c"}, ("of input", "text")),
        ({"ErrorPath": "$$.State.Name"}, ("S", None)),
        ({"CausePath": "States.Format('<{}>', $.c)"}, (None, "<text>")),
        (
            {"ErrorPath": "$.x"},
            (RUNTIME, "The JSONPath '$.x' specified for the field 'ErrorPath' could not be found in the input"),
        ),
        ({"CausePath": "$.n"}, (RUNTIME, "The CausePath field must refer to a string but was: 5")),
    ],
    ids=repr,
)
def test_fail(fields: dict[str, Any], failure: tuple[str | None, str | None]):
    run = Run(one("Fail", **fields), {"e": "of input", "c": "text", "n": 5})
    assert run.types() == ["ExecutionStarted", "FailStateEntered", "ExecutionFailed"]
    error, cause = failure
    assert run.failure[0] == error
    assert run.failure[1] == cause if error != RUNTIME else run.failure[1].startswith(in_s(cause))


def test_fail_in_jsonata():
    fields = {"Error": "{% $states.input.e %}", "Cause": "{% 'because ' & $states.input.e %}"}
    run = Run(one_jsonata("Fail", **fields), {"e": "X"})
    assert run.failure == ("X", "because X")
    assert Run(one_jsonata("Fail", Error="{% 5 %}")).failure[0] == QUERY


# --- Choice


def choice(*rules: dict[str, Any], **fields: Any) -> dict[str, Any]:
    targets = sorted({rule["Next"] for rule in rules} | {"D"})
    return machine(
        {"Name": "S", "Type": "Choice", "Choices": list(rules), "Default": "D", **fields},
        *({"Name": name, "Type": "Pass", "End": True} for name in targets),
    )


def test_the_first_rule_that_holds_is_followed():
    definition = choice(
        {"Variable": "$.n", "NumericGreaterThan": 5, "Next": "A"},
        {"Variable": "$.n", "NumericGreaterThan": 3, "Next": "B"},
    )
    for number, state in ((9, "A"), (4, "B"), (1, "D")):
        run = Run(definition, {"n": number})
        assert run.exited().next == state
        assert run.types()[-3:] == ["PassStateEntered", "PassStateExited", "ExecutionSucceeded"]


def test_no_choice_matched():
    definition = machine(
        {"Name": "S", "Type": "Choice", "Choices": [{"Variable": "$.n", "IsNull": True, "Next": "A"}]},
        {"Name": "A", "Type": "Pass"},
    )
    cause = "Failed to transition out of the state. The state does not point to a next state."
    assert Run(definition, {"n": 1}).failure == ("States.NoChoiceMatched", in_s(cause))


def test_a_rule_brings_its_own_assign_and_output():
    rules = [{"Condition": "{% $states.input.n > 5 %}", "Next": "A", "Output": "big", "Assign": {"kind": "big"}}]
    rules.append({"Condition": "{% $states.input.n > 3 %}", "Next": "B"})
    fields = {"Output": "small", "Assign": {"kind": "small"}, "QueryLanguage": "JSONata"}
    definition = choice(*rules, **fields)
    expected = {9: ("big", {"kind": "big"}), 4: ({"n": 4}, {}), 1: ("small", {"kind": "small"})}
    for number, (output, assigned) in expected.items():
        run = Run(definition, {"n": number})
        assert (run.exited().output.value, run.assigned()) == (output, assigned)


def test_paths_of_a_choice():
    rule = {"Variable": "$.n", "NumericEquals": 1, "Next": "A", "Assign": {"seen.$": "$.n"}}
    run = Run(choice(rule, InputPath="$.a", OutputPath="$.o"), {"a": {"n": 1, "o": "out"}, "n": 2})
    assert (run.output, run.assigned()) == ("out", {"seen": 1})


def test_a_condition_must_be_a_boolean():
    rules = {"Condition": "{% 5 %}", "Next": "A"}, {"Condition": "{% true %}", "Next": "B"}
    run = Run(choice(*rules, QueryLanguage="JSONata"))
    assert run.failure[0] == QUERY
    assert run.events[2].location == "Choices[0]/Condition"


# --- Wait

AT_60 = "2023-11-14T22:14:20Z"
"""A minute after BEGIN."""


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({"Seconds": 10}, 10.0),
        ({"SecondsPath": "$.s"}, 7.0),
        ({"Timestamp": AT_60}, 60.0),
        ({"TimestampPath": "$.t"}, 60.0),
    ],
    ids=repr,
)
def test_wait(fields: dict[str, Any], seconds: float):
    run = Run(one("Wait", **fields), {"s": 7, "t": AT_60})
    assert run.timers == {(1, "wait"): BEGIN + seconds}
    run.fire("wait")
    assert run.status == "SUCCEEDED"
    assert run.history()[1:] == [(2, 0, "WaitStateEntered"), (3, 2, "WaitStateExited"), (4, 3, "ExecutionSucceeded")]
    assert run.events[2].at == BEGIN + seconds


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [({"Seconds": "{% 2 * 5 %}"}, 10.0), ({"Seconds": 3}, 3.0), ({"Timestamp": "{% $states.input.t %}"}, 60.0)],
    ids=repr,
)
def test_wait_in_jsonata(fields: dict[str, Any], seconds: float):
    run = Run(one_jsonata("Wait", **fields, Output="{% $states.input.t %}"), {"t": AT_60})
    assert run.timers == {(1, "wait"): BEGIN + seconds}
    run.fire("wait")
    assert run.output == AT_60


@pytest.mark.parametrize("fields", [{"Seconds": 0}, {"Timestamp": "2001-01-01T00:00:00Z"}, {"SecondsPath": "$.s"}])
def test_a_time_that_has_come_is_not_waited_for(fields: dict[str, Any]):
    run = Run(one("Wait", **fields), {"s": 0})
    assert run.status == "SUCCEEDED"
    assert not run.commands


@pytest.mark.parametrize(
    ("fields", "value", "cause"),
    [
        (
            {"SecondsPath": "$.v"},
            "5",
            "The SecondsPath parameter cannot be parsed as a long value: $.v == 5",
        ),
        (
            {"SecondsPath": "$.v"},
            10**400,
            f"The SecondsPath parameter cannot be parsed as a long value: $.v == {10**400}",
        ),
        ({"SecondsPath": "$.v"}, -1, "The SecondsPath parameter references a negative value: $.v == -1"),
        ({"SecondsPath": "$.x"}, 1, "The SecondsPath parameter does not reference an input value: $.x"),
        ({"TimestampPath": "$.x"}, 1, "The TimestampPath parameter does not reference an input value: $.x"),
        (
            {"TimestampPath": "$.v"},
            "soon",
            "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: "
            "$.v == soon",
        ),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_wait_that_cannot_be_told(fields: dict[str, Any], value: Any, cause: str):
    assert Run(one("Wait", **fields), {"v": value}).failure == (RUNTIME, in_s(cause))


@pytest.mark.parametrize("seconds", ["{% -1 %}", "{% 100000000 %}", "{% 1.5 %}", "{% '5' %}", "{% 1/0 %}"])
def test_seconds_in_jsonata_are_bounded(seconds: str):
    run = Run(one_jsonata("Wait", Seconds=seconds))
    assert (run.failure[0], run.events[2].location) == (QUERY, "Seconds")
    # In a Wait the event follows the Entered event, unlike in the other types: recorded on AWS.
    assert run.history()[2] == (3, 2, "EvaluationFailed")


# --- variables


def test_a_state_reads_what_earlier_ones_assigned():
    run = Run(
        machine(
            {"Name": "A", "Type": "Pass", "Assign": {"x": 1, "y.$": "$.n", "at.$": "$$.State.Name"}},
            {"Name": "B", "Type": "Pass", "Assign": {"x.$": "$y", "y.$": "$x"}},
            {"Name": "S", "Type": "Pass", "Parameters": {"x.$": "$x", "y.$": "$y", "at.$": "$at"}},
        ),
        {"n": 2},
    )
    assert run.assigned("A") == {"x": 1, "y": 2, "at": "A"}
    assert run.output == {"x": 2, "y": 1, "at": "A"}, "all expressions of a state see the values at its entry"


def test_assign_sees_the_result_and_not_the_output():
    task = {"type": "Task", "Resource": FUNCTION, "ResultSelector": {"s.$": "$.a"}, "OutputPath": "$.s"}
    run = Run(one(**task, Assign={"whole.$": "$", "entered.$": "$$.Execution.Input"}), {"i": 1})
    run.succeed({"a": 1, "b": 2})
    assert run.assigned() == {"whole": {"a": 1, "b": 2}, "entered": {"i": 1}}
    assert run.output == 1


def test_both_languages_share_variables():
    run = Run(
        machine(
            {"Name": "A", "Type": "Pass", "Assign": {"x": {"y": [1, 2]}}},
            {"Name": "B", "Type": "Pass", "QueryLanguage": "JSONata", "Assign": {"z": "{% $sum($x.y) %}"}},
            {"Name": "S", "Type": "Pass", "Parameters": {"z.$": "$z", "second.$": "$x.y[1]"}},
        )
    )
    assert run.output == {"z": 3, "second": 2}


def test_scopes():
    inner = {"StartAt": "I", "States": {"I": {"Type": "Pass", "Assign": {"own.$": "$outer"}, "Next": "J"},
             "J": {"Type": "Pass", "Parameters": {"own.$": "$own", "outer.$": "$outer"}, "End": True}}}  # fmt: skip
    run = Run(
        machine(
            {"Name": "A", "Type": "Pass", "Assign": {"outer": 5}},
            {"Name": "P", "Type": "Parallel", "Branches": [inner], "Assign": {"result.$": "$[0].own"}},
            {"Name": "S", "Type": "Pass", "Parameters": {"result.$": "$result"}},
        )
    )
    assert run.exited("P").output.value == [{"own": 5, "outer": 5}]
    assert run.output == {"result": 5}
    assert set(run.execution.frames[1].variables) == {"outer", "result"}


def test_a_variable_that_was_never_assigned():
    definition = choice({"Variable": "$.n", "IsPresent": True, "Next": "A", "Assign": {"x": 1}})
    definition["States"]["D"]["Parameters"] = {"x.$": "$x"}
    assert Run(definition, {}).failure[0] == RUNTIME
