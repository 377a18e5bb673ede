"""What a new user does with what `make demo` has left, without reading anything and without typing an address."""

import re
from collections.abc import Callable, Iterator

import demo
import pytest
from harness import Server
from playwright.sync_api import Locator, Page, expect
from shop import charges, shop
from visitor import Visitor, on_both_widths

pytestmark = pytest.mark.browser

FAILED, WAITING = demo.FAILED["order"], demo.WAITING["order"]


@pytest.fixture
def server() -> Iterator[Server]:
    with shop() as server:
        yield server


def status(page: Page) -> Locator:
    """The execution's own, beside its name."""
    return page.get_by_role("main").locator("header [data-status]")


@on_both_widths
def test_the_failed_order_is_found_understood_and_redriven(
    visit: Callable[..., Visitor], server: Server, viewport: dict[str, int]
) -> None:
    visitor = visit(server.url, viewport)
    page = visitor.open()
    page.get_by_role("link", name=re.compile("Failed")).first.click()
    page.get_by_role("link", name=FAILED, exact=True).click()
    why = page.get_by_role("alert")
    expect(why.get_by_role("heading", name="Failed at Ship")).to_be_visible()
    expect(why).to_contain_text("CarrierUnavailable")
    expect(why).to_contain_text(f"the carrier's service was down when order {FAILED} was to be shipped")
    expect(page.get_by_role("region", name="Graph").get_by_role("button", name=re.compile("^Ship"))).to_be_attached()
    visitor.check()
    page.get_by_role("button", name="Redrive").click()
    expect(status(page)).to_contain_text("Succeeded")
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.get_by_text("Redriven once")).to_be_visible()
    assert charges(server, FAILED) == 1


@on_both_widths
def test_the_waiting_order_is_found_and_approved(
    visit: Callable[..., Visitor], server: Server, viewport: dict[str, int]
) -> None:
    visitor = visit(server.url, viewport)
    page = visitor.open()
    page.get_by_role("link", name=re.compile("Running")).first.click()
    page.get_by_role("link", name=WAITING, exact=True).click()
    expect(page.get_by_text("Waits for an answer at Wait for approval")).to_be_visible()
    visitor.check()
    page.get_by_role("button", name="Answer").click()
    page.get_by_role("button", name="Send success").click()
    dialog = page.get_by_role("dialog", name="Send success to Wait for approval")
    dialog.get_by_role("textbox", name="Output").fill('{"approved": true}')
    visitor.check()
    dialog.get_by_role("button", name="Send success").click()
    expect(status(page)).to_contain_text("Succeeded")
    assert charges(server, WAITING) == 1


def test_the_failed_order_is_redriven_by_the_keyboard(visit: Callable[..., Visitor], server: Server) -> None:
    page = visit(server.url).open()
    press_tab_to(page, page.get_by_role("link", name=re.compile("Failed")).first)
    page.keyboard.press("Enter")
    press_tab_to(page, page.get_by_role("link", name=FAILED, exact=True))
    page.keyboard.press("Enter")
    press_tab_to(page, page.get_by_role("button", name="Redrive"))
    page.keyboard.press("Enter")
    expect(status(page)).to_contain_text("Succeeded")


def press_tab_to(page: Page, wanted: Locator, most: int = 60) -> None:
    """Raises `AssertionError` where the Tab key does not lead."""
    expect(wanted).to_be_visible()
    for _ in range(most):
        page.keyboard.press("Tab")
        if wanted.evaluate("(element) => element === document.activeElement"):
            assert wanted.evaluate("(element) => element.matches(':focus-visible')")
            return
    raise AssertionError(f"{most} tabs do not lead to {wanted}")
