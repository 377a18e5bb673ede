"""The closures of a state's data flow: prepare, finish, ResultPath, and what rules and catchers replace."""

from typing import Any

import pytest

from stepwell.asl.dataflow import (
    Placement,
    assigned_names,
    compile_catch_finish,
    compile_finish,
    compile_prepare,
    compile_rule_finish,
)
from stepwell.asl.errors import RESULT_PATH_MATCH_FAILURE, RUNTIME, Diagnostic, StatesError
from stepwell.asl.site import Site


def site(jsonata: bool = False) -> tuple[Site, list[Diagnostic]]:
    found: list[Diagnostic] = []
    return Site("S", "/States/S", jsonata, found), found


# --- ResultPath


@pytest.mark.parametrize(
    ("keys", "document", "expected"),
    [
        (None, {"a": 1}, {"a": 1}),
        (("x",), {"a": 1}, {"a": 1, "x": 9}),
        (("a",), {"a": 1, "b": 2}, {"a": 9, "b": 2}),
        (("a", "b"), {"a": {"b": 1, "c": 2}}, {"a": {"b": 9, "c": 2}}),
        (("x", "y", "z"), {}, {"x": {"y": {"z": 9}}}),
        (("l", 1), {"l": [1, 2, 3]}, {"l": [1, 9, 3]}),
        (("l", 0, "a"), {"l": [{"b": 1}]}, {"l": [{"b": 1, "a": 9}]}),
        ((0,), [1], [9]),
    ],
    ids=repr,
)
def test_placement(keys: tuple[str | int, ...] | None, document: Any, expected: Any):
    before = repr(document)
    assert Placement("$", keys).apply(document, 9) == expected
    assert repr(document) == before, "documents are shared: nobody changes one in place"


def test_placement_copies_only_the_spine():
    document = {"a": {"b": 1}, "big": [1, 2, 3], "c": {"d": {}}}
    placed = Placement("$.a.b", ("a", "b")).apply(document, 2)
    assert placed["big"] is document["big"] and placed["c"] is document["c"]


@pytest.mark.parametrize(
    ("keys", "document"),
    [
        (("a",), 5), (("a",), [1]), (("a",), None), (("a", "b"), {"a": 5}), (("a", "b"), {"a": None}),
        (("l", 3), {"l": [1]}), (("l", -1), {"l": [1]}), ((0,), {"0": 1}), (("x", 0), {}),
    ],
    ids=repr,
)  # fmt: skip
def test_a_place_that_there_is_not(keys: tuple[str | int, ...], document: Any):
    with pytest.raises(StatesError) as raised:
        Placement("$.path", keys).apply(document, 9)
    assert raised.value.error == RESULT_PATH_MATCH_FAILURE
    assert raised.value.cause.startswith("Unable to apply Reference Path $.path to input ")


# --- prepare


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"InputPath": "$.a"}, {"b": 1}),
        ({"InputPath": None}, {}),
        ({"InputPath": "$$.State.Name"}, "S"),
        ({"InputPath": "$v.x"}, 5),
        ({"Parameters": {"k": 1, "x.$": "$.a.b"}}, {"k": 1, "x": 1}),
        ({"Parameters": [1, {"x.$": "$.a"}]}, [1, {"x": {"b": 1}}]),
        ({"InputPath": "$.a", "Parameters": {"x.$": "$.b", "v.$": "$v"}}, {"x": 1, "v": {"x": 5}}),
        ({"InputPath": None, "Parameters": {"x.$": "$"}}, {"x": {}}),
    ],
    ids=repr,
)
def test_prepare(scope, state: dict[str, Any], expected: Any):
    prepare = compile_prepare(site()[0], state, "Parameters")
    assert prepare is not None
    assert prepare(scope({"a": {"b": 1}}, {"State": {"Name": "S"}}, v={"x": 5})) == expected


@pytest.mark.parametrize("state", [{}, {"InputPath": "$"}], ids=repr)
def test_nothing_to_prepare(state: dict[str, Any]):
    assert compile_prepare(site()[0], state, "Parameters") is None


def test_an_input_path_that_leads_nowhere(scope):
    prepare = compile_prepare(site()[0], {"InputPath": "$.x.y"}, None)
    with pytest.raises(StatesError) as raised:
        prepare(scope({"x": 1}))
    assert raised.value.error == RUNTIME
    assert raised.value.cause.startswith("Invalid path '$.x.y' : ")


def test_arguments(scope):
    prepare = compile_prepare(site(True)[0], {"Arguments": {"a": "{% $states.input.x %}"}}, "Arguments")
    assert prepare(scope({"x": 3})) == {"a": 3}


# --- finish


@pytest.mark.parametrize(
    ("state", "output", "assigned"),
    [
        ({"ResultSelector": {"s.$": "$.r"}}, {"s": 7}, {}),
        ({"ResultPath": "$.out"}, {"i": 1, "out": {"r": 7}}, {}),
        ({"ResultPath": None}, {"i": 1}, {}),
        ({"OutputPath": "$.r"}, 7, {}),
        ({"OutputPath": None}, {}, {}),
        ({"ResultSelector": {"s.$": "$.r"}, "ResultPath": "$.o", "OutputPath": "$.o.s"}, 7, {}),
        ({"Assign": {"a.$": "$.r", "b": 2}}, {"r": 7}, {"a": 7, "b": 2}),
        # Assign sees the result as it came, whatever the other fields make of it.
        ({"Assign": {"a.$": "$"}, "ResultSelector": {"s": 1}, "ResultPath": "$.o"}, {"i": 1, "o": {"s": 1}},
         {"a": {"r": 7}}),
        ({"Assign": {"a.$": "$v.x"}}, {"r": 7}, {"a": 5}),
    ],
    ids=repr,
)  # fmt: skip
def test_finish(scope, state: dict[str, Any], output: Any, assigned: dict[str, Any]):
    finish = compile_finish(site()[0], state)
    assert finish is not None
    assert finish(scope({"i": 1}, v={"x": 5}), {"r": 7}) == (output, assigned)


