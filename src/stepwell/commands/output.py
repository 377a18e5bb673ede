"""Where words go: results to stdout, all that is said about them to stderr. Colours only where rich finds a terminal
that takes them; `NO_COLOR` turns them off."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stepwell.commands.tree import plain

PIPE_WIDTH = 100_000
"""Columns for a reader that is a program: nothing is wrapped or cut."""


def stdout() -> Console:
    """A console on stdout, as wide as the terminal or, in a pipe, as anything needs."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=PIPE_WIDTH)


def stderr() -> Console:
    return Console(stderr=True, highlight=False)


def say(text: str, style: str = "") -> None:
    """A remark, to stderr."""
    stderr().print(Text(text, style), soft_wrap=True)


def section(title: str, lines: Sequence[str]) -> None:
    """A headline with lines below it, to stdout; nothing when there are no lines."""
    if lines:
        console = stdout()
        console.print()
        console.print(Text(title, "bold"))
        for line in lines:
            console.print(Text(f"  {plain(line)}"), soft_wrap=True)


def as_json(value: object) -> str:
    """AWS's reply as indented JSON, with times in ISO 8601."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=_plain_value)


def _plain_value(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> None:
    """A table without rules, to stdout."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", show_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(plain(cell)) if isinstance(cell, str) else cell for cell in row))
    console = stdout()
    with console.capture() as capture:
        console.print(table)
    for line in capture.get().splitlines():
        click.echo(line.rstrip())
