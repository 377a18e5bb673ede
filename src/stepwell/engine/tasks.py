"""What the engine needs of those who perform tasks."""

from collections.abc import AsyncIterator
from typing import NamedTuple, Protocol

from stepwell.asl.jsontext import Json
from stepwell.machine.commands import StartTask, WatchJob
from stepwell.machine.payload import Payload
from stepwell.machine.stimuli import Stimulus
from stepwell.store.protocol import ExecutionRow


class ItemsPage(NamedTuple):
    """Some items of a source. `cursor` says where the next ones begin, None at the end; it outlives a restart.

    `sources` and `keys` are what the context object says of each item beside its value.
    """

    items: list[Json]
    cursor: str | None
    sources: list[str]
    keys: list[str | None]


class EndedChild(NamedTuple):
    """A child of a Map Run, with the texts of its input and output. The status of one that never began is PENDING."""

    row: ExecutionRow
    input: str
    output: str | None


class Gathered(NamedTuple):
    """What a Map Run comes to. `written` children were exported."""

    output: Payload
    written: int


class TaskRunner(Protocol):
    """Performs task calls. The engine calls it only for commands whose step is durable, at least once each."""

    async def run(self, execution: str, command: StartTask) -> Stimulus | None:
        """Perform the call and give its outcome: TaskSucceeded, TaskFailed or TaskSubmitted.

        None where the outcome comes another way: from an activity's worker, or from a nested execution's own steps.
        An exception is a defect of the runner and fails the task.
        """

    async def watch(self, execution: str, command: WatchJob) -> Stimulus:
        """Follow the job of a `.sync` task and give its outcome. Is cancelled where nobody waits for it any longer."""

    async def stop_job(self, execution: str, job: Payload) -> None:
        """Stop a job whose task is gone, as well as the service allows. Raises nothing that another try would mend."""

    def drop(self, execution: str, key: str) -> None:
        """The attempt with this key needs nothing more; one that was never begun is not to be begun."""

    def child_ended(self, row: ExecutionRow, input: str, output: str | None, parent_task: str) -> Stimulus:
        """The outcome that a nested execution's end is for the task `parent_task` of its parent."""

    async def read_items(self, reader: Json, cursor: str | None, region: str) -> ItemsPage:
        """A page of the items that an evaluated ItemReader names. Raises StatesError."""

    async def gather_results(
        self, map_run: str, writer: Json, region: str, children: AsyncIterator[EndedChild]
    ) -> Gathered:
        """What the children, in the order of their items, came to; exported where `writer`, a ResultWriter, says so.

        Raises StatesError.
        """
