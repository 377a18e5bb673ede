"""What comes in to a Map Run."""

from collections.abc import Sequence
from typing import TypeAlias

from stepwell.machine.commands import StartMapRun
from stepwell.machine.payload import Payload
from stepwell.machine.stimuli import Stimulus


class MapRunRequested(Stimulus, frozen=True, kw_only=True):
    """The Map's execution asked for it."""

    execution: str
    order: StartMapRun


class ItemsRead(Stimulus, frozen=True, kw_only=True):
    """A page of items, an array; `cursor` says where the next one begins, None at the end. Or an error.

    `sources` and `keys` are what the context object says of each item beside its value: Map.Item.Source, and
    Map.Item.Key of an object's member.
    """

    page: int
    items: Payload | None = None
    sources: Sequence[str] = ()
    keys: Sequence[str | None] = ()
    cursor: str | None = None
    error: str | None = None
    cause: str | None = None


class ChildEnded(Stimulus, frozen=True, kw_only=True):
    """The child at this index has ended with this status."""

    index: int
    status: str


class ResultsGathered(Stimulus, frozen=True, kw_only=True):
    """What the children came to; `written` of them were exported. Or an error."""

    output: Payload | None = None
    written: int = 0
    error: str | None = None
    cause: str | None = None


class UpdateRequested(Stimulus, frozen=True, kw_only=True):
    """UpdateMapRun."""

    concurrency: int | None = None
    tolerated_count: int | None = None
    tolerated_percentage: float | None = None


class TakenOver(Stimulus, frozen=True, kw_only=True):
    """A process that has just begun, or gained the shard, found the Map Run open."""


class MapRunRedriveRequested(Stimulus, frozen=True, kw_only=True):
    """The Map's execution was redriven: its unsuccessful children, each (index, items), run again.

    `redrives` counts this one, so that an order that is delivered twice is followed once.
    """

    redrives: int
    failed: list[tuple[int, int]]


AnyMapRunStimulus: TypeAlias = (
    MapRunRequested | ItemsRead | ChildEnded | ResultsGathered | UpdateRequested | TakenOver | MapRunRedriveRequested
)
