"""The pictures of the README and the docs, written where STEPWELL_SCREENSHOTS=docs/console says."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import demo
import pytest
from harness import Server
from playwright.sync_api import Page, expect
from shop import shop
from visitor import ROOT, Visitor

NAMED = os.environ.get("STEPWELL_SCREENSHOTS")

pytestmark = [pytest.mark.browser, pytest.mark.skipif(NAMED is None, reason="STEPWELL_SCREENSHOTS names no folder")]

ORDERS = 60
BYTES_MAX = 250_000
REPORT = ROOT / "docs/benchmark/runs/default.json"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with shop(ORDERS) as server:
        yield server


@pytest.fixture
def visitor(visit: Callable[..., Visitor], server: Server) -> Visitor:
    return visit(server.url)


def picture(visitor: Visitor, name: str, height: int = 800) -> None:
    """The page from its top, so many pixels high, in the light and in the dark."""
    folder = ROOT / str(NAMED)
    folder.mkdir(parents=True, exist_ok=True)
    visitor.page.set_viewport_size({"width": 1280, "height": height})
    for scheme, file in (("light", f"{name}.png"), ("dark", f"{name}-dark.png")):
        visitor.page.emulate_media(color_scheme=scheme)
        visitor.settle()
        visitor.page.get_by_role("main").evaluate("(main) => main.scrollTo(0, 0)")
        visitor.page.mouse.move(0, 0)
        shot = visitor.page.screenshot(animations="disabled", caret="hide")
        assert len(shot) < BYTES_MAX, f"{file} has {len(shot)} bytes"
        Path(folder, file).write_bytes(shot)


def open_order(page: Page, order: str) -> None:
    page.get_by_role("link", name=order, exact=True).click()
    expect(page.get_by_role("treeitem").first).to_be_visible()


def test_state_machines(visitor: Visitor) -> None:
    expect(visitor.open().get_by_role("link", name="Orders", exact=True)).to_be_visible()
    picture(visitor, "machines", 400)


def test_a_state_machine(visitor: Visitor) -> None:
    page = visitor.open()
    page.get_by_role("link", name="Orders", exact=True).click()
    page.get_by_role("region", name="Graph").get_by_role("button", name=re.compile("^Charge")).click()
    picture(visitor, "machine")


def test_executions(visitor: Visitor) -> None:
    page = visitor.open("executions")
    expect(page.get_by_role("link", name=demo.FAILED["order"], exact=True)).to_be_visible()
    picture(visitor, "executions")


def test_an_execution_that_failed(visitor: Visitor) -> None:
    page = visitor.open("executions")
    open_order(page, demo.FAILED["order"])
    page.get_by_role("button", name="Show the step that failed").click()
    picture(visitor, "failed", 1080)


def test_an_execution_that_waits(visitor: Visitor) -> None:
    page = visitor.open("executions")
    open_order(page, demo.WAITING["order"])
    page.get_by_role("button", name="Answer").click()
    picture(visitor, "waiting", 1080)


def test_data_flow(visitor: Visitor) -> None:
    page = visitor.open("executions")
    open_order(page, demo.FAILED["order"])
    page.get_by_role("treeitem", name=re.compile("^Charge")).click()
    page.get_by_role("tab", name="Data flow").click()
    expect(page.get_by_role("list", name="Stages")).to_be_visible()
    picture(visitor, "data-flow", 1080)


def test_a_benchmark(visitor: Visitor) -> None:
    page = visitor.open("benchmarks")
    page.get_by_label("Open a report.json").set_input_files(REPORT)
    expect(page.get_by_role("table").first).to_be_visible()
    picture(visitor, "benchmark")
