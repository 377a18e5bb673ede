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
_ALLOWED = {
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

_EXCLUSIVE = {
    "Wait": ("Seconds", "SecondsPath", "Timestamp", "TimestampPath"),
    "Task": ("TimeoutSeconds", "TimeoutSecondsPath"),
    "Fail": ("Error", "ErrorPath"),
    "Map": ("MaxConcurrency", "MaxConcurrencyPath"),
}


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

    def only(self, owner: Mapping[str, Json], allowed: frozenset[str]) -> None:
        for field in owner:
            if field not in allowed:
                self.problem("Field is not supported", field)

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
    findings.only(state, _ALLOWED[jsonata][type])
    _check_exclusive(state, type, findings)
    _check_flow(state, type, findings)
    return True


def _check_exclusive(state: Mapping[str, Json], type: str, findings: Findings) -> None:
    names = _EXCLUSIVE.get(type, ())
    present = [name for name in names if name in state]
    if len(present) > 1:
        findings.problem(f"Only one of these fields may be given: [{', '.join(present)}]")
    elif type == "Wait" and not present:
        findings.problem(f"One of these fields is required: [{', '.join(names)}]")


def _check_flow(state: Mapping[str, Json], type: str, findings: Findings) -> None:
    if type in ("Choice", "Succeed", "Fail"):
        return
    if ("Next" in state) == (state.get("End") is True):
        findings.problem("Exactly one of these fields is required: [Next, End]")
    if "Next" in state:
        findings.expect(state["Next"], str, "String", "Next")
    if "End" in state:
        findings.expect(state["End"], bool, "Boolean", "End")
