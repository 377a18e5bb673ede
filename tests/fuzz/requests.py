"""Requests to every operation, made from AWS's model: valid ones, those at its boundaries, and hostile ones.

A text such as `<nextToken>` stands for what the latest reply had under that name.
"""

import json
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from tests.fuzz.definitions import CHOICES, DISTRIBUTED, PASS, tampered
from tests.machine.generated import definitions
from tests.machine.harness import ACTIVITY

from stepwell.awsmodels.model import load_service

MODEL = load_service("stepfunctions")
ARN = "arn:aws:states:us-east-1:123456789012"
MACHINE = f"{ARN}:stateMachine"
MADE = {"passes": "STANDARD", "waits": "STANDARD", "asks": "STANDARD", "maps": "STANDARD", "quick": "EXPRESS"}
"""The machines that are there from the start, by their names, each Standard one with a running or ended execution e."""
DEFINITIONS: dict[str, Any] = {
    "passes": {"StartAt": "P", "States": {"P": PASS}},
    "waits": {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}},
    "asks": {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": ACTIVITY, "End": True}}},
    "maps": {"StartAt": "M", "States": {"M": {
        "Type": "Map", "Label": "L", "End": True, "ItemsPath": "$.items", "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "I", "States": {"I": PASS}}}}},
    "quick": {"StartAt": "P", "States": {"P": PASS}},
}  # fmt: skip

_MACHINES = [f"{MACHINE}:{name}{suffix}" for name in [*MADE, "new", "nobody"] for suffix in ("", ":1", ":live", "/L")]
_EXECUTIONS = [
    *(f"{ARN}:execution:{name}:e" for name in [*MADE, "new", "nobody"]), f"{ARN}:express:quick:e:u", "<executionArn>",
]  # fmt: skip
_HOSTILE = [
    "",
    " ",
    "\x00",
    "\ud800",
    "\u202e",
    "a" * 81,
    "é" * 200,
    "{}",
    "../..",
    "%00",
    "$(id)",
    "arn:",
    ":" * 20,
    "null",
]
_json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_documents = st.sampled_from(["{}", '{"items": [1, 2], "n": 1}', "[", "", "nul", '"' + "x" * 262_142, "[" * 2000]) | (
    _json_values.map(json.dumps)
)
_definitions = (
    st.sampled_from([*DEFINITIONS.values(), DISTRIBUTED, CHOICES]).map(json.dumps)
    | definitions().map(json.dumps)
    | tampered().map(json.dumps)
)
_MEMBERS: dict[str, st.SearchStrategy[Any]] = {
    "activityArn": st.sampled_from([ACTIVITY, f"{ARN}:activity:nobody"]),
    "context": _documents,
    "definition": _definitions,
    "executionArn": st.sampled_from(_EXECUTIONS),
    "input": _documents,
    "mapRunArn": st.sampled_from([f"{ARN}:mapRun:maps/L:u", "<mapRunArn>"]),
    "name": st.sampled_from(["new", "e", *MADE]),
    "nextToken": st.just("<nextToken>"),
    "output": _documents,
    "resourceArn": st.sampled_from([*_MACHINES, ACTIVITY]),
    "result": _documents,
    "revisionId": st.just("<revisionId>"),
    "roleArn": st.just("arn:aws:iam::123456789012:role/r"),
    "stateMachineAliasArn": st.sampled_from(_MACHINES),
    "stateMachineArn": st.sampled_from(_MACHINES),
    "stateMachineVersionArn": st.sampled_from([*_MACHINES, "<stateMachineVersionArn>"]),
    "stateName": st.sampled_from(["P", "W", "A", "M", "I", "S1", "nobody"]),
    "taskToken": st.just("<taskToken>"),
    "variables": _documents,
}
"""Values that mean something, by the name of the member."""


@st.composite
def conversations(draw: st.DrawFn) -> list[tuple[str, Any]]:
    """One to five requests, one after the other: (operation, body)."""
    operations = draw(st.lists(st.sampled_from(sorted(MODEL.operations)), min_size=1, max_size=5))
    return [(operation, draw(_body(operation))) for operation in operations]


def _body(operation: str) -> st.SearchStrategy[Any]:
    shape = MODEL.operations[operation].input
    assert shape is not None
    return _mostly(_structure(shape), _json_values)


def _mostly(usual: st.SearchStrategy[Any], odd: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.integers(0, 19).flatmap(lambda number: odd if number == 19 else usual)


def _structure(name: str) -> st.SearchStrategy[Any]:
    shape = MODEL.shapes[name]
    required = set(shape.get("required", ()))
    members = {member: _member(member, described["shape"]) for member, described in shape["members"].items()}
    return st.fixed_dictionaries(
        {member: value for member, value in members.items() if member in required},
        optional={member: value for member, value in members.items() if member not in required},
    )


def _member(name: str, shape: str) -> st.SearchStrategy[Any]:
    by_shape = _KINDS[MODEL.shapes[shape]["type"]](shape)
    usual = by_shape if name not in _MEMBERS else _mostly(_MEMBERS[name], by_shape)
    return _mostly(usual, _json_values)


def _string(name: str) -> st.SearchStrategy[Any]:
    shape = MODEL.shapes[name]
    if "enum" in shape:
        return st.sampled_from([*shape["enum"], "NOPE"])
    most = shape.get("max", 256)
    odd = ["x" * size for size in (most, most + 1) if size < 400_000] + _HOSTILE
    return _mostly(st.text("abcXYZ019-_", min_size=1, max_size=9), st.text(max_size=20) | st.sampled_from(odd))


def _number(name: str) -> st.SearchStrategy[Any]:
    shape = MODEL.shapes[name]
    least, most = shape.get("min", 0), shape.get("max", 2**31 - 1)
    return _mostly(st.sampled_from([least, least + 1, most]), st.sampled_from([least - 1, most + 1, 2**63, 1.5, -0.0]))


def _list(name: str) -> st.SearchStrategy[Any]:
    shape = MODEL.shapes[name]
    item, most = _member("", shape["member"]["shape"]), shape.get("max", 3)
    return _mostly(st.lists(item, min_size=shape.get("min", 0), max_size=min(most, 3)), st.lists(item, max_size=4))


def _map(name: str) -> st.SearchStrategy[Any]:
    return st.dictionaries(st.text(max_size=5), _member("", MODEL.shapes[name]["value"]["shape"]), max_size=2)


_KINDS: dict[str, Callable[[str], st.SearchStrategy[Any]]] = {
    "structure": _structure,
    "string": _string,
    "integer": _number,
    "long": _number,
    "float": _number,
    "boolean": lambda name: st.booleans(),
    "list": _list,
    "map": _map,
}
