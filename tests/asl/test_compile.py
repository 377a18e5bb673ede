"""Definitions to programs: what is refused, where and in which words; what a program holds."""

import json
from typing import Any

import pytest

from stepwell.asl.compile import check_definition, compile_definition, load_yaml
from stepwell.asl.errors import DefinitionError
from stepwell.asl.program import ChoiceState, MapState, ParallelState, TaskState
from stepwell.asl.resources import parse_resource

SCHEMA = "SCHEMA_VALIDATION_FAILED"
TARGET = "MISSING_TRANSITION_TARGET"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:F"
ACTIVITY = "arn:aws:states:us-east-1:123456789012:activity:A"
END = {"Type": "Pass", "End": True}
TYPES = "The field 'Type' should have one of these values: [Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map]"


def one(**state: Any) -> dict[str, Any]:
    """A definition of one state S, a Pass unless it says otherwise."""
    whole = {"Type": "Pass", **state}
    if whole["Type"] in ("Pass", "Task", "Wait", "Parallel", "Map") and "Next" not in whole:
        whole.setdefault("End", True)
    return {"StartAt": "S", "States": {"S": whole}}


def task(**fields: Any) -> dict[str, Any]:
    return one(Type="Task", Resource=FUNCTION, **fields)


def jsonata(definition: dict[str, Any]) -> dict[str, Any]:
    return {"QueryLanguage": "JSONata", **definition}


def found(definition: Any, *, express: bool = False) -> list[tuple[str, str, str]]:
    text = definition if isinstance(definition, str) else json.dumps(definition)
    return [(d.code, d.message, d.location) for d in check_definition(text, express=express)]


SMALLEST = one()


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("", SCHEMA, "Definition must be a valid JSON object"),
        ("  ", SCHEMA, "Definition must be a valid JSON object"),
        ("[]", SCHEMA, "Definition must be a valid JSON object"),
        ("null", SCHEMA, "Definition must be a valid JSON object"),
        ('"text"', SCHEMA, "Definition must be a valid JSON object"),
        ("{", "INVALID_JSON_DESCRIPTION", "Input data was truncated"),
        ("{'a': 1}", "INVALID_JSON_DESCRIPTION", "JSON is malformed: object keys must be strings (byte 1)"),
        ("[" * 100_000, "INVALID_JSON_DESCRIPTION", ""),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_is_no_json_object(text: str, code: str, message: str):
    ((actual_code, actual_message, _),) = found(text)
    assert actual_code == code
    assert actual_message.startswith(message)


