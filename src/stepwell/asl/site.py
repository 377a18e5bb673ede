"""Where an expression is compiled: one state of a definition, with the findings and reads that are gathered there."""

from collections.abc import Callable
from typing import ParamSpec, Protocol, TypeAlias

from stepwell.asl.choice import compile_condition, compile_rule
from stepwell.asl.errors import Diagnostic
from stepwell.asl.jsonata import Expression, JsonataSyntaxError, compile_jsonata, is_jsonata, source_of
from stepwell.asl.jsonpath import PathSyntaxError
from stepwell.asl.jsontext import Json
from stepwell.asl.reference import Reference, compile_reference
from stepwell.asl.scope import Evaluate
from stepwell.asl.template import TemplateErrors, compile_jsonata_template, compile_template

SCHEMA = "SCHEMA_VALIDATION_FAILED"


P = ParamSpec("P")

Watch: TypeAlias = Callable[[str, Json], None]
"""Told of a field of a state, such as `InputPath`, and of the data as it is once the field was applied."""


class Compiled(Protocol):
    """What every compiled expression tells of itself."""

    @property
    def variables(self) -> frozenset[str]: ...
    @property
    def reads_context(self) -> bool: ...


NOTHING: frozenset[str] = frozenset()
RESULT = frozenset({"result"})
ERROR_OUTPUT = frozenset({"errorOutput"})
"""What a place offers in `$states` besides `input` and `context`, which every place has."""


class Site:
    """One state while it is compiled. A part that does not compile leaves a diagnostic and gives None."""

    def __init__(
        self, name: str, location: str, jsonata: bool, diagnostics: list[Diagnostic], watch: Watch | None = None
    ) -> None:
        self.name = name
        self.location = location
        self.jsonata = jsonata
        self.diagnostics = diagnostics
        self.reads: set[str] = set()
        self.reads_context = False
        self._watch = watch

    def watched(
        self, field: str, work: Callable[P, Json] | None, otherwise: Callable[P, Json]
    ) -> Callable[P, Json] | None:
        """`work` as it is; where somebody watches, a function that also tells what came of it.

        `otherwise` is what it means that there is no work, and the watcher is told of that too.
        """
        if self._watch is None:
            return work
        tell, apply = self._watch, work or otherwise

        def telling(*args: P.args, **kwargs: P.kwargs) -> Json:
            value = apply(*args, **kwargs)
            tell(field, value)
            return value

        return telling

    def problem(self, message: str, at: str = "", code: str = SCHEMA) -> None:
        """Note a finding. `at` is a pointer below the state, such as `Choices[1]/Next`."""
        self.diagnostics.append(Diagnostic(code, message, f"{self.location}/{at}" if at else self.location))

    def note(self, compiled: Compiled) -> None:
        """Remember what a compiled part of the state reads."""
        self.reads |= compiled.variables
        self.reads_context = self.reads_context or compiled.reads_context

    def template(self, value: Json, field: str, offers: frozenset[str] = NOTHING) -> Evaluate | None:
        """A payload template in the state's language: Parameters, Arguments, Output, Assign and their kin."""
        compile_ = compile_jsonata_template if self.jsonata else compile_template
        return self._collect(lambda: compile_(value, field), field, offers)

    def rule(self, rule: Json, field: str) -> Evaluate | None:
        """The test of a choice rule in JSONPath."""
        return self._collect(lambda: compile_rule(rule, field), field)

    def condition(self, condition: Json, field: str) -> Evaluate | None:
        """The Condition of a choice rule in JSONata."""
        return self._collect(lambda: compile_condition(condition, field), field)

    def _collect(
        self, compile_: Callable[[], "CompiledWithEvaluate"], field: str, offers: frozenset[str] = NOTHING
    ) -> Evaluate | None:
        try:
            compiled = compile_()
        except TemplateErrors as errors:
            for problem in errors.problems:
                self.problem(problem.message, field + problem.suffix, problem.code)
            return None
        self.note(compiled)
        self._check_members(compiled.states_members, field, offers)
        return compiled.evaluate

    def _check_members(self, members: frozenset[str], field: str, offers: frozenset[str]) -> None:
        """`$states.result` and `$states.errorOutput` are there only where there is a result or an error."""
        if members >= RESULT | ERROR_OUTPUT:
            return  # no place has both: the expression takes $states as a whole
        for member in sorted(members - offers - {"input", "context"}):
            self.problem(f"$states.{member} is not available in this field", field, "UNSUPPORTED_JSONATA_EXPRESSION")

    def reference(self, text: Json, field: str) -> Reference | None:
        """A JSONPath field such as InputPath or SecondsPath."""
        try:
            if not isinstance(text, str):
                raise PathSyntaxError("not a string")
            reference = compile_reference(text)
        except PathSyntaxError:
            self.problem("Value is not a valid JSONPath", field)
            return None
        if reference.variable is not None:
            self.reads.add(reference.variable)
        self.reads_context = self.reads_context or reference.reads_context
        return reference

    def expression(self, text: Json, field: str) -> Expression | None:
        """A field that is one JSONata expression, or None where it is a literal or does not compile."""
        if not is_jsonata(text):
            return None
        try:
            compiled = compile_jsonata(source_of(text), field)
        except JsonataSyntaxError as error:
            self.problem(error.message, field, error.code)
            return None
        self.note(compiled)
        self._check_members(compiled.states_members, field, NOTHING)
        return compiled


class CompiledWithEvaluate(Compiled, Protocol):
    """A compiled expression that can be evaluated as it stands."""

    @property
    def evaluate(self) -> Evaluate: ...
    @property
    def states_members(self) -> frozenset[str]: ...
