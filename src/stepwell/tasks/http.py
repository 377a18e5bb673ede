"""`http:invoke`: a call of any HTTPS endpoint.

Source: AWS's developer guide, "Call HTTPS APIs in Step Functions workflows". Plain HTTP goes to this machine alone, and
with `--limits extended` anywhere. The attempt's idempotency key goes out as `Idempotency-Key`, which AWS does not do,
so that an endpoint can tell a repeated delivery from a new call.
"""

import asyncio
import ipaddress
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import httpx

from stepwell import __version__
from stepwell.asl.errors import DATA_LIMIT_EXCEEDED
from stepwell.asl.jsontext import Json, JsonTextError, decode, encode
from stepwell.engine.arns import EXECUTION, EXPRESS, parse_arn
from stepwell.engine.clock import Clock
from stepwell.machine.commands import StartTask
from stepwell.machine.turn import EXTENDED_BYTES_MAX, PAYLOAD_BYTES_MAX, data_limit_cause
from stepwell.tasks.attempts import TaskError
from stepwell.tasks.casing import BadParameters
from stepwell.tasks.connections import Additions, ConnectionFailed, Connections
from stepwell.tasks.exchanges import listens, tell
from stepwell.tasks.sdk import not_started

CALL_SECONDS = 60.0
"""AWS's cap of one call."""

SOCKET = "States.Http.Socket"
METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
ARRAY_FORMATS = ("INDICES", "REPEAT", "COMMAS", "BRACKETS", "NONE")
FIELDS = frozenset(
    {"ApiEndpoint", "Method", "Authentication", "InvocationConfig", "Headers", "QueryParameters"}
    | {"RequestBody", "Transform"}
)  # fmt: skip

_ITEM_NAMES = {"INDICES": "{0}[{1}]", "BRACKETS": "{0}[]", "REPEAT": "{0}"}

_BLOCKED = frozenset(
    {"connection", "content-length", "host", "keep-alive", "proxy-authenticate", "proxy-authorization", "range", "te"}
    | {"trailer", "transfer-encoding", "upgrade", "user-agent"}
)
"""What a task may not set: what the call itself sets, and what belongs to one hop. AWS's list may have more."""

_BLOCKED_PREFIXES = ("x-amz-", "x-amzn-", "x-forwarded-")


class Web:
    """The one HTTP client, made when it is first needed: that takes long enough to be felt at a start."""

    def __init__(self) -> None:
        self._client: httpx.AsyncClient | None = None

    def client(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=CALL_SECONDS, trust_env=False, follow_redirects=False)
        return self._client

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()


class HttpTasks:
    """Calls endpoints. `limits` is `aws` or `extended`."""

    def __init__(self, web: Web, connections: Connections, clock: Clock, limits: str) -> None:
        self._web = web
        self._connections = connections
        self._clock = clock
        self._plain_anywhere = limits == "extended"
        self._bytes_max = PAYLOAD_BYTES_MAX if limits == "aws" else EXTENDED_BYTES_MAX

    async def perform(self, execution: str, command: StartTask) -> Json:
        """{Headers, ResponseBody, StatusCode, StatusText}. Raises `TaskError`."""
        given = command.input.value
        try:
            connection = _check(given, self._plain_anywhere)
        except BadParameters as error:
            raise not_started(command, error) from None
        try:
            async with asyncio.timeout(CALL_SECONDS):
                additions = await self._connections.additions(connection, self._web.client(), self._clock)
                request = self._request(execution, command, given, additions)
                plain = self._request(execution, command, given, Additions()) if listens() else request
                return await self._exchange(command, plain, request, connection)
        except BadParameters as error:
            raise not_started(command, error) from None
        except ConnectionFailed as failed:
            raise TaskError(failed.error, failed.cause) from None
        except TimeoutError:
            raise TaskError(SOCKET, f"The call took longer than {CALL_SECONDS:g} seconds.") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise TaskError(SOCKET, f"{type(error).__name__}: {error}") from None

    def _request(
        self, execution: str, command: StartTask, given: dict[str, Any], additions: Additions
    ) -> httpx.Request:  # fmt: skip
        region = parse_arn(execution, EXECUTION, EXPRESS).region
        headers = request_headers(given.get("Headers", {}), _BLOCKED) | {
            key.lower(): text for key, text in additions.headers.items()
        }
        body = _body(given, headers, additions)
        headers["user-agent"] = f"Amazon|StepFunctions|HttpInvoke|{region} stepwell/{__version__}"
        headers["range"] = f"bytes=0-{PAYLOAD_BYTES_MAX}"
        headers.setdefault("idempotency-key", command.idempotency_key)
        url = _url(given["ApiEndpoint"], given.get("QueryParameters", {}), additions.query)
        return self._web.client().build_request(given["Method"], url, headers=headers, content=body)

    async def _exchange(
        self, command: StartTask, plain: httpx.Request, request: httpx.Request, connection: str
    ) -> Json:  # fmt: skip
        reply = await self._web.client().send(request, stream=True)
        try:
            output = await read_response(reply, self._bytes_max, command.resource)
        finally:
            await reply.aclose()
        tell(plain, request, reply, _scalar(output["ResponseBody"]))
        if reply.is_success:
            return output
        if reply.status_code == 401:
            self._connections.forget(connection)
        raise TaskError(f"States.Http.StatusCode.{reply.status_code}", encode(output))


