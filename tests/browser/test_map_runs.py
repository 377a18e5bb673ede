"""A Map Run: how far it came, what failed in it and why."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect
from processes import shared_folder
from projects import EXAMPLES, Project, writable
from visitor import Visitor

pytestmark = pytest.mark.browser

GOOD, BAD = 300, 100
"""A batch has 100 rows, and one in four is more than the import bears."""


@pytest.fixture(scope="module")
def project() -> Iterator[Project]:
    with shared_folder() as folder:
        data = writable(folder / "data")
        given = {"Bucket": f"file://{data}", "ProductsDir": data / "products"}
        project = Project(folder, EXAMPLES / "import-csv", "--items-folder", str(data), **given)
        try:
            good = [f"BOL-{number:05},Bolt,1.50,7" for number in range(GOOD)]
            (data / "prices.csv").write_text("\n".join(["sku,name,price,stock", *good, *["slipped,Nut,,"] * BAD]))
            execution = project.start("ImportCsv", {"supplier": "acme", "key": "prices.csv"}, name="import")
            assert project.end(execution)["status"] == "FAILED"
            yield project
        finally:
            project.stop()


def test_a_map_run_that_failed(visit: Callable[..., Visitor], project: Project) -> None:
    visitor = visit(project.url)
    page = visitor.open("executions")
    page.get_by_role("link", name="import", exact=True).click()
    page.get_by_role("button", name="Show the step that failed").click()
    page.get_by_role("region", name="Step Import rows").get_by_role("link").click()
    expect(page.get_by_role("heading", level=1, name="Map Run Rows")).to_be_visible()
    expect(page.get_by_role("progressbar", name="Items")).to_have_attribute("aria-valuenow", str(GOOD + BAD))
    children = page.get_by_role("region", name="Child executions")
    children.get_by_role("listitem").first.locator("summary").click()
    expect(children.get_by_role("alert")).to_contain_text("TooManyBadRows")
    expect(children.get_by_role("textbox", name="Input")).to_contain_text('"sku": "slipped"')
    visitor.check()
    children.get_by_role("link", name="Open this child execution").click()
    expect(page.get_by_role("alert")).to_contain_text("Failed at Import batch")
    visitor.check()
    page.get_by_role("link", name="Map Run").click()
    expect(page.get_by_role("button", name="Redrive the execution")).to_be_visible()
