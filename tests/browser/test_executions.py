"""The list of executions: live, filtered, and many stopped or redriven at once."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, Page, expect
from processes import shared_folder
from projects import ARN, EXAMPLES, Project, writable
from shop import carrier_down
from visitor import DESKTOP, PHONE, Visitor, on_both_widths

pytestmark = pytest.mark.browser

SMALL = {"quantity": 1, "amount": 40, "card": "visa"}
LARGE = {**SMALL, "amount": 900}
STUCK, WAITING = 3, 4


@pytest.fixture(scope="module")
def project() -> Iterator[Project]:
    """Orders that have succeeded, that have failed as the carrier was down, and that wait for approval."""
    with shared_folder() as folder:
        ledger = writable(folder / "ledger")
        project = Project(folder, EXAMPLES / "orders", LedgerDir=ledger, GatewayMilliseconds="1-2")
        try:
            shipped = [order(project, f"shipped-{number}", SMALL) for number in range(3)]
            assert {project.end(execution)["status"] for execution in shipped} == {"SUCCEEDED"}
            with carrier_down(ledger):
                stuck = [order(project, f"stuck-{number}", SMALL) for number in range(STUCK)]
                assert {project.end(execution)["status"] for execution in stuck} == {"FAILED"}
            for number in range(WAITING):
                order(project, f"waiting-{number}", LARGE)
            yield project
        finally:
            project.stop()


def order(project: Project, name: str, value: dict[str, object]) -> str:
    return project.start("Orders", {"order": name, **value}, name=name)


def rows(page: Page) -> Locator:
    return page.get_by_role("list", name="Executions").get_by_role("listitem")


def status_of(page: Page, name: str) -> Locator:
    return rows(page).filter(has=page.get_by_role("link", name=name, exact=True)).locator("[data-status]")


@on_both_widths
def test_the_list_is_live(visit: Callable[..., Visitor], project: Project, viewport: dict[str, int]) -> None:
    visitor = visit(project.url, viewport)
    page = visitor.open("executions")
    expect(page.get_by_text("Live", exact=False).last).to_be_visible()
    name = f"live-{viewport['width']}"
    execution = order(project, name, LARGE)
    expect(status_of(page, name)).to_contain_text("Running")
    project.steps.stop_execution(executionArn=execution)
    expect(status_of(page, name)).to_contain_text("Aborted")
    visitor.check()


def test_filters(visit: Callable[..., Visitor], project: Project) -> None:
    page = visit(project.url).open("executions")
    filters = page.get_by_role("search", name="Filters")
    failed = filters.get_by_role("button", name="Failed")
    failed.click()
    expect(failed).to_have_attribute("aria-pressed", "true")
    expect(rows(page)).to_have_count(STUCK)
    page.reload()
    expect(rows(page)).to_have_count(STUCK)
    filters.get_by_label("Name").fill("stuck-1")
    expect(rows(page)).to_have_count(1)
    filters.get_by_role("button", name="Clear filters").click()
    filters.get_by_label("Text in input, output, error or cause").fill("trk-shipped-2")
    expect(rows(page)).to_have_count(1)
    expect(rows(page).get_by_role("link", name="shipped-2")).to_be_visible()
    filters.get_by_label("Text in input, output, error or cause").fill("CarrierUnavailable")
    expect(rows(page)).to_have_count(STUCK)
    filters.get_by_label("Text in input, output, error or cause").fill("nowhere to be found")
    expect(page.get_by_text("No execution matches")).to_be_visible()


@pytest.mark.parametrize(
    ("viewport", "action", "name", "count", "verb", "came_to"),
    [
        (DESKTOP, "redrive", "stuck-", STUCK, "redriven", "Succeeded"),
        (PHONE, "stop", "waiting-", WAITING, "stopped", "Aborted"),
    ],
)
def test_many_at_once(
    visit: Callable[..., Visitor], project: Project, viewport: dict[str, int],
    action: str, name: str, count: int, verb: str, came_to: str,
) -> None:  # fmt: skip
    visitor = visit(project.url, viewport)
    page = visitor.open("executions")
    page.get_by_label("Text in input").fill(name)
    expect(rows(page)).to_have_count(count)
    page.get_by_label("Select all").check()
    page.get_by_role("button", name=action.title()).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"{count} of {count} can be {verb}")
    visitor.check()
    assert came_to not in statuses(project, name), "a dry run changes nothing"
    dialog.get_by_role("button", name=f"{action.title()} {count}").click()
    expect(dialog).to_contain_text(f"{count} {verb}")
    dialog.get_by_role("button", name="Close").last.click()
    for number in range(count):
        expect(status_of(page, f"{name}{number}")).to_contain_text(came_to)


def statuses(project: Project, prefix: str) -> set[str]:
    listed = project.steps.list_executions(stateMachineArn=f"{ARN}:stateMachine:Orders")["executions"]
    return {one["status"].title() for one in listed if one["name"].startswith(prefix)}
