"""The pages themselves: files that the package build has made of `console/`, under a strict content security policy."""

import mimetypes
from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable

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
    path, built = request.path_params.get("path", ""), built_files()
    if path in built and path != "index.html":
        # The build puts a file's hash into the name of an asset.
        kept = "public, max-age=31536000, immutable" if path.startswith("assets/") else "no-cache"
        kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
        return Response(built[path], headers={**_HEADERS, "cache-control": kept}, media_type=kind)
    if path.startswith("assets/") or path.endswith((".svg", ".html")):
        return Response(status_code=404, headers=_HEADERS)
    page = built.get("index.html")
    status = 503 if page is None else 200
    return Response(page or _MISSING, status, {**_HEADERS, "cache-control": "no-cache"}, "text/html")


def built_files() -> Mapping[str, bytes]:
    """Every built file by its path. No request's path ever reaches the file system.

    They are read once, so that what belongs together is served together though somebody builds anew meanwhile.
    """
    if not _built and BUILT.is_dir():
        _built.update(_read(BUILT, ""))
    return _built


_built: dict[str, bytes] = {}


def _read(folder: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _read(entry, f"{prefix}{entry.name}/")
        else:
            yield prefix + entry.name, entry.read_bytes()
