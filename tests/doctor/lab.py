"""A real endpoint in a process of its own, with state machines and functions made by a few words."""

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

ROLE = "arn:aws:iam::123456789012:role/r"
ACCOUNT = "us-east-1:123456789012"
START_EXECUTION = "arn:aws:states:::states:startExecution"
PATIENCE_SECONDS = 60.0

HANDLERS = """\
import time


def slow(event, context):
    time.sleep(10)


def echo(event, context):
    return event


def bad(event, context):
    raise ValueError("not today")
"""


def definition(states: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Starts at the first of the states."""
    return {"StartAt": next(iter(states)), "States": states, **more}


def function_arn(name: str) -> str:
    return f"arn:aws:lambda:{ACCOUNT}:function:{name}"


def client(service: str, url: str) -> Any:
    return boto3.client(
        service, endpoint_url=url, region_name="us-east-1", aws_access_key_id="123456789012",
        aws_secret_access_key="x", config=Config(retries={"total_max_attempts": 1}, inject_host_prefix=False),
    )  # fmt: skip


class Lab:
    """An endpoint with a client for each of its services."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.states = client("stepfunctions", url)
        self.functions = client("lambda", url)
        self.logs = client("logs", url)

    def machine(self, name: str, states: dict[str, Any], type: str = "STANDARD", **more: Any) -> str:
        text = json.dumps(definition(states, **more))
        made = self.states.create_state_machine(name=name, definition=text, roleArn=ROLE, type=type)
        return str(made["stateMachineArn"])

    def start(self, machine: str, name: str, input: Any = None) -> str:
        text = json.dumps({} if input is None else input)
        return str(self.states.start_execution(stateMachineArn=machine, name=name, input=text)["executionArn"])

    def function(self, name: str) -> None:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("handlers.py", HANDLERS)
        self.functions.create_function(
            FunctionName=name, Runtime=f"python3.{sys.version_info.minor}", Role=ROLE, Handler=f"handlers.{name}",
            Code={"ZipFile": buffer.getvalue()}, Timeout=1,
        )  # fmt: skip
        self.functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})

    def wait_for_end(self, execution: str) -> None:
        self.wait_for(lambda: self.states.describe_execution(executionArn=execution)["status"] != "RUNNING")

    def wait_for_event(self, execution: str, type: str) -> None:
        def there() -> bool:
            events = self.states.get_execution_history(executionArn=execution)["events"]
            return any(event["type"] == type for event in events)

        self.wait_for(there)

    @staticmethod
    def wait_for(condition: Any) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.05)


@contextmanager
def lab(folder: Path) -> Iterator[Lab]:
    """An endpoint with its data in the folder, which anyone may pass through, because functions may be another user."""
    data = folder / "data"
    command = [sys.executable, "-m", "stepwell", "serve", "--port", "0", "--store", "memory:", "--data-dir", str(data)]
    with (folder / "serve.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        listening: list[str] = []

        def listens() -> bool:
            text = (folder / "serve.log").read_text()
            assert process.poll() is None, text
            listening.extend(re.findall(r"listens on (http://\S+) ", text))
            return bool(listening)

        Lab.wait_for(listens)
        yield Lab(listening[0])
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_SECONDS)


@contextmanager
def cloudwatch(folder: Path) -> Iterator[Any]:
    """A client of an emulator's CloudWatch Logs."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    environment = os.environ | {
        "GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "SERVICES": "logs", "LOG_LEVEL": "WARNING",
        # At its start it removes containers that it takes for its own.
        "DOCKER_HOST": "unix:///nonexistent",
    }  # fmt: skip
    with (folder / "cloudwatch.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "ministack"], env=environment, cwd=folder, stdout=log, stderr=subprocess.STDOUT
        )
    logs = client("logs", f"http://127.0.0.1:{port}")

    def answers() -> bool:
        assert process.poll() is None, (folder / "cloudwatch.log").read_text()
        try:
            logs.describe_log_groups()
        except logs.exceptions.ClientError:
            raise
        except Exception:
            return False
        return True

    try:
        Lab.wait_for(answers)
        yield logs
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)