async def read_response(reply: httpx.Response, bytes_max: int, resource: str) -> dict[str, Json]:
    """A response as a Task's result. Raises `TaskError` for one that is larger than a state's output may be."""
    body = bytearray()
    async for chunk in reply.aiter_bytes():
        body += chunk
        if len(body) > bytes_max:
            raise TaskError(DATA_LIMIT_EXCEEDED, data_limit_cause(resource))
    headers: dict[str, list[str]] = {}
    for name, value in reply.headers.multi_items():
        headers.setdefault(name, []).append(value)
    return {
        "Headers": headers,
        "ResponseBody": _document(bytes(body), reply.headers.get("content-type", ""), reply.charset_encoding),
        "StatusCode": reply.status_code,
        "StatusText": reply.reason_phrase,
    }


def _document(body: bytes, kind: str, encoding: str | None) -> Json:
    """A JSON body as its value, all else as text."""
    if "json" in kind:
        try:
            return decode(body)
        except JsonTextError:
            pass
    try:
        return body.decode(encoding or "utf-8", "replace")
    except LookupError:
        return body.decode("utf-8", "replace")


# --- the request


def _check(given: Json, plain_anywhere: bool) -> str:
    """The ARN of the connection. Raises `BadParameters`."""
    if not isinstance(given, dict):
        raise BadParameters("The parameters of http:invoke must be a JSON object")
    for name in given:
        if name not in FIELDS:
            raise BadParameters(f'The field "{name}" is not supported by Step Functions')
    for name in ("ApiEndpoint", "Method"):
        if not isinstance(given.get(name), str):
            raise BadParameters(f"The field '{name}' is required but was missing")
    if given["Method"] not in METHODS:
        raise BadParameters(f"The field 'Method' should have one of these values: [{', '.join(METHODS)}]")
    _check_endpoint(given["ApiEndpoint"], plain_anywhere)
    for name in ("Authentication", "InvocationConfig"):
        found = given.get(name)
        if isinstance(found, dict) and isinstance(found.get("ConnectionArn"), str):
            return str(found["ConnectionArn"])
    raise BadParameters("The field 'Authentication' is required but was missing")


