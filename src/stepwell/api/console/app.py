"""The console's routes: its pages, its JSON, and the live stream."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from stepwell.api.console import details, listing, watching
from stepwell.api.console.assets import serve_page
from stepwell.api.console.endpoint import PREFIX, Console, Read, failure, route
from stepwell.api.console.live import LiveFeed, News
from stepwell.api.console.stories import Stories
from stepwell.api.service import Service
from stepwell.awsmodels.errors import ServiceError

READS: Mapping[str, Read] = {**listing.READS, **watching.READS, **details.READS}
"""Every path of the console's JSON, below `PREFIX`."""

STREAMED: tuple[type[Any], ...] = (News,)
"""What the live stream sends."""


def console_routes(service: Service, live: LiveFeed, *, signed: bool) -> list[BaseRoute]:
    """The routes below /console. `signed` says that every request but for the pages themselves needs a signature."""
    console = Console(service, Stories(service.engine), live, signed)
    return [
        *(route(console, path, read) for path, read in READS.items()),
        Route(f"{PREFIX}live", _live(console), methods=["GET"]),
        Route(f"{PREFIX}{{rest:path}}", _unknown, methods=["GET"]),
        Route("/console", _to_pages, methods=["GET"]),
        Route("/console/{path:path}", serve_page, methods=["GET"]),
    ]


def _live(console: Console) -> Any:
    async def live(request: Request) -> Response:
        feed = console.live.subscribe(request.query_params.get("arn"))
        if feed is None:
            return failure(ServiceError("ThrottlingException", "Too many pages are open; close one", 429))
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(feed, headers=headers, media_type="text/event-stream")

    return live


async def _unknown(request: Request) -> Response:
    return failure(ServiceError("UnknownOperationException", f"Nothing here answers {request.url.path}", 404))


async def _to_pages(request: Request) -> Response:
    return RedirectResponse("/console/")
