"""An endpoint with keys: the pages ask for one, and what it may not do is refused in plain words."""

import stat
from collections.abc import Callable, Iterator

import boto3
import pytest
from playwright.sync_api import Page, expect
from processes import shared_folder
from projects import ARN, EXAMPLES, Project, writable
from visitor import Visitor

pytestmark = pytest.mark.browser

SECRET = "0123456789abcdef-of-the-tests"
KEYS = f"""\
[operators]
aws_access_key_id = OPERATORS1
aws_secret_access_key = {SECRET}
aws_account_id = 123456789012

[dashboard]
aws_access_key_id = DASHBOARD1
aws_secret_access_key = {SECRET}
aws_account_id = 123456789012
role = read-only
"""
REFUSED = r"status of 4\d\d"


@pytest.fixture(scope="module")
def project() -> Iterator[Project]:
    with shared_folder() as folder:
        keys = folder / "keys"
        keys.write_text(KEYS)
        keys.chmod(stat.S_IRUSR | stat.S_IWUSR)
        project = Project(
            folder, EXAMPLES / "orders", "--credentials", str(keys), LedgerDir=writable(folder / "ledger")
        )
        try:
            yield project
        finally:
            project.stop()


def sign_in(page: Page, key: str, secret: str = SECRET) -> None:
    page.get_by_label("Access key id").fill(key)
    page.get_by_label("Secret access key").fill(secret)
    page.get_by_role("button", name="Sign in").click()


def test_a_key_is_asked_for_and_signs(visit: Callable[..., Visitor], project: Project) -> None:
    visitor = visit(project.url)
    with visitor.forgiving(REFUSED):
        page = visitor.open()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        visitor.check()
        sign_in(page, "NOBODYS001")
        expect(page.get_by_role("alert")).to_contain_text("UnrecognizedClient")
        sign_in(page, "OPERATORS1", "wrong-" + SECRET)
        expect(page.get_by_role("alert")).to_contain_text("InvalidSignature")
    sign_in(page, "OPERATORS1")
    expect(page.get_by_role("link", name="Orders", exact=True)).to_be_visible()
    page.reload()
    expect(page.get_by_role("link", name="Orders", exact=True)).to_be_visible()


def test_a_key_that_may_only_read_stops_nothing(visit: Callable[..., Visitor], project: Project) -> None:
    keys = {"aws_access_key_id": "OPERATORS1", "aws_secret_access_key": SECRET}
    steps = boto3.client("stepfunctions", endpoint_url=project.url, region_name="us-east-1", **keys)
    large = (EXAMPLES / "orders/events/large.json").read_text()
    machine = f"{ARN}:stateMachine:Orders"
    execution = steps.start_execution(stateMachineArn=machine, name="large", input=large)["executionArn"]

    visitor = visit(project.url)
    with visitor.forgiving(REFUSED):
        page = visitor.open("executions")
        sign_in(page, "DASHBOARD1")
        page.get_by_role("link", name="large", exact=True).click()
        page.get_by_role("button", name="Stop").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("button", name="Stop").click()
        expect(dialog.get_by_role("alert")).to_contain_text("AccessDenied")
    assert steps.describe_execution(executionArn=execution)["status"] == "RUNNING"
