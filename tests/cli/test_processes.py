"""The commands as real processes: an endpoint with a project, executions on it, signals, and what is left behind."""

import errno
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

STEPWELL = [sys.executable, "-m", "stepwell"]
START_SECONDS = 30
STOP_SECONDS = 15
LISTENS = re.compile(r"Stepwell listens on (http://127\.0\.0\.1:\d+) ")

FLOW = """\
StartAt: Pair
States:
  Pair:
    Type: Parallel
    Branches:
      - StartAt: Sleep
        States: {Sleep: {Type: Task, Resource: handlers.sleep, End: true}}
      - StartAt: Fail
        States:
          Fail:
            Type: Task
            Resource: handlers.fail
            Retry: [{ErrorEquals: [ValueError], IntervalSeconds: 1, MaxAttempts: 1}]
            Catch: [{ErrorEquals: [States.ALL], Next: Caught}]
            End: true
          Caught: {Type: Pass, Result: caught, End: true}
    End: true
"""
HANDLERS = """\
import time


def sleep(event, context):
    time.sleep(event["seconds"])
    return "slept"


def fail(event, context):
    raise ValueError("not today")
"""


def _environment(**more: str) -> dict[str, str]:
    names = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SFN", "NO_COLOR", "FORCE_COLOR")
    kept = {key: value for key, value in os.environ.items() if key not in names and not key.startswith("STEPWELL_")}
    return kept | more


def _run(*arguments: str, cwd: Path, input: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*STEPWELL, *arguments], cwd=cwd, input=input, env=_environment(**environment), capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip


