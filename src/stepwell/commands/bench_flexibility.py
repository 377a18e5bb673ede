"""`stepwell bench flexibility`: what it takes to change a workflow, by the way in which its state is kept."""

import click

from stepwell.commands.bench_parts import require_parts


@click.command()
@click.argument("strategies", metavar="[STRATEGY]...", nargs=-1)
@click.option("--markdown", is_flag=True, help="Print the page of the documentation, with the diffs.")
def flexibility(strategies: tuple[str, ...], markdown: bool) -> None:
    """Count what a branch and a fan-out take.

    Both are added to the order under each strategy. Before and after are real: they run on loopback, with nothing
    broken and under repeated delivery, and the difference between the files that ran is counted. Without STRATEGY all
    of them, in about a minute and a half. The exit code is 0 when no change has cost a strategy its protection, and
    each of them is known not to have, else 1.

    \b
    Examples:
      stepwell bench flexibility
      stepwell bench flexibility queue orchestration
      stepwell bench flexibility --markdown > flexibility.md
    """
    require_parts()
    from stepwell.bench.flexibility import run, shown
    from stepwell.bench.flexibility.changes import WAYS
    from stepwell.bench.report.progress import progress
    from stepwell.commands import output
    from stepwell.processes.children import BackEndFailed

    if unknown := [name for name in strategies if name not in WAYS]:
        raise click.UsageError(f"there is no change test of {unknown[0]!r}; there is one of {', '.join(WAYS)}")
    try:
        with progress(output.stderr()) as notify:
            done = run.run(list(dict.fromkeys(strategies) or WAYS), notify)
    except BackEndFailed as error:
        raise click.ClickException(str(error)) from error
    if markdown:
        click.echo(shown.document(done), nl=False)
    else:
        output.print_table(shown.HEADINGS, shown.lines(done))
    click.get_current_context().exit(0 if done.sound else 1)
