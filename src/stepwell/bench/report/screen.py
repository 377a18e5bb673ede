"""The report on a terminal: one screen that says it all, and the tables it was made from below."""

from collections.abc import Iterator

import click
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from stepwell.bench.report import findings
from stepwell.bench.report.data import Report
from stepwell.bench.report.rows import (
    FOUND,
    INVALID,
    NONE,
    NOT_AS_EXPECTED,
    OVER,
    PLAIN,
    Entry,
    Table,
    matrices,
    overview,
)

PIPE_WIDTH = 150
"""Columns where there is no terminal: a table with its cells in one piece."""

_COLUMN_WIDTH = 10
"""What a column needs: its longest word."""

_STYLES = {FOUND: "red", NONE: "green", INVALID: "yellow", OVER: "magenta", PLAIN: ""}


def show(report: Report) -> None:
    """Prints it to stdout, as wide as the terminal."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=PIPE_WIDTH)
    with console.capture() as capture:
        console.print(render(report, console.width))
    for line in capture.get().splitlines():
        click.echo(line.rstrip())


def render(report: Report, width: int) -> RenderableType:
    """The report for a terminal of so many columns, from 80 on."""
    return Group(
        Text(f"\n{findings.heading(report)}. {findings.summary(report)}", "dim"),
        Text(f"{findings.budget(report)}\n"),
        Text(findings.opening(report) + "\n"),
        *_grids(overview(report), width),
        *(part for title, lines in findings.above(report).items() for part in _section(title, lines)),
        Text(f"\n{findings.EVIDENCE}", "dim"),
        *(part for table in matrices(report) for part in (Text(f"\n{table.title}", "bold"), *_grids(table, width))),
        *(part for title, lines in findings.below(report).items() for part in _section(title, lines)),
    )


def _grids(table: Table, width: int) -> Iterator[RenderableType]:
    """The table, or where there is no room for it, its columns in as few parts of one size as there is room for."""
    count = len(table.headings) - 1
    parts = -(-count * _COLUMN_WIDTH // (width - width // 5))
    step = -(-count // parts)
    for first in range(0, count, step):
        if first:
            yield Text("")
        yield _grid(table, slice(first, first + step), width)


def _grid(table: Table, columns: slice, width: int) -> Grid:
    grid = Grid(box=None, padding=(0, 1, 0, 0), header_style="bold", show_edge=False)
    longest = max(len(word) for title, _ in table.rows for word in title.split())
    grid.add_column("", min_width=longest, max_width=max(longest, width // 5))
    for number, heading in list(enumerate(table.headings[1:]))[columns]:
        bounds = [len(entries[number].note) + 2 for _, entries in table.rows if entries[number].kind == NONE]
        grid.add_column(heading, min_width=max(bounds, default=0) if width >= PIPE_WIDTH else None)
    for title, entries in table.rows:
        grid.add_row(title, *(_cell(entry) for entry in entries[columns]))
    return grid


def _cell(entry: Entry) -> Text:
    text = Text(entry.text.replace("; ", "\n"), _STYLES[entry.kind])
    if entry.note:
        text.append(f"\n({entry.note})")
    return text.append(f"\n{NOT_AS_EXPECTED}", "bold yellow") if entry.surprises else text


def _section(title: str, lines: list[str]) -> list[RenderableType]:
    return [Text(f"\n{title}", "bold"), *(Padding(Text(line), (0, 0, 0, 2)) for line in lines)]
