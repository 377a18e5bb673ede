"""The two state machines of the orchestration strategy, in the Amazon States Language."""

from typing import Any

Definition = dict[str, Any]

_WORKER_LOST = {
    "ErrorEquals": ["Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.TooManyRequestsException",
                    "Runtime.ExitError", "Sandbox.Timedout"],
    "IntervalSeconds": 1, "MaxAttempts": 4, "BackoffRate": 1,
}  # fmt: skip
_CONFLICT = {
    "ErrorEquals": ["Conflict"], "IntervalSeconds": 1, "MaxAttempts": 12, "BackoffRate": 1, "JitterStrategy": "FULL"
}  # fmt: skip


def charge_machine(function_arn: str, *, keyed: bool) -> Definition:
    """One step that charges. With `keyed` it hands the function a key for the provider: its execution and state."""
    key = {"key.$": "States.Format('{}/{}', $$.Execution.Name, $$.State.Name)"} if keyed else {}
    return _one_step("Charge", function_arn, key, [_WORKER_LOST])


def count_machine(function_arn: str) -> Definition:
    """One step that counts. A function whose writes were refused too often is called again after a random while."""
    return _one_step("Count", function_arn, {"counter.$": "$.counter"}, [_CONFLICT])


def _one_step(state: str, function_arn: str, extra: Definition, retriers: list[Definition]) -> Definition:
    payload = {f"{name}.$": f"$.{name}" for name in ("run", "strategy", "request", "seed", "fault")}
    # RetryCount begins with 0, attempts with 1; the first delivery's number is 1.
    attempt = {"attempt.$": "States.MathAdd($$.State.RetryCount, 1)"}
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": function_arn, "Payload": payload | attempt | extra},
        "ResultSelector": {"answer.$": "$.Payload"},
        "OutputPath": "$.answer",
        "Retry": retriers,
        "End": True,
    }
    return {"StartAt": state, "States": {state: task}}


def start_machine() -> Definition:
    """Does nothing: for counting starts."""
    return {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
