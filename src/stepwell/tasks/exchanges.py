"""What went over the wire for an HTTP task, told to whoever listens: TestState shows it.

Nobody listens to the tasks of an execution, and then nothing is kept.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import httpx


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request as the state says it, the same with what a connection added to it, and the response.

    Each has AWS's members of inspectionData.
    """

    request: Mapping[str, str]
    revealed: Mapping[str, str]
    response: Mapping[str, str]


_heard: ContextVar[list[Exchange] | None] = ContextVar("exchanges", default=None)


@contextmanager
def listening() -> Iterator[list[Exchange]]:
    """The exchanges of all tasks that are called from here on, in the order in which they end."""
    heard: list[Exchange] = []
    token = _heard.set(heard)
    try:
        yield heard
    finally:
        _heard.reset(token)


def listens() -> bool:
    return _heard.get() is not None


def tell(request: httpx.Request, revealed: httpx.Request, response: httpx.Response, body: str) -> None:
    """An exchange has ended. `request` lacks what the connection added; `body` is the response's."""
    heard = _heard.get()
    if heard is not None:
        heard.append(Exchange(_request(request), _request(revealed), _response(response, body)))


def _request(request: httpx.Request) -> dict[str, str]:
    body = request.content.decode("utf-8", "replace")
    return {
        "protocol": request.url.scheme,
        "method": request.method,
        "url": str(request.url),
        "headers": _headers(request.headers.multi_items()),
        **({"body": body} if body else {}),
    }


def _response(response: httpx.Response, body: str) -> dict[str, str]:
    return {
        "protocol": response.request.url.scheme,
        "statusCode": str(response.status_code),
        "statusMessage": response.reason_phrase,
        "headers": _headers(response.headers.multi_items()),
        "body": body,
    }


def _headers(pairs: Iterable[tuple[str, str]]) -> str:
    """As AWS's developer guide shows them: one text."""
    return f"[{', '.join(f'{name}: {value}' for name, value in pairs)}]"
