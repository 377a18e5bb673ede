"""Shows an execution while it runs: a live tree on a terminal, otherwise one line per event."""

import time
from collections.abc import Iterable, Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.segment import Segment

from stepwell.commands.flow import Event, Flow
from stepwell.commands.tree import line, tree

REFRESHES_PER_SECOND = 10


def watch(title: str, pages: Iterable[Sequence[Event]], console: Console) -> Flow:
    """Follows the pages of a history to their end. On a terminal the last tree stays, and in full."""
    if not console.is_terminal:
        return _lines(pages, console)
    flow = Flow()
    with Live(_Tail(flow, title), console=console, refresh_per_second=REFRESHES_PER_SECOND, transient=True):
        for page in pages:
            for event in page:
                flow.add(event)
    console.print(tree(flow, title, time.time()))
    return flow


def _lines(pages: Iterable[Sequence[Event]], console: Console) -> Flow:
    flow = Flow()
    for page in pages:
        for event in page:
            text = line(flow, event, flow.add(event))
            if text is not None:
                print(text, file=console.file, flush=True)
    return flow


class _Tail:
    """As much of the tree's end as the screen holds: what runs stands last, and Live would cut just that."""

    def __init__(self, flow: Flow, title: str) -> None:
        self._flow = flow
        self._title = title

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = console.render_lines(tree(self._flow, self._title, time.time()), options.update(height=None), pad=False)
        for segments in lines[-max(console.size.height - 2, 1) :]:
            yield from segments
            yield Segment.line()
