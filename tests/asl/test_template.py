import pytest

from stepwell.asl.errors import INTRINSIC_FAILURE, QUERY_EVALUATION_ERROR, RUNTIME, StatesError
from stepwell.asl.reference import compile_reference
from stepwell.asl.template import (
    TemplateErrors,
    compile_jsonata_template,
    compile_template,
    named_reference,
)

INPUT = {"a": {"b": [1, 2]}, "n": None}
CONTEXT = {"Execution": {"Id": "arn"}}


@pytest.fixture
def fill(scope):
    return lambda value: compile_template(value, "Parameters").evaluate(scope(INPUT, CONTEXT, order={"id": 7}))


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ({"x.$": "$.a.b"}, {"x": [1, 2]}),
        ({"x.$": "$"}, {"x": INPUT}),
        ({"x.$": "$.n"}, {"x": None}),
        ({"x.$": "$$.Execution.Id"}, {"x": "arn"}),
        ({"x.$": "$order.id", "y": 1}, {"x": 7, "y": 1}),
        ({"x.$": "States.Format('{}', $order.id)"}, {"x": "7"}),
        ({"deep": {"list": [{"x.$": "$.a.b[0]"}, "$.a", 5]}}, {"deep": {"list": [{"x": 1}, "$.a", 5]}}),
        ([{"x.$": "$.a.b[1]"}], [{"x": 2}]),
        ({"x.$": "$.a.b[?(@ > 1)]"}, {"x": [2]}),
        ({"x.$": "$.items[*].id"}, {"x": []}),
        ({"x.$": "$.item.items[1:5].id"}, {"x": []}),
    ],
)
def test_jsonpath(fill, template, value):
    assert fill(template) == value


def test_members_keep_their_order(fill):
    assert list(fill({"c": 1, "b.$": "$.n", "a": 2})) == ["c", "b", "a"]


@pytest.mark.parametrize(
    "value", [{}, [], None, 5, "$.a", {"a": [1, {"b": "$.x"}]}, {"a$": "$.x", "{% $x %}": "{% 1 %}"}]
)
def test_a_constant_is_shared(scope, value):
    template = compile_template(value, "Parameters")
    assert template.constant
    assert template.evaluate(scope()) is value


def test_constant_parts_are_shared_and_never_changed(scope):
    value = {"fixed": {"deep": [1]}, "x.$": "$.v"}
    template = compile_template(value, "Parameters")
    first, second = template.evaluate(scope({"v": 1})), template.evaluate(scope({"v": 2}))
    assert (first["x"], second["x"]) == (1, 2)
    assert first["fixed"] is value["fixed"]
    assert value == {"fixed": {"deep": [1]}, "x.$": "$.v"}


def test_an_array_is_filled_anew_each_time(scope):
    template = compile_jsonata_template([1, "{% $x %}"], "Items")
    assert template.evaluate(scope(x=1)) == [1, 1]
    assert template.evaluate(scope(x=2)) == [1, 2]


@pytest.mark.parametrize(
    ("template", "cause"),
    [
        (
            {"deep": [{"value.$": "$.no.such"}]},
            "The JSONPath '$.no.such' specified for the field 'value.$' could not be found in the input "
            '\'{"a":{"b":[1,2]},"n":null}\'',
        ),
        (
            {"value.$": "$$.Execution.No"},
            "The JSONPath '$$.Execution.No' specified for the field 'value.$' could not be found in the input "
            '\'{"Execution":{"Id":"arn"}}\'',
        ),
    ],
)
def test_a_missing_path(fill, template, cause):
    with pytest.raises(StatesError) as caught:
        fill(template)
    assert (caught.value.error, caught.value.cause, caught.value.location) == (RUNTIME, cause, None)


def test_a_failing_intrinsic(fill):
    with pytest.raises(StatesError) as caught:
        fill({"x.$": "States.ArrayLength($.n)"})
    assert caught.value.error == INTRINSIC_FAILURE


