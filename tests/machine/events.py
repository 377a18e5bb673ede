"""For each of AWS's history events: the module that emits it, and an execution in which it happens."""

from collections.abc import Callable
from typing import Any

from stepwell.machine import stimuli as s
from stepwell.machine.payload import Payload

from .harness import ACTIVITY, FUNCTION, Run, machine, one, one_jsonata
from .test_branches import branch, mapped, parallel

INVOKE = "arn:aws:states:::lambda:invoke"
NESTED = "arn:aws:states:::states:startExecution.sync:2"


def _task(resource: str = FUNCTION, **fields: Any) -> Run:
    return Run(one("Task", Resource=resource, **fields))


def _succeeded(resource: str) -> Run:
    run = _task(resource)
    task = run.task()
    run.started(worker_name="W" if resource == ACTIVITY else None)
    run.about(s.TaskSucceeded, task, output=Payload(1))
    return run


def failed(resource: str, stage: str = s.CALL) -> Run:
    run = _task(resource)
    run.fail(stage=stage)
    return run


def _timed_out(resource: str) -> Run:
    run = _task(resource, TimeoutSeconds=5)
    run.fire("timeout")
    return run


def _submitted() -> Run:
    run = _task(NESTED)
    run.about(s.TaskSubmitted, run.task(), output=Payload({}), child="C")
    return run


def _stopped() -> Run:
    run = _task()
    run.stop("E", "c")
    return run


def _aborted() -> Run:
    """A branch fails while its siblings are in each of the states that wait."""
    inner = {"Branches": [branch("B", "Wait", Seconds=9)]}
    each = {"ItemsPath": "$.items", "ItemProcessor": branch("I", "Wait", Seconds=9)}
    waiting = [branch("P", "Parallel", **inner), branch("M", "Map", **each), branch("W", "Wait", Seconds=9)]
    run = Run(parallel(branch("T"), branch("U"), *waiting), {"items": [1]})
    run.fail()
    return run


def _redriven() -> Run:
    run = failed(FUNCTION)
    run.redrive()
    return run


def _expired() -> Run:
    run = Run({**one("Wait", Seconds=60), "TimeoutSeconds": 5})
    run.fire("execution")
    return run


def _line() -> Run:
    """Pass, Choice, Wait and Succeed, one after the other."""
    rule = {"Variable": "$", "IsPresent": True, "Next": "W"}
    states = (
        {"Name": "P", "Type": "Pass"}, {"Name": "C", "Type": "Choice", "Choices": [rule]},
        {"Name": "W", "Type": "Wait", "Seconds": 1}, {"Name": "S", "Type": "Succeed"},
    )  # fmt: skip
    return Run(machine(*states)).run()


def _forked() -> Run:
    return Run(parallel(branch("A", "Pass")))


def _forked_in_vain() -> Run:
    return Run(parallel(branch("A", "Fail")))


def _mapped() -> Run:
    return Run(mapped(branch("A", "Pass")), [1])


def _mapped_in_vain() -> Run:
    return Run(mapped(branch("A", "Fail")), [1])


def _distributed() -> dict[str, Any]:
    config = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    return mapped({**branch("I", "Pass"), "ProcessorConfig": config})


def _map_run(**outcome: Any) -> Run:
    run = Run(_distributed(), [1])
    run.feed(s.MapRunEnded(at=run.at, frame=1, attempt=1, **outcome))
    return run


def _map_run_aborted() -> Run:
    run = Run(parallel(branch("T"), {"StartAt": "M", "States": {"M": _distributed()["States"]["S"]}}), [1])
    run.fail()
    return run


def _map_run_redriven() -> Run:
    run = _map_run(error="E", cause="c")
    run.redrive()
    return run


def _undefined() -> Run:
    return Run(one_jsonata("Pass", Output="{% $states.input.missing %}"))


def _of(module: str, scenario: Callable[[], Run], *types: str) -> dict[str, tuple[str, Callable[[], Run]]]:
    return dict.fromkeys(types, (f"stepwell.machine.{module}", scenario))


