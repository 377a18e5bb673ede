"""Payloads and names that would like to be more than text: nothing of them runs, and the layout holds."""

import json
import re
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import expect
from processes import shared_folder
from projects import ARN, EXAMPLES, Project, ended, writable
from visitor import Visitor, on_both_widths

from definitions import ROLE

pytestmark = pytest.mark.browser

SCRIPT = "</script><script>window.hacked=1</script>"
IMAGE = "<img src=x onerror=window.hacked=1>"
BACKWARDS = "\u202e\u2066\u200fBACKWARDS"
LINK = "javascript:window.hacked=1"
LONG = "w" * 1_000_000
STATE = f"{IMAGE} {BACKWARDS}"
INPUT = {SCRIPT: IMAGE, BACKWARDS: [LINK, SCRIPT], "long": LONG, "__proto__": {"polluted": True}, "constructor": LINK}
DEFINITION = {
    "Comment": SCRIPT,
    "StartAt": STATE,
    "States": {
        STATE: {"Type": "Pass", "Comment": IMAGE, "Next": "constructor"},
        "constructor": {
            "Type": "Choice",
            "Choices": [{"Variable": f"$['{SCRIPT}']", "StringEquals": IMAGE, "Next": "__proto__"}],
        },
        "__proto__": {"Type": "Fail", "Error": IMAGE, "Cause": (SCRIPT + BACKWARDS) * 500},
    },
}


@pytest.fixture(scope="module")
def project() -> Iterator[Project]:
    with shared_folder() as folder:
        project = Project(folder, EXAMPLES / "orders", "--limits", "extended", LedgerDir=writable(folder / "ledger"))
        try:
            yield project
        finally:
            project.stop()


@pytest.fixture(scope="module")
def execution(project: Project) -> str:
    machine = {"name": "n" * 80, "definition": json.dumps(DEFINITION), "roleArn": ROLE}
    created = project.steps.create_state_machine(**machine)["stateMachineArn"]
    named = {"stateMachineArn": created, "name": "e" * 80, "input": json.dumps(INPUT)}
    execution = str(project.steps.start_execution(**named)["executionArn"])
    assert ended(project.steps, execution)["error"] == IMAGE
    return execution


@pytest.mark.parametrize(
    "path",
    ["", "executions", "executions?text=%3Cimg", "executions/{execution}", "machines/{machine}", "functions"],
)
@on_both_widths
def test_nothing_runs(
    visit: Callable[..., Visitor], project: Project, execution: str, viewport: dict[str, int], path: str
) -> None:
    visitor = visit(project.url, viewport)
    machine = f"{ARN}:stateMachine:{'n' * 80}"
    page = visitor.open(path.format(execution=quote(execution, safe=""), machine=quote(machine, safe="")))
    visitor.check()
    assert page.evaluate("[window.hacked, {}.polluted]") == [None, None]


def test_nothing_runs_in_any_view(visit: Callable[..., Visitor], project: Project, execution: str) -> None:
    visitor = visit(project.url)
    page = visitor.open(f"executions/{quote(execution, safe='')}")
    expect(page.get_by_role("alert")).to_contain_text(IMAGE)
    for tab in page.get_by_role("tablist", name="Views of the execution").get_by_role("tab").all():
        tab.click()
        visitor.settle()
        visitor.check_width()
    page.get_by_role("tab", name="Timeline").click()
    page.get_by_role("treeitem", name=re.compile(re.escape(IMAGE))).click()
    for tab in page.get_by_role("tablist", name="Views of the step").get_by_role("tab").all():
        tab.click()
        visitor.settle()
        visitor.check_width()
    visitor.check()
    assert page.evaluate("[window.hacked, {}.polluted]") == [None, None]
