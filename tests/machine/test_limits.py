"""Stops, the execution's own timeout, AWS's quotas, what replaces them with extended limits, and the step's budget."""

import json
from functools import partial
from typing import Any

import pytest

from stepwell.machine import payload
from stepwell.machine import records as r
from stepwell.machine import stimuli as s
from stepwell.machine.decide import decide
from stepwell.machine.execution import ABORTED, FAILED, RUNNING, SUCCEEDED, TIMED_OUT
from stepwell.machine.payload import Payload
from stepwell.machine.turn import EVENTS_MAX, PAYLOAD_BYTES_MAX, TRANSITIONS_PER_STEP

from . import harness
from .harness import ACTIVITY, BEGIN, FUNCTION, Run, fold, machine, one, snapshot

TASK = {"Name": "S", "Type": "Task", "Resource": FUNCTION}


def too_large(subject: str) -> str:
    size = "a size exceeding the maximum number of bytes service limit"
    return f"The state/task '{subject}' returned a result with {size}."


# --- StopRequested, at every kind of wait

WAITS: dict[str, dict[str, Any]] = {
    "task": one("Task", Resource=FUNCTION, TimeoutSeconds=9, HeartbeatSeconds=5),
    "activity": one("Task", Resource=ACTIVITY),
    "token": one("Task", Resource="arn:aws:states:::lambda:invoke.waitForTaskToken"),
    "wait": one("Wait", Seconds=9),
    "retry": one("Task", Resource=FUNCTION, Retry=[{"ErrorEquals": ["E"]}]),
    "branches": one("Parallel", Branches=[machine({**TASK, "Name": "T"})]) | {"TimeoutSeconds": 60},
}


def waiting(kind: str) -> Run:
    run = Run(WAITS[kind])
    if kind == "retry":
        run.fail("E")
    assert run.status == RUNNING
    return run


@pytest.mark.parametrize("kind", WAITS)
def test_stop(kind: str):
    run = waiting(kind)
    last = run.execution.event_id
    assert run.stop("E", "c").accepted
    assert run.history()[-1] == (last + 1, last, "ExecutionAborted")
    assert (run.status, run.failure) == (ABORTED, ("E", "c"))
    assert not run.tasks and not run.timers
    assert not run.stop().accepted, "it has ended"


def test_a_stop_may_say_nothing():
    run = waiting("task")
    run.stop()
    assert run.failure == (None, None)
    assert run.events[-1].error is None


# --- the execution's timeout


def test_the_executions_timeout():
    run = Run(machine({"Name": "A", "Type": "Wait", "Seconds": 3}, TASK, TimeoutSeconds=10))
    assert run.timers[0, "execution"] == BEGIN + 10
    run.fire("wait")
    command = run.task()
    run.fire("execution")
    assert (run.status, run.types()[-1]) == (TIMED_OUT, "ExecutionTimedOut")
    assert run.events[-1].at == BEGIN + 10
    assert not run.about(s.TaskSucceeded, command, output=Payload(1)).accepted


@pytest.mark.parametrize(("own", "cap", "expected"), [(10, 300, 10), (900, 300, 300), (None, 300, 300), (10, None, 10)])
def test_the_timeout_may_be_capped(own: int | None, cap: int | None, expected: int):
    top = {} if own is None else {"TimeoutSeconds": own}
    run = Run(machine(TASK, **top), timeout_seconds=cap)
    assert run.timers == {(0, "execution"): BEGIN + expected}


def test_an_end_stops_the_executions_timer():
    run = Run(machine(TASK, TimeoutSeconds=10))
    run.succeed(1)
    assert run.status == SUCCEEDED
    assert not run.timers


# --- sizes


