"""`stepwell bench published`: published results, measured again."""

import click

from stepwell.commands.bench_parts import require_parts

_NAMES = ("t1", "t2", "t3", "survival")


@click.command()
@click.argument("tables", nargs=-1, type=click.Choice(_NAMES))
def published(tables: tuple[str, ...]) -> None:
    """Measure published results again.

    By criteria that were set before.

    \b
    t1        Redis with Sentinel in a split brain (Jepsen). Takes 100 s; needs root, ip and network namespaces
    t2        transactions that see each other in part (AFT, table 2). About 20 s
    t3        transitions and cost of six workflows (SeBS-Flow). A few seconds
    survival  what Valkey keeps, by persistence and failure. Without strace, losses of power are INVALID

    The exit code is 0 when all criteria of what could be run are met, and 1 when one is not. What cannot be run here
    says why.

    \b
    Examples:
      stepwell bench published t3
      sudo stepwell bench published
    """
    require_parts()
    from stepwell.bench.durability.sentinel import NotSettled
    from stepwell.bench.published.t3 import WorkflowFailed
    from stepwell.bench.published.tables import TABLES, lines
    from stepwell.commands import output
    from stepwell.processes.children import BackEndFailed

    sound = True
    for name in dict.fromkeys(tables or _NAMES):
        try:
            shown = TABLES[name](output.say)
        except (BackEndFailed, NotSettled, WorkflowFailed) as error:
            raise click.ClickException(f"{name}: {error}") from error
        click.echo(f"\n{shown.title}\n")
        if shown.invalid:
            click.echo(f"Not run: {shown.invalid}")
            continue
        output.print_table(shown.headings, shown.rows)
        output.section("Criteria", lines(shown.criteria))
        sound = sound and shown.reproduced
    click.get_current_context().exit(0 if sound else 1)
