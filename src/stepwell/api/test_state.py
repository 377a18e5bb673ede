"""TestState: one state of a definition, run by the machine itself and shown stage by stage.

A Task that is not mocked is really called. Nothing is stored, and no state runs for longer than AWS's five minutes.
"""

import asyncio
import json
import secrets
import uuid
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any, TypeAlias, TypeVar

from stepwell.api import test_state_request as asked
from stepwell.api.documents import read_document
from stepwell.api.identity import Identity
from stepwell.api.service import Handler, Members, Service
from stepwell.asl.errors import StatesError
from stepwell.asl.jsontext import Json, encode
from stepwell.awsmodels.errors import ValidationError
from stepwell.engine.arns import check_role, express_arn, parse_arn, state_machine_arn
from stepwell.engine.clock import Clock
from stepwell.machine.commands import StartTask
from stepwell.machine.context import map_item
from stepwell.machine.payload import EMPTY, Payload
from stepwell.machine.stimuli import Stimulus
from stepwell.machine.trial import Beginning, Outcome, Trial
from stepwell.machine.turn import PAYLOAD_BYTES_MAX
from stepwell.tasks.exchanges import Exchange, listening

T = TypeVar("T")

Call: TypeAlias = Callable[[str, StartTask], Coroutine[Any, Any, Stimulus | None]]
"""Makes a Task's call: takes an execution's ARN, for account and Region, and the call. See `TaskRunner.run`."""

LONGEST_SECONDS = 300
"""How long AWS lets a state run under test."""

_STAGES = {
    "InputPath": "afterInputPath", "Parameters": "afterParameters", "Arguments": "afterArguments",
    "ResultSelector": "afterResultSelector", "ResultPath": "afterResultPath",
}  # fmt: skip
_ITEM_STAGES = {
    "ItemsPath": "afterItemsPath", "ItemsPointer": "afterItemsPointer", "ItemSelector": "afterItemSelector",
    "ItemBatcher": "afterItemBatcher",
}  # fmt: skip
_NUMBERS = {
    "MaxConcurrency": "maxConcurrency", "ToleratedFailureCount": "toleratedFailureCount",
    "ToleratedFailurePercentage": "toleratedFailurePercentage",
}  # fmt: skip
"""The members of inspectionData by the field that they show."""


async def test_state(service: Service, who: Identity, request: Members) -> Members:
    engine = service.engine
    return await run_state(request, who, engine.clock, engine.call_task, service.limits)


async def run_state(request: Members, who: Identity, clock: Clock, call: Call, limits: str = "aws") -> Members:
    """Run the state that a request of TestState names and reply as that operation does. Raises `ServiceError`."""
    stages: dict[str, Json] = {}
    mock = asked.read_mock(request)
    subject = asked.read_subject(request, stages.__setitem__)
    configuration = asked.check_configuration(request, subject, mock)
    asked.check_mock(subject, mock)
    beginning = _beginning(request, who, subject, mock, limits)
    trial = Trial(subject.program, subject.name, beginning, clock.now(), stages.__setitem__)
    with listening() as exchanges:
        if mock is None:
            await _run(trial, clock, call)
        else:
            _run_mocked(trial, subject, mock, configuration)
    outcome = trial.outcome
    assert outcome is not None, "a state that ran has an outcome"
    try:
        if request.get("inspectionLevel") in (None, "INFO"):
            return _reply(outcome)
        wire = _wire(exchanges, request)
        return {**_reply(outcome), "inspectionData": {**_inspection(trial, outcome, stages), **wire}}
    except (RecursionError, StatesError):
        raise ValidationError("The data is nested too deeply") from None  # ours


def _beginning(
    request: Members, who: Identity, subject: asked.Subject, mock: asked.Mock | None, limits: str
) -> Beginning:
    role, input = request.get("roleArn"), request.get("input")
    if role is not None:
        check_role(role)
    elif mock is None and subject.state.type == "Task":
        raise ValidationError("roleArn must be specified for a Task state without a mock")  # ours
    name = str(uuid.uuid4())
    machine = parse_arn(state_machine_arn(who.account, who.region, str(uuid.uuid4())), "stateMachine")
    label = "Invalid State Machine Execution Input"
    largest = PAYLOAD_BYTES_MAX if limits == "aws" else None
    payload = EMPTY if input is None else read_document(input, "InvalidExecutionInput", label, largest)
    in_map = {"Map": {"Item": map_item(0, payload.value)}} if subject.in_map else {}
    return Beginning(
        execution=express_arn(machine, name, str(uuid.uuid4())),
        name=name,
        state_machine=machine.text,
        state_machine_name=machine.name,
        role=role or "",
        region=who.region,
        limits=limits,
        seed=secrets.token_hex(16),
        input=payload,
        variables=asked.read_variables(request),
        context={**in_map, **asked.read_context(request, mock)},
        retry_count=(request.get("stateConfiguration") or {}).get("retrierRetryCount") or 0,
    )


