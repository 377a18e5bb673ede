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

_REPORT = pytest.StashKey[pytest.TestReport]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Lets `visit` see whether the test has failed."""
    report: Any = yield
    if report.when == "call":
        item.stash[_REPORT] = report
    return report


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = chromium.find()
    assert path, f"there is no Chromium; name one by {chromium.VARIABLE}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=chromium.ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Callable[..., Visitor]]:
    """Makes visitors: `visit(url, viewport, scheme)`. Whatever went wrong in their browsers fails the test."""
    visitors: list[Visitor] = []

    def make(url: str, viewport: Any = DESKTOP, scheme: str = "light", **settings: Any) -> Visitor:
        visitors.append(Visitor(browser, url, viewport, scheme, **settings))
        return visitors[-1]

    yield make
    report = request.node.stash.get(_REPORT, None)
    failed = report is None or report.failed
    for number, visitor in enumerate(visitors):
        keep = Path(tempfile.mkdtemp(prefix="stepwell-browser-"), f"{request.node.name}-{number}.png")
        visitor.close(keep if failed or visitor.problems else None)
    assert not (problems := [problem for visitor in visitors for problem in visitor.problems]), "\n".join(problems)
