"""`stepwell validate`: the compiler's findings about a project's definitions, without an endpoint."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepwell.asl.compile import check_definition
from stepwell.asl.errors import Diagnostic
from stepwell.project.bare import is_definition
from stepwell.project.definition import load_definition
from stepwell.project.discover import load_plan
from stepwell.project.files import parse_yaml, read_text
from stepwell.project.plan import ProjectError
from stepwell.tasks.custom import load_resources


@dataclass(frozen=True, slots=True)
class Finding:
    """A diagnostic with the state machine and the file that it is about; `line` where the file shows it, else None."""

    machine: str
    file: Path
    line: int | None
    diagnostic: Diagnostic

    def __str__(self) -> str:
        found = self.diagnostic
        place = f"{self.file}:{self.line}" if self.line else f"{self.file}"
        at = f" at {found.location}" if found.location else ""
        return f"{place}: {found.severity} {found.code}: {found.message}{at}"

    def members(self) -> dict[str, Any]:
        """AWS's members of a diagnostic, and where it is."""
        found = self.diagnostic
        return {
            "severity": found.severity,
            "code": found.code,
            "message": found.message,
            "location": found.location,
            "stateMachine": self.machine,
            "file": str(self.file),
            "line": self.line,
        }


def check(
    path: Path, parameters: Mapping[str, str], resources: Iterable[Path] = ()
) -> tuple[list[str], list[Finding]]:  # fmt: skip
    """The names of the state machines at a path, and all findings about them. Raises `ProjectError`, `BadResource`.

    `resources` are files with resources of the user's own, which Task states may name.
    """
    recognizes = load_resources(resources).recognizes
    found = machines(path, parameters)
    findings = [
        Finding(name, origin, _line(origin, diagnostic.location), diagnostic)
        for name, text, express, origin in found
        for diagnostic in check_definition(text, express=express, recognizes=recognizes)
    ]
    return [name for name, _, _, _ in found], findings


def machines(path: Path, parameters: Mapping[str, str]) -> list[tuple[str, str, bool, Path]]:
    """Name, definition, whether it is Express, and origin."""
    if path.is_file() and not is_definition(path) and (text := _definition(path, parameters)):
        return [(path.stem, text, False, path)]
    plan = load_plan(path, parameters)
    return [(machine.name, machine.definition, machine.type == "EXPRESS", machine.origin) for machine in plan.machines]


def _definition(path: Path, parameters: Mapping[str, str]) -> str | None:
    """The text of a definition in a file that has no name for it; None when it is something else."""
    try:
        text = load_definition(path, parameters)
    except ProjectError:
        return None
    value = json.loads(text)
    return text if "States" in value and "Resources" not in value else None


def _line(file: Path, location: str) -> int | None:
    """The line of a pointer such as `/States/Charge/Next`, or of the closest field above it that the file shows."""
    try:
        return parse_yaml(read_text(file), file).line(*location.strip("/").split("/"))
    except ProjectError:
        # A template with tags of its own, or JSON that is no YAML: the pointer alone says where.
        return None
