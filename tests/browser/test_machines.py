"""A state machine's page: its graph beside its definition, what it is published as, and starting an execution."""

import json
import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect
from processes import shared_folder
from projects import ARN, EXAMPLES, Project, writable
from visitor import Visitor

from definitions import PASS, ROLE, SUM

pytestmark = pytest.mark.browser

MACHINE = f"{ARN}:stateMachine:Published"


@pytest.fixture(scope="module")
def project() -> Iterator[Project]:
    """Orders, and a machine with two revisions, each a version, that an alias shares its executions between."""
    with shared_folder() as folder:
        project = Project(folder, EXAMPLES / "orders", LedgerDir=writable(folder / "ledger"))
        try:
            steps = project.steps
            machine = {"name": "Published", "roleArn": ROLE, "definition": json.dumps(PASS), "publish": True}
            first = steps.create_state_machine(**machine)["stateMachineVersionArn"]
            changed = {"stateMachineArn": MACHINE, "definition": json.dumps(SUM), "publish": True}
            second = steps.update_state_machine(**changed)["stateMachineVersionArn"]
            shares = [{"stateMachineVersionArn": first, "weight": 90}, {"stateMachineVersionArn": second, "weight": 10}]
            steps.create_state_machine_alias(name="LIVE", routingConfiguration=shares)
            yield project
        finally:
            project.stop()


def machine(page: Page, name: str) -> None:
    page.get_by_role("main").get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()


def test_graph_and_definition_select_each_other(visit: Callable[..., Visitor], project: Project) -> None:
    visitor = visit(project.url)
    page = visitor.open()
    machine(page, "Orders")
    graph = page.get_by_role("region", name="Graph")
    node = graph.get_by_role("button", name=re.compile("^Reserve stock"))
    node.click()
    expect(node).to_have_attribute("aria-pressed", "true")
    definition = page.get_by_role("textbox", name="Definition")
    expect(definition).to_contain_text("Reserve, charge and ship an order")
    visitor.check()
    definition.get_by_text('"Needs approval?"').last.click()
    expect(graph.get_by_role("button", name=re.compile("^Needs approval"))).to_have_attribute("aria-pressed", "true")


def test_versions_aliases_and_revisions(visit: Callable[..., Visitor], project: Project) -> None:
    visitor = visit(project.url)
    page = visitor.open()
    machine(page, "Published")
    page.get_by_role("tab", name="Versions").click()
    expect(page.get_by_role("rowheader")).to_have_text(["2", "1"])
    page.get_by_role("tab", name="Aliases").click()
    expect(page.get_by_role("row", name="LIVE")).to_contain_text("90 %")
    visitor.check()
    page.get_by_role("tab", name="Revisions").click()
    expect(page.get_by_role("region", name="Compare")).to_contain_text("Add")
    visitor.check()


def test_starting_an_execution(visit: Callable[..., Visitor], project: Project) -> None:
    visitor = visit(project.url)
    page = visitor.open()
    machine(page, "Orders")
    page.get_by_role("button", name="Start execution").click()
    dialog = page.get_by_role("dialog")
    start = dialog.get_by_role("button", name="Start execution")
    given = dialog.get_by_role("textbox", name="Input")
    given.fill('{"order": ')
    expect(start).to_be_disabled()
    visitor.check()
    given.fill(json.dumps({"order": "o-7", "quantity": 1, "amount": 30, "card": "visa"}))
    name = dialog.get_by_label("Name")
    name.fill("not a name?")
    expect(start).to_be_disabled()
    name.fill("from-the-console-1")
    start.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("from-the-console")
    expect(page.get_by_role("main").locator("header [data-status]")).to_contain_text("Succeeded")
