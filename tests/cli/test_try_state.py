"""`stepwell test-state`, which needs no endpoint."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stepwell.cli import commands

FLOW = """\
StartAt: Work
States:
  Work:
    Type: Task
    Resource: handlers.work
    Parameters: {n.$: $.n}
    ResultPath: $.done
    Catch:
      - {ErrorEquals: [Broken], Next: Stop}
    Next: Stop
  Stop:
    Type: Fail
    Error: Stopped
"""


def call(*arguments: str) -> Result:
    return CliRunner().invoke(commands, ["test-state", *arguments], prog_name="stepwell")


@pytest.fixture
def flow(place: Path) -> Path:
    (place / "handlers.py").write_text("def work(event, context):\n    return event\n")
    (place / "flow.asl.yaml").write_text(FLOW)
    return place


def test_a_mocked_task_and_its_stages(flow: Path) -> None:
    result = call("flow.asl.yaml", "--state", "Work", "--input", '{"n": 1}', "--mock", "[2]")
    assert result.exit_code == 0
    reply = json.loads(result.stdout)
    assert (reply["status"], reply["nextState"], reply["output"]) == ("SUCCEEDED", "Stop", {"n": 1, "done": [2]})
    assert reply["inspectionData"]["afterParameters"] == {"n": 1}


def test_a_mocked_error(flow: Path) -> None:
    result = call("flow.asl.yaml", "--state", "Work", "--input", '{"n": 1}', "--error", "Broken", "--cause", "c")
    reply = json.loads(result.stdout)
    assert (result.exit_code, reply["status"], reply["output"]) == (
        0,
        "CAUGHT_ERROR",
        {"Error": "Broken", "Cause": "c"},
    )


def test_the_exit_code_says_that_the_state_failed(flow: Path) -> None:
    result = call("flow.asl.yaml", "--state", "Stop")
    assert (result.exit_code, json.loads(result.stdout)["error"]) == (1, "Stopped")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--state", "Gone"], "State not found in definition"),
        (["--state", "Work", "--input", '{"n": 1}'], "give its result with --mock"),
        (["--state", "Work", "--mock", "{"], "Mocked result must be valid JSON"),
        (["--state", "Work", "--mock", "1", "--error", "E"], "only one of the following fields"),
    ],
)
def test_what_is_wrong_is_said(flow: Path, arguments: list[str], message: str) -> None:
    result = call("flow.asl.yaml", *arguments)
    assert result.exit_code != 0
    assert message in result.output
