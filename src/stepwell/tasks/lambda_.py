"""Lambda functions: by ARN, which gives the function's own result, and by `lambda:invoke`, which wraps it."""

import base64
import binascii
import contextlib
from typing import Any

from stepwell.asl.errors import DATA_LIMIT_EXCEEDED, RUNTIME
from stepwell.asl.jsontext import Json, JsonTextError, decode, encode
from stepwell.engine.arns import EXECUTION, EXPRESS, parse_arn
from stepwell.engine.clock import Clock
from stepwell.functions.errors import LambdaError
from stepwell.functions.invocation import Invocation
from stepwell.functions.service import FunctionService
from stepwell.machine.commands import StartTask
from stepwell.machine.payload import Payload
from stepwell.machine.stimuli import CALL, SCHEDULE, START, SUBMIT, Stimulus, TaskFailed, TaskSubmitted, TaskSucceeded
from stepwell.machine.turn import PAYLOAD_BYTES_MAX, data_limit_cause
from stepwell.tasks.metadata import sdk_metadata


class LambdaTasks:
    """Calls functions of the account and region of the execution that asks."""

    def __init__(self, functions: FunctionService, clock: Clock, limits: str) -> None:
        self._functions = functions
        self._result_bytes_max = PAYLOAD_BYTES_MAX if limits == "aws" else None
        self._clock = clock

    async def call_by_arn(self, execution: str, command: StartTask) -> Stimulus:
        """`Resource` is the function's ARN: the payload is the input, the result the output."""
        attempt = _Attempt(command, self._clock)
        try:
            invocation = await self._invoke(execution, command, command.resource, command.input.text.encode(), {})
            output = self._result(command, invocation)
        except LambdaError as error:
            return attempt.refused(error)
        except _FunctionFailed as failed:
            return attempt.failed(failed)
        return attempt.succeeded(output, invocation)

    async def call_invoke(self, execution: str, command: StartTask) -> Stimulus:
        """`arn:aws:states:::lambda:invoke`, perhaps `.waitForTaskToken`."""
        attempt = _Attempt(command, self._clock)
        request = command.input.value
        if not isinstance(request, dict) or not isinstance(request.get("FunctionName"), str):
            return attempt.invalid("The parameter FunctionName is required and must be a string")
        payload = _payload(request.get("Payload"))
        try:
            if request.get("InvocationType", "RequestResponse") == "Event":
                return await self._call_event(execution, command, request, payload)
            invocation = await self._invoke(execution, command, request["FunctionName"], payload, request)
            output = Payload(_wrapped(command, invocation, self._result(command, invocation).value))
        except LambdaError as error:
            return attempt.refused(error)
        except _FunctionFailed as failed:
            return attempt.failed(failed)
        return attempt.succeeded(output, invocation)

    async def _invoke(
        self, execution: str, command: StartTask, function: str, payload: bytes, request: dict[str, Any]
    ) -> Invocation:
        arn = parse_arn(execution, EXECUTION, EXPRESS)
        return await self._functions.invoke(
            function,
            payload,
            request_id=command.idempotency_key,
            qualifier=request.get("Qualifier"),
            log_tail=request.get("LogType") == "Tail",
            client_context=_client_context(request.get("ClientContext")),
            account=arn.account,
            region=arn.region,
        )

    def _result(self, command: StartTask, invocation: Invocation) -> Payload:
        """The function's result. Raises `_FunctionFailed`."""
        if self._result_bytes_max is not None and len(invocation.payload) > self._result_bytes_max:
            # Judged before it is read: what is too large need not be JSON either.
            raise _FunctionFailed(DATA_LIMIT_EXCEEDED, data_limit_cause(command.resource), invocation)
        text = invocation.payload.decode("utf-8", "replace")
        try:
            value = decode(text)
        except JsonTextError:
            cause = f"The function returned a result that is not JSON: {text[:200]}"
            raise _FunctionFailed(RUNTIME, cause, invocation) from None
        if invocation.function_error is None:
            return Payload(value)
        error = value.get("errorType") if isinstance(value, dict) else None
        # By ARN the cause is what the runtime wrote; `lambda:invoke` gives it compact. Recorded on AWS.
        cause = text if command.family == "LambdaFunction" else encode(value)
        raise _FunctionFailed(str(error or "Lambda.Unknown"), cause, invocation)

    async def _call_event(
        self, execution: str, command: StartTask, request: dict[str, Any], payload: bytes
    ) -> Stimulus:
        arn = parse_arn(execution, EXECUTION, EXPRESS)
        await self._functions.invoke_event(
            request["FunctionName"],
            payload,
            request_id=command.idempotency_key,
            qualifier=request.get("Qualifier"),
            client_context=_client_context(request.get("ClientContext")),
            account=arn.account,
            region=arn.region,
        )
        at = self._clock.now()
        metadata = sdk_metadata(command.idempotency_key, 0, "application/json", at, _headers(None), "Connection")
        return _Attempt(command, self._clock).ended(Payload({"Payload": "", **metadata, "StatusCode": 202}), at, at)


