"""What exists and what happened, for a person: `stepwell list` and `stepwell history`."""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.text import Text

from stepwell.commands.client import label_of_execution
from stepwell.commands.flow import Event, Flow
from stepwell.commands.output import print_table, say, stdout
from stepwell.commands.tree import duration, path, plain, status, tree

DATA_CHARACTERS = 1000


def show_machines(machines: Sequence[Mapping[str, Any]]) -> None:
    if not machines:
        say("No state machines. Deploy a project with `stepwell deploy` or `stepwell up`.")
        return
    rows = [[item["name"], item["type"], _time(item["creationDate"]), item["stateMachineArn"]] for item in machines]
    print_table(("state machine", "type", "created", "ARN"), rows)


def show_executions(executions: Sequence[Mapping[str, Any]]) -> None:
    if not executions:
        say("No executions.")
        return
    rows = [
        (label_of_execution(item["executionArn"]), status(item["status"]), _time(item["startDate"]), _took(item))
        for item in executions
    ]
    print_table(("execution", "status", "started", "duration"), rows)
    for item in executions:
        for text in item.get("warnings", ()):
            say(f"{plain(label_of_execution(item['executionArn']))}: {plain(text)}", "yellow")


def _took(item: Mapping[str, Any]) -> str:
    end = item["stopDate"].timestamp() if "stopDate" in item else time.time()
    return duration(end - item["startDate"].timestamp())


def _time(at: datetime) -> str:
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def show_history(description: Mapping[str, Any], events: Sequence[Event]) -> None:
    """The execution as a tree, with its input and outcome."""
    flow = Flow()
    for event in events:
        flow.add(event)
    console = stdout()
    console.print(tree(flow, label_of_execution(description["executionArn"]), time.time()))
    facts = {"started": _time(description["startDate"])}
    facts |= {key: description[key] for key in ("input", "output", "error", "cause") if description.get(key)}
    for key, text in facts.items():
        short = text if len(text) <= DATA_CHARACTERS else f"{text[:DATA_CHARACTERS]}…"
        lines = [plain(line) for line in short.strip().splitlines()]
        console.print(Text.assemble((f"{key:8}", "dim"), "\n        ".join(lines)), soft_wrap=True)
    for text in description.get("warnings", ()):
        console.print(Text.assemble(("warning ", "yellow"), plain(text)), soft_wrap=True)


def show_events(events: Sequence[Event]) -> None:
    """Every event of a history, a line each."""
    flow = Flow()
    rows = []
    for event in events:
        place = flow.add(event)
        elapsed = event["timestamp"].timestamp() - flow.started_at
        rows.append([str(event["id"]), str(event["previousEventId"]), f"{elapsed:.3f}s", event["type"], path(place)])
    print_table(("id", "previous", "elapsed", "event", "where"), rows)
