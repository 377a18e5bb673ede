"""`stepwell doctor`: what is wrong at an endpoint or in a bench run, for a person and for a program."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console

    from stepwell.doctor.endpoint import Clients, Scope
    from stepwell.doctor.findings import Diagnosis, Finding

FOUND, CANNOT_LOOK = 1, 2

_DURATION = re.compile(r"(?P<number>\d{1,6})(?P<unit>[smhd])")
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def duration(context: click.Context, parameter: click.Parameter, value: str | None) -> float | None:
    """The seconds of an option such as `90s` or `7d`."""
    if value is None:
        return None
    found = _DURATION.fullmatch(value)
    if found is None:
        raise click.BadParameter(f"{value!r} is no duration: write 90s, 15m, 1h or 7d")
    return float(int(found["number"]) * _UNIT_SECONDS[found["unit"]])


@click.command()
@click.argument("machines", nargs=-1, metavar="[MACHINE]...")
@click.option(
    "--endpoint-url", metavar="URL",
    help="The endpoint. Default: STEPWELL_ENDPOINT, AWS_ENDPOINT_URL_SFN, AWS_ENDPOINT_URL, or http://127.0.0.1:8083.",
)  # fmt: skip
@click.option("--aws", is_flag=True, help="Look at AWS itself, with the credentials and the region that boto3 finds.")
@click.option(
    "--run", "bench_run", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Look at the folder of a bench run instead of an endpoint.",
)  # fmt: skip
@click.option(
    "--since", callback=duration, metavar="DURATION", default="24h", show_default=True,
    help="How far back to look at what has ended.",
)  # fmt: skip
@click.option(
    "--stuck-after", callback=duration, metavar="DURATION", default="1h", show_default=True,
    help="From what time on a wait of a running execution is looked at.",
)  # fmt: skip
@click.option(
    "--time-limit", callback=duration, metavar="DURATION", default="60s", show_default=True,
    help="When to stop looking; what is left out is said.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(
    machines: tuple[str, ...], endpoint_url: str | None, aws: bool, bench_run: Path | None,
    since: float, stuck_after: float, time_limit: float, as_json: bool,
) -> None:  # fmt: skip
    """Find what is wrong, with evidence and the fix.

    At an endpoint: executions that do not get on and why, tasks and functions that ran twice for one id, cold starts,
    what drives the bill, limits that are near, and definitions that will break. In a bench run: requests attempted
    more than once, and hot keys. MACHINE is a name or an ARN; without one, all are looked at. Nothing is changed.

    The exit code is 0 when nothing is wrong, notes aside, 1 when something is, and 2 when it could not look.

    \b
    Examples:
      stepwell doctor
      stepwell doctor orders --stuck-after 10m --json
      stepwell doctor --run bench-17
    """
    if bench_run and (machines or endpoint_url or aws):
        raise click.UsageError("--run looks at a folder: leave out MACHINE, --endpoint-url and --aws")
    if aws and endpoint_url:
        raise click.UsageError("--aws looks at AWS itself: leave out --endpoint-url")
    from stepwell.commands import output
    from stepwell.doctor.endpoint import Bounds, Scope

    now = time.time()
    scope = Scope(
        machines=machines, since=now - since, stuck_after_seconds=stuck_after, now=now,
        bounds=Bounds(seconds=time_limit),
    )  # fmt: skip
    with _looking():
        diagnosis = _of_run(bench_run) if bench_run else _of_aws(scope) if aws else _of_endpoint(endpoint_url, scope)
    if as_json:
        click.echo(output.as_json(diagnosis.members()))
    else:
        _show(diagnosis)
    click.get_current_context().exit(FOUND if diagnosis.has_problems else 0)


class CannotLook(click.ClickException):
    """With an exit code of its own: 1 is taken, it says that something was found."""

    exit_code = CANNOT_LOOK


@contextmanager
def _looking() -> Iterator[None]:
    try:
        yield
    except click.UsageError:
        raise
    except click.ClickException as error:
        raise CannotLook(error.message) from error


def _of_run(folder: Path) -> "Diagnosis":
    from stepwell.doctor.benchrun import UnreadableRun, examine_run

    try:
        return examine_run(folder)
    except UnreadableRun as error:
        raise click.ClickException(str(error)) from error


def _of_endpoint(url: str | None, scope: "Scope") -> "Diagnosis":
    from stepwell.commands.client import explained, find_endpoint, make_client, require
    from stepwell.doctor.endpoint import Clients

    endpoint = find_endpoint(url)
    require(endpoint)
    clients = Clients(*(make_client(endpoint.url, service) for service in ("stepfunctions", "lambda", "logs")))
    with explained(endpoint.url):
        return _examine(endpoint.url, clients, scope)


def _of_aws(scope: "Scope") -> "Diagnosis":
    import botocore.session
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    from stepwell.doctor.endpoint import Clients

    session = botocore.session.get_session()
    # Other callers share the account's rate; who only looks gives way.
    config = Config(retries={"total_max_attempts": 8, "mode": "adaptive"}, connect_timeout=5, read_timeout=60)
    try:
        sfn, functions, logs = (
            session.create_client(service, config=config) for service in ("stepfunctions", "lambda", "logs")
        )
        return _examine(f"AWS, {sfn.meta.region_name}", Clients(sfn, functions, logs), scope)
    except (BotoCoreError, ClientError) as error:
        raise click.ClickException(
            f"AWS cannot be looked at: {error}\nSet credentials and a region as for boto3, such as AWS_PROFILE and"
            " AWS_DEFAULT_REGION, with leave to list and describe state machines and executions."
        ) from error


def _examine(target: str, clients: "Clients", scope: "Scope") -> "Diagnosis":
    from stepwell.doctor.endpoint import examine_endpoint

    with _progress() as notify:
        return examine_endpoint(target, clients, scope, notify)


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """What is looked at, on stderr: one line on a terminal that is gone at the end, elsewhere a line for each."""
    from rich.text import Text

    from stepwell.commands.output import say, stderr
    from stepwell.commands.tree import plain

    console = stderr()
    if not console.is_terminal:
        yield lambda text: say(plain(text))
        return
    with console.status("") as status:
        yield lambda text: status.update(Text(plain(text), overflow="ellipsis", no_wrap=True))


def _show(diagnosis: "Diagnosis") -> None:
    from rich.text import Text

    from stepwell.commands.output import print_table, section, stdout
    from stepwell.commands.tree import plain
    from stepwell.doctor.advice import ADVICE

    console = stdout()
    console.print(Text(f"{plain(diagnosis.target)}: {_counts(diagnosis)}", "bold"))
    for check in dict.fromkeys(finding.check for finding in diagnosis.findings):
        console.print()
        for finding in diagnosis.findings:
            if finding.check == check:
                _show_finding(console, finding)
        _show_line(console, "why", ADVICE[check].why)
        _show_line(console, "fix", ADVICE[check].fix)
    for table in diagnosis.tables:
        section(table.title, [table.basis])
        print_table(table.columns, table.rows)
    section("Looked at", diagnosis.looked_at)
    section("Not looked at", diagnosis.not_looked_at)


def _counts(diagnosis: "Diagnosis") -> str:
    problems = sum(finding.severity == "problem" for finding in diagnosis.findings)
    notes = len(diagnosis.findings) - problems
    return f"{problems} {'problem' if problems == 1 else 'problems'}, {notes} {'note' if notes == 1 else 'notes'}"


def _show_finding(console: "Console", finding: "Finding") -> None:
    from rich.text import Text

    from stepwell.commands.tree import plain

    style = "red" if finding.severity == "problem" else "yellow"
    times = f"{finding.count:,} × " if finding.count > 1 else ""
    what = f": {plain(finding.what)}"
    console.print(Text.assemble((finding.severity, style), f"  {times}", (plain(finding.subject), "bold"), what))
    more = finding.count - len(finding.evidence)
    for line in (*finding.evidence, *([f"and {more:,} more"] if more > 0 else [])):
        _show_line(console, "seen", line)


def _show_line(console: "Console", label: str, text: str) -> None:
    from rich.padding import Padding
    from rich.text import Text

    from stepwell.commands.tree import plain

    line = Text.assemble((f"{label:<6}", "dim"), plain(text))
    console.print(Padding(line, (0, 0, 0, 2), expand=False))
