"""Definitions that are valid by construction, and what becomes of them when somebody tampers with their JSON."""

import copy
from typing import Any

from hypothesis import strategies as st
from tests.machine.generated import definitions
from tests.machine.harness import ACTIVITY, FUNCTION

from stepwell.asl import mapfields, schema

S3 = "arn:aws:states:::s3:"
PASS = {"Type": "Pass", "End": True}
DISTRIBUTED: dict[str, Any] = {
    "StartAt": "M",
    "States": {
        "M": {
            "Type": "Map",
            "Label": "L",
            "ItemReader": {
                "Resource": S3 + "getObject",
                "Parameters": {"Bucket.$": "$.bucket", "Key": "k"},
                "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW", "MaxItemsPath": "$.n"},
            },
            "ItemSelector": {"item.$": "$$.Map.Item.Value"},
            "ItemBatcher": {"MaxItemsPerBatch": 3, "BatchInput": {"a.$": "$.n"}},
            "ResultWriter": {"Resource": S3 + "putObject", "Parameters": {"Bucket": "b", "Prefix": "p"}},
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                "StartAt": "I",
                "States": {"I": PASS},
            },
            "ToleratedFailurePercentage": 5,
            "End": True,
        }
    },
}
CHOICES: dict[str, Any] = {
    "StartAt": "C",
    "TimeoutSeconds": 60,
    "States": {
        "C": {
            "Type": "Choice",
            "Choices": [
                {"And": [{"Variable": "$.n", "NumericGreaterThan": 1}, {"Not": {"Variable": "$.x", "IsNull": True}}],
                 "Next": "W"},
                {"Variable": "$.text", "StringMatches": "a*b", "Next": "F", "Assign": {"v.$": "$.n"}},
            ],
            "Default": "T",
        },
        "W": {"Type": "Wait", "TimestampPath": "$.at", "Next": "C"},
        "T": {"Type": "Task", "Resource": ACTIVITY, "TimeoutSecondsPath": "$.n", "Credentials": {"RoleArn": "r"},
              "ResultSelector": {"f.$": "States.Format('{}', $.n)"}, "End": True},
        "F": {"Type": "Fail", "ErrorPath": "$.e", "CausePath": "States.JsonToString($)"},
    },
}  # fmt: skip

FIELDS = sorted(
    frozenset().union(*(fields for types in schema.ALLOWED.values() for fields in types.values()))
    | schema.TOP_FIELDS | schema.PROCESSOR_FIELDS | schema.RETRIER_FIELDS | schema.RULE_FIELDS
    | {*mapfields.DISTRIBUTED_FIELDS, "Variable", "And", "Or", "Not", "IsPresent", "StringMatches", "RoleArn"}
)  # fmt: skip
EXPRESSIONS = [
    "$", "$.a", "$$", "$x", "$..*", "$.items[?(@.a == 1)]", "$.items[-1:]", "$[", "States.UUID()", "States.Nope(",
    "States.ArrayRange(0, 100000000, 1)", "States.MathRandom(5, 1)", "States.Base64Decode('=')", "{% $states.input %}",
    "{% x %}", "{% (", "{% $ %}", "{% [1..100000000] %}", "{% ($f := function($n){$f($n)}; $f(1)) %}", "{% 1/0 %}",
    "{% $states.errorOutput %}", "{% $states.context.Map.Item.Value %}", "2030-01-01T00:00:00Z", "9" * 400,
]  # fmt: skip
junk = st.sampled_from(
    [
        *EXPRESSIONS, None, True, 5, -1, 1.5, 1e308, 10**30, "", "x", "\x00", "\U0001f600", "S1", "S2", [], {}, [1],
        [[]], {"a": 1}, {"a.$": "$.b"}, {"a.$": 5}, [{"Next": "S2"}], {"ErrorEquals": []}, ["States.ALL"], FUNCTION,
        ACTIVITY, PASS, {"StartAt": "X", "States": {"X": PASS}},
    ]
).map(copy.deepcopy) | st.text(max_size=20)  # fmt: skip


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something stands in a JSON value."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for key, member in members for place in places(member, (*at, key)))]


@st.composite
def tampered(draw: st.DrawFn) -> Any:
    """A definition in which one to four places were changed."""
    definition = copy.deepcopy(draw(definitions() | st.sampled_from([DISTRIBUTED, CHOICES])))
    for _ in range(draw(st.sampled_from([1, 1, 1, 2, 4]))):
        definition = _changed(draw, definition)
    return definition


def _changed(draw: st.DrawFn, definition: Any) -> Any:
    *way, last = draw(st.sampled_from(places(definition))) or (None,)
    if last is None:
        return draw(junk)
    owner = definition
    for key in way:
        owner = owner[key]
    change = draw(st.sampled_from(["replace", "replace", "add", "move", "remove"]))
    if change == "remove":
        del owner[last]
    elif change == "add" and isinstance(owner, dict):
        owner[draw(st.sampled_from(FIELDS))] = draw(junk)
    elif change == "move":
        owner[last] = copy.deepcopy(_at(definition, draw(st.sampled_from(places(definition)))))
    else:
        owner[last] = draw(junk)
    return definition


def _at(value: Any, place: tuple[Any, ...]) -> Any:
    for key in place:
        value = value[key]
    return value
