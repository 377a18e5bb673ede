"""`apigateway:invoke`: a call of an API, by the parts of its address.

Source: AWS's developer guide, "Create API Gateway REST APIs with Step Functions". A call goes to the API's own host, as
it is given; only one on this machine may be had without HTTPS.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import httpx

from stepwell import __version__
from stepwell.asl.jsontext import Json, encode
from stepwell.machine.commands import StartTask
from stepwell.machine.turn import EXTENDED_BYTES_MAX, PAYLOAD_BYTES_MAX
from stepwell.tasks.attempts import TaskError
from stepwell.tasks.casing import BadParameters
from stepwell.tasks.http import Web, query_pairs, read_response, request_headers
from stepwell.tasks.sdk import not_started

METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")
AUTH_TYPES = ("NO_AUTH", "IAM_ROLE", "RESOURCE_POLICY")
FIELDS = frozenset(
    {"ApiEndpoint", "Method", "Headers", "Stage", "Path", "QueryParameters", "RequestBody", "AllowNullValues"}
    | {"AuthType"}
)
_BLOCKED = frozenset(
    {"authorization", "connection", "content-md5", "expect", "host", "max-forwards", "proxy-authenticate", "server"}
    | {"te", "transfer-encoding", "trailer", "upgrade", "via", "www-authenticate"}
)
"""The guide's list of headers that a task may not set."""


class ApiGatewayTasks:
    """Calls APIs. `limits` is `aws` or `extended`."""

    def __init__(self, web: Web, limits: str) -> None:
        self._web = web
        self._bytes_max = PAYLOAD_BYTES_MAX if limits == "aws" else EXTENDED_BYTES_MAX

    async def perform(self, execution: str, command: StartTask) -> Json:
        """{Headers, ResponseBody, StatusCode, StatusText}. Raises `TaskError` for any status from 400 on."""
        try:
            request = self._request(command.input.value)
        except BadParameters as error:
            raise not_started(command, error) from None
        try:
            reply = await self._web.client().send(request, stream=True)
            try:
                output = await read_response(reply, self._bytes_max, command.resource)
            finally:
                await reply.aclose()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise TaskError("ApiGateway.SdkClientException", f"Unable to execute HTTP request: {error}") from None
        if reply.status_code < 400:
            return output
        raise TaskError(f"ApiGateway.{reply.status_code}", encode(output["ResponseBody"]))

    def _request(self, given: Json) -> httpx.Request:
        _check(given)
        headers = {"user-agent": f"stepwell/{__version__}"} | request_headers(given.get("Headers", {}), _BLOCKED)
        content = None
        if "RequestBody" in given:
            headers.setdefault("content-type", "application/json")
            content = encode(_without_nulls(given)).encode()
        return self._web.client().build_request(given["Method"], _url(given), headers=headers, content=content)


def _check(given: Json) -> None:
    if not isinstance(given, dict):
        raise BadParameters("The parameters of apigateway:invoke must be a JSON object")
    for name in given:
        if name not in FIELDS:
            raise BadParameters(f'The field "{name}" is not supported by Step Functions')
    for name in ("ApiEndpoint", "Method"):
        if not isinstance(given.get(name), str):
            raise BadParameters(f"The field '{name}' is required but was missing")
    for name, allowed in (("Method", METHODS), ("AuthType", AUTH_TYPES)):
        if given.get(name, allowed[0]) not in allowed:
            raise BadParameters(f"The field '{name}' should have one of these values: [{', '.join(allowed)}]")
    if not isinstance(given.get("QueryParameters", {}), dict):
        raise BadParameters("The field 'QueryParameters' must be an object")


def _without_nulls(given: Mapping[str, Any]) -> Json:
    """Null members of the body are left out unless the task allows them. Source: the guide's AllowNullValues."""
    body = given["RequestBody"]
    if given.get("AllowNullValues") or not isinstance(body, dict):
        return body
    return {name: value for name, value in body.items() if value is not None}


def _url(given: Mapping[str, Any]) -> str:
    """ApiEndpoint is a host on AWS; an emulator's may come with a scheme and a path."""
    endpoint = given["ApiEndpoint"] if "://" in given["ApiEndpoint"] else f"https://{given['ApiEndpoint']}"
    try:
        parts = urlsplit(endpoint)
    except ValueError:
        raise BadParameters("The field 'ApiEndpoint' must be a host name") from None
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if not parts.hostname or (parts.scheme != "https" and not (parts.scheme == "http" and local)):
        raise BadParameters("The field 'ApiEndpoint' must be a host name")
    path = [part for part in (given.get("Stage"), str(given.get("Path", "")).strip("/")) if part]
    query = urlencode(query_pairs(given.get("QueryParameters", {})))
    address = "/".join([endpoint.rstrip("/"), *(quote(str(part), safe="/$-_.+!*'(),:@&=;~%") for part in path)])
    return f"{address}?{query}" if query else address
