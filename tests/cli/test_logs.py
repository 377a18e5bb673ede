"""`stepwell logs`, on a real endpoint."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from tests.doctor.lab import ROLE, Lab, lab

from stepwell.cli import commands
from stepwell.commands import logs

FAIL = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Broken", "Cause": "why\x1b[31m"}}}


def logging(level: str) -> dict[str, Any]:
    arn = "arn:aws:logs:us-east-1:123456789012:log-group:/states/orders:*"
    return {"level": level, "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": arn}}]}


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The machine `orders` has logged two executions, `quiet` logs nothing, and the function `echo` has run once.

    It is another process than the one that they ran in: logs survive a restart.
    """
    folder: Path = tmp_path_factory.mktemp("endpoint")
    folder.chmod(0o755)
    with lab(folder) as first:
        first.function("echo")
        first.functions.invoke(FunctionName="echo", Payload=b"{}")
        machine(first, "orders", "ALL")
    with lab(folder) as second:
        machine(second, "orders", "ALL")
        machine(second, "quiet", "OFF")
        yield second


def machine(lab: Lab, name: str, level: str) -> None:
    """Make a machine and run its execution `one`."""
    made = lab.states.create_state_machine(
        name=name, definition=json.dumps(FAIL), roleArn=ROLE, loggingConfiguration=logging(level)
    )
    lab.wait_for_end(lab.start(made["stateMachineArn"], "one"))


def call(endpoint: Lab, *arguments: str) -> Result:
    return CliRunner().invoke(commands, ["logs", *arguments, "--endpoint-url", endpoint.url], prog_name="stepwell")


def read(endpoint: Lab, name: str, pattern: str = "") -> list[Any]:
    source = logs.find(endpoint.states, endpoint.logs, name)
    return list(logs.events(endpoint.logs, source, time.time() - 600, pattern))


def test_of_a_function(endpoint: Lab) -> None:
    lines = call(endpoint, "echo").output.splitlines()
    assert [line.split()[2] for line in lines] == ["START", "END", "REPORT"]
    assert [logs.line(event) for event in read(endpoint, "/aws/lambda/echo", "START")] == lines[:1]


def test_of_a_machine_and_of_an_execution(endpoint: Lab) -> None:
    records = [json.loads(event["message"]) for event in read(endpoint, "orders")]
    assert [record["id"] for record in records] == ["1", "2", "3", "1", "2", "3"], "of both processes"
    failed = call(endpoint, "orders", "--filter", '{ $.type = "*Failed" }', "--json").output.splitlines()
    assert [json.loads(json.loads(line)["message"]) for line in failed] == [records[2], records[5]]
    for name in ("orders:one", records[0]["execution_arn"]):
        assert len(read(endpoint, name)) == 6
    assert read(endpoint, "orders:two") == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("quiet", "quiet logs nothing: give it a loggingConfiguration"),
        ("quiet:one", "quiet logs nothing"),
        ("nobody", "there is no log of 'nobody'"),
        ("nobody:one", "there is no log of 'nobody:one'"),
        ("arn:aws:states:us-east-1:123456789012:express:nobody:one:uid", "there is no log of 'arn:"),
        ("*?", "there is no log of '*?'"),
    ],
)
def test_what_has_no_log(endpoint: Lab, name: str, message: str) -> None:
    with pytest.raises(click.ClickException) as caught:
        read(endpoint, name)
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["orders", "--filter", "a:b"], 1, "InvalidParameterException: Invalid filter pattern"),
        (["orders:one", "--filter", "x"], 2, "an execution, which is a filter itself"),
        (["orders", "--since", "ever"], 2, "'ever' is no duration"),
    ],
)
def test_wrong_calls(endpoint: Lab, arguments: list[str], code: int, message: str) -> None:
    result = call(endpoint, *arguments)
    assert (result.exit_code, result.stdout) == (code, "") and message in result.stderr


def test_what_comes_is_shown_once(endpoint: Lab) -> None:
    """Each pause of `follow` is where something else is logged."""
    group = {"logGroupName": "/app/followed"}
    endpoint.logs.create_log_group(**group)
    endpoint.logs.create_log_stream(**group, logStreamName="s")
    waiting = iter([1, 2, 3])

    def pause(seconds: float) -> None:
        number = next(waiting)
        now = int(time.time() * 1000)
        event = {"timestamp": now - 1000 * number, "message": f"{number}"}  # Each is older than the one before.
        endpoint.logs.put_log_events(**group, logStreamName="s", logEvents=[event])

    shown = logs.follow(endpoint.logs, logs.Source("/app/followed"), time.time() - 60, "", pause)
    assert [next(shown)["message"] for _ in range(3)] == ["1", "2", "3"]


def test_a_line_cannot_steer_the_terminal() -> None:
    text = logs.line({"timestamp": 1_700_000_000_123, "message": "a\x1b[31m\tb\nc\r\n"})
    assert text[19:] == ".123  a\ufffd[31m  b\nc"
