"""The HTTP application: Step Functions and CloudWatch Logs on `/`, the routes of Lambda, and the console."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from stepwell.api.authentication import HEALTH, Authentication
from stepwell.api.browsers import Browsers
from stepwell.api.console.app import console_routes
from stepwell.api.console.live import LiveFeed
from stepwell.api.credentials import Keyring
from stepwell.api.service import Service
from stepwell.api.stepfunctions import StepFunctionsEndpoint
from stepwell.engine.catalog import Catalog
from stepwell.engine.engine import Engine
from stepwell.engine.versions import Versions
from stepwell.logs.service import Logs
from stepwell.tasks.activities import Activities


def create_app(
    engine: Engine,
    catalog: Catalog,
    activities: Activities,
    logs: Logs,
    live: LiveFeed,
    *,
    limits: str = "aws",
    keyring: Keyring | None = None,
    lambda_routes: Sequence[BaseRoute] = (),
    reports: Sequence[Path] = (),
    lifespan: Callable[[Starlette], AbstractAsyncContextManager[None]] | None = None,
) -> Starlette:
    """The ASGI application of one endpoint. `limits` is `aws` or `extended`. Without a keyring nobody has to sign.
    The console shows the benchmark reports in the folders `reports`.

    It answers SDKs under any Host, as they put `sync-` before it for StartSyncExecution and TestState, and browsers
    only where `Browsers` finds no fault.
    """
    versions = Versions(engine.store, engine.clock, catalog)
    service = Service(engine, catalog, versions, activities, logs, limits)
    routes: list[BaseRoute] = [
        Route("/", StepFunctionsEndpoint(service), methods=["POST"]),
        Route(HEALTH, _health, methods=["GET"]),
        *lambda_routes,
        *console_routes(service, live, signed=keyring is not None, report_folders=reports),
    ]
    middleware = [Middleware(Browsers, any_host=keyring is not None)]
    if keyring is not None:
        middleware.append(Middleware(Authentication, keyring, engine.clock.now))
    handlers = {404: _not_found, 405: _not_found}
    return Starlette(routes=routes, middleware=middleware, exception_handlers=handlers, lifespan=lifespan)


async def _health(request: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _not_found(request: Request, error: Any) -> Response:
    """Paths and methods that nothing answers, in the shape of AWS's errors."""
    content = {"__type": "UnknownOperationException", "message": f"Nothing here answers {request.method}"}
    return JSONResponse(content, error.status_code, headers={"x-amzn-errortype": "UnknownOperationException"})