class Process:
    """A command that stays, with its output in a file."""

    def __init__(self, *arguments: str, cwd: Path) -> None:
        self.log = cwd / f"{arguments[0]}-{time.monotonic_ns()}.log"
        with self.log.open("wb") as log:
            self.popen = subprocess.Popen(
                [*STEPWELL, *arguments], cwd=cwd, env=_environment(), stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def text(self) -> str:
        return self.log.read_text()

    def wait_for(self, pattern: "str | re.Pattern[str]") -> "re.Match[str]":
        deadline = time.monotonic() + START_SECONDS
        while not (match := re.search(pattern, self.text())):
            assert self.popen.poll() is None and time.monotonic() < deadline, self.text()
            time.sleep(0.02)
        return match

    def stop(self, number: int) -> int:
        """Sends the signal and returns the exit code; checks that nothing which it had started is left."""
        started = _descendants(self.popen.pid)
        os.kill(self.popen.pid, number)
        code = self.popen.wait(STOP_SECONDS)
        deadline = time.monotonic() + 5
        while left := started & _processes().keys():
            assert time.monotonic() < deadline, f"the endpoint left {left}"
            time.sleep(0.02)
        return code


def _processes() -> dict[tuple[int, str], int]:
    """The parent of each living process, by process id and start time; empty where there is no /proc."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            found[int(stat.parent.name), fields[19]] = int(fields[1])
    return found


def _descendants(pid: int) -> set[tuple[int, str]]:
    parents, family, found = _processes(), {pid}, set[tuple[int, str]]()
    while more := {process for process, parent in parents.items() if parent in family} - found:
        found |= more
        family |= {process[0] for process in more}
    return found


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "pair"
    folder.mkdir()
    (folder / "flow.asl.yaml").write_text(FLOW)
    (folder / "handlers.py").write_text(HANDLERS)
    return folder


@pytest.fixture(scope="module")
def endpoint(project: Path) -> Iterator[str]:
    """The URL of `stepwell up` on the project."""
    process = Process("up", "--port", "0", cwd=project)
    try:
        url = process.wait_for(LISTENS)[1]
        process.wait_for("Ctrl-C stops")
        yield url
        assert process.stop(signal.SIGINT) == 0
        assert "Traceback" not in process.text()
    finally:
        if process.popen.poll() is None:
            process.popen.kill()
            process.popen.wait()


def test_run_shows_the_states_and_prints_the_output(endpoint: str, project: Path) -> None:
    result = _run(
        "run", "pair", "--input", '{"seconds": 0}', "--name", "first", "--endpoint-url", endpoint, cwd=project
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == ["slept", "caught"]
    lines = [line.partition("s  ")[2] for line in result.stderr.splitlines()]
    assert lines[0] == "execution started" and lines[-1] == "execution succeeded"
    assert {
        "Pair branch 1 > Sleep  entered",
        "Pair branch 2 > Fail  attempt 1 failed: ValueError: not today",
        "Pair branch 2 > Fail  attempt 2",
        "Pair branch 2 > Fail  attempt 2 failed: ValueError: not today",
    } <= set(lines)


def test_list_and_history(endpoint: str, project: Path) -> None:
    run = _run("run", "pair", "--input", "-", "--name", "listed", input='{\n  "seconds": 0\n}\n', cwd=project,
               STEPWELL_ENDPOINT=endpoint)  # fmt: skip
    assert run.returncode == 0, run.stderr
    machines = _run("list", cwd=project, STEPWELL_ENDPOINT=endpoint).stdout.splitlines()
    assert re.split(r" {2,}", machines[1])[::3] == [
        "pair",
        "arn:aws:states:us-east-1:123456789012:stateMachine:pair",
    ]
    executions = _run("list", "pair", "--status", "succeeded", "--limit", "1", cwd=project, STEPWELL_ENDPOINT=endpoint)
    assert executions.stdout.splitlines()[1].split()[:2] == ["pair:listed", "SUCCEEDED"]
    listed = json.loads(_run("list", "pair", "--json", cwd=project, AWS_ENDPOINT_URL=endpoint).stdout)
    assert "listed" in [execution["name"] for execution in listed["executions"]]
    tree = _run("history", "pair:listed", cwd=project, STEPWELL_ENDPOINT=endpoint).stdout
    assert re.match(r"pair:listed  SUCCEEDED  \S+\n└── ✓ Pair  \S+\n    ├── branch 1\n", tree)
    assert re.search(r"✗ Fail  attempt 2  \S+  ValueError: not today  caught\n", tree)
    assert '\ninput   {\n          "seconds": 0\n        }\noutput  ["slept","caught"]\n' in tree
    events = _run("history", "pair:listed", "--events", cwd=project, STEPWELL_ENDPOINT=endpoint).stdout.splitlines()
    document = json.loads(_run("history", "pair:listed", "--json", cwd=project, STEPWELL_ENDPOINT=endpoint).stdout)
    assert [line.split()[3] for line in events[1:]] == [event["type"] for event in document["events"]]
    assert document["execution"]["status"] == "SUCCEEDED"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "nope"], "there is no state machine 'nope'; there are: pair"),
        (["list", "nope"], "there is no state machine 'nope'; there are: pair"),
        (["history", "pair:nope"], "ExecutionDoesNotExist: Execution Does Not Exist:"),
        (["run", "pair", "--input", "{}", "--name", "a b"], "InvalidName"),
    ],
)
def test_what_is_not_there(endpoint: str, project: Path, arguments: list[str], message: str) -> None:
    result = _run(*arguments, cwd=project, STEPWELL_ENDPOINT=endpoint)
    assert message in result.stderr and "Traceback" not in result.stderr
    assert result.returncode == 1


def test_deploy_updates_what_is_there(endpoint: str, project: Path) -> None:
    result = _run("deploy", ".", "--endpoint-url", endpoint, cwd=project)
    assert result.returncode == 0, result.stderr
    assert "  arn:aws:states:us-east-1:123456789012:stateMachine:pair\n" in result.stdout


def test_ctrl_c_leaves_the_execution_of_an_endpoint_running(endpoint: str, project: Path) -> None:
    screen, code = _terminal(
        ["run", "pair", "--input", '{"seconds": 3}', "--name", "left", "--endpoint-url", endpoint], project, "attempt 2"
    )
    assert code == 130
    assert "The execution goes on. See it with: stepwell history pair:left" in screen
    described = json.loads(_run("history", "pair:left", "--json", "--endpoint-url", endpoint, cwd=project).stdout)
    assert described["execution"]["status"] in ("RUNNING", "SUCCEEDED")


def test_the_project_runs_without_an_endpoint(project: Path) -> None:
    result = _run("run", "./", "--input", '{"seconds": 0}', cwd=project)
    assert json.loads(result.stdout) == ["slept", "caught"], result.stderr
    assert result.returncode == 0
    failed = _run("run", "flow.asl.yaml", "--input", "{}", cwd=project)
    assert failed.returncode == 1 and failed.stdout == ""
    assert "FAILED  KeyError: 'seconds'\n  File \"" in failed.stderr


def test_a_template_runs_without_an_endpoint(tmp_path: Path) -> None:
    definition = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": "${Word}", "End": True}}}
    properties = {
        "Type": "EXPRESS",
        "Definition": definition,
        "DefinitionSubstitutions": {"Word": {"Ref": "Word"}},
        "Role": "arn:aws:iam::123456789012:role/r",
    }
    template = {
        "Transform": "AWS::Serverless-2016-10-31",
        "Parameters": {"Word": {"Type": "String"}},
        "Resources": {"M": {"Type": "AWS::Serverless::StateMachine", "Properties": properties}},
    }
    (tmp_path / "template.json").write_text(json.dumps(template))
    result = _run("run", "template.json", "--parameter", "Word=express", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (0, '"express"\n'), result.stderr


def _terminal(arguments: list[str], cwd: Path, interrupt_at: str = "") -> tuple[str, int]:
    """Runs a command on a terminal of its own; presses Ctrl-C when the screen shows a text."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(cwd)
        environment = _environment(TERM="xterm-256color", COLUMNS="100", LINES="40")
        os.execvpe(STEPWELL[0], [*STEPWELL, *arguments], environment)
    screen = b""
    deadline = time.monotonic() + 60
    try:
        while time.monotonic() < deadline:
            if not select.select([terminal], [], [], 0.5)[0]:
                continue
            try:
                screen += os.read(terminal, 65536)
            except OSError as error:
                assert error.errno == errno.EIO  # the other end is closed
                break
            if interrupt_at and interrupt_at.encode() in screen:
                os.write(terminal, b"\x03")
                interrupt_at = ""
    finally:
        os.close(terminal)
    return screen.decode(), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_terminal_gets_a_live_tree_that_stays(project: Path) -> None:
    screen, code = _terminal(["run", "./", "--input", '{"seconds": 1}'], project)
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen).replace("\r", "")
    assert code == 0
    assert "● Sleep  " in plain, "while it runs"
    final = plain[plain.rindex("SUCCEEDED") :]
    assert re.search(r"✓ Pair  \S+\n.*branch 1\n.*✓ Sleep  \S+\n.*branch 2\n.*✗ Fail  attempt 2", final), final
    assert json.loads(final[final.index("\n[") :]) == ["slept", "caught"]
    assert "\x1b[32m" in screen


