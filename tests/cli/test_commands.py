"""The commands as they are called: help, errors, exit codes, and all that needs no endpoint."""

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from stepwell.cli import STATUSES, commands
from stepwell.commands.hosting import is_loopback, retain_seconds
from stepwell.store.open import open_store

NOWHERE = "http://127.0.0.1:1"

FLOW = """\
StartAt: Work
States:
  Work:
    Type: Task
    Resource: handlers.work
    Next: Done
  Done:
    Type: Succeed
"""


def call(*arguments: str, input: str | None = None, **environment: str) -> Result:
    return CliRunner(env=environment).invoke(commands, list(arguments), input=input, prog_name="stepwell")


@pytest.mark.parametrize("name", sorted(commands.commands))
def test_every_help_teaches_with_an_example_that_parses(name: str) -> None:
    result = call(name, "--help")
    assert result.exit_code == 0
    examples = [line.strip() for line in result.output.splitlines() if f"stepwell {name}" in line][1:]
    assert examples, "no example in the help"


def test_the_help_lists_every_command_untruncated() -> None:
    lines = call("--help").output.partition("Commands:")[2].strip().splitlines()
    assert [line.split()[0] for line in lines] == sorted(commands.commands)
    assert not [line for line in lines if line.endswith("...")]
    assert call("-h").output == call("--help").output
    assert "..." not in call("bench", "--help").output.partition("Commands:")[2]


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from stepwell.cli import commands; commands(['run', '--help'], standalone_mode=False);"
        "print(sorted({'botocore', 'rich', 'uvicorn', 'starlette', 'yaml', 'samtranslator'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["unknown"], "No such command 'unknown'"),
        (["run"], "Missing argument 'MACHINE'"),
        (["run", "m", "--input", "{"], "not JSON"),
        (["run", "m", "--input", "@missing.json"], "missing.json cannot be read: No such file or directory"),
        (["run", "m", "--input", "{}", "--endpoint-url", "here"], "'here' (--endpoint-url) is no endpoint"),
        (["run", "m", "--endpoint-url", NOWHERE, "--limits", "aws"], "--limits are for projects that run in this"),
        (["up", "--port", "65536"], "65536 is not in the range"),
        (["up", "--parameter", "novalue"], "'novalue' is no KEY=VALUE"),
        (["up", "--parameter", "=value"], "'' is no KEY=VALUE"),
        (["serve", "--limits", "none"], "'none' is not one of 'aws', 'extended'"),
        (["serve", "--host", "0.0.0.0"], "Name the keys that may call it with --credentials FILE"),
        (["serve", "--retain", "90"], "--retain '90' is no duration: write 90d, 12h"),
        (["serve", "--retain", "0d"], "--retain '0d' is no duration"),
        (["list", "--status", "FAILED"], "stepwell list MACHINE --status"),
        (["list", "m", "--status", "LOST"], "is not one of"),
        (["history", "x"], "MACHINE:NAME"),
        (["console", "missing.sqlite"], "there is no store at missing.sqlite"),
    ],
)
def test_wrong_calls_exit_with_2(place: Path, arguments: list[str], message: str) -> None:
    result = call(*arguments)
    assert message in " ".join(result.stderr.split())
    assert (result.exit_code, result.stdout) == (2, "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["list", "--endpoint-url", NOWHERE], f"no Stepwell answers at {NOWHERE} (from --endpoint-url).\nStart one"),
        (["history", "m:x", "--endpoint-url", NOWHERE], "no Stepwell answers"),
        (["run", "m", "--endpoint-url", NOWHERE], "no Stepwell answers"),
        (["up", "missing"], "missing does not exist"),
        (["up"], "has neither template.yaml"),
        (["run", "./missing"], "missing does not exist"),
        (["init", "a/b"], "is no project name"),
        (["validate", "missing"], "missing does not exist"),
        (["serve", "--store", "mysql:x"], "names no store"),
        (["serve", "--store", "sqlite:"], "names no file"),
        (["backup", "missing.sqlite", "copy"], "there is no database missing.sqlite"),
        (["restore", "missing", "store.sqlite"], "there is no database missing"),
        (["console", "--endpoint-url", NOWHERE], "no Stepwell answers"),
        (["console", "memory:"], "'memory:' is no SQLite file"),
        (["migrate", "memory:"], "'memory:' is no SQLite file"),
        (["serve", "--store", "memory:", "--credentials", "missing"], "credentials missing: No such file or directory"),
    ],
)
def test_failures_exit_with_1_and_one_message(place: Path, arguments: list[str], message: str) -> None:
    result = call(*arguments)
    assert result.stderr.startswith("Error: ") and message in result.stderr
    assert "Traceback" not in result.output
    assert (result.exit_code, result.stdout) == (1, "")


