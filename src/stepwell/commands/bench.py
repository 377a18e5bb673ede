"""`stepwell bench`: measure ways of keeping state, on real parts and under faults."""

import random
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from stepwell.bench.report import Report

_NEEDED = ("boto3", "ministack")
_SEEDS = 1 << 24
_PAGE = "report.html"


@click.group()
def bench() -> None:
    """Measure which way of keeping state survives.

    The same work under several strategies, on real back ends, while it is broken on purpose.

    \b
    Examples:
      stepwell bench quick --out bench-1
      stepwell bench report bench-1
    """


@bench.command()
@click.option("--seed", type=click.IntRange(0, _SEEDS - 1), help="Repeats a run's choices. Default: a new one.")
@click.option(
    "--out", metavar="DIR", type=click.Path(file_okay=False, path_type=Path),
    help="Keep the histories and report.html, report.md and report.json here.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def quick(seed: int | None, out: Path | None, as_json: bool) -> None:
    """Find lost updates and double charges, in about 20 seconds.

    16 clients, a read-modify-write on one key and a charge, under blind writes, conditional writes and orchestration;
    with duplicate deliveries and workers that die right after the charge. All parts are real processes on loopback.

    The exit code is 0 when every cell of the table says something, whatever it says, and 1 when one is invalid.

    \b
    Examples:
      stepwell bench quick
      stepwell bench quick --seed 17 --out bench-17
    """
    _require_parts()
    from stepwell.bench.backends import BackEndFailed
    from stepwell.bench.progress import progress
    from stepwell.bench.quick import Settings, run
    from stepwell.bench.report import again, as_members
    from stepwell.bench.screen import show
    from stepwell.commands import output

    settings = Settings(seed=random.randrange(_SEEDS) if seed is None else seed, out=out)
    try:
        with progress(output.stderr()) as notify:
            report = run(settings, notify)
    except BackEndFailed as error:
        raise click.ClickException(str(error)) from error
    if out:
        _write_pages(out, report)
    if as_json:
        click.echo(output.as_json(as_members(report)))
    else:
        show(report)
        click.echo(f"\nAgain: {again(report)}" + (f"\nHistories and {out / _PAGE}" if out else ""))
    click.get_current_context().exit(0 if report.valid else 1)


@bench.command("report")
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
def report_(run: Path) -> None:
    """Show a run again, and write its report.html and report.md anew.

    RUN is the folder that `quick --out` wrote. Only its report.json is read, and only what was counted: the sentences
    are made again by this version. The exit code is that of the run.

    \b
    Example:
      stepwell bench report bench-17
    """
    from stepwell.bench.report import UnreadableReport, parse
    from stepwell.bench.screen import show

    source = run / "report.json"
    try:
        report = parse(source.read_bytes())
    except (OSError, UnreadableReport) as error:
        raise click.ClickException(f"{source} cannot be read as the report of a run: {error}") from error
    _write_pages(run, report)
    show(report)
    click.echo(f"\nWritten: {run / _PAGE} and report.md")
    click.get_current_context().exit(0 if report.valid else 1)


@bench.command("list")
def list_() -> None:
    """List what `quick` runs: strategies, and where an anomaly is expected.

    \b
    Example:
      stepwell bench list
    """
    from stepwell.bench.report import EXPECTED, HEADINGS, TITLES
    from stepwell.commands import output

    rows = [
        [TITLES[strategy], *("expected" if measure in found else "none" for measure in HEADINGS)]
        for strategy, found in EXPECTED.items()
    ]
    output.print_table(["strategy", *(heading.replace("\n", " ") for heading in HEADINGS.values())], rows)


def _write_pages(folder: Path, report: "Report") -> None:
    from stepwell.bench import html, markdown

    try:
        (folder / _PAGE).write_text(html.page(report), "utf-8")
        (folder / "report.md").write_text(markdown.document(report), "utf-8")
    except OSError as error:
        raise click.ClickException(f"the report cannot be written: {error}") from error


def _require_parts() -> None:
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        names = " and ".join(missing)
        raise click.ClickException(f"the benchmark needs {names}, which 'pip install stepwell[bench]' brings.")
