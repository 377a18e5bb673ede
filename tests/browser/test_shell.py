"""What is around every page."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect
from visitor import in_both_schemes, on_both_widths
from shop import shop
from harness import Server

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with shop() as server:
        yield server

@on_both_widths
@in_both_schemes
def test_machines(visit, server, viewport, scheme):
    visitor = visit(server.url, viewport, scheme)
    page = visitor.open()
    expect(page.get_by_role("link", name="Orders")).to_be_visible()
    visitor.check()
