"""What a TestState request asks for: the state under test, its mock, and what it is to find when it is entered.

Everything that can be said against a request is said here, before anything runs. Texts are AWS's where they were
recorded; those that say so are ours.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from stepwell.api.service import Members
from stepwell.asl.compile import compile_definition, compile_state
from stepwell.asl.errors import DefinitionError
from stepwell.asl.jsontext import Json, JsonTextError, decode
from stepwell.asl.program import ParallelState, Program, State, TaskState
from stepwell.asl.site import Watch
from stepwell.asl.walk import states_below, states_within
from stepwell.awsmodels.errors import ServiceError, ValidationError
from stepwell.awsmodels.mocks import STRICT, check_result
from stepwell.machine.payload import Payload
from stepwell.machine.trial import STATE_NAME
from stepwell.tasks.items.jsonfile import json_items
from stepwell.tasks.items.lines import csv_items, jsonl_items
from stepwell.tasks.items.settings import read_settings

MOCKED_TYPES = ("Task", "Map", "Parallel")


@dataclass(frozen=True, slots=True)
class Subject:
    """The state under test. `fields` is its definition; `in_map` says whether it belongs to a Map's iteration."""

    program: Program
    name: str
    fields: Mapping[str, Json]
    in_map: bool

    @property
    def state(self) -> State:
        return self.program.states[self.name]


@dataclass(frozen=True, slots=True)
class Mock:
    """What stands for the state's work: a result, or an error and its cause."""

    result: Payload | None
    error: str
    cause: str | None
    mode: str


# --- the state


def read_subject(request: Members, watch: Watch) -> Subject:
    """Compile the definition. Raises InvalidDefinition, or ValidationException where it has no such state."""
    name, definition = request.get("stateName"), request["definition"]
    try:
        if name is None:
            _refuse_machine(definition)
            return Subject(compile_state(definition, STATE_NAME, watch), STATE_NAME, decode(definition), False)
        program = compile_definition(definition, watch=watch)
    except DefinitionError as error:
        raise ServiceError("InvalidDefinition", f"Invalid State Machine Definition: '{error}'") from None
    found = next((state for state in states_within(decode(definition)) if state[0] == name), None)
    if found is None:
        raise ValidationError("State not found in definition")
    return Subject(program, *found)


def _refuse_machine(definition: str) -> None:
    with contextlib.suppress(JsonTextError):
        value = decode(definition)
        if isinstance(value, dict) and "States" in value:
            # The text is ours: there is no recording of it.
            raise ValidationError("stateName must be specified: the definition is one of a whole state machine")


# --- the mock


def read_mock(request: Members) -> Mock | None:
    mock = request.get("mock")
    if mock is None:
        return None
    result, error_output = mock.get("result"), mock.get("errorOutput")
    if result is not None and error_output is not None:
        raise ValidationError("A test mock should have only one of the following fields: [result, errorOutput].")
    if result is None and (error_output or {}).get("error") is None:
        raise ValidationError("A test mock must have a result, or an errorOutput with an error")  # ours
    mode = mock.get("fieldValidationMode") or STRICT
    if result is None:
        return Mock(None, error_output["error"], error_output.get("cause"), mode)
    try:
        return Mock(Payload(decode(result), result), "", None, mode)
    except JsonTextError:
        raise ValidationError("Mocked result must be valid JSON") from None


def check_mock(subject: Subject, mock: Mock | None) -> None:
    """Whether the state takes a mock, needs one, and could have this result."""
    state = subject.state
    if mock is None:
        _check_runs_without(state)
        return
    if state.type not in MOCKED_TYPES:
        raise ValidationError(f"State type '{state.type}' is not supported when a mock is specified")
    if mock.result is None:
        return
    if isinstance(state, TaskState):
        resource = state.resource
        if resource.family == "Task":
            check_result(resource.type, resource.action, resource.pattern, mock.result.value, mock.mode)
    elif "ResultWriter" not in subject.fields:  # which puts an object in the place of the results
        if not isinstance(mock.result.value, list):
            raise ValidationError("Mocked result must be an array.")
        if isinstance(state, ParallelState) and len(mock.result.value) != len(state.branches):
            raise ValidationError(
                "Mocked result must contain the same number of items as number of Parallel branches."
            )  # fmt: skip


def _check_runs_without(state: State) -> None:
    if state.type in ("Map", "Parallel"):
        raise ServiceError(
            "InvalidDefinition",
            "TestState API does not support Map or Parallel states. "
            "Supported state types include: [Task, Wait, Pass, Succeed, Fail, Choice]",
        )
    if isinstance(state, TaskState) and (state.resource.family == "Activity" or state.resource.pattern):
        kind = "Activity" if state.resource.family == "Activity" else f".{state.resource.pattern}"
        # The text is ours: there is no recording of it.
        raise ServiceError("InvalidDefinition", f"TestState API does not support {kind} tasks without a mock")


