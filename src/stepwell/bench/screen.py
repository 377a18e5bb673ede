"""The report on a terminal: one table, its witnesses, and what follows."""

import click
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from stepwell.bench.report import (
    EVIDENCE,
    HEADINGS,
    NOT_AS_EXPECTED,
    REFUSED,
    Cell,
    Report,
    losses,
    sections,
    summary,
)

PIPE_WIDTH = 110
"""Columns where there is no terminal: a table with its cells in one piece."""


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
        Text(f"\n{summary(report)}\n", "dim"),
        Text(losses(report) + "\n"),
        _table(report, narrow=width < PIPE_WIDTH),
        *(part for title, lines in sections(report).items() for part in _section(title, lines)),
        Text(f"\n{EVIDENCE}", "dim"),
    )


def _table(report: Report, *, narrow: bool) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold", show_edge=False)
    table.add_column("", min_width=max(len(word) for row in report.rows for word in row.title.split()))
    for heading in HEADINGS.values():
        table.add_column(heading)
    table.add_column(REFUSED)
    for row in report.rows:
        table.add_row(row.title, *(_cell(row.cells[measure], narrow) for measure in HEADINGS), row.refusals)
    return table


def _cell(cell: Cell, narrow: bool) -> Text:
    style = "yellow" if cell.verdict.invalid else "red" if cell.verdict.count else "green"
    lines = cell.text().replace(" (", "\n(")
    text = Text(lines.replace("at most ", "at most\n") if narrow else lines, style)
    return text.append(f"\n{NOT_AS_EXPECTED}", "bold yellow") if cell.disagrees else text


def _section(title: str, lines: list[str]) -> list[RenderableType]:
    return [Text(f"\n{title}", "bold"), *(Padding(Text(line), (0, 0, 0, 2)) for line in lines)]
