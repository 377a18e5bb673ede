"""A status loop: an execution asks again and again whether a job is done."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stepwell.bench.pitfalls.pairs import BROKEN, FIXED, Figure, Figures, Pair, judged
from stepwell.bench.worker.call import Call, Event, Record

if TYPE_CHECKING:
    from stepwell.bench.pitfalls.stage import Stage

Machine = dict[str, Any]

_JOBS = 6
_JOB_SECONDS = 3.5
_PATIENCE_SECONDS = 15.0


def broken_machine(function: str) -> Machine:
    return {
        "StartAt": "Start",
        "States": {
            "Start": {
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke",
                "Parameters": {"FunctionName": function, "Payload": {"function": "start", "event.$": "$"}},
                "ResultPath": None,
                "Next": "Wait",
            },
            "Wait": {"Type": "Wait", "Seconds": 1, "Next": "Status"},
            "Status": {
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke",
                "Parameters": {"FunctionName": function, "Payload": {"function": "status", "event.$": "$"}},
                "ResultPath": "$.status",
                "Next": "Done?",
            },
            "Done?": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.status.Payload.done", "BooleanEquals": True, "Next": "Done"}],
                "Default": "Wait",
            },
            "Done": {"Type": "Succeed"},
        },
    }


def fixed_machine(function: str) -> Machine:
    return {
        "StartAt": "Start",
        "States": {
            "Start": {
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
                "Parameters": {
                    "FunctionName": function,
                    "Payload": {"function": "start", "token.$": "$$.Task.Token", "event.$": "$"},
                },
                "TimeoutSeconds": 60,
                "Next": "Done",
            },
            "Done": {"Type": "Succeed"},
        },
    }


def start(call: Call, event: Event) -> Record:
    """Hands the job to an outside system, with the token it is to call back with where there is one."""
    job = {"job": event["request"], "token": event.get("token")}
    call.stores.sqs.send_message(QueueUrl=call.names["jobs"], MessageBody=json.dumps(job))
    return {}


def status(call: Call, event: Event) -> Record:
    """What the outside system says about the job."""
    found = call.stores.dynamodb.get_item(TableName=call.table, Key={"id": {"S": event["request"]}})
    return {"done": "Item" in found}


def _measure(stage: "Stage", variant: str) -> Figures:
    from stepwell.bench.measures.transitions import INVOKE, TRANSITION, execution_ops
    from stepwell.bench.oracles.anomalies import half_done, verdict
    from stepwell.bench.pitfalls.stage import TABLE, event

    def finish(job: Mapping[str, Any]) -> None:
        if job["token"]:
            stage.sfn.send_task_success(taskToken=job["token"], output="{}")
        else:
            stage.dynamodb.put_item(TableName=TABLE, Item={"id": {"S": job["job"]}})

    asked = [event("status_loop", variant, "start", number) for number in range(_JOBS)]
    definition = {BROKEN: broken_machine, FIXED: fixed_machine}[variant](stage.function)
    run = asked[0]["run"]
    with stage.jobs_done(_JOB_SECONDS, finish, _JOBS):
        done = stage.execute(run, definition, {each["request"]: each for each in asked}, _PATIENCE_SECONDS)
    calls = Counter(op.call for each in done for op in execution_ops(each.events, run, each.op.request))
    stuck = verdict(half_done([each.op for each in done], ()), [each["request"] for each in asked])
    return (
        Figure("state transitions", calls[TRANSITION], _JOBS, "executions"),
        Figure("function calls", calls[INVOKE], _JOBS, "executions"),
        judged("stuck (O-6)", "executions", stuck),
    )


PAIR = Pair(
    name="status-loop",
    title="A callback in place of polling",
    mistake="A loop of wait, ask and choose pays for each round, and learns of the end only in the next one.",
    fix="The job gets a task token and calls back when it is done; the execution costs nothing meanwhile.",
    remark=f"A job takes {_JOB_SECONDS:g} s and the loop asks each second. The saving is the job's time over the "
    "pause, so that it grows with the job. A callback can get lost, hence the time-out: see lost-callback.",
    variants=((broken_machine, fixed_machine),),
    measure=_measure,
)
