"""The commands: how each is called, and what its help says. What they do is in `stepwell.commands`.

Everything heavy is imported by the command that needs it, so that `--help` and shell completion answer at once.
"""

from pathlib import Path
from typing import Any

import click

from stepwell import __version__
from stepwell.commands.advise import advise
from stepwell.commands.bench import bench
from stepwell.commands.console import console
from stepwell.commands.doctor import doctor, duration
from stepwell.commands.options import (
    STORE_HELP,
    credentials_option,
    endpoint_option,
    json_option,
    limits_option,
    outside_options,
    parameter_option,
    port_option,
    reports_option,
    resources_option,
    retain_option,
)

STATUSES = ("RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")
UNSUCCESSFUL = ("FAILED", "TIMED_OUT", "ABORTED")
DEBUG = "STEPWELL_DEBUG"


def main() -> None:
    """The entry point: exit code 0 when all went well, 1 when something failed, 2 when the call was wrong."""
    commands(prog_name="stepwell")


class Command(click.Command):
    """A command with `--debug`, because that is where one adds it when something has failed."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.params.append(
            click.Option(
                ["--debug"], is_flag=True, envvar=DEBUG, expose_value=False, callback=_note_debug,
                help="Show the traceback of an error.",
            )
        )  # fmt: skip


def _note_debug(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    context.find_root().meta[DEBUG] = value


class Commands(click.Group):
    """Turns what goes wrong into one message for a person."""

    command_class = Command

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except (click.ClickException, click.exceptions.Exit, click.Abort) as error:
            if context.meta.get(DEBUG) and error.__cause__:
                raise error.__cause__ from None
            raise
        except Exception as error:
            if context.meta.get(DEBUG):
                raise
            raise click.ClickException(_message(error)) from error


def _message(error: Exception) -> str:
    from stepwell.api.credentials import CredentialsError
    from stepwell.project.plan import ProjectError
    from stepwell.store.protocol import StoreError
    from stepwell.tasks.connections import BadConnections
    from stepwell.tasks.custom import BadResource

    if isinstance(error, ProjectError | StoreError | CredentialsError | BadConnections | BadResource):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return f"{type(error).__name__}: {error}\nThis is a defect of Stepwell. --debug shows where it happened."


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__)
def commands() -> None:
    """Durable state machines and functions on your machine, by AWS's own protocol.

    \b
    Start here:
      stepwell init hello && cd hello
      stepwell run hello --input @input.json
      stepwell up
    """


@commands.command()
@click.argument("name")
def init(name: str) -> None:
    """Make a small project in a folder called NAME.

    \b
    Example:
      stepwell init hello
    """
    from stepwell.project.init import create_project

    folder = create_project(name, Path())
    click.echo(f"Made {folder}. Next:\n  cd {folder}\n  stepwell run {name} --input @input.json")


@commands.command()
@click.argument("project", type=click.Path(path_type=Path), default=".", metavar="[DIR | TEMPLATE | DEFINITION]")
@port_option
@click.option("--store", metavar="URL", help=f"{STORE_HELP} Default: a SQLite file in the project's .stepwell/.")
@limits_option("aws")
@parameter_option
@outside_options
@reports_option
@credentials_option
@retain_option
def up(
    project: Path, port: int, store: str | None, limits: str, parameters: dict[str, str],
    aws_endpoints: dict[str, str], connections: Path | None, resources: tuple[Path, ...],
    items_folders: tuple[Path, ...], reports: tuple[Path, ...], credentials: Path | None, retain: str | None,
) -> None:  # fmt: skip
    """Serve an endpoint with a project deployed to it.

    A project is a folder with a template.yaml (SAM or CloudFormation) or with definitions such as flow.asl.yaml and
    the Python files that they name, or one such file. It serves until
    Ctrl-C; started again, it goes on with what its store holds.

    \b
    Examples:
      stepwell up
      stepwell up examples/orders --parameter ApprovalAbove=500
      stepwell up flow.asl.yaml --port 9000
    """
    from stepwell.commands import projects
    from stepwell.commands.hosting import Hosting, keyring, retain_seconds
    from stepwell.project.discover import load_plan

    plan = load_plan(project, parameters)
    folder = plan.folder if plan.folder != Path.cwd() else Path()
    store = store or projects.default_store(folder)
    hosting = Hosting(
        store_url=store, limits=limits, port=port, keyring=keyring(credentials),
        retain_seconds=retain_seconds(retain, limits),
        aws_endpoints=aws_endpoints, connections=connections, resources=resources, items_folders=items_folders,
        reports=reports,
    )  # fmt: skip
    projects.up(plan, hosting)


@commands.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Who can reach it can run code here.")
@port_option
@click.option("--store", metavar="URL", help=f"{STORE_HELP} Default: a SQLite file in .stepwell/ here.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="For unpacked functions. Default: beside the store.")
@limits_option("extended")
@outside_options
@reports_option
@credentials_option
@retain_option
def serve(
    host: str, port: int, store: str | None, data_dir: Path | None, limits: str,
    aws_endpoints: dict[str, str], connections: Path | None, resources: tuple[Path, ...],
    items_folders: tuple[Path, ...], reports: tuple[Path, ...], credentials: Path | None, retain: str | None,
) -> None:  # fmt: skip
    """Serve an endpoint alone.

    For containers and CI. It serves until SIGTERM or Ctrl-C. A host that others can reach needs --credentials.

    \b
    Examples:
      stepwell serve --store sqlite:////var/lib/stepwell/stepwell.sqlite
      stepwell serve --port 0 --store memory: --limits aws
    """
    from stepwell.commands import projects
    from stepwell.commands.hosting import Hosting, keyring, retain_seconds

    projects.serve(
        Hosting(
            store_url=store or projects.default_store(Path()), data_dir=data_dir, limits=limits,
            host=host, port=port, keyring=keyring(credentials), retain_seconds=retain_seconds(retain, limits),
            aws_endpoints=aws_endpoints, connections=connections, resources=resources, items_folders=items_folders,
            reports=reports,
        )
    )  # fmt: skip


FORCE_OPTION = click.option("--force", is_flag=True, help="Replace what is there.")


@commands.command()
@click.argument("store")
@click.argument("file", type=click.Path(path_type=Path))
@FORCE_OPTION
def backup(store: str, file: Path, force: bool) -> None:
    """Copy a store into a file, also while a server uses it.

    STORE is the path of a SQLite file, or sqlite:PATH. FILE then holds everything: machines, executions and their
    histories, functions with their code. It has been checked when the command is done.

    \b
    Example:
      stepwell backup .stepwell/stepwell.sqlite backups/monday.sqlite
    """
    from stepwell.commands import keeping

    keeping.backup(store, file, force)


@commands.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("store")
@FORCE_OPTION
def restore(file: Path, store: str, force: bool) -> None:
    """Put a backup in a store's place, which no server may be using.

    Executions go on from where they were when FILE was made: what they did outside since then, they may do again.

    \b
    Example:
      stepwell restore backups/monday.sqlite .stepwell/stepwell.sqlite --force
    """
    from stepwell.commands import keeping

    keeping.restore(file, store, force)


@commands.command()
@click.argument("store")
def migrate(store: str) -> None:
    """Bring a store that an older Stepwell wrote to this one's schema.

    `up` and `serve` do the same when they open it. The file as it was is kept beside it.

    \b
    Example:
      stepwell migrate .stepwell/stepwell.sqlite
    """
    from stepwell.commands import keeping

    keeping.migrate(store)


@commands.command()
@click.argument("project", type=click.Path(path_type=Path), metavar="DIR | TEMPLATE | DEFINITION")
@endpoint_option
@parameter_option
def deploy(project: Path, endpoint_url: str | None, parameters: dict[str, str]) -> None:
    """Deploy a project to a running endpoint.

    Creates what is missing and updates what is there.

    \b
    Example:
      stepwell deploy examples/orders --endpoint-url http://127.0.0.1:8083
    """
    from stepwell.commands import projects
    from stepwell.commands.client import find_endpoint, require
    from stepwell.project.deploy import deploy as deploy_plan
    from stepwell.project.discover import load_plan

    endpoint = find_endpoint(endpoint_url)
    plan = load_plan(project, parameters)
    require(endpoint)
    projects.show_deployed(deploy_plan(plan, endpoint.url, projects.progress), plan)


def _input(context: click.Context, parameter: click.Parameter, value: str) -> str:
    from stepwell.commands.running import read_input

    return read_input(value)


@commands.command()
@click.argument("machine")
@click.option("--input", default="{}", callback=_input, metavar="JSON | @FILE | -", help="Default: {}")
@click.option("--name", help="The execution's name. Default: a new one.")
@endpoint_option
@parameter_option
@limits_option(None)
def run(
    machine: str, input: str, name: str | None, endpoint_url: str | None, parameters: dict[str, str], limits: str | None
) -> None:
    """Run a state machine to its end and watch each state.

    MACHINE is a name or an ARN at a running endpoint. Without one, it is a folder, a template or a definition, or a
    name in this folder's project, and runs in this process with a store in memory and AWS's limits.

    The output goes to stdout and everything else to stderr. The exit code is 1 unless the execution succeeds.

    \b
    Examples:
      stepwell run hello --input '{"names": ["Ada"]}'
      stepwell run flow.asl.yaml --input @input.json | jq .
      echo '{}' | stepwell run orders --input - --endpoint-url http://127.0.0.1:8083
    """
    from stepwell.commands import running
    from stepwell.commands.client import find_endpoint

    endpoint = find_endpoint(endpoint_url)
    chosen = running.choose(machine, endpoint, parameters)
    if chosen is not None:
        click.get_current_context().exit(running.run_here(*chosen, input, name, limits or "aws"))
    if parameters or limits:
        raise click.UsageError(
            f"--parameter and --limits are for projects that run in this process; {machine} runs at {endpoint.url}"
        )
    click.get_current_context().exit(running.run_there(endpoint, machine, input, name))


@commands.command("list")
@click.argument("machine", required=False)
@click.option("--status", type=click.Choice(STATUSES, case_sensitive=False), help="Only executions with this status.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="At most so many executions.")
@json_option
@endpoint_option
def list_(machine: str | None, status: str | None, limit: int, as_json: bool, endpoint_url: str | None) -> None:
    """List state machines, or the executions of one.

    Executions come latest first.

    \b
    Examples:
      stepwell list
      stepwell list orders --status FAILED
    """
    from stepwell.commands import client, listing, output

    if status and not machine:
        raise click.UsageError("--status is for the executions of a state machine: stepwell list MACHINE --status ...")
    endpoint = client.find_endpoint(endpoint_url)
    connection = client.connect(endpoint)
    with client.explained(endpoint.url):
        if machine:
            arn = client.find_machine(connection, machine)["stateMachineArn"]
            executions = client.executions(connection, arn, status, limit)
        else:
            machines = client.machines(connection)
    if as_json:
        click.echo(output.as_json({"executions": executions} if machine else {"stateMachines": machines}))
    elif machine:
        listing.show_executions(executions)
    else:
        listing.show_machines(machines)


@commands.command()
@click.argument("execution")
@click.option("--events", "each_event", is_flag=True, help="Every event, a line each, instead of the tree.")
@json_option
@endpoint_option
def history(execution: str, each_event: bool, as_json: bool, endpoint_url: str | None) -> None:
    """Show what happened in an execution.

    That is its states with their attempts, durations and errors.

    EXECUTION is an ARN, or MACHINE:NAME as `stepwell list MACHINE` shows it.

    \b
    Examples:
      stepwell history orders:order-17
      stepwell history orders:order-17 --json | jq '.events[].type'
    """
    from stepwell.commands import client, listing, output

    endpoint = client.find_endpoint(endpoint_url)
    arn = client.arn_of_execution(execution)
    connection = client.connect(endpoint)
    with client.explained(endpoint.url):
        description = connection.describe_execution(executionArn=arn)
        events = [event for page in client.history(connection, arn) for event in page]
    if as_json:
        description.pop("ResponseMetadata", None)
        click.echo(output.as_json({"execution": description, "events": events}))
    elif each_event:
        listing.show_events(events)
    else:
        listing.show_history(description, events)


@commands.command()
@click.argument("executions", nargs=-1, required=True, metavar="EXECUTION... | MACHINE")
@click.option(
    "--status", "statuses", multiple=True, type=click.Choice(UNSUCCESSFUL, case_sensitive=False),
    help="All executions of MACHINE that ended so. Repeatable.",
)  # fmt: skip
@click.option("--since", callback=duration, metavar="DURATION", help="Only those that ended since, such as 2h.")
@click.option("--rate", type=click.IntRange(1), default=20, show_default=True, help="At most so many a second.")
@click.option("--dry-run", is_flag=True, help="Only list what would be redriven.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@endpoint_option
def redrive(
    executions: tuple[str, ...], statuses: tuple[str, ...], since: float | None, rate: int, dry_run: bool, yes: bool,
    endpoint_url: str | None,
) -> None:  # fmt: skip
    """Let executions that ended without success go on.

    They go on where they failed: what succeeded keeps its result and is not run again. With --status, of all
    executions of a state machine, after a question.

    EXECUTION is an ARN, or MACHINE:NAME as `stepwell list MACHINE` shows it. The exit code is 1 when one was refused.

    \b
    Examples:
      stepwell redrive orders:order-17
      stepwell redrive orders --status FAILED --since 2h --dry-run
    """
    from stepwell.commands import client, redriving

    endpoint = client.find_endpoint(endpoint_url)
    if not statuses:
        if since is not None or dry_run:
            raise click.UsageError("--since and --dry-run are for the executions of MACHINE: add --status FAILED")
        click.get_current_context().exit(redriving.redrive_some(endpoint, executions, rate))
    if len(executions) > 1:
        raise click.UsageError("with --status, name one state machine")
    code = redriving.redrive_all(endpoint, executions[0], statuses, since, rate, dry_run, yes)
    click.get_current_context().exit(code)


@commands.command()
@click.argument("executions", nargs=-1, required=True, metavar="EXECUTION...")
@click.option("--error", help="The error that the executions end with.")
@click.option("--cause", help="The cause that they end with.")
@endpoint_option
def stop(executions: tuple[str, ...], error: str | None, cause: str | None, endpoint_url: str | None) -> None:
    """Stop executions.

    They end as ABORTED; `stepwell redrive` lets them go on. EXECUTION is an ARN, or MACHINE:NAME as
    `stepwell list MACHINE` shows it. The exit code is 1 when one was refused.

    \b
    Example:
      stepwell stop orders:order-17 --cause "wrong address"
    """
    from stepwell.commands import client, redriving

    endpoint = client.find_endpoint(endpoint_url)
    click.get_current_context().exit(redriving.stop_some(endpoint, executions, error, cause))


@commands.command()
@click.argument("name", metavar="FUNCTION | MACHINE | EXECUTION")
@click.option("--follow", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@click.option(
    "--since", callback=duration, metavar="DURATION", default="10m", show_default=True, help="How far back to look."
)
@click.option("--filter", "pattern", default="", metavar="PATTERN", help="A filter pattern of CloudWatch Logs.")
@click.option("--json", "as_json", is_flag=True, help="Print each event as a line of JSON.")
@endpoint_option
def logs(name: str, follow: bool, since: float, pattern: str, as_json: bool, endpoint_url: str | None) -> None:
    """Show what a function or an execution logs.

    The name is a function's, a state machine's whose executions log, an execution's as MACHINE:NAME or ARN, or a log
    group's.

    \b
    Examples:
      stepwell logs charge --follow
      stepwell logs orders:order-17 --since 1d
      stepwell logs orders --filter '{ $.type = "*Failed" }'
    """
    import json
    import time

    from stepwell.commands import client
    from stepwell.commands import logs as reading

    endpoint = client.find_endpoint(endpoint_url)
    states, service = client.connect(endpoint), client.make_client(endpoint.url, "logs")
    with client.explained(endpoint.url):
        source = reading.find(states, service, name)
        read = reading.follow if follow else reading.events
        for event in read(service, source, time.time() - since, pattern):
            click.echo(json.dumps(event) if as_json else reading.line(event))


@commands.command()
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@parameter_option
@resources_option
@json_option
def validate(file: Path, parameters: dict[str, str], resources: tuple[Path, ...], as_json: bool) -> None:
    """Check definitions, without an endpoint.

    FILE is a definition in JSON or YAML, a template, or a project's folder. The exit code is 1 when there are errors;
    warnings alone leave it 0.

    \b
    Examples:
      stepwell validate flow.asl.yaml
      stepwell validate template.yaml --json
    """
    from stepwell.commands import output, validating

    machines, findings = validating.check(file, parameters, resources)
    failed = any(finding.diagnostic.severity == "ERROR" for finding in findings)
    if as_json:
        diagnostics = [finding.members() for finding in findings]
        click.echo(output.as_json({"result": "FAIL" if failed else "OK", "diagnostics": diagnostics}))
    else:
        for finding in findings:
            click.echo(str(finding))
        if not failed:
            click.echo(f"valid: {', '.join(machines) or 'no state machine'}")
    click.get_current_context().exit(1 if failed else 0)


@commands.command("test-state")
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--state", required=True, metavar="NAME", help="The state to test, also one of a branch or a Map.")
@click.option("--input", default="{}", callback=_input, metavar="JSON", help="JSON, @FILE, or - for stdin.")
@click.option("--variables", metavar="JSON", help="An object with the workflow variables.")
@click.option("--mock", metavar="JSON", help="What the Task's call, the Parallel or the Map results in.")
@click.option("--error", metavar="NAME", help="Let the Task's call, the Parallel or the Map fail so.")
@click.option("--cause", metavar="TEXT", help="The cause of --error.")
@parameter_option
def test_state(
    file: Path, state: str, input: str, variables: str | None, mock: str | None, error: str | None, cause: str | None,
    parameters: dict[str, str],
) -> None:  # fmt: skip
    """Test one state, without an endpoint.

    Prints what AWS's TestState replies: output, next state, and the data at every stage. FILE has one state machine.
    The exit code is 1 when the state fails.

    \b
    Examples:
      stepwell test-state flow.asl.yaml --state Check --input '{"name": "Ada"}'
      stepwell test-state flow.asl.yaml --state Greet --mock '{"text": "Hello"}'
      stepwell test-state flow.asl.yaml --state Greet --error Lambda.TooManyRequestsException
    """
    from stepwell.commands import output, trying

    given: dict[str, Any] = {"input": input}
    if variables is not None:
        given["variables"] = variables
    mocked: dict[str, Any] = {} if mock is None else {"result": mock}
    if error is not None:
        mocked["errorOutput"] = {"error": error, "cause": cause}
    if mocked:
        given["mock"] = mocked
    reply = trying.try_state(file, parameters, state, given)
    click.echo(output.as_json(reply))
    click.get_current_context().exit(1 if reply["status"] == "FAILED" else 0)


commands.add_command(bench)
commands.add_command(console)
commands.add_command(doctor)
commands.add_command(advise)
