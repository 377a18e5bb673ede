"""One endpoint for all tests here, with executions that do not get on, that ran twice, and that are near a limit."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.doctor.lab import START_EXECUTION, Lab, function_arn, lab

RETRY_ONCE = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 1}]


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """Unlike pytest's own, one that the functions' workers may pass through."""
    folder = Path(tempfile.mkdtemp(prefix="stepwell-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def sick(folder: Path) -> Iterator[Lab]:
    with lab(folder) as opened:
        for name in ("slow", "echo", "bad"):
            opened.function(name)
        repeated = _start_repeated(opened)
        _start_stuck(opened)
        _run_to_limits(opened)
        for execution in repeated:
            opened.wait_for_end(execution)
        yield opened


def _start_repeated(lab: Lab) -> list[str]:
    """A function that times out and is called again, without and with a key; a Parallel that is retried."""
    executions = []
    for name, extra in (("unkeyed", {}), ("keyed", {"key.$": "$$.Execution.Name"})):
        parameters = {"FunctionName": "slow", "Payload": {"order": 1} | extra}
        call = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": parameters}
        machine = lab.machine(name, {"Charge": {**call, "Retry": RETRY_ONCE, "End": True}})
        executions.append(lab.start(machine, f"{name}-order-1"))
    charge = {"Type": "Task", "Resource": function_arn("echo"), "End": True}
    refuse = {"Hold": {"Type": "Wait", "Seconds": 1, "Next": "Refuse"}, "Refuse": {"Type": "Fail"}}
    branches = [{"StartAt": "Pay", "States": {"Pay": charge}}, {"StartAt": "Hold", "States": refuse}]
    both = {"Type": "Parallel", "Branches": branches, "Retry": RETRY_ONCE, "End": True}
    executions.append(lab.start(lab.machine("both", {"Both": both}), "both-1"))
    return executions


def _start_stuck(lab: Lab) -> None:
    far = lab.machine("far", {"Far": {"Type": "Wait", "Timestamp": "2999-01-01T00:00:00Z", "End": True}})
    receiver = lab.machine("receiver", {"Lose": {"Type": "Pass", "End": True}})
    ask = _started(f"{START_EXECUTION}.waitForTaskToken", receiver, {"token.$": "$$.Task.Token"})
    unbounded = {"Type": "Parallel", "Branches": [{"StartAt": "Ask", "States": {"Ask": ask}}], "End": True}
    approval = lab.machine("approval", {"Around": unbounded})
    for number in range(3):
        lab.start(approval, f"order-{number}")
    lab.start(lab.machine("bounded", {"Ask": ask | {"HeartbeatSeconds": 3600}}), "bounded-1")
    lab.start(lab.machine("limited", {"Ask": ask}, TimeoutSeconds=7200), "limited-1")
    packers = lab.states.create_activity(name="packers")["activityArn"]
    pack = lab.machine("pack", {"Pack": {"Type": "Task", "Resource": packers, "End": True}})
    lab.start(pack, "taken")
    lab.states.get_activity_task(activityArn=packers, workerName="w")
    lab.start(pack, "untaken")
    nested = lab.machine("nested", {"Run": _started(f"{START_EXECUTION}.sync:2", far, {})})
    outer = lab.start(nested, "nested-1")
    lab.wait_for_event(outer, "TaskSubmitted")
    _start_backing_off(lab)


def _start_backing_off(lab: Lab) -> None:
    """A task that is retried, and a Parallel that is, for a Fail state and for a task within it."""
    retry = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 3600, "MaxAttempts": 3}]
    failing = {"Type": "Task", "Resource": function_arn("bad"), "End": True}
    lab.start(lab.machine("whole", {"Whole": _around({"Type": "Fail"}, Retry=retry)}), "whole-1")
    inside = lab.start(lab.machine("inside", {"Whole": _around(failing, Retry=retry)}), "inside-1")
    alone = lab.start(lab.machine("failing", {"Fail": failing | {"Retry": retry}}), "failing-1")
    for execution in (inside, alone):
        lab.wait_for_event(execution, "LambdaFunctionFailed")


def _around(state: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"Type": "Parallel", "Branches": [{"StartAt": "Fail", "States": {"Fail": state}}], "End": True, **more}


def _started(resource: str, machine: str, input: Any) -> dict[str, Any]:
    parameters = {"StateMachineArn": machine, "Input": input}
    return {"Type": "Task", "Resource": resource, "Parameters": parameters, "End": True}


def _run_to_limits(lab: Lab) -> None:
    tick = {
        "Begin": {"Type": "Pass", "Result": {"n": 0}, "Next": "Look"},
        "Look": {"Type": "Wait", "Seconds": 0, "Next": "Count"},
        "Count": {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)"}, "Next": "Done?"},
        "Done?": {
            "Type": "Choice", "Choices": [{"Variable": "$.n", "NumericGreaterThanEquals": 12, "Next": "Done"}],
            "Default": "Look",
        },
        "Done": {"Type": "Succeed"},
    }  # fmt: skip
    processor = {"StartAt": "Each", "States": {"Each": {"Type": "Pass", "End": True}}}
    executions = [
        lab.start(lab.machine("poll", tick), "poll-1"),
        lab.start(lab.machine("big", {"Keep": {"Type": "Pass", "End": True}}), "big-1", {"text": "x" * 230_000}),
        lab.start(
            lab.machine("long", {"All": {"Type": "Map", "ItemProcessor": processor, "End": True}}), "long-1",
            list(range(5_200)),
        ),
    ]  # fmt: skip
    lab.machine("express", {"Quick": {"Type": "Pass", "End": True}}, type="EXPRESS")
    for execution in executions:
        lab.wait_for_end(execution)
