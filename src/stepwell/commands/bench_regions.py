"""`stepwell bench regions`: a session that is changed in two Regions."""

import random

import click

from stepwell.commands.bench_parts import require_parts


@click.command()
@click.option("--seed", type=click.IntRange(min=0), help="Repeats a run's choices. Default: a new one.")
def regions(seed: int | None) -> None:
    """Change sessions in two Regions, and count losses.

    Each request of a user goes to one of two replicas of a table, which lag and keep the later of two writes that have
    not seen each other. Four ways of keeping the session, without lag and with it: what conflicts, what is lost
    without a word, what a user does not see of his own. Takes about 20 seconds. The exit code is 0 when all was found
    as it was expected, and 1 when not.

    \b
    Example:
      stepwell bench regions --seed 3
    """
    require_parts()
    from stepwell.bench.report.rows import entry
    from stepwell.bench.two_regions import MEASURES, measure
    from stepwell.commands import output
    from stepwell.processes.children import BackEndFailed

    try:
        rows = measure(random.randrange(1 << 24) if seed is None else seed, output.say)
    except BackEndFailed as error:
        raise click.ClickException(str(error)) from error
    lines = [
        [
            f"{row.strategy}, up to {row.lag_seconds:g} s",
            *(str(entry(row.verdicts[name])) for name in MEASURES),
            f"{row.remote:.0%}",
        ]
        for row in rows
    ]
    output.print_table(["session, replicas lag", *MEASURES, "calls to the other Region"], lines)
    for row in rows:
        for name in row.disagreements:
            click.echo(f"otherwise than expected: {row.strategy}, {row.lag_seconds:g} s: {name}")
    click.get_current_context().exit(1 if any(row.disagreements for row in rows) else 0)
