"""The console's routes: its pages, its JSON, and the live stream."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from stepwell.api.console import cost, details, functions, listing, machines, reports, watching
from stepwell.api.console.assets import serve_page
from stepwell.api.console.endpoint import PREFIX, Console, Query, Read, failure, parse_query, route
from stepwell.api.console.live import LiveFeed, News, Page
from stepwell.api.console.stories import Stories
from stepwell.api.service import Service
from stepwell.awsmodels.errors import ServiceError

READS: Mapping[str, Read] = {
    **listing.READS, **machines.READS, **watching.READS, **details.READS, **cost.READS, **functions.READS,
    **reports.READS,
}  # fmt: skip
"""Every path of the console's JSON, below `PREFIX`."""

STREAMED: tuple[type[Any], ...] = (News,)
"""What the live stream sends."""


def console_routes(
    service: Service, live: LiveFeed, *, signed: bool, report_folders: Sequence[Path] = ()
) -> list[BaseRoute]:
    """The routes below /console. `signed` says that every request but for the pages themselves needs a signature.

    In `report_folders` are reports of benchmark runs.
    """
    console = Console(service, Stories(service.engine, service.catalog), live, signed, report_folders)
    return [
        *(route(console, path, read) for path, read in READS.items()),
        Route(f"{PREFIX}live", _live(console), methods=["GET"]),
        Route(f"{PREFIX}{{rest:path}}", _unknown, methods=["GET"]),
        Route("/console", _to_pages, methods=["GET"]),
        Route("/console/{path:path}", serve_page, methods=["GET"]),
    ]


class LiveQuery(Query):
    """`arn` is an execution's; without it the stream tells of all."""

    arn: str | None = None


class _Stream(StreamingResponse):
    """Keeps a page's place for as long as somebody listens."""

    def __init__(self, page: Page) -> None:
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        super().__init__(page.messages(), headers=headers, media_type="text/event-stream")
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._page.leave()


def _live(console: Console) -> Any:
    async def live(request: Request) -> Response:
        if request.method == "HEAD":  # comes with GET, and would never end
            return Response(media_type="text/event-stream")
        try:
            query = parse_query(request, LiveQuery)
        except ServiceError as error:
            return failure(error)
        page = console.live.subscribe(query.arn)
        if page is None:
            return failure(ServiceError("ThrottlingException", "Too many pages are open; close one", 429))
        return _Stream(page)

    return live


async def _unknown(request: Request) -> Response:
    return failure(ServiceError("UnknownOperationException", f"Nothing here answers {request.url.path}", 404))


async def _to_pages(request: Request) -> Response:
    return RedirectResponse("/console/")