@pytest.mark.parametrize(
    ("top", "message", "location"),
    [
        ({"StartAt": "S"}, "The field 'States' is required but was missing", "/"),
        ({"States": {"S": END}}, "The field 'StartAt' is required but was missing", "/"),
        ({"StartAt": "S", "States": []}, "Expected value of type Object", "/States"),
        ({"StartAt": 5, "States": {"S": END}}, "Expected value of type String", "/StartAt"),
        ({**SMALLEST, "Nonsense": 1}, "Field is not supported", "/Nonsense"),
        ({**SMALLEST, "TimeoutSeconds": 0}, "Value must be an integer from 1 to 99999999", "/TimeoutSeconds"),
        ({**SMALLEST, "TimeoutSeconds": "5"}, "Value must be an integer from 1 to 99999999", "/TimeoutSeconds"),
        ({**SMALLEST, "TimeoutSeconds": True}, "Value must be an integer from 1 to 99999999", "/TimeoutSeconds"),
        (
            {**SMALLEST, "QueryLanguage": "SQL"},
            "The field 'QueryLanguage' should have one of these values: [JSONPath, JSONata]",
            "/QueryLanguage",
        ),
        ({**SMALLEST, "Version": 1.0}, "The field 'Version' should have one of these values: [1.0]", "/Version"),
        ({**SMALLEST, "Comment": ["c"]}, "Expected value of type String", "/Comment"),
        ({"StartAt": "", "States": {"": END}}, "State name must be 1 to 80 characters long", "/States/"),
        ({"StartAt": "S" * 81, "States": {"S" * 81: END}}, "State name must be 1 to 80", f"/States/{'S' * 81}"),
        ({"StartAt": "S", "States": {"S": 5}}, "Expected value of type Object", "/States/S"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_the_top(top: dict[str, Any], message: str, location: str):
    ((code, actual, at),) = found(top)
    assert (code, at) == (SCHEMA, location)
    assert actual.startswith(message)


@pytest.mark.parametrize(
    ("state", "message", "field"),
    [
        ({"Type": None}, TYPES, "/Type"),
        ({"Type": "pass"}, TYPES, "/Type"),
        ({"End": False}, "Exactly one of these fields is required: [Next, End]", ""),
        ({"Next": "S", "End": True}, "Exactly one of these fields is required: [Next, End]", ""),
        ({"Comment": 5}, "Expected value of type String", "/Comment"),
        ({"Arguments": {}}, "Field is not supported", "/Arguments"),
        ({"Retry": []}, "Field is not supported", "/Retry"),
        ({"Type": "Succeed", "Next": "S"}, "Field is not supported", "/Next"),
        ({"Type": "Fail", "End": True}, "Field is not supported", "/End"),
        ({"InputPath": "a"}, "Value is not a valid JSONPath", "/InputPath"),
        ({"InputPath": 5}, "Value is not a valid JSONPath", "/InputPath"),
        ({"ResultPath": "$.a[*]"}, "Value is not a Reference Path: it must name a single place in the input",
         "/ResultPath"),
        ({"ResultPath": "$$.a"}, "Value is not a Reference Path: it must name a single place in the input",
         "/ResultPath"),
        ({"ResultPath": "$v.a"}, "Value is not a Reference Path: it must name a single place in the input",
         "/ResultPath"),
        ({"Parameters": {"a": {"b.$": 5}}}, "The value for the field 'b.$' must be a STRING that contains a JSONPath "
         "but was a NUMBER", "/Parameters/a"),
        ({"Parameters": {"b.$": "x"}}, "The value for the field 'b.$' must be a valid JSONPath or a valid intrinsic "
         "function call", "/Parameters"),
        ({"Assign": 5}, "Expected value of type Object", "/Assign"),
        ({"Assign": {"1x": 5}}, "'1x' is not a valid variable name", "/Assign"),
        ({"Assign": {"states.$": "$"}}, "'states' is not a valid variable name", "/Assign"),
        ({"Assign": {"x" * 81: 5}}, f"'{'x' * 81}' is not a valid variable name", "/Assign"),
        ({"Assign": {"a.b": 5}}, "'a.b' is not a valid variable name", "/Assign"),
        ({"Type": "Wait"}, "One of these fields is required: [Seconds, SecondsPath, Timestamp, TimestampPath]", ""),
        ({"Type": "Wait", "Seconds": 1, "SecondsPath": "$"}, "Only one of these fields may be given: [Seconds, "
         "SecondsPath]", ""),
        ({"Type": "Wait", "Seconds": -1}, "Value must be an integer from 0 to 99999999", "/Seconds"),
        ({"Type": "Wait", "Seconds": 1.5}, "Value must be an integer from 0 to 99999999", "/Seconds"),
        ({"Type": "Wait", "Timestamp": "soon"}, "String does not match RFC3339 timestamp", "/Timestamp"),
        ({"Type": "Wait", "Timestamp": 5}, "String does not match RFC3339 timestamp", "/Timestamp"),
        ({"Type": "Fail", "Error": 5}, "Value must be a string", "/Error"),
        ({"Type": "Fail", "Error": "E", "ErrorPath": "$"}, "Only one of these fields may be given: [Error, ErrorPath]",
         ""),
        ({"Type": "Choice"}, "The field 'Choices' is required but was missing", ""),
        ({"Type": "Choice", "Choices": {}}, "Expected value of type Array", "/Choices"),
        ({"Type": "Choice", "Choices": []}, "Array must have at least one element", "/Choices"),
        ({"Type": "Choice", "Choices": [5]}, "Expected value of type Object", "/Choices[0]"),
        ({"Type": "Choice", "Choices": [{"Variable": "$", "IsNull": True}]}, "The field 'Next' is required but was "
         "missing", "/Choices[0]"),
        ({"Type": "Choice", "Choices": [{"Variable": "$", "IsNull": True, "Next": "S"}], "Default": 5}, "Expected "
         "value of type String", "/Default"),
        ({"Type": "Parallel"}, "The field 'Branches' is required but was missing", ""),
        ({"Type": "Parallel", "Branches": []}, "Array must have at least one element", "/Branches"),
        ({"Type": "Parallel", "Branches": [5]}, "Expected value of type Object", "/Branches[0]"),
        ({"Type": "Map"}, "The field 'ItemProcessor' is required but was missing", ""),
        ({"Type": "Map", "ItemProcessor": 5}, "The field 'ItemProcessor' is required but was missing", ""),
        ({"Type": "Task"}, "The field 'Resource' is required but was missing", ""),
        ({"Type": "Task", "Resource": "F"}, "Value is not a valid resource ARN", "/Resource"),
        ({"Type": "Task", "Resource": 5}, "Value is not a valid resource ARN", "/Resource"),
    ],
    ids=lambda value: repr(value)[:50],
)  # fmt: skip
def test_a_state(state: dict[str, Any], message: str, field: str):
    assert found(one(**state)) == [(SCHEMA, message, f"/States/S{field}")]


@pytest.mark.parametrize(
    ("fields", "message", "field"),
    [
        ({"TimeoutSeconds": 0}, "Value must be an integer from 1 to 99999999", "/TimeoutSeconds"),
        ({"TimeoutSeconds": "{% 5 %}"}, "Value must be an integer from 1 to 99999999", "/TimeoutSeconds"),
        ({"TimeoutSeconds": 5, "TimeoutSecondsPath": "$"}, "Only one of these fields may be given: [TimeoutSeconds, "
         "TimeoutSecondsPath]", ""),
        ({"HeartbeatSeconds": 5, "HeartbeatSecondsPath": "$"}, "Only one of these fields may be given: "
         "[HeartbeatSeconds, HeartbeatSecondsPath]", ""),
        ({"TimeoutSeconds": 5, "HeartbeatSeconds": 5}, "HeartbeatSeconds must be smaller than TimeoutSeconds",
         "/HeartbeatSeconds"),
        ({"Credentials": {}}, "The field 'RoleArn' is required but was missing", "/Credentials"),
        ({"Retry": {}}, "Expected value of type Array", "/Retry"),
        ({"Retry": [5]}, "Expected value of type Object", "/Retry[0]"),
        ({"Retry": [{}]}, "The field 'ErrorEquals' must be a non-empty array of strings", "/Retry[0]/ErrorEquals"),
        ({"Retry": [{"ErrorEquals": []}]}, "The field 'ErrorEquals' must be a non-empty array of strings",
         "/Retry[0]/ErrorEquals"),
        ({"Retry": [{"ErrorEquals": [5]}]}, "The field 'ErrorEquals' must be a non-empty array of strings",
         "/Retry[0]/ErrorEquals"),
        ({"Retry": [{"ErrorEquals": ["States.ALL", "E"]}]}, "States.ALL must appear alone and in the last entry",
         "/Retry[0]/ErrorEquals"),
        ({"Retry": [{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["E"]}]}, "States.ALL must appear alone and in "
         "the last entry", "/Retry[0]/ErrorEquals"),
        ({"Retry": [{"ErrorEquals": ["E"], "IntervalSeconds": 0}]}, "Value must be an integer from 1 to 99999999",
         "/Retry[0]/IntervalSeconds"),
        ({"Retry": [{"ErrorEquals": ["E"], "MaxAttempts": -1}]}, "Value must be an integer from 0 to 99999999",
         "/Retry[0]/MaxAttempts"),
        ({"Retry": [{"ErrorEquals": ["E"], "BackoffRate": 0.5}]}, "Value must be a number of at least 1.0",
         "/Retry[0]/BackoffRate"),
        ({"Retry": [{"ErrorEquals": ["E"], "MaxDelaySeconds": 31_622_401}]}, "Value must be an integer from 1 to "
         "31622400", "/Retry[0]/MaxDelaySeconds"),
        ({"Retry": [{"ErrorEquals": ["E"], "JitterStrategy": "SOME"}]}, "The field 'JitterStrategy' should have one of "
         "these values: [NONE, FULL]", "/Retry[0]/JitterStrategy"),
        ({"Retry": [{"ErrorEquals": ["E"], "Next": "S"}]}, "Field is not supported", "/Retry[0]/Next"),
        ({"Catch": [{"ErrorEquals": ["E"]}]}, "The field 'Next' is required but was missing", "/Catch[0]"),
        ({"Catch": [{"ErrorEquals": ["E"], "Next": "S", "Output": 1}]}, "Field is not supported", "/Catch[0]/Output"),
        ({"Catch": [{"ErrorEquals": ["E"], "Next": "S", "ResultPath": "$..a"}]}, "Value is not a Reference Path: it "
         "must name a single place in the input", "/Catch[0]/ResultPath"),
        ({"Catch": [{"ErrorEquals": ["E"], "Next": "S", "Assign": [1]}]}, "Expected value of type Object",
         "/Catch[0]/Assign"),
    ],
    ids=lambda value: repr(value)[:60],
)  # fmt: skip
def test_a_task(fields: dict[str, Any], message: str, field: str):
    assert found(task(**fields)) == [(SCHEMA, message, f"/States/S{field}")]


@pytest.mark.parametrize(
    ("state", "code", "field"),
    [
        ({"Output": "{% ( %}"}, "INVALID_JSONATA_EXPRESSION", "/Output"),
        ({"Output": {"a": ["{% $ %}"]}}, "UNSUPPORTED_JSONATA_EXPRESSION", "/Output/a[0]"),
        ({"Output": "{% name %}"}, "UNSUPPORTED_JSONATA_EXPRESSION", "/Output"),
        ({"Assign": {"x": "{% ( %}"}}, "INVALID_JSONATA_EXPRESSION", "/Assign/x"),
        ({"Assign": "{% {} %}"}, SCHEMA, "/Assign"),
        ({"InputPath": "$"}, SCHEMA, "/InputPath"),
        ({"Parameters": {}}, SCHEMA, "/Parameters"),
        ({"Result": 1}, SCHEMA, "/Result"),
        ({"Type": "Wait", "SecondsPath": "$"}, SCHEMA, "/SecondsPath"),
        ({"Type": "Wait", "Seconds": "{% ( %}"}, "INVALID_JSONATA_EXPRESSION", "/Seconds"),
        ({"Type": "Choice", "Choices": [{"Next": "S"}]}, SCHEMA, "/Choices[0]"),
        ({"Type": "Choice", "Choices": [{"Condition": True, "Variable": "$", "Next": "S"}]}, SCHEMA,
         "/Choices[0]/Variable"),
        ({"Type": "Choice", "Choices": [{"Condition": "{% ( %}", "Next": "S"}]}, "INVALID_JSONATA_EXPRESSION",
         "/Choices[0]/Condition"),
        ({"Type": "Map", "Items": "text", "ItemProcessor": {"StartAt": "P", "States": {"P": END}}}, SCHEMA, "/Items"),
        ({"Type": "Task", "Resource": FUNCTION, "Parameters": {}}, SCHEMA, "/Parameters"),
        ({"Type": "Task", "Resource": FUNCTION, "Catch": [{"ErrorEquals": ["E"], "Next": "S", "ResultPath": "$"}]},
         SCHEMA, "/Catch[0]/ResultPath"),
        ({"QueryLanguage": "JSONPath"}, SCHEMA, "/QueryLanguage"),
        ({"Output": "{% $states.result %}"}, "UNSUPPORTED_JSONATA_EXPRESSION", "/Output"),
        ({"Type": "Task", "Resource": FUNCTION, "Arguments": {"a": "{% $states.result.a %}"}},
         "UNSUPPORTED_JSONATA_EXPRESSION", "/Arguments"),
        ({"Type": "Task", "Resource": FUNCTION, "Output": "{% $states.errorOutput %}"},
         "UNSUPPORTED_JSONATA_EXPRESSION", "/Output"),
        ({"Type": "Task", "Resource": FUNCTION, "TimeoutSeconds": "{% $states.result %}"},
         "UNSUPPORTED_JSONATA_EXPRESSION", "/TimeoutSeconds"),
        ({"Type": "Task", "Resource": FUNCTION,
          "Catch": [{"ErrorEquals": ["E"], "Next": "S", "Output": "{% $states.result %}"}]},
         "UNSUPPORTED_JSONATA_EXPRESSION", "/Catch[0]/Output"),
    ],
    ids=lambda value: repr(value)[:60],
)  # fmt: skip
def test_a_state_in_jsonata(state: dict[str, Any], code: str, field: str):
    codes = [(actual, location) for actual, _, location in found(jsonata(one(**state)))]
    assert codes == [(code, f"/States/S{field}")]


def test_members_of_states_where_they_are_offered():
    fields = {
        "Output": "{% $states.result %}",
        "Assign": {"x": "{% $states.result.a & $states.input.b & $states.context.State.Name %}", "y": "{% $states %}"},
        "Catch": [{"ErrorEquals": ["E"], "Next": "S", "Output": "{% $states.errorOutput.Error %}"}],
    }
    assert found(jsonata(one(Type="Task", Resource=FUNCTION, **fields))) == []


def test_a_state_may_choose_jsonata():
    definition = one(QueryLanguage="JSONata", Output="{% 1 %}")
    assert compile_definition(json.dumps(definition)).states["S"].jsonata
    inner = {"StartAt": "P", "States": {"P": {**END, "Output": 1}}}
    definition = one(Type="Parallel", QueryLanguage="JSONata", Branches=[inner])
    # Inside, the machine's language is back.
    assert found(definition) == [(SCHEMA, "Field is not supported", "/States/S/Branches[0]/States/P/Output")]


# --- transitions


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ({"S": {"Type": "Pass", "Next": "X"}}, [("Missing 'Next' target: X", "/States/S/Next")]),
        ({"T": END}, [("Missing 'StartAt' target: S", "/StartAt"), ('State "T" is not reachable.', "/States/T")]),
        ({"S": END, "T": END}, [('State "T" is not reachable.', "/States/T")]),
        (
            {"S": {"Type": "Choice", "Choices": [{"Variable": "$", "IsNull": True, "Next": "X"}], "Default": "Y"}},
            [("Missing 'Default' target: Y", "/States/S/Default"),
             ("Missing 'Next' target: X", "/States/S/Choices[0]/Next")],
        ),
        (
            {"S": {**END, "Type": "Task", "Resource": FUNCTION, "Catch": [{"ErrorEquals": ["E"], "Next": "X"}]}},
            [("Missing 'Next' target: X", "/States/S/Catch[0]/Next")],
        ),
        (
            {"S": {"Type": "Parallel", "End": True, "Branches": [
                {"StartAt": "B", "States": {"B": {"Type": "Pass", "Next": "T"}}}]}, "T": END},
            [('State "T" is not reachable.', "/States/T"),
             ("Missing 'Next' target: T", "/States/S/Branches[0]/States/B/Next")],
        ),
    ],
    ids=lambda value: repr(value)[:50],
)  # fmt: skip
def test_targets(states: dict[str, Any], expected: list[tuple[str, str]]):
    assert found({"StartAt": "S", "States": states}) == [(TARGET, *entry) for entry in expected]


@pytest.mark.parametrize(
    ("states", "location"),
    [
        ({"S": {"Type": "Pass", "Next": "S"}}, "/States"),
        ({"S": {"Type": "Choice", "Choices": [{"Variable": "$", "IsNull": True, "Next": "S"}]}}, "/States"),
        ({"S": {**END, "Type": "Parallel", "Branches": [{"StartAt": "B", "States": {
            "B": {"Type": "Wait", "Seconds": 1, "Next": "B"}}}]}}, "/States/S/Branches[0]/States"),
    ],
    ids=lambda value: repr(value)[:50],
)  # fmt: skip
def test_every_level_has_an_end_state(states: dict[str, Any], location: str):
    definition = {"StartAt": "S", "States": states}
    assert found(definition) == [("MISSING_END_STATE", "No state is an end state", location)]
    assert [code for code, _, _ in found({**definition, "Comment": 5})] == [SCHEMA], "what else is wrong comes first"


def test_names_are_unique_in_the_whole_definition():
    branches = [{"StartAt": name, "States": {name: END}} for name in ("A", "A", "S")]
    assert found(one(Type="Parallel", Branches=branches)) == [
        ("DUPLICATE_STATE_NAME", "Duplicate State name: A", "/States/S/Branches[1]/States/A"),
        ("DUPLICATE_STATE_NAME", "Duplicate State name: S", "/States/S/Branches[2]/States/S"),
    ]


def test_nesting_has_an_end():
    level: dict[str, Any] = {"StartAt": "P", "States": {"P": END}}
    for depth in range(60):
        level = {"StartAt": f"S{depth}", "States": {f"S{depth}": {**END, "Type": "Parallel", "Branches": [level]}}}
    ((code, message, location),) = found(level)
    assert (code, message) == (SCHEMA, "States are nested more than 50 levels deep")
    assert location.count("Branches") == 51


def test_everything_is_said_at_once():
    broken = {"Type": "Task", "Resource": FUNCTION, "Next": "X", "Retry": [{}], "InputPath": "x"}
    states = {"S": broken, "T": {"Type": "Wait", "Seconds": "x"}}
    assert len(found({"StartAt": "S", "States": states, "More": 1})) == 7
    with pytest.raises(DefinitionError) as raised:
        compile_definition(json.dumps({"StartAt": "S", "States": states, "More": 1}))
    assert len(raised.value.diagnostics) == 7
    assert "Missing 'Next' target: X at /States/S/Next" in str(raised.value)


# --- warnings


def test_what_is_only_text_by_an_oversight_is_a_warning():
    definition = one(
        Parameters={"id": "$.id", "more": [{"when": "$$.State.EnteredTime"}], "fine.$": "$.id", "price": "$5"},
        Assign={"uuid": "States.UUID()"},
    )
    taken = "The value is taken as text, because its key does not end in '.$': "
    assert found(definition) == [
        ("NO_DOLLAR", f"{taken}$.id", "/States/S/Parameters/id"),
        ("NO_DOLLAR", f"{taken}$$.State.EnteredTime", "/States/S/Parameters/more[0]/when"),
        ("NO_DOLLAR", f"{taken}States.UUID()", "/States/S/Assign/uuid"),
    ]
    assert {diagnostic.severity for diagnostic in check_definition(json.dumps(definition))} == {"WARNING"}
    assert compile_definition(json.dumps(definition)).states["S"].type == "Pass"
    assert found(one(Result={"a": "$.b"})) == [
        ("PASS_RESULT_IS_STATIC", "The value is taken as text, because a Result is not evaluated: $.b",
         "/States/S/Result/a"),
    ]  # fmt: skip
    assert found(jsonata(one(Output={"a": "$.b"}))) == []


# --- variables


def scoped(inner: dict[str, Any], **outer: Any) -> dict[str, Any]:
    """A Parallel after a Pass that assigns x."""
    level = {"StartAt": "I", "States": {"I": {**END, **inner}}}
    states = {
        "A": {"Type": "Pass", "Assign": {"x": 1}, "Next": "S"},
        "S": {**END, "Type": "Parallel", "Branches": [level]},
    }
    return {"StartAt": "A", "States": {**states, **outer}}


@pytest.mark.parametrize(
    "inner",
    [
        {"Assign": {"x": 2}},
        {"Assign": {"y": 1, "x.$": "$"}},
        {"Type": "Task", "Resource": FUNCTION, "Catch": [{"ErrorEquals": ["E"], "Next": "I", "Assign": {"x": 2}}]},
    ],
    ids=repr,
)
def test_an_inner_scope_does_not_assign_what_an_outer_one_does(inner: dict[str, Any]):
    message = "Variable 'x' is assigned in an outer scope already"
    assert found(scoped(inner)) == [(SCHEMA, message, "/States/S/Branches[0]/States/I")]


def test_scopes_beside_each_other_may_use_one_name():
    branches = [{"StartAt": name, "States": {name: {**END, "Assign": {"x": 1}}}} for name in "AB"]
    assert found(one(Type="Parallel", Branches=branches)) == []
    distributed = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}
    processor = {**distributed, "StartAt": "I", "States": {"I": {**END, "Assign": {"x": 2}}}}
    assert found(one(Type="Map", ItemProcessor=processor, Assign={"x": 1})) == []


