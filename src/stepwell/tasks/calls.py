"""Calls of AWS's operations, off the event loop.

botocore blocks, so its calls run in threads of their own, a bounded number of them: what is beyond waits its turn.
"""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from botocore import xform_name
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)
from botocore.model import OperationModel

from stepwell.asl.jsontext import Json
from stepwell.awsmodels.errors import ServiceError
from stepwell.awsmodels.validation import Validator, compile_validator
from stepwell.engine.arns import EXECUTION, EXPRESS, parse_arn
from stepwell.tasks import casing
from stepwell.tasks.endpoints import REAL, Endpoints

THREADS = 64

_CHECKED_FIRST = frozenset({"dynamodb"})
"""Services whose own checks come before all else and are recorded, and that emulators leave out."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a service answered, by the Task's names of its members."""

    members: dict[str, Json]
    request_id: str


class CallRefused(Exception):
    """A service answered with an error."""

    def __init__(self, code: str, message: str, status: int, request_id: str, host_id: str = "") -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.request_id = request_id
        self.host_id = host_id


class CallFailed(Exception):
    """No answer came, or the SDK would not send the request. The text is the SDK's as far as recordings show it."""


class Calls:
    """Makes calls for tasks."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._endpoints = endpoints
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="stepwell-aws")
        self._validators: dict[tuple[str, str], Validator] = {}

    async def call(
        self, execution: str, operation: OperationModel, parameters: Json, naming: casing.Naming, *,
        key: str, role: str | None = None,
    ) -> Reply:  # fmt: skip
        """Call an operation in the region of the execution, in its account or in that of the task's role.

        `key` is the attempt's idempotency key. Raises `CallRefused`, `CallFailed`, `NoEndpoint` and `BadParameters`.
        """
        request = casing.request(operation, parameters)
        for member in operation.idempotent_members:
            request.setdefault(member, key)
        arn = parse_arn(execution, EXECUTION, EXPRESS)
        account = _account(role) or arn.account
        return await asyncio.get_running_loop().run_in_executor(
            self._pool, self._call, operation, request, arn.region, account, naming, key
        )

    def _call(
        self, operation: OperationModel, request: dict[str, Any], region: str, account: str, naming: casing.Naming,
        key: str,
    ) -> Reply:  # fmt: skip
        service = str(operation.service_model.service_name)
        client = self._endpoints.client(service, region, account)
        if service in _CHECKED_FIRST and self._endpoints.url(service) != REAL:
            self._check(operation, request, key)
        if service == "sqs":
            _resolve_queue(request.get("QueueUrl"))
        try:
            raw = getattr(client, xform_name(operation.name))(**request)
            members = casing.result(operation, raw, naming)
        except ClientError as error:
            raise _refused(error) from None
        except (BotoCoreError, OSError) as error:
            raise CallFailed(_reason(error)) from None
        return Reply(members, raw["ResponseMetadata"].get("RequestId", key))

    def _check(self, operation: OperationModel, request: dict[str, Any], key: str) -> None:
        """The constraints of the model, in the words of AWS's service framework."""
        model, shape = operation.service_model, operation.input_shape
        if shape is None:
            return
        name = str(model.service_name), str(operation.name)
        if name not in self._validators:
            shapes = model._service_description["shapes"]
            self._validators[name] = compile_validator(shapes, shape.name, frozenset())
        try:
            self._validators[name](request)
        except ServiceError as error:
            raise CallRefused(error.code, error.message, error.status, key) from None

    def close(self) -> None:
        """Let go of calls under way: their commands are in the outbox still."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._endpoints.close()


def _account(role: str | None) -> str | None:
    """Of arn:aws:iam::ACCOUNT:role/NAME."""
    parts = (role or "").split(":")
    return parts[4] if len(parts) > 5 and parts[4].isdigit() else None


def _resolve_queue(url: Any) -> None:
    """AWS's SDK sends to the host of QueueUrl; one that names no queue is the only one that no emulator made."""
    parts = urlsplit(url) if isinstance(url, str) else None
    if parts is None or not parts.hostname or parts.path.strip("/"):
        return
    try:
        socket.getaddrinfo(parts.hostname, parts.port)
    except OSError:
        raise CallFailed(f"Unable to execute HTTP request: {parts.hostname}: Name or service not known") from None


def _refused(error: ClientError) -> CallRefused:
    details, metadata = error.response.get("Error", {}), error.response.get("ResponseMetadata", {})
    return CallRefused(
        str(details.get("Code", "Unknown")), str(details.get("Message", "")), int(metadata.get("HTTPStatusCode", 0)),
        str(metadata.get("RequestId", "")), str(metadata.get("HTTPHeaders", {}).get("x-amz-id-2", "")),
    )  # fmt: skip


def _reason(error: Exception) -> str:
    """Texts but for the first are ours."""
    if isinstance(error, EndpointConnectionError | ConnectTimeoutError):
        host = urlsplit(str(error.kwargs.get("endpoint_url", ""))).netloc
        return f"Unable to execute HTTP request: Connect to {host} failed: {error.kwargs.get('error', 'timed out')}"
    if isinstance(error, ReadTimeoutError):
        return "Unable to execute HTTP request: Read timed out"
    return f"Unable to execute HTTP request: {error}"
