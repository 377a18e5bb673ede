"""The live stream: what a page hears of, what it costs, and how it ends."""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import wraps
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.api.conftest import PASS, WAIT

from stepwell.api.console import live as lives
from stepwell.api.console.live import PAGES_MAX, WAITING_MAX, LiveFeed, Page, both
from stepwell.api.server import Server, serve
from stepwell.engine.residents import Advance
from stepwell.machine.execution import Execution
from stepwell.machine.maprun.state import MapRun

PREFIX = "arn:aws:states:us-east-1:123456789012"


def run(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """The test in an event loop."""

    @wraps(test)
    def ran(**fixtures: Any) -> None:
        asyncio.run(test(**fixtures))

    return ran


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lives, "FLUSH_SECONDS", 0.005)


def advance(name: str = "e", kind: str = "execution", **more: Any) -> Advance:
    fields = {"state_machine": f"{PREFIX}:stateMachine:m", "name": name, "started_at": 1.0}
    return Advance(Execution(id=f"{PREFIX}:{kind}:m:{name}", **fields | more), (), ())


def opened(feed: LiveFeed, execution: str | None = None) -> tuple[Page, AsyncIterator[bytes]]:
    page = feed.subscribe(execution)
    assert page is not None
    return page, page.messages()


async def news(messages: AsyncIterator[bytes]) -> Any:
    """The next message that is no comment."""
    async for message in messages:
        if not message.startswith(b":"):
            assert message.startswith(b"data: ") and message.endswith(b"\n\n")
            return json.loads(message[6:])
    raise AssertionError("the stream has ended")


def told(message: Any) -> dict[str, int]:
    return {change["name"]: change["eventId"] for change in message["changes"]}


@run
async def test_of_each_execution_only_the_latest_is_told() -> None:
    feed = LiveFeed()
    _, messages = opened(feed)
    for number in range(1, 100):
        feed.observe(advance("a", event_id=number))
        feed.observe(advance("b", event_id=number + 1000))
    message = await news(messages)
    assert told(message) == {"a": 99, "b": 1099}
    assert not message["missed"]
    feed.observe(advance("a", event_id=100, status="FAILED", stopped_at=3.0))
    (change,) = (await news(messages))["changes"]
    assert (change["eventId"], change["status"], change["stoppedAt"]) == (100, "FAILED", 3.0)


@run
async def test_a_page_of_one_execution_hears_of_no_other() -> None:
    feed = LiveFeed()
    _, messages = opened(feed, f"{PREFIX}:execution:m:a")
    for name in ("b", "a", "c"):
        feed.observe(advance(name))
    assert list(told(await news(messages))) == ["a"]


@run
async def test_map_runs_and_express_executions_are_not_told_but_their_children_are() -> None:
    feed = LiveFeed()
    _, messages = opened(feed)
    feed.observe(Advance(MapRun(id=f"{PREFIX}:mapRun:m/l:u"), (), ()))
    feed.observe(advance("x", "express"))
    feed.observe(advance("child", "express", map_run="run"))
    assert list(told(await news(messages))) == ["child"]


@run
async def test_who_is_too_far_behind_is_told_that_there_was_more() -> None:
    feed = LiveFeed()
    _, messages = opened(feed)
    for number in range(WAITING_MAX + 10):
        feed.observe(advance(str(number)))
    feed.observe(advance("0", event_id=7))
    message = await news(messages)
    assert (len(message["changes"]), message["missed"]) == (WAITING_MAX, True)
    assert told(message)["0"] == 7, "what is known is kept up to date"
    feed.observe(advance("after"))
    message = await news(messages)
    assert (told(message), message["missed"]) == ({"after": 0}, False)


@run
async def test_silence_is_broken_by_a_comment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lives, "SILENCE_SECONDS", 0.001)
    _, messages = opened(LiveFeed())
    assert [await anext(messages) for _ in range(3)] == [b": stepwell\n\n", *[b": still here\n\n"] * 2]


@run
async def test_closing_ends_every_stream() -> None:
    feed = LiveFeed()
    streams = [opened(feed)[1] for _ in range(3)]
    for messages in streams:
        await anext(messages)
    waiting = [asyncio.ensure_future(anext(messages, None)) for messages in streams]
    await asyncio.sleep(0)
    feed.observe(advance())
    feed.close()
    assert await asyncio.gather(*waiting) == [None] * 3
    assert [message async for message in opened(feed)[1]] == [b": stepwell\n\n"], "nor does a new one begin"


def test_with_no_page_open_nothing_is_made() -> None:
    feed = LiveFeed()
    seen: list[Advance] = []
    observe = both(seen.append, feed.observe)
    observe(Advance(None, (), ()))
    assert len(seen) == 1, "and it was not looked at"


# Over the endpoint


