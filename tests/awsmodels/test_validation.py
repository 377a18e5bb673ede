"""What AWS says about a request that does not fit its model."""

from typing import Any

import pytest

from stepwell.awsmodels.errors import SerializationError, ValidationError
from stepwell.awsmodels.model import load_service
from stepwell.awsmodels.patterns import compile_pattern
from stepwell.awsmodels.validation import compile_validator

LENGTH = "failed to satisfy constraint: Member must have length"
VALUE = "failed to satisfy constraint: Member must have value"
NULL = "failed to satisfy constraint: Member must not be null"

VALID: dict[str, dict[str, Any]] = {
    "CreateStateMachine": {"name": "n", "definition": "{}", "roleArn": "r", "tags": [{"key": "k"}], "publish": False},
    "CreateActivity": {"name": "n" * 80, "surplus": [1, 2, 3]},
    "StartExecution": {"stateMachineArn": "a", "input": "x" * 262_144, "name": None, "traceHeader": "Root=1"},
    "ListExecutions": {"maxResults": 0, "statusFilter": "RUNNING"},
    "SendTaskFailure": {"taskToken": "t", "error": "", "cause": "c" * 32_768},
    "UpdateMapRun": {"mapRunArn": "m", "toleratedFailurePercentage": 99.5},
}

INVALID: list[tuple[str, dict[str, Any], str]] = [
    ("CreateActivity", {}, f"1 validation error detected: Value null at 'name' {NULL}"),
    ("CreateActivity", {"name": None}, f"1 validation error detected: Value null at 'name' {NULL}"),
    (
        "CreateActivity",
        {"name": ""},
        f"1 validation error detected: Value '' at 'name' {LENGTH} greater than or equal to 1",
    ),
    (
        "CreateActivity",
        {"name": "n" * 81},
        f"1 validation error detected: Value '{'n' * 81}' at 'name' {LENGTH} less than or equal to 80",
    ),
    (
        "ListExecutions",
        {"maxResults": 1001},
        f"1 validation error detected: Value '1001' at 'maxResults' {VALUE} less than or equal to 1000",
    ),
    (
        "ListExecutions",
        {"maxResults": -1},
        f"1 validation error detected: Value '-1' at 'maxResults' {VALUE} greater than or equal to 0",
    ),
    (
        "ValidateStateMachineDefinition",
        {"definition": "{}", "type": "FAST"},
        "1 validation error detected: Value 'FAST' at 'type' failed to satisfy constraint: "
        "Member must satisfy enum value set: [STANDARD, EXPRESS]",
    ),
    (
        "CreateStateMachineAlias",
        {"name": "123", "routingConfiguration": [{"stateMachineVersionArn": "v", "weight": 100}]},
        "1 validation error detected: Value '123' at 'name' failed to satisfy constraint: "
        r"Member must satisfy regular expression pattern: ^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$",
    ),
    (
        "CreateStateMachineAlias",
        {"name": "a", "routingConfiguration": []},
        f"1 validation error detected: Value '[]' at 'routingConfiguration' {LENGTH} greater than or equal to 1",
    ),
    (
        "TagResource",
        {"resourceArn": "a", "tags": [{"key": "k"}, {"key": ""}, None]},
        f"2 validation errors detected: Value '' at 'tags.2.member.key' {LENGTH} greater than or equal to 1; "
        f"Value null at 'tags.3.member' {NULL}",
    ),
    (
        "StartExecution",
        {"input": "x" * 262_145},
        f"2 validation errors detected: Value null at 'stateMachineArn' {NULL}; "
        f"Value at 'input' {LENGTH} less than or equal to 262144",
    ),
    (
        "StartExecution",
        {"stateMachineArn": "a", "traceHeader": "é"},
        "1 validation error detected: Value 'é' at 'traceHeader' failed to satisfy constraint: "
        r"Member must satisfy regular expression pattern: \p{ASCII}*",
    ),
]

WRONG_TYPES: list[tuple[str, Any, str]] = [
    ("CreateActivity", [], "Start of list found where not expected"),
    ("CreateActivity", "x", "Unexpected field type"),
    ("CreateActivity", None, "Unexpected field type"),
    ("CreateActivity", {"name": 5}, "NUMBER_VALUE cannot be converted to String"),
    ("CreateActivity", {"name": 5.5}, "DECIMAL_VALUE cannot be converted to String"),
    ("CreateActivity", {"name": True}, "TRUE_VALUE cannot be converted to String"),
    ("CreateActivity", {"name": ["n"]}, "Start of list found where not expected"),
    ("CreateActivity", {"name": {"n": 1}}, "Start of structure or map found where not expected."),
    ("CreateActivity", {"name": "n", "tags": "t"}, "Unexpected field type"),
    ("CreateActivity", {"name": "n", "tags": [1]}, "Unexpected field type"),
    ("ListExecutions", {"maxResults": "10"}, "STRING_VALUE cannot be converted to Integer"),
    ("ListExecutions", {"maxResults": False}, "FALSE_VALUE cannot be converted to Integer"),
    ("ListExecutions", {"maxResults": 1.5}, "DECIMAL_VALUE cannot be converted to Integer"),
    (
        "GetExecutionHistory",
        {"executionArn": "a", "reverseOrder": "true"},
        "STRING_VALUE cannot be converted to Boolean",
    ),
    # A wrong type wins over every constraint, wherever it stands.
    ("CreateActivity", {"name": "", "tags": [{"key": 1}]}, "NUMBER_VALUE cannot be converted to String"),
]