def test_a_field_that_holds_a_path(scope):
    evaluate = named_reference(compile_reference("$.ErrorX"), "ErrorPath")
    assert evaluate(scope({"ErrorX": "e"})) == "e"
    with pytest.raises(StatesError) as caught:
        evaluate(scope({"Error": "e"}))
    assert caught.value.cause == (
        "The JSONPath '$.ErrorX' specified for the field 'ErrorPath' "
        'could not be found in the input \'{"Error":"e"}\''
    )


def test_what_a_jsonpath_template_reads():
    template = compile_template({"x.$": "$a.b", "y": [{"z.$": "States.Array($b, $.c)"}]}, "Assign")
    assert template.variables == {"a", "b"}
    assert not template.reads_context
    assert compile_template({"x.$": "$$.Execution"}, "Assign").reads_context
    assert compile_template({"x.$": "States.Array($$.Execution)"}, "Assign").reads_context


def test_every_problem_of_a_jsonpath_template_is_told():
    template = {"a.$": "a.b", "ok.$": "$.a", "list": [{"b.$": "States.Nope()"}], "deep": {"c.$": 5, "d.$": None}}
    with pytest.raises(TemplateErrors) as caught:
        compile_template(template, "Parameters")
    assert [(problem.suffix, problem.message) for problem in caught.value.problems] == [
        ("", "The value for the field 'a.$' must be a valid JSONPath or a valid intrinsic function call"),
        ("/list[0]", "The value for the field 'b.$' must be a valid JSONPath or a valid intrinsic function call"),
        ("/deep", "The value for the field 'c.$' must be a STRING that contains a JSONPath but was a NUMBER"),
        ("/deep", "The value for the field 'd.$' must be a STRING that contains a JSONPath but was a NULL"),
    ]
    assert {problem.code for problem in caught.value.problems} == {"SCHEMA_VALIDATION_FAILED"}


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("{% $states.input.a.b %}", [1, 2]),
        ("text", "text"),
        ({"x": "{% $order.id + 1 %}", "y": [None, "{% 'z' %}"]}, {"x": 8, "y": [None, "z"]}),
        ([1, "{% $states.input.a %}", {"key": "{% true %}"}], [1, {"b": [1, 2]}, {"key": True}]),
        ({"x.$": "$", "y": " {% 1 %} "}, {"x.$": "$", "y": " {% 1 %} "}),
    ],
)
def test_jsonata(scope, template, value):
    assert compile_jsonata_template(template, "Output").evaluate(scope(INPUT, CONTEXT, order={"id": 7})) == value


@pytest.mark.parametrize(
    ("template", "location"),
    [
        ("{% $no %}", "Output"),
        ({"a": "{% $no %}"}, "Output/a"),
        ({"a": {"b": [1, "{% $no %}"]}}, "Output/a/b[1]"),
        ([[{"c": "{% $no %}"}]], "Output[0][0]/c"),
    ],
)
def test_a_failing_expression_names_its_place(scope, template, location):
    with pytest.raises(StatesError) as caught:
        compile_jsonata_template(template, "Output").evaluate(scope())
    assert caught.value.error == QUERY_EVALUATION_ERROR
    assert caught.value.location == location
    assert f"specified for the field '{location}' returned nothing" in caught.value.cause


def test_what_a_jsonata_template_reads():
    template = compile_jsonata_template(
        {"a": "{% $x + $states.input.n %}", "b": ["{% $y & $states.context %}"]}, "Output"
    )
    assert template.variables == {"x", "y"}
    assert template.reads_context
    assert template.states_members == {"input", "context"}


def test_every_problem_of_a_jsonata_template_is_told():
    with pytest.raises(TemplateErrors) as caught:
        compile_jsonata_template({"a": "{% 1 + %}", "b": ["{% field %}", "{% 1 %}"]}, "Output")
    assert [(problem.code, problem.suffix) for problem in caught.value.problems] == [
        ("INVALID_JSONATA_EXPRESSION", "/a"),
        ("UNSUPPORTED_JSONATA_EXPRESSION", "/b[0]"),
    ]
