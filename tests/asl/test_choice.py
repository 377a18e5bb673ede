import pytest

from stepwell.asl.choice import compile_condition, compile_rule
from stepwell.asl.errors import QUERY_EVALUATION_ERROR, RUNTIME, StatesError
from stepwell.asl.template import TemplateErrors

STAMP = "2012-10-09T19:00:55Z"
# One value of each kind that a comparison may meet.
KINDS = [None, 0, 0.0, 1, 1.1, "", " ", "HelloWorld", STAMP, "2023-02-24", [], [""], {}, {"A": 0}, True, False]


@pytest.fixture
def holds(scope):
    def test(rule, variable, other=None):
        document = {"Variable": variable, "Value": other}
        return compile_rule({"Variable": "$.Variable", **rule}, "Choices[0]").evaluate(scope(document))

    return test


def _same(left, right):
    return left == right and type(left) is type(right)


@pytest.mark.parametrize("value", KINDS, ids=repr)
def test_kinds(holds, value):
    number = isinstance(value, int | float) and not isinstance(value, bool)
    expected = {
        "IsNull": value is None,
        "IsNumeric": number,
        "IsString": isinstance(value, str),
        "IsBoolean": isinstance(value, bool),
        "IsTimestamp": value == STAMP,
        "IsPresent": True,
    }
    for operator, wanted in expected.items():
        assert holds({operator: True}, value) is wanted, operator
        assert holds({operator: False}, value) is not wanted, operator


@pytest.mark.parametrize("value", KINDS, ids=repr)
def test_equality_needs_the_type(holds, value):
    for operand in (True, False):
        assert holds({"BooleanEquals": operand}, value) is _same(value, operand)
        assert holds({"BooleanEqualsPath": "$.Value"}, value, operand) is _same(value, operand)
    for operand in (0, 0.0, 1, 1.0):
        wanted = value == operand and not isinstance(value, bool)
        assert holds({"NumericEquals": operand}, value) is wanted
        assert holds({"NumericEqualsPath": "$.Value"}, value, operand) is wanted
    for operand in ("HelloWorld", ""):
        assert holds({"StringEquals": operand}, value) is (value == operand)
        assert holds({"StringEqualsPath": "$.Value"}, value, operand) is (value == operand)
    assert holds({"TimestampEquals": STAMP}, value) is (value == STAMP)


_ORDERED = [
    ("Numeric", 0, 0, "="),
    ("Numeric", 0.0, 0, "="),
    ("Numeric", 0, 1, "<"),
    ("Numeric", 1, 0.5, ">"),
    ("Numeric", 10**30, 10**30 + 1, "<"),
    ("String", "", "", "="),
    ("String", "A", "A ", "<"),
    ("String", "A", "AB", "<"),
    ("String", "AB", "A", ">"),
    ("String", "a", "Z", ">"),
    # By UTF-16 units, as Java does: a surrogate pair sorts before U+FF5E.
    ("String", "\U0001f197", "～", "<"),
    ("Timestamp", STAMP, STAMP, "="),
    ("Timestamp", STAMP, "2012-10-09T20:00:55+01:00", "="),
    ("Timestamp", STAMP, "2012-10-09T19:00:55.001Z", "<"),
    ("Timestamp", "2012-10-09T19:00:56Z", STAMP, ">"),
]


@pytest.mark.parametrize(("kind", "left", "right", "order"), _ORDERED)
def test_order(holds, kind, left, right, order):
    truths = {"Equals": "=", "LessThan": "<", "LessThanEquals": "<=", "GreaterThan": ">", "GreaterThanEquals": ">="}
    for name, orders in truths.items():
        assert holds({kind + name: right}, left) is (order in orders), name
        assert holds({f"{kind}{name}Path": "$.Value"}, left, right) is (order in orders), name


@pytest.mark.parametrize("operator", ["NumericLessThan", "StringGreaterThan", "TimestampLessThanEquals"])
def test_other_types_are_in_no_order(holds, operator):
    operand = {"N": 5, "S": "x", "T": STAMP}[operator[0]]
    for value in (None, True, [], {}, "no timestamp" if operator[0] == "T" else STAMP if operator[0] == "N" else 5):
        assert holds({operator: operand}, value) is False
        assert holds({operator + "Path": "$.Value"}, operand, value) is False