def test_variable_references():
    definition = {
        "StartAt": "A",
        "States": {
            "A": {"Type": "Pass", "Assign": {"x": 1, "y": 2}, "Next": "B"},
            "B": {"Type": "Pass", "Parameters": {"v.$": "States.Format('{}', $y)", "w.$": "$x.a"}, "Next": "C"},
            "C": {"Type": "Choice", "Choices": [{"Variable": "$x", "IsNull": True, "Next": "D"}], "Default": "D"},
            "D": {**END, "QueryLanguage": "JSONata", "Output": "{% $x + $sum([$y]) %}"},
        },
    }
    program = compile_definition(json.dumps(definition))
    assert program.variable_references == {"B": ["x", "y"], "C": ["x"], "D": ["x", "y"]}
    assert program.states["D"].reads == {"x", "y"}
    assert not program.states["D"].reads_context


# --- programs


def test_a_program_is_one_flat_table():
    processor = {"StartAt": "P", "States": {"P": END}}
    states = {
        "A": {"Type": "Parallel", "Branches": [{"StartAt": "M", "States": {"M": {**END, "Type": "Map",
              "ItemProcessor": processor}}}], "Next": "C"},
        "C": {"Type": "Choice", "Choices": [{"Variable": "$", "IsNull": True, "Next": "T"}], "Default": "T"},
        "T": {**END, "Type": "Task", "Resource": FUNCTION},
    }  # fmt: skip
    program = compile_definition(json.dumps({"StartAt": "A", "States": states, "TimeoutSeconds": 60, "Comment": "c"}))
    assert (program.start_at, program.timeout_seconds, program.query_language) == ("A", 60, "JSONPath")
    assert set(program.states) == {"A", "M", "P", "C", "T"}
    a, m, c, t = (program.states[name] for name in "AMCT")
    assert isinstance(a, ParallelState) and a.branches == ("M",) and a.next == "C"
    assert isinstance(m, MapState) and m.processor == "P" and m.next is None
    assert isinstance(c, ChoiceState) and c.default == "T"
    assert isinstance(t, TaskState) and t.prepare is None and t.finish is None, "what is not used is None"


