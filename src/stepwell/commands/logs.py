"""`stepwell logs`: what a function, a state machine or one execution logs, once or as it comes."""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import click

from stepwell.commands.client import arn_of_execution, describe_machine
from stepwell.commands.tree import plain

POLL_SECONDS = 0.5

LATE_SECONDS = 5.0
"""How much later than its time an event may be stored and still be shown by `follow`."""

_GROUP_NAME = re.compile(r"[.\-_/#A-Za-z0-9]{1,512}")

Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """Where to look: a log group, streams by how their names begin, and a filter pattern."""

    group: str
    prefix: str = ""
    pattern: str = ""


def find(states: Any, logs: Any, name: str) -> Source:
    """The source of an execution (an ARN or MACHINE:NAME), a function, a log group, or a state machine.

    Raises `click.ClickException` where there is none.
    """
    if _is_execution(name):
        found = _of_execution(states, arn_of_execution(name))
    else:
        found = _of_group(logs, f"/aws/lambda/{name}") or _of_group(logs, name) or _of_machine(states, name)
    if found is None:
        raise click.ClickException(
            f"there is no log of {name!r}: there is no state machine of that name, and a function's log begins with its"
            " first invocation. `stepwell list` shows the state machines."
        )
    return found


def _is_execution(name: str) -> bool:
    return name.split(":")[5] in ("execution", "express") if name.count(":") >= 6 else ":" in name


def _of_execution(states: Any, arn: str) -> Source | None:
    parts = arn.split(":")
    found = _of_machine(states, ":".join([*parts[:5], "stateMachine", parts[6].partition("/")[0]]))
    return found and Source(found.group, found.prefix, f'{{ $.execution_arn = "{arn}" }}')


def _of_group(logs: Any, name: str) -> Source | None:
    if not _GROUP_NAME.fullmatch(name):
        return None
    found = logs.describe_log_groups(logGroupNamePrefix=name, limit=1)["logGroups"]
    return Source(name) if any(group["logGroupName"] == name for group in found) else None


def _of_machine(states: Any, name: str) -> Source | None:
    """None where there is no such machine. Raises `click.ClickException` where it does not log."""
    machine = describe_machine(states, name)
    if machine is None:
        return None
    logging = machine["loggingConfiguration"]
    if logging["level"] == "OFF" or not logging.get("destinations"):
        raise click.ClickException(
            f"{machine['name']} logs nothing: give it a loggingConfiguration with the level ALL, ERROR or FATAL and a"
            " log group. `stepwell history` shows what happened in an execution of a Standard machine all the same."
        )
    arn: str = logging["destinations"][0]["cloudWatchLogsLogGroup"]["logGroupArn"]
    return Source(arn.removesuffix(":*"), f"states/{machine['name']}/")


def events(logs: Any, source: Source, since: float, pattern: str) -> Iterator[Event]:
    """The events since a time, as far as there are any now. Raises `click.UsageError` for two patterns."""
    if pattern and source.pattern:
        raise click.UsageError("--filter cannot be given with an execution, which is a filter itself")
    wanted = pattern or source.pattern
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupIdentifier=source.group, startTime=int(since * 1000),
        **({"logStreamNamePrefix": source.prefix} if source.prefix else {}),
        **({"filterPattern": wanted} if wanted else {}),
    )  # fmt: skip
    for page in pages:
        yield from page["events"]


def follow(
    logs: Any, source: Source, since: float, pattern: str, pause: Callable[[float], None] = time.sleep
) -> Iterator[Event]:  # fmt: skip
    """The events since a time and then those that come, without an end.

    An event may be stored a little after a later one, so each look goes back over the last seconds.
    """
    seen: dict[str, int] = {}
    while True:
        for event in events(logs, source, since, pattern):
            if event["eventId"] not in seen:
                yield event
            seen[event["eventId"]] = event["timestamp"]
            since = max(since, event["timestamp"] / 1000 - LATE_SECONDS)
        seen = {id: at for id, at in seen.items() if at >= int(since * 1000)}
        pause(POLL_SECONDS)


def line(event: Event) -> str:
    """An event for a person: when, and what."""
    at = datetime.fromtimestamp(event["timestamp"] / 1000).astimezone()
    text = "\n".join(map(plain, event["message"].expandtabs(2).rstrip().split("\n")))
    return f"{at:%Y-%m-%d %H:%M:%S}.{event['timestamp'] % 1000:03d}  {text}"
