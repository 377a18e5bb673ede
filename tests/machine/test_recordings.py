"""What AWS recorded, run through the pure machine: no server, no store, a virtual clock.

Timers fire and tasks end as the recording says, so what is compared is the machine alone. The recordings and their
comparison are not part of this repository; STEPWELL_CONFORMANCE names their folder.
"""

import importlib.util
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from stepwell.api.history import history_event
from stepwell.machine import stimuli as s
from stepwell.machine.execution import RUNNING
from stepwell.machine.payload import Payload

from .harness import Run

FOLDER = Path(os.environ.get("STEPWELL_CONFORMANCE") or Path(__file__).parents[3] / "shared" / "conformance")
if not (FOLDER / "cases").is_dir():
    pytest.skip("the recordings are not here: set STEPWELL_CONFORMANCE to their folder", allow_module_level=True)

EXCEPTIONS = {
    "scenarios/test_max_concurrency_path_negative": "the recording has one event: it was read before the state began",
    "scenarios/test_lambda_service_invoke_with_retry_extended_input": "recorded before AWS had Execution.RedriveCount",
}


def _load_replay() -> ModuleType:
    """The runner that comes with the recordings: it fills in names and compares."""
    spec = importlib.util.spec_from_file_location("replay", FOLDER / "replay.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


replay = _load_replay()


def _cases() -> list[Any]:
    """Executions of Standard machines without Distributed Map, as far as the recording lets them be followed."""
    found = []
    for path in sorted((FOLDER / "cases").rglob("*.json")):
        case, name = json.loads(path.read_text()), f"{path.parent.name}/{path.stem}"
        text = json.dumps(case)
        if case["kind"] != "execution" or path.parent.name.startswith("api") or name in EXCEPTIONS:
            continue
        if any(word in text for word in ("EXPRESS", "DISTRIBUTED", '"publish"')):
            continue
        # Where ids were blanked, only a machine without tasks can be followed.
        if case["tier"] == "pure" or (_histories(case) and not case.get("unordered")):
            found.append(pytest.param(case, id=name))
    return found


def _histories(case: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The recorded events of each execution, by its placeholder."""
    found = {}
    for step in case["steps"]:
        for check in step.get("checks", []):
            if step["call"].endswith("GetExecutionHistory") and "events" in check["expected"]:
                found[step["params"]["executionArn"].rpartition(":")[2].strip("{}")] = check["expected"]["events"]
    return found


class Player:
    """Makes the calls of one case that concern executions, and compares their replies."""

    def __init__(self, case: dict[str, Any]) -> None:
        self.case = case
        self.names = {"ACCOUNT": "123456789012", "REGION": "us-east-1", "ROLE_ARN": "arn:aws:iam::123456789012:role/r"}
        for name in re.findall(r"\{\{([A-Z][A-Z_]*_\d+(?:_URL)?)\}\}", json.dumps(case)):
            self.names.setdefault(name, self.names["ROLE_ARN"] + name if "ROLE" in name else f"{name.lower()}_made")
        self.names |= {name: case[name.lower()] for name in ("DEFINITION", "INPUT") if name.lower() in case}
        self.recorded = replay.fill(_histories(case), self.names)
        self.machines: dict[str, dict[str, Any]] = {}
        self.runs: dict[str, Run] = {}

    def play(self) -> None:
        for step in self.case["steps"]:
            params = replay.fill(step["params"], self.names)
            call = getattr(self, step["call"].rpartition(".")[2], None)
            reply = call(step, params) if call is not None else None
            for check in step.get("checks", []) if reply is not None else ():
                self._compare(check, reply)

    def _compare(self, check: dict[str, Any], reply: dict[str, Any]) -> None:
        want, got = check["expected"], reply[check["path"]] if check.get("path") else reply
        if self.case.get("unordered", "").startswith("Sfn") and "events" in got:
            replay.parallel(got["events"])
        replay.equal(want, got, check["key"], self.names)

    def CreateStateMachine(self, step: dict[str, Any], params: dict[str, Any]) -> None:
        arn = f"arn:aws:states:us-east-1:123456789012:stateMachine:{params['name']}"
        self.machines[arn] = params

    def StartExecution(self, step: dict[str, Any], params: dict[str, Any]) -> None:
        machine = self.machines[params["stateMachineArn"]]
        name = params.get("name") or self.names[step["starts"]]
        run = Run(
            json.loads(machine["definition"]),
            Payload.of_text(params.get("input", "{}")),
            state_machine=params["stateMachineArn"],
            state_machine_name=machine["name"],
            role=machine["roleArn"],
            name=name,
            execution=f"{params['stateMachineArn'].replace(':stateMachine:', ':execution:')}:{name}",
        )
        self.names[step["starts"]] = name
        self.runs[run.execution.id] = run
        follow(run, self.recorded.get(step["starts"], []))

    def DescribeExecution(self, step: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
        execution = self.runs[params["executionArn"]].execution
        succeeded = execution.status == "SUCCEEDED"
        described = {
            "executionArn": execution.id, "stateMachineArn": execution.state_machine, "name": execution.name,
            "status": execution.status, "startDate": execution.started_at, "stopDate": execution.stopped_at,
            "input": execution.input.text, "inputDetails": {"included": True}, "redriveCount": 0,
            "redriveStatus": "NOT_REDRIVABLE" if succeeded else "REDRIVABLE",
        }  # fmt: skip
        if succeeded:
            assert execution.output is not None
            described |= {"output": execution.output.text, "outputDetails": {"included": True}}
        elif execution.status == "FAILED":
            shown = {"error": execution.error, "cause": execution.cause}
            described |= {name: value for name, value in shown.items() if value is not None}
        return described

    def GetExecutionHistory(self, step: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
        events = self.runs[params["executionArn"]].events
        return {"events": [history_event(id, event, True) for id, event in enumerate(events, 1)]}


def follow(run: Run, recorded: list[dict[str, Any]]) -> None:
    """Let happen what was recorded to happen next, until the execution ends."""
    while run.status == RUNNING and len(run.records) < 10_000:
        if run.renewals:
            run.renew()
            continue
        # What AWS recorded after the events that there are.
        coming = recorded[run.execution.event_id] if run.execution.event_id < len(recorded) else {"type": ""}
        if coming["type"] == "ExecutionAborted":
            run.stop(**coming.get("executionAbortedEventDetails", {}))
        elif not run.tasks and not _waits_outside(run):
            run.fire()
        else:
            _task_goes_on(run, coming, recorded)


def _waits_outside(run: Run) -> bool:
    return any(frame.task is not None for frame in run.execution.frames.values())


def _task_goes_on(run: Run, coming: dict[str, Any], recorded: list[dict[str, Any]]) -> None:
    frame = _frame_of(run, coming)
    if frame is None or frame.task is None:
        run.fire()
        return
    details = next((value for key, value in coming.items() if key.endswith("EventDetails")), {})
    about = {"at": run.at, "frame": frame.id, "attempt": frame.task.attempt}
    kind = re.sub(r"^(LambdaFunction|Activity|Task)", "", coming["type"])
    if kind == "Started":
        run.feed(s.TaskStarted(**about, worker_name=details.get("workerName")))
    elif kind == "Submitted":
        run.feed(s.TaskSubmitted(**about, output=_payload(details["output"])))
    elif kind == "Succeeded":
        run.feed(s.TaskSucceeded(**about, output=_payload(details["output"])))
    elif kind == "Failed":
        run.feed(s.TaskFailed(**about, error=details.get("error"), cause=_text(details.get("cause"), recorded)))
    else:
        assert kind == "TimedOut", (coming, run.history()[-3:])
        run.fire("heartbeat" if (frame.id, "heartbeat") in run.timers else "timeout")


def _frame_of(run: Run, coming: dict[str, Any]) -> Any:
    """The thread whose latest event the coming one follows."""
    frames = run.execution.frames.values()
    return next((frame for frame in frames if frame.previous == coming.get("previousEventId")), None)


def _payload(recorded: Any) -> Payload:
    """The recordings hold parsed what was a JSON object, and text otherwise."""
    return Payload.of_text(recorded) if isinstance(recorded, str) else Payload(recorded)


def _text(recorded: Any, events: Any) -> str | None:
    """The text of a cause that was parsed: the error output of a later event has it, white space included."""
    if not isinstance(recorded, dict | list):
        return recorded
    return next((text for text in _strings(events) if _means(text, recorded)), json.dumps(recorded))


def _means(text: str, value: Any) -> bool:
    try:
        return bool(json.loads(text) == value)
    except ValueError:
        return False


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for member in value.values() if isinstance(value, dict) else value:
            yield from _strings(member)


@pytest.mark.parametrize("case", _cases())
def test_as_recorded(case: dict[str, Any]) -> None:
    Player(case).play()
