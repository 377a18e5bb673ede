import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "orders"))
sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))
sys.path.insert(0, str(Path(__file__).parent))

import chromium
from visitor import DESKTOP, Visitor

_VISITORS = pytest.StashKey[list[Visitor]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Whatever went wrong in the browsers of a test's visitors fails it, before any server of it is stopped."""
    visitors = item.stash.setdefault(_VISITORS, [])
    try:
        yield
        for visitor in visitors:
            visitor.check_problems()
    except BaseException:
        for number, visitor in enumerate(visitors):
            file = Path(tempfile.mkdtemp(prefix="stepwell-browser-"), f"{number}.png")
            visitor.page.screenshot(path=file)
            item.add_report_section("call", "browser", f"kept for a look: {file} of {visitor.page.url}")
        raise
    finally:
        while visitors:
            visitors.pop().close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = chromium.find()
    assert path, f"there is no Chromium; name one by {chromium.VARIABLE}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=chromium.ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser, request: pytest.FixtureRequest) -> Callable[..., Visitor]:
    """Makes visitors: `visit(url, viewport)`."""
    visitors = request.node.stash.setdefault(_VISITORS, [])

    def make(url: str, viewport: Any = DESKTOP, **settings: Any) -> Visitor:
        visitors.append(Visitor(browser, url, viewport, **settings))
        return visitors[-1]

    return make
