"""`stepwell console`: look at an endpoint, or at a store, in a browser."""

import sys
import webbrowser
from pathlib import Path

import click

from stepwell.commands.options import (
    CONSOLE,
    credentials_option,
    endpoint_option,
    outside_options,
    port_option,
    reports_option,
)


@click.command()
@click.argument("store", required=False)
@port_option
@endpoint_option
@outside_options
@reports_option
@credentials_option
@click.option("--open/--no-open", "opens", default=None, help="Open a browser. Default: at a terminal.")
def console(
    store: str | None, port: int, endpoint_url: str | None, aws_endpoints: dict[str, str], connections: Path | None,
    resources: tuple[Path, ...], items_folders: tuple[Path, ...], reports: tuple[Path, ...],
    credentials: Path | None, opens: bool | None,
) -> None:  # fmt: skip
    """Look at state machines and executions in a browser.

    Without STORE that is a running endpoint. With one, a SQLite file or sqlite:PATH, it serves that store until Ctrl-C:
    executions go on where they were, with AWS's limits, and nothing closed is deleted.

    \b
    Examples:
      stepwell console
      stepwell console sqlite:.stepwell/stepwell.sqlite
    """
    opens = sys.stdout.isatty() if opens is None else opens
    if store is None:
        _look_at(endpoint_url, opens)
        return
    from stepwell.commands import projects
    from stepwell.commands.hosting import Hosting, keyring

    hosting = Hosting(
        store_url=_existing(store), limits="aws", port=port, keyring=keyring(credentials),
        aws_endpoints=aws_endpoints, connections=connections, resources=resources, items_folders=items_folders,
        reports=reports,
    )  # fmt: skip
    projects.serve(hosting, then=_open if opens else None)


def _existing(store: str) -> str:
    """The URL of a store that is there: a path that is mistyped is not to become a new, empty one."""
    from stepwell.store.open import sqlite_path

    path = sqlite_path(store)
    if not path.is_file():
        raise click.UsageError(f"there is no store at {path}: name the file that `stepwell up` or `serve` has made")
    return f"sqlite:{path}"


def _look_at(endpoint_url: str | None, opens: bool) -> None:
    from stepwell.commands.client import find_endpoint, require

    endpoint = find_endpoint(endpoint_url)
    require(endpoint)
    click.echo(f"{endpoint.url}{CONSOLE}")
    if opens:
        _open(endpoint.url)


def _open(url: str) -> None:
    webbrowser.open(f"{url}{CONSOLE}")
