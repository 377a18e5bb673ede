"""What a Map Run orders. Only `Watch` is stored: the rest follows from the Map Run's state, and is ordered anew when
another process takes it over.
"""

from stepwell.machine.commands import Command
from stepwell.machine.payload import Payload
from stepwell.machine.stimuli import StartRequested


class Watch(Command, frozen=True, kw_only=True):
    """The Map Run is open: who takes it over has to say so."""

    key = "watch"


class Unwatch(Command, frozen=True, kw_only=True):
    """The Map Run has ended."""

    key = "watch"


class ReadItems(Command, frozen=True, kw_only=True):
    """Read the page of items at `cursor`, None for the first one."""

    page: int
    reader: Payload
    cursor: str | None
    region: str


class StartMapChild(Command, frozen=True, kw_only=True):
    """Start a child, unless there is one already."""

    request: StartRequested


class RedriveMapChild(Command, frozen=True, kw_only=True):
    """Let a child that failed before a redrive go on: a Standard one by its own redrive, an Express one from its start.

    `request` lacks the input, which its first start has stored. `client_token` lets it be delivered twice.
    """

    request: StartRequested
    client_token: str


class StopMapChild(Command, frozen=True, kw_only=True):
    """Stop the child `execution` of the item at `index`."""

    index: int
    execution: str


class GatherResults(Command, frozen=True, kw_only=True):
    """Gather what the settled children came to, in the order of their items, and export it if there is a writer."""

    writer: Payload | None
    region: str