@pytest.mark.parametrize(
    ("text", "limits", "seconds"),
    [(None, "aws", 7_776_000), (None, "extended", None), ("forever", "aws", None), ("12h", "extended", 43_200),
     ("30m", "aws", 1800), ("45s", "aws", 45)],
)  # fmt: skip
def test_how_long_closed_executions_are_kept(text: str | None, limits: str, seconds: float | None) -> None:
    assert retain_seconds(text, limits) == seconds


def test_a_store_is_backed_up_and_restored(place: Path) -> None:
    async def make() -> None:
        await (await open_store("sqlite:a.sqlite")).close()

    asyncio.run(make())
    copied = call("backup", "a.sqlite", "copy")
    assert re.fullmatch(r"copy holds a\.sqlite as of now: 0 executions, [\d,]+ bytes, schema \d+\n", copied.stdout)
    assert call("restore", "copy", "sqlite:b.sqlite").stdout.startswith("b.sqlite is what copy held: 0 executions, ")
    assert call("restore", "copy", "b.sqlite").exit_code == 1
    assert call("restore", "copy", "b.sqlite", "--force").exit_code == 0
    assert re.fullmatch(r"b\.sqlite has schema \d+ already\n", call("migrate", "b.sqlite").stdout)


def test_an_address_of_another_machine(place: Path) -> None:
    key = "[a]\naws_access_key_id = AAAAAAAA\naws_secret_access_key = 0123456789abcdef\naws_account_id = 123456789012\n"
    _write(place, {"keys": key})
    (place / "keys").chmod(0o600)
    result = call("serve", "--store", "memory:", "--credentials", "keys", "--host", "192.0.2.1", "--port", "0")
    assert result.stderr.startswith("Error: cannot serve at 192.0.2.1:0")
    assert result.exit_code == 1


def test_a_name_that_is_nothing_says_what_there_is(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stepwell.commands.client.DEFAULT_URL", NOWHERE)
    assert "nor a state machine of a project in this folder" in call("run", "nope").stderr
    call("init", "hello")
    monkeypatch.chdir(place / "hello")
    result = call("run", "nope")
    assert "of the project in this folder, which has: hello.\nGive a folder" in result.stderr
    assert result.exit_code == 1


def test_several_state_machines_need_a_name(place: Path) -> None:
    for name in ("one", "two"):
        (place / f"{name}.asl.json").write_text('{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}')
    assert "./ holds 2 state machines: one, two.\nName one" in call("run", "./").stderr


def test_debug_shows_the_traceback(place: Path) -> None:
    result = call("init", "a/b", "--debug")
    assert type(result.exception).__name__ == "ProjectError"
    assert type(call("init", "a/b", STEPWELL_DEBUG="1").exception).__name__ == "ProjectError"


def test_a_defect_is_named_as_one(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("gone")

    monkeypatch.setattr("stepwell.project.init.create_project", broken)
    result = call("init", "hello")
    assert result.stderr == "Error: KeyError: 'gone'\nThis is a defect of Stepwell. --debug shows where it happened.\n"
    assert result.exit_code == 1


def test_init_makes_a_project_that_is_valid(place: Path) -> None:
    result = call("init", "hello")
    assert result.output == "Made hello. Next:\n  cd hello\n  stepwell run hello --input @input.json\n"
    assert call("validate", "hello").output == "valid: hello\n"
    assert "exists already" in call("init", "hello").stderr


def _write(folder: Path, files: dict[str, Any]) -> None:
    for name, content in files.items():
        (folder / name).write_text(content if isinstance(content, str) else json.dumps(content, indent=2))


PASS = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}
LOST = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}}}
HANDLERS = {"handlers.py": "def work(event, context):\n    return event\n"}


