"""Writes the journals of a handful of executions as this release encodes them, and what they fold to.

usage: PYTHONPATH=src python -m tests.data.journals.make

Each becomes `vN/NAME.msgpack` (its steps and payloads, as a store keeps them) and `vN/NAME.json`, the folded state to
read and to compare. What a release wrote is never written again: every later release must fold it. A file that is there
stays as it is, so run this after a change of the format, with a new `FORMAT`, or to add a shape.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec
from tests.machine.harness import ACTIVITY, FUNCTION, Run, machine

from stepwell.machine import journal, turn
from stepwell.machine import stimuli as s
from stepwell.machine.execution import Execution
from stepwell.machine.payload import Payload
from stepwell.machine.records import FORMAT

HERE = Path(__file__).parent
ALL = ["States.ALL"]


class Journal(msgspec.Struct):
    """One body for each step, and the payloads that are kept apart, by digest."""

    steps: list[bytes]
    payloads: dict[bytes, bytes]


def task(name: str, resource: str = FUNCTION, **fields: Any) -> dict[str, Any]:
    return {"Name": name, "Type": "Task", "Resource": resource, **fields}


def straight() -> Run:
    """Pass, Choice, Wait and Succeed, with variables and a JSONata state; ends with success."""
    run = Run(
        machine(
            {"Name": "Pass", "Type": "Pass", "Assign": {"n.$": "$.n", "id.$": "States.UUID()"}},
            {"Name": "Choice", "Type": "Choice", "Choices": [{"Variable": "$n", "NumericEquals": 1, "Next": "Wait"}],
             "Default": "Done"},
            {"Name": "Wait", "Type": "Wait", "QueryLanguage": "JSONata", "Seconds": "{% $n + 4 %}",
             "Output": {"twice": "{% $n * 2 %}"}, "Assign": {"n": "{% $n + 1 %}"}},
            {"Name": "Done", "Type": "Succeed"},
            TimeoutSeconds=3_600,
        ),
        Payload.of_text('{"n": 1, "white":  "space"}'),
        version="arn:aws:states:us-east-1:123456789012:stateMachine:M:1",
        alias="arn:aws:states:us-east-1:123456789012:stateMachine:M:LIVE",
    )  # fmt: skip
    run.fire("wait")
    return run


def tasks() -> Run:
    """All three families, submitted, beaten, retried, caught and timed out; fails in the end."""
    run = Run(
        machine(
            task("Function", TimeoutSeconds=60, Retry=[{"ErrorEquals": ALL, "JitterStrategy": "FULL"}]),
            task("Activity", ACTIVITY, HeartbeatSeconds=30, ResultPath="$.activity"),
            task("Token", "arn:aws:states:::lambda:invoke.waitForTaskToken", HeartbeatSeconds=10,
                 Parameters={"token.$": "$$.Task.Token"}, Catch=[{"ErrorEquals": ALL, "Next": "Child"}]),
            task("Child", "arn:aws:states:::states:startExecution.sync:2", Credentials={"RoleArn": "arn:role"}),
        ),
        {"order": 17},
    )  # fmt: skip
    run.go(2)
    run.started()
    run.fail("Oops", "first")
    run.fire("retry")
    run.succeed({"function": "done"})
    activity = run.task()
    run.started(worker_name="worker-1")
    run.go(5)
    run.about(s.TaskHeartbeat, activity)
    run.about(s.TaskSucceeded, activity, output=Payload([1, 2]))
    run.about(s.TaskSubmitted, run.task(), output=Payload({"accepted": True}))
    run.fire("heartbeat")
    child = run.task()
    run.about(s.TaskSubmitted, child, output=Payload({}), child="arn:child", started_at=run.go(1))
    run.about(s.TaskFailed, child, error="States.TaskFailed", cause='{"Status":"FAILED"}')
    return run


def forked() -> Run:
    """A Map in a Parallel, retried once, then caught; a query that failed; large payloads; waits for a retry."""
    inner = machine(
        {"Name": "Map", "Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 2,
         "ItemSelector": {"item.$": "$$.Map.Item.Value", "big.$": "$.big"},
         "ItemProcessor": machine(task("Item", OutputPath="$.big"))}
    )  # fmt: skip
    wait = machine({"Name": "Wait", "Type": "Wait", "Seconds": 100}, {"Name": "Done", "Type": "Succeed"})
    fork = {"Name": "Fork", "Type": "Parallel", "Branches": [inner, wait],
            "Retry": [{"ErrorEquals": ["Once"], "MaxAttempts": 1}],
            "Catch": [{"ErrorEquals": ALL, "Next": "Query", "ResultPath": "$.error"}]}  # fmt: skip
    query = task("Query", QueryLanguage="JSONata", Output="{% $nothing %}", Retry=[{"ErrorEquals": ALL}])
    run = Run(machine({**fork, "Next": "Query"}, query), {"items": [1, 2, 3], "big": "b" * 4_200})
    run.succeed({"big": "c" * 4_200})
    run.fail("Once")
    run.fire("retry")
    run.fail("Twice")
    run.succeed({"no": "thing"})
    return run


def midway() -> Run:
    """Threads within threads, each waiting for something else; nothing has ended."""
    items = machine(
        task("Item", TimeoutSeconds=60, HeartbeatSeconds=30), {"Name": "Rest", "Type": "Wait", "Seconds": 9}
    )
    nested = machine(
        {"Name": "Note", "Type": "Pass", "Assign": {"note": "inner"}},
        {"Name": "Map", "Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 2, "ItemProcessor": items},
    )
    retried = machine(task("Retried", Retry=[{"ErrorEquals": ALL, "IntervalSeconds": 20}]))
    done = machine({"Name": "Quick", "Type": "Pass", "Result": "done"})
    fork = {"Name": "Fork", "Type": "Parallel", "Branches": [nested, retried, done]}
    run = Run(
        machine({"Name": "Start", "Type": "Pass", "Assign": {"outer": [1, 2]}}, fork, TimeoutSeconds=900),
        {"items": ["a", "b", "c"]},
    )
    run.fail("Oops", index=0)  # the task of the branch, which began before those of the Map
    run.succeed("first")
    run.started(index=0)
    return run


def limits() -> Run:
    """Ran out of transitions, events and bytes of AWS's quotas, with extended limits; stopped."""
    loop = machine(
        {"Name": "Count", "Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)"}, "Next": "More"},
        {"Name": "More", "Type": "Choice", "Choices": [{"Variable": "$.n", "NumericLessThan": 30, "Next": "Count"}],
         "Default": "Large"},
        {"Name": "Large", "Type": "Pass", "Parameters": {"a.$": "$.n", "b": "x" * 5_000}, "Assign": {"c": "y" * 4_000}},
        {"Name": "Small", "Type": "Pass", "Result": 1},
        task("Last"),
    )  # fmt: skip
    with mock.patch.multiple(turn, TRANSITIONS_PER_STEP=20, PAYLOAD_BYTES_MAX=4_500, EVENTS_MAX=100):
        run = Run(loop, {"n": 0}, limits="extended", parent="arn:parent", parent_task="task/1/1").run()
        run.stop("Enough", "by hand")
    return run


