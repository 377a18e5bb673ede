"""`stepwell advise`: which ways of keeping state to prototype."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from stepwell.bench.advise import Advice
    from stepwell.bench.report.data import Report

_RUNS = Path("stepwell-bench")


@click.command()
@click.option("--consistency", type=click.Choice(["exact", "eventual"]), help="May a request be lost, or happen twice?")
@click.option("--latency-ms", type=click.FloatRange(min=1), metavar="MS", help="Allowed for a request, without waits.")
@click.option("--cost-ceiling", type=click.FloatRange(min=0), metavar="DOLLARS", help="Allowed for a million requests.")
@click.option("--load", type=click.FloatRange(min=0.001), metavar="N", help="Requests per second, on average.")
@click.option("--contention", type=click.Choice(["little", "some", "much"]), help="How often two meet on one key.")
@click.option("--duration", type=click.FloatRange(min=0), metavar="SECONDS", help="Of a request, its waits included.")
@click.option("--human/--no-human", default=None, help="Whether a step waits for a person.")
@click.option("--fan-out/--no-fan-out", default=None, help="Whether a request splits up and is joined again.")
@click.option("--regions", type=click.IntRange(1, 30), metavar="N", help="Regions that write.")
@click.option("--operations", type=click.Choice(["little", "some", "much"]), help="Appetite for running things.")
@click.option(
    "--evidence", metavar="RUN", type=click.Path(exists=True, path_type=Path),
    help="A folder of 'stepwell bench run'. Default: the newest under ./stepwell-bench, if any.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the advice as JSON.")
def advise(evidence: Path | None, as_json: bool, **given: Any) -> None:
    """Say which two or three ways of keeping state to prototype.

    Asks what must be settled first, or takes it from the options; what is not given and cannot be asked for has a
    usual value. Each approach comes with what it breaks on, with the measured cells of a benchmark run behind it, and
    at the end stands what would change the answer. There is no score.

    \b
    Examples:
      stepwell advise
      stepwell advise --contention much --load 200 --latency-ms 100
      stepwell advise --human --duration 259200 --evidence stepwell-bench/RUN --json
    """
    from stepwell.bench.advise import Needs, advise
    from stepwell.commands import output

    needs = Needs(**_settled(given))
    report = _evidence(evidence)
    advice = advise(needs, report)
    if as_json:
        click.echo(output.as_json(_members(advice)))
    else:
        _show(advice, report)


_NAMES = {
    "latency_ms": "latency_milliseconds", "cost_ceiling": "dollars_per_million", "load": "requests_per_second",
    "duration": "duration_seconds",
}  # fmt: skip


def _settled(given: dict[str, Any]) -> dict[str, Any]:
    """By the names of `Needs`: what was given; asked for where nothing was, and somebody is there to answer."""
    from stepwell.bench.advise import Needs

    known = {_NAMES.get(name, name): value for name, value in given.items() if value is not None}
    if known or not sys.stdin.isatty():
        return known
    usual = Needs()
    answers: dict[str, Any] = {}
    for option in click.get_current_context().command.params:
        name = _NAMES.get(str(option.name), str(option.name))
        if option.name in given and isinstance(option, click.Option):
            text = (option.help or str(option.name)).rstrip(".")
            kind = bool if option.is_flag else option.type
            answers[name] = click.prompt(text, default=getattr(usual, name), type=kind)
    return answers


def _evidence(folder: Path | None) -> "Report | None":
    from stepwell.bench.report.stored import UnreadableReport, parse

    if folder is None:
        runs = sorted(_RUNS.glob("*/report.json"), key=lambda path: path.stat().st_mtime)
        if not runs:
            return None
        folder = runs[-1].parent
    source = folder / "report.json" if folder.is_dir() else folder
    try:
        return parse(source.read_bytes())
    except (OSError, UnreadableReport) as error:
        raise click.ClickException(f"{source} cannot be read as the report of a run: {error}") from error


def _show(advice: "Advice", report: "Report | None") -> None:
    from stepwell.bench.advise import place
    from stepwell.bench.catalog import STRATEGIES

    basis = f"Measured in run {report.run}, {report.started_at}" if report else "Nothing was measured"
    click.echo(f"{basis}. Prototype these, in this order:\n")
    for number, approach in enumerate(advice.approaches, 1):
        click.echo(f"{number}. {STRATEGIES[approach.strategy].title}")
        for text in approach.merits:
            click.echo(f"   + {text}")
        for text in approach.objections:
            click.echo(f"   - {text}")
        for found in approach.breaks:
            click.echo(f"   breaks on: {place(found)}: {found.text}")
        if not approach.breaks:
            click.echo(f"   breaks on: nothing that {'was tried' if report else 'is expected'}")
        click.echo("")
    click.echo("What would change the answer:")
    for text in advice.would_change:
        click.echo(f"   {text}")


def _members(advice: "Advice") -> dict[str, Any]:
    return {
        "approaches": [
            {
                "strategy": each.strategy, "merits": each.merits, "objections": each.objections,
                "breaks": [
                    {"workload": found.workload, "fault": found.fault, "text": found.text, "measured": found.measured}
                    for found in each.breaks
                ],
            }
            for each in advice.approaches
        ],
        "wouldChange": advice.would_change,
    }  # fmt: skip
