"""Page tokens: opaque, bound to the call that gave them, good for 24 hours, and the same after a restart.

A token is no secret and grants nothing: it says where a listing goes on. The digest only tells a token of this call
from anything else.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from stepwell.awsmodels.errors import ServiceError

LIFETIME_SECONDS = 86_400
PAGE_DEFAULT = 100

_DIGEST_BYTES = 12

T = TypeVar("T")


def page_size(max_results: int | None, most: int = PAGE_DEFAULT) -> int:
    """How many items a page has: AWS takes 0 as not given."""
    return max_results or most


class Page(Generic[T]):
    """The page of a listing that a request asks for.

    `call` is the operation and the parameters that every page must repeat; `start` is the cursor that the token of the
    page before holds, None for the first page. Raises InvalidToken for a token that is not of this call.
    """

    def __init__(self, call: tuple[object, ...], request: Mapping[str, Any], cursor: type[T], now: float) -> None:
        self.start = read_token(request.get("nextToken"), call, cursor, now)
        self.size = page_size(request.get("maxResults"))
        self.limit = self.size + 1
        """How many items to look for: the one too many tells that there is another page."""
        self._call = call
        self._now = now

    def reply(self, member: str, items: Sequence[object], cursor: Callable[[], T]) -> dict[str, Any]:
        """The reply with its `member`, and with a token if items are left over: `cursor` says where to go on."""
        reply: dict[str, Any] = {member: items[: self.size]}
        if len(items) > self.size:
            reply["nextToken"] = make_token(self._call, cursor(), self._now)
        return reply


def make_token(call: tuple[object, ...], cursor: Any, now: float) -> str:
    """A token for the next page of `call`: its operation and the parameters that every page must repeat."""
    body = msgspec.msgpack.encode((now, cursor))
    return base64.urlsafe_b64encode(_digest(call, body) + body).decode()


def read_token(text: str | None, call: tuple[object, ...], type: type[T], now: float) -> T | None:
    """The cursor of a token, None without one. Raises InvalidToken for any but a token of the same call, still good."""
    if text is None:
        return None
    try:
        raw = base64.b64decode(text, b"-_", validate=True)
        issued_at, cursor = msgspec.msgpack.decode(raw[_DIGEST_BYTES:], type=tuple[float, type])  # type: ignore[valid-type]
    except (binascii.Error, ValueError):
        raise _invalid() from None
    if raw[:_DIGEST_BYTES] != _digest(call, raw[_DIGEST_BYTES:]) or not now - LIFETIME_SECONDS < issued_at:
        raise _invalid()
    found: T = cursor
    return found


def _digest(call: tuple[object, ...], body: bytes) -> bytes:
    return hashlib.blake2b(repr(call).encode() + b"\0" + body, digest_size=_DIGEST_BYTES).digest()


def _invalid() -> ServiceError:
    return ServiceError("InvalidToken", "Invalid Token: 'Invalid token'")
