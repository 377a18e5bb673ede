"""What the engine needs of those who perform tasks."""

from typing import Protocol

from stepwell.machine.commands import StartTask
from stepwell.machine.stimuli import Stimulus
from stepwell.store.protocol import ExecutionRow


class TaskRunner(Protocol):
    """Performs task calls. The engine calls it only for commands whose step is durable, at least once each."""

    async def run(self, execution: str, command: StartTask) -> Stimulus | None:
        """Perform the call and give its outcome: TaskSucceeded, TaskFailed or TaskSubmitted.

        None where the outcome comes another way: from an activity's worker, or from a nested execution's own steps.
        An exception is a defect of the runner and fails the task.
        """

    def drop(self, execution: str, key: str) -> None:
        """The attempt with this key needs nothing more; one that was never begun is not to be begun."""

    def child_ended(self, row: ExecutionRow, input: str, output: str | None, parent_task: str) -> Stimulus:
        """The outcome that a nested execution's end is for the task `parent_task` of its parent."""