class Listener:
    """A client that reads as `reads` says, and may go away."""

    def __init__(self, api: Any, query: str = "") -> None:
        self.api = api
        self.query = query
        self.status = 0
        self.received: list[bytes] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self.gone = asyncio.Event()

    async def listen(self, method: str = "GET") -> None:
        asked = iter([{"type": "http.request", "body": b"", "more_body": False}])

        async def receive() -> Any:
            for message in asked:
                return message
            await self.gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            self.status = message.get("status", self.status)
            self.received.append(message.get("body", b""))
            await self.reads.wait()

        scope = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": method,
            "path": "/console/api/live", "raw_path": b"", "root_path": "", "scheme": "http", "headers": [],
            "query_string": self.query.encode(), "server": ("x", 80), "client": ("y", 1),
        }  # fmt: skip
        await self.api.app(scope, receive, send)


def pages(api: Any) -> int:
    return len(api.live._pages)


async def until(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.001)


def test_executions_that_run_are_heard_of(api: Any) -> None:
    machine = api.create("m", PASS)

    async def scene() -> None:
        listener = Listener(api)
        listening = asyncio.ensure_future(listener.listen())
        await until(lambda: pages(api) == 1)
        started = await api.acall("StartExecution", stateMachineArn=machine, name="heard")
        await until(lambda: b'"status":"SUCCEEDED"' in b"".join(listener.received))
        assert started["executionArn"].encode() in b"".join(listener.received)
        listener.gone.set()
        await listening
        assert pages(api) == 0, "who has gone holds no place"

    api.run(scene())


def test_a_slow_reader_grows_no_memory_and_leaves_all_the_same(api: Any) -> None:
    async def scene() -> None:
        listener = Listener(api)
        listening = asyncio.ensure_future(listener.listen())
        await until(lambda: len(listener.received) > 1)
        listener.reads.clear()
        for number in range(WAITING_MAX * 5):
            api.live.observe(advance(str(number)))
            if number % 1000 == 0:
                await asyncio.sleep(0.006)
        (page,) = api.live._pages
        assert (len(page._changes), page._missed) == (WAITING_MAX, True)
        assert len(listener.received) == 3, "one message is on its way, and no other was made"
        listener.gone.set()
        await listening
        assert pages(api) == 0

    api.run(scene())


def test_no_more_pages_than_there_is_room_for(api: Any) -> None:
    async def scene() -> None:
        listeners = [Listener(api) for _ in range(PAGES_MAX + 3)]
        listening = [asyncio.ensure_future(listener.listen()) for listener in listeners]
        await until(lambda: all(listener.status for listener in listeners))
        assert [listener.status for listener in listeners] == [200] * PAGES_MAX + [429] * 3
        assert json.loads(b"".join(listeners[-1].received))["__type"] == "ThrottlingException"
        listeners[0].gone.set()
        await until(lambda: pages(api) == PAGES_MAX - 1)
        for listener in listeners:
            listener.gone.set()
        await asyncio.gather(*listening)

    api.run(scene())


@pytest.mark.parametrize(("method", "query", "status"), [("HEAD", "", 200), ("GET", "arn=a&of=b", 400)])
def test_what_is_no_stream_ends_at_once(api: Any, method: str, query: str, status: int) -> None:
    listener = Listener(api, query)
    api.run(asyncio.wait_for(listener.listen(method), 5))
    assert (listener.status, pages(api)) == (status, 0)


def test_a_server_stops_at_once_with_pages_open(tmp_path: Path) -> None:
    async def scene() -> float:
        server = await Server.open(store_url="memory:", data_dir=tmp_path, limits="aws")
        listening = asyncio.get_running_loop().create_future()
        serving = asyncio.ensure_future(serve(server, "127.0.0.1", 0, ready=listening.set_result))
        async with httpx.AsyncClient(base_url=await listening) as client:
            reading = [asyncio.ensure_future(_read(client)) for _ in range(3)]
            await until(lambda: len(server.live._pages) == 3)
            stopped_at = time.monotonic()
            os.kill(os.getpid(), signal.SIGTERM)
            assert await asyncio.gather(*reading) == [b": stepwell\n\n"] * 3, "each stream comes to its end"
        await serving
        return time.monotonic() - stopped_at

    assert asyncio.run(scene()) < 2


async def _read(client: httpx.AsyncClient) -> bytes:
    return (await client.get("/console/api/live")).content


def test_an_execution_that_waits_says_so_to_its_own_page(api: Any) -> None:
    execution = api.start(api.create("w", WAIT))

    async def scene() -> None:
        listener = Listener(api, f"arn={execution}")
        listening = asyncio.ensure_future(listener.listen())
        await until(lambda: pages(api) == 1)
        await api.acall("StopExecution", executionArn=execution)
        await until(lambda: b'"status":"ABORTED"' in b"".join(listener.received))
        listener.gone.set()
        await listening

    api.run(scene())
