"""What a Map Run asks of the outside: pages of items, and what its children came to."""

from collections.abc import AsyncIterator

from stepwell.asl.errors import DATA_LIMIT_EXCEEDED, ITEM_READER_FAILED, RESULT_WRITER_FAILED, StatesError
from stepwell.asl.jsontext import Json
from stepwell.engine.tasks import EndedChild, Gathered, ItemsPage
from stepwell.machine.payload import Payload
from stepwell.tasks.items.results import COMPACT, PENDING, ChildResult, transform

OUTPUT_BYTES_MAX = 64 << 20
"""Results above it do not fit into a state's output under any limits: they are for a ResultWriter."""


class DistributedMaps:
    """Reads items and gathers results."""

    async def read_items(self, reader: Json, cursor: str | None, region: str) -> ItemsPage:
        raise StatesError(ITEM_READER_FAILED, "not yet")

    async def gather_results(
        self, map_run: str, writer: Json, region: str, children: AsyncIterator[EndedChild]
    ) -> Gathered:
        """The children's outputs in one array, or where they were exported to. Raises `StatesError`."""
        results = (_result(child) async for child in children)
        config = (writer or {}).get("WriterConfig") or {}
        if writer is None or writer.get("Resource") is None:
            return await _joined(results, config.get("Transformation", COMPACT))
        raise StatesError(RESULT_WRITER_FAILED, "not yet")


async def _joined(results: AsyncIterator[ChildResult], transformation: str) -> Gathered:
    output: list[Json] = []
    size = 0
    async for result in results:
        size += len(result.output or "")
        if size > OUTPUT_BYTES_MAX:
            cause = "The results are too large for the output of the state. Export them with a ResultWriter."
            raise StatesError(DATA_LIMIT_EXCEEDED, cause)
        output.extend(transform([result], transformation))
    return Gathered(Payload(output), 0)


def _result(child: EndedChild) -> ChildResult:
    row = child.row
    return ChildResult(
        execution_arn=row.id,
        name=row.name,
        state_machine_arn=row.state_machine,
        status=row.status,
        input=child.input,
        output=child.output,
        error=row.error,
        cause=row.cause,
        started_at=None if row.status == PENDING else row.started_at,
        stopped_at=row.stopped_at,
        redrive_count=row.redrive_count,
        redriven_at=row.redriven_at,
    )
