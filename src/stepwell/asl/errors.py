"""The errors of the language: those a running state raises, and the diagnostics of a definition."""

from dataclasses import dataclass

ALL = "States.ALL"
BRANCH_FAILED = "States.BranchFailed"
DATA_LIMIT_EXCEEDED = "States.DataLimitExceeded"
EXCEED_TOLERATED_FAILURE_THRESHOLD = "States.ExceedToleratedFailureThreshold"
HEARTBEAT_TIMEOUT = "States.HeartbeatTimeout"
INTRINSIC_FAILURE = "States.IntrinsicFailure"
ITEM_READER_FAILED = "States.ItemReaderFailed"
NO_CHOICE_MATCHED = "States.NoChoiceMatched"
PARAMETER_PATH_FAILURE = "States.ParameterPathFailure"
PERMISSIONS = "States.Permissions"
QUERY_EVALUATION_ERROR = "States.QueryEvaluationError"
RESULT_PATH_MATCH_FAILURE = "States.ResultPathMatchFailure"
RESULT_WRITER_FAILED = "States.ResultWriterFailed"
RUNTIME = "States.Runtime"
TASK_FAILED = "States.TaskFailed"
TIMEOUT = "States.Timeout"


class StatesError(Exception):
    """A state failed. `error` is AWS's name for it, `cause` its text.

    `location` is set when the failure is an evaluation that AWS records as an EvaluationFailed event, for example
    `Output/total` or `Choices[1]/Condition`; it is None for all others.
    """

    def __init__(self, error: str, cause: str, location: str | None = None) -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause
        self.location = location


def too_deep() -> StatesError:
    """The failure of a state whose data is nested deeper than the interpreter's stack allows."""
    return StatesError(RUNTIME, "The data is nested too deeply.")


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding about a definition, as ValidateStateMachineDefinition reports it.

    `location` is a JSON pointer such as `/States/Charge/Next`, "" for the definition as a whole; `severity` is ERROR or
    WARNING.
    """

    code: str
    message: str
    location: str
    severity: str = "ERROR"

    def __str__(self) -> str:
        return f"{self.code}: {self.message}" + (f" at {self.location}" if self.location else "")


class DefinitionError(Exception):
    """A definition does not compile; `diagnostics` says why, all of it at once."""

    def __init__(self, diagnostics: list[Diagnostic]) -> None:
        super().__init__(", ".join(map(str, diagnostics)))
        self.diagnostics = diagnostics