def test_ctrl_c_on_a_terminal_leaves_it_in_order(project: Path) -> None:
    screen, code = _terminal(["run", "./", "--input", '{"seconds": 20}'], project, "Sleep")
    assert code == 130
    assert screen.rindex("\x1b[?25h") > screen.rindex("\x1b[?25l"), "the cursor is shown again"
    assert "Stopped before its end; nothing of it was kept." in screen
    assert "Traceback" not in screen


def test_serve_stops_at_sigterm_and_goes_on_with_its_store(project: Path, tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/kept/data.sqlite"
    names = []
    for name in ("before", "after"):
        process = Process("serve", "--port", "0", "--store", store, cwd=tmp_path)
        url = process.wait_for(LISTENS)[1]
        if name == "before":
            assert _run("deploy", str(project), "--endpoint-url", url, cwd=tmp_path).returncode == 0
        run = _run("run", "pair", "--input", '{"seconds": 0}', "--name", name, "--endpoint-url", url, cwd=tmp_path)
        assert run.returncode == 0, run.stderr
        names = [
            row.split()[0] for row in _run("list", "pair", "--endpoint-url", url, cwd=tmp_path).stdout.splitlines()
        ]
        assert process.stop(signal.SIGTERM) == 0
        assert "Traceback" not in process.text()
    assert names[1:] == ["pair:after", "pair:before"]
    assert {path.name for path in (tmp_path / "kept").iterdir()} >= {"data.sqlite", "data.data"}
    assert not (tmp_path / ".stepwell").exists()


def test_serve_stops_while_a_function_runs(project: Path, tmp_path: Path) -> None:
    process = Process("serve", "--port", "0", "--store", "memory:", cwd=tmp_path)
    url = process.wait_for(LISTENS)[1]
    assert _run("deploy", str(project), "--endpoint-url", url, cwd=tmp_path).returncode == 0
    runner = Process("run", "pair", "--input", '{"seconds": 60}', "--endpoint-url", url, cwd=tmp_path)
    runner.wait_for("Sleep  entered")
    assert not Path("/proc").is_dir() or _descendants(process.popen.pid), "the function runs in a process of its own"
    started = time.monotonic()
    assert process.stop(signal.SIGTERM) == 0
    assert time.monotonic() - started < STOP_SECONDS
    assert runner.popen.wait(10) == 1
    assert f"Error: {url} stopped answering" in runner.text()


def test_a_taken_port_is_named_with_its_fix(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = _run("serve", "--port", port, cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr == (
        f"Error: port {port} is taken, perhaps by another Stepwell. "
        "Stop that one, or choose another port with --port (0 takes any free one).\n"
    )


def test_what_aws_would_not_allow_is_shown_on_the_execution(tmp_path: Path) -> None:
    double = {"Type": "Pass", "Parameters": {"a.$": "$", "b.$": "$"}, "End": True}
    (tmp_path / "m.asl.json").write_text(json.dumps({"StartAt": "Double", "States": {"Double": double}}))
    process = Process("up", "--port", "0", "--limits", "extended", cwd=tmp_path)
    at = ("--endpoint-url", process.wait_for(LISTENS)[1])
    process.wait_for("Ctrl-C stops")
    large = json.dumps("x" * 200_000)
    assert _run("run", "m", "--name", "large", "--input", "-", *at, cwd=tmp_path, input=large).returncode == 0
    text = "output of state 'Double': 400,015 bytes, AWS allows 262,144"
    assert f"warning {text}\n" in _run("history", "m:large", *at, cwd=tmp_path).stdout
    listed = _run("list", "m", *at, cwd=tmp_path)
    assert listed.stderr == f"m:large: {text}\n"
    found = _run("doctor", "m", *at, "--json", cwd=tmp_path).stdout
    evidence = [each["evidence"] for each in json.loads(found)["findings"] if each["check"] == "limit-passed"]
    assert evidence == [[f"m:large: {text}"]]
    assert process.stop(signal.SIGINT) == 0


KEYS = """\
[ops]
aws_access_key_id = OPSKEY01
aws_secret_access_key = 0123456789abcdef
aws_account_id = 123456789012
"""
CALLER = """\
import botocore.session


def call(event, context):
    client = botocore.session.get_session().create_client("stepfunctions")
    return [machine["name"] for machine in client.list_state_machines()["stateMachines"]]
"""


def test_where_requests_are_signed_the_commands_and_the_functions_sign(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(KEYS)
    definition = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "caller.call", "End": True}}}
    (tmp_path / "m.asl.json").write_text(json.dumps(definition))
    (tmp_path / "caller.py").write_text(CALLER)
    process = Process("up", "--port", "0", "--credentials", "keys", cwd=tmp_path)
    url = process.wait_for(LISTENS)[1]
    process.wait_for("Ctrl-C stops")
    assert "AWS_SECRET_ACCESS_KEY" not in process.text()
    run = ("run", "m", "--endpoint-url", url)
    signed = _run(*run, cwd=tmp_path, STEPWELL_CREDENTIALS="keys")
    assert (signed.returncode, json.loads(signed.stdout)) == (0, ["m"]), signed.stderr
    unsigned = _run("list", "--endpoint-url", url, cwd=tmp_path)
    assert unsigned.returncode == 1 and "UnrecognizedClientException" in unsigned.stderr
    assert process.stop(signal.SIGINT) == 0


def test_an_open_host_needs_credentials(tmp_path: Path) -> None:
    open_host = ("serve", "--host", "0.0.0.0", "--port", "0", "--store", "memory:")
    refused = _run(*open_host, cwd=tmp_path)
    assert refused.returncode == 2
    assert "0.0.0.0 is reachable from other machines" in refused.stderr and "--credentials FILE" in refused.stderr
    keys = tmp_path / "keys"
    keys.write_text(KEYS)
    process = Process(*open_host, "--credentials", str(keys), cwd=tmp_path)
    process.wait_for(r"Warning: 0\.0\.0\.0 is reachable from other machines\. Requests are signed, not encrypted")
    assert f"Warning: other users can read the secrets in {keys}" in process.text()
    assert process.stop(signal.SIGTERM) == 0


def test_up_lists_what_it_leaves_out_and_what_clients_need(project: Path, tmp_path: Path) -> None:
    definition = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}
    machine = {"Definition": definition, "Role": "arn:aws:iam::123456789012:role/r", "Name": "m"}
    template = {
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": {
            "M": {"Type": "AWS::Serverless::StateMachine", "Properties": machine},
            "Table": {"Type": "AWS::DynamoDB::Table", "Properties": {}},
        },
    }
    (tmp_path / "template.json").write_text(json.dumps(template))
    process = Process("up", "--port", "0", cwd=tmp_path)
    url = process.wait_for(LISTENS)[1]
    process.wait_for("Ctrl-C stops")
    assert process.stop(signal.SIGINT) == 0
    text = process.text()
    assert "\nnot deployed\n  Table (AWS::DynamoDB::Table): " in text
    assert f"  export AWS_ENDPOINT_URL={url}\n  export AWS_ACCESS_KEY_ID=123456789012 " in text
    assert f"  stepwell run m --endpoint-url {url} --input '{{}}'\n" in text
    assert (tmp_path / ".stepwell" / "stepwell.sqlite").is_file()


def test_up_with_a_definition_that_is_not_valid_fails_and_stops(tmp_path: Path) -> None:
    (tmp_path / "m.asl.json").write_text('{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}}}')
    result = _run("up", "--port", "0", cwd=tmp_path)
    assert result.returncode == 1
    assert "m is not valid:\n" in result.stderr and "MISSING_TRANSITION_TARGET" in result.stderr
    assert "Traceback" not in result.stderr