def distributed() -> Run:
    """A Distributed Map: its Map Run failed, succeeded when retried, and the next one was aborted with its sibling."""
    processor = {**machine(task("Item")), "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}}
    rows = {"Name": "Rows", "Type": "Map", "Label": "Rows", "ItemProcessor": processor, "Retry": [{"ErrorEquals": ALL}]}
    again = {**rows, "Name": "Again", "Label": "Again", "ItemProcessor": {**processor, **machine(task("Other"))}}
    fork = {"Name": "Fork", "Type": "Parallel", "Branches": [machine(again), machine(task("Sibling"))]}
    run = Run(machine(rows, fork), [1, 2])
    run.feed(s.MapRunEnded(at=run.go(1), frame=1, attempt=1, error="Oops", cause="first"))
    run.fire("retry")
    run.feed(s.MapRunEnded(at=run.go(1), frame=1, attempt=2, output=Payload([3, 4])))
    run.fail("Broken")
    return run


def redriven() -> Run:
    """Redriven three times: with a branch that is done and others in all kinds of trouble; then all goes well."""
    items = machine(task("Item", Retry=[{"ErrorEquals": ["Busy"]}]))
    map_ = {"Name": "Map", "Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 2, "ItemProcessor": items}
    wait = machine({"Name": "Rest", "Type": "Wait", "Seconds": 9})
    branches = [machine({"Name": "Note", "Type": "Pass", "Result": "done"}), machine(map_), wait]
    run = Run(
        machine(
            {"Name": "Fork", "Type": "Parallel", "Branches": branches},
            {"Name": "Context", "Type": "Pass", "Parameters": {"count.$": "$$.Execution.RedriveCount"}},
            TimeoutSeconds=60,
        ),
        {"items": [1, 2, 3]},
    )  # fmt: skip
    run.succeed("one")
    run.fail("Oops")
    run.go(30)
    run.redrive("a token")
    run.fire("execution")
    run.redrive()
    run.fail("Busy")
    run.stop()
    run.redrive("another token")
    for output in ("two", "three"):
        run.succeed(output)
    run.fire("wait")
    return run


def reopened() -> Run:
    """A Distributed Map whose Map Run failed, was redriven with the execution, and succeeded."""
    processor = {**machine(task("Item")), "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}
    run = Run(machine({"Name": "Rows", "Type": "Map", "Label": "Rows", "ItemProcessor": processor}), [1, 2])
    run.feed(s.MapRunEnded(at=run.go(1), frame=1, attempt=1, error="Oops", cause="first"))
    run.feed(s.RedriveRequested(at=run.go(1), client_token="token"))
    run.feed(s.MapRunEnded(at=run.go(1), frame=1, attempt=1, redrives=1, output=Payload([3, 4])))
    return run


SHAPES: dict[str, Callable[[], Run]] = {
    "straight": straight, "tasks": tasks, "forked": forked, "midway": midway, "limits": limits,
    "distributed": distributed, "reopened": reopened,
    "redriven": redriven,
}  # fmt: skip


def journal_of(run: Run) -> Journal:
    encoded = [journal.encode(step.records) for step in run.steps if step.records]
    payloads = {digest: text for step in encoded for digest, text in step.payloads.items()}
    return Journal([step.body for step in encoded], payloads)


def readable(execution: Execution) -> Any:
    """The folded state as JSON, payloads as their text (long ones by size and digest)."""
    return json.loads(msgspec.json.encode(execution, enc_hook=_payload))


def _payload(payload: Payload) -> str:
    return payload.text if payload.size <= 200 else f"{payload.size} bytes, SHA-256 {payload.digest.hex()}"


def main() -> None:
    folder = HERE / f"v{FORMAT}"
    folder.mkdir(exist_ok=True)
    for name, shape in SHAPES.items():
        if (folder / f"{name}.msgpack").exists():
            continue
        run = shape()
        (folder / f"{name}.msgpack").write_bytes(msgspec.msgpack.encode(journal_of(run)))
        (folder / f"{name}.json").write_text(json.dumps(readable(run.execution), indent=1) + "\n")


if __name__ == "__main__":
    main()
