"""The console's JSON over an endpoint in memory."""

import contextlib
from typing import Any, Protocol

import httpx
import pytest
from tests.api.conftest import Api, ApiError

from stepwell.functions.catalog import Catalog, Function
from stepwell.functions.names import LATEST, FunctionName


class Get(Protocol):
    """GET of a path below /console/api/: its reply, or with `status` the code of the refusal."""

    def __call__(self, path: str, status: int = 200, **query: Any) -> Any: ...


@pytest.fixture
def get(api: Api) -> Get:
    return getter(api)


def getter(api: Api) -> Get:
    def get(path: str, status: int = 200, **query: Any) -> Any:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=api.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://console") as client:
                return await client.get(f"/console/api/{path}", params=query)

        response = api.run(ask())
        assert response.status_code == status, response.text
        return response.json() if status == 200 else response.json()["__type"]

    return get


def new_function(api: Api, name: str, *, memory_mb: int = 256) -> str:
    """The document of a function that nothing runs; its ARN."""
    latest = {
        "Runtime": "python3.12", "MemorySize": memory_mb, "Timeout": 3, "Version": LATEST,
        "LastModified": "2026-11-22T00:00:00.000+0000", "LoggingConfig": {"LogGroup": f"/aws/lambda/{name}"},
    }  # fmt: skip
    function = Function(FunctionName("123456789012", "us-east-1", name), latest, {LATEST: "0"})
    api.run(Catalog(api.engine.store, api.clock.now).create(function))
    return function.name.arn


def report(request_id: str, more: str = "", *, billed_ms: int = 100, memory_mb: int = 256) -> str:
    """The line that Lambda writes at the end of an invocation."""
    parts = f"Duration: {billed_ms - 0.5} ms\tBilled Duration: {billed_ms} ms\tMemory Size: {memory_mb} MB"
    return f"REPORT RequestId: {request_id}\t{parts}\tMax Memory Used: 40 MB\t{more}"


def write_log(api: Api, name: str, *messages: str, stream: str = "s") -> None:
    """Messages of a function, a millisecond apart, the last one now."""
    place = {"logGroupName": f"/aws/lambda/{name}", "logStreamName": stream}
    with contextlib.suppress(ApiError):  # It is there from an earlier call.
        api.logs("CreateLogGroup", logGroupName=place["logGroupName"])
        api.logs("CreateLogStream", **place)
    now_ms = int(api.clock.now() * 1000)
    events = [{"timestamp": now_ms - len(messages) + at, "message": text} for at, text in enumerate(messages)]
    api.logs("PutLogEvents", **place, logEvents=events)
