"""The report on a terminal: one table, its witnesses, and what follows."""

import click
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from stepwell.bench.report import (
    DELIVERED_TWICE,
    HOT_KEY,
    NEVER_CHARGED,
    STUCK,
    WORKER_DIED,
    Cell,
    Report,
    Row,
    conclusions,
    disagreements,
    losses,
    witnesses,
)

HEADINGS = {
    DELIVERED_TWICE: "charged twice,\ndelivered twice",
    WORKER_DIED: "charged twice,\nworker died",
    HOT_KEY: "updates lost,\none key",
    NEVER_CHARGED: "never\ncharged",
    STUCK: "stuck",
}


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
        Text(f"\nRun {report.run}, {report.seconds:.0f} s, {report.clients} clients at once\n", "dim"),
        Text(losses(report) + "\n"),
        _table(report, narrow=width < PIPE_WIDTH),
        *_section("Witnesses", [f"{title}: {witness.text}." for title, witness in witnesses(report)]),
        *_section("Found otherwise than expected", disagreements(report)),
        *_section("What follows", conclusions(report)),
        *_section("Back ends", _back_ends(report)),
        Text("\nThis is evidence about these back ends on this machine, not about AWS.", "dim"),
    )


def _table(report: Report, *, narrow: bool) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold", show_edge=False)
    table.add_column("", min_width=max(len(word) for row in report.rows for word in row.title.split()))
    for heading in HEADINGS.values():
        table.add_column(heading)
    table.add_column("writes\nrefused")
    for row in report.rows:
        table.add_row(row.title, *(_cell(row.cells[measure], narrow) for measure in HEADINGS), _refused(row))
    return table


def _cell(cell: Cell, narrow: bool) -> Text:
    style = "yellow" if cell.verdict.invalid else "red" if cell.verdict.count else "green"
    lines = cell.text().replace(" (", "\n(")
    text = Text(lines.replace("at most ", "at most\n") if narrow else lines, style)
    return text.append("\nnot as expected", "bold yellow") if cell.disagrees else text


def _refused(row: Row) -> str:
    return f"{row.refused} of {row.writes}"


def _section(title: str, lines: list[str]) -> list[RenderableType]:
    if not lines:
        return []
    return [Text(f"\n{title}", "bold"), *(Padding(Text(line), (0, 0, 0, 2)) for line in lines)]


def _back_ends(report: Report) -> list[str]:
    lines = [
        f"{each.back_end}: {each.failure or 'certified'}; "
        + ", ".join(f"{trial.wrong} of {trial.acknowledged} {trial.name} wrong" for trial in each.trials)
        for each in report.certificates
    ]
    machine = ", ".join(report.machine.values())
    return [*lines, ", ".join(f"{name} {version}" for name, version in report.versions.items()), machine]