EVENTS: dict[str, tuple[str, Callable[[], Run]]] = {
    **_of("decide", _line, "ExecutionStarted"),
    **_of("failure", _line, "ExecutionSucceeded"),
    **_of("failure", lambda: failed(FUNCTION), "ExecutionFailed"),
    **_of("failure", _expired, "ExecutionTimedOut"),
    **_of("redrive", _redriven, "ExecutionRedriven"),
    **_of("failure", _stopped, "ExecutionAborted"),
    **_of("states", _line, "PassStateEntered", "PassStateExited", "ChoiceStateEntered", "ChoiceStateExited"),
    **_of("states", _line, "WaitStateEntered", "WaitStateExited", "SucceedStateEntered", "SucceedStateExited"),
    **_of("states", _forked_in_vain, "FailStateEntered"),
    **_of("failure", _undefined, "EvaluationFailed"),
    **_of("states", lambda: _succeeded(FUNCTION), "TaskStateEntered", "TaskStateExited"),
    **_of("failure", _aborted, "TaskStateAborted", "WaitStateAborted", "ParallelStateAborted", "MapStateAborted"),
    **_of("failure", _aborted, "MapIterationAborted"),
    **_of("tasks", lambda: _succeeded(FUNCTION), "LambdaFunctionScheduled", "LambdaFunctionStarted"),
    **_of("tasks", lambda: _succeeded(FUNCTION), "LambdaFunctionSucceeded"),
    **_of("tasks", lambda: failed(FUNCTION), "LambdaFunctionFailed"),
    **_of("tasks", lambda: failed(FUNCTION, s.SCHEDULE), "LambdaFunctionScheduleFailed"),
    **_of("tasks", lambda: failed(FUNCTION, s.START), "LambdaFunctionStartFailed"),
    **_of("tasks", lambda: _timed_out(FUNCTION), "LambdaFunctionTimedOut"),
    **_of("tasks", lambda: _succeeded(ACTIVITY), "ActivityScheduled", "ActivityStarted", "ActivitySucceeded"),
    **_of("tasks", lambda: failed(ACTIVITY), "ActivityFailed"),
    **_of("tasks", lambda: failed(ACTIVITY, s.SCHEDULE), "ActivityScheduleFailed"),
    **_of("tasks", lambda: _timed_out(ACTIVITY), "ActivityTimedOut"),
    **_of("tasks", lambda: _succeeded(INVOKE), "TaskScheduled", "TaskStarted", "TaskSucceeded"),
    **_of("tasks", lambda: failed(INVOKE), "TaskFailed"),
    **_of("tasks", lambda: failed(INVOKE, s.START), "TaskStartFailed"),
    **_of("tasks", lambda: failed(NESTED, s.SUBMIT), "TaskSubmitFailed"),
    **_of("tasks", _submitted, "TaskSubmitted"),
    **_of("tasks", lambda: _timed_out(INVOKE), "TaskTimedOut"),
    **_of("states", _forked, "ParallelStateEntered", "ParallelStateExited"),
    **_of("branches", _forked, "ParallelStateStarted", "ParallelStateSucceeded"),
    **_of("failure", _forked_in_vain, "ParallelStateFailed"),
    **_of("states", _mapped, "MapStateEntered", "MapStateExited"),
    **_of("branches", _mapped, "MapStateStarted", "MapStateSucceeded", "MapIterationStarted", "MapIterationSucceeded"),
    **_of("distributed", lambda: _map_run(output=Payload([1])), "MapRunStarted", "MapRunSucceeded"),
    **_of("distributed", lambda: _map_run(error="E", cause="c"), "MapRunFailed"),
    **_of("distributed", _map_run_redriven, "MapRunRedriven"),
    **_of("failure", _map_run_aborted, "MapRunAborted"),
    **_of("failure", _mapped_in_vain, "MapStateFailed", "MapIterationFailed"),
}
