"""`stepwell bench` as a person or a script calls it; the run itself is elsewhere."""

import json
from importlib.machinery import ModuleSpec
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console
from tests.bench.reports import report

from stepwell.bench import quick
from stepwell.bench.backends import BackEndFailed
from stepwell.bench.oracles import Verdict
from stepwell.bench.progress import progress
from stepwell.bench.report import Report
from stepwell.commands import bench as command


@pytest.fixture
def finds(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Has the command find a given report; gives the settings that it was run with."""
    asked: list[quick.Settings] = []

    def arrange(found: Report | Exception) -> list[quick.Settings]:
        def run(settings: quick.Settings, notify: quick.Notify) -> Report:
            asked.append(settings)
            notify("starting", 20.0)
            if isinstance(found, Exception):
                raise found
            return found

        monkeypatch.setattr(quick, "run", run)
        return asked

    return arrange


def test_findings_are_no_failure(finds: Any) -> None:
    finds(report())
    result = CliRunner().invoke(command.bench, ["quick"])
    assert result.exit_code == 0
    assert "Stepwell's own strategy charged 9 of 10" in result.stdout
    assert "Again: stepwell bench quick --seed 7" in result.stdout
    assert result.stderr == "starting (about 20 s left)\n"


def test_an_invalid_cell_is_a_failure(finds: Any) -> None:
    finds(report(blind__hot_key=Verdict(0, 0, invalid="fault never fired")))
    result = CliRunner().invoke(command.bench, ["quick"])
    assert result.exit_code == 1
    assert "(fault never" in result.stdout


def test_json_is_all_that_stdout_gets(finds: Any, tmp_path: Path) -> None:
    asked = finds(report())
    result = CliRunner().invoke(command.bench, ["quick", "--json", "--seed", "17", "--out", str(tmp_path)])
    assert json.loads(result.stdout)["valid"] is True
    assert asked == [quick.Settings(seed=17, out=tmp_path)]


def test_a_back_end_that_does_not_start_is_one_message(finds: Any) -> None:
    finds(BackEndFailed("dynamodb ended with code 1: no such module"))
    result = CliRunner().invoke(command.bench, ["quick"])
    assert result.exit_code == 1
    assert "Error: dynamodb ended with code 1: no such module" in result.stderr


def test_what_is_not_installed_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = {"boto3": ModuleSpec("boto3", None)}
    monkeypatch.setattr(command, "find_spec", installed.get)
    result = CliRunner().invoke(command.bench, ["quick"])
    assert "needs ministack, which 'pip install stepwell[bench]' brings." in result.stderr


def test_list_shows_where_anomalies_are_expected() -> None:
    lines = CliRunner().invoke(command.bench, ["list"]).stdout.splitlines()
    assert [line.count("expected") for line in lines] == [0, 3, 1, 1, 0]
    assert lines[1].startswith("blind writes")


def test_on_a_terminal_the_phase_stands_beside_the_time_left() -> None:
    console = Console(file=StringIO(), force_terminal=True, width=80)
    with progress(console) as notify:
        notify("starting", 20.0)
    assert isinstance(console.file, StringIO)
    assert "starting" in console.file.getvalue()
    assert "about 20 s left" in console.file.getvalue()
