"""From the path that a person names to the plan of what is there."""

from collections.abc import Mapping
from pathlib import Path

from stepwell.project.assembly import templates
from stepwell.project.bare import is_definition, load_bare
from stepwell.project.files import parse_json, parse_yaml, read_text
from stepwell.project.intrinsics import short_tag
from stepwell.project.plan import Plan, ProjectError
from stepwell.project.template import load_template

TEMPLATES = ("template.yaml", "template.yml", "template.json")
_SUFFIXES = (".yaml", ".yml", ".json")


def load_plan(path: Path, parameters: Mapping[str, str] | None = None) -> Plan:
    """What to deploy of a folder, a template or a definition. Raises `ProjectError`.

    In a folder, a template counts before what `cdk synth` wrote, and that before bare definitions. `parameters` are
    the template's Parameters, or what `${NAME}` stands for in bare definitions.
    """
    parameters = parameters or {}
    if path.is_dir():
        return _folder(path, parameters)
    if not path.is_file():
        raise ProjectError(f"{path} does not exist: give a folder, a template or a file such as flow.asl.yaml")
    if is_definition(path):
        return load_bare(path.parent, [path], parameters)
    if path.suffix.lower() not in _SUFFIXES:
        raise ProjectError("is neither a template nor a definition: their names end in .yaml, .yml or .json", path)
    if _is_definition_value(path):
        raise ProjectError("is a state machine definition: name it with .asl.json or .asl.yaml at the end", path)
    return load_template(path, parameters)


def _folder(folder: Path, parameters: Mapping[str, str]) -> Plan:
    for name in TEMPLATES:
        if (folder / name).is_file():
            return load_template(folder / name, parameters)
    if synthesized := templates(folder):
        return load_template(_only(synthesized, folder), parameters)
    definitions = [path for path in folder.iterdir() if is_definition(path) and path.is_file()]
    if not definitions:
        raise ProjectError(f"{folder} has neither {', '.join(TEMPLATES)} nor a definition such as flow.asl.yaml")
    return load_bare(folder, definitions, parameters)


def _only(synthesized: list[Path], folder: Path) -> Path:
    if len(synthesized) > 1:
        names = ", ".join(str(path.relative_to(folder.resolve())) for path in synthesized)
        raise ProjectError(f"{folder} holds {len(synthesized)} stacks: name the template of one, {names}")
    return synthesized[0]


def _is_definition_value(path: Path) -> bool:
    text = read_text(path)
    value = parse_json(text, path) if path.suffix.lower() == ".json" else parse_yaml(text, path, short_tag).value
    return isinstance(value, dict) and "StartAt" in value and "Resources" not in value
