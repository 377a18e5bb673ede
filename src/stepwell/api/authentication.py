"""Lets pass what a known key has signed and may do; stands before every path of an endpoint but
its health check and the console's pages.

What passes goes on under its account: in place of the key, `Authorization` names the account, which is where
`identity` finds it. A body is read whole before anybody sees any of it, because the signature covers it.
"""

import re
from collections.abc import Callable
from uuid import uuid4

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stepwell.api.console.endpoint import PREFIX, failure, is_page
from stepwell.api.credentials import READ_ONLY, Key, Keyring
from stepwell.api.lambda_model import write_error
from stepwell.api.signature import (
    ALGORITHM,
    Authorization,
    Request,
    check_signature,
    check_signed_headers,
    check_time,
    parse_authorization,
)
from stepwell.api.wire import ClientGone, read_body, send_error
from stepwell.awsmodels.errors import ServiceError

HEALTH = "/_stepwell/health"

BODY_MAX_BYTES = 73_400_320
"""70 MiB: more than any operation takes. The operations have their own bounds."""

_READS = re.compile(r"(Describe|Filter|Get(?!ActivityTask$)|List|Validate)[A-Z]")
"""Names of operations that change nothing. To ask for an activity's task is to take it."""


class Authentication:
    """An ASGI application before another one."""

    def __init__(self, app: ASGIApp, keyring: Keyring, now: Callable[[], float]) -> None:
        self._app = app
        self._keyring = keyring
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or (scope["type"] == "http" and _is_open(scope["path"])):
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._pass_on(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            authorization, key, body = await self._verified(scope, receive)
        except ClientGone:
            return
        except ServiceError as error:
            await refuse(scope, receive, send, error)
            return
        named = f"{ALGORITHM} Credential={key.account}/{authorization.scope}"
        headers = [(name, value) for name, value in scope["headers"] if name != b"authorization"]
        headers.append((b"authorization", named.encode("latin-1")))
        await self._app({**scope, "headers": headers}, _replay(body, receive), send)

    async def _verified(self, scope: Scope, receive: Receive) -> tuple[Authorization, Key, bytes]:
        """The key that has signed the request, and its body. Raises `ServiceError`, and `ClientGone`."""
        headers = Headers(scope=scope)
        authorization = parse_authorization(headers.get("authorization"))
        key = self._keyring.find(authorization.key)
        if key is None:
            raise ServiceError("UnrecognizedClientException", "The security token included in the request is invalid.")
        signed_at = check_time(authorization, headers, self._now())
        check_signed_headers(authorization, headers)
        # Only now: who has no key shall not make us read.
        body = await read_body(receive, headers.get("content-length"), BODY_MAX_BYTES)
        path, query = scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1")
        request = Request(scope["method"], path, query, headers, body)
        check_signature(authorization, request, signed_at, key.secret)
        if key.expires_at is not None and key.expires_at <= self._now():
            raise ServiceError("ExpiredTokenException", "The security token included in the request is expired")
        _check_role(key, authorization, scope, headers)
        return authorization, key, body


def _is_open(path: str) -> bool:
    """The health check and the console's pages, which hold no data: what they show they ask for with a signature."""
    return path == HEALTH or is_page(path)


def _check_role(key: Key, authorization: Authorization, scope: Scope, headers: Headers) -> None:
    operation = headers.get("x-amz-target", "").rpartition(".")[2]
    reads = _READS.match(operation) if scope["path"] == "/" else scope["method"] in ("GET", "HEAD")
    if key.role == READ_ONLY and not reads:
        action = f"{authorization.service}:{operation or scope['method']}"
        raise ServiceError(
            "AccessDeniedException",
            f"User: arn:aws:iam::{key.account}:user/{key.id} is not authorized to perform: {action}",
        )


async def refuse(scope: Scope, receive: Receive, send: Send, error: ServiceError) -> None:
    """Answer in the shape of the protocol that is spoken on this path: JSON services answer 400, REST ones 403."""
    if scope["path"] == "/":
        await send_error(send, error, "1.0")
        return
    error.status = 403 if error.status == 400 else error.status
    in_console = scope["path"].startswith(PREFIX)
    await (failure(error) if in_console else write_error(error, str(uuid4())))(scope, receive, send)


def _replay(body: bytes, receive: Receive) -> Receive:
    """What the client sent: first the body, then whatever comes."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return messages.pop() if messages else await receive()

    return replayed
