"""A project folder in the making, and the plan of it."""

import textwrap
from collections.abc import Mapping
from pathlib import Path

import pytest

from stepwell.project.discover import load_plan
from stepwell.project.plan import Plan, ProjectError


class Project:
    """A folder to write files into. What `plan` gives, or how it fails, is what the tests look at."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, text: str = "") -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    def plan(self, name: str = "", parameters: Mapping[str, str] | None = None) -> Plan:
        return load_plan(self.folder / name, parameters or {})

    def error(self, name: str = "", parameters: Mapping[str, str] | None = None) -> str:
        with pytest.raises(ProjectError) as caught:
            self.plan(name, parameters)
        return str(caught.value)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = tmp_path / "shop"
    folder.mkdir()
    return Project(folder)
