"""A watched compilation: every stage of the data is told, and nothing else changes."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from stepwell.asl.compile import compile_definition, compile_state
from stepwell.asl.errors import DefinitionError
from stepwell.asl.jsontext import Json
from stepwell.asl.program import MapState
from stepwell.asl.scope import Scope

TASK = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True}


def run(scope: Scope, fields: dict[str, Any], result: Json) -> tuple[list[tuple[str, Json]], Json]:
    """What a Task's stages are, in order, and its output."""
    told: list[tuple[str, Json]] = []
    state = compile_state(json.dumps(TASK | fields), "T", lambda field, value: told.append((field, value))).states["T"]
    assert state.prepare is not None
    state.prepare(scope)
    output = result if state.finish is None else state.finish(scope, result)[0]
    return told, output


@pytest.mark.parametrize(
    ("fields", "told", "output"),
    [
        ({}, [("InputPath", {"a": 1}), ("Parameters", {"a": 1}), ("ResultSelector", [2]), ("ResultPath", [2])], [2]),
        (
            {"InputPath": "$.a", "Parameters": {"b.$": "$"}, "ResultPath": "$.r", "OutputPath": "$.r[0]"},
            [("InputPath", 1), ("Parameters", {"b": 1}), ("ResultSelector", [2]), ("ResultPath", {"a": 1, "r": [2]})],
            2,
        ),
        ({"QueryLanguage": "JSONata"}, [("Arguments", {"a": 1})], [2]),
        ({"QueryLanguage": "JSONata", "Arguments": {"b": 3}, "Output": 4}, [("Arguments", {"b": 3})], 4),
    ],
)
def test_every_stage_is_told(
    scope: Callable[..., Scope], fields: dict[str, Any], told: list[tuple[str, Json]], output: Json
) -> None:
    assert run(scope({"a": 1}, result=[2]), fields, [2]) == (told, output)


def test_without_a_watcher_a_state_has_no_closures_that_do_nothing() -> None:
    state = compile_state(json.dumps(TASK), "T").states["T"]
    assert (state.prepare, state.finish) == (None, None)


def test_the_items_of_a_map_are_told(scope: Callable[..., Scope]) -> None:
    told: dict[str, Json] = {}
    fields = {"Type": "Map", "ItemsPath": "$.l", "End": True, "ItemProcessor": {
        "StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}}  # fmt: skip
    definition = json.dumps({"StartAt": "M", "States": {"M": fields}})
    state = compile_definition(definition, watch=told.__setitem__).states["M"]
    assert isinstance(state, MapState)
    state.items(scope({"l": [1]}))
    assert told == {"InputPath": {"l": [1]}, "ItemsPath": [1]}


def test_a_state_by_itself_may_lead_to_others_that_are_not_there() -> None:
    assert compile_state('{"Type": "Pass", "Next": "Nowhere"}', "S").states["S"].next == "Nowhere"
    with pytest.raises(DefinitionError) as caught:
        compile_state('{"Type": "Fly"}', "S")
    assert caught.value.diagnostics[0].location == "/States/S/Type"
