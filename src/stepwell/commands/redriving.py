"""`stepwell redrive` and `stepwell stop`: what was chosen is done one after the other, and what is refused is told."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import click

from stepwell.commands.client import Endpoint, arn_of_execution, connect, explained, find_machine, label_of_execution
from stepwell.commands.listing import show_executions
from stepwell.commands.output import say

REFUSED_SHOWN = 20


def redrive_some(endpoint: Endpoint, executions: Sequence[str], rate: int) -> int:
    """Redrives executions that were named; returns the exit code."""
    return _redrive(connect(endpoint), endpoint, [arn_of_execution(text) for text in executions], rate)


def redrive_all(
    endpoint: Endpoint, machine: str, statuses: Sequence[str], since_seconds: float | None, rate: int,
    dry_run: bool, is_sure: bool,
) -> int:  # fmt: skip
    """Redrives what of a state machine has ended so, once a person has agreed; returns the exit code."""
    client = connect(endpoint)
    after = 0.0 if since_seconds is None else time.time() - since_seconds
    with explained(endpoint.url):
        arn = find_machine(client, machine)["stateMachineArn"]
        found = [item for status in statuses for item in _ended(client, arn, status, after)]
    if dry_run or not found:
        show_executions(found)
        return 0
    if not is_sure:
        click.confirm(f"Redrive {_count(len(found))} of {machine}?", abort=True, err=True)
    return _redrive(client, endpoint, [item["executionArn"] for item in found], rate)


def _ended(client: Any, machine: str, status: str, after: float) -> list[dict[str, Any]]:
    """Executions that ended in this status since a time. They are listed by another time, so all are read."""
    pages = client.get_paginator("list_executions").paginate(stateMachineArn=machine, statusFilter=status)
    return [item for page in pages for item in page["executions"] if item["stopDate"].timestamp() >= after]


def _redrive(client: Any, endpoint: Endpoint, executions: Sequence[str], rate: int) -> int:
    def redrive(arn: str) -> None:
        client.redrive_execution(executionArn=arn)

    return _each(client, endpoint, _paced(executions, rate), len(executions), redrive, "redriven")


def stop_some(endpoint: Endpoint, executions: Sequence[str], error: str | None, cause: str | None) -> int:
    """Stops executions; returns the exit code. To stop one that has ended changes nothing."""
    given = {name: text for name, text in (("error", error), ("cause", cause)) if text is not None}
    client = connect(endpoint)

    def stop(arn: str) -> None:
        client.stop_execution(executionArn=arn, **given)

    arns = [arn_of_execution(text) for text in executions]
    return _each(client, endpoint, arns, len(arns), stop, "stopped")


def _each(
    client: Any, endpoint: Endpoint, arns: Iterable[str], count: int, act: Callable[[str], None], done: str
) -> int:  # fmt: skip
    """Acts on each, with a bar on a terminal. What one call is refused is told in the end, and the rest goes on."""
    refused: list[str] = []
    acted = 0
    try:
        with explained(endpoint.url), click.progressbar(arns, length=count, label=done, file=sys.stderr) as waiting:
            for arn in waiting:
                try:
                    act(arn)
                    acted += 1
                except client.exceptions.ClientError as error:
                    content = error.response["Error"]
                    refused.append(f"{label_of_execution(arn)}: {content['Code']}: {content['Message']}")
    finally:  # also when Ctrl-C or a dead endpoint ends it before
        _tell(acted, done, refused)
    return 1 if refused else 0


def _tell(acted: int, done: str, refused: Sequence[str]) -> None:
    for text in refused[:REFUSED_SHOWN]:
        say(text, "red")
    if refused[REFUSED_SHOWN:]:
        say(f"… {len(refused) - REFUSED_SHOWN:,} more refused", "red")
    say(f"{_count(acted)} {done}" + (f", {len(refused):,} refused" if refused else ""))


def _count(number: int) -> str:
    return f"{number:,} execution{'' if number == 1 else 's'}"


def _paced(items: Sequence[str], rate: int, pause: Callable[[float], None] = time.sleep) -> Iterator[str]:
    """The items, at most so many a second: what they start anew is to bear it."""
    begun = time.monotonic()
    for number, item in enumerate(items):
        early = begun + number / rate - time.monotonic()
        if early > 0:
            pause(early)
        yield item
