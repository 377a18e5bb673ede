"""Following a history on a screen that is smaller than the tree, and in a pipe."""

import io
from collections.abc import Callable
from typing import Any

from rich.console import Console

from stepwell.commands.flow import Flow
from stepwell.commands.watch import _Tail, watch

History = Callable[[str], list[dict[str, Any]]]

STATES = "\n".join(f"{n} {max(n - 1, 0) if n > 2 else 0} WaitStateEntered S{n}" for n in range(2, 32))
LONG = f"1 0 ExecutionStarted\n{STATES}\n32 31 ExecutionSucceeded"


def test_the_live_part_is_the_end_of_the_tree(history: History) -> None:
    flow = Flow()
    for event in history(LONG)[:-1]:
        flow.add(event)
    console = Console(file=io.StringIO(), width=60, height=10, color_system=None)
    with console.capture() as capture:
        console.print(_Tail(flow, "m:x"))
    lines = [line for line in capture.get().splitlines() if line]
    assert len(lines) == 8, "two lines are left for the cursor and the prompt"
    assert lines[-1].startswith("└── ● S31")


def test_on_a_terminal_the_whole_tree_stays(history: History) -> None:
    screen = io.StringIO()
    console = Console(file=screen, width=60, height=10, force_terminal=True, color_system=None)
    flow = watch("m:x", [history(LONG)[:5], [], history(LONG)[5:]], console)
    assert flow.status == "SUCCEEDED"
    final = screen.getvalue().rpartition("m:x  SUCCEEDED")[2]
    assert [f"S{n}" in final for n in range(2, 32)] == [True] * 30


def test_in_a_pipe_there_are_lines_and_no_control_sequences(history: History) -> None:
    pipe = io.StringIO()
    watch("m:x", [history(LONG)], Console(file=pipe, color_system=None))
    lines = pipe.getvalue().splitlines()
    assert lines[0] == "    0.000s  execution started"
    assert lines[-1] == "    3.100s  execution succeeded"
    assert len(lines) == 32 and "\x1b" not in pipe.getvalue()
