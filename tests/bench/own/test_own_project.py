"""A small SAM project from `init` to `decision.md`, on real parts: as it is it charges twice, changed it does not."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from stepwell.bench.own import Options, UnusableProject, init, run
from stepwell.bench.own.regress import broken, read
from stepwell.bench.own.run import Result
from stepwell.bench.own.state import read_prototypes, read_state
from stepwell.commands import bench, bench_own

PROJECT = Path(__file__).parent / "project"


def quiet(phase: str, seconds_left: float) -> None:
    pass


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own") / "mine"
    init(PROJECT / "template.yaml", folder, quiet)
    return folder


@pytest.fixture(scope="module")
def result(folder: Path) -> Result:
    return run(folder, Options(faults=["duplicate", "crash"]), quiet)


@pytest.mark.e2e
def test_init_lists_each_call_with_its_place_in_the_code(folder: Path) -> None:
    state = read_state(folder)
    assert state.vary == ["order-17"]
    assert [(each.call, each.key, each.access, each.at) for each in state.operations] == [
        ("outside.POST", "pay.example/charges", "emit", "app.py:14"),
        ("dynamodb.PutItem", "project-orders/order-17-{request}", "write", "app.py:16"),
    ]
    assert [each.effect for each in state.operations] == [True, False]
    assert "project-orders.at" in state.ignore, "it differs between undisturbed requests"


@pytest.mark.e2e
def test_init_makes_three_prototypes(folder: Path) -> None:
    found = read_prototypes(folder, [])
    assert {name: each.named for name, each in found.items()} == {
        "as-is": False,
        "claimed": False,
        "orchestrated": True,
    }


@pytest.mark.e2e
def test_as_it_is_it_charges_twice_and_changed_it_does_not(result: Result) -> None:
    cells = {(cell.prototype, cell.fault): cell for each in result.measured for cell in each.cells}
    assert {name: cell.invalid for name, cell in cells.items() if cell.invalid} == {}
    assert set(cells["as-is", "duplicate"].found) == {"duplicated"}
    assert "POST pay.example/charges was done 2 times" in cells["as-is", "crash"].found["duplicated"].witnesses[0].text
    assert cells["claimed", "duplicate"].found == {}
    assert cells["claimed", "crash"].found == {}
    assert cells["orchestrated", "duplicate"].found == {}
    assert cells["orchestrated", "crash"].found == {}


@pytest.mark.e2e
def test_the_decision_names_what_held_what_broke_and_the_size_of_the_change(result: Result, folder: Path) -> None:
    text = (folder / "decision.md").read_text("utf-8")
    assert "Take **`claimed`**" in text
    assert "- **as-is, crash: duplicated" in text
    assert "`claimed` held here, by " in text
    assert "(app.py:14) in TakeOrder is repeated blindly: send an Idempotency-Key" in text
    assert "Does each provider honour an Idempotency-Key" in text


@pytest.mark.e2e
def test_what_held_is_checked_again_from_regress_yaml(result: Result, folder: Path) -> None:
    expected = read(folder / "regress.yaml")
    assert expected.faults == {"claimed": ["duplicate", "crash"], "orchestrated": ["duplicate", "crash"]}
    as_is, *changed = result.measured
    assert broken(expected, changed) == []
    other = folder / "regress-other.yaml"
    other.write_text((folder / "regress.yaml").read_text("utf-8").replace("claimed:", "as-is:"), "utf-8")
    said = broken(read(other), [as_is])
    assert len(said) == 2
    assert said[0].startswith("as-is, duplicate: duplicated ")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"event": "none"}, "cannot be read"),
        ({"start": "Nobody"}, "--start Nobody"),
        ({"vary": ["order-18"]}, "does not have order-18"),
    ],
)
def test_what_init_cannot_use_is_refused_before_anything_starts(
    change: dict[str, object], said: str, tmp_path: Path
) -> None:
    options = {name: tmp_path / "none.json" if value == "none" else value for name, value in change.items()}
    with pytest.raises(UnusableProject, match=said):
        init(PROJECT, tmp_path / "mine", quiet, **options)  # type: ignore[arg-type]
    assert not (tmp_path / "mine").exists()


def test_a_folder_with_something_in_it_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", "utf-8")
    with pytest.raises(UnusableProject, match="not empty"):
        init(PROJECT, tmp_path, quiet)


@pytest.mark.parametrize(
    ("command", "arguments", "said"),
    [
        (bench.run, ["--aws", "--endpoint-url", "http://127.0.0.1:9"], "say two different things"),
        (bench.run, [], "state.yaml cannot be read"),
        (bench.run, ["--fault", "delay"], "'delay' is not one of"),
        (bench_own.init, ["out", "--parameter", "A"], "give it as KEY=VALUE"),
        (bench_own.init, ["out"], "has no template.yaml"),
    ],
)
def test_a_command_that_cannot_run_says_why(
    command: click.Command, arguments: list[str], said: str, tmp_path: Path
) -> None:
    done = CliRunner().invoke(command, [str(tmp_path), *arguments])
    assert done.exit_code != 0
    assert said in done.output
