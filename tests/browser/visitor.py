"""A person before the console: a browser's page, and all that went wrong on it."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, ViewportSize, expect

ROOT = Path(__file__).parents[2]

DESKTOP: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 375, "height": 740}

on_both_widths = pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])

PATIENCE_MS = 20_000
expect.set_options(timeout=PATIENCE_MS)

_ABORTED = "net::ERR_ABORTED"
"""What the page itself no longer wants, for example because another page is shown."""

_STILL_COMING = re.compile("^(Loading|Evaluating|Laying out|Reading|Counting|Finding) ")

_RUN_AXE = """() => axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) =>
  violations.map(({ id, impact, help, nodes }) => (
    { id, impact, help, nodes: nodes.slice(0, 5).map((node) => node.html.slice(0, 200)) }
  ))
)"""

_TOO_WIDE = """() => [...document.querySelectorAll("main *")]
  .filter((element) => element.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .slice(0, 5).map((element) => `${element.tagName}.${element.className}`)"""


class Visitor:
    """A fresh browser profile with one page, at the first page of the console of `url`.

    Errors in the browser's console, exceptions, violations of the policy and failed requests are in `problems`.
    """

    def __init__(self, browser: Browser, url: str, viewport: ViewportSize, **settings: Any) -> None:
        self.url = url
        self.context = browser.new_context(
            viewport=viewport, color_scheme="light", reduced_motion="reduce", locale="en-US", timezone_id="UTC",
            permissions=["clipboard-read", "clipboard-write"], **settings,
        )  # fmt: skip
        self.context.set_default_timeout(PATIENCE_MS)
        self.problems: list[str] = []
        self.page: Page = self.context.new_page()
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.problems.append(f"exception: {error}"))
        self.page.on("requestfailed", self._failed)

    def open(self, path: str = "") -> Page:
        """Type an address below /console/ and go there."""
        self.page.goto(f"{self.url}/console/{path}")
        return self.page

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.problems.append(f"console: {message.text} ({message.location.get('url')})")

    def _failed(self, request: Request) -> None:
        if request.failure != _ABORTED:
            self.problems.append(f"request: {request.failure} {request.url}")

    @contextmanager
    def forgiving(self, pattern: str) -> Iterator[None]:
        """What goes wrong within and matches is part of the story."""
        known = len(self.problems)
        yield
        self.page.wait_for_timeout(0)  # Its messages arrive while the page is spoken to.
        self.problems[known:] = [problem for problem in self.problems[known:] if not re.search(pattern, problem)]

    def settle(self) -> None:
        """Wait until the page shows what it is about. The network is never idle: the live stream stays open."""
        expect(self.page.get_by_role("heading", level=1)).to_be_visible()
        expect(self.page.get_by_text(_STILL_COMING)).to_have_count(0)

    def check(self) -> None:
        """Raises `AssertionError` where not everybody can use the page: as it is, and on a phone in the dark."""
        viewport = self.page.viewport_size
        assert viewport is not None
        self._check_as_it_is()
        self.page.emulate_media(color_scheme="dark")
        self.page.set_viewport_size(PHONE)
        self._check_as_it_is()
        self.page.emulate_media(color_scheme="light")
        self.page.set_viewport_size(viewport)

    def _check_as_it_is(self) -> None:
        self.settle()
        self.check_width()
        self.page.evaluate((ROOT / "console/node_modules/axe-core/axe.min.js").read_text() + ";0")
        violations = self.page.evaluate(_RUN_AXE)
        assert not violations, json.dumps(violations, indent=1)

    def check_width(self) -> None:
        """Raises `AssertionError` when the page as a whole can be scrolled sideways."""
        width, shown = self.page.evaluate(
            "() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert width <= shown, f"{width} px wide on {shown}: {self.page.evaluate(_TOO_WIDE)}"

    def check_problems(self) -> None:
        """Raises `AssertionError` with what went wrong up to now."""
        assert not self.problems, "\n".join(self.problems)

    def close(self) -> None:
        self.context.close()
