"""`stepwell redrive` and `stepwell stop`, as they are called, against an endpoint."""

import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.api.conftest import port as port

from stepwell.cli import commands
from stepwell.commands.client import make_client
from stepwell.commands.redriving import _paced

ROLE = "arn:aws:iam::123456789012:role/steps"
FAIL = '{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"E"}}}'
WAIT = '{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":3600,"End":true}}}'


@pytest.fixture
def url(port: int, place: Path) -> str:
    return f"http://127.0.0.1:{port}"


@pytest.fixture
def client(url: str) -> Any:
    return make_client(url)


def call(url: str, *arguments: str, input: str | None = None) -> Result:
    return CliRunner(env={"STEPWELL_ENDPOINT": url}).invoke(commands, list(arguments), input=input)


def start(client: Any, machine: str, definition: str, *names: str) -> None:
    arn = client.create_state_machine(name=machine, definition=definition, roleArn=ROLE)["stateMachineArn"]
    for name in names:
        client.start_execution(stateMachineArn=arn, name=name)


def described(client: Any, label: str) -> tuple[str, int]:
    reply = client.describe_execution(executionArn=f"arn:aws:states:us-east-1:123456789012:execution:{label}")
    return reply["status"], reply["redriveCount"]


def test_stop_and_redrive_by_name(url: str, client: Any) -> None:
    start(client, "named", WAIT, "one", "two")
    stopped = call(url, "stop", "named:one", "named:two", "--error", "E", "--cause", "by hand")
    assert (stopped.exit_code, stopped.stdout) == (0, "") and "2 executions stopped" in stopped.stderr
    assert described(client, "named:one") == ("ABORTED", 0)
    redriven = call(url, "redrive", "named:two", "named:nobody", "named:one")
    assert redriven.exit_code == 1
    assert "named:nobody: ExecutionDoesNotExist: " in redriven.stderr
    assert "2 executions redriven, 1 refused" in redriven.stderr
    assert [described(client, f"named:{name}") for name in ("one", "two")] == [("RUNNING", 1)] * 2
    again = call(url, "redrive", "named:one")
    assert "ExecutionNotRedrivable: Execution is RUNNING and cannot be redriven" in again.stderr
    assert "0 executions redriven, 1 refused" in again.stderr


def test_redrive_of_all_that_failed(url: str, client: Any) -> None:
    start(client, "many", FAIL, *(f"e{i}" for i in range(5)))
    all_of_them = ["redrive", "many", "--status", "FAILED", "--rate", "1000"]
    listed = call(url, *all_of_them, "--dry-run")
    assert len(re.findall(r"^many:e\d +FAILED", listed.stdout, re.MULTILINE)) == 5
    refused = call(url, *all_of_them, input="n\n")
    assert "Redrive 5 executions of many?" in refused.stderr and refused.exit_code == 1
    assert described(client, "many:e0") == ("FAILED", 0)
    agreed = call(url, *all_of_them, "--since", "1h", input="y\n")
    assert agreed.exit_code == 0 and "5 executions redriven" in agreed.stderr
    assert call(url, *all_of_them, "--yes").exit_code == 0
    assert {described(client, f"many:e{i}")[1] for i in range(5)} == {2}
    assert "No executions." in call(url, "redrive", "many", "--status", "ABORTED", "--yes").stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["redrive"], "Missing argument"),
        (["redrive", "m"], "MACHINE:NAME"),
        (["redrive", "m:e", "--dry-run"], "add --status FAILED"),
        (["redrive", "m", "n", "--status", "FAILED"], "name one state machine"),
        (["redrive", "m", "--status", "SUCCEEDED"], "is not one of"),
        (["redrive", "m", "--status", "FAILED", "--since", "soon"], "'soon' is no duration"),
        (["stop", "m"], "MACHINE:NAME"),
    ],
)
def test_wrong_calls(url: str, arguments: list[str], message: str) -> None:
    result = call(url, *arguments)
    assert message in result.stderr and result.exit_code == 2


def test_no_more_than_so_many_a_second() -> None:
    pauses: list[float] = []
    assert list(_paced(list("abcd"), 2, pauses.append)) == list("abcd")
    assert [round(pause, 1) for pause in pauses] == [0.5, 1.0, 1.5], "against a clock that stood still"
