"""Nested executions: `states:startExecution`, alone, with `.sync`, `.sync:2` or `.waitForTaskToken`.

The identity of a nested execution is (parent, frame, attempt): starting it is get-or-create. The message that it was
submitted travels with its first step, its outcome with its last, so both are in the parent's inbox once and in order.
"""

from typing import Any

from stepwell.asl.errors import TASK_FAILED
from stepwell.asl.jsontext import Json, JsonTextError, decode, encode
from stepwell.awsmodels.errors import ServiceError
from stepwell.engine.arns import STATE_MACHINE, check_name, parse_arn
from stepwell.engine.catalog import StateMachine
from stepwell.engine.clock import Clock
from stepwell.engine.engine import Engine
from stepwell.engine.errors import ExecutionExists
from stepwell.engine.starts import start_request
from stepwell.engine.versions import Versions
from stepwell.machine import journal
from stepwell.machine.commands import StartTask
from stepwell.machine.execution import SUCCEEDED
from stepwell.machine.payload import EMPTY, Payload
from stepwell.machine.stimuli import (
    CALL,
    SUBMIT,
    StartRequested,
    Stimulus,
    TaskFailed,
    TaskSubmitted,
    TaskSucceeded,
)
from stepwell.store.protocol import ExecutionRow
from stepwell.tasks.metadata import sdk_metadata


class NestedExecutions:
    """Starts executions for Task states and tells their outcomes."""

    def __init__(self, engine: Engine, versions: Versions, clock: Clock, limits: str) -> None:
        self._engine = engine
        self._versions = versions
        self._clock = clock
        self._limits = limits

    async def start(self, execution: str, command: StartTask) -> Stimulus | None:
        try:
            machine, request = await self._request(execution, command)
            output = await self._start(execution, command, machine, request)
        except ServiceError as error:
            return self._refused(command, error)
        if command.pattern.startswith("sync"):
            return None
        kind = TaskSubmitted if command.pattern == "waitForTaskToken" else TaskSucceeded
        return kind(at=self._clock.now(), frame=command.frame, attempt=command.attempt, output=output)

    async def _request(self, execution: str, command: StartTask) -> tuple[StateMachine, StartRequested]:
        parameters = command.input.value
        if not isinstance(parameters, dict) or not isinstance(parameters.get("StateMachineArn"), str):
            raise ServiceError("ValidationException", "The parameter StateMachineArn is required and must be a string")
        arn = parse_arn(parameters["StateMachineArn"], STATE_MACHINE)
        machine, revision, version, alias = await self._versions.target(arn)
        if machine.type == "EXPRESS" and command.pattern.startswith("sync"):
            raise ServiceError(
                "StateMachineTypeNotSupported", "An Express state machine cannot be waited for with .sync"
            )
        name = parameters.get("Name", command.idempotency_key)
        check_name(str(name))
        request = start_request(
            arn, machine, revision, at=self._clock.now(), name=str(name), input=_input(parameters), limits=self._limits,
            parent=execution if command.pattern.startswith("sync") else None,
            parent_task=_identity(execution, command), uid=command.idempotency_key,
            version=version, alias=alias,
        )  # fmt: skip
        return machine, request

    async def _start(
        self, execution: str, command: StartTask, machine: StateMachine, request: StartRequested
    ) -> Payload:
        output = _output(command, request.execution, request.at)
        if machine.type == "EXPRESS":
            await self._engine.start_express(request)
            return output
        submitted = TaskSubmitted(
            at=request.at, frame=command.frame, attempt=command.attempt, output=output, child=request.execution
        )
        waits = command.pattern.startswith("sync")
        deliveries = [(execution, journal.encode_inline(submitted))] if waits else []
        try:
            await self._engine.start_execution(request, deliveries)
        except ExecutionExists as exists:
            # Delivered again after a crash: it is this very attempt's child, or else somebody else has the name.
            if await self._engine.parent_task(exists.row.id) != request.parent_task:
                raise ServiceError("ExecutionAlreadyExists", f"Execution Already Exists: '{exists.row.id}'") from None
            return _output(command, request.execution, exists.row.started_at)
        return output

    def _refused(self, command: StartTask, error: ServiceError) -> Stimulus:
        """`StepFunctions.CODEException`, with the text that AWS's SDK makes of it."""
        detail = f"Service: AWSStepFunctions; Status Code: 400; Error Code: {error.code}"
        code = error.code if error.code.endswith("Exception") else f"{error.code}Exception"
        return TaskFailed(
            at=self._clock.now(), frame=command.frame, attempt=command.attempt, error=f"StepFunctions.{code}",
            cause=f"{error.message} ({detail}; Request ID: {command.idempotency_key}; Proxy: null)",
            stage=SUBMIT if command.pattern else CALL,
        )  # fmt: skip

    def ended(self, row: ExecutionRow, input: str, output: str | None, parent_task: str) -> Stimulus:
        """The outcome for the parent: DescribeExecution's reply with its members in SDK case."""
        frame, attempt, pattern = _parse_identity(parent_task)
        parsed = pattern == "sync:2"
        result = _description(row, input, output, parsed)
        at = row.stopped_at or self._clock.now()
        if row.status == SUCCEEDED:
            return TaskSucceeded(at=at, frame=frame, attempt=attempt, output=Payload(result))
        return TaskFailed(at=at, frame=frame, attempt=attempt, error=TASK_FAILED, cause=encode(result))


def _identity(execution: str, command: StartTask) -> str:
    return f"{execution} {command.frame} {command.attempt} {command.pattern}"


def _parse_identity(parent_task: str) -> tuple[int, int, str]:
    _, frame, attempt, pattern = parent_task.split(" ")
    return int(frame), int(attempt), pattern


def _input(parameters: dict[str, Any]) -> Payload:
    """Input is a JSON value, or a string that is sent as it stands and so must be JSON text."""
    value = parameters.get("Input")
    if value is None:
        return EMPTY
    if not isinstance(value, str):
        return Payload(value)
    try:
        decode(value)
    except JsonTextError as error:
        raise ServiceError("InvalidExecutionInput", f"Invalid State Machine Execution Input: '{error}'") from None
    return Payload.of_text(value)


def _output(command: StartTask, execution: str, started_at: float) -> Payload:
    body = encode({"executionArn": execution, "startDate": round(started_at, 3)})
    return Payload(
        {
            "ExecutionArn": execution,
            **sdk_metadata(command.idempotency_key, len(body), "application/x-amz-json-1.0", started_at, {}),
            "StartDate": round(started_at * 1000),
        }
    )


def _description(row: ExecutionRow, input: str, output: str | None, parsed: bool) -> Json:
    """Keys in alphabetical order, as AWS gives them; times in epoch milliseconds."""

    def document(text: str) -> Json:
        return decode(text) if parsed else text

    members: dict[str, Json] = {
        "Cause": row.cause,
        "Error": row.error,
        "ExecutionArn": row.id,
        "Input": document(input),
        "InputDetails": {"Included": True},
        "Name": row.name,
        "Output": None if output is None else document(output),
        "OutputDetails": None if output is None else {"Included": True},
        "StartDate": round(row.started_at * 1000),
        "StateMachineAliasArn": row.alias,
        "StateMachineArn": row.state_machine,
        "StateMachineVersionArn": row.version,
        "Status": row.status,
        "StopDate": round((row.stopped_at or 0.0) * 1000),
    }
    always = {"Input", "Output"} if output is not None else {"Input"}
    return {name: value for name, value in members.items() if value is not None or name in always}
