"""`stepwell doctor` as a person or a script calls it: exit codes, what goes where, and AWS by its own settings."""

import http.server
import json
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.doctor.lab import Lab, cloudwatch

from stepwell.cli import commands

NOWHERE = "http://127.0.0.1:1"


def call(*arguments: str, **environment: str | None) -> Result:
    return CliRunner(env=environment).invoke(commands, ["doctor", *arguments], prog_name="stepwell")


def test_problems_exit_with_1_and_say_why_and_how_to_mend(sick: Lab) -> None:
    result = call("approval", "--endpoint-url", sick.url, "--stuck-after", "0s")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0] == f"{sick.url}: 2 problems, 0 notes"
    assert lines[2].startswith("problem  3 × approval > Around branch 1 > Ask: waits for its task token")
    assert lines[3].startswith("  seen  approval:order-")
    assert any(line.startswith("  why   If the token is lost") for line in lines)
    assert any(line.startswith("  fix   Give the state HeartbeatSeconds") for line in lines)
    assert "running executions of approval" in result.stderr


def test_notes_alone_exit_with_0(sick: Lab) -> None:
    result = call("far", "--endpoint-url", sick.url, "--stuck-after", "0s")
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, f"{sick.url}: 0 problems, 1 note")


def test_json_is_all_that_stdout_gets(sick: Lab) -> None:
    result = call("poll", "--endpoint-url", sick.url, "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert [each["check"] for each in found["findings"]] == ["polling-loop"]
    assert found["findings"][0]["evidence"] == ["poll:poll-1, 12 turns, 38 transitions"]
    assert found["findings"][0]["why"] and found["findings"][0]["fix"]
    assert found["figures"][0]["rows"][0]["state machine"] == "poll"
    definitions, invocations = found["lookedAt"]
    assert definitions == "1 definitions, 1 histories"
    assert re.fullmatch(r"\d+ invocations in CloudWatch Logs", invocations)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--endpoint-url", NOWHERE], f"no Stepwell answers at {NOWHERE} (from --endpoint-url).\nStart one with"),
        (["--endpoint-url", "here"], "'here' (--endpoint-url) is no endpoint"),
        (["--since", "soon"], "'soon' is no duration: write 90s, 15m, 1h or 7d"),
        (["--run", "missing"], "Directory 'missing' does not exist"),
        (["--run", ".", "--aws"], "--run looks at a folder: leave out MACHINE, --endpoint-url and --aws"),
        (["--aws", "--endpoint-url", NOWHERE], "--aws looks at AWS itself: leave out --endpoint-url"),
    ],
)
def test_what_cannot_be_looked_at_exits_with_2(arguments: list[str], message: str) -> None:
    result = call(*arguments)
    assert message in result.stderr
    assert (result.exit_code, result.stdout) == (2, "")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "holds no history.jsonl. Name the folder of a run, as `stepwell bench quick --out DIR` writes it."),
        (b"{\n", "cannot be read as a bench run: "),
        (b'{"id": 1}\n', "cannot be read as a bench run: Expected `str`, got `int` - at `$.id`"),
        (b'"\xff"\n', "cannot be read as a bench run: "),
    ],
)
def test_a_folder_that_holds_no_run(tmp_path: Path, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / "history.jsonl").write_bytes(content)
    result = call("--run", str(tmp_path))
    assert message in result.stderr
    assert (result.exit_code, result.stdout) == (2, "")


@pytest.fixture
def broken() -> Iterator[str]:
    """What says that it is well and then does nothing that it is asked for."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_endpoint_that_refuses_everything_exits_with_2(broken: str) -> None:
    result = call("--endpoint-url", broken)
    assert result.stderr.startswith("definitions\nError: 501")
    assert (result.exit_code, result.stdout) == (2, "")


@pytest.fixture(scope="module")
def logs(folder: Path) -> Iterator[Any]:
    """The logs of the function `echo`, and of no other, at an emulator."""
    with cloudwatch(folder) as logs:
        group = {"logGroupName": "/aws/lambda/echo"}
        logs.create_log_group(**group)
        logs.create_log_stream(**group, logStreamName="s")
        now = int(time.time() * 1000)
        reports = [_report(number, init="Init Duration: 120.50 ms\t" * (number < 5)) for number in range(20)]
        texts = ["START RequestId: 0 Version: $LATEST\n", *reports, _report(7), "[INFO] REPORT of the day\n"]
        events = [{"timestamp": now + place, "message": text} for place, text in enumerate(texts)]
        logs.put_log_events(**group, logStreamName="s", logEvents=events)
        yield logs


def test_aws_is_found_by_its_own_settings(sick: Lab, logs: Any) -> None:
    """AWS's part is played by this endpoint and the emulator, to which boto3's own variables lead."""
    result = call(
        "poll", "--aws", "--json",
        AWS_ENDPOINT_URL_SFN=sick.url, AWS_ENDPOINT_URL_LAMBDA=sick.url,
        AWS_ENDPOINT_URL_CLOUDWATCH_LOGS=logs.meta.endpoint_url, AWS_DEFAULT_REGION="us-east-1",
        AWS_ACCESS_KEY_ID="123456789012", AWS_SECRET_ACCESS_KEY="x",
    )  # fmt: skip
    found = json.loads(result.stdout)
    assert (result.exit_code, found["target"]) == (1, "AWS, us-east-1")
    by_check = {each["check"]: each for each in found["findings"]}
    assert by_check["polling-loop"]["subject"] == "poll > Look"
    assert by_check["cold-starts"]["what"] == "24 % of 21 invocations met a cold start"
    repeated = by_check["repeated-invocation"]
    assert (repeated["subject"], repeated["count"]) == ("function echo", 1)
    assert repeated["evidence"][0].startswith("request 00000000-0000-4000-8000-000000000007: success ")
    refused = [text for text in found["notLookedAt"] if "bad" in text]
    assert refused[0].startswith("the log of the function bad: ResourceNotFoundException: ")


def test_without_credentials_it_says_how_to_set_them(tmp_path: Path) -> None:
    unset = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_SESSION_TOKEN"))
    result = call(
        "--aws", **unset, AWS_CONFIG_FILE=str(tmp_path / "none"), AWS_EC2_METADATA_DISABLED="true",
        AWS_SHARED_CREDENTIALS_FILE=str(tmp_path / "none"), AWS_DEFAULT_REGION="us-east-1",
    )  # fmt: skip
    assert "AWS cannot be looked at: Unable to locate credentials\nSet credentials and a region" in result.stderr
    assert (result.exit_code, result.stdout) == (2, "")


def _report(number: int, init: str = "") -> str:
    """As Lambda writes it."""
    return (
        f"REPORT RequestId: 00000000-0000-4000-8000-{number:012}\tDuration: 3.10 ms\tBilled Duration: 4 ms\t"
        f"Memory Size: 128 MB\tMax Memory Used: 40 MB\t{init}\n"
    )
