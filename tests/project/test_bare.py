"""Folders without a template, and the way from a path to a plan."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from stepwell.project.discover import load_plan
from stepwell.project.init import create_project
from stepwell.project.plan import ProjectError

DEFINITIONS = Path(__file__).parents[3] / "shared" / "conformance" / "definitions"
NOT_JSON = {"sfn-iot-data-analytics-dataset__statemachine__statemachine.asl.json"}
"""It has `"Messages": "Messages.$": ...` in it."""
LAMBDA = "arn:aws:lambda:us-east-1:123456789012:function:"
HANDLERS = """\
from other import imported
def charge(event, context): ...
async def waits(event, context): ...
made = charge
if True:
    def conditional(event, context): ...
class Tool:
    def method(self, event): ...
"""


def task(resource: str, **more: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": resource, "End": True, **more}


def flow(**states: Any) -> str:
    return json.dumps({"StartAt": next(iter(states)), "States": states})


def test_a_task_that_names_a_python_function(project: Any) -> None:
    project.write("handlers.py", HANDLERS)
    project.write("flow.asl.yaml", "StartAt: A\nStates:\n  A: {Type: Task, Resource: handlers.charge, End: true}\n")
    plan = project.plan()
    (function,), (machine,) = plan.functions, plan.machines
    assert (function.name, function.handler) == ("shop-charge", "handlers.charge")
    assert function.runtime == f"python3.{sys.version_info.minor}"
    assert (machine.name, machine.type) == ("shop", "STANDARD")
    assert json.loads(machine.definition)["States"]["A"]["Resource"] == LAMBDA + "shop-charge"
    assert plan.skipped == ()


def test_tasks_at_every_depth(project: Any) -> None:
    project.write("handlers.py", HANDLERS)
    project.write("pay/cards.py", "def charge(event, context): ...")
    inner = {"StartAt": "C", "States": {"C": task("pay.cards.charge")}}
    nested = {"StartAt": "I", "States": {"I": {"Type": "Map", "Iterator": inner, "End": True}}}
    token = task("arn:aws:states:::lambda:invoke.waitForTaskToken", Parameters={"FunctionName": "handlers.conditional"})
    jsonata = task("arn:aws:states:::lambda:invoke", Arguments={"FunctionName": "handlers.made"})
    parallel = {"Type": "Parallel", "Branches": [nested, {"StartAt": "T", "States": {"T": token, "J": jsonata}}]}
    project.write("flow.asl.json", flow(P=parallel, D=task("handlers.imported")))
    plan = project.plan()
    assert {function.name: function.handler for function in plan.functions} == {
        "shop-pay-cards-charge": "pay.cards.charge",
        "shop-conditional": "handlers.conditional",
        "shop-made": "handlers.made",
        "shop-imported": "handlers.imported",
    }
    assert "handlers." not in plan.machines[0].definition


def test_what_is_no_python_function_stays_as_it_is_written(project: Any) -> None:
    text = (
        '{ "StartAt":"A",  "States": {"A": {"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage","End":true}}}'
    )
    project.write("flow.asl.json", text)
    plan = project.plan()
    assert plan.machines[0].definition == text
    assert plan.functions == ()


def test_only_code_is_packed(project: Any) -> None:
    project.write("handlers.py", HANDLERS)
    project.write("flow.asl.json", flow(A=task("handlers.charge")))
    wanted = ["handlers.py", "package/__init__.py", "package/data.json", "package/deep/x.py", "requirements.txt"]
    unwanted = [".git/config", ".venv/x.py", "__pycache__/x.py", "data/huge.bin", "notes.md", ".stepwell/build/x.py"]
    for name in wanted[1:] + unwanted:
        project.write(name)
    (function,) = project.plan().functions
    assert function.files is not None
    assert sorted(str(file.relative_to(project.folder)) for file in function.files) == wanted


def test_several_definitions_and_parameters(project: Any) -> None:
    project.write("flow.asl.json", flow(A=task("arn:aws:lambda:${Region}:1:function:x")))
    project.write("refund.asl.yml", "StartAt: A\nStates: {A: {Type: Pass, End: true}}")
    machines = project.plan(parameters={"Region": "eu-west-1"}).machines
    assert [machine.name for machine in machines] == ["shop", "refund"]
    assert "arn:aws:lambda:eu-west-1:1" in machines[0].definition


def test_a_file_and_its_folder_make_the_same_names(project: Any) -> None:
    project.write("handlers.py", HANDLERS)
    project.write("flow.asl.json", flow(A=task("handlers.charge")))
    assert project.plan("flow.asl.json") == project.plan()


@pytest.mark.parametrize(
    ("resource", "error"),
    [
        ("handlers.refund", "handlers.py defines no function refund; there are: charge, conditional, imported, made"),
        ("handlers.waits", "defines no function waits"),
        ("handlers.method", "defines no function method"),
        ("other.charge", "other.charge needs a file other.py beside the definition"),
        ("broken.charge", "broken.py:1: is not Python"),
        ("null.charge", "is not Python"),
        ("deep.charge", "is not Python"),
        ("stolen.charge", "leads outside the project's folder"),
        ("handlers." + "x" * 70, "a name has at most 64 characters"),
    ],
)
def test_functions_that_are_not_there(project: Any, resource: str, error: str) -> None:
    (project.folder.parent / "stolen.py").write_text("def charge(e, c): ...")
    (project.folder / "stolen.py").symlink_to(project.folder.parent / "stolen.py")
    project.write("handlers.py", HANDLERS)
    project.write("broken.py", "def charge(:")
    project.write("null.py", "x = '\0'")
    project.write("deep.py", "(" * 5000)
    project.write("flow.asl.json", flow(A=task(resource)))
    assert error in project.error()


def test_user_code_is_not_run(project: Any) -> None:
    mark = project.folder / "ran"
    project.write("handlers.py", f"open({str(mark)!r}, 'w')\ndef charge(e, c): ...")
    project.write("flow.asl.json", flow(A=task("handlers.charge")))
    project.plan()
    assert not mark.exists()


def test_two_functions_of_one_name(project: Any) -> None:
    project.write("handlers.py", "def pay_charge(e, c): ...\n")
    project.write("a/b.py", "def x(e, c): ...")
    project.write("a-b.asl.json", flow(A=task("a.b.x")))
    project.write("a_b.py", "")
    project.write("a/b/x.py", "")
    project.write("z.asl.json", flow(A=task("handlers.pay_charge")))
    assert [function.name for function in project.plan().functions] == ["shop-a-b-x", "shop-pay_charge"]


def test_two_definitions_of_one_name(project: Any) -> None:
    project.write("a.asl.json", flow(A={"Type": "Pass", "End": True}))
    project.write("a.asl.yaml", "StartAt: A")
    assert "a.asl.json and a.asl.yaml both make the state machine a" in project.error()


@pytest.mark.parametrize("states", [None, [], "x", {"A": None}, {"A": {"Type": "Parallel", "Branches": 3}}])
def test_definitions_of_other_shapes_are_left_to_the_compiler(project: Any, states: Any) -> None:
    project.write("flow.asl.json", json.dumps({"StartAt": "A", "States": states}))
    assert json.loads(project.plan().machines[0].definition)["States"] == states


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("", "has neither template.yaml, template.yml, template.json nor a definition such as flow.asl.yaml"),
        ("missing", "does not exist"),
        ("readme.md", "is neither a template nor a definition"),
        ("flow.json", "is a state machine definition: name it with .asl.json"),
        ("values.json", "is not a SAM or CloudFormation template: it has no Resources"),
    ],
)
def test_paths_that_hold_no_project(project: Any, name: str, error: str) -> None:
    project.write("readme.md")
    project.write("flow.json", flow(A={"Type": "Pass", "End": True}))
    project.write("values.json", '{"a": 1}')
    assert error in project.error(name)


def test_a_template_counts_before_definitions(project: Any) -> None:
    project.write("flow.asl.json", flow(A={"Type": "Pass", "End": True}))
    project.write("template.yaml", "Resources: {Work: {Type: AWS::StepFunctions::Activity}}")
    plan = project.plan()
    assert (plan.machines, [activity.name for activity in plan.activities]) == ((), ["Work"])


@pytest.mark.skipif(not DEFINITIONS.exists(), reason="the recorded definitions are not beside the repository")
def test_definitions_that_people_deploy() -> None:
    refused = set()
    for path in sorted(DEFINITIONS.iterdir()):
        try:
            (machine,) = load_plan(path).machines
        except ProjectError:
            refused.add(path.name)
        else:
            assert json.loads(machine.definition)["StartAt"]
    assert refused == NOT_JSON


def test_a_new_project_is_a_project(tmp_path: Path) -> None:
    folder = create_project("hello", tmp_path)
    plan = load_plan(folder)
    assert sorted(function.name for function in plan.functions) == ["hello-check", "hello-greet"]
    assert [machine.name for machine in plan.machines] == ["hello"]
    assert json.loads((folder / "input.json").read_text())["names"]
    assert "stepwell run hello" in (folder / "README.md").read_text()


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "../a", "/a", "a\\b", "-a", "1a", "a" * 41, "a\0", "a b", "ä", "a\n"]
)
def test_project_names_that_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ProjectError, match="is no project name"):
        create_project(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_new_project_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "hello").mkdir()
    with pytest.raises(ProjectError, match="exists already"):
        create_project("hello", tmp_path)
    with pytest.raises(ProjectError, match="cannot make"):
        create_project("hello", tmp_path / "missing")