# --- what it is to find


def check_configuration(request: Members, subject: Subject, mock: Mock | None) -> Mapping[str, Any]:
    """stateConfiguration. The texts but the one about mocks are ours."""
    given = request.get("stateConfiguration") or {}
    configuration = {member: value for member, value in given.items() if value is not None}
    if mock is None:
        for member in configuration:
            raise ValidationError(
                f"TestState does not support {member[0].upper()}{member[1:]} when a mock is not specified."
            )  # fmt: skip
    for member in ("mapIterationFailureCount", "mapItemReaderData"):
        if member in configuration and subject.state.type != "Map":
            raise ValidationError(f"{member} is only supported for Map states")
    if mock is not None and "ItemReader" in subject.fields and "mapItemReaderData" not in configuration:
        raise ValidationError("mapItemReaderData must be specified for a Map state with an ItemReader")
    origin = configuration.get("errorCausedByState")
    if origin is not None and origin not in {name for name, _, _ in states_below(subject.fields)}:
        raise ValidationError(f"errorCausedByState must be a state of the Map or Parallel under test: '{origin}'")
    return configuration


def origin_is_task(subject: Subject, configuration: Mapping[str, Any]) -> bool:
    """Whether the mocked error of a Map or Parallel comes from a Task."""
    origin = configuration.get("errorCausedByState")
    return origin is not None and isinstance(subject.program.states[origin], TaskState)


def read_items(configuration: Mapping[str, Any], reader: dict[str, Json]) -> list[tuple[Json, str | None]]:
    """What the ItemReader of a Map would have made of the data. Raises `StatesError`."""
    settings = read_settings(reader)
    data = configuration["mapItemReaderData"].encode()
    items: Iterator[tuple[Json, str | None]]
    if settings.format == "CSV":
        items = ((row, None) for row, _ in csv_items(partial(_blocks, data), settings, 0, len(data)))
    elif settings.format == "JSONL":
        items = ((value, None) for value, _ in jsonl_items(partial(_blocks, data), 0, len(data)))
    else:  # also a listing, and rows of Parquet, which have no text of their own
        found = json_items(partial(_blocks, data), settings.pointer, None, len(data))
        items = ((item.value, item.key) for item in found)
    return list(islice(items, settings.max_items))


def _blocks(data: bytes, offset: int) -> Iterator[bytes]:
    yield data[offset:]


def read_variables(request: Members) -> Mapping[str, Json]:
    return _object(request.get("variables"), "Variables must be a valid JSON object")  # ours


def _object(text: str | None, refusal: str) -> dict[str, Json]:
    if text is None:
        return {}
    try:
        value = decode(text)
    except JsonTextError:
        value = None
    if not isinstance(value, dict):
        raise ValidationError(refusal)
    return value


_ANY, _STRING, _NUMBER = (object, "a value"), (str, "a string"), ((int, float), "a number")

_CONTEXT: Mapping[str, Mapping[str, tuple[Any, str]]] = {
    "Execution": {
        "Id": _STRING, "Input": _ANY, "Name": _STRING, "RoleArn": _STRING, "StartTime": _STRING,
        "RedriveCount": _NUMBER, "RedriveTime": _STRING,
    },
    "State": {"EnteredTime": _STRING, "Name": _STRING, "RetryCount": _NUMBER},
    "StateMachine": {"Id": _STRING, "Name": _STRING},
    "Task": {"Token": _STRING},
}  # fmt: skip
"""The context object's members but Map. Source: the context object's page of the Step Functions developer guide."""


def read_context(request: Members, mock: Mock | None) -> Mapping[str, Json]:
    """The mocked members of the context object."""
    text = request.get("context")
    if text is not None and mock is None:
        raise ValidationError("TestState does not support Context when a mock is not specified.")  # ours
    context = _object(text, "Invalid Context object provided: not a valid JSON object")  # ours
    for member, fields in context.items():
        if member == "Map":
            raise _invalid_context("'Map' field is not supported when mocking a Context object")
        if member not in _CONTEXT:
            raise _invalid_context(f"Field '{member}' is not allowed")
        if not isinstance(fields, dict):
            raise _invalid_context(f"{member} must be an object")  # ours
        _check_member(member, fields)
    return context


def _check_member(member: str, fields: Mapping[str, Json]) -> None:
    for field, value in fields.items():
        if field not in _CONTEXT[member]:
            raise _invalid_context(f"Field '{field}' is not allowed")
        wanted, called = _CONTEXT[member][field]
        if not isinstance(value, wanted) or (called == "a number" and isinstance(value, bool)):
            raise _invalid_context(f"{member}.{field} must be {called}")


def _invalid_context(why: str) -> ValidationError:
    return ValidationError(f"Invalid Context object provided: {why}")
