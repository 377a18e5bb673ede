"""`stepwell bench pitfalls`: common mistakes with state, each measured before and after its fix."""

import click

from stepwell.commands.bench_parts import require_parts


@click.command()
@click.argument("names", metavar="[PAIR]...", nargs=-1)
@click.option("--markdown", is_flag=True, help="Print the page of the documentation, with the diffs.")
def pitfalls(names: tuple[str, ...], markdown: bool) -> None:
    """Measure common mistakes with state, before and after the fix.

    Each PAIR is the same work twice, on real parts on loopback; without PAIR all of them, in about a minute. The exit
    code is 0 when each mistake showed and each fix helped, else 1.

    \b
    Examples:
      stepwell bench pitfalls
      stepwell bench pitfalls hot-key lost-callback
      stepwell bench pitfalls --markdown > pitfalls.md
    """
    require_parts()
    from stepwell.bench.pitfalls import run, shown
    from stepwell.bench.report.progress import progress
    from stepwell.commands import output
    from stepwell.processes.children import BackEndFailed

    if unknown := [name for name in names if name not in run.PAIRS]:
        raise click.UsageError(f"there is no pair {unknown[0]!r}; there are {', '.join(run.PAIRS)}")
    try:
        with progress(output.stderr()) as notify:
            done = run.run([run.PAIRS[name] for name in dict.fromkeys(names) or run.PAIRS], notify)
    except BackEndFailed as error:
        raise click.ClickException(str(error)) from error
    if markdown:
        click.echo(shown.document(done), nl=False)
    else:
        output.print_table(shown.HEADINGS, shown.lines(done))
    click.get_current_context().exit(0 if done.sound else 1)
