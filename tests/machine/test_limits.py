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


TOO_LARGE = "a size exceeding the maximum number of bytes service limit"


def too_large(subject: str) -> str:
    return f"The state/task '{subject}' returned a result with {TOO_LARGE}."


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


def test_extended_limits_warn_once_of_each_field():
    double = {"Type": "Pass", "Parameters": {"a.$": "$", "b.$": "$"}}
    again = {"Type": "Choice", "Choices": [{"Variable": "$.a.a.a", "IsPresent": True, "Next": "End"}], "Default": "T"}
    states = (
        {"Name": "S", **double},
        {"Name": "T", **double},
        {"Name": "C", **again},
        {"Name": "End", "Type": "Succeed"},
    )
    run = Run(machine(*states), "x" * 131_000, limits="extended").run()
    assert run.status == SUCCEEDED
    assert run.execution.crossed == [
        "output of state 'S': 262,015 bytes, 99 % of the 262,144 that AWS allows",
        "output of state 'T': 524,041 bytes, AWS allows 262,144",
        "output of state 'C': 524,041 bytes, AWS allows 262,144",
        "output of state 'End': 1,048,093 bytes, AWS allows 262,144",
    ]
    assert run.recorded(r.LimitCrossed)[1] == r.LimitCrossed(
        limit="payload", value=524_041, field="output of state 'T'", allowed=262_144
    )


def test_that_a_field_was_near_gives_way_to_that_it_has_passed():
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "End"}]
    again = {"Name": "T", "Type": "Task", "Resource": FUNCTION, "Next": "S", "Catch": catch}
    run = Run(machine(TASK, again, {"Name": "End", "Type": "Succeed"}), limits="extended")
    for size in (220_000, 1, 240_000, 1, 270_000, 1, 280_000):
        run.succeed("x" * size)
    assert run.execution.crossed == [
        f"result of task '{FUNCTION}': 270,002 bytes, AWS allows 262,144",
        "output of state 'S': 270,002 bytes, AWS allows 262,144",
        "input of the task of state 'T': 270,002 bytes, AWS allows 262,144",
    ]


@pytest.mark.parametrize(("limits", "warnings"), [("aws", 2), ("express", 0)])
def test_what_comes_near_a_quota_is_noted_with_aws_s_limits_too(limits: str, warnings: int):
    run = Run(machine(TASK), limits=limits)
    run.succeed("x" * 209_714)
    assert (run.status, len(run.execution.crossed)) == (SUCCEEDED, warnings)
    quiet = Run(machine(TASK), limits=limits)
    quiet.succeed("x" * 209_713)
    assert quiet.execution.crossed == []


def test_an_execution_has_no_more_than_twenty_warnings():
    states = [{"Name": f"S{number}", "Type": "Pass"} for number in range(30)]
    run = Run(machine(*states), "x" * 300_000, limits="extended").run()
    assert (run.status, len(run.execution.crossed)) == (SUCCEEDED, 20)


# --- variables


def assigns(*sizes: int) -> dict[str, Any]:
    """States in a row, each of which sets a variable of its own to a text of so many bytes with its quotes."""
    states = [
        {"Name": f"S{number}", "Type": "Pass", "Assign": {f"v{number}": "x" * (size - 2)}}
        for number, size in enumerate(sizes)
    ]
    return machine(*states, {"Name": "End", "Type": "Succeed"})


def test_what_one_assign_may_set():
    quota = PAYLOAD_BYTES_MAX
    assert Run(assigns(quota)).run().status == SUCCEEDED
    above = Run(assigns(quota + 1)).run()
    where = "An error occurred while executing the state 'S0' (entered at the event id #2)."
    assert above.failure == ("States.DataLimitExceeded", f"{where} The state 'S0' assigned variables with {TOO_LARGE}.")
    two = one("Pass", Assign={"a": "x" * 131_072, "b": "x" * 131_072})
    assert Run(two).failure[0] == "States.DataLimitExceeded"


def test_what_all_variables_of_an_execution_may_hold():
    assert Run(assigns(*[262_144] * 40)).run().status == SUCCEEDED
    above = Run(assigns(*[262_144] * 40, 3)).run()
    assert above.failure[1].endswith(f" The state 'S40' assigned variables with {TOO_LARGE}.")
    # What is assigned again counts once.
    again = {"Name": "Again", "Type": "Pass", "Assign": {"v0": "y" * 262_142}}
    definition = assigns(*[262_144] * 40)
    definition["States"]["S39"]["Next"] = "Again"
    definition["States"]["Again"] = {key: value for key, value in again.items() if key != "Name"} | {"Next": "End"}
    assert Run(definition).run().status == SUCCEEDED


def test_extended_limits_let_variables_pass():
    run = Run(assigns(*[300_000] * 36), limits="extended").run()
    assert run.status == SUCCEEDED
    assert run.execution.crossed[0] == "variables assigned by state 'S0': 300,000 bytes, AWS allows 262,144"
    assert len(run.execution.crossed) == 20


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
    assert [record.value for record in run.recorded(r.LimitCrossed)] == [20_000, EVENTS_MAX + 1]
    assert run.execution.crossed == ["history: 25,001 events, AWS allows 25,000"]
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
