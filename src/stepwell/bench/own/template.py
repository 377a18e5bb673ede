"""A SAM or CloudFormation template as data: read without running anything, changed, and written for a deployment.

Reading is bounded, because templates come from elsewhere: their size, their depth, and what their aliases stand for
when they are written out. Functions and their properties are resolved by `stepwell deploy`, not here.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Members = dict[str, Any]

NAMES = ("template.yaml", "template.yml", "template.json")
FUNCTIONS = ("AWS::Serverless::Function", "AWS::Lambda::Function")
MACHINES = ("AWS::Serverless::StateMachine", "AWS::StepFunctions::StateMachine")

_MAX_BYTES = 1 << 20
_MAX_VALUES = 200_000
_MAX_FILES, _MAX_PROJECT_BYTES = 20_000, 300 << 20
_LEFT_OUT = (
    ".git", ".hg", ".venv", "venv", "node_modules", "__pycache__", ".aws-sam", ".stepwell", ".pytest_cache",
    ".mypy_cache", ".ruff_cache",
)  # fmt: skip


class UnusableProject(Exception):
    """A project or folder that cannot be measured as it is; the text names the cause and what would be right."""


@dataclass(frozen=True, slots=True)
class Project:
    """A template in its folder. `members` is the template in CloudFormation's long form, which JSON can hold."""

    path: Path
    members: Members

    @classmethod
    def read(cls, path: Path) -> "Project":
        """Of a template, or of a folder that has one. Raises `UnusableProject`."""
        if path.is_dir():
            found = [path / name for name in NAMES if (path / name).is_file()]
            if not found:
                raise UnusableProject(f"{path} has no {', '.join(NAMES)}: give a folder that has one, or the template")
            path = found[0]
        return cls(path.absolute(), _parsed(path))

    @property
    def folder(self) -> Path:
        return self.path.parent

    @property
    def resources(self) -> Members:
        return dict(self.members["Resources"])

    def of_type(self, *types: str) -> list[str]:
        """The logical ids of resources of these types that are not under a Condition."""
        return [name for name, each in self.resources.items() if each.get("Type") in types and "Condition" not in each]

    def properties(self, name: str) -> Members:
        return dict(self.resources[name].get("Properties") or {})

    def setting(self, name: str, setting: str) -> Any:
        """A property of a function: its own, or that of Globals."""
        shared = (self.members.get("Globals") or {}).get("Function") or {}
        return self.properties(name).get(setting, shared.get(setting))

    def changed(self) -> "Project":
        """A copy whose members may be changed."""
        return Project(self.path, deepcopy(self.members))

    def write(self) -> None:
        """Puts the members where the template was read, as YAML or JSON."""
        text = (
            json.dumps(self.members, indent=2) + "\n"
            if self.path.suffix == ".json"
            else yaml.safe_dump(self.members, sort_keys=False, width=120)
        )
        self.path.write_text(text, "utf-8")

    def copy_to(self, folder: Path) -> "Project":
        """The project in another folder, without what tools have left in it. Raises `UnusableProject`."""
        _check_files(self.folder, folder)
        shutil.copytree(self.folder, folder, ignore=_ignored(folder), symlinks=True)
        return Project(folder / self.path.name, deepcopy(self.members))


def _ignored(target: Path) -> Callable[[str, list[str]], list[str]]:
    """What is not copied; nor is the target itself, where it lies in the source."""
    inside = target.resolve()

    def ignore(parent: str, names: list[str]) -> list[str]:
        here = Path(parent).resolve()
        return [name for name in names if name in _LEFT_OUT or inside.is_relative_to(here / name)]

    return ignore


def _check_files(folder: Path, target: Path) -> None:
    """That there is no link out of the folder, and not more than one would want to copy."""
    root, count, size = folder.resolve(), 0, 0
    for path in _files(folder, target.resolve()):
        if path.is_symlink() and not path.resolve().is_relative_to(root):
            raise UnusableProject(f"{path} is a link to {path.resolve()}, outside the project's folder: copy it there")
        count, size = count + 1, size + path.lstat().st_size
        if count > _MAX_FILES or size > _MAX_PROJECT_BYTES:
            raise UnusableProject(f"{folder} has more than {_MAX_FILES:,} files or {_MAX_PROJECT_BYTES >> 20} MiB")


def _files(folder: Path, target: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name in _LEFT_OUT or target.is_relative_to(path.resolve()):
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _files(path, target)
        else:
            yield path


def _parsed(path: Path) -> Members:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise UnusableProject(f"{path} has more than {_MAX_BYTES:,} bytes, AWS's limit")
        node = yaml.compose(data, _Loader)
        _check_values(node, path)
        members = yaml.load(data, _Loader)
    except OSError as error:
        raise UnusableProject(f"{path} cannot be read: {error.strerror}") from None
    except RecursionError:
        raise UnusableProject(f"{path} is nested too deeply, or has an alias that contains itself") from None
    except (yaml.YAMLError, ValueError) as error:
        raise UnusableProject(f"{path} is not a template that can be read: {error}") from None
    resources = members.get("Resources") if isinstance(members, dict) else None
    if not isinstance(resources, dict) or not all(isinstance(each, dict) for each in resources.values()):
        raise UnusableProject(f"{path} is not a template: it has no Resources")
    return dict(members)


def _check_values(root: yaml.Node | None, path: Path) -> None:
    """Counts each alias as what it stands for, so that a few lines cannot become millions of values."""
    sizes: dict[int, int] = {}

    def size(node: Any) -> int:
        if id(node) not in sizes:
            children = node.value if isinstance(node.value, list) else []
            flat = [part for child in children for part in (child if isinstance(child, tuple) else (child,))]
            sizes[id(node)] = 1 + sum(map(size, flat))
        if sizes[id(node)] > _MAX_VALUES:
            raise UnusableProject(
                f"{path} stands for more than {_MAX_VALUES:,} values when its aliases are written out"
            )
        return sizes[id(node)]

    if root is not None:
        size(root)


class _Loader(yaml.SafeLoader):
    """CloudFormation's short forms become its long ones, dates stay text, and no other tag makes a value."""


def _short_form(loader: Any, name: str, node: Any) -> Members:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if name == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}


def _as_text(loader: Any, node: Any) -> str:
    return str(loader.construct_scalar(node))


_Loader.add_multi_constructor("!", _short_form)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _as_text)
