"""One execution: its timeline, events, any moment of it, and each step with its data and logs."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Locator, Page, expect
from processes import shared_folder
from projects import EXAMPLES, Project, writable
from visitor import Visitor, on_both_widths

from definitions import LOOP, ROLE, SUM, rounds

pytestmark = pytest.mark.browser

LOST_ANSWER = json.loads((EXAMPLES / "orders/events/lost-answer.json").read_text())
LOOP_EVENTS = 24_898


@pytest.fixture(scope="module")
def project() -> Iterator[Project]:
    with shared_folder() as folder:
        ledger = writable(folder / "ledger")
        project = Project(folder, EXAMPLES / "orders", LedgerDir=ledger, GatewayMilliseconds="1-2")
        try:
            for name, definition in (("Sum", SUM), ("Loop", LOOP)):
                project.steps.create_state_machine(name=name, roleArn=ROLE, definition=json.dumps(definition))
            yield project
        finally:
            project.stop()


@pytest.fixture(scope="module")
def retried(project: Project) -> str:
    """An order whose charge was tried twice."""
    return ended(project, "Orders", LOST_ANSWER)


@pytest.fixture(scope="module")
def summed(project: Project) -> str:
    return ended(project, "Sum", {"a": 20, "b": 3})


def ended(project: Project, machine: str, value: object) -> str:
    execution = project.start(machine, value)
    assert project.end(execution)["status"] == "SUCCEEDED"
    return execution


def address(execution: str) -> str:
    return f"executions/{quote(execution, safe='')}"


def timeline(page: Page) -> Locator:
    return page.get_by_role("tree", name="Timeline")


def step(page: Page, name: str) -> Locator:
    """The panel of a step, once it is selected in the timeline."""
    timeline(page).get_by_role("treeitem", name=re.compile(f"^{name}")).click()
    return page.get_by_role("region", name=f"Step {name}")


@on_both_widths
def test_the_timeline_shows_retries_and_leads_to_steps(
    visit: Callable[..., Visitor], project: Project, retried: str, viewport: dict[str, int]
) -> None:
    visitor = visit(project.url, viewport)
    page = visitor.open(address(retried))
    expect(timeline(page).get_by_role("treeitem")).to_have_count(7)
    charge = step(page, "Charge")
    expect(charge.get_by_role("list", name="Attempts")).to_contain_text("GatewayTimeout")
    expect(charge).to_contain_text("Attempt 2")
    charge.get_by_role("tab", name="Input").click()
    expect(charge.get_by_role("textbox", name="Input")).to_contain_text('"card"')
    charge.get_by_role("tab", name="Output").click()
    expect(charge.get_by_role("textbox", name="Output")).to_contain_text('"payment"')
    visitor.check()


def test_the_logs_of_an_invocation(visit: Callable[..., Visitor], project: Project, retried: str) -> None:
    page = visit(project.url).open(address(retried))
    charge = step(page, "Charge")
    charge.get_by_role("tab", name="Logs").click()
    expect(charge).to_contain_text("REPORT RequestId")


def test_variables_before_and_after(visit: Callable[..., Visitor], project: Project, summed: str) -> None:
    page = visit(project.url).open(address(summed))
    add = step(page, "Add")
    add.get_by_role("tab", name="Variables").click()
    expect(add).to_contain_text("Assigned: total")
    expect(add.get_by_role("textbox", name="Variables")).to_contain_text('"total": 23')


def test_data_flow_with_an_edit(visit: Callable[..., Visitor], project: Project, summed: str) -> None:
    visitor = visit(project.url)
    page = visitor.open(address(summed))
    add = step(page, "Add")
    add.get_by_role("tab", name="Data flow").click()
    stages = add.get_by_role("list", name="Stages")
    expect(stages).to_contain_text("2 * $states.input.a")
    expect(stages).to_contain_text("40")
    visitor.check()
    add.get_by_role("button", name="Evaluate again with edits").click()
    add.get_by_role("region", name="Input").get_by_role("textbox").fill('{"a": 7, "b": 3}')
    add.get_by_role("button", name="Evaluate", exact=True).click()
    expect(stages).to_contain_text("14")
    expect(stages).to_contain_text("Changed")
    visitor.check()


@on_both_widths
def test_events(visit: Callable[..., Visitor], project: Project, retried: str, viewport: dict[str, int]) -> None:
    visitor = visit(project.url, viewport)
    page = visitor.open(address(retried))
    page.get_by_role("tab", name="Events").click()
    events = page.get_by_role("list", name="Events").get_by_role("listitem")
    expect(events.first).to_contain_text("ExecutionStarted")
    page.get_by_label("Filter events").fill("LambdaFunctionFailed")
    expect(events).to_have_count(1)
    expect(events).to_contain_text("Charge")
    events.get_by_role("button", name="JSON of event").click()
    expect(events.get_by_role("textbox")).to_contain_text('"error": "GatewayTimeout"')
    visitor.check()


@on_both_widths
def test_any_moment(visit: Callable[..., Visitor], project: Project, retried: str, viewport: dict[str, int]) -> None:
    visitor = visit(project.url, viewport)
    page = visitor.open(address(retried))
    slider = page.get_by_role("slider", name="Event")
    expect(slider).to_have_attribute("aria-valuetext", re.compile("^Now"))
    slider.press("Home")
    for _ in range(2):
        slider.press("ArrowRight")
    moment = page.get_by_role("region", name="At event 3")
    expect(moment).to_contain_text("Reserve stock")
    expect(moment.locator("[data-status]")).to_contain_text("Running")
    visitor.check()
    page.get_by_role("button", name="Now").click()
    expect(moment).to_have_count(0)


def test_two_executions_side_by_side(visit: Callable[..., Visitor], project: Project, retried: str) -> None:
    other = ended(project, "Orders", {**LOST_ANSWER, "order": "o-5", "card": "declined"})
    visitor = visit(project.url)
    page = visitor.open(f"compare?left={quote(retried, safe='')}&right={quote(other, safe='')}")
    expect(page.get_by_text("They part at")).to_contain_text("Charge")
    visitor.check()


def test_an_export_opens_without_a_server(
    visit: Callable[..., Visitor], project: Project, retried: str, tmp_path: Path
) -> None:
    page = visit(project.url).open(address(retried))
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile("Download")).click()
    file = tmp_path / "export.html"
    download.value.save_as(file)
    reader = visit(project.url, java_script_enabled=False, offline=True)
    reader.page.goto(file.as_uri())
    expect(reader.page.get_by_role("heading", level=1)).to_be_visible()
    expect(reader.page.locator("body")).to_contain_text("GatewayTimeout")
    assert "<script" not in file.read_text()


def test_a_long_execution_can_be_used(visit: Callable[..., Visitor], project: Project) -> None:
    execution = ended(project, "Loop", rounds(LOOP_EVENTS))
    visitor = visit(project.url)
    page = visitor.open(address(execution))
    slider = page.get_by_role("slider", name="Event")
    expect(slider).to_have_attribute("max", str(LOOP_EVENTS))
    timeline(page).get_by_role("treeitem").nth(1).click()
    panel = page.get_by_role("region", name="Step Count")
    panel.get_by_role("tab", name="Output").click()
    expect(panel.get_by_role("textbox", name="Output")).to_contain_text('"n"')
    page.get_by_role("tab", name="Events").click()
    page.get_by_label("Id of an event to go to").fill("20000")
    page.get_by_role("button", name="Go").click()
    expect(page.get_by_role("list", name="Events").get_by_text("20000", exact=True)).to_be_visible()
    visitor.check()