def _template(definition: Any, type: str = "STANDARD") -> dict[str, Any]:
    properties = {"Type": type, "Definition": definition, "Role": "arn:aws:iam::123456789012:role/r", "Name": "m"}
    return {
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": {"M": {"Type": "AWS::Serverless::StateMachine", "Properties": properties}},
    }


@pytest.mark.parametrize(
    ("files", "argument", "code", "output"),
    [
        ({"m.asl.json": PASS}, "m.asl.json", 0, "valid: m\n"),
        ({"m.json": PASS}, "m.json", 0, "valid: m\n"),
        ({"flow.asl.yaml": FLOW, **HANDLERS}, "flow.asl.yaml", 0, "valid: "),
        ({"template.json": _template(PASS)}, "template.json", 0, "valid: m\n"),
        ({"template.json": _template(PASS), "m.asl.json": LOST}, ".", 0, "valid: m\n"),
        (
            {"flow.asl.yaml": FLOW.replace("Next: Done", "Next: Gone"), **HANDLERS}, "flow.asl.yaml", 1,
            "flow.asl.yaml:6: ERROR MISSING_TRANSITION_TARGET: Missing 'Next' target: Gone at /States/Work/Next\n",
        ),
        (
            {"m.json": LOST}, "m.json", 1,
            "m.json:6: ERROR MISSING_TRANSITION_TARGET: Missing 'Next' target: B at /States/A/Next\n",
        ),
        (
            {"template.json": _template(LOST)}, "template.json", 1,
            "MISSING_TRANSITION_TARGET: Missing 'Next' target: B at /States/A/Next\n",
        ),
        ({"m.asl.json": {}}, "m.asl.json", 1, "SCHEMA_VALIDATION_FAILED"),
    ],
)  # fmt: skip
def test_validate(place: Path, files: dict[str, Any], argument: str, code: int, output: str) -> None:
    _write(place, files)
    result = call("validate", argument)
    assert output in result.stdout
    assert (result.exit_code, result.stderr) == (code, "")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"m.asl.json": "{"}, "m.asl.json:1: is not JSON"),
        ({"m.asl.yaml": "StartAt: [\n"}, "m.asl.yaml:2: is not YAML"),
        ({"flow.asl.yaml": FLOW}, "needs a file handlers.py"),
        ({"flow.asl.yaml": FLOW, "handlers.py": "def other(): ...\n"}, "there are: other"),
        ({"m.txt": "x"}, "neither a template nor a definition"),
    ],
)
def test_validate_says_what_cannot_be_read(place: Path, files: dict[str, Any], message: str) -> None:
    _write(place, files)
    result = call("validate", next(iter(files)))
    assert message in result.stderr
    assert result.exit_code == 1


def test_validate_as_json(place: Path) -> None:
    _write(place, {"m.asl.json": LOST})
    result = call("validate", "m.asl.json", "--json")
    assert json.loads(result.stdout) == {
        "result": "FAIL",
        "diagnostics": [
            {
                "severity": "ERROR",
                "code": "MISSING_TRANSITION_TARGET",
                "message": "Missing 'Next' target: B",
                "location": "/States/A/Next",
                "stateMachine": "m",
                "file": str((place / "m.asl.json").relative_to(place)),
                "line": 6,
            }
        ],
    }
    _write(place, {"m.asl.json": PASS})
    assert json.loads(call("validate", "m.asl.json", "--json").stdout) == {"result": "OK", "diagnostics": []}


def test_an_express_machine_is_checked_as_one(place: Path) -> None:
    token = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "End": True}
    token["Parameters"] = {"FunctionName": "f", "Payload": {"t.$": "$$.Task.Token"}}
    definition = {"StartAt": "A", "States": {"A": token}}
    _write(place, {"template.json": _template(definition)})
    assert call("validate", "template.json").exit_code == 0
    _write(place, {"template.json": _template(definition, "EXPRESS")})
    assert call("validate", "template.json").exit_code == 1


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
     ("192.168.0.7", False), ("stepwell.example", False)],
)  # fmt: skip
def test_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_statuses_are_those_of_the_service_model() -> None:
    from botocore.session import get_session

    model = get_session().get_service_model("stepfunctions")
    assert set(STATUSES) == set(model.shape_for("ExecutionStatus").enum) - {"PENDING_REDRIVE"}
