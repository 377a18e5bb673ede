"""Which fields a definition may and must have. Rules as data; the messages are AWS's.

Source of the fields: the Amazon States Language specification and AWS's Step Functions developer guide.
"""

from collections.abc import Iterable, Mapping

from stepwell.asl.errors import Diagnostic
from stepwell.asl.jsontext import Json

SCHEMA = "SCHEMA_VALIDATION_FAILED"

_COMMON = frozenset({"Type", "Comment", "QueryLanguage"})
_FLOW = frozenset({"Next", "End"})
_PATHS = frozenset({"InputPath", "OutputPath"})
_ERRORS = frozenset({"Retry", "Catch"})
_RESULT = frozenset({"ResultSelector", "ResultPath"})

_BOTH: Mapping[str, frozenset[str]] = {
    "Task": _FLOW | _ERRORS | {"Resource", "TimeoutSeconds", "HeartbeatSeconds", "Credentials", "Assign"},
    "Pass": _FLOW | {"Assign"},
    "Choice": frozenset({"Choices", "Default", "Assign"}),
    "Wait": _FLOW | {"Seconds", "Timestamp", "Assign"},
    "Succeed": frozenset(),
    "Fail": frozenset({"Error", "Cause"}),
    "Parallel": _FLOW | _ERRORS | {"Branches", "Assign"},
    "Map": _FLOW
    | _ERRORS
    | {"ItemProcessor", "Iterator", "ItemSelector", "MaxConcurrency", "Assign", "Label", "ItemReader", "ItemBatcher"}
    | {"ResultWriter", "ToleratedFailureCount", "ToleratedFailurePercentage"},
}
_JSONPATH: Mapping[str, frozenset[str]] = {
    "Task": _PATHS | _RESULT | {"Parameters", "TimeoutSecondsPath", "HeartbeatSecondsPath"},
    "Pass": _PATHS | {"Parameters", "Result", "ResultPath"},
    "Choice": _PATHS,
    "Wait": _PATHS | {"SecondsPath", "TimestampPath"},
    "Succeed": _PATHS,
    "Fail": frozenset({"ErrorPath", "CausePath"}),
    "Parallel": _PATHS | _RESULT | {"Parameters"},
    "Map": _PATHS
    | _RESULT
    | {"Parameters", "ItemsPath", "MaxConcurrencyPath", "ToleratedFailureCountPath", "ToleratedFailurePercentagePath"},
}
_JSONATA: Mapping[str, frozenset[str]] = {
    "Task": frozenset({"Arguments", "Output"}),
    "Pass": frozenset({"Output"}),
    "Choice": frozenset({"Output"}),
    "Wait": frozenset({"Output"}),
    "Succeed": frozenset({"Output"}),
    "Fail": frozenset(),
    "Parallel": frozenset({"Arguments", "Output"}),
    "Map": frozenset({"Items", "Output"}),
}
ALLOWED = {
    jsonata: {type: _COMMON | fields | (_JSONATA if jsonata else _JSONPATH)[type] for type, fields in _BOTH.items()}
    for jsonata in (False, True)
}
STATE_TYPES = ("Task", "Wait", "Pass", "Succeed", "Fail", "Choice", "Parallel", "Map")

TOP_FIELDS = frozenset({"Comment", "Version", "StartAt", "States", "TimeoutSeconds", "QueryLanguage"})
BRANCH_FIELDS = frozenset({"Comment", "StartAt", "States"})
PROCESSOR_FIELDS = BRANCH_FIELDS | {"ProcessorConfig"}
RETRIER_FIELDS = frozenset(
    {"ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds", "JitterStrategy", "Comment"}
)
_CATCHER = frozenset({"ErrorEquals", "Next", "Assign", "Comment"})
CATCHER_FIELDS = {False: _CATCHER | {"ResultPath"}, True: _CATCHER | {"Output"}}

