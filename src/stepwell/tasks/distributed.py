"""What a Map Run asks of the outside: pages of items, and what its children came to."""

from collections.abc import AsyncIterator

from stepwell.asl.errors import DATA_LIMIT_EXCEEDED, StatesError
from stepwell.asl.jsontext import Json
from stepwell.engine.tasks import EndedChild, Gathered, ItemsPage
from stepwell.machine.payload import Payload
from stepwell.tasks.items.items import Items
from stepwell.tasks.items.results import COMPACT, PENDING, ChildResult, transform

PAGE_ITEMS, PAGE_BYTES = 1_000, 1 << 20
"""What a Map Run holds of a source at once, and writes into its journal in one record."""

OUTPUT_BYTES_MAX = 64 << 20
"""Results above it do not fit into a state's output under any limits: they are for a ResultWriter."""


class DistributedMaps:
    """Reads items and gathers results."""

    def __init__(self, items: Items) -> None:
        self._items = items

    async def read_items(self, reader: Json, cursor: str | None, region: str) -> ItemsPage:
        """A page of the items that an evaluated ItemReader names. Raises `StatesError`."""
        return await self._items.read(reader, cursor, region, PAGE_ITEMS, PAGE_BYTES)

    async def gather_results(
        self, map_run: str, writer: Json, region: str, children: AsyncIterator[EndedChild]
    ) -> Gathered:
        """The children's outputs in one array, or where they were exported to. Raises `StatesError`."""
        results = (_result(child) async for child in children)
        config = (writer or {}).get("WriterConfig") or {}
        if writer is None or writer.get("Resource") is None:
            return await _joined(results, config.get("Transformation", COMPACT))
        counted = _Counted(results)
        details = await self._items.write(writer, map_run, region, counted)
        return Gathered(Payload({"MapRunArn": map_run, "ResultWriterDetails": details}), counted.written)


class _Counted:
    """Passes results on and counts those of children that ended."""

    def __init__(self, results: AsyncIterator[ChildResult]) -> None:
        self._results = results
        self.written = 0

    def __aiter__(self) -> AsyncIterator[ChildResult]:
        return self

    async def __anext__(self) -> ChildResult:
        result = await anext(self._results)
        self.written += result.status != PENDING
        return result


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
