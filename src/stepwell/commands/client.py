"""A running endpoint as the commands see it: AWS's own protocol, with errors that a person can act on."""

import http.client
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import click

from stepwell.project.plan import ACCOUNT, PARTITION, REGION, machine_arn

DEFAULT_URL = "http://127.0.0.1:8083"
VARIABLES = ("STEPWELL_ENDPOINT", "AWS_ENDPOINT_URL_SFN", "AWS_ENDPOINT_URL")
"""Where an endpoint may be named. The second is AWS's own for Step Functions, whose service id is SFN."""

PROBE_SECONDS = 1.0
FIRST_PAUSE_SECONDS = 0.03
LONGEST_PAUSE_SECONDS = 0.5
TERMINAL_EVENTS = frozenset({"ExecutionSucceeded", "ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted"})


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint's address, and where it came from: an option, a variable, or "" for the default."""

    url: str
    source: str


def find_endpoint(option: str | None) -> Endpoint:
    """The option, else the first variable that is set, else the default. Raises `click.BadParameter` for no URL."""
    found = Endpoint(DEFAULT_URL, "")
    if option:
        found = Endpoint(option, "--endpoint-url")
    elif name := next((name for name in VARIABLES if os.environ.get(name)), None):
        found = Endpoint(os.environ[name], name)
    if not _is_http(found.url):
        raise click.BadParameter(f"{found.url!r} ({found.source}) is no endpoint: write it as {DEFAULT_URL}")
    return Endpoint(found.url.rstrip("/"), found.source)


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False


def answers(url: str) -> bool:
    """Whether a Stepwell endpoint answers there, asked once and with little patience."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=PROBE_SECONDS)
    try:
        connection.request("GET", f"{parts.path}/_stepwell/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def connect(endpoint: Endpoint) -> Any:
    """A botocore client for Step Functions at the endpoint. Raises `click.ClickException` when nothing answers."""
    require(endpoint)
    return make_client(endpoint.url)


def require(endpoint: Endpoint) -> None:
    """Raises `click.ClickException`, which says how to start one, when no endpoint answers."""
    if answers(endpoint.url):
        return
    origin = f"from {endpoint.source}" if endpoint.source else "the default"
    raise click.ClickException(
        f"no Stepwell answers at {endpoint.url} ({origin}).\n"
        "Start one with `stepwell up` in a project's folder, or with `stepwell serve`;\n"
        f"name another with --endpoint-url or {VARIABLES[0]}."
    )


def make_client(url: str, service: str = "stepfunctions") -> Any:
    """A client for one of its services. Credentials and profiles of a person stay unread: nothing goes to AWS.

    Executions have a member `warnings` if there are any, which AWS's do not have.
    """
    from stepwell.project.endpoint import client

    # One attempt: the endpoint is near, and a person waits for the answer.
    made = client(service, url, read_timeout_seconds=310, attempts=1)
    for operation in ("DescribeExecution", "ListExecutions"):
        made.meta.events.register(f"after-call.sfn.{operation}", _add_warnings)
    return made


def _add_warnings(http_response: Any, parsed: dict[str, Any], **_: Any) -> None:
    """Take over what botocore drops, because AWS's model does not have it."""
    if http_response.status_code != 200:
        return
    sent = json.loads(http_response.content)
    for item, found in [(parsed, sent), *zip(parsed.get("executions", ()), sent.get("executions", ()), strict=True)]:
        if isinstance(found.get("warnings"), list):
            item["warnings"] = [str(text) for text in found["warnings"]]


@contextmanager
def explained(url: str) -> Iterator[None]:
    """Turns botocore's errors into `click.ClickException`."""
    from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

    try:
        yield
    except ClientError as error:
        content = error.response.get("Error", {})
        raise click.ClickException(f"{content.get('Code')}: {content.get('Message')}") from error
    except ParamValidationError as error:
        raise click.UsageError(str(error)) from error
    except BotoCoreError as error:
        raise click.ClickException(f"{url} stopped answering: {error}") from error


def find_machine(client: Any, name: str) -> dict[str, Any]:
    """DescribeStateMachine of a name or an ARN. Raises `click.ClickException`, naming what there is."""
    found = describe_machine(client, name)
    if found is None:
        there = ", ".join(sorted(item["name"] for item in machines(client))) or "none"
        raise click.ClickException(f"there is no state machine {name!r}; there are: {there}")
    return found


def describe_machine(client: Any, name: str) -> dict[str, Any] | None:
    """DescribeStateMachine of a name or an ARN, None when there is no such state machine."""
    try:
        reply: dict[str, Any] = client.describe_state_machine(stateMachineArn=arn_of_machine(name))
    except client.exceptions.ClientError as error:
        if error.response["Error"]["Code"] in ("StateMachineDoesNotExist", "InvalidArn", "ValidationException"):
            return None
        raise
    return reply


def arn_of_machine(name: str) -> str:
    return name if name.startswith("arn:") else machine_arn(name)


def arn_of_execution(text: str) -> str:
    """The ARN of an execution that is given as its ARN or as `MACHINE:NAME`. Raises `click.BadParameter`."""
    if text.startswith("arn:"):
        return text
    if text.count(":") != 1:
        raise click.BadParameter(f"{text!r} is no execution: give its ARN, or MACHINE:NAME as `stepwell list` shows it")
    return f"arn:{PARTITION}:states:{REGION}:{ACCOUNT}:execution:{text}"


def label_of_execution(arn: str) -> str:
    """`MACHINE:NAME`, which `arn_of_execution` takes."""
    return ":".join(arn.split(":")[-2:])


def machines(client: Any) -> list[dict[str, Any]]:
    """All of ListStateMachines."""
    return [item for page in client.get_paginator("list_state_machines").paginate() for item in page["stateMachines"]]


def executions(client: Any, machine: str, status: str | None, limit: int) -> list[dict[str, Any]]:
    """The latest executions of a machine, newest first, at most `limit`."""
    request = {"stateMachineArn": arn_of_machine(machine), **({"statusFilter": status} if status else {})}
    pages = client.get_paginator("list_executions").paginate(**request, PaginationConfig={"MaxItems": limit})
    return [item for page in pages for item in page["executions"]]


def history(client: Any, execution: str) -> Iterator[list[dict[str, Any]]]:
    """The pages of an execution's history as far as it goes now."""
    for page in client.get_paginator("get_execution_history").paginate(
        executionArn=execution, PaginationConfig={"PageSize": 1000}
    ):
        yield page["events"]


def follow(
    client: Any, execution: str, pause: Callable[[float], None] = time.sleep
) -> Iterator[list[dict[str, Any]]]:  # fmt: skip
    """The history as it grows, until the execution has ended; an empty page where there was nothing new.

    The last page is asked for again by the token that led to it, so a poll costs one page however long the history is.
    """
    token: dict[str, str] = {}
    seen, wait_seconds = 0, FIRST_PAUSE_SECONDS
    while True:
        reply = client.get_execution_history(executionArn=execution, maxResults=1000, **token)
        new = [event for event in reply["events"] if event["id"] > seen]
        yield new
        if new:
            seen, wait_seconds = new[-1]["id"], FIRST_PAUSE_SECONDS
            if new[-1]["type"] in TERMINAL_EVENTS:
                return
        if "nextToken" in reply:
            token = {"nextToken": reply["nextToken"]}
            continue
        pause(wait_seconds)
        wait_seconds = min(wait_seconds * 1.5, LONGEST_PAUSE_SECONDS)
