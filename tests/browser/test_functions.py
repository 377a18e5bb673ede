"""Functions by their logs, invoking one, and what it all would cost on AWS."""

import json
import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect
from processes import shared_folder
from projects import EXAMPLES, Project, writable
from visitor import Visitor

pytestmark = pytest.mark.browser

SMALL = json.loads((EXAMPLES / "orders/events/small.json").read_text())


@pytest.fixture(scope="module")
def project() -> Iterator[Project]:
    with shared_folder() as folder:
        project = Project(folder, EXAMPLES / "orders", LedgerDir=writable(folder / "ledger"))
        try:
            assert project.end(project.start("Orders", SMALL, name="shipped"))["status"] == "SUCCEEDED"
            yield project
        finally:
            project.stop()


def test_a_function_is_invoked(visit: Callable[..., Visitor], project: Project) -> None:
    visitor = visit(project.url)
    page = visitor.open()
    page.get_by_role("link", name="Functions").click()
    page.get_by_role("link", name=re.compile("ReserveStock")).click()
    invocation = page.get_by_role("table").get_by_role("button").first
    invocation.click()
    expect(page.get_by_label("Log", exact=True)).to_contain_text("REPORT RequestId")
    visitor.check()
    page.get_by_role("tab", name="Invoke").click()
    event = page.get_by_role("textbox", name="Event")
    event.fill('{"order": ')
    expect(page.get_by_role("button", name="Invoke", exact=True)).to_be_disabled()
    event.fill('{"order": "o-8"}')
    page.get_by_role("button", name="Invoke", exact=True).click()
    expect(page.get_by_role("textbox", name="Result")).to_contain_text("KeyError")
    event.fill(json.dumps({"order": "o-8", "quantity": 1, "key": "1"}))
    page.get_by_role("button", name="Invoke", exact=True).click()
    expect(page.get_by_role("textbox", name="Result")).to_contain_text('"reservation": "res-o-8"')
    visitor.check()
    page.get_by_role("tab", name="Configuration").click()
    expect(page.get_by_text("LEDGER_DIR")).to_be_visible()
    visitor.check()


def test_cost(visit: Callable[..., Visitor], project: Project) -> None:
    visitor = visit(project.url)
    page = visitor.open("executions")
    page.get_by_role("link", name="shipped", exact=True).click()
    page.get_by_role("tab", name="Cost").click()
    expect(page.get_by_role("region", name="Cost of the execution").get_by_text("$").first).to_be_visible()
    visitor.check()
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Cost").click()
    expect(page.get_by_role("row", name="Orders")).to_be_visible()
    visitor.check()
