"""State machine definitions: a JSON or YAML file, or a value of a template, to the JSON text that AWS takes."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stepwell.project.files import parse_json, parse_yaml, read_text
from stepwell.project.plan import ProjectError

SUFFIXES = (".asl.json", ".asl.yaml", ".asl.yml")

_PLACEHOLDER = re.compile(r"\$\{([A-Za-z0-9_]+)\}")
_YAML_SUFFIXES = (".yaml", ".yml")


def load_definition(path: Path, substitutions: Mapping[str, str]) -> str:
    """The definition in a file as JSON text, with `${name}` replaced by the substitution of that name.

    JSON is passed on as it is written, because DescribeStateMachine gives it back so; YAML becomes indented JSON.
    As on AWS, substitution is textual: a placeholder outside quotes may stand for any JSON value, one that has no
    substitution stays. Raises `ProjectError`.
    """
    text = read_text(path)
    if path.suffix.lower() in _YAML_SUFFIXES:
        text = to_json(parse_yaml(text, path).value, path)
    return checked(substitute(text, substitutions), path)


def to_json(value: Any, path: Path) -> str:
    """A definition written as a value; refuses what is no object."""
    if not isinstance(value, dict):
        raise ProjectError("a state machine definition is an object with StartAt and States", path)
    return json.dumps(value, indent=2, ensure_ascii=False)


def substitute(text: str, substitutions: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda match: substitutions.get(match[1], match[0]), text)


def checked(text: str, path: Path) -> str:
    """The text, when it is a JSON object. Raises `ProjectError`, which names placeholders that stay open."""
    try:
        value = parse_json(text, path)
    except ProjectError as error:
        if names := sorted(set(_PLACEHOLDER.findall(text))):
            hint = f"DefinitionSubstitutions or --parameter give no value for {', '.join(names)}"
            raise ProjectError(f"{error.message} ({hint})", error.file, error.line) from None
        raise
    to_json(value, path)
    return text
