"""`stepwell run`: where an execution runs, and how a person sees it run."""

import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from stepwell.commands.client import (
    Endpoint,
    answers,
    connect,
    describe_machine,
    explained,
    find_machine,
    follow,
    label_of_execution,
    make_client,
)
from stepwell.commands.output import say, stderr
from stepwell.commands.tree import plain, told
from stepwell.commands.watch import watch
from stepwell.project.discover import load_plan
from stepwell.project.plan import MachinePlan, Plan, ProjectError

INTERRUPTED = 130
"""What a shell gives for a command that Ctrl-C ended."""

_PATH_SUFFIXES = (".yaml", ".yml", ".json")


def run_there(endpoint: Endpoint, machine: str, input: str, name: str | None) -> int:
    """Runs a state machine of a running endpoint; returns the exit code."""
    client = connect(endpoint)
    with explained(endpoint.url):
        return execute(client, find_machine(client, machine), input, name)


def run_here(plan: Plan, machine: MachinePlan, input: str, name: str | None, limits: str) -> int:
    """Runs a state machine of a project in this process, with a store in memory; returns the exit code."""
    from stepwell.commands.emulating import emulated
    from stepwell.commands.hosting import Hosting, Interrupted, host
    from stepwell.project.deploy import deploy

    def work(server: Any) -> int:
        deploy(plan, server.endpoint_url, lambda text: say(text, "dim"))
        client = make_client(server.endpoint_url)
        with explained(server.endpoint_url):
            return execute(client, find_machine(client, machine.name), input, name)

    try:
        with (
            tempfile.TemporaryDirectory(prefix="stepwell-aws-", ignore_cleanup_errors=True) as folder,
            emulated(plan, Hosting(store_url="memory:", limits=limits), Path(folder), keep=False) as (_, hosting),
        ):
            return host(hosting, work, stay=False)
    except Interrupted:
        say("Stopped before its end; nothing of it was kept.")
        return INTERRUPTED


def choose(machine: str, endpoint: Endpoint, parameters: Mapping[str, str]) -> tuple[Plan, MachinePlan] | None:
    """The project and the state machine to run in this process; None to run it at the endpoint.

    An endpoint that was named wins, and one that runs at the default address if it has the state machine. Raises
    ProjectError and `click.ClickException`.
    """
    if endpoint.source or machine.startswith("arn:"):
        return None
    if not _is_path(machine) and _is_there(endpoint, machine):
        return None
    path = Path(machine)
    if _is_path(machine) or path.exists():
        plan = load_plan(path, parameters)
        return plan, _only_machine(plan, machine)
    return _of_this_folder(machine, endpoint, parameters)


def _is_path(text: str) -> bool:
    return "/" in text or text in (".", "..") or text.lower().endswith(_PATH_SUFFIXES)


def _is_there(endpoint: Endpoint, machine: str) -> bool:
    if not answers(endpoint.url):
        return False
    with explained(endpoint.url):
        return describe_machine(make_client(endpoint.url), machine) is not None


def _only_machine(plan: Plan, path: str) -> MachinePlan:
    if len(plan.machines) == 1:
        return plan.machines[0]
    if not plan.machines:
        raise click.ClickException(f"{path} holds no state machine")
    names = ", ".join(sorted(machine.name for machine in plan.machines))
    raise click.ClickException(
        f"{path} holds {len(plan.machines)} state machines: {names}.\nName one, from within the project's folder."
    )


def _of_this_folder(
    name: str, endpoint: Endpoint, parameters: Mapping[str, str]
) -> tuple[Plan, MachinePlan]:  # fmt: skip
    try:
        plan = load_plan(Path.cwd(), parameters)
    except ProjectError as error:
        raise click.ClickException(_nowhere(name, endpoint, f"of a project in this folder ({error})")) from error
    for machine in plan.machines:
        if name in (machine.name, machine.logical_id):
            return plan, machine
    names = ", ".join(sorted(machine.name for machine in plan.machines)) or "none"
    raise click.ClickException(_nowhere(name, endpoint, f"of the project in this folder, which has: {names}"))


def _nowhere(name: str, endpoint: Endpoint, folder: str) -> str:
    return (
        f"{name!r} is neither a state machine at {endpoint.url}, nor a path, nor a state machine {folder}.\n"
        "Give a folder, a template or a definition, or start an endpoint that has it with `stepwell up`."
    )


def execute(client: Any, machine: Mapping[str, Any], input: str, name: str | None) -> int:
    """Starts an execution and follows it to its end: the output to stdout, all else to stderr. Returns 0 or 1."""
    request = {"stateMachineArn": machine["stateMachineArn"], "input": input, **({"name": name} if name else {})}
    if machine["type"] == "EXPRESS":
        # An Express execution has no history on AWS either; only its outcome can be shown.
        reply = client.start_sync_execution(**request)
        return _finish(reply["status"], reply.get("output"), reply.get("error"), reply.get("cause"))
    arn = client.start_execution(**request)["executionArn"]
    label = label_of_execution(arn)
    try:
        flow = watch(label, follow(client, arn), stderr())
    except KeyboardInterrupt:
        say(f"The execution goes on. See it with: stepwell history {label}")
        return INTERRUPTED
    return _finish(flow.status, flow.output, flow.error, flow.cause)


def _finish(status: str, output: str | None, error: str | None, cause: str | None) -> int:
    if status == "SUCCEEDED":
        click.echo(_for_reader(output or ""))
        return 0
    cause, trace = told(cause)
    reason = ": ".join(plain(part) for part in (error, cause) if part)
    say(f"{status}  {reason}".rstrip(), "red")
    for line in trace:
        say(plain(line), "dim")
    return 1


def _for_reader(text: str) -> str:
    """Indented for a person; for a program, byte for byte what the execution gave."""
    return json.dumps(json.loads(text), indent=2, ensure_ascii=False) if sys.stdout.isatty() else text


def read_input(text: str) -> str:
    """The JSON text of `--input`: itself, `@FILE`, or `-` for stdin. Raises `click.BadParameter`."""
    if text == "-":
        text = sys.stdin.read()
    elif text.startswith("@"):
        try:
            text = Path(text[1:]).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else error.reason
            raise click.BadParameter(f"{text[1:]} cannot be read: {reason}") from error
    try:
        json.loads(text)
    except (ValueError, RecursionError) as error:
        usage = """write --input '{"key": 1}', @FILE, or - for stdin"""
        raise click.BadParameter(f"not JSON ({error}): {usage}") from error
    return text
