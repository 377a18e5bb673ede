"""Keeps an endpoint on this machine from the pages of other sites, which a browser here may show.

A browser is a client that runs strangers' code and reaches what nobody outside does. It says so itself: `Origin` and
`Sec-Fetch-Site` cannot be set by a page, and no SDK sends them. Where a page was fetched under a name that an
outsider's DNS made to mean this machine, the two look innocent, and the name in `Host` gives it away.
"""

import re
from collections.abc import Mapping
from ipaddress import IPv4Address

from starlette.types import ASGIApp, Receive, Scope, Send

from stepwell.api.authentication import refuse
from stepwell.api.console.endpoint import is_page
from stepwell.awsmodels.errors import ServiceError

_HOST = re.compile(rb"(\[[0-9a-f:.]+\]|[^:\[\]]*)(?::[0-9]*)?", re.IGNORECASE)

_OTHER_SITE = "A page of another site has sent this request. Use the console at this endpoint's own address, or an SDK"
_OTHER_NAME = (
    "A browser has asked for this endpoint by a name of the DNS, which could be anybody's. Ask by its address, for "
    "example http://127.0.0.1:8083/console, or start the server with keys (--credentials)"
)


class Browsers:
    """An ASGI application before another one. With `any_host`, where requests are signed, every name will do."""

    def __init__(self, app: ASGIApp, any_host: bool) -> None:
        self._app = app
        self._any_host = any_host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        why = self._objection(scope) if scope["type"] == "http" else None
        if why is None:
            await self._app(scope, receive, send)
        else:
            await refuse(scope, receive, send, ServiceError("AccessDeniedException", why, 403))

    def _objection(self, scope: Scope) -> str | None:
        headers: Mapping[bytes, bytes] = dict(scope["headers"])
        origin, site = headers.get(b"origin"), headers.get(b"sec-fetch-site")
        if origin is None and site is None and not _is_for_people(scope["path"], headers):
            return None
        host = headers.get(b"host", b"")
        if not self._any_host and not _is_local(host):
            return _OTHER_NAME
        # The scheme is left aside: before the endpoint may be a proxy that speaks TLS.
        if origin is not None and origin.partition(b"://")[2].lower() != host.lower():
            return _OTHER_SITE
        if site in (b"cross-site", b"same-site") and not _opens_page(scope, headers):
            return _OTHER_SITE
        return None


def _is_for_people(path: str, headers: Mapping[bytes, bytes]) -> bool:
    """Whether a browser is to be reckoned with though it does not say so: a page's GET to its own site need not."""
    return f"{path}/".startswith("/console/") or headers.get(b"user-agent", b"").startswith(b"Mozilla/")


def _opens_page(scope: Scope, headers: Mapping[bytes, bytes]) -> bool:
    """Whether somebody has followed a link to the console. The page that comes holds no data."""
    navigates = headers.get(b"sec-fetch-mode") == b"navigate" and headers.get(b"sec-fetch-dest") == b"document"
    return navigates and scope["method"] == "GET" and is_page(scope["path"])


def _is_local(host: bytes) -> bool:
    """Whether nobody outside can have chosen what the name in a Host header means."""
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    name = match[1].decode("latin-1").lower()
    if "." not in name or name.startswith("[") or name.endswith(".localhost"):
        return True
    try:
        return bool(IPv4Address(name))
    except ValueError:
        return False
