"""The work of the crash matrix: one execution that uses everything which must survive, and what must come out."""

import io
import json
import threading
import time
import zipfile
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from processes import ServerProcess, client

ARN = "arn:aws:states:us-east-1:123456789012"
MAIN, CHILD, ACTIVITY = f"{ARN}:stateMachine:main", f"{ARN}:stateMachine:child", f"{ARN}:activity:desk"
EXECUTION = f"{ARN}:execution:main:run"
ROLE = "arn:aws:iam::123456789012:role/r"
FINISH_SECONDS = 120.0

HANDLER = """
import os

def handler(event, context):
    line = f"{context.aws_request_id} {event['key']} {event['attempt']} {event.get('token', '-')}\\n"
    file = os.open(event["file"], os.O_WRONLY | os.O_APPEND)
    os.write(file, line.encode())
    os.close(file)
    if event.get("fails", 0) > event["attempt"]:
        raise RuntimeError("not yet")
    return event["key"]
"""

RETRY = [{"ErrorEquals": ["RuntimeError", "States.Timeout"], "IntervalSeconds": 1, "BackoffRate": 1, "MaxAttempts": 9}]


def call(key: str, **fields: Any) -> dict[str, Any]:
    """A Task state that calls the function, which notes its key."""
    payload = {"file.$": "$.file", "key": key, "attempt.$": "$$.State.RetryCount", **fields.pop("payload", {})}
    if key.startswith("$"):
        payload["key.$"] = payload.pop("key")
    state = {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:note", "Parameters": payload}
    return {**state, **({} if "Next" in fields else {"End": True}), **fields}


def invoke(key: str, action: str, **payload: Any) -> dict[str, Any]:
    """As `call`, through the optimized integration."""
    wrapped = {"FunctionName": "note", "Payload": call(key, payload=payload)["Parameters"]}
    return call(key) | {"Resource": f"arn:aws:states:::lambda:{action}", "Parameters": wrapped}


def branch(**states: Any) -> dict[str, Any]:
    return {"StartAt": next(iter(states)), "States": states}


CHILD_DEFINITION = branch(
    Work=call("child", Next="Pause", ResultPath="$.by"),
    Pause={"Type": "Wait", "TimestampPath": "$.until", "Next": "Done"},
    Done={"Type": "Pass", "Parameters": {"by.$": "$.by"}, "End": True},
)

MAIN_DEFINITION = branch(
    All={
        "Type": "Parallel",
        "End": True,
        "Branches": [
            branch(Retried=call("retried", payload={"fails": 1}, Retry=RETRY)),
            branch(
                Pause={"Type": "Wait", "TimestampPath": "$.until", "Next": "Waited"},
                Waited={"Type": "Pass", "Result": "waited", "End": True},
            ),
            branch(
                Each={
                    "Type": "Map",
                    "ItemsPath": "$.items",
                    "MaxConcurrency": 2,
                    "ItemSelector": {"file.$": "$.file", "key.$": "$$.Map.Item.Value"},
                    "ItemProcessor": branch(Item=invoke("$.key", "invoke") | {"OutputPath": "$.Payload"}),
                    "End": True,
                }
            ),
            branch(Approved=invoke("approved", "invoke.waitForTaskToken", **{"token.$": "$$.Task.Token"})),
            branch(Desk={"Type": "Task", "Resource": ACTIVITY, "HeartbeatSeconds": 2, "Retry": RETRY, "End": True}),
            branch(
                Child={
                    "Type": "Task",
                    "Resource": "arn:aws:states:::states:startExecution.sync:2",
                    "Parameters": {
                        "StateMachineArn": CHILD, "Input": {"file.$": "$.file", "until.$": "$.until"},
                    },
                    "OutputPath": "$.Output.by",
                    "End": True,
                }
            ),
        ],
    }
)  # fmt: skip

ITEMS = ["i0", "i1", "i2", "i3"]
OUTPUT = ["retried", "waited", ITEMS, "approved", "served", "child"]
EFFECTS = {("retried", 0), ("retried", 1), ("approved", 0), ("child", 0), *((item, 0) for item in ITEMS)}


def deploy(url: str) -> None:
    """Create the function, the machines and the activity."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("handler.py", HANDLER)
    functions, steps = client("lambda", url), client("stepfunctions", url)
    functions.create_function(
        FunctionName="note", Runtime="python3.12", Handler="handler.handler", Role=ROLE, Timeout=60,
        Code={"ZipFile": archive.getvalue()},
    )  # fmt: skip
    functions.get_waiter("function_active_v2").wait(FunctionName="note", WaiterConfig={"Delay": 1})
    for name, definition in (("main", MAIN_DEFINITION), ("child", CHILD_DEFINITION)):
        steps.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE)
    steps.create_activity(name="desk")


class Workload:
    """One execution, driven to its end however often the server goes away."""

    def __init__(self, folder: Path, port: int, restart: Callable[[], ServerProcess]) -> None:
        self._effects = folder / "effects"
        self._effects.touch()
        self._effects.chmod(0o666)
        self._url = f"http://127.0.0.1:{port}"
        self._restart = restart
        self._over = threading.Event()
        until = datetime.now(UTC) + timedelta(seconds=0.7)
        self._input = {"file": str(self._effects), "items": ITEMS, "until": until.isoformat().replace("+00:00", "Z")}

    def run(self, server: ServerProcess) -> tuple[ServerProcess, dict[str, Any], int]:
        """The server that is left, DescribeExecution's last reply, and how often a server killed itself."""
        clerk = threading.Thread(target=self._serve_desk, daemon=True)
        clerk.start()
        kills, deadline = 0, time.monotonic() + FINISH_SECONDS
        steps = client("stepfunctions", self._url)
        while True:
            assert time.monotonic() < deadline, "the execution does not end"
            if server.killed_itself:
                server.kill()
                server, kills = self._restart(), kills + 1
            with suppress(BotoCoreError, ClientError):
                self._approve(steps)
                reply = self._status(steps)
                if reply["status"] != "RUNNING":
                    break
            time.sleep(0.05)
        self._over.set()
        return server, reply, kills

    def _status(self, steps: Any) -> dict[str, Any]:
        try:
            return dict(steps.describe_execution(executionArn=EXECUTION))
        except steps.exceptions.ExecutionDoesNotExist:
            steps.start_execution(stateMachineArn=MAIN, name="run", input=json.dumps(self._input))
            return {"status": "RUNNING"}

    def _approve(self, steps: Any) -> None:
        for *_, token in self.effects():
            if token != "-":
                with suppress(ClientError):  # It was settled before.
                    steps.send_task_success(taskToken=token, output='"approved"')

    def _serve_desk(self) -> None:
        steps = client("stepfunctions", self._url)
        while not self._over.is_set():
            try:
                task = steps.get_activity_task(activityArn=ACTIVITY)
                if task.get("taskToken"):
                    steps.send_task_success(taskToken=task["taskToken"], output='"served"')
            except (BotoCoreError, ClientError):
                time.sleep(0.05)

    def effects(self) -> list[tuple[str, str, int, str]]:
        """What the function noted: request id, key, attempt, token."""
        lines = [line.split() for line in self._effects.read_text().splitlines()]
        return [(id, key, int(attempt), token) for id, key, attempt, token in lines]

    def check_effects(self) -> int:
        """Every effect is there, each attempt under one id however often it was delivered; how many redeliveries."""
        ids: dict[tuple[str, int], set[str]] = defaultdict(set)
        for id, key, attempt, _ in self.effects():
            ids[key, attempt].add(id)
        assert ids.keys() == EFFECTS
        assert all(len(each) == 1 for each in ids.values()), ids
        assert len({id for each in ids.values() for id in each}) == len(EFFECTS), "an id belongs to one attempt"
        return len(self.effects()) - len(EFFECTS)