RULE_FIELDS = frozenset({"Condition", "Next", "Assign", "Output", "Comment"})
"""Those of a choice rule in JSONata; in JSONPath they go with the operators."""

_WAITS = ("Seconds", "SecondsPath", "Timestamp", "TimestampPath")
_WITH_PATH = {
    "Task": ("TimeoutSeconds", "HeartbeatSeconds"),
    "Fail": ("Error", "Cause"),
    "Map": ("MaxConcurrency", "ToleratedFailureCount", "ToleratedFailurePercentage"),
}
"""The fields of which a state has either the field or its `Path` form."""


class Findings:
    """Gathers diagnostics at one place of a definition."""

    def __init__(self, location: str, diagnostics: list[Diagnostic]) -> None:
        self.location = location
        self.diagnostics = diagnostics

    def problem(self, message: str, field: str = "") -> None:
        where = f"{self.location}/{field}" if field else self.location or "/"
        self.diagnostics.append(Diagnostic(SCHEMA, message, where))

    def required(self, owner: Mapping[str, Json], *fields: str) -> bool:
        """Whether all are there; those that are not are reported."""
        missing = [field for field in fields if field not in owner]
        for field in missing:
            self.problem(f"The field '{field}' is required but was missing")
        return not missing

    def one_of(self, value: Json, allowed: Iterable[str], field: str) -> bool:
        choices = list(allowed)
        if isinstance(value, str) and value in choices:
            return True
        self.problem(f"The field '{field}' should have one of these values: [{', '.join(choices)}]", field)
        return False

    def at(self, below: str) -> "Findings":
        """The same findings at a place below this one."""
        return Findings(f"{self.location}/{below}", self.diagnostics)

    def at_most_one(self, owner: Mapping[str, Json], *fields: str) -> None:
        present = [field for field in fields if field in owner]
        if len(present) > 1:
            self.problem(f"Only one of these fields may be given: [{', '.join(present)}]")

    def only(self, owner: Mapping[str, Json], allowed: frozenset[str]) -> None:
        for field in owner:
            if field not in allowed:
                self.problem("Field is not supported", field)

    def integer(self, value: Json, minimum: int, maximum: int, field: str) -> bool:
        if isinstance(value, int) and not isinstance(value, bool) and minimum <= value <= maximum:
            return True
        self.problem(f"Value must be an integer from {minimum} to {maximum}", field)
        return False

    def expect(self, value: Json, type: type, what: str, field: str) -> bool:
        if isinstance(value, type) and not (type is int and isinstance(value, bool)):
            return True
        self.problem(f"Expected value of type {what}", field)
        return False


def check_state(state: Mapping[str, Json], jsonata: bool, findings: Findings) -> bool:
    """Whether the state's type is known; its fields are checked against the type and the query language."""
    if not findings.required(state, "Type") or not findings.one_of(state["Type"], STATE_TYPES, "Type"):
        return False
    type = state["Type"]
    findings.only(state, ALLOWED[jsonata][type])
    if "Comment" in state:
        findings.expect(state["Comment"], str, "String", "Comment")
    _check_exclusive(state, type, findings)
    _check_flow(state, type, findings)
    return True


def _check_exclusive(state: Mapping[str, Json], type: str, findings: Findings) -> None:
    for field in _WITH_PATH.get(type, ()):
        findings.at_most_one(state, field, f"{field}Path")
    if type == "Wait":
        findings.at_most_one(state, *_WAITS)
        if not state.keys() & set(_WAITS):
            findings.problem(f"One of these fields is required: [{', '.join(_WAITS)}]")


def _check_flow(state: Mapping[str, Json], type: str, findings: Findings) -> None:
    if type in ("Choice", "Succeed", "Fail"):
        return
    if ("Next" in state) == (state.get("End") is True):
        findings.problem("Exactly one of these fields is required: [Next, End]")
    if "Next" in state:
        findings.expect(state["Next"], str, "String", "Next")
    if "End" in state:
        findings.expect(state["End"], bool, "Boolean", "End")
