"""How a request is known wherever it turns up: a token in each value of its event that is its own."""

import re
from collections.abc import Iterable

_TOKEN = re.compile(r"bench[0-9a-f]{2}n[0-9a-f]{4}")
_GENERATED = re.compile(r"[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}|[0-9a-fA-F]{40,64}|effect-\d+|\d{9,}")
_RUN_LENGTH = len("bench00")

OWN, _ID = "{request}", "{id}"


def token(cell: int, number: int) -> str:
    """Of one request in one cell."""
    return f"bench{cell:02x}n{number:04x}"


def request_in(text: str) -> str:
    """The request that a text names, or nothing."""
    found = _TOKEN.search(text)
    return found[0] if found else ""


def run_of(request: str) -> str:
    """The cell that a request belongs to, as histories have it."""
    return request[:_RUN_LENGTH]


def personal(text: str, vary: Iterable[str], request: str) -> str:
    """The text of an event for this request: each own value has its token at the end."""
    for value in sorted(vary, key=len, reverse=True):
        text = text.replace(value, f"{value}-{request}")
    return text


def pattern(path: str) -> str:
    """What a path is like, without the request and without what is made anew each time."""
    return _GENERATED.sub(_ID, impersonal(path))


def address(to: str) -> str:
    """Host and path of a call to the outside, as all requests have it."""
    parts = [OWN if request_in(part) else part for part in to.split("/")]
    return "/".join(_GENERATED.sub(_ID, part) for part in parts)


def impersonal(text: str) -> str:
    """A text in which it cannot be seen any more for which request it was made."""
    return _TOKEN.sub(OWN, text)
