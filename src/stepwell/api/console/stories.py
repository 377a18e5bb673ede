"""Stories of executions that somebody looks at: kept in memory meanwhile, and read on as their journals grow."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator

from stepwell.api.console.steps import Story
from stepwell.asl.program import Program
from stepwell.engine.catalog import Catalog
from stepwell.engine.engine import Engine
from stepwell.engine.errors import ExecutionNotFound
from stepwell.machine.records import Record
from stepwell.store.protocol import ExecutionRow

_log = logging.getLogger("stepwell.api")

STORIES_MAX = 16
STEPS_KEPT = 100_000
"""Of all stories together but the latest, which has a bound of its own. A step takes about a kilobyte."""

IDLE_SECONDS = 600.0
"""What nobody has read for so long is let go when another one is read. A story holds its execution's payloads."""

RECORDS_PER_TURN = 500
"""Then executions have their turn. A record takes some ten microseconds."""


class _Kept:
    def __init__(self, started_at: float) -> None:
        self.started_at = started_at
        self.story: Story | None = None
        self.reading = asyncio.Lock()
        self.read_at = 0.0

    @property
    def steps(self) -> int:
        return 0 if self.story is None else len(self.story.steps)


class Stories:
    """Reads the journals of committed steps alone. A story is never changed while a caller looks at it: callers take
    what they need before they wait for anything."""

    def __init__(self, engine: Engine, catalog: Catalog) -> None:
        self._engine = engine
        self._catalog = catalog
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    async def story(self, row: ExecutionRow) -> Story:
        """The story of an execution up to now, at least up to its row. Raises `ExecutionNotFound`."""
        kept = self._kept.get(row.id)
        if kept is None or kept.started_at != row.started_at:  # its name was another's, which was erased
            kept = self._kept[row.id] = _Kept(row.started_at)
        self._kept.move_to_end(row.id)
        kept.read_at = asyncio.get_running_loop().time()
        async with kept.reading:
            # Put back only when all was well: from the middle of a step nobody could read on.
            story, kept.story = kept.story or Story(await program_of(self._catalog, row)), None
            async for record in read_records(self._engine, row.id, after=story.execution.sequence):
                story.add(record)
            kept.story = story
        if not story.execution.sequence:
            self._kept.pop(row.id, None)
            raise ExecutionNotFound(row.id)
        self._make_room(kept.read_at)
        return story

    def _make_room(self, now: float) -> None:
        """Let go what has waited longest to be read again."""
        steps = sum(kept.steps for kept in self._kept.values())
        for execution, kept in list(self._kept.items())[:-1]:
            crowded = len(self._kept) > STORIES_MAX or steps > STEPS_KEPT
            if not crowded and kept.read_at >= now - IDLE_SECONDS:
                return
            steps -= kept.steps
            del self._kept[execution]


async def program_of(catalog: Catalog, row: ExecutionRow) -> Program | None:
    """What the execution runs; None, with a word in the log, where its revision does not compile any more."""
    try:
        return await catalog.program(row.revision)
    except (KeyError, RuntimeError) as error:
        _log.warning("%s is shown without its program: %s", row.id, error)
        return None


async def read_records(engine: Engine, execution: str, *, after: int = 0) -> AsyncIterator[Record]:
    """All committed records beyond the sequence `after`. Others have their turn in between."""
    number = 0
    async for records in engine.records(execution, after=after):
        for record in records:
            number += 1
            if number % RECORDS_PER_TURN == 0:
                await breathe()
            yield record


async def breathe() -> None:
    """Let others have their turn in a long fold."""
    await asyncio.sleep(0)
