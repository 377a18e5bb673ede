"""What the engine tells its callers when it cannot do what they ask."""

from stepwell.store.protocol import ExecutionRow


class EngineError(Exception):
    """The base: the API gives each of these AWS's name."""


class ExecutionExists(EngineError):
    """The execution's id is taken; `row` is the one that has it."""

    def __init__(self, row: ExecutionRow) -> None:
        super().__init__(f"Execution already exists: {row.id}")
        self.row = row


class ExecutionNotFound(EngineError):
    """No execution has this id."""


class NotRedrivable(EngineError):
    """The execution cannot be redriven; the text is AWS's reason."""


class Throttled(EngineError):
    """More is waiting than the engine takes; try again later."""


class Unavailable(EngineError):
    """The store does not answer; whether the request took effect is unknown."""


class InvalidToken(EngineError):
    """The text is not a task token, or not one that this execution issued."""


class TaskDoesNotExist(EngineError):
    """The token is genuine in form but its execution is unknown."""


class TaskTimedOut(EngineError):
    """The task was settled, has timed out, or its execution has ended."""
