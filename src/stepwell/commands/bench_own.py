"""`stepwell bench init` and the run of one's own workflow."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from stepwell.bench.own.run import Result

FAULTS = ("duplicate", "crash", "response-lost", "hot-key", "store-kill")
Outcome = TypeVar("Outcome")
_FOLDER = click.Path(file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def _parameters(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    pairs = [value.partition("=") for value in values]
    if wrong := [value for value, (_, sign, _) in zip(values, pairs, strict=True) if not sign]:
        raise click.BadParameter(f"{wrong[0]}: give it as KEY=VALUE")
    return {name: value for name, _, value in pairs}


@click.command()
@click.argument("template", type=click.Path(exists=True, path_type=Path))
@click.argument("folder", type=_FOLDER, default="stepwell-own")
@click.option("--event", type=_FILE, help="What the work begins with. Default: the first events/*.json.")
@click.option("--start", metavar="ID", help="The function or state machine that begins it. Default: the only one.")
@click.option("--vary", multiple=True, metavar="VALUE", help="A text in the event that is a request's own.")
@click.option("--seed-file", type=_FILE, help="Items by table that are there before: {TABLE: [ITEM, ...]}.")
@click.option("--parameter", "parameters", multiple=True, metavar="KEY=VALUE", callback=_parameters,
              help="For the template.")  # fmt: skip
def init(
    template: Path, folder: Path, event: Path | None, start: str | None, vary: tuple[str, ...],
    seed_file: Path | None, parameters: dict[str, str],
) -> None:  # fmt: skip
    """Run your own project once and list what it does to state.

    TEMPLATE is a SAM or CloudFormation template, or its folder. FOLDER gets state.yaml, to be marked, and prototypes,
    to be edited; then `stepwell bench run FOLDER` breaks them. The project's functions run here, with DynamoDB, SQS, S3
    and Redis on loopback; what they send by HTTP is answered here too and reaches nobody.

    \b
    Examples:
      stepwell bench init template.yaml mine
      stepwell bench init orders/ mine --event order.json --vary order-17
    """
    from stepwell.bench import own
    from stepwell.commands.output import say

    notes = _measuring(
        lambda notify: own.init(
            template, folder, notify, event=event, start=start, vary=vary, seed=seed_file, parameters=parameters
        )
    )
    for note in notes:
        say(f"Note: {note}")
    click.echo(f"Written: {folder}. Mark {folder / 'state.yaml'}, edit {folder / 'prototypes'}, then:")
    click.echo(f"  stepwell bench run {folder}")


def run_own(
    folder: Path, faults: tuple[str, ...], seed: int, repeat: int, prototypes: tuple[str, ...], check: bool,
    endpoint_url: str | None, redis_url: str | None, aws: bool,
) -> None:  # fmt: skip
    """What `stepwell bench run FOLDER` does. The exit code of a check is 1 when something does not hold any more."""
    from stepwell.bench import own
    from stepwell.bench.own.bed import Real

    if unknown := [fault for fault in faults if fault not in FAULTS]:
        raise click.UsageError(f"{unknown[0]!r} is not one of the faults for your own workflow: {', '.join(FAULTS)}")
    if aws and endpoint_url:
        raise click.UsageError("--aws and --endpoint-url say two different things: give one")
    real = Real(endpoint_url=endpoint_url, redis_url=redis_url, aws=aws)
    options = own.Options(prototypes=prototypes, faults=faults, repeat=repeat, seed=seed, real=real, check=check)
    result = _measuring(lambda notify: own.run(folder, options, notify))
    _show(result)
    if check:
        for line in result.regressions:
            click.echo(f"BROKEN  {line}")
        click.get_current_context().exit(1 if result.regressions else 0)
    click.echo(f"\nWritten: {folder / 'decision.md'} and {folder / 'regress.yaml'}")


def _measuring(work: Callable[[Callable[[str, float], None]], Outcome]) -> Outcome:
    from stepwell.bench.own import UnusableProject
    from stepwell.bench.report.progress import progress
    from stepwell.commands import output
    from stepwell.processes.children import BackEndFailed

    try:
        with progress(output.stderr()) as notify:
            return work(notify)
    except (BackEndFailed, UnusableProject) as error:
        raise click.ClickException(str(error)) from error


def _show(result: "Result") -> None:
    from stepwell.commands import output

    rows = [
        [
            each.name,
            cell.fault,
            *("INVALID" if found.invalid else f"{found.count} of {found.exposed}" for found in cell.verdicts.values()),
        ]
        for each in result.measured
        for cell in each.cells
    ]
    output.print_table(["prototype", "fault", "duplicated", "lost", "stuck"], rows)
