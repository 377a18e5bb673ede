"""How data flows through a state, as closures.

JSONPath: InputPath, Parameters, the work, ResultSelector, ResultPath, OutputPath. JSONata: Arguments, the work, Output.
Assign stands beside the last of these and sees the result of the work itself.
"""

from collections.abc import Mapping

from stepwell.asl.errors import RESULT_PATH_MATCH_FAILURE, RUNTIME, StatesError
from stepwell.asl.jsonpath import PathError
from stepwell.asl.jsontext import Json, encode
from stepwell.asl.program import Assigned, Finish
from stepwell.asl.reference import Reference
from stepwell.asl.scope import Evaluate, Scope
from stepwell.asl.site import ERROR_OUTPUT, NOTHING, RESULT, Site

_NOTHING: Mapping[str, Json] = {}

VARIABLE_NAME_MAX = 80

RESULT_TYPES = frozenset({"Task", "Parallel", "Map"})
"""The types whose work has a result; that of the others is their input."""

_PLACED_TYPES = RESULT_TYPES | {"Pass"}
"""The types whose result is placed in their input."""


def read(reference: Reference, scope: Scope) -> Json:
    """The value at a path. Raises States.Runtime in AWS's words where there is none."""
    try:
        return reference.read(scope)
    except PathError as error:
        raise StatesError(RUNTIME, f"Invalid path '{reference.text}' : {error}") from None


def compile_prepare(site: Site, state: Mapping[str, Json], template_field: str | None) -> Evaluate | None:
    """What the state works on; None where that is its input. `template_field` is Parameters or Arguments."""
    template = None
    if template_field is not None and template_field in state:
        template = site.template(state[template_field], template_field)
    if template_field is not None:
        template = site.watched(template_field, template, _input)
    if site.jsonata:
        return template
    narrow = site.watched("InputPath", _path_filter(site, state, "InputPath"), _input)
    if narrow is None:
        return template
    if template is None:
        return narrow
    selected, made = narrow, template
    return lambda scope: made(scope.narrowed(selected(scope)))


def _input(scope: Scope, /) -> Json:
    return scope.input


def _path_filter(site: Site, state: Mapping[str, Json], field: str) -> Evaluate | None:
    """InputPath or OutputPath; None for `$`. A JSON null gives an empty object."""
    if field not in state or state[field] == "$":
        return None
    if state[field] is None:
        return lambda scope: {}
    reference = site.reference(state[field], field)
    return None if reference is None else lambda scope: read(reference, scope)


def compile_finish(site: Site, state: Mapping[str, Json]) -> Finish | None:
    """From the result of the work to the output and the assigned variables; None where the output is the result."""
    if site.jsonata:
        return _compile_jsonata_finish(site, state, "", RESULT if state.get("Type") in RESULT_TYPES else NOTHING)
    assign = _compile_assign(site, state)
    selector = site.template(state["ResultSelector"], "ResultSelector") if "ResultSelector" in state else None
    placement = _placement(site, state)
    place = None if placement is None else placement.apply
    if state.get("Type") in _PLACED_TYPES:
        selector = site.watched("ResultSelector", selector, _input)
        place = site.watched("ResultPath", place, _value)
    narrow = _path_filter(site, state, "OutputPath")
    if assign is None and selector is None and place is None and narrow is None:
        return None

    def finish(scope: Scope, result: Json) -> tuple[Json, Assigned]:
        output = result if selector is None else selector(scope.narrowed(result))
        if place is not None:
            output = place(scope.input, output)
        if narrow is not None:
            output = narrow(scope.narrowed(output))
        return output, _NOTHING if assign is None else assign(scope.narrowed(result))

    return finish


def _value(document: Json, value: Json, /) -> Json:
    return value


def _compile_assign(
    site: Site, owner: Mapping[str, Json], prefix: str = "", offers: frozenset[str] = NOTHING
) -> Evaluate | None:
    """The template of Assign, which is always an object; None where there is none."""
    if "Assign" not in owner:
        return None
    field = f"{prefix}Assign"
    if not isinstance(owner["Assign"], dict):
        site.problem("Expected value of type Object", field)
        return None
    for key in owner["Assign"]:
        name = key if site.jsonata else key.removesuffix(".$")
        if not name.isidentifier() or len(name) > VARIABLE_NAME_MAX or name == "states":
            site.problem(f"'{name}' is not a valid variable name", field)
    return site.template(owner["Assign"], field, offers)


