"""Options that several commands have in common."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def _parameters(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    pairs = [value.partition("=") for value in values]
    for key, equals, _ in pairs:
        if not key or not equals:
            raise click.BadParameter(f"{key!r} is no KEY=VALUE")
    return {key: value for key, _, value in pairs}


def endpoint_option(command: F) -> F:
    return click.option(
        "--endpoint-url", metavar="URL",
        help="The endpoint. Default: STEPWELL_ENDPOINT, AWS_ENDPOINT_URL_SFN, AWS_ENDPOINT_URL, or http://127.0.0.1:8083.",
    )(command)  # fmt: skip


def parameter_option(command: F) -> F:
    return click.option(
        "--parameter", "parameters", metavar="KEY=VALUE", multiple=True, callback=_parameters,
        help="A parameter of the template, or what ${KEY} stands for in definitions. Repeatable.",
    )(command)  # fmt: skip


def limits_option(default: str | None) -> Callable[[F], F]:
    return click.option(
        "--limits", type=click.Choice(["aws", "extended"]), default=default, show_default=bool(default),
        help="aws: AWS's quotas hold, byte for byte. extended: they are lifted, and crossing one is noted.",
    )  # fmt: skip


def port_option(command: F) -> F:
    return click.option(
        "--port", type=click.IntRange(0, 65535), default=8083, show_default=True, help="0 takes any free port."
    )(command)


def _endpoints(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    from stepwell.tasks.endpoints import BadEndpoint, parse_endpoints

    try:
        return parse_endpoints(values)
    except BadEndpoint as error:
        raise click.BadParameter(str(error)) from None


def resources_option(command: F) -> F:
    return click.option(
        "--resources", type=click.Path(path_type=Path), metavar="FILE", multiple=True,
        help="Python file with resources of your own for Task states. Repeatable.",
    )(command)  # fmt: skip


def outside_options(command: F) -> F:
    """What tasks and functions find beyond the endpoint."""
    for option in (
        click.option(
            "--items-folder",
            "items_folders",
            type=click.Path(path_type=Path, exists=True, file_okay=False),
            metavar="DIR",
            multiple=True,
            help="A folder that Distributed Maps may read from and write to, as the bucket file://DIR. Repeatable.",
        ),
        click.option(
            "--connections",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="JSON or YAML file with the connections of http:invoke.",
        ),
        click.option(
            "--aws-endpoint",
            "aws_endpoints",
            metavar="[SERVICE=]URL",
            multiple=True,
            callback=_endpoints,
            help="Where tasks and functions find other AWS services, such as an emulator: one URL for all, or one for "
            "a SERVICE; `real` means AWS. Repeatable.",
        ),
    ):
        command = option(command)
    return resources_option(command)  # fmt: skip


def reports_option(command: F) -> F:
    return click.option(
        "--reports", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="DIR", multiple=True,
        help="A folder of `stepwell bench run --out`, for the console to show. Repeatable.",
    )(command)  # fmt: skip


def json_option(command: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, as AWS replies it.")(command)


def retain_option(command: F) -> F:
    return click.option(
        "--retain", metavar="DURATION",
        help="How long closed executions are kept: 90d, 12h, forever. Default: 90d with AWS's limits, as there, else "
        "forever.",
    )(command)  # fmt: skip


def credentials_option(command: F) -> F:
    return click.option(
        "--credentials", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", envvar="STEPWELL_CREDENTIALS",
        help="The keys that may call it, as in ~/.aws/credentials; then every request must be signed.",
    )(command)  # fmt: skip


STORE_HELP = "sqlite:///RELATIVE, sqlite:////ABSOLUTE, or memory: to keep nothing."

CONSOLE = "/console/"
"""Where an endpoint has its console."""
