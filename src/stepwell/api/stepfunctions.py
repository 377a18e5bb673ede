"""The Step Functions endpoint: from `X-Amz-Target` to the operation and back, as an ASGI application.

Validators and handlers are paired once, so a request costs one lookup. Whatever an operation raises becomes AWS's error
here: `ServiceError` as it is, the engine's errors by the table below, anything else as InternalFailure.
"""

import asyncio
from collections.abc import Coroutine
from logging import getLogger
from typing import Any

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from stepwell.api import activities, executions, machines, map_runs, tags, test_state, versions
from stepwell.api.identity import identity
from stepwell.api.service import Handler, Members, Service
from stepwell.api.wire import ClientGone, check_content_type, decode_body, read_body, send_error, send_reply
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

LONG_POLLS = frozenset({"GetActivityTask"})
"""Operations that stop when the client goes away, so that nobody is handed what nobody would receive."""

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


class StepFunctionsEndpoint:
    """Answers POST / for one service."""

    def __init__(self, service: Service) -> None:
        model = load_service("stepfunctions")
        lifted = frozenset() if service.limits == "aws" else _PAYLOADS
        self._service = service
        self._model = model
        self._body_max = BODY_MAX_BYTES[service.limits]
        self._operations = _operations(model, lifted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send_reply(send, await self._answer(Headers(scope=scope), receive))
        except ClientGone:
            pass
        except Exception as error:
            await send_error(send, _as_service_error(error))

    async def _answer(self, headers: Headers, receive: Receive) -> Members:
        check_content_type(headers.get("content-type"))
        target = headers.get("x-amz-target", "")
        operation = self._operations.get(target)
        body = await read_body(receive, headers.get("content-length"), self._body_max)
        if operation is None:
            raise self._unknown(target)
        validate, handle = operation
        request = decode_body(body)
        validate(request)
        work = handle(self._service, identity(headers), request)
        if target.rpartition(".")[2] in LONG_POLLS:
            return await _unless_gone(receive, work)
        return await work

    def _unknown(self, target: str) -> ServiceError:
        prefix, _, name = target.partition(".")
        if prefix == self._model.target_prefix and name in self._model.operations:
            return ServiceError("UnsupportedOperation", f"Stepwell does not support {name} yet", 501)
        return ServiceError("UnknownOperationException", f"There is no operation {target[:100]!r}")


def _operations(model: ServiceModel, lifted: frozenset[str]) -> dict[str, tuple[Validator, Handler]]:
    return {
        f"{model.target_prefix}.{name}": (model.validator(model.operations[name].input, lifted), handler)
        for name, handler in HANDLERS.items()
    }


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