def check(operation: str, request: Any, lifted: frozenset[str] = frozenset()) -> None:
    model = load_service("stepfunctions")
    model.validator(model.operations[operation].input, lifted)(request)


@pytest.mark.parametrize("operation", VALID)
def test_a_request_that_fits(operation: str) -> None:
    check(operation, VALID[operation])


@pytest.mark.parametrize(("operation", "request_", "message"), INVALID)
def test_a_value_outside_the_limits(operation: str, request_: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        check(operation, request_)
    assert (caught.value.code, caught.value.message, caught.value.status) == ("ValidationException", message, 400)


@pytest.mark.parametrize(("operation", "request_", "message"), WRONG_TYPES)
def test_a_wrong_json_type(operation: str, request_: Any, message: str) -> None:
    with pytest.raises(SerializationError) as caught:
        check(operation, request_)
    assert (caught.value.code, caught.value.message) == ("SerializationException", message)


def test_a_lifted_limit_lets_a_large_payload_pass_and_nothing_else() -> None:
    lifted = frozenset({"SensitiveData"})
    check("StartExecution", {"stateMachineArn": "a", "input": "x" * 300_000}, lifted)
    with pytest.raises(ValidationError):
        check("StartExecution", {"stateMachineArn": "a" * 257, "input": "x" * 300_000}, lifted)


def test_a_shape_that_contains_itself() -> None:
    shapes = {
        "Node": {"type": "structure", "members": {"Name": {"shape": "Text"}, "children": {"shape": "Nodes"}}},
        "Nodes": {"type": "list", "member": {"shape": "Node"}},
        "Text": {"type": "string", "max": 3},
    }
    validate = compile_validator(shapes, "Node", frozenset())
    validate({"children": [{"children": [{"Name": "abc"}]}]})
    with pytest.raises(ValidationError, match=r"'abcd' at 'children\.1\.member\.children\.1\.member\.name'"):
        validate({"children": [{"children": [{"Name": "abcd"}]}]})


def test_maps_name_their_keys() -> None:
    shapes = {
        "Map": {"type": "map", "key": {"shape": "Text"}, "value": {"shape": "Text"}},
        "Text": {"type": "string", "max": 3},
    }
    validate = compile_validator(
        {**shapes, "Top": {"type": "structure", "members": {"env": {"shape": "Map"}}}}, "Top", frozenset()
    )
    with pytest.raises(ValidationError) as caught:
        validate({"env": {"long key": "ok", "a": "too long"}})
    assert "'long key' at 'env.key'" in caught.value.message
    assert "'too long' at 'env.a.member'" in caught.value.message


@pytest.mark.parametrize("service", ["stepfunctions", "lambda"])
def test_every_operation_of_a_model_compiles(service: str) -> None:
    model = load_service(service)
    for operation in model.operations.values():
        model.validator(operation.input)
    assert len(model.operations) == {"stepfunctions": 37, "lambda": len(model.operations)}[service]
    assert load_service(service) is model


def test_errors_and_their_status() -> None:
    assert load_service("stepfunctions").error_statuses["InvalidArn"] == 400
    assert load_service("lambda").error_statuses["TooManyRequestsException"] == 429
    assert load_service("lambda").error_statuses["ServiceException"] == 500
    assert "ExecutionAlreadyExists" in load_service("stepfunctions").operations["StartExecution"].errors


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (r"\p{ASCII}*", "abc\x7f", "é"),
        (r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)", "é ü/5\u00a0x", "a#b"),
        (r"[!-~]+", "abc!", "a b"),
        (r"[\]\p{N}]+\p{L}", "]5é", "x"),
    ],
)
def test_patterns_of_java(pattern: str, good: str, bad: str) -> None:
    assert compile_pattern(pattern).fullmatch(good)
    assert not compile_pattern(pattern).fullmatch(bad)


def test_an_unknown_character_class_is_an_error_when_the_model_is_compiled() -> None:
    with pytest.raises(KeyError):
        compile_pattern(r"\p{Klingon}")
