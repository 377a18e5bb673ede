"""What a definition alone gives away. Definitions are taken as AWS's service has accepted them."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from stepwell.doctor.findings import NOTE, PROBLEM, Finding

State = Mapping[str, Any]

LAMBDA_TRANSIENT = frozenset(
    {
        "Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.SdkClientException",
        "Lambda.TooManyRequestsException",
    }
)  # fmt: skip
ANY_TASK_ERROR = frozenset({"States.ALL", "States.TaskFailed"})

_LAMBDA = re.compile(r"arn:[^:]*:(lambda:|states:[^:]*:[^:]*:lambda:invoke)")
_BOUNDS = ("HeartbeatSeconds", "HeartbeatSecondsPath", "TimeoutSeconds", "TimeoutSecondsPath")
_TOLERANCE = ("ToleratedFailureCount", "ToleratedFailurePercentage", "ToleratedFailureCountPath",
              "ToleratedFailurePercentagePath")  # fmt: skip


def states(definition: Mapping[str, Any]) -> Iterator[tuple[str, State]]:
    """All states with their names, which are unique in a whole definition; those within another follow it."""
    waiting = [definition]
    while waiting:
        for name, state in waiting.pop().get("States", {}).items():
            yield name, state
            waiting.extend(within(state))


def within(state: State) -> list[Mapping[str, Any]]:
    """The branches of a Parallel, the processor of a Map, or nothing."""
    processor = state.get("ItemProcessor") or state.get("Iterator")
    return [*state.get("Branches", ()), *([processor] if processor else [])]


def is_lambda(resource: str) -> bool:
    return bool(_LAMBDA.match(resource))


def waits_for_answer(resource: str) -> bool:
    """Whether somebody outside has to end the task: a token's receiver or an activity's worker."""
    return resource.endswith(".waitForTaskToken") or ":activity:" in resource


def check_definition(machine: str, definition: Mapping[str, Any]) -> Iterator[Finding]:
    for name, state in states(definition):
        if state["Type"] == "Task":
            yield from _check_task(machine, name, state, "TimeoutSeconds" in definition)
        elif state["Type"] in ("Parallel", "Map"):
            yield from _check_branches(machine, name, state)


def _check_task(machine: str, name: str, state: State, ends: bool) -> Iterator[Finding]:
    resource = state["Resource"]
    retried = {error for retrier in state.get("Retry", ()) for error in retrier["ErrorEquals"]}
    if is_lambda(resource) and not retried & (LAMBDA_TRANSIENT | ANY_TASK_ERROR):
        what = "a task calls a Lambda function and does not retry Lambda's passing errors"
        yield Finding("no-retry", PROBLEM, machine, what, (f"state {name}",))
    if waits_for_answer(resource) and not any(member in state for member in _BOUNDS):
        what = "a task waits for an answer from outside, with neither heartbeat nor time limit"
        rest = ", though the machine's TimeoutSeconds ends the execution" if ends else ""
        yield Finding("unbounded-wait", NOTE if ends else PROBLEM, machine, what + rest, (f"state {name}",))


def _check_branches(machine: str, name: str, state: State) -> Iterator[Finding]:
    inner = [[task for task, found in states(part) if found["Type"] == "Task"] for part in within(state)]
    with_tasks = [tasks for tasks in inner if tasks]
    alone = state["Type"] == "Parallel" and len(state["Branches"]) < 2
    if state.get("Catch") or not with_tasks or alone or any(member in state for member in _TOLERANCE):
        return
    what = f"a {state['Type']} with tasks has no Catch"
    tasks = ", ".join(task for tasks in with_tasks for task in tasks[:2])
    yield Finding("no-catch-around-branches", NOTE, machine, what, (f"state {name} (around {tasks})",))
