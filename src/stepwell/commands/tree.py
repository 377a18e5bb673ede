"""A `Flow` for the eye: as a tree, and event by event as lines. Nothing here reads or writes anything."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from rich.text import Text
from rich.tree import Tree

from stepwell.commands.flow import (
    ABORTED,
    CAUGHT,
    FAILED,
    FAILING,
    RUNNING,
    SUCCEEDED,
    Branch,
    Event,
    Flow,
    Place,
    State,
    outwards,
)

STATES_SHOWN = 40
BRANCHES_SHOWN = 20
CAUSE_CHARACTERS = 160

_MARKS = {
    RUNNING: ("●", "cyan"),
    FAILING: ("↻", "yellow"),
    SUCCEEDED: ("✓", "green"),
    CAUGHT: ("✗", "yellow"),
    FAILED: ("✗", "red"),
    ABORTED: ("■", "magenta"),
}
_WORDS = {
    "ExecutionStarted": "started",
    "ExecutionSucceeded": "succeeded",
    "ExecutionFailed": "failed",
    "ExecutionTimedOut": "timed out",
    "ExecutionAborted": "aborted",
    "ExecutionRedriven": "redriven",
}
_STYLES = {"RUNNING": "cyan", "SUCCEEDED": "green", "FAILED": "red", "TIMED_OUT": "red", "ABORTED": "magenta"}

T = TypeVar("T")


def tree(flow: Flow, title: str, now: float) -> Tree:
    """The whole execution. `now` is epoch seconds, for the durations of what still runs."""
    head = Text.assemble((title, "bold"), "  ", status(flow.status), "  ", (_lasting(flow, now), "dim"))
    root = Tree(head, guide_style="dim")
    _add_states(root, flow.root, now)
    return root


def status(name: str) -> Text:
    """The status of an execution in its colour."""
    return Text(name, _STYLES.get(name, ""))


def _lasting(flow: Flow, now: float) -> str:
    return duration((flow.ended_at or now) - flow.started_at) if flow.started_at else ""


def _add_states(node: Tree, branch: Branch, now: float) -> None:
    hidden = len(branch.states) - STATES_SHOWN
    if hidden > 0:
        node.add(Text(f"… {hidden:,} earlier states", "dim"))
    for state in branch.states[-STATES_SHOWN:]:
        inner = node.add(_state_label(state, now))
        shown = shown_branches(state.branches)
        for part in shown:
            _add_states(inner.add(_branch_label(part)), part, now)
        if len(shown) < len(state.branches):
            inner.add(Text(f"… {_summary(branch for branch in state.branches if branch not in shown)}", "dim"))


def shown_branches(branches: Sequence[Branch]) -> list[Branch]:
    """What a Map with many iterations shows: those that failed, then those that run, then the latest; in order."""
    rank = {FAILED: 0, RUNNING: 1}
    chosen = sorted(branches, key=lambda branch: (rank.get(branch.status, 2), -branch.index))[:BRANCHES_SHOWN]
    return sorted(chosen, key=lambda branch: branch.index)


def _summary(branches: Iterable[Branch]) -> str:
    counts: dict[str, int] = {}
    for branch in branches:
        counts[branch.status] = counts.get(branch.status, 0) + 1
    return ", ".join(f"{count:,} more {status}" for status, count in counts.items())


def _branch_label(branch: Branch) -> Text:
    if branch.parent is not None and branch.parent.type == "Parallel":
        return Text(branch.label, "dim")
    mark, style = _MARKS[branch.status]
    return Text.assemble((mark, style), f" {branch.label}")


def _state_label(state: State, now: float) -> Text:
    mark, style = _MARKS[state.status]
    # One line each, however narrow the screen.
    label = Text(no_wrap=True, overflow="ellipsis").append(mark, style).append(" ")
    label.append(plain(state.name), "dim" if state.status == ABORTED else "")
    for text, text_style in _facts(state, now):
        label.append(f"  {text}", text_style)
    return label


def _facts(state: State, now: float) -> Iterator[tuple[str, str]]:
    """What is known of a state beside its name, with styles."""
    if state.attempts > 1:
        yield f"attempt {state.attempts}", "yellow"
    if state.type not in ("Pass", "Choice", "Succeed", "Fail"):
        yield duration((state.ended_at or now) - state.entered_at), "dim"
    if state.note:
        yield plain(state.note), "cyan"
    if state.status in (FAILING, FAILED, CAUGHT) and (text := failure(state.error, state.cause)):
        yield text, "red" if state.status == FAILED else "yellow"
    if state.status == CAUGHT:
        yield "caught", "yellow"


def failure(error: str | None, cause: str | None) -> str:
    """Error and cause in one short line."""
    cause, _ = told(cause)
    text = plain(" ".join(": ".join(part for part in (error, cause) if part).split()))
    return text if len(text) <= CAUSE_CHARACTERS else f"{text[: CAUSE_CHARACTERS - 1]}…"


def told(cause: str | None) -> tuple[str | None, list[str]]:
    """A cause as text, with the lines of a stack trace: a function's error is JSON with `errorMessage`."""
    try:
        value = json.loads(cause or "")
    except (ValueError, RecursionError):
        return cause, []
    if not isinstance(value, dict) or not isinstance(value.get("errorMessage"), str):
        return cause, []
    trace = value.get("stackTrace")
    lines = [line for entry in trace for line in str(entry).splitlines()] if isinstance(trace, list) else []
    return value["errorMessage"], lines


