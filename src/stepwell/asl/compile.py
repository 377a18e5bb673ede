"""`compile_definition`: a definition's text to a `Program`, or every diagnostic at once."""

from collections.abc import Callable, Mapping
from typing import Any

import yaml

from stepwell.asl import build
from stepwell.asl.dataflow import assigned_names
from stepwell.asl.errors import DefinitionError, Diagnostic
from stepwell.asl.fields import SECONDS_MAX
from stepwell.asl.jsontext import Json, JsonTextError, decode
from stepwell.asl.mapfields import is_distributed
from stepwell.asl.program import Program, State, TaskState
from stepwell.asl.resources import Recognizes, unrecognized
from stepwell.asl.schema import BRANCH_FIELDS, PROCESSOR_FIELDS, TOP_FIELDS, Findings, check_state
from stepwell.asl.site import Site, Watch
from stepwell.asl.warnings import warnings

LANGUAGES = ("JSONPath", "JSONata")
VERSIONS = ("1.0",)
STATE_NAME_MAX = 80
NESTING_MAX = 50
"""Branches within branches; deeper ones are somebody's attack on the stack."""

NAME_TAKEN = "DUPLICATE_STATE_NAME"
MISSING_TARGET = "MISSING_TRANSITION_TARGET"
MISSING_END = "MISSING_END_STATE"


def compile_definition(
    text: str, *, express: bool = False, watch: Watch | None = None, recognizes: Recognizes | None = None
) -> Program:
    """Compile a definition in JSON. Raises `DefinitionError` with every diagnostic; warnings are not errors.

    `watch` is told of the data at every stage of a state, whenever the program runs. `recognizes` says which resources
    there are; without it, any of good form.
    """
    compiler = _Compiler(express, watch, recognizes)
    return _sound(compiler, compiler.compile(text))


def compile_state(text: str, name: str, watch: Watch | None = None) -> Program:
    """Compile one state by itself, under a name; the states that it goes to need not exist. As above otherwise."""
    compiler = _Compiler(False, watch)
    return _sound(compiler, compiler.compile_state(text, name))


def _sound(compiler: "_Compiler", program: Program | None) -> Program:
    errors = [diagnostic for diagnostic in compiler.diagnostics if diagnostic.severity == "ERROR"]
    if errors or program is None:
        raise DefinitionError(errors)
    return program


def check_definition(
    text: str, *, express: bool = False, recognizes: Recognizes | None = None
) -> list[Diagnostic]:  # fmt: skip
    """Every finding about a definition in JSON, errors and warnings, in document order."""
    compiler = _Compiler(express, recognizes=recognizes)
    compiler.compile(text)
    return compiler.diagnostics


def load_yaml(text: str) -> Json:
    """A definition written in YAML, or in JSON, as a value. Raises ValueError saying where it is not well-formed."""
    try:
        return yaml.load(text, Loader=_PlainLoader)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None
    except RecursionError:
        raise ValueError("the document is nested too deeply") from None


