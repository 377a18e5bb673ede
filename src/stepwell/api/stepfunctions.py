"""The endpoint of AWS's JSON protocol: from `X-Amz-Target` to the operation and back, as an ASGI application.

It serves Step Functions, and of CloudWatch Logs what it takes to keep and read logs.

Validators and handlers are paired once, so a request costs one lookup. Whatever an operation raises becomes AWS's error
here: `ServiceError` as it is, the engine's errors by the table below, anything else as InternalFailure.
"""

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from logging import getLogger
from typing import Any

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from stepwell.api import activities, executions, logs, machines, map_runs, tags, test_state, versions
from stepwell.api.identity import identity
from stepwell.api.service import Handler, Members, Service
from stepwell.api.wire import ClientGone, check_content_type, decode_body, read_body, send_error, send_reply
from stepwell.asl.jsontext import Json
from stepwell.awsmodels.errors import ServiceError
from stepwell.awsmodels.model import ServiceModel, load_service
from stepwell.awsmodels.validation import Validator
from stepwell.engine import errors as engine_errors
from stepwell.store.protocol import StoreError

_log = getLogger("stepwell.api")

HANDLERS: dict[str, Handler] = {
    **machines.OPERATIONS, **versions.OPERATIONS, **executions.OPERATIONS, **map_runs.OPERATIONS,
    **activities.OPERATIONS, **tags.OPERATIONS,
    **test_state.OPERATIONS,
}  # fmt: skip

BODY_MAX_BYTES = {"aws": 1_048_576, "extended": 67_108_864}
"""A whole request. AWS's limit is 1 MB; with extended limits it only keeps one client from filling the memory."""

LOGS_BODY_MAX_BYTES = 8_388_608
"""A batch of log events has its limit in events and in bytes of their text; as JSON it may be several times as long."""

LONG_POLLS = frozenset({"GetActivityTask"})
"""Operations that stop when the client goes away, so that nobody is handed what nobody would receive."""

TRACED = frozenset({"StartExecution", "StartSyncExecution"})
"""Operations that take a trace header."""

_PAYLOADS = frozenset({"SensitiveData", "SensitiveDataJobInput"})
"""The shapes of inputs and outputs, whose size extended limits do not bound."""

_ERRORS: dict[type[Exception], tuple[str, str, int]] = {
    engine_errors.InvalidToken: ("InvalidToken", "Invalid Token: 'Invalid token'", 400),
    engine_errors.TaskDoesNotExist: ("TaskDoesNotExist", "Task Does Not Exist: 'Provided task does not exist'", 400),
    engine_errors.TaskTimedOut: ("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'", 400),
    engine_errors.Throttled: ("ThrottlingException", "Rate exceeded", 400),
    engine_errors.Unavailable: ("ServiceUnavailable", "The store does not answer", 503),
    StoreError: ("ServiceUnavailable", "The store does not answer", 503),
}


@dataclass(frozen=True, slots=True)
class _Api:
    """One service: its model, and by the name of each operation its check and what it does."""

    model: ServiceModel
    operations: Mapping[str, tuple[Validator, Handler]]
    body_max: int


class StepFunctionsEndpoint:
    """Answers POST / for one service."""

    def __init__(self, service: Service) -> None:
        lifted = frozenset() if service.limits == "aws" else _PAYLOADS
        self._service = service
        self._states = _api("stepfunctions", HANDLERS, lifted, BODY_MAX_BYTES[service.limits])
        apis = (self._states, _api("logs", logs.OPERATIONS, frozenset(), LOGS_BODY_MAX_BYTES))
        self._apis = {api.model.target_prefix: api for api in apis}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        prefix, _, name = headers.get("x-amz-target", "").partition(".")
        api = self._apis.get(prefix, self._states)
        try:
            reply = await self._answer(api, name if prefix in self._apis else "", headers, receive)
            await send_reply(send, reply, api.model.json_version)
        except ClientGone:
            pass
        except Exception as error:
            await send_error(send, _as_service_error(error), api.model.json_version)

    async def _answer(self, api: _Api, name: str, headers: Headers, receive: Receive) -> Members:
        check_content_type(headers.get("content-type"))
        operation = api.operations.get(name)
        body = await read_body(receive, headers.get("content-length"), api.body_max)
        if operation is None:
            raise _unknown(api.model, name, headers.get("x-amz-target", ""))
        validate, handle = operation
        request = _traced(name, headers, decode_body(body))
        validate(request)
        work = handle(self._service, identity(headers), request)
        if name in LONG_POLLS:
            return await _unless_gone(receive, work)
        return await work


def _api(name: str, handlers: Mapping[str, Handler], lifted: frozenset[str], body_max: int) -> _Api:
    model = load_service(name)
    operations = {
        operation: (model.validator(model.operations[operation].input, lifted), handler)
        for operation, handler in handlers.items()
    }
    return _Api(model, operations, body_max)


def _unknown(model: ServiceModel, name: str, target: str) -> ServiceError:
    if name in model.operations:
        return ServiceError("UnsupportedOperation", f"Stepwell does not support {name} yet", 501)
    return ServiceError("UnknownOperationException", f"There is no operation {target[:100]!r}")


def _traced(name: str, headers: Headers, request: Json) -> Json:
    """The request, with the trace that the X-Amzn-Trace-Id header names: AWS prefers it to the one in the body."""
    trace = headers.get("x-amzn-trace-id")
    if trace is None or name not in TRACED or not isinstance(request, dict):
        return request
    return {**request, "traceHeader": trace}


def _as_service_error(error: Exception) -> ServiceError:
    """AWS's error for whatever an operation raised. What only the operator can mend is logged."""
    if isinstance(error, ServiceError):
        return error
    code, message, status = _ERRORS.get(type(error), ("InternalFailure", "An internal error occurred", 500))
    if status >= 500:
        _log.error("an operation failed", exc_info=error)
    return ServiceError(code, message, status)


async def _unless_gone(receive: Receive, work: Coroutine[Any, Any, Members]) -> Members:
    """The reply, or `ClientGone` with the work cancelled as soon as the connection is closed."""
    working = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_disconnected(receive))
    try:
        await asyncio.wait((working, gone), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ClientGone
    finally:
        gone.cancel()
        working.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