@pytest.mark.parametrize("state", [{}, {"ResultPath": "$"}, {"OutputPath": "$"}], ids=repr)
def test_nothing_to_finish(state: dict[str, Any]):
    assert compile_finish(site()[0], state) is None
    assert compile_finish(site(True)[0], {}) is None


def test_finish_in_jsonata(scope):
    state = {"Output": {"o": "{% $states.result.r %}"}, "Assign": {"a": "{% $states.input.i %}"}}
    assert compile_finish(site(True)[0], state)(scope({"i": 1}, result={"r": 7}), {"r": 7}) == ({"o": 7}, {"a": 1})
    only = compile_finish(site(True)[0], {"Assign": {"a": 1}})
    assert only(scope({"i": 1}), {"r": 7}) == ({"r": 7}, {"a": 1}), "without an Output, the result"


# --- choice rules and catchers


def test_a_rule_replaces_the_states_assign(scope):
    state = {"Assign": {"a": "state"}, "OutputPath": "$.x"}
    own = compile_rule_finish(site()[0], state, {"Assign": {"a.$": "$.x"}}, "Choices[0]/")
    none = compile_rule_finish(site()[0], state, {}, "Choices[1]/")
    assert own(scope({"x": 1}), {"x": 1}) == (1, {"a": 1})
    assert none(scope({"x": 1}), {"x": 1}) == (1, {})


def test_a_rule_replaces_the_states_output_in_jsonata(scope):
    own = compile_rule_finish(site(True)[0], {"Output": "state"}, {"Output": "rule"}, "Choices[0]/")
    none = compile_rule_finish(site(True)[0], {"Output": "state"}, {}, "Choices[1]/")
    assert own(scope({}), "input") == ("rule", {})
    assert none(scope({}), "input") == ("input", {})


ERROR = {"Error": "E", "Cause": "c"}


@pytest.mark.parametrize(
    ("catcher", "output", "assigned"),
    [
        ({}, ERROR, {}),
        ({"ResultPath": "$.e"}, {"i": 1, "e": ERROR}, {}),
        ({"ResultPath": None}, {"i": 1}, {}),
        ({"Assign": {"a.$": "$.Error"}}, ERROR, {"a": "E"}),
    ],
    ids=repr,
)
def test_a_catcher(scope, catcher: dict[str, Any], output: Any, assigned: dict[str, Any]):
    assert compile_catch_finish(site()[0], catcher, "Catch[0]/")(scope({"i": 1}), ERROR) == (output, assigned)


def test_a_catcher_in_jsonata(scope):
    catcher = {"Output": "{% $states.errorOutput.Error %}", "Assign": {"a": "{% $states.errorOutput.Cause %}"}}
    finish = compile_catch_finish(site(True)[0], catcher, "Catch[0]/")
    assert finish(scope({}, error_output=ERROR), ERROR) == ("E", {"a": "c"})
    assert compile_catch_finish(site(True)[0], {}, "Catch[0]/")(scope({}), ERROR) == (ERROR, {})
    broken = compile_catch_finish(site(True)[0], {"Output": {"v": "{% $no %}"}}, "Catch[1]/")
    with pytest.raises(StatesError) as raised:
        broken(scope({}, error_output=ERROR), ERROR)
    assert raised.value.location == "Catch[1]/Output/v"


# --- what a site gathers


def test_a_site_gathers_what_is_read():
    here, found = site()
    state = {"Assign": {"n.$": "$x.y"}, "InputPath": "$z", "OutputPath": "$$.State.Name"}
    compile_prepare(here, state, None)
    assert (here.reads, here.reads_context) == ({"z"}, False)
    compile_finish(here, state)
    assert (here.reads, here.reads_context) == ({"x", "z"}, True)
    assert not found


@pytest.mark.parametrize(
    ("assign", "names"),
    [({}, []), ({"a": 1, "b.$": "$"}, ["a", "b"]), ([1], []), ("x", []), (None, [])],
    ids=repr,
)
def test_assigned_names(assign: Any, names: list[str]):
    assert assigned_names({"Assign": assign}) == names
    assert assigned_names({}) == []


@pytest.mark.parametrize("name", ["a", "_", "aB9_", "é", "ä_1", "日本"])
def test_names_of_variables(name: str):
    for jsonata in (False, True):
        here, found = site(jsonata)
        compile_finish(here, {"Assign": {name: 1}})
        assert not found


@pytest.mark.parametrize("name", ["", "1", "a b", "a-b", "a.b", "states", "$a", "x" * 81, "a.$"])
def test_what_is_no_name_of_a_variable(name: str):
    here, found = site(True)
    compile_finish(here, {"Assign": {name: 1}})
    assert [diagnostic.location for diagnostic in found] == ["/States/S/Assign"]