@pytest.mark.parametrize("text", ["x" * (PAYLOAD_BYTES_MAX - 2), "é" * (PAYLOAD_BYTES_MAX // 2 - 1)])
def test_a_result_of_just_the_quota(text: str):
    run = Run(machine(TASK))
    run.succeed(text)
    assert run.status == SUCCEEDED


@pytest.mark.parametrize("text", ["x" * (PAYLOAD_BYTES_MAX - 1), "é" * (PAYLOAD_BYTES_MAX // 2)])
def test_a_result_above_the_quota(text: str):
    run = Run(machine(TASK))
    run.succeed(text)
    assert run.types()[-3:] == ["LambdaFunctionStarted", "LambdaFunctionFailed", "ExecutionFailed"]
    assert run.failure == ("States.DataLimitExceeded", too_large(FUNCTION))


def test_an_output_above_the_quota():
    double = one("Pass", Parameters={"a.$": "$", "b.$": "$"})
    run = Run(double, "x" * 200_000)
    assert run.failure == ("States.DataLimitExceeded", too_large("S"))
    assert run.types() == ["ExecutionStarted", "PassStateEntered", "ExecutionFailed"]


def test_parameters_above_the_quota():
    run = Run(one("Task", Resource=FUNCTION, Parameters={"a.$": "$", "b.$": "$"}), "x" * 200_000)
    assert run.failure == ("States.DataLimitExceeded", too_large("S"))
    assert not run.commands


def test_extended_limits_warn_once():
    double = {"Type": "Pass", "Parameters": {"a.$": "$", "b.$": "$"}}
    run = Run(machine({"Name": "S", **double}, {"Name": "T", **double}), "x" * 200_000, limits="extended").run()
    assert run.status == SUCCEEDED
    assert run.recorded(r.LimitCrossed) == [r.LimitCrossed(limit="payload", value=400_015)]
    assert run.execution.crossed == ["payload"]


# --- the history

LOOP = machine(
    {"Name": "S", "Type": "Choice", "Choices": [{"Variable": "$.n", "NumericEquals": 0, "Next": "E"}], "Default": "D"},
    {"Name": "D", "Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, -1)"}, "Next": "S"},
    {"Name": "E", "Type": "Succeed"},
)
"""Counts n down to 0; each round is two transitions and four events."""


def test_a_loop_goes_on_over_many_steps():
    run = Run(LOOP, {"n": 7_000}, limits="extended")
    assert len(run.recorded(r.StateEntered)) == TRANSITIONS_PER_STEP
    assert isinstance(run.records[-1], r.TransitionBudgetSpent)
    assert run.renewals == 1
    run.run()
    assert run.output == {"n": 0}
    assert len(run.steps) == 1 + 14_002 // TRANSITIONS_PER_STEP
    assert run.recorded(r.LimitCrossed) == [r.LimitCrossed(limit="history", value=EVENTS_MAX)]
    assert run.execution.event_id == 4 * 7_000 + 6
    assert snapshot(fold(run.records)) == snapshot(run.execution)


def test_bytes_spend_the_budget_too():
    states = [{"Name": f"S{i}", "Type": "Pass"} for i in range(40)]
    run = Run(machine(*states), "x" * 50_000)
    assert len(run.recorded(r.StateEntered)) == 11
    assert run.run().status == SUCCEEDED


def test_the_last_event_says_that_the_history_is_full():
    run = Run(LOOP, {"n": 10_000}).run()
    assert run.execution.event_id == EVENTS_MAX
    assert run.history()[-1] == (25_000, 24_999, "ExecutionFailed")
    cause = "The execution reached the maximum number of history events (25000)."
    assert run.failure == ("States.Runtime", cause)


@pytest.mark.parametrize(("rounds", "status"), [(6_247, SUCCEEDED), (6_248, SUCCEEDED), (6_249, FAILED)])
def test_the_quota_is_exact(rounds: int, status: str):
    """One ExecutionStarted, 2 events of the first state, 4 of each round, 5 of the end: 25,000 with 6,248 rounds."""
    definition = {**LOOP, "StartAt": "P", "States": {"P": {"Type": "Pass", "Next": "S"}, **LOOP["States"]}}
    run = Run(definition, {"n": rounds}).run()
    assert (run.status, run.execution.event_id) == (status, min(4 * rounds + 8, EVENTS_MAX))


def test_a_full_history_ends_what_is_open():
    branches = [machine({**TASK, "Name": "T"}), {**LOOP, "States": {**LOOP["States"]}}]
    run = Run(machine({"Name": "P", "Type": "Parallel", "Branches": branches}), {"n": 10_000})
    run.run()
    while run.status == RUNNING:
        run.renew()
    assert run.failure[0] == "States.Runtime"
    assert not run.tasks


def test_data_that_the_memory_cannot_hold_fails_the_execution(monkeypatch):
    def exhausted(value):
        if value == ["huge"]:
            raise MemoryError
        return json.dumps(value)

    monkeypatch.setattr(payload, "encode", exhausted)
    run = Run(machine({"Name": "S", "Type": "Pass", "Result": ["huge"]}))
    assert (run.status, run.execution.error) == (FAILED, "States.DataLimitExceeded")


# --- the budget


def test_the_budget_is_renewed_whatever_came_between():
    """A task that ends while other threads wait for the budget must not make them be forgotten."""
    branches = [machine({**TASK, "Name": "T"}, {"Name": "W", "Type": "Wait", "Seconds": 5}), LOOP]
    run = Run(machine({"Name": "P", "Type": "Parallel", "Branches": branches}), {"n": 2_000})
    assert run.renewals == 1
    run.succeed(1)
    assert run.types()[-1] == "WaitStateEntered"
    assert run.renew().accepted
    while run.renewals:
        run.renew()
    run.fire("wait")
    assert run.output == [1, {"n": 0}]


def test_a_budget_is_renewed_once():
    run = Run(LOOP, {"n": 600})
    assert run.renew().accepted
    assert run.status == SUCCEEDED
    other = Run(LOOP, {"n": 5_000})
    other.stop()
    assert not other.renew().accepted
    idle = Run(machine(TASK))
    assert not idle.feed(s.BudgetRenewed(at=BEGIN)).accepted


def test_overtime_ends_a_step_but_not_before_its_first_transition(monkeypatch):
    monkeypatch.setattr(harness, "decide", partial(decide, overtime=lambda: True))
    run = Run(LOOP, {"n": 2})
    while run.renewals:
        assert run.renew().accepted
    assert run.output == {"n": 0}
    entered = [sum(isinstance(record, r.StateEntered) for record in step.records) for step in run.steps]
    assert entered == [1, 1, 1, 1, 1, 1, 0]


def test_a_start_is_taken_once():
    run = Run(machine(TASK))
    request = s.StartRequested(
        at=BEGIN, execution="e", name="n", state_machine="m", state_machine_name="m", revision="2", role="r",
        region="us-east-1", input=Payload({}), seed="s",
    )  # fmt: skip
    assert not run.feed(request).accepted
    assert run.execution.revision == "1"