@pytest.mark.parametrize(
    ("arn", "family", "type", "action", "pattern"),
    [
        (FUNCTION, "LambdaFunction", "", "", ""),
        (FUNCTION + ":$LATEST", "LambdaFunction", "", "", ""),
        ("arn:aws-cn:lambda:cn-north-1:123456789012:function:F", "LambdaFunction", "", "", ""),
        (ACTIVITY, "Activity", "", "", ""),
        ("arn:aws:states:::lambda:invoke", "Task", "lambda", "invoke", ""),
        ("arn:aws:states:::sqs:sendMessage.waitForTaskToken", "Task", "sqs", "sendMessage.waitForTaskToken",
         "waitForTaskToken"),
        ("arn:aws:states:::states:startExecution.sync:2", "Task", "states", "startExecution.sync:2", "sync:2"),
        ("arn:aws:states:::aws-sdk:dynamodb:getItem", "Task", "aws-sdk:dynamodb", "getItem", ""),
        ("arn:aws:states:::aws-sdk:sfn:startSyncExecution.waitForTaskToken", "Task", "aws-sdk:sfn",
         "startSyncExecution.waitForTaskToken", "waitForTaskToken"),
        ("arn:aws:states:::http:invoke", "Task", "http", "invoke", ""),
    ],
)  # fmt: skip
def test_resources(arn: str, family: str, type: str, action: str, pattern: str):
    resource = parse_resource(arn)
    assert resource is not None
    assert (resource.family, resource.type, resource.action, resource.pattern) == (family, type, action, pattern)