def plain(text: str) -> str:
    """The text without what would steer a terminal: names and causes are anybody's words."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def duration(seconds: float) -> str:
    """`12ms`, `1.2s`, `2m 03s`, `1h 02m`, `3d 04h`."""
    seconds = max(seconds, 0.0)
    if seconds < 0.9995:
        return f"{round(seconds * 1000)}ms"
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02}s"
    if whole < 86400:
        return f"{whole // 3600}h {whole % 3600 // 60:02}m"
    return f"{whole // 86400}d {whole % 86400 // 3600:02}h"


def line(flow: Flow, event: Event, place: Place | None) -> str | None:
    """One line about an event and the place that it touched; None where an event tells a person nothing new."""
    happened = _happened(event["type"], flow, place)
    if happened is None:
        return None
    elapsed = event["timestamp"].timestamp() - flow.started_at
    return "  ".join(part for part in (f"{elapsed:9.3f}s", path(place), happened) if part)


def path(place: Place | None) -> str:
    """Where a place is, from the outside in: `Greet all [0] > Greet`."""
    parts: list[str] = []
    for at in reversed(list(outwards(place))):
        if isinstance(at, State):
            parts.append(plain(at.name))
        elif at.label and parts:
            parts[-1] += f" {at.label}"
    return " > ".join(parts)


def _happened(type: str, flow: Flow, place: Place | None) -> str | None:
    if type.startswith("Execution"):
        return _with_reason(f"execution {_WORDS.get(type, '')}", flow.error, flow.cause)
    if isinstance(place, State):
        return _state_happened(type, place)
    if isinstance(place, Branch) and type in ("MapIterationFailed", "MapIterationAborted"):
        return type.removeprefix("MapIteration").lower()
    return None


def _state_happened(type: str, state: State) -> str | None:
    if type.endswith("StateEntered"):
        return "entered"
    if type.endswith("StateExited"):
        took = duration((state.ended_at or state.entered_at) - state.entered_at)
        return f"{'error caught' if state.status == CAUGHT else 'done'} after {took}"
    if type.endswith("StateAborted"):
        return "aborted"
    if state.status in (FAILING, FAILED):
        text = f"attempt {state.attempts} failed" if state.attempts else "failed"
        return _with_reason(text, state.error, state.cause)
    if type.endswith(("Scheduled", "StateStarted")) and state.attempts > 1:
        return f"attempt {state.attempts}"
    if type in ("TaskSubmitted", "ActivityScheduled") and state.note:
        return plain(state.note)
    return None


def _with_reason(text: str, error: str | None, cause: str | None) -> str:
    reason = failure(error, cause)
    return f"{text}: {reason}" if reason else text
