"""What the lists of the console are told beside the executions: how far was searched, what failed last, and why."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from tests.api.conftest import PASS, Api

from stepwell.api.console import listing
from stepwell.api.console.live import LiveFeed
from stepwell.engine.residents import Advance
from stepwell.machine.execution import FAILED, Execution

FAIL = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Declined", "Cause": "No funds"}}}


@pytest.fixture
def api() -> Iterator[Api]:
    api = Api()
    yield api
    api.close()


def get(api: Api, path: str, **query: Any) -> Any:
    app = api.app

    async def asked(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "query_string": urlencode(query).encode()}, receive, send)

    api.app = asked
    try:
        status, _, body = api.run(api.asgi(b"", {}, "GET", f"/console/api/{path}"))
    finally:
        api.app = app
    assert status == 200, body
    return json.loads(body)


def run(api: Api, definition: dict[str, Any], name: str, executions: int) -> None:
    machine = api.create(name, definition)
    for number in range(executions):
        api.finish(api.start(machine, name=f"{name}-{number}"))


def test_a_machine_tells_what_failed_last(api: Api) -> None:
    run(api, FAIL, "Failing", 2)
    run(api, PASS, "Passing", 1)
    failing, passing = get(api, "machines")["machines"]
    assert [failing["lastFailure"][member] for member in ("name", "error", "cause")] == [
        "Failing-1", "Declined", "No funds",
    ]  # fmt: skip
    assert passing["lastFailure"] is None


def test_a_page_tells_how_far_it_has_searched(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    run(api, PASS, "Passing", 3)
    newest, second, _ = get(api, "executions")["executions"]
    page = get(api, "executions", limit=2)
    assert page["searchedTo"] == second["startedAt"]
    assert get(api, "executions", limit=2, before=page["before"])["searchedTo"] is None

    monkeypatch.setattr(listing, "SEARCH_SECONDS", 0.0)
    search = api.engine.store.search
    monkeypatch.setattr(
        api.engine.store, "search", lambda what, before, limit: search(what, before=before, limit=limit, scan=1)
    )
    short = get(api, "executions", name="Passing-0")
    assert (short["executions"], short["searchedTo"]) == ([], newest["startedAt"])


def test_news_tell_why_an_execution_failed() -> None:
    feed = LiveFeed()
    execution = Execution()
    execution.id, execution.status, execution.error, execution.cause = "arn", FAILED, "Declined", "x" * 1_000
    news = _told(feed, execution)
    assert [(change["error"], len(change["cause"])) for change in news["changes"]] == [("Declined", 300)]


def _told(feed: LiveFeed, execution: Execution) -> Any:
    """The first message of a page that was open when the execution advanced."""

    async def listen() -> Any:
        page = feed.subscribe()
        assert page is not None
        messages = page.messages()
        await anext(messages)
        feed.observe(Advance(execution=execution, records=[], commands=[]))
        return msgspec.json.decode((await anext(messages)).removeprefix(b"data: "))

    return asyncio.run(listen())
