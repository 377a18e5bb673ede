"""The pages themselves: files that the package build has made of `console/`, under a strict content security policy."""

import mimetypes
from functools import lru_cache
from importlib.resources import files
from pathlib import PurePosixPath

from starlette.requests import Request
from starlette.responses import Response

POLICY = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
"""Only what this server has sent runs and is talked to. Graphs place their boxes by style attributes."""

_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}

_MISSING = """<!doctype html><html lang="en"><title>Stepwell</title><h1>The console is not built</h1>
<p>Released packages have it. In a clone, <code>make console</code> builds it; that needs Node.js 20 or newer.</p>
</html>
"""

BUILT = files("stepwell.api.console") / "static"


async def serve_page(request: Request) -> Response:
    """A built file, or the one page for every path that the pages themselves find their way by."""
    path = PurePosixPath(request.path_params.get("path", ""))
    if path.parts[:1] == ("assets",) or path.suffix in (".svg", ".html"):
        body = _read(path)
        if body is None:
            return Response(status_code=404)
        kept = "public, max-age=31536000, immutable" if path.parts[0] == "assets" else "no-cache"
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return Response(body, headers={**_HEADERS, "cache-control": kept}, media_type=kind)
    page = _read(PurePosixPath("index.html"))
    status = 503 if page is None else 200
    return Response(page or _MISSING, status, {**_HEADERS, "cache-control": "no-cache"}, "text/html")


@lru_cache(maxsize=64)
def _read(path: PurePosixPath) -> bytes | None:
    """A built file by its path; None where there is none, also for a path that leads elsewhere."""
    if path.is_absolute() or ".." in path.parts:
        return None
    file = BUILT.joinpath(*path.parts)
    return file.read_bytes() if file.is_file() else None
