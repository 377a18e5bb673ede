"""Two or three prototypes of a project: as it is, and with one change each. All deploy and run as they are made.

What is changed is small and stands in the project's own files, because it is there to be read and edited.
"""

import difflib
import json
from collections.abc import Collection, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from stepwell.bench.own.state import PROTOTYPE, PROTOTYPES, Prototype
from stepwell.bench.own.template import FUNCTIONS, Members, Project, UnusableProject

AS_IS, CLAIMED, ORCHESTRATED = "as-is", "claimed", "orchestrated"

CLAIMS = "OnceClaims"
"""The table in which requests are claimed."""

_MACHINE = "Orchestrated"
_MAX_TEXT_BYTES = 1 << 20

_TABLE = {
    "Type": "AWS::DynamoDB::Table",
    "Properties": {
        "TableName": CLAIMS,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    },
}


def scaffold(project: Project, start: str, changing: Collection[str], folder: Path) -> list[str]:
    """Makes them below `folder`. `start` is the resource that begins the work, `changing` the functions that change
    state or have effects. Gives notes for a person on what was left as it is. Raises `UnusableProject`.
    """
    by_function = start in project.of_type(*FUNCTIONS)
    guarded = {name: code for name in changing if (code := _code_folder(project, name))}
    _make(project, folder, AS_IS, Prototype(title="as it is", start=start), {}, claims=False)
    _make(project, folder, CLAIMED, Prototype(title="requests claimed by a conditional write, keys for the outside",
                                              start=start), guarded, claims=True)  # fmt: skip
    if by_function:
        started = Prototype(title="a state machine named by the request, keys for the outside", start=_MACHINE,
                            named=True)  # fmt: skip
        made = _make(project, folder, ORCHESTRATED, started, guarded, claims=False)
        made.members["Resources"][_MACHINE] = _machine(start)
        made.write()
    else:
        started = Prototype(title="executions named by the request, which is also claimed", start=start, named=True)
        _make(project, folder, ORCHESTRATED, started, guarded, claims=True)
    return [f"{name} has no folder of code that a prototype could change: it is as it was in all of them"
            for name in changing if name not in guarded]  # fmt: skip


def _make(
    project: Project, folder: Path, name: str, prototype: Prototype, guarded: dict[str, Path], *, claims: bool
) -> Project:
    made = project.copy_to(folder / PROTOTYPES / name)
    for function, code in guarded.items():
        _guard(made, function, claims=claims)
        once = files("stepwell.bench.own") / "shipped" / "once.py"
        (made.folder / code / "once.py").write_text(once.read_text("utf-8"), "utf-8")
    if claims and guarded:
        made.members["Resources"][CLAIMS] = _TABLE
    if guarded:
        made.write()
    lines = [f"{field}: {json.dumps(getattr(prototype, field))}" for field in prototype.__struct_fields__]
    (made.folder / PROTOTYPE).write_text("\n".join(lines) + "\n", "utf-8")
    return made


def _guard(project: Project, function: str, *, claims: bool) -> None:
    resource = project.members["Resources"][function]
    properties = resource.setdefault("Properties", {})
    variables = properties.setdefault("Environment", {}).setdefault("Variables", {})
    variables["ONCE_HANDLER"] = project.setting(function, "Handler")
    if claims:
        variables["ONCE_TABLE"] = {"Ref": CLAIMS}
    properties["Handler"] = "once.handler"


def _code_folder(project: Project, function: str) -> Path | None:
    """Where a function's code is, relative to the template; None when it is in no folder that can be added to."""
    name = project.setting(function, "CodeUri") or project.setting(function, "Code") or "."
    if not isinstance(name, str) or not isinstance(project.setting(function, "Handler"), str):
        return None
    folder = (project.folder / name).resolve()
    if not folder.is_relative_to(project.folder.resolve()):
        raise UnusableProject(f"{function}: the code is in {name}, outside the folder of the template")
    return folder.relative_to(project.folder.resolve()) if folder.is_dir() else None


def _machine(function: str) -> Members:
    """Hands the function its event and a key that is the execution's; tries again what a worker's death cut short."""
    lost = ["Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.TooManyRequestsException",
            "Runtime.ExitError", "Sandbox.Timedout", "States.TaskFailed"]  # fmt: skip
    key = "{'idempotency_key': $states.context.Execution.Name & '/' & $states.context.State.Name}"
    work = {
        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": "${Function}", "Payload": f"{{% $merge([$states.input, {key}]) %}}"},
        "Output": "{% $states.result.Payload %}", "End": True,
        "Retry": [{"ErrorEquals": lost, "IntervalSeconds": 1, "MaxAttempts": 5, "BackoffRate": 1}],
    }  # fmt: skip
    definition = {"QueryLanguage": "JSONata", "StartAt": "Work", "States": {"Work": work}}
    return {
        "Type": "AWS::Serverless::StateMachine",
        "Properties": {
            "Definition": definition,
            "DefinitionSubstitutions": {"Function": {"Fn::GetAtt": [function, "Arn"]}},
            "Policies": [{"LambdaInvokePolicy": {"FunctionName": {"Ref": function}}}],
        },
    }


def size_of_change(one: Path, other: Path) -> dict[str, int]:
    """By how many lines each text file of the other folder differs: those that were added, changed or removed.

    A template counts by what it says, so that its layout does not.
    """
    texts = [_texts(folder) for folder in (one, other)]
    sizes = {}
    for name in sorted(texts[0].keys() | texts[1].keys()):
        before, after = (each.get(name, []) for each in texts)
        if before != after:
            signs = [line[0] for line in difflib.ndiff(before, after)]
            sizes[name] = max(signs.count("+"), signs.count("-"))
    return sizes


def _texts(folder: Path) -> dict[str, list[str]]:
    return {str(path.relative_to(folder)): _lines(path) for path in _text_files(folder)}


def _text_files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        hidden = any(part.startswith((".", "__pycache__")) for part in path.relative_to(folder).parts)
        small = path.is_file() and path.stat().st_size <= _MAX_TEXT_BYTES
        if small and not hidden and path.name != PROTOTYPE:
            yield path


def _lines(path: Path) -> list[str]:
    if path.name.startswith("template."):
        members: Any = Project.read(path).members
        return str(yaml.safe_dump(members, sort_keys=False)).splitlines()
    return path.read_text("utf-8", "replace").splitlines()
