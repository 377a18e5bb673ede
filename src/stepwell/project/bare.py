"""Definitions without a template: a Task's Resource `handlers.charge` is a Python function beside the definition.

Nothing is imported to find out which functions there are: the files are only parsed.
"""

import ast
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from stepwell.project.definition import SUFFIXES, load_definition
from stepwell.project.files import NOT_PACKED, read_text, source_files
from stepwell.project.plan import FunctionPlan, MachinePlan, Plan, ProjectError

TIMEOUT_SECONDS = 60
MEMORY_MB = 512
"""More than Lambda's 3 s and 128 MB: who writes no template has no place to raise them."""

_LOCAL = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", re.ASCII)
_INVOKE = "arn:aws:states:::lambda:invoke"
_MAX_NAME_CHARACTERS = 64


def is_definition(path: Path) -> bool:
    return path.name.lower().endswith(SUFFIXES)


def load_bare(folder: Path, definitions: Sequence[Path], parameters: Mapping[str, str]) -> Plan:
    """The plan of definition files in a folder. `parameters` replace `${NAME}` in them. Raises `ProjectError`.

    `flow.asl.yaml` becomes a state machine with the folder's name, any other `x.asl.yaml` one named `x`.
    """
    folder = folder.resolve()
    functions: dict[str, FunctionPlan] = {}
    machines: dict[str, MachinePlan] = {}
    for path in sorted(definitions):
        machine = _machine(folder, path, parameters, functions)
        if twin := machines.get(machine.name):
            raise ProjectError(f"{twin.origin.name} and {path.name} both make the state machine {machine.name}", path)
        machines[machine.name] = machine
    return Plan(folder=folder, functions=tuple(functions.values()), machines=tuple(machines.values()))


def _machine(
    folder: Path, path: Path, parameters: Mapping[str, str], functions: dict[str, FunctionPlan]
) -> MachinePlan:
    text = load_definition(path, parameters)
    value = json.loads(text)
    changed = False
    for holder, key in _local_resources(value, folder):
        function = _function(folder, path, holder[key], functions)
        holder[key] = function.arn
        changed = True
    stem = path.name[: path.name.lower().rindex(".asl.")]
    name = _name(folder.name if stem == "flow" else stem)
    definition = json.dumps(value, indent=2, ensure_ascii=False) if changed else text
    return MachinePlan(logical_id=name, name=name, type="STANDARD", definition=definition, origin=path)


def _local_resources(definition: dict[str, Any], folder: Path) -> Iterator[tuple[dict[str, Any], str]]:
    """Where a definition names a Python function: a Task's Resource, and FunctionName of `lambda:invoke`."""
    for state in _states(definition):
        resource = state.get("Resource")
        if state.get("Type") != "Task" or not isinstance(resource, str):
            continue
        if _LOCAL.fullmatch(resource):
            yield state, "Resource"
        elif resource.startswith(_INVOKE):
            for field in ("Parameters", "Arguments"):
                arguments = state.get(field)
                if isinstance(arguments, dict) and _LOCAL.fullmatch(str(arguments.get("FunctionName", ""))):
                    yield arguments, "FunctionName"


def _states(definition: Any) -> Iterator[dict[str, Any]]:
    """All states, those of branches and processors too; what has another shape is for the compiler to refuse."""
    states = definition.get("States") if isinstance(definition, dict) else None
    for state in states.values() if isinstance(states, dict) else ():
        if isinstance(state, dict):
            yield state
            branches = state.get("Branches")
            for part in (
                *(branches if isinstance(branches, list) else ()),
                state.get("Iterator"),
                state.get("ItemProcessor"),
            ):
                yield from _states(part)


def _function(folder: Path, path: Path, resource: str, functions: dict[str, FunctionPlan]) -> FunctionPlan:
    module, _, function = resource.rpartition(".")
    short = function if module == "handlers" else resource.replace(".", "-")
    name = _name(f"{folder.name}-{short}")
    if len(name) > _MAX_NAME_CHARACTERS:
        raise ProjectError(
            f"{resource} would be the function {name}: a name has at most {_MAX_NAME_CHARACTERS} characters", path
        )
    if name not in functions:
        _check_exists(folder, path, module, function)
        functions[name] = FunctionPlan(
            logical_id=name,
            name=name,
            handler=resource,
            runtime=f"python3.{sys.version_info.minor}",
            source=folder,
            files=tuple(packed_files(folder)),
            timeout_seconds=TIMEOUT_SECONDS,
            memory_mb=MEMORY_MB,
        )
    elif functions[name].handler != resource:
        raise ProjectError(f"{resource} and {functions[name].handler} both make the function {name}", path)
    return functions[name]


def packed_files(folder: Path) -> Iterator[Path]:
    """What functions of a bare folder are packed with: its Python files and packages, and requirements files."""
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            if path.name not in NOT_PACKED and (path / "__init__.py").is_file():
                yield from source_files(folder, path)
        elif path.suffix == ".py" or path.match("requirements*.txt"):
            yield path


def _check_exists(folder: Path, path: Path, module: str, function: str) -> None:
    stem = folder.joinpath(*module.split("."))
    file = next((file for file in (stem.with_suffix(".py"), stem / "__init__.py") if file.is_file()), None)
    if file is None:
        raise ProjectError(
            f"{module}.{function} needs a file {module.replace('.', '/')}.py beside the definition", path
        )
    if not file.resolve().is_relative_to(folder):
        raise ProjectError(f"{file} leads outside the project's folder", path)
    names = _defined(file)
    if function not in names and "*" not in names:
        there = ", ".join(sorted(name for name in names if not name.startswith("_"))) or "none"
        raise ProjectError(f"{file.name} defines no function {function}; there are: {there}", path)


def _defined(file: Path) -> set[str]:
    """The names that a module binds at its top level to what may be a function; `*` stands for a star import."""
    try:
        module = ast.parse(read_text(file), str(file))
    except SyntaxError as error:
        raise ProjectError(f"is not Python: {error.msg}", file, error.lineno) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise ProjectError(f"is not Python: {error}", file) from None
    return set(_bound(module.body))


def _bound(statements: Sequence[ast.stmt]) -> Iterator[str]:
    for statement in statements:
        if isinstance(statement, ast.AsyncFunctionDef):
            continue  # The runtime of Lambda does not await handlers.
        if isinstance(statement, ast.FunctionDef):
            yield statement.name
        elif isinstance(statement, ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in statement.names)
        elif isinstance(statement, ast.Assign):
            yield from (target.id for target in statement.targets if isinstance(target, ast.Name))
        else:
            for block in ("body", "orelse", "handlers", "finalbody"):
                if not isinstance(statement, ast.ClassDef):
                    yield from _bound(getattr(statement, block, []))


def _name(text: str) -> str:
    """A name that both Lambda and Step Functions take."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-") or "flow"
