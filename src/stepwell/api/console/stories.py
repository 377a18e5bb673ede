"""Stories of executions that somebody looks at: kept in memory meanwhile, and read on as their journals grow."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator

from stepwell.api.console.steps import Story
from stepwell.engine.engine import Engine
from stepwell.engine.errors import ExecutionNotFound
from stepwell.machine.records import Record

STORIES_MAX = 16

RECORDS_PER_TURN = 500
"""Then executions have their turn. A record takes some ten microseconds."""


class _Kept:
    def __init__(self) -> None:
        self.story = Story()
        self.reading = asyncio.Lock()


class Stories:
    """Reads the journals of committed steps alone. A story is never changed while a caller looks at it: callers take
    what they need before they wait for anything."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    async def story(self, execution: str) -> Story:
        """The story of an execution up to now. Raises `ExecutionNotFound`."""
        kept = self._kept.get(execution)
        if kept is None:
            kept = self._kept[execution] = _Kept()
            if len(self._kept) > STORIES_MAX:
                self._kept.popitem(last=False)
        self._kept.move_to_end(execution)
        async with kept.reading:
            while records := await self._engine.records(execution, after=kept.story.execution.sequence):
                for number, record in enumerate(records, 1):
                    kept.story.add(record)
                    if number % RECORDS_PER_TURN == 0:
                        await breathe()
        if not kept.story.execution.sequence:
            self._kept.pop(execution, None)
            raise ExecutionNotFound(execution)
        return kept.story


async def read_records(engine: Engine, execution: str) -> AsyncIterator[Record]:
    """All committed records. Others have their turn in between."""
    sequence = 0
    while records := await engine.records(execution, after=sequence):
        for record in records:
            sequence += 1
            if sequence % RECORDS_PER_TURN == 0:
                await breathe()
            yield record


async def breathe() -> None:
    """Let others have their turn in a long fold."""
    await asyncio.sleep(0)