# --- running


def _run_mocked(
    trial: Trial, subject: asked.Subject, mock: asked.Mock, configuration: Mapping[str, Any]
) -> None:  # fmt: skip
    trial.enter(partial(asked.read_items, configuration))
    failed = configuration.get("mapIterationFailureCount") or 0
    if trial.outcome is None and failed > trial.iterations:
        raise ValidationError(
            "Map iteration failure count must be less than or equal to the number of Map iterations"
        )  # fmt: skip
    if trial.outcome is None and failed and mock.result is not None:
        trial.tolerate(failed)
    if trial.outcome is not None:
        return
    if mock.result is not None:
        trial.succeed(mock.result)
    else:
        trial.fail(mock.error, mock.cause, of_task=asked.origin_is_task(subject, configuration))


async def _run(trial: Trial, clock: Clock, call: Call) -> None:
    """Run the state for real; what it waits for may take as long as it and AWS allow."""
    trial.enter()
    if trial.outcome is not None:
        return
    longest_at = trial.at + LONGEST_SECONDS
    due_at = trial.due_at if trial.due_at is not None and trial.due_at <= longest_at else None
    if trial.call is None:
        await _until(clock, due_at or longest_at)
        stimulus = None
    else:
        stimulus = await _before(clock, due_at or longest_at, call(trial.execution.id, trial.call))
    if stimulus is not None:
        trial.take(stimulus)
    elif due_at is None:
        trial.time_out()
    else:
        trial.fire()


async def _before(clock: Clock, at: float, work: Coroutine[Any, Any, T]) -> T | None:
    """What the work gives, or None where the time comes first."""
    working, waiting = asyncio.ensure_future(work), asyncio.ensure_future(_until(clock, at))
    try:
        await asyncio.wait((working, waiting), return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        working.cancel()
        waiting.cancel()


async def _until(clock: Clock, at: float) -> None:
    while clock.now() < at:  # a clock may call early
        woken = asyncio.Event()
        handle = clock.call_at(at, woken.set)
        try:
            await woken.wait()
        finally:
            handle.cancel()


# --- the reply


def _reply(outcome: Outcome) -> dict[str, Any]:
    output = None if outcome.output is None else outcome.output.text
    return _given(
        status=outcome.status, output=output, nextState=outcome.next, error=outcome.error, cause=outcome.cause
    )


def _given(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _inspection(trial: Trial, outcome: Outcome, stages: Mapping[str, Json]) -> dict[str, Any]:
    return _given(
        input=trial.execution.input.text,
        result=None if trial.result is None else trial.result.text,
        variables=encode(trial.variables) if trial.variables else None,
        errorDetails=dict(outcome.details) or None,
        **{member: _text(stages[field], trial.sent) for field, member in _STAGES.items() if field in stages},
        # These AWS writes with spaces. Recorded on AWS.
        **{member: json.dumps(stages[field]) for field, member in _ITEM_STAGES.items() if field in stages},
        **{member: stages[field] for field, member in _NUMBERS.items() if field in stages},
    )


def _wire(exchanges: list[Exchange], request: Members) -> dict[str, Any]:
    """What an HTTP task sent and got. Who may not see secrets gets the request without those of its connection."""
    if request["inspectionLevel"] != "TRACE" or not exchanges:
        return {}
    last = exchanges[-1]
    return {"request": last.revealed if request.get("revealSecrets") else last.request, "response": last.response}


def _text(value: Json, sent: list[Payload]) -> str:
    """What came from outside and was not changed stays as it was sent, white space included."""
    return next((payload.text for payload in sent if payload.value is value), None) or encode(value)


OPERATIONS: dict[str, Handler] = {"TestState": test_state}
