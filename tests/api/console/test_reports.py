"""Reports in folders that the server was given."""

import os
from pathlib import Path

import pytest
from tests.api.console.conftest import Get

from stepwell.api.console import reports
from stepwell.api.console.reports import find_reports, read_report
from stepwell.awsmodels.errors import ServiceError


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder as `bench run` leaves it, with a report of its own beside the runs'."""
    root = tmp_path / "runs"
    for name, text, at in (("a-1", '{"run": "a-1"}', 100), ("b-2", "no json", 200)):
        (root / name).mkdir(parents=True)
        (root / name / "report.json").write_text(text)
        (root / name / "history.jsonl").write_text("{}")
        os.utime(root / name / "report.json", (at, at))
    (root / "full.json").write_text("{}")
    os.utime(root / "full.json", (300, 300))
    return root


def names(root: Path) -> list[str]:
    return [found.item.name for found in find_reports([root])]


def test_the_latest_first_without_a_path(runs: Path) -> None:
    assert names(runs) == ["full", "b-2", "a-1"]
    assert all(str(runs) not in repr(found.item) for found in find_reports([runs]))


def test_each_is_read_as_it_stands(runs: Path) -> None:
    texts = [read_report([runs], found.item.id).text for found in find_reports([runs])]
    assert texts == ["{}", "no json", '{"run": "a-1"}']


def test_two_folders_with_the_same_names_are_apart(runs: Path) -> None:
    ids = [found.item.id for found in find_reports([runs, runs])]
    assert len(ids) == len(set(ids)) == 6


def test_links_and_what_is_no_file_are_not_there(runs: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.json"
    secret.write_text("secret")
    (runs / "link.json").symlink_to(secret)
    (runs / "linked").symlink_to(tmp_path)
    (tmp_path / "report.json").write_text("secret")
    (runs / "inner").mkdir()
    (runs / "inner" / "report.json").symlink_to(secret)
    (runs / "folder.json").mkdir()
    os.mkfifo(runs / "pipe.json")
    assert names(runs) == ["full", "b-2", "a-1"]


def test_a_folder_that_becomes_a_link_leads_nowhere(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    listed = find_reports([runs])
    found = next(each for each in listed if each.item.name == "a-1")
    monkeypatch.setattr(reports, "find_reports", lambda roots: listed)
    (runs / "a-1").rename(tmp_path / "elsewhere")
    (runs / "a-1").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ServiceError, match="cannot be read"):
        read_report([runs], found.item.id)


def test_what_is_too_large_is_not_listed(runs: Path) -> None:
    with (runs / "full.json").open("r+b") as file:
        file.truncate(reports.BYTES_MAX + 1)
    assert names(runs) == ["b-2", "a-1"]


def test_what_is_no_text_is_refused(runs: Path) -> None:
    (runs / "full.json").write_bytes(b"\xff\xfe")
    with pytest.raises(ServiceError, match="cannot be read"):
        read_report([runs], find_reports([runs])[0].item.id)


@pytest.mark.parametrize("id", ["", "../full", "full.json", "0" * 16])
def test_an_id_is_looked_up_and_never_opened(runs: Path, id: str) -> None:
    with pytest.raises(ServiceError, match="no such report"):
        read_report([runs], id)


def test_a_folder_that_is_gone_is_empty(tmp_path: Path) -> None:
    assert names(tmp_path / "gone") == []


def test_a_server_without_folders_says_so(get: Get) -> None:
    assert get("reports") == {"reports": [], "configured": False}
    assert get("reports/one", 404, id="0") == "ResourceNotFoundException"
