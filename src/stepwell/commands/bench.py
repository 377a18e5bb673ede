"""`stepwell bench`: measure ways of keeping state, on real parts and under faults."""

import random
from importlib.util import find_spec
from pathlib import Path

import click

_NEEDED = ("boto3", "ministack")
_SEEDS = 1 << 24


@click.group()
def bench() -> None:
    """Measure which way of keeping state survives.

    The same work under several strategies, on real back ends, while it is broken on purpose.

    \b
    Example:
      stepwell bench quick
    """


@bench.command()
@click.option("--seed", type=click.IntRange(0, _SEEDS - 1), help="Repeats a run's choices. Default: a new one.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Keep histories and report.json here.")
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
    from stepwell.bench.report import as_members
    from stepwell.bench.screen import show
    from stepwell.commands import output

    settings = Settings(seed=random.randrange(_SEEDS) if seed is None else seed, out=out)
    try:
        with progress(output.stderr()) as notify:
            report = run(settings, notify)
    except BackEndFailed as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(output.as_json(as_members(report)))
    else:
        show(report)
        click.echo(f"\nAgain: stepwell bench quick --seed {report.seed}" + (f"\nHistories: {out}" if out else ""))
    click.get_current_context().exit(0 if report.valid else 1)


@bench.command("list")
def list_() -> None:
    """List what `quick` runs: strategies, and where an anomaly is expected.

    \b
    Example:
      stepwell bench list
    """
    from stepwell.bench.report import EXPECTED, TITLES
    from stepwell.bench.screen import HEADINGS
    from stepwell.commands import output

    rows = [
        [TITLES[strategy], *("expected" if measure in found else "none" for measure in HEADINGS)]
        for strategy, found in EXPECTED.items()
    ]
    output.print_table(["strategy", *(heading.replace("\n", " ") for heading in HEADINGS.values())], rows)


def _require_parts() -> None:
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        names = " and ".join(missing)
        raise click.ClickException(f"the benchmark needs {names}, which 'pip install stepwell[bench]' brings.")
