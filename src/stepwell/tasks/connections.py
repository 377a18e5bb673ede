"""Connections: how `http:invoke` proves who it is, as EventBridge connections say it.

They are read from a file, because no service gives the secrets of its connections back. Each has the members of
EventBridge's CreateConnection:

    payments:
      AuthorizationType: API_KEY
      AuthParameters:
        ApiKeyAuthParameters: {ApiKeyName: X-Api-Key, ApiKeyValue: "..."}
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from stepwell.asl.compile import load_yaml
from stepwell.engine.clock import Clock

FILE_BYTES_MAX = 1 << 20
TOKEN_BYTES_MAX = 64 << 10
EARLY_SECONDS = 30.0
"""A token this close to its end is not used any more."""

_LISTS = {"headers": "HeaderParameters", "query": "QueryStringParameters", "body": "BodyParameters"}


class BadConnections(ValueError):
    """The file holds no connections; the text says what is wrong where."""


class ConnectionFailed(Exception):
    """A connection cannot be used. `error` is the error's name."""

    def __init__(self, error: str, cause: str) -> None:
        super().__init__(cause)
        self.error = error
        self.cause = cause


@dataclass(slots=True)
class Additions:
    """What a connection adds to a request; its own values replace those of the task."""

    headers: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    body: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OAuth:
    """Where an access token comes from, by the client credentials grant of RFC 6749."""

    endpoint: str
    method: str
    client_id: str
    client_secret: str
    additions: Additions


@dataclass(frozen=True, slots=True)
class Connection:
    additions: Additions
    oauth: OAuth | None = None


class Connections:
    """The connections that there are, by name."""

    def __init__(self, connections: Mapping[str, Connection]) -> None:
        self._connections = dict(connections)
        self._tokens: dict[str, tuple[str, float]] = {}

    async def additions(self, arn: str, client: httpx.AsyncClient, clock: Clock) -> Additions:
        """What the connection adds. Raises `ConnectionFailed`."""
        name = connection_name(arn)
        connection = self._connections.get(name)
        if connection is None:
            # AWS's name for a connection that is not there is not known to us.
            raise ConnectionFailed(
                "Events.ConnectionResource.NotFound", f"Connection {arn} does not exist: describe it with --connections"
            )
        if connection.oauth is None:
            return connection.additions
        token = await self._token(name, connection.oauth, client, clock)
        headers = {**connection.additions.headers, "Authorization": f"Bearer {token}"}
        return Additions(headers, connection.additions.query, connection.additions.body)

    async def _token(self, name: str, oauth: OAuth, client: httpx.AsyncClient, clock: Clock) -> str:
        token, until = self._tokens.get(name, ("", 0.0))
        if clock.now() < until:
            return token
        token, seconds = await _fetch_token(name, oauth, client)
        self._tokens[name] = token, clock.now() + seconds - EARLY_SECONDS
        return token

    def forget(self, arn: str) -> None:
        """A token was refused: the next call fetches another one."""
        self._tokens.pop(connection_name(arn), None)


def connection_name(arn: str) -> str:
    """Of arn:aws:events:REGION:ACCOUNT:connection/NAME/ID; a name stands for itself."""
    return arn.partition(":connection/")[2].partition("/")[0] or arn


async def _fetch_token(name: str, oauth: OAuth, client: httpx.AsyncClient) -> tuple[str, float]:
    """A token and how long it lasts. AWS's name for a refusal is not known to us."""
    basic = base64.b64encode(f"{oauth.client_id}:{oauth.client_secret}".encode()).decode()
    headers = {"Authorization": f"Basic {basic}", **oauth.additions.headers}
    form = {"grant_type": "client_credentials", **oauth.additions.body}
    try:
        async with client.stream(
            oauth.method, oauth.endpoint, headers=headers, params=oauth.additions.query, data=form
        ) as reply:  # fmt: skip
            body = b""
            async for chunk in reply.aiter_bytes():
                body += chunk
                if len(body) > TOKEN_BYTES_MAX:
                    raise ValueError("the reply is too large")
            reply.raise_for_status()
        document = httpx.Response(200, content=body).json()
        return str(document["access_token"]), float(document.get("expires_in", 3600))
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        why = f"{oauth.endpoint} gave no token for the connection {name}: {type(error).__name__}: {error}"
        raise ConnectionFailed("Events.ConnectionResource.InvalidConnectionState", why) from None


# --- the file


def load_connections(path: Path) -> Connections:
    """The connections of a JSON or YAML file. Raises `BadConnections`."""
    try:
        text = path.read_bytes()
        if len(text) > FILE_BYTES_MAX:
            raise BadConnections(f"{path}: is larger than {FILE_BYTES_MAX} bytes")
        document = load_yaml(text.decode())
    except (OSError, ValueError) as error:
        raise BadConnections(f"{path}: {error}") from None
    if not isinstance(document, dict) or not all(isinstance(entry, dict) for entry in document.values()):
        raise BadConnections(f"{path}: expected a mapping from the name of each connection to its members")
    return Connections({connection_name(str(name)): _connection(path, name, entry) for name, entry in document.items()})


def _connection(path: Path, name: Any, entry: Mapping[str, Any]) -> Connection:
    try:
        return _KINDS[entry["AuthorizationType"]](entry["AuthParameters"])
    except (KeyError, TypeError, AttributeError) as error:
        known = ", ".join(_KINDS)
        raise BadConnections(
            f"{path}: {name}: {error} is missing or wrong. A connection has AuthorizationType ({known}) and "
            "AuthParameters as EventBridge's CreateConnection takes them"
        ) from None


def _basic(parameters: Mapping[str, Any]) -> Connection:
    given = parameters["BasicAuthParameters"]
    secret = base64.b64encode(f"{given['Username']}:{given['Password']}".encode()).decode()
    return _with_header(parameters, "Authorization", f"Basic {secret}")


def _api_key(parameters: Mapping[str, Any]) -> Connection:
    given = parameters["ApiKeyAuthParameters"]
    return _with_header(parameters, str(given["ApiKeyName"]), str(given["ApiKeyValue"]))


def _with_header(parameters: Mapping[str, Any], name: str, value: str) -> Connection:
    additions = _additions(parameters.get("InvocationHttpParameters", {}))
    additions.headers[name] = value
    return Connection(additions)


def _oauth(parameters: Mapping[str, Any]) -> Connection:
    given = parameters["OAuthParameters"]
    client = given["ClientParameters"]
    oauth = OAuth(
        endpoint=str(given["AuthorizationEndpoint"]), method=str(given.get("HttpMethod", "POST")),
        client_id=str(client["ClientID"]), client_secret=str(client["ClientSecret"]),
        additions=_additions(given.get("OAuthHttpParameters", {})),
    )  # fmt: skip
    return Connection(_additions(parameters.get("InvocationHttpParameters", {})), oauth)


def _additions(given: Mapping[str, Any]) -> Additions:
    found = {
        kind: {str(entry["Key"]): str(entry["Value"]) for entry in given.get(member, [])}
        for kind, member in _LISTS.items()
    }  # fmt: skip
    return Additions(**found)


_KINDS = {"BASIC": _basic, "API_KEY": _api_key, "OAUTH_CLIENT_CREDENTIALS": _oauth}
