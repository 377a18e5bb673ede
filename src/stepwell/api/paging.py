"""Page tokens: opaque, bound to the call that gave them, good for 24 hours, and the same after a restart.

A token is no secret and grants nothing: it says where a listing goes on. The digest only tells a token of this call
from anything else.
"""

import base64
import binascii
import hashlib
from typing import Any, TypeVar

import msgspec

from stepwell.awsmodels.errors import ServiceError

LIFETIME_SECONDS = 86_400
PAGE_DEFAULT = 100

_DIGEST_BYTES = 12

T = TypeVar("T")


def page_size(max_results: int | None, most: int = PAGE_DEFAULT) -> int:
    """How many items a page has: AWS takes 0 as not given."""
    return max_results or most


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
