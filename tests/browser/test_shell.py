"""What is around every page: where one can go, the theme, and what is said when the server is away."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import demo
import harness
import pytest
from harness import Server
from playwright.sync_api import Page, expect
from shop import shop
from visitor import Visitor, on_both_widths

pytestmark = pytest.mark.browser

PAGES = ["State machines", "Executions", "Functions", "Benchmarks"]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with shop() as server:
        yield server


@on_both_widths
@pytest.mark.parametrize("name", PAGES)
def test_each_page_can_be_used_by_everybody(
    visit: Callable[..., Visitor], server: Server, viewport: dict[str, int], name: str
) -> None:
    visitor = visit(server.url, viewport)
    page = visitor.open()
    page.get_by_role("navigation", name="Pages").get_by_role("link", name=name).click()
    visitor.check()


def test_the_theme_is_kept(visit: Callable[..., Visitor], server: Server) -> None:
    page = visit(server.url).open()
    light = background(page)
    theme = page.get_by_role("button", name="Theme")
    theme.click()
    assert background(page) == light
    theme.click()
    expect(theme).to_have_accessible_name("Theme: dark")
    dark = background(page)
    assert dark != light
    page.reload()
    assert background(page) == dark
    theme.click()
    expect(theme).to_have_accessible_name("Theme: system")
    assert background(page) == light


def background(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_an_address_that_leads_nowhere(visit: Callable[..., Visitor], server: Server) -> None:
    page = visit(server.url).open("no-such-page")
    expect(page.get_by_text("There is no such page.")).to_be_visible()


AWAY = r"net::ERR_(CONNECTION|INCOMPLETE|EMPTY|NETWORK)"


@contextmanager
def away(server: Server) -> Iterator[None]:
    """Within, the server is dead."""
    server.kill()
    try:
        yield
    finally:
        server.start()


@pytest.mark.parametrize(
    "path", ["executions", f"executions/{harness.execution_arn(demo.WAITING)}"], ids=["all", "one"]
)
def test_a_server_that_goes_away_and_comes_back(visit: Callable[..., Visitor], server: Server, path: str) -> None:
    visitor = visit(server.url)
    page = visitor.open(path)
    live = page.get_by_text(re.compile("Live$"))
    expect(live).to_be_visible()
    visitor.settle()
    with visitor.forgiving(AWAY):
        with away(server):
            expect(page.get_by_text("Connection lost, trying again")).to_be_visible()
            visitor.check()
        expect(live).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_the_first_page_says_that_the_server_is_away(visit: Callable[..., Visitor], server: Server) -> None:
    visitor = visit(server.url)
    page = visitor.open()
    expect(page.get_by_role("link", name="Orders")).to_be_visible()
    with visitor.forgiving(AWAY):
        with away(server):
            expect(page.get_by_role("alert")).to_be_visible()
        expect(page.get_by_role("alert")).to_have_count(0)
