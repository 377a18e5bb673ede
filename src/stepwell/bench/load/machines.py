"""The state machines of the orchestrated strategies, in the Amazon States Language: a Task for each step.

What an orchestrator does by itself has no step of its own: to wait for an answer, and to know when all branches are
done.
"""

from collections.abc import Sequence
from typing import Any

from stepwell.bench.catalog import Workload

Definition = dict[str, Any]

_WORKER_LOST = {
    "ErrorEquals": ["Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.TooManyRequestsException",
                    "Runtime.ExitError", "Sandbox.Timedout"],
    "IntervalSeconds": 1, "MaxAttempts": 4, "BackoffRate": 1,
}  # fmt: skip
_CONFLICT = {
    "ErrorEquals": ["Conflict", "InProgress"], "IntervalSeconds": 1, "MaxAttempts": 12, "BackoffRate": 1,
    "JitterStrategy": "FULL",
}  # fmt: skip
_NOT_BACK = {"ErrorEquals": ["States.Timeout"], "IntervalSeconds": 1, "MaxAttempts": 4, "BackoffRate": 1}
_STORE_LOST = {"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 1, "MaxAttempts": 6, "BackoffRate": 1}
"""What a function raises when its store does not answer has many names, one for each client."""

_NO_ANSWER = ["States.HeartbeatTimeout", "States.Timeout"]
_UNANSWERED = {"ErrorEquals": _NO_ANSWER, "MaxAttempts": 0}

_PASSED_ON = ("run", "workload", "strategy", "request", "seed", "fault", "state")


def machine_of(workload: Workload, function_arn: str, *, keyed: bool, limit_seconds: int | None = None) -> Definition:
    """What carries a request of this workload to its end; the rest is as for `workload_machine`."""
    if workload.branches > 1:
        return _fan_machine(function_arn, workload.steps, keyed, limit_seconds)
    if workload.asks:
        return _asking_machine(function_arn, workload.steps, workload.expires_seconds, keyed, limit_seconds)
    return workload_machine(function_arn, workload.steps, keyed=keyed, limit_seconds=limit_seconds)


def workload_machine(
    function_arn: str, steps: Sequence[str], *, keyed: bool, limit_seconds: int | None = None
) -> Definition:
    """The steps in their order, each with the state that those before it have made.

    With `keyed` each hands its function a key for the outside world: its execution and state. A task that takes longer
    than `limit_seconds` is tried again, whatever its function does meanwhile.
    """
    return _one_after_the_other({step: _task(function_arn, step, keyed, limit_seconds) for step in steps})


def _one_after_the_other(states: dict[str, Definition]) -> Definition:
    names = list(states)
    ends: list[Definition] = [*({"Next": name} for name in names[1:]), {"End": True}]
    return {
        "StartAt": names[0], "States": {name: states[name] | end for name, end in zip(names, ends, strict=True)},
    }  # fmt: skip


def _task(function_arn: str, step: str, keyed: bool, limit_seconds: int | None) -> Definition:
    payload = {f"{name}.$": f"$.{name}" for name in _PASSED_ON}
    key = {"key.$": "States.Format('{}/{}', $$.Execution.Name, $$.State.Name)"} if keyed else {}
    # RetryCount begins with 0, attempts with 1; the first delivery's number is 1.
    attempt = {"attempt.$": "States.MathAdd($$.State.RetryCount, 1)"}
    limit = {"TimeoutSeconds": limit_seconds} if limit_seconds else {}
    return limit | {
        "Type": "Task",
        "Resource": function_arn,
        "Parameters": payload | attempt | key | {"step": step},
        "ResultPath": "$.state",
        "Retry": [_WORKER_LOST, _CONFLICT, _NOT_BACK, _STORE_LOST],
    }


def _asking_machine(
    function_arn: str, steps: Sequence[str], expires_seconds: int | None, keyed: bool, limit_seconds: int | None
) -> Definition:
    """The first step ends with the answer to its mail, or, where it expires, without one; the second has no state."""
    ask, _, act = steps
    asking = _task(function_arn, ask, keyed, None)
    asking |= {
        "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Parameters": {
            "FunctionName": function_arn, "Payload": asking["Parameters"] | {"token.$": "$$.Task.Token"},
        },
        "ResultPath": "$.state.answer",
        "Retry": [_UNANSWERED, *asking["Retry"]],
        "Catch": [{"ErrorEquals": _NO_ANSWER, "ResultPath": "$.state.answer", "Next": act}],
    }  # fmt: skip
    if expires_seconds:
        asking["HeartbeatSeconds"] = expires_seconds
    return _one_after_the_other({ask: asking, act: _task(function_arn, act, keyed, limit_seconds)})


def _fan_machine(function_arn: str, steps: Sequence[str], keyed: bool, limit_seconds: int | None) -> Definition:
    """A Map over the branches, of which it knows when all are done, and the last step after it."""
    branch, *_, join = steps
    task = _task(function_arn, branch, keyed, limit_seconds)
    if keyed:
        # All iterations have one state's name, so that without their number they would share one key.
        task["Parameters"]["key.$"] = "States.Format('{}/{}/{}', $$.Execution.Name, $$.State.Name, $.state.branch)"
    passed_on = {f"{name}.$": f"$.{name}" for name in _PASSED_ON if name != "state"}
    fan_out = {
        "Type": "Map",
        "ItemsPath": "$.state.branches",
        "ItemSelector": passed_on | {"state": {"branch.$": "$$.Map.Item.Value"}},
        "ItemProcessor": _one_after_the_other({branch: task}),
        "ResultSelector": {"arrived.$": "States.ArrayLength($)"},
        "ResultPath": "$.state",
    }
    return _one_after_the_other({"branches": fan_out, join: _task(function_arn, join, keyed, limit_seconds)})


def start_machine() -> Definition:
    """Does nothing: for counting starts."""
    return {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
