"""Reports of benchmark runs: from a folder that the server was given, and from a file."""

import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect
from processes import shared_folder
from projects import EXAMPLES, Project, writable
from visitor import ROOT, Visitor

pytestmark = pytest.mark.browser

REPORT = ROOT / "docs/benchmark/runs/default.json"


@pytest.fixture(scope="module")
def project() -> Iterator[Project]:
    with shared_folder() as folder:
        run = folder / "reports" / "default"
        run.mkdir(parents=True)
        shutil.copy(REPORT, run / "report.json")
        options = ("--reports", str(folder / "reports"))
        project = Project(folder, EXAMPLES / "orders", *options, LedgerDir=writable(folder / "ledger"))
        try:
            yield project
        finally:
            project.stop()


def benchmarks(page: Page) -> None:
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Benchmarks").click()
    expect(page.get_by_role("heading", level=1, name="Benchmarks")).to_be_visible()


def test_a_served_report_down_to_what_proves_an_anomaly(visit: Callable[..., Visitor], project: Project) -> None:
    visitor = visit(project.url)
    page = visitor.open()
    benchmarks(page)
    visitor.check()
    page.get_by_role("main").get_by_role("button", name="default").click()
    anomaly = page.get_by_role("table").get_by_role("button", name="lost").first
    visitor.check()
    anomaly.click()
    expect(page.get_by_role("heading", name="What proves it")).to_be_visible()
    visitor.check()


def test_a_file_is_read_in_the_browser(visit: Callable[..., Visitor], project: Project) -> None:
    page = visit(project.url).open("benchmarks")
    page.get_by_label("Open a report.json").set_input_files(REPORT)
    expect(page.get_by_role("table").first).to_be_visible()
    hostile = {"name": "report.json", "mimeType": "application/json", "buffer": b'{"cells": ["<script>"]}'}
    page.get_by_label("Open a report.json").set_input_files(hostile)
    expect(page.get_by_role("alert")).to_be_visible()
