"""What is read from a person's folder is bounded and checked, and what is written there can be read again."""

import json
from pathlib import Path

import pytest

from stepwell.bench.own.prototypes import scaffold, size_of_change
from stepwell.bench.own.regress import read as read_regress
from stepwell.bench.own.state import Answer, Operation, State, read_json, read_prototypes, read_state, write_state
from stepwell.bench.own.template import Project, UnusableProject

PROJECT = Path(__file__).parent / "project"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdef", "bcdefg", strict=True)
)


def test_the_short_forms_of_a_template_become_the_long_ones(tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_text(
        "Resources:\n  F:\n    Type: T\n    Properties:\n      A: !Sub '${B}-x'\n      C: !GetAtt D.Arn\n"
        "      E: !Join ['-', [!Ref G, 2020-01-01]]\n",
        "utf-8",
    )
    assert Project.read(tmp_path).properties("F") == {
        "A": {"Fn::Sub": "${B}-x"},
        "C": {"Fn::GetAtt": ["D", "Arn"]},
        "E": {"Fn::Join": ["-", [{"Ref": "G"}, "2020-01-01"]]},
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOMB, "when its aliases are written out"),
        ("a: &a [*a]", "an alias that contains itself"),
        ("a: !!python/object/apply:os.system ['true']", "is not a template that can be read"),
        ("[" * 5000, "is not a template|nested too deeply"),
        ("a: 1", "it has no Resources"),
        ("Resources: [1]", "it has no Resources"),
        (" " * ((1 << 20) + 1), "AWS's limit"),
    ],
)
def test_a_hostile_template_is_refused(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(UnusableProject, match=said):
        Project.read(path)


def test_a_folder_without_a_template_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableProject, match=r"has no template\.yaml"):
        Project.read(tmp_path)


def copied(tmp_path: Path) -> Project:
    return Project.read(PROJECT).copy_to(tmp_path / "project")


def test_a_link_out_of_the_project_is_not_followed(tmp_path: Path) -> None:
    project = copied(tmp_path)
    (project.folder / "src" / "data").symlink_to("/etc/passwd")
    with pytest.raises(UnusableProject, match="outside the project's folder"):
        project.copy_to(tmp_path / "again")


def test_code_outside_of_the_project_is_refused(tmp_path: Path) -> None:
    project = copied(tmp_path)
    project.members["Resources"]["TakeOrder"]["Properties"]["CodeUri"] = "../../etc"
    with pytest.raises(UnusableProject, match="outside the folder of the template"):
        scaffold(project, "TakeOrder", ["TakeOrder"], tmp_path / "mine")


def test_a_folder_inside_of_the_project_is_not_copied_into_itself(tmp_path: Path) -> None:
    project = copied(tmp_path)
    scaffold(project, "TakeOrder", ["TakeOrder"], project.folder / "mine")
    assert (project.folder / "mine/prototypes/claimed/src/app.py").is_file()
    assert not (project.folder / "mine/prototypes/claimed/mine").exists()


def test_the_size_of_a_change_is_in_what_a_template_says_and_not_in_its_layout(tmp_path: Path) -> None:
    scaffold(Project.read(PROJECT), "TakeOrder", ["TakeOrder"], tmp_path)
    as_is, claimed = (tmp_path / "prototypes" / name for name in ("as-is", "claimed"))
    helper = len((claimed / "src/once.py").read_text("utf-8").splitlines())
    assert size_of_change(as_is, as_is) == {}
    sizes = size_of_change(as_is, claimed)
    assert sizes.keys() == {"src/once.py", "template.yaml"}
    assert sizes["src/once.py"] == helper
    assert sizes["template.yaml"] < 30


def test_state_that_was_written_is_read_as_it_was(tmp_path: Path) -> None:
    operation = Operation(
        function="f", call="redis.SET", key='a: "b" # {c}', access="write", conditional=True, count=2, at="a.py:1",
        latency_ms=2.5, cost=1,
    )  # fmt: skip
    state = State(
        vary=["x: y", "- z"], parameters={"A": "1"}, ignore=["T.f"], answers=[Answer("GET a/b", 404, '{"a": 1}')],
        operations=[operation],
    )  # fmt: skip
    write_state(tmp_path, state)
    assert read_state(tmp_path) == state


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("vary: []\noperations: []", "length >= 1"),
        ("vary: [x]", "operations"),
        ("vary: [x]\noperations: []\nfunction_seconds: 9999", "function_seconds"),
        ("vary: [x]\noperations: []\nother: 1", "other"),
        ("vary: [x]\noperations:\n- {function: f}", "call"),
        (BOMB, "unknown field"),
    ],
)
def test_a_state_file_that_cannot_be_used_says_where(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "state.yaml").write_text(text, "utf-8")
    with pytest.raises(UnusableProject, match=said):
        read_state(tmp_path)


def test_an_unknown_prototype_is_named_with_those_there_are(tmp_path: Path) -> None:
    scaffold(Project.read(PROJECT), "TakeOrder", ["TakeOrder"], tmp_path)
    with pytest.raises(UnusableProject, match="no prototype mine, but as-is, claimed, orchestrated"):
        read_prototypes(tmp_path, ["mine"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seed: 1\ncells: {}", "has no cells"),
        ("seed: 1\ncells: {a: {fire: {lost: 0}}}", "a/fire: unknown"),
        ("seed: 1\ncells: {a: {crash: {cost: 0}}}", "a/crash: unknown"),
        ("seed: 1\ncells: {a: {crash: {lost: -1}}}", "lost|>= 0"),
    ],
)
def test_a_check_that_checks_nothing_is_refused(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "regress.yaml").write_text(text, "utf-8")
    with pytest.raises(UnusableProject, match=said):
        read_regress(tmp_path / "regress.yaml")


@pytest.mark.parametrize("text", ["{", "[" * 100_000, json.dumps("x" * (1 << 20))])
def test_an_event_that_is_no_json_or_too_long_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "event.json").write_text(text, "utf-8")
    with pytest.raises(UnusableProject):
        read_json(tmp_path / "event.json")