@pytest.mark.parametrize("arn", ["", "arn", "arn:aws:s3:::bucket", "arn:aws:states:::lambda", "arn:aws:states:::"])
def test_what_is_no_resource(arn: str):
    assert parse_resource(arn) is None


@pytest.mark.parametrize(
    ("resource", "message"),
    [
        (ACTIVITY, "Express state machine does not support Activity ARN"),
        (
            "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "Express state machine does not support '.waitForTaskToken' service integration",
        ),
        (
            "arn:aws:states:::states:startExecution.sync:2",
            "Express state machine does not support '.sync:2' service integration",
        ),
    ],
)
def test_express(resource: str, message: str):
    definition = one(Type="Task", Resource=resource)
    assert found(definition) == []
    assert found(definition, express=True) == [(SCHEMA, message, "/States/S/Resource")]


def test_the_old_iterator():
    assert found(one(Type="Map", Iterator={"StartAt": "P", "States": {"P": END}})) == []


# --- YAML


def test_yaml():
    text = "StartAt: S\nStates:\n  S: {Type: Wait, Timestamp: 2030-01-01T00:00:00Z, End: true}  # not a date\n"
    value = load_yaml(text)
    assert value["States"]["S"] == {"Type": "Wait", "Timestamp": "2030-01-01T00:00:00Z", "End": True}
    assert found(value) == []
    assert load_yaml('{"a": [1, 2.5, null]}') == {"a": [1, 2.5, None]}


@pytest.mark.parametrize(
    "text",
    ["a: b: c", "a: [1", "a: &x [1]\nb: *x", "- &a [x]\n- *a", "!!python/object:os.system {}", "[" * 5_000],
    ids=lambda text: text[:20],
)
def test_yaml_that_is_refused(text: str):
    with pytest.raises(ValueError):
        load_yaml(text)


def test_a_resource_that_nobody_recognizes() -> None:
    states = {"T": {"Type": "Task", "Resource": "arn:aws:states:::acme:charge", "End": True}}
    text = json.dumps({"StartAt": "T", "States": states})
    assert check_definition(text) == []
    [found] = check_definition(text, recognizes=lambda resource: resource.type != "acme")
    assert (found.code, found.location) == (SCHEMA, "/States/T/Resource")
    assert found.message == (
        "The resource provided arn:aws:states:::acme:charge is not recognized. The value is not a valid resource ARN, "
        "or the resource is not available in this region."
    )