def _check_endpoint(url: str, plain_anywhere: bool) -> None:
    try:
        parts = urlsplit(url)
        host, scheme = parts.hostname, parts.scheme
    except ValueError:
        host, scheme = None, ""
    if not host or scheme not in ("https", "http"):
        raise BadParameters("The field 'ApiEndpoint' must be an HTTPS URL")
    if scheme == "http" and not plain_anywhere and not _is_loopback(host):
        raise BadParameters("The field 'ApiEndpoint' must be an HTTPS URL; plain HTTP is for this machine alone")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def request_headers(given: Json, blocked: frozenset[str]) -> dict[str, str]:
    """A task's Headers, names in lower case. Raises `BadParameters` for those that it may not set."""
    if not isinstance(given, dict):
        raise BadParameters("The field 'Headers' must be an object")
    headers = {}
    for name, value in given.items():
        if name.lower() in blocked or name.lower().startswith(_BLOCKED_PREFIXES):
            raise BadParameters(f"The header '{name}' cannot be set")
        if value is not None:
            text = ",".join(map(_scalar, value)) if isinstance(value, list) else _scalar(value)
            if not (name + text).isascii() or not (name + text).isprintable():
                raise BadParameters(f"The header '{name}' holds a character that no header may hold")
            headers[name.lower()] = text
    return headers


def _url(endpoint: str, given: Json, added: Mapping[str, str]) -> str:
    if not isinstance(given, dict):
        raise BadParameters("The field 'QueryParameters' must be an object")
    pairs = [(name, value) for name, value in query_pairs(given) if name not in added] + list(added.items())
    if not pairs:
        return endpoint
    base, hash, fragment = endpoint.partition("#")
    return f"{base}{'&' if '?' in base else '?'}{urlencode(pairs, quote_via=quote)}{hash}{fragment}"


def query_pairs(given: Mapping[str, Json]) -> list[tuple[str, str]]:
    """A task's QueryParameters; a list repeats its name."""
    return [
        (name, _scalar(item))
        for name, value in given.items()
        for item in (value if isinstance(value, list) else [value])
        if item is not None
    ]


def _body(given: dict[str, Any], headers: dict[str, str], additions: Additions) -> bytes:
    body = given.get("RequestBody")
    if additions.body and isinstance(body, dict | None):
        body = {**(body or {}), **additions.body}
    array_format = _url_encoding(given.get("Transform"))
    if body is None:
        return b""
    if array_format is not None:
        if not isinstance(body, dict):
            raise BadParameters("The field 'RequestBody' must be an object to be URL-encoded")
        headers["content-type"] = "application/x-www-form-urlencoded"
        return url_encoded(body, array_format).encode()
    headers.setdefault("content-type", "application/json")
    as_text = isinstance(body, str) and "json" not in headers["content-type"]
    return str(body).encode() if as_text else encode(body).encode()


def _url_encoding(transform: Json) -> str | None:
    """The format of arrays if the body is to be URL-encoded, INDICES by default; None where it is sent as JSON."""
    if transform is None:
        return None
    if not isinstance(transform, dict):
        raise BadParameters("The field 'Transform' must be an object")
    encoding = transform.get("RequestBodyEncoding", "NONE")
    if encoding not in ("NONE", "URL_ENCODED"):
        raise BadParameters("The field 'RequestBodyEncoding' should have one of these values: [NONE, URL_ENCODED]")
    options = transform.get("RequestEncodingOptions") or {}
    array_format = options.get("ArrayFormat", "INDICES") if isinstance(options, dict) else ""
    if array_format not in ARRAY_FORMATS:
        raise BadParameters(f"The field 'ArrayFormat' should have one of these values: [{', '.join(ARRAY_FORMATS)}]")
    return array_format if encoding == "URL_ENCODED" else None


def url_encoded(body: Mapping[str, Json], array_format: str) -> str:
    """A form. Objects within are written `outer[inner]`; `array_format` says how arrays are."""
    pairs = [pair for name, value in body.items() for pair in _pairs(name, value, array_format)]
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)


def _pairs(name: str, value: Json, array_format: str) -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [pair for key, item in value.items() for pair in _pairs(f"{name}[{key}]", item, array_format)]
    if not isinstance(value, list):
        return [] if value is None else [(name, _scalar(value))]
    if array_format == "COMMAS":
        return [(name, ",".join(map(_scalar, value)))]
    if array_format == "NONE":
        return [(name, encode(value))]
    label = _ITEM_NAMES[array_format]
    return [pair for index, item in enumerate(value) for pair in _pairs(label.format(name, index), item, array_format)]


def _scalar(value: Json) -> str:
    return value if isinstance(value, str) else encode(value)
