"""One execution: its story as it grows, and its events."""

from stepwell.api.console.endpoint import Console, Place, Query, Read
from stepwell.api.console.listing import execution_item
from stepwell.api.console.shapes import EventItem, EventPage, StoryPage, data
from stepwell.api.console.steps import Story
from stepwell.api.executions import find_execution, not_redrivable
from stepwell.api.history import history_event
from stepwell.store.protocol import ExecutionRow

EVENTS_MAX = 1_000


class StoryQuery(Query):
    """`since` is the sequence of the page before, 0 for the first."""

    arn: str
    since: Place = 0


async def _story(console: Console, query: StoryQuery) -> StoryPage:
    row = await find_execution(console.service, {"executionArn": query.arn})
    revision = await console.service.catalog.revision(row.revision)
    row, refused, story = await _in_agreement(console, row)
    execution = story.execution
    return StoryPage(
        execution=execution_item(row), sequence=execution.sequence, event_id=execution.event_id,
        steps=story.since(query.since), first_step=story.first_step, input=data(execution.input),
        output=data(execution.output) if execution.output is not None else None,
        definition=None if query.since else revision.definition, revision=revision.number,
        label=row.revision.partition("/")[2], parent=execution.parent,
        machine_type="EXPRESS" if execution.limits == "express" else revision.type, not_redrivable=refused,
    )  # fmt: skip


async def _in_agreement(console: Console, row: ExecutionRow) -> tuple[ExecutionRow, str | None, Story]:
    """An execution's row, why it cannot be redriven, and its story: it may end or go on while they are read."""
    while True:
        refused = await not_redrivable(console.service, row)
        story = await console.stories.story(row)
        if (story.execution.status, story.execution.redrive_count) == (row.status, row.redrive_count):
            return row, refused, story
        row = await find_execution(console.service, {"executionArn": row.id})


class EventsQuery(Query):
    """Events from the id `start` on."""

    arn: str
    start: Place = 1
    limit: int = 200

    def __post_init__(self) -> None:
        if not (1 <= self.limit <= EVENTS_MAX and self.start >= 1):
            raise ValueError(f"limit is to be from 1 to {EVENTS_MAX}, and start at least 1")


async def _events(console: Console, query: EventsQuery) -> EventPage:
    engine = console.service.engine
    row = await find_execution(console.service, {"executionArn": query.arn})
    events = await engine.history(row.id, start=query.start, limit=query.limit)
    items = [EventItem(frame=event.frame, event=history_event(id, event, True)) for id, event in events]
    return EventPage(events=items, last=await engine.last_event_id(row.id))


READS = {
    "execution": Read(StoryQuery, StoryPage, _story),
    "execution/events": Read(EventsQuery, EventPage, _events),
}
