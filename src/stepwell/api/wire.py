"""AWS JSON 1.0 and 1.1: reading a request's body, and sending replies and errors, as raw ASGI messages."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import orjson
from starlette.types import Receive, Send

from stepwell.asl.jsontext import Json, JsonTextError, decode
from stepwell.awsmodels.errors import SerializationError, ServiceError

_CONTENT_TYPES = frozenset({"", "application/x-amz-json-1.0", "application/x-amz-json-1.1", "application/json"})


class ClientGone(Exception):
    """The client went away before its request was complete or answered."""


async def read_body(receive: Receive, declared: str | None, most: int) -> bytes:
    """The body. Raises `ClientGone`, and RequestEntityTooLargeException as soon as it is known to exceed `most` bytes.

    `declared` is the Content-Length header: the HTTP server has refused any that is no number.
    """
    if declared is not None and int(declared) > most:
        raise _too_large(most)
    parts: list[bytes] = []
    size = 0
    while (message := await receive())["type"] == "http.request":
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most:
            raise _too_large(most)
        if not message.get("more_body"):
            return b"".join(parts)
    raise ClientGone


def _too_large(most: int) -> ServiceError:
    return ServiceError("RequestEntityTooLargeException", f"The request is larger than {most} bytes", 413)


def check_content_type(content_type: str | None) -> None:
    """Raises what AWS answers to a body that does not say it is JSON."""
    if content_type is not None and content_type.partition(";")[0].strip().lower() not in _CONTENT_TYPES:
        raise ServiceError("UnknownOperationException", f"The content type {content_type[:100]} is not supported", 404)


def decode_body(body: bytes) -> Json:
    """The JSON value of a body. Raises `SerializationError`."""
    try:
        return decode(body)
    except JsonTextError as error:
        raise SerializationError(f"The request body is not JSON: {error}") from None


async def send_reply(send: Send, reply: Mapping[str, Any], json_version: str) -> None:
    await _send(send, 200, orjson.dumps(reply), [], json_version)


async def send_error(send: Send, error: ServiceError, json_version: str) -> None:
    body = orjson.dumps({"__type": error.code, "message": error.message, **error.extra})
    await _send(send, error.status, body, [(b"x-amzn-errortype", error.code.encode())], json_version)


async def _send(
    send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]], json_version: str
) -> None:  # fmt: skip
    headers += (
        (b"content-type", f"application/x-amz-json-{json_version}".encode()),
        (b"content-length", str(len(body)).encode()),
        (b"x-amzn-requestid", str(uuid4()).encode()),
    )
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
