"""Signature Version 4: what a client has signed, and whether a key's secret made that signature.

The algorithm is that of AWS's "Create a signed AWS API request". Nothing of a request counts before it is verified but
the id of its key, which says whose secret to verify with.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

from botocore.utils import normalize_url_path
from starlette.datastructures import Headers

from stepwell.awsmodels.errors import ServiceError

ALGORITHM = "AWS4-HMAC-SHA256"
SKEW_SECONDS = 300
"""How far a request's time may be from ours, as on AWS."""

_TERMINATOR = "aws4_request"
_TIME = "%Y%m%dT%H%M%SZ"
_PARAMETERS = ("Credential", "Signature", "SignedHeaders")
_SHOWN_CHARACTERS = 100

# The codes are AWS's. No recording holds the texts below: they are ours, written after those that AWS's users quote.
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)


class Request(NamedTuple):
    """What of a request is signed. `path` and `query` are as they came, percent-encoded; `body` is all of it."""

    method: str
    path: str
    query: str
    headers: Headers
    body: bytes


class Authorization(NamedTuple):
    """An Authorization header taken apart. `date`, `region` and `service` are the credential's scope."""

    key: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str

    @property
    def scope(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/{_TERMINATOR}"


def parse_authorization(header: str | None) -> Authorization:
    """Raises MissingAuthenticationToken without a header, and IncompleteSignature for one that says too little."""
    if not header:
        raise ServiceError("MissingAuthenticationToken", "Missing Authentication Token")
    algorithm, _, rest = header.partition(" ")
    if algorithm != ALGORITHM:
        raise _incomplete(f"Unsupported AWS 'algorithm': '{_shown(algorithm)}'.")
    pairs = (part.strip().partition("=") for part in rest.split(","))
    found = {name: value for name, _, value in pairs}
    missing = [f"Authorization header requires '{name}' parameter." for name in _PARAMETERS if not found.get(name)]
    if missing:
        raise _incomplete(" ".join(missing))
    key, *scope = found["Credential"].split("/")
    if len(scope) != 4:
        raise _incomplete(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, "
            f"got '{_shown(found['Credential'])}'"
        )
    date, region, service, terminator = scope
    if terminator != _TERMINATOR:
        raise _refused(
            f"Credential should be scoped with a valid terminator: '{_TERMINATOR}', not '{_shown(terminator)}'."
        )
    signed = tuple(found["SignedHeaders"].lower().split(";"))
    return Authorization(key, date, region, service, signed, found["Signature"])


def check_time(authorization: Authorization, headers: Headers, now: float) -> str:
    """When the request was signed, in the form that is signed. Raises unless that is within `SKEW_SECONDS` of `now`."""
    signed_at = _signed_at(headers)
    shown = signed_at.strftime(_TIME)
    if authorization.date != shown[:8]:
        raise _refused(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{_shown(authorization.date)}' != '{shown[:8]}', from '{shown}'."
        )
    ours = datetime.fromtimestamp(now, UTC).strftime(_TIME)
    if signed_at.timestamp() < now - SKEW_SECONDS:
        earliest = datetime.fromtimestamp(now - SKEW_SECONDS, UTC).strftime(_TIME)
        raise _refused(f"Signature expired: {shown} is now earlier than {earliest} ({ours} - 5 min.)")
    if signed_at.timestamp() > now + SKEW_SECONDS:
        latest = datetime.fromtimestamp(now + SKEW_SECONDS, UTC).strftime(_TIME)
        raise _refused(f"Signature not yet current: {shown} is still later than {latest} ({ours} + 5 min.)")
    return shown


def check_signed_headers(authorization: Authorization, headers: Headers) -> None:
    """Everything that says what is asked for must be signed: Host, and every header of AWS's. Raises."""
    wanted = {"host"} | {name for name in {*headers} if name.startswith("x-amz-")}
    for name in sorted(wanted - {*authorization.signed_headers}):
        raise _refused(f"'{_shown(name)}' must be a 'SignedHeader' in the AWS Authorization.")


def check_signature(authorization: Authorization, request: Request, signed_at: str, secret: str) -> None:
    """Raises InvalidSignatureException unless this secret has signed this very request."""
    digest = hashlib.sha256(request.body).hexdigest()
    # Where a client names the body's hash, that header is what it has signed.
    if not _equal(request.headers.get("x-amz-content-sha256", digest), digest):
        raise _refused("The value of X-Amz-Content-SHA256 is not the hash of the request's body.")
    canonical = canonical_request(request, authorization.signed_headers, digest)
    text = "\n".join((ALGORITHM, signed_at, authorization.scope, hashlib.sha256(canonical.encode()).hexdigest()))
    key = _signing_key(secret, authorization.date, authorization.region, authorization.service)
    if not _equal(authorization.signature, _hmac(key, text).hex()):
        raise _refused(_MISMATCH)


def canonical_request(request: Request, signed_headers: Sequence[str], digest: str) -> str:
    """The one form of a request that both sides hash."""
    headers = [f"{name}:{_header(request.headers, name)}\n" for name in sorted(signed_headers)]
    path = quote(normalize_url_path(request.path), safe="/~")
    signed = ";".join(sorted(signed_headers))
    return "\n".join((request.method, path, _query(request.query), "".join(headers), signed, digest))


def _header(headers: Headers, name: str) -> str:
    return ",".join(" ".join(value.split()) for value in headers.getlist(name))


def _query(query: str) -> str:
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    encoded = sorted((_encoded(name), _encoded(value)) for name, _, value in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded)


def _encoded(text: str) -> str:
    return quote(unquote_to_bytes(text), safe="-_.~")


@lru_cache(maxsize=256)
def _signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, _TERMINATOR):
        key = _hmac(key, part)
    return key


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def _equal(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())


def _signed_at(headers: Headers) -> datetime:
    """The time in X-Amz-Date, or else in Date."""
    text = headers.get("x-amz-date")
    try:
        if text is not None:
            if not re.fullmatch(r"\d{8}T\d{6}Z", text, re.ASCII):
                raise ValueError
            return datetime.strptime(text, _TIME).replace(tzinfo=UTC)
        at = parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, OverflowError):
        raise _incomplete(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
        ) from None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def _shown(text: str) -> str:
    return text[:_SHOWN_CHARACTERS]


def _incomplete(message: str) -> ServiceError:
    return ServiceError("IncompleteSignature", message)


def _refused(message: str) -> ServiceError:
    return ServiceError("InvalidSignatureException", message)
