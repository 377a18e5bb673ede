"""What is being done and how long it will still take, for a person who waits."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.text import Text


@contextmanager
def progress(console: Console) -> Iterator[Callable[[str, float], None]]:
    """Gives what is to be called with each phase and the seconds left.

    A terminal shows one line that counts down and is gone at the end; anything else gets a line per phase.
    """
    if not console.is_terminal:
        yield lambda phase, seconds_left: console.print(
            f"{phase} (about {seconds_left:.0f} s left)", highlight=False, soft_wrap=True
        )
        return
    with Progress(
        SpinnerColumn(), TextColumn("{task.description}"), _TimeLeft(), console=console, transient=True
    ) as bar:
        task = bar.add_task("", total=None, ends=0.0)

        def notify(phase: str, seconds_left: float) -> None:
            bar.update(task, description=phase, ends=time.monotonic() + seconds_left)

        yield notify


class _TimeLeft(ProgressColumn):
    """By the clock and not by what is done: the amount of work adapts to the time."""

    def render(self, task: Task) -> Text:
        left = task.fields["ends"] - time.monotonic()
        return Text(f"about {left:.0f} s left" if left > 0.5 else "a moment longer", "dim")