class _FunctionFailed(Exception):
    """The function ended with an error of its own, or with a result that is not JSON."""

    def __init__(self, error: str, cause: str, invocation: Invocation) -> None:
        super().__init__(error)
        self.error = error
        self.cause = cause
        self.invocation = invocation


def _payload(value: Json) -> bytes:
    """What `Payload` sends. AWS sends a string as it stands where that is JSON text, and nothing, `{}`, for null."""
    if value is None:
        return b"{}"
    if isinstance(value, str):
        with contextlib.suppress(JsonTextError):
            decode(value)
            return value.encode()
    return encode(value).encode()


def _client_context(value: Json) -> str | None:
    """ClientContext comes in Base64, as the Invoke API takes it."""
    if value is None:
        return None
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, TypeError, ValueError):
        raise LambdaError(
            "InvalidRequestContentException", "Client context must be a valid Base64-encoded JSON object.", 400
        ) from None


def _headers(invocation: Invocation | None) -> dict[str, str]:
    headers = {"X-Amz-Executed-Version": invocation.executed_version if invocation else "$LATEST"}
    if invocation is not None and invocation.log_tail is not None:
        headers["X-Amz-Log-Result"] = base64.b64encode(invocation.log_tail).decode()
    return {**headers, "x-amzn-Remapped-Content-Length": "0"}


def _wrapped(command: StartTask, invocation: Invocation, value: Json) -> Json:
    """The output of `lambda:invoke`, as recorded from AWS."""
    headers = _headers(invocation)
    trace = f"root=1-{int(invocation.started_at):08x}-{command.idempotency_key.replace('-', '')[:24]};sampled=0"
    extra = {**headers, "X-Amzn-Trace-Id": trace}
    log = {"LogResult": headers["X-Amz-Log-Result"]} if "X-Amz-Log-Result" in headers else {}
    return {
        "ExecutedVersion": invocation.executed_version,
        **log,
        "Payload": value,
        **sdk_metadata(
            command.idempotency_key,
            len(invocation.payload),
            "application/json",
            invocation.finished_at,
            extra,
            "Connection",
        ),
        "StatusCode": invocation.status_code,
    }


class _Attempt:
    """Turns what became of one attempt into a stimulus."""

    def __init__(self, command: StartTask, clock: Clock) -> None:
        self._command = command
        self._clock = clock

    def succeeded(self, output: Payload, invocation: Invocation) -> Stimulus:
        return self.ended(output, invocation.finished_at, invocation.started_at)

    def ended(self, output: Payload, at: float, started_at: float) -> Stimulus:
        command = self._command
        kind = TaskSubmitted if command.pattern == "waitForTaskToken" else TaskSucceeded
        return kind(at=at, frame=command.frame, attempt=command.attempt, output=output, started_at=started_at)

    def failed(self, failed: _FunctionFailed) -> Stimulus:
        command, invocation = self._command, failed.invocation
        return TaskFailed(
            at=invocation.finished_at, frame=command.frame, attempt=command.attempt, error=failed.error,
            cause=failed.cause, started_at=invocation.started_at,
        )  # fmt: skip

    def refused(self, error: LambdaError) -> Stimulus:
        """Lambda did not take the call: `Lambda.CODE`, with the text that AWS's SDK makes of it."""
        stage = SUBMIT if self._command.pattern else CALL
        if error.status >= 500:
            stage = START
        elif error.code == "ValidationException":
            stage = SCHEDULE
        detail = f"Service: AWSLambda; Status Code: {error.status}; Error Code: {error.code}"
        cause = f"{error.message} ({detail}; Request ID: {self._command.idempotency_key}; Proxy: null)"
        return self._refusal(f"Lambda.{error.code}", cause, stage)

    def invalid(self, why: str) -> Stimulus:
        return self._refusal(RUNTIME, why, CALL)

    def _refusal(self, error: str, cause: str, stage: str) -> Stimulus:
        command = self._command
        return TaskFailed(
            at=self._clock.now(), frame=command.frame, attempt=command.attempt, error=error, cause=cause, stage=stage
        )  # fmt: skip