@pytest.mark.parametrize(
    ("pattern", "value", "wanted"),
    [
        ("log-*.txt", "log-2.txt", True),
        ("log-*.txt", "log-.txt", True),
        ("log-*.txt", "log.txt", False),
        ("*", "", True),
        ("", "", True),
        ("a*b*c", "a-b-b-c", True),
        ("a*b*c", "acb", False),
        ("*ab", "aab", True),
        ("ab*ba", "aba", False),
        ("a\\*b", "a*b", True),
        ("a\\*b", "axb", False),
        ("a\\\\*", "a\\x", True),
        ("a\nb*", "a\nb\n", True),
        ("a.c", "abc", False),
        ("*", 5, False),
    ],
)
def test_string_matches(holds, pattern, value, wanted):
    assert holds({"StringMatches": pattern}, value) is wanted


def test_a_pattern_of_many_stars_is_quick(holds):
    assert holds({"StringMatches": "a*" * 50 + "b"}, "a" * 50_000) is False


def test_combinators(scope):
    rule = {
        "And": [
            {"Variable": "$.value", "NumericGreaterThanEquals": 20},
            {"Not": {"Variable": "$.value", "NumericGreaterThanEquals": 30}, "Comment": "twenties"},
            {"Or": [{"Variable": "$.type", "StringEquals": "A"}, {"Variable": "$.type", "IsNull": True}]},
        ],
        "Next": "Twenties",
        "Comment": "x",
        "Assign": {"a": 1},
    }
    test = compile_rule(rule, "Choices[0]").evaluate
    assert test(scope({"value": 22, "type": "A"})) is True
    assert test(scope({"value": 22, "type": None})) is True
    assert test(scope({"value": 22, "type": "B"})) is False
    assert test(scope({"value": 30, "type": "A"})) is False


def test_combinators_stop_early(scope):
    rule = {"And": [{"Variable": "$.x", "IsPresent": True}, {"Variable": "$.x", "NumericEquals": 1}]}
    assert compile_rule(rule, "Choices[0]").evaluate(scope({})) is False
    rule = {"Or": [{"Variable": "$.x", "IsPresent": False}, {"Variable": "$.x", "NumericEquals": 1}]}
    assert compile_rule(rule, "Choices[0]").evaluate(scope({})) is True


@pytest.mark.parametrize("wanted", [True, False])
def test_is_present(scope, wanted):
    rule = compile_rule({"Variable": "$.a.b", "IsPresent": wanted}, "Choices[0]")
    assert rule.evaluate(scope({"a": {"b": None}})) is wanted
    for document in ({}, {"a": {}}, {"a": 5}):
        assert rule.evaluate(scope(document)) is not wanted


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ({"Variable": "$.no", "StringEquals": "x"}, "$.no"),
        ({"Variable": "$.no.such", "IsNull": True}, "$.no.such"),
        ({"Variable": "$.a", "NumericEqualsPath": "$.other"}, "$.other"),
        ({"Variable": "$gone", "StringMatches": "x"}, "$gone"),
    ],
)
def test_a_missing_value_fails_the_state(scope, rule, path):
    with pytest.raises(StatesError) as caught:
        compile_rule(rule, "Choices[0]").evaluate(scope({"a": 1}))
    assert caught.value.error == RUNTIME
    assert caught.value.cause == (
        f"Invalid path '{path}': The choice state's condition path references an invalid value."
    )


def test_what_a_rule_reads(scope):
    rule = compile_rule(
        {"Or": [{"Variable": "$a.x", "NumericEqualsPath": "$b"}, {"Variable": "$$.State.Name", "IsString": True}]},
        "Choices[0]",
    )
    assert rule.variables == {"a", "b"}
    assert rule.reads_context
    assert rule.evaluate(scope(None, {"State": {"Name": "s"}}, a={"x": 1}, b=2)) is True


