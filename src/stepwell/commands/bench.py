"""`stepwell bench`: measure ways of keeping state, on real parts and under faults."""

import random
import re
import shlex
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stepwell.commands.bench_flexibility import flexibility
from stepwell.commands.bench_own import init, run_own
from stepwell.commands.bench_parts import require_parts
from stepwell.commands.bench_pitfalls import pitfalls
from stepwell.commands.bench_published import published
from stepwell.commands.bench_regions import regions

if TYPE_CHECKING:
    from stepwell.bench.plan import Cell
    from stepwell.bench.report.data import Report

_SEEDS = 1 << 24
_RUNS = Path("stepwell-bench")
_PAGE, _DATA = "report.html", "report.json"
_QUICK_SECONDS, _DEFAULT_SECONDS = 20.0, 150.0
_START_SECONDS, _CELL_SECONDS, _FULL_CELL_SECONDS = 15.0, 1.8, 4.0
_FULL_REPETITIONS = 3


def _duration(value: str) -> float:
    """Seconds, of `30s`, `2m`, `1h`, or just seconds."""
    match = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)([smh]?)", value)
    if not match or not float(match[1]):
        raise click.BadParameter(f"{value!r} is no duration: write 30s, 2m or 1h")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


def _numbers(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[int, ...]:
    """Of `1,8,32`."""
    if value is None:
        return ()
    numbers = tuple(map(int, value.split(","))) if re.fullmatch(r"\d{1,3}(,\d{1,3}){0,7}", value) else (0,)
    if not all(1 <= number <= 128 for number in numbers):
        raise click.BadParameter(f"{value!r} is no list of numbers from 1 to 128: write 1,8,32")
    return numbers


def _known(context: click.Context, parameter: click.Parameter, names: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the catalogue, which is not imported before somebody asks."""
    from stepwell.bench import catalog

    known: dict[str, Iterable[str]] = {
        "workloads": catalog.WORKLOADS, "strategies": catalog.STRATEGIES, "faults": catalog.FAULTS
    }  # fmt: skip
    choices = list(known[str(parameter.name)])
    for name in names:
        if name not in choices:
            raise click.BadParameter(f"there is no {name!r}, but {', '.join(choices)}")
    return names


def _common(command: Callable[..., None]) -> Callable[..., None]:
    """The options of all commands that run something."""
    options = (
        click.option("--seed", type=click.IntRange(0, _SEEDS - 1), help="Repeats a run's choices. Default: a new one."),
        click.option(
            "--latency-ms", type=click.FloatRange(min=0, min_open=True), default=500.0, show_default=True,
            help="Your budget for one request. What is over it is marked.",
        ),
        click.option(
            "--cost-ceiling", type=click.FloatRange(min=0, min_open=True), default=50.0, show_default=True,
            help="Your budget for a million requests, in dollars.",
        ),
        click.option(
            "--load", type=click.FloatRange(min=0, min_open=True), default=10.0, show_default=True,
            help="Requests a second that you expect. Costs are shown for it and for its double.",
        ),
        click.option(
            "--prices", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="Your own price file. Default: Stepwell's, which marks what nobody has verified.",
        ),
        click.option(
            "--round-trips", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="Milliseconds of a round trip to each service, as you measured them. Default: assumptions.",
        ),
        click.option("--json", "as_json", is_flag=True, help="Print the report as JSON."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


@click.group()
def bench() -> None:
    """Measure which way of keeping state survives.

    And what it costs, how long it takes, which of its lines protect it, and what there is to operate. The same work
    under several strategies, on real back ends, while it is broken on purpose. It gives no score: it shows what broke,
    with evidence to argue about.

    \b
    Examples:
      stepwell bench quick
      stepwell bench run
      stepwell bench run --workload order --strategy conditional --strategy orchestration --fault crash
      stepwell bench report RUN
    """


@bench.command()
@_common
@click.option(
    "--out", metavar="DIR", type=click.Path(file_okay=False, path_type=Path),
    help=f"Keep the histories and {_PAGE}, report.md and {_DATA} here.",
)  # fmt: skip
def quick(out: Path | None, **options: Any) -> None:
    """Find lost updates and double charges, in about 20 seconds.

    16 clients, a read-modify-write on one key and a charge, under blind writes, conditional writes and orchestration;
    with duplicate deliveries and workers that die. All parts are real processes on loopback.

    The exit code is 0 when every cell of the table says something, whatever it says, and 1 when one is invalid.

    \b
    Examples:
      stepwell bench quick
      stepwell bench quick --seed 17 --out bench-17
    """
    require_parts()
    from stepwell.bench.plan import QUICK

    _run("quick", QUICK, _QUICK_SECONDS, out=out, **options)


@bench.command()
@click.argument("folder", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@_common
@click.option("--workload", "workloads", metavar="W", multiple=True, callback=_known, help="Only this. Repeatable.")
@click.option("--strategy", "strategies", metavar="S", multiple=True, callback=_known, help="Only this. Repeatable.")
@click.option("--fault", "faults", metavar="F", multiple=True, callback=_known, help="Only this. Repeatable.")
@click.option("--duration", metavar="TIME", type=_duration, help="What one repetition may take: 30s, 2m, 1h.")
@click.option("--repeat", type=click.IntRange(1, 100), help="How often, each time on fresh stores. Default: 1.")
@click.option(
    "--concurrency", metavar="N,N", callback=_numbers,
    help="Also a ladder of so many clients on one key, strategy by strategy: 1,8,32.",
)  # fmt: skip
@click.option(
    "--rate", type=click.FloatRange(min=0, min_open=True, max=1000), metavar="N",
    help="Also an open loop of so many requests a second, whether or not they are answered.",
)  # fmt: skip
@click.option("--full", is_flag=True, help="All workloads, strategies and faults, repeated.")
@click.option(
    "--out", metavar="DIR", type=click.Path(file_okay=False, path_type=Path),
    help=f"Where the report and the histories go. Default: {_RUNS}/RUN.",
)  # fmt: skip
@click.option("--prototype", "prototypes", multiple=True, metavar="NAME", help="With FOLDER: only this. Repeatable.")
@click.option("--endpoint-url", metavar="URL", help="With FOLDER: AWS services in place of the local ones.")
@click.option("--redis-url", metavar="URL", help="With FOLDER: a Redis in place of the local one.")
@click.option("--aws", is_flag=True, help="With FOLDER: AWS itself, by your profile. It costs what it costs.")
@click.option("--check", is_flag=True, help="With FOLDER: what regress.yaml names; 1 when it does not hold any more.")
def run(
    folder: Path | None, workloads: Sequence[str], strategies: Sequence[str], faults: Sequence[str],
    duration: float | None, repeat: int | None, concurrency: tuple[int, ...], rate: float | None, full: bool,
    out: Path | None, prototypes: tuple[str, ...], endpoint_url: str | None, redis_url: str | None, aws: bool,
    check: bool, **options: Any,
) -> None:  # fmt: skip
    """Run the comparison, in under three minutes.

    Two workloads, seven strategies, five faults, unless you say otherwise.

    With FOLDER, which `bench init` wrote, the prototypes of your own workflow are run instead, under the same faults
    and the same judge, and FOLDER gets decision.md and regress.yaml.

    \b
    Writes into ./stepwell-bench/RUN, or --out:
      report.html      one file, for a browser on a desk or a phone, without a network
      report.md        for a decision record or a pull request
      report.json      for other programs, `bench report` and `bench compare`
      *.jsonl          every operation, effect and fault, from which all of it was judged

    `bench list` has the names for --workload, --strategy and --fault. The amounts of work adapt to the time, and every
    cell says how much it rests on. The exit code is 0 when every cell says something, whatever it says, and 1 when one
    is invalid: its fault did not strike, or its back end was not certified.

    \b
    Examples:
      stepwell bench run
      stepwell bench run --latency-ms 200 --cost-ceiling 20 --load 50
      stepwell bench run --workload order --fault crash --fault store-kill --duration 60s
      stepwell bench run --full --out bench-full
      stepwell bench run ./mine --check
    """
    require_parts()
    if folder:
        _refuse(("workload", "strategy", "duration", "concurrency", "rate", "full", "out", "json"), "a run of your own")
        seed = 1 if options["seed"] is None else options["seed"]
        run_own(folder, tuple(faults), seed, repeat or 1, prototypes, check, endpoint_url, redis_url, aws)
        return
    _refuse(("prototype", "endpoint-url", "redis-url", "aws", "check"), "a run without FOLDER")
    cells = _cells(workloads, strategies, faults, full)
    each = _FULL_CELL_SECONDS if full else _CELL_SECONDS
    adapted = _START_SECONDS + each * len(cells)
    asked = bool(workloads or strategies or faults or duration or repeat or concurrency or rate)
    preset = "full" if full else "custom" if asked else "default"
    seconds = duration or (min(adapted, _DEFAULT_SECONDS) if preset == "default" else adapted)
    times = repeat or (_FULL_REPETITIONS if full else 1)
    _run(preset, cells, seconds, times, concurrency, rate, keep=True, out=out, **options)


def _refuse(names: Iterable[str], what: str) -> None:
    """Options that were given and mean nothing in this kind of run."""
    context = click.get_current_context()
    given = {option: parameter.name for parameter in context.command.params for option in parameter.opts}
    for name in names:
        if context.get_parameter_source(str(given[f"--{name}"])) == click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{name} is nothing for {what}")


def _cells(
    workloads: Sequence[str], strategies: Sequence[str], faults: Sequence[str], full: bool
) -> "tuple[Cell, ...]":
    """Those of the preset, or what is asked for in place of its workloads, its strategies or its faults.

    With the cells in which a guard is taken out of its strategy, to see whether it is missed.
    """
    from stepwell.bench import catalog
    from stepwell.bench.measures.guards import without_guards
    from stepwell.bench.plan import DEFAULT, FULL, cells

    preset = FULL if full else DEFAULT
    if not (workloads or strategies or faults):
        return (*preset, *without_guards(preset))
    chosen = cells(
        workloads or _distinct(cell.workload for cell in preset),
        strategies or _distinct(cell.strategy for cell in preset),
        [fault for fault in faults or _distinct(cell.fault for cell in preset) if fault != catalog.CALM],
    )
    tried = {cell.fault for cell in chosen}
    missing = [fault for fault in faults if fault not in tried]
    if missing:
        raise click.UsageError(
            f"no workload of this run can show what {' or '.join(missing)} does: 'stepwell bench list' says which can"
        )
    return (*chosen, *without_guards(chosen))


def _distinct(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _run(
    preset: str, cells: "tuple[Cell, ...]", seconds: float, times: int = 1, concurrency: tuple[int, ...] = (),
    rate: float | None = None, *, keep: bool = False, out: Path | None, seed: int | None, latency_ms: float,
    cost_ceiling: float, load: float, prices: Path | None, round_trips: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Runs, writes the files, shows, and ends with the exit code. With `keep` there is always a folder for them."""
    from stepwell.bench.plan import Plan
    from stepwell.bench.report.data import Budget
    from stepwell.bench.report.progress import progress
    from stepwell.bench.report.screen import show
    from stepwell.bench.report.stored import as_members
    from stepwell.bench.run import Settings
    from stepwell.bench.series import repeated
    from stepwell.commands import output
    from stepwell.pricing.settings import UnusableSettings
    from stepwell.processes.children import BackEndFailed

    seed = random.randrange(_SEEDS) if seed is None else seed
    # The seed says what is repeated; the clock keeps the names of one run from being those of another.
    name = f"{seed:x}-{int(time.time()) & 0xFFFFF:05x}"
    out = out or (_RUNS / name if keep else None)
    output.say(f"{len(cells)} cells, {_times(times)}: about {_long(seconds * times)}")
    budget = Budget(latency_milliseconds=latency_ms, dollars_per_million=cost_ceiling, requests_per_second=load)
    settings = Settings(
        seed=seed, preset=preset, command=_again(seed), budget=budget, out=out, prices=prices, round_trips=round_trips
    )
    try:
        with progress(output.stderr()) as notify:
            plan = Plan(name=name, cells=cells, seconds=seconds, concurrency=concurrency, rate=rate)
            report = repeated(plan, settings, times, notify)
    except (BackEndFailed, UnusableSettings) as error:
        raise click.ClickException(str(error)) from error
    if out:
        _write(out, report)
    if as_json:
        click.echo(output.as_json(as_members(report)))
    else:
        show(report)
        click.echo(f"\nAgain: {report.command}" + (f"\nHistories and {out / _PAGE}" if out else ""))
    click.get_current_context().exit(0 if report.valid else 1)


def _again(seed: int) -> str:
    """The command line, with the seed that was drawn."""
    context = click.get_current_context()
    words = ["stepwell", "bench", str(context.info_name)]
    for parameter in context.command.params:
        if context.get_parameter_source(str(parameter.name)) != click.core.ParameterSource.COMMANDLINE:
            continue
        if parameter.name in ("seed", "out", "as_json"):
            continue
        value = context.params[str(parameter.name)]
        for each in value if isinstance(value, tuple) else (value,):
            words += [parameter.opts[0]] if each is True else [parameter.opts[0], _plain(each)]
    return shlex.join([*words, "--seed", str(seed)])


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _times(times: int) -> str:
    return "once" if times == 1 else f"{times} times on fresh stores"


def _long(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.0f} minutes"


@bench.command("report")
@click.argument("run")
def report_(run: str) -> None:
    """Show a run again, and write its pages anew.

    RUN is a run's folder, or its name under ./stepwell-bench. Only its report.json is read, and only what was counted:
    the sentences are made again by this version. The exit code is that of the run.

    \b
    Examples:
      stepwell bench report bench-17
      stepwell bench report 11-a2f04
    """
    from stepwell.bench.report.screen import show

    folder = _folder(run)
    report = _read(folder)
    _write_pages(folder, report)
    show(report)
    click.echo(f"\nWritten: {folder / _PAGE} and report.md")
    click.get_current_context().exit(0 if report.valid else 1)


@bench.command()
@click.argument("before")
@click.argument("after")
def compare(before: str, after: str) -> None:
    """Show which cells of two runs differ by more than chance.

    BEFORE and AFTER are folders of runs, or names under ./stepwell-bench. A rate differs when the 95 % intervals of the
    two lie apart; latency and cost, which are counted, when they are not the same. The exit code is 0 in both cases.

    \b
    Example:
      stepwell bench compare 11-a2f04 12-a31c7
    """
    from stepwell.bench.report.compare import Incomparable
    from stepwell.bench.report.compare import compare as compared
    from stepwell.commands import output

    try:
        found = compared(_read(_folder(before)), _read(_folder(after)))
    except Incomparable as error:
        raise click.ClickException(f"{before} and {after} cannot be compared: {error}") from error
    if found.differing.rows:
        rows = [[title, *map(str, entries)] for title, entries in found.differing.rows]
        output.print_table(found.differing.headings, rows)
    else:
        click.echo("Nothing differs by more than chance.")
    output.section("Also", [f"{found.same} rates do not differ by more than chance.", *found.notes])


@bench.command("list")
def list_() -> None:
    """List what there is to be compared.

    Workloads, strategies and faults, and where an anomaly is expected.

    \b
    Example:
      stepwell bench list
    """
    from stepwell.bench import catalog
    from stepwell.commands import output

    output.print_table(["workload", ""], [[name, each.title] for name, each in catalog.WORKLOADS.items()])
    click.echo()
    strategies = [[name, each.title, ", ".join(each.operate)] for name, each in catalog.STRATEGIES.items()]
    output.print_table(["strategy", "", "to operate"], strategies)
    click.echo()
    faults = [[name, each.title, each.fires] for name, each in catalog.FAULTS.items()]
    output.print_table(["fault", "", "has fired when"], faults)
    for workload in catalog.WORKLOADS:
        click.echo()
        tried = [fault for fault in catalog.FAULTS if (workload, fault) in catalog.EXPECTED]
        rows = [[name, *(_expectation(workload, name, fault) for fault in tried)] for name in catalog.STRATEGIES]
        output.print_table([f"expected: {workload}", *tried], rows)
    click.echo("\nWith a question mark: may be found or not. A dash: nothing is expected to break.")


def _expectation(workload: str, strategy: str, fault: str) -> str:
    from stepwell.bench.catalog import expected, possible

    certain, chance = expected(workload, strategy, fault), possible(workload, strategy, fault)
    return ", ".join([*sorted(certain - chance), *(f"{measure}?" for measure in sorted(chance))]) or "-"


def _folder(run: str) -> Path:
    """Where a run is, by its folder or its name."""
    for folder in (Path(run), _RUNS / run):
        if (folder / _DATA).is_file():
            return folder
    known = sorted(each.parent.name for each in _RUNS.glob(f"*/{_DATA}"))
    there = f"./{_RUNS} has {', '.join(known[-5:])}" if known else f"./{_RUNS} has none"
    raise click.ClickException(f"there is no run {run!r}: neither it nor {_RUNS / run} has a {_DATA}; {there}")


def _read(folder: Path) -> "Report":
    from stepwell.bench.report.stored import UnreadableReport, parse

    source = folder / _DATA
    try:
        return parse(source.read_bytes())
    except (OSError, UnreadableReport) as error:
        raise click.ClickException(f"{source} cannot be read as the report of a run: {error}") from error


def _write(folder: Path, report: "Report") -> None:
    from stepwell.bench.report.stored import as_members
    from stepwell.commands import output

    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _DATA).write_text(output.as_json(as_members(report)), "utf-8")
    except OSError as error:
        raise click.ClickException(f"the report cannot be written: {error}") from error
    _write_pages(folder, report)


def _write_pages(folder: Path, report: "Report") -> None:
    from stepwell.bench.report import html, markdown

    try:
        (folder / _PAGE).write_text(html.page(report), "utf-8")
        (folder / "report.md").write_text(markdown.document(report), "utf-8")
    except OSError as error:
        raise click.ClickException(f"the report cannot be written: {error}") from error


for command in (init, pitfalls, flexibility, published, regions):
    bench.add_command(command)
