"""From a path of the console's JSON to what answers it, and back. GET only: nothing here changes anything."""

import math
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from logging import getLogger
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from stepwell.api.console.live import LiveFeed
from stepwell.api.console.stories import Stories
from stepwell.api.service import Service
from stepwell.awsmodels.errors import ServiceError
from stepwell.engine.errors import ExecutionNotFound
from stepwell.store.protocol import StoreError

_log = getLogger("stepwell.api")

PREFIX = "/console/api/"


def is_page(path: str) -> bool:
    """Whether a path is one of the console's pages or files, which hold no data, and not of its JSON."""
    return f"{path}/".startswith("/console/") and not path.startswith(PREFIX)


@dataclass(frozen=True, slots=True)
class Console:
    """What the pages read of. `signed` says that every request needs a signature.

    `reports` are folders with reports of benchmark runs.
    """

    service: Service
    stories: Stories
    live: LiveFeed
    signed: bool
    reports: Sequence[Path] = ()


Place = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
"""A number that a store can hold: an event's id, a sequence, a place."""


class Query(msgspec.Struct):
    """The base of what a path takes as its query string; names are in camel case there."""


class HoursQuery(Query):
    """`hours` is how far back the reply looks."""

    hours: float = 24.0

    def __post_init__(self) -> None:
        if not 0 < self.hours <= 24 * 366:
            raise ValueError("hours is to be more than 0 and at most 8784")


Q = TypeVar("Q", bound=Query)

Answer = Callable[[Console, Any], Awaitable[msgspec.Struct]]


@dataclass(frozen=True, slots=True)
class Read:
    """One path: what it takes, what it replies, and what finds that. Raises `ServiceError`."""

    query: type[Query]
    reply: type[msgspec.Struct]
    answer: Answer


def route(console: Console, path: str, read: Read) -> Route:
    """The route of one path."""

    async def endpoint(request: Request) -> Response:
        try:
            query = parse_query(request, read.query)
            return _json(await read.answer(console, query))
        except ServiceError as error:
            return failure(error)
        except ExecutionNotFound as error:
            return failure(ServiceError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{error}'", 404))
        except StoreError as error:
            return failure(ServiceError("ServiceUnavailable", str(error), 503))
        except Exception:
            _log.exception("%s failed", path)
            return failure(
                ServiceError("InternalFailure", "An internal error occurred. The server's log has more", 500)
            )

    return Route(PREFIX + path, endpoint, methods=["GET"])


def parse_query(request: Request, type: type[Q]) -> Q:
    """The query string as `type`. Raises ValidationException."""
    given = request.query_params.multi_items()
    members: dict[str, Any] = dict(given)
    names = {field.encode_name: field.type for field in msgspec.structs.fields(type)}
    if unknown := sorted(members.keys() - names.keys()):
        raise ServiceError("ValidationException", f"{_list(unknown)}: unknown; the names are {_list(names)}")
    if len(given) != len(members):
        raise ServiceError("ValidationException", "A name is given twice")
    for name, kind in names.items():
        if name in members and kind == list[str] | None:
            members[name] = [value for value in members[name].split(",") if value]
    try:
        query = msgspec.convert(members, type, strict=False)
    except msgspec.ValidationError as error:
        raise ServiceError("ValidationException", str(error)) from None
    for name, value in msgspec.structs.asdict(query).items():
        if isinstance(value, float) and not math.isfinite(value):
            raise ServiceError("ValidationException", f"{name} is no number")
    return query


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)


def failure(error: ServiceError) -> Response:
    """In the shape of AWS's errors."""
    return _json({"__type": error.code, "message": error.message}, error.status)


def _json(value: Any, status: int = 200) -> Response:
    headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    return Response(msgspec.json.encode(value), status, headers, "application/json")
