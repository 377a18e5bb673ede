"""`stepwell up`, `serve` and `deploy`: where an endpoint keeps its data, and what a person is told."""

from collections.abc import Callable
from pathlib import Path

import click

from stepwell.api.server import Server
from stepwell.commands.client import DEFAULT_URL
from stepwell.commands.emulating import emulated
from stepwell.commands.hosting import Hosting, Interrupted, host, is_loopback
from stepwell.commands.options import CONSOLE
from stepwell.commands.output import say, section
from stepwell.project.deploy import Deployed, deploy
from stepwell.project.plan import ACCOUNT, REGION, Plan

FOLDER = ".stepwell"


def default_store(folder: Path) -> str:
    """The SQLite file of a project, as a store's URL."""
    return f"sqlite:{folder / FOLDER / 'stepwell.sqlite'}"


def up(plan: Plan, hosting: Hosting) -> None:
    """Serves a project until a signal comes."""
    with emulated(plan, hosting, plan.folder / FOLDER / "aws", keep=hosting.store_url != "memory:") as (plan, hosting):
        _up(plan, hosting)


def _up(plan: Plan, hosting: Hosting) -> None:
    def work(server: Server) -> None:
        url = _announce(server, hosting)
        key = hosting.keyring.first if hosting.keyring else None
        show_deployed(deploy(plan, url, progress, key), plan)
        show_client_lines(url, signed=key is not None)
        section("then", [*_example(plan, url), "Ctrl-C stops the endpoint; what it knows stays in its store."])

    _serve(hosting, work)


def serve(hosting: Hosting, then: Callable[[str], object] | None = None) -> None:
    """Serves an endpoint alone until a signal comes. `then` is called with its URL when it answers."""

    def work(server: Server) -> None:
        url = _announce(server, hosting)
        if then is not None:
            then(url)

    _serve(hosting, work)


def _serve(hosting: Hosting, work: Callable[[Server], None]) -> None:
    try:
        host(hosting, work, stay=True)
    except Interrupted:
        say("Stopped before everything was deployed.")


def _announce(server: Server, hosting: Hosting) -> str:
    url = server.endpoint_url
    assert url is not None, "the endpoint listens before work begins"
    click.echo(f"Stepwell listens on {url} (store {hosting.store_url}, limits {hosting.limits})")
    click.echo(f"The console is at {url}{CONSOLE}")
    for note in server.notes():
        say(f"Note: {note}")
    if not is_loopback(hosting.host):
        say(
            f"Warning: {hosting.host} is reachable from other machines. Requests are signed, not encrypted: "
            "put a proxy that speaks TLS before it, one that leaves the Host header as it is.",
            "yellow",
        )
    return url


def _example(plan: Plan, url: str) -> list[str]:
    """How to run the first state machine, with the input that lies beside it."""
    if not plan.machines:
        return []
    at = "" if url == DEFAULT_URL else f" --endpoint-url {url}"
    input = "@input.json" if (plan.folder / "input.json").is_file() else "'{}'"
    return [f"stepwell run {plan.machines[0].name}{at} --input {input}"]


def progress(text: str) -> None:
    """One line of a deployment's progress, to stderr."""
    say(f"  {text}", "dim")


def show_deployed(deployed: Deployed, plan: Plan) -> None:
    """The ARNs, and what was left out and why."""
    for title, arns in (
        ("functions", deployed.functions),
        ("activities", deployed.activities),
        ("state machines", deployed.machines),
        ("aliases", deployed.aliases),
    ):
        section(title, list(arns.values()))
    section("not deployed", [f"{item.logical_id} ({item.type}): {item.reason}" for item in plan.skipped])


def show_client_lines(url: str, *, signed: bool) -> None:
    """What a client needs to speak to the endpoint. Where requests are `signed` its user knows the key.

    The key is the account's number, from which the emulator of other services takes the account.
    """
    credentials = [] if signed else [f"export AWS_ACCESS_KEY_ID={ACCOUNT} AWS_SECRET_ACCESS_KEY=stepwell"]
    section(
        "for clients (boto3, AWS CLI, SDKs)",
        [f"export AWS_ENDPOINT_URL={url}", *credentials, f"export AWS_DEFAULT_REGION={REGION}"],
    )