@pytest.mark.parametrize(
    ("rule", "problems"),
    [
        ({"Variable": "$.a"}, [("", "A choice rule must have exactly one comparison operator, found none")]),
        (
            {"Variable": "$.a", "IsNull": True, "IsString": True},
            [("", "A choice rule must have exactly one comparison operator, found [IsNull, IsString]")],
        ),
        ({"Variable": "$.a", "StringLike": "x"}, [("/StringLike", "Field is not supported")]),
        ({"IsNull": True}, [("", "The field 'Variable' is required but was missing")]),
        (
            {"Variable": "a", "IsNull": True},
            [("/Variable", "Value is not a Reference Path: The value must be a valid JSONPath")],
        ),
        ({"Variable": 5, "IsNull": True}, [("/Variable", "Expected value of type String")]),
        ({"Variable": "$.a", "IsNull": "yes"}, [("/IsNull", "Expected value of type Boolean")]),
        ({"Variable": "$.a", "NumericEquals": True}, [("/NumericEquals", "Expected value of type Numeric")]),
        ({"Variable": "$.a", "StringMatches": 5}, [("/StringMatches", "Expected value of type String")]),
        (
            {"Variable": "$.a", "TimestampEquals": "2012-10-09"},
            [("/TimestampEquals", "String does not match RFC3339 timestamp")],
        ),
        (
            {"Variable": "$.a", "NumericEqualsPath": "b"},
            [("/NumericEqualsPath", "Value is not a Reference Path: The value must be a valid JSONPath")],
        ),
        ({"And": []}, [("/And", "Expected value of type Array with at least one element")]),
        ({"Not": []}, [("/Not", "Expected value of type Object")]),
        (
            {"And": [{"Variable": "$.a", "IsNull": 1}, {"Not": {"Variable": "$.b", "IsNull": True, "Next": "X"}}]},
            [("/And[0]/IsNull", "Expected value of type Boolean"), ("/And[1]/Not/Next", "Field is not supported")],
        ),
    ],
)
def test_problems(rule, problems):
    with pytest.raises(TemplateErrors) as caught:
        compile_rule(rule, "Choices[0]")
    assert [(problem.suffix, problem.message) for problem in caught.value.problems] == problems


def test_condition(scope):
    rule = compile_condition("{% $states.input.n > $limit %}", "Choices[1]/Condition")
    assert rule.evaluate(scope({"n": 5}, limit=4)) is True
    assert rule.evaluate(scope({"n": 4}, limit=4)) is False
    assert (rule.variables, rule.states_members, rule.reads_context) == ({"limit"}, {"input"}, False)


@pytest.mark.parametrize("literal", [True, False])
def test_a_literal_condition(scope, literal):
    assert compile_condition(literal, "Choices[0]/Condition").evaluate(scope()) is literal


@pytest.mark.parametrize(
    ("condition", "what"),
    [
        ("'x'", "returned an unexpected result type. Expected 'boolean', but was 'string' for value: \"x\""),
        ("$states.input", "returned an unexpected result type. Expected 'boolean', but was 'null' for value: null"),
        ("$no", "returned nothing (undefined)."),
    ],
)
def test_a_condition_that_is_no_boolean(scope, condition, what):
    rule = compile_condition(f"{{% {condition} %}}", "Choices[1]/Condition")
    with pytest.raises(StatesError) as caught:
        rule.evaluate(scope(None))
    assert (caught.value.error, caught.value.location) == (QUERY_EVALUATION_ERROR, "Choices[1]/Condition")
    assert caught.value.cause == (
        f"The JSONata expression '{condition}' specified for the field 'Choices[1]/Condition' {what}"
    )


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        ("{% 1 + %}", "INVALID_JSONATA_EXPRESSION"),
        ("{% field %}", "UNSUPPORTED_JSONATA_EXPRESSION"),
        ("true", "SCHEMA_VALIDATION_FAILED"),
        (1, "SCHEMA_VALIDATION_FAILED"),
        (None, "SCHEMA_VALIDATION_FAILED"),
    ],
)
def test_a_condition_that_does_not_compile(condition, code):
    with pytest.raises(TemplateErrors) as caught:
        compile_condition(condition, "Choices[0]/Condition")
    assert [(problem.code, problem.suffix) for problem in caught.value.problems] == [(code, "")]