class _PlainLoader(yaml.SafeLoader):
    """Timestamps stay strings, as ASL means them, and aliases are refused: a few lines of them can fill memory."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(problem="aliases are not allowed", problem_mark=self.get_mark())
        return super().compose_node(parent, index)


_PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class _Compiler:
    """One compilation: walks the definition, flattens its states and gathers diagnostics."""

    def __init__(
        self, express: bool, watch: Watch | None = None, recognizes: Recognizes | None = None
    ) -> None:  # fmt: skip
        self.express = express
        self.watch = watch
        self.recognizes = recognizes
        self.diagnostics: list[Diagnostic] = []
        self.states: dict[str, State] = {}
        self.labels: set[str] = set()
        self.endless: list[str] = []
        self.references: dict[str, list[str]] = {}

    def compile(self, text: str) -> Program | None:
        return self._unless_too_deep(lambda: self._compile(text))

    def compile_state(self, text: str, name: str) -> Program | None:
        return self._unless_too_deep(lambda: self._compile_state(text, name))

    def _unless_too_deep(self, work: Callable[[], Program | None]) -> Program | None:
        try:
            return work()
        except RecursionError:
            # Templates, rules and paths may nest as deep as their author likes; the interpreter's stack is the limit.
            self.diagnostics.append(Diagnostic("SCHEMA_VALIDATION_FAILED", "The definition is nested too deeply", ""))
            return None

    def _compile(self, text: str) -> Program | None:
        definition = self._decode(text)
        if definition is None:
            return None
        findings = Findings("", self.diagnostics)
        findings.only(definition, TOP_FIELDS)
        if "Comment" in definition:
            findings.expect(definition["Comment"], str, "String", "Comment")
        if "Version" in definition:
            findings.one_of(definition["Version"], VERSIONS, "Version")
        language = definition.get("QueryLanguage", "JSONPath")
        if not findings.one_of(language, LANGUAGES, "QueryLanguage"):
            return None
        timeout = self._timeout(definition, findings)
        self._level(definition, "", language, 0, frozenset())
        if not self._failed():
            # Told only where nothing else is wrong, which might be why. The code is AWS's, the sentence ours.
            self.diagnostics += [Diagnostic(MISSING_END, "No state is an end state", at) for at in self.endless]
        if self._failed():
            return None
        return Program(
            start_at=definition["StartAt"], states=self.states, timeout_seconds=timeout,
            query_language=language, variable_references=self.references,
        )  # fmt: skip

    def _compile_state(self, text: str, name: str) -> Program | None:
        state = self._decode(text)
        if state is not None:
            self._state(name, state, f"/States/{name}", "JSONPath", 0, _assigned(state))
        return None if self._failed() else Program(start_at=name, states=self.states)

    def _failed(self) -> bool:
        return any(diagnostic.severity == "ERROR" for diagnostic in self.diagnostics)

    def _decode(self, text: str) -> dict[str, Json] | None:
        try:
            definition = decode(text)
        except JsonTextError as error:
            if text.strip():
                self.diagnostics.append(Diagnostic("INVALID_JSON_DESCRIPTION", f"{error}", ""))
            definition = None
        if not isinstance(definition, dict):
            if not self.diagnostics:
                self.diagnostics.append(
                    Diagnostic("SCHEMA_VALIDATION_FAILED", "Definition must be a valid JSON object", "")
                )
            return None
        return definition

    def _timeout(self, definition: Mapping[str, Json], findings: Findings) -> int | None:
        timeout = definition.get("TimeoutSeconds")
        if timeout is None:
            return None
        return timeout if findings.integer(timeout, 1, SECONDS_MAX, "TimeoutSeconds") else None

    def _level(
        self, owner: Mapping[str, Json], location: str, language: str, depth: int, outer: frozenset[str]
    ) -> None:
        """One StartAt with its States: the top, a branch, or a processor. Leaves its states in the flat table.

        `outer` are the variables of the levels around it, which it reads but may not assign.
        """
        findings = Findings(location, self.diagnostics)
        if depth > NESTING_MAX:
            findings.problem(f"States are nested more than {NESTING_MAX} levels deep")
            return
        if not findings.required(owner, "StartAt", "States"):
            return
        states = owner["States"]
        if not findings.expect(states, dict, "Object", "States"):
            return
        if not findings.expect(owner["StartAt"], str, "String", "StartAt"):
            return
        self._check_targets(owner["StartAt"], states, location)
        visible = outer.union(*map(_assigned, states.values()))
        for name, state in states.items():
            at = f"{location}/States/{name}"
            for variable in sorted(_assigned(state) & outer):
                Findings(at, self.diagnostics).problem(f"Variable '{variable}' is assigned in an outer scope already")
            self._state(name, state, at, language, depth, visible)

    def _state(self, name: str, state: Json, location: str, language: str, depth: int, visible: frozenset[str]) -> None:
        findings = Findings(location, self.diagnostics)
        if not isinstance(state, dict):
            findings.problem("Expected value of type Object")
            return
        if not 0 < len(name) <= STATE_NAME_MAX:
            findings.problem(f"State name must be 1 to {STATE_NAME_MAX} characters long")
        if name in self.states:
            self.diagnostics.append(Diagnostic(NAME_TAKEN, f"Duplicate State name: {name}", location))
            return
        jsonata = self._jsonata(state, language, findings)
        if not check_state(state, jsonata, findings):
            return
        site = Site(name, location, jsonata, self.diagnostics, self.watch)
        self._check_label(state.get("Label"), findings)
        self.diagnostics += warnings(state, jsonata, location)
        compiled = build.BUILDERS[state["Type"]](site, state, self.express)
        if compiled is not None:
            self._keep(site, compiled)
        for branch, at, fields in _levels_within(state):
            if isinstance(branch, dict):
                Findings(f"{location}/{at}", self.diagnostics).only(branch, fields)
                # The children of a Distributed Map see no variables of their parent.
                outer = frozenset() if is_distributed(branch) else visible
                self._level(branch, f"{location}/{at}", language, depth + 1, outer)

    def _check_label(self, label: Json, findings: Findings) -> None:
        if isinstance(label, str) and label in self.labels:
            findings.problem(f"Duplicate Label: {label}", "Label")
        elif isinstance(label, str):
            self.labels.add(label)

    def _keep(self, site: Site, compiled: State) -> None:
        compiled.reads = frozenset(site.reads)
        compiled.reads_context = site.reads_context
        if isinstance(compiled, TaskState) and self.recognizes and not self.recognizes(compiled.resource):
            site.problem(unrecognized(compiled.resource), "Resource")
        self.states[site.name] = compiled
        if site.reads:
            self.references[site.name] = sorted(site.reads)

    def _jsonata(self, state: Mapping[str, Json], language: str, findings: Findings) -> bool:
        """A state may choose JSONata in a JSONPath definition, but not the other way round."""
        own = state.get("QueryLanguage", language)
        if not findings.one_of(own, LANGUAGES, "QueryLanguage"):
            return language == "JSONata"
        if language == "JSONata" and own == "JSONPath":
            findings.problem("A JSONPath state is not supported in a JSONata state machine", "QueryLanguage")
        return bool(own == "JSONata")

    def _check_targets(self, start_at: str, states: Mapping[str, Json], location: str) -> None:
        """Every transition leads to a state of the same level, every state is reached, and something ends."""
        if start_at not in states:
            self._missing(f"Missing 'StartAt' target: {start_at}", f"{location}/StartAt")
        reached = {start_at}
        pending = [start_at]
        while pending:
            name = pending.pop()
            for target, at in _targets(states.get(name)):
                if target not in states:
                    field = at.rpartition("/")[2]
                    self._missing(f"Missing '{field}' target: {target}", f"{location}/States/{name}/{at}")
                elif target not in reached:
                    reached.add(target)
                    pending.append(target)
        for name in states:
            if name not in reached:
                self._missing(f'State "{name}" is not reachable.', f"{location}/States/{name}")
        if not any(map(_ends, states.values())):
            self.endless.append(f"{location}/States")

    def _missing(self, message: str, location: str) -> None:
        self.diagnostics.append(Diagnostic(MISSING_TARGET, message, location))


def _levels_within(state: Mapping[str, Json]) -> list[tuple[Json, str, frozenset[str]]]:
    """The branches or the processor of a state, with their pointers."""
    if state["Type"] == "Parallel" and isinstance(state.get("Branches"), list):
        return [(branch, f"Branches[{i}]", BRANCH_FIELDS) for i, branch in enumerate(state["Branches"])]
    if state["Type"] == "Map":
        field = "ItemProcessor" if "ItemProcessor" in state else "Iterator"
        return [(state.get(field), field, PROCESSOR_FIELDS)]
    return []


def _ends(state: Json) -> bool:
    """Whether a state may end its thread of control."""
    return isinstance(state, dict) and (state.get("Type") in ("Succeed", "Fail") or state.get("End") is True)


def _assigned(state: Json) -> frozenset[str]:
    """The variables that a state assigns, its choice rules and catchers included."""
    if not isinstance(state, dict):
        return frozenset()
    owners = [state]
    for field in ("Choices", "Catch"):
        entries = state.get(field)
        owners += [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    return frozenset(name for owner in owners for name in assigned_names(owner))


def _targets(state: Json) -> list[tuple[str, str]]:
    """Every state name that a state may go to, with the pointer of the field that says so."""
    if not isinstance(state, dict):
        return []
    found = [(state[field], field) for field in ("Next", "Default") if isinstance(state.get(field), str)]
    for field in ("Choices", "Catch"):
        entries = state.get(field)
        for index, entry in enumerate(entries if isinstance(entries, list) else []):
            if isinstance(entry, dict) and isinstance(entry.get("Next"), str):
                found.append((entry["Next"], f"{field}[{index}]/Next"))
    return found
