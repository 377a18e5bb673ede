"""YAML files that a person writes: bounded, and checked against a type before anything uses them.

Every scalar is read as text and then taken for what the type says, so that nothing is a date or a truth value because
it looks like one.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

T = TypeVar("T")

MAX_BYTES = 1 << 16


class UnusableSettings(Exception):
    """A file that cannot be used as it is; the text names the file, the place and what would be right."""


def read_settings(path: Path, type: type[T]) -> T:
    """The file's content as `type`. Raises `UnusableSettings`."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UnusableSettings(f"{path} cannot be read: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise UnusableSettings(f"{path} has more than {MAX_BYTES:,} bytes")
    try:
        members = yaml.load(data, _Loader)
    except RecursionError:
        raise UnusableSettings(f"{path} is not YAML that can be used: it is nested too deeply") from None
    except (yaml.YAMLError, ValueError) as error:
        raise UnusableSettings(f"{path} is not YAML that can be used: {error}") from None
    return checked(members, type, str(path))


def checked(members: Any, type: type[T], where: str) -> T:
    """What was read, as `type`. Raises `UnusableSettings` that begins with `where`."""
    try:
        return msgspec.convert(members, type, strict=False)
    except msgspec.ValidationError as error:
        raise UnusableSettings(f"{where}: {error}") from None


def check_names(given: Mapping[str, Any], known: Mapping[str, Any], where: str, *, complete: bool) -> None:
    """That only known names are given, and with `complete` all of them. Raises `UnusableSettings`."""
    if unknown := sorted(given.keys() - known.keys()):
        raise UnusableSettings(f"{where}: {', '.join(unknown)}: unknown; the names are {', '.join(sorted(known))}")
    if complete and (missing := sorted(known.keys() - given.keys())):
        raise UnusableSettings(f"{where}: {', '.join(missing)}: missing; add what it is there")


class _Loader(yaml.BaseLoader):
    """Refuses a key that stands twice: which of the two counts is nothing that a reader of the file would know."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        members = super().construct_mapping(node, deep)
        if isinstance(node, yaml.MappingNode) and len(members) < len(node.value):
            names = [key.value for key, _ in node.value]
            repeated = next(key for key, _ in reversed(node.value) if names.count(key.value) > 1)
            raise yaml.constructor.ConstructorError(
                None, None, f"{repeated.value} stands more than once", repeated.start_mark
            )
        return members
