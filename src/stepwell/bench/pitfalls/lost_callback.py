"""Lost callbacks: an execution waits for somebody who never answers."""

import time
from functools import cache
from typing import TYPE_CHECKING, Any

from stepwell.bench.pitfalls.pairs import BROKEN, FIXED, Figure, Figures, Pair, judged
from stepwell.bench.worker.call import Call, Event, Record

if TYPE_CHECKING:
    from stepwell.bench.pitfalls.stage import Stage

Machine = dict[str, Any]

_ANSWERS, _SILENT, _BEATS = "answers", "silent", "beats"
_OF_EACH = 4
_PATIENCE_SECONDS = 6.0
_BEAT_SECONDS, _BEATING_SECONDS = 0.3, 2.6


def broken_machine(function: str) -> Machine:
    return {
        "StartAt": "Ask",
        "States": {
            "Ask": {
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
                "Parameters": {"FunctionName": function, "Payload": {"token.$": "$$.Task.Token", "event.$": "$"}},
                "End": True,
            },
        },
    }


def fixed_machine(function: str) -> Machine:
    return {
        "StartAt": "Ask",
        "States": {
            "Ask": {
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
                "Parameters": {"FunctionName": function, "Payload": {"token.$": "$$.Task.Token", "event.$": "$"}},
                "HeartbeatSeconds": 1,
                "TimeoutSeconds": 2,
                "Catch": [{"ErrorEquals": ["States.HeartbeatTimeout", "States.Timeout"], "Next": "Fallback"}],
                "End": True,
            },
            "Fallback": {"Type": "Pass", "Result": {"answer": "nobody answered"}, "End": True},
        },
    }


def ask(call: Call, event: Event) -> Record:
    """The one who is asked: answers at once, never, or only ever says that it is still at it."""
    token, kind = event["token"], event["kind"]
    if kind == _ANSWERS:
        _states().send_task_success(taskToken=token, output='{"answer": "yes"}')
    until = time.time() + (_BEATING_SECONDS if kind == _BEATS else 0)
    while time.time() < until and _beat(token):
        time.sleep(_BEAT_SECONDS)
    return {}


def _beat(token: str) -> bool:
    try:
        _states().send_task_heartbeat(taskToken=token)
    except (_states().exceptions.TaskTimedOut, _states().exceptions.InvalidToken):
        return False
    return True


@cache
def _states() -> Any:
    import boto3

    return boto3.client("stepfunctions")


def _measure(stage: "Stage", variant: str) -> Figures:
    from stepwell.bench.oracles.anomalies import half_done, verdict
    from stepwell.bench.pitfalls.stage import event

    inputs = {}
    for number, kind in enumerate([_ANSWERS, _SILENT, _BEATS] * _OF_EACH):
        asked = event("lost_callback", variant, "ask", number, kind=kind)
        inputs[asked["request"]] = asked
    definition = {BROKEN: broken_machine, FIXED: fixed_machine}[variant](stage.function)
    done = stage.execute(asked["run"], definition, inputs, _PATIENCE_SECONDS)
    unanswered = [request for request, asked in inputs.items() if asked["kind"] != _ANSWERS]
    stuck = verdict(half_done([each.op for each in done], ()), unanswered)
    fallen_back = sum(each.output == {"answer": "nobody answered"} for each in done)
    return (
        judged("stuck in RUNNING (O-6)", "executions without a callback", stuck),
        Figure("taken over by the fallback", fallen_back, len(unanswered), "executions without a callback"),
    )


PAIR = Pair(
    name="lost-callback",
    title="Heartbeat, maximum age and fallback for a callback",
    mistake="An execution waits for a callback without any limit, and stays in RUNNING when it never comes.",
    fix="A heartbeat finds who fell silent, a maximum age who only ever says that it is still at it; both lead to a "
    "fallback.",
    remark="Half of those without a callback were silent, the other half sent heartbeats for longer than the maximum "
    f"age. Stuck means in RUNNING after {_PATIENCE_SECONDS:g} s here; on AWS it goes on for up to a year (API model of "
    "Step Functions in botocore 1.43, November 2026).",
    variants=((broken_machine, fixed_machine),),
    measure=_measure,
)