def assigned_names(owner: Mapping[str, Json]) -> list[str]:
    """The variables that the Assign of a state, a choice rule or a catcher names."""
    assign = owner.get("Assign")
    return [name.removesuffix(".$") for name in assign] if isinstance(assign, dict) else []


def _compile_jsonata_finish(
    site: Site, owner: Mapping[str, Json], prefix: str, offers: frozenset[str]
) -> Finish | None:
    """Output and Assign of a state, a choice rule or a catcher; `prefix` is such as `Choices[0]/`."""
    output = site.template(owner["Output"], f"{prefix}Output", offers) if "Output" in owner else None
    assign = _compile_assign(site, owner, prefix, offers)
    if output is None and assign is None:
        return None

    def finish(scope: Scope, result: Json) -> tuple[Json, Assigned]:
        made = result if output is None else output(scope)
        return made, _NOTHING if assign is None else assign(scope)

    return finish


def compile_rule_finish(site: Site, state: Mapping[str, Json], rule: Mapping[str, Json], prefix: str) -> Finish:
    """A followed choice rule: its own Assign and Output replace the state's."""
    if site.jsonata:
        return _compile_jsonata_finish(site, rule, prefix, NOTHING) or _pass_on
    assign = _compile_assign(site, rule, prefix)
    narrow = _path_filter(site, state, "OutputPath")

    def finish(scope: Scope, result: Json) -> tuple[Json, Assigned]:
        output = result if narrow is None else narrow(scope.narrowed(result))
        return output, _NOTHING if assign is None else assign(scope.narrowed(result))

    return finish


def compile_catch_finish(site: Site, catcher: Mapping[str, Json], prefix: str) -> Finish:
    """A catcher: the error output becomes the output, or goes to ResultPath in the state's input."""
    if site.jsonata:
        return _compile_jsonata_finish(site, catcher, prefix, ERROR_OUTPUT) or _pass_on
    assign = _compile_assign(site, catcher, prefix)
    place = _placement(site, catcher, prefix)

    def finish(scope: Scope, result: Json) -> tuple[Json, Assigned]:
        output = result if place is None else place.apply(scope.input, result)
        return output, _NOTHING if assign is None else assign(scope.narrowed(result))

    return finish


def _pass_on(scope: Scope, result: Json) -> tuple[Json, Assigned]:
    return result, _NOTHING


class Placement:
    """A ResultPath: puts a value into a document, copying only the spine that it changes."""

    __slots__ = ("_keys", "_text")

    def __init__(self, text: str, keys: tuple[str | int, ...] | None) -> None:
        self._text = text
        self._keys = keys

    def apply(self, document: Json, value: Json, /) -> Json:
        """The document with the value in it; keys of None discard the value (ResultPath null)."""
        return document if self._keys is None else self._put(document, document, self._keys, value)

    def _put(self, root: Json, at: Json, keys: tuple[str | int, ...], value: Json) -> Json:
        if not keys:
            return value
        key, rest = keys[0], keys[1:]
        if isinstance(key, str) and isinstance(at, dict):
            return {**at, key: self._put(root, at.get(key, {}), rest, value)}
        if isinstance(key, int) and isinstance(at, list) and 0 <= key < len(at):
            return [*at[:key], self._put(root, at[key], rest, value), *at[key + 1 :]]
        raise StatesError(
            RESULT_PATH_MATCH_FAILURE, f"Unable to apply Reference Path {self._text} to input {encode(root)}"
        )


def _placement(site: Site, owner: Mapping[str, Json], prefix: str = "") -> Placement | None:
    """The owner's ResultPath; None for `$`, which replaces the whole."""
    text = owner.get("ResultPath", "$")
    if text is None:
        return Placement("null", None)
    field = f"{prefix}ResultPath"
    reference = site.reference(text, field)
    if reference is None:
        return None
    if reference.keys is None or reference.variable is not None or reference.reads_context:
        site.problem("Value is not a Reference Path: it must name a single place in the input", field)
        return None
    return Placement(text, reference.keys) if reference.keys else None
