"""What a Map Run's journal holds. All are internal: AWS shows a Map Run's counters and not its history."""

from typing import TypeAlias

import msgspec

from stepwell.machine.commands import StartMapRun
from stepwell.machine.payload import Payload
from stepwell.machine.records import Record


class ChildInput(msgspec.Struct, frozen=True, array_like=True):
    """What one child starts with. `items` is 1, or the size of its batch."""

    input: Payload
    items: int


class MapRunBegan(Record, frozen=True, kw_only=True):
    """The Map's execution ordered it. The items of the order, if it had any, are in the ItemsTaken that follows."""

    at: float
    execution: str
    order: StartMapRun


class ItemsRequested(Record, frozen=True, kw_only=True):
    """The next page of items is being read."""


class ItemsTaken(Record, frozen=True, kw_only=True):
    """A page of items came: `children` wait to be started. `rest` are items that wait for their batch to become full.

    `cursor` says where reading goes on, None at the end. `read` counts the items of the page.
    """

    children: list[ChildInput]
    rest: list[Payload]
    read: int
    cursor: str | None


class ChildrenStarted(Record, frozen=True, kw_only=True):
    """The next `count` children that waited run."""

    count: int


class ChildSettled(Record, frozen=True, kw_only=True):
    """A child ended as SUCCEEDED, FAILED, TIMED_OUT or ABORTED."""

    index: int
    status: str


class MapRunUpdated(Record, frozen=True, kw_only=True):
    """UpdateMapRun: what is None stays as it is."""

    concurrency: int | None = None
    tolerated_count: int | None = None
    tolerated_percentage: float | None = None


class MapRunClosing(Record, frozen=True, kw_only=True):
    """No child is started any more, those that run are stopped; then the Map Run ends with this status."""

    status: str
    error: str | None = None
    cause: str | None = None


class ResultsRequested(Record, frozen=True, kw_only=True):
    """Every child is settled; what they came to is being gathered."""


class MapRunResumed(Record, frozen=True, kw_only=True):
    """Another process has taken the Map Run over: what was under way is ordered anew."""


class MapRunReopened(Record, frozen=True, kw_only=True):
    """The Map Run goes on: `failed` are its unsuccessful children, which run again.

    `redrives` counts those of its Map. One that finds the Map Run succeeded is none of the Map Run's.
    """

    at: float
    redrives: int
    failed: list[tuple[int, int]]


class MapRunSettled(Record, frozen=True, kw_only=True):
    """The end, until a redrive."""

    at: float
    status: str
    output: Payload | None = None
    error: str | None = None
    cause: str | None = None
    written: int = 0


AnyMapRunRecord: TypeAlias = (
    MapRunBegan
    | ItemsRequested
    | ItemsTaken
    | ChildrenStarted
    | ChildSettled
    | MapRunUpdated
    | MapRunClosing
    | ResultsRequested
    | MapRunResumed
    | MapRunReopened
    | MapRunSettled
)
