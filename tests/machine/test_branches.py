"""Parallel and Map: forks, room for iterations, results in definition order, and what a failure does to siblings."""

from typing import Any

import pytest

from stepwell.machine import records as r
from stepwell.machine import stimuli as s
from stepwell.machine.execution import ABORTED
from stepwell.machine.payload import Payload

from .harness import BEGIN, FUNCTION, Run, every_prefix, fold, machine, one, one_jsonata, snapshot

ALL = "States.ALL"


def branch(name: str, type: str = "Task", **fields: Any) -> dict[str, Any]:
    """A branch of one state."""
    own = {"Resource": FUNCTION} if type == "Task" else {}
    end = {} if type in ("Succeed", "Fail") else {"End": True}
    return {"StartAt": name, "States": {name: {"Type": type, **own, **end, **fields}}}


def parallel(*branches: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return machine({"Name": "S", "Type": "Parallel", "Branches": list(branches), **fields})


def mapped(processor: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return one("Map", ItemProcessor=processor or branch("T"), **fields)


def with_catch(definition: dict[str, Any], *errors: str) -> dict[str, Any]:
    """S also has a catcher, which leads to a Pass state C."""
    state = {**definition["States"]["S"], "Catch": [{"ErrorEquals": list(errors), "Next": "C"}]}
    return {**definition, "States": {"S": state, "C": {"Type": "Pass", "End": True}}}


# --- Parallel


def test_parallel():
    run = Run(parallel(branch("A"), branch("B", "Pass"), branch("C", "Succeed")), {"i": 1})
    assert run.history() == [
        (1, 0, "ExecutionStarted"),
        (2, 0, "ParallelStateEntered"),
        (3, 2, "ParallelStateStarted"),
        (4, 3, "TaskStateEntered"),
        (5, 4, "LambdaFunctionScheduled"),
        (6, 3, "PassStateEntered"),
        (7, 6, "PassStateExited"),
        (8, 3, "SucceedStateEntered"),
        (9, 8, "SucceedStateExited"),
    ]
    run.succeed("a")
    # What follows the last branch has its event as the previous one: recorded on AWS.
    assert run.history()[9:] == [
        (10, 5, "LambdaFunctionStarted"),
        (11, 10, "LambdaFunctionSucceeded"),
        (12, 11, "TaskStateExited"),
        (13, 12, "ParallelStateSucceeded"),
        (14, 12, "ParallelStateExited"),
        (15, 14, "ExecutionSucceeded"),
    ]
    assert run.output == ["a", {"i": 1}, {"i": 1}]
    assert set(run.execution.frames) == {1}


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_results_are_in_definition_order(order: tuple[int, ...]):
    run = Run(parallel(*(branch(name) for name in "ABC")))
    commands = list(run.tasks.values())
    for index in order:
        run.about(s.TaskSucceeded, commands[index], output=Payload(index))
    assert run.output == [0, 1, 2]


def test_data_through_a_parallel():
    definition = parallel(
        branch("A", "Pass"), branch("B", "Pass", OutputPath="$.y"),
        InputPath="$.in", Parameters={"y.$": "$.x"}, ResultSelector={"second.$": "$[1]"}, ResultPath="$.r",
    )  # fmt: skip
    assert Run(definition, {"in": {"x": 1}}).output == {"in": {"x": 1}, "r": {"second": 1}}
    fields = {"Arguments": {"y": "{% $states.input.x %}"}, "Output": "{% $states.result[0].y + 1 %}"}
    definition = {**parallel(branch("A", "Pass"), **fields), "QueryLanguage": "JSONata"}
    assert Run(definition, {"x": 1}).output == 2


def test_a_failed_branch_aborts_its_siblings():
    waiting = branch("W", "Wait", Seconds=9)
    inner = parallel(branch("X"), branch("Y", "Wait", Seconds=5))
    nested = {"StartAt": "N", "States": {"N": inner["States"]["S"]}}
    run = Run(with_catch(parallel(branch("A"), waiting, nested, branch("B", "Pass")), "E"))
    first = run.task()
    before = run.execution.event_id
    run.fail("E", "c")
    assert run.types()[before:] == [
        "LambdaFunctionStarted", "LambdaFunctionFailed",
        "WaitStateAborted",
        "TaskStateAborted", "WaitStateAborted", "ParallelStateAborted",
        "ParallelStateFailed", "ParallelStateExited", "PassStateEntered", "PassStateExited", "ExecutionSucceeded",
    ]  # fmt: skip
    failed = next(id for id, _, type in run.history() if type == "LambdaFunctionFailed")
    assert next(previous for _, previous, type in run.history() if type == "ParallelStateFailed") == failed
    assert run.output == {"Error": "E", "Cause": "c"}
    assert set(run.execution.frames) == {1}, "nothing is left of the branches"
    assert not run.about(s.TaskSucceeded, first, output=Payload(1)).accepted


def test_a_branch_not_yet_begun_never_begins():
    run = Run(with_catch(parallel(branch("F", "Fail", Error="E"), branch("A")), "E"))
    assert "TaskStateEntered" not in run.types()
    assert not run.commands


@pytest.mark.parametrize(
    ("error", "names"),
    [
        ("E", {"E", ALL, "States.TaskFailed", "States.BranchFailed"}),
        ("States.Timeout", {"States.Timeout", ALL, "States.BranchFailed"}),
        ("States.Runtime", set()),
    ],
)
def test_names_that_match_a_failed_branch(error: str, names: set[str]):
    caught = set()
    for name in ("E", ALL, "States.TaskFailed", "States.BranchFailed", "States.Timeout", "States.Runtime"):
        run = Run(with_catch(parallel(branch("A")), name))
        run.fail(error)
        caught |= {name} if run.status == "SUCCEEDED" else set()
    assert caught == names


def test_an_outer_state_catches_what_the_inner_one_does_not():
    inner = {"StartAt": "N", "States": {"N": parallel(branch("A"))["States"]["S"]}}
    run = Run(with_catch(parallel(inner, branch("W", "Wait", Seconds=5)), "E"))
    run.fail("E")
    assert run.types()[-7:] == [
        "ParallelStateFailed", "WaitStateAborted", "ParallelStateFailed", "ParallelStateExited",
        "PassStateEntered", "PassStateExited", "ExecutionSucceeded",
    ]  # fmt: skip


def test_a_failed_execution_keeps_its_threads():
    run = Run(parallel(branch("A"), branch("B", "Wait", Seconds=5)))
    run.fail("E", "c")
    assert run.failure == ("E", "c")
    assert {frame.id: (frame.state, frame.waiting) for frame in run.execution.frames.values()} == {
        1: ("S", "closed"), 2: ("A", "closed"), 3: ("B", "closed")
    }  # fmt: skip


def test_a_parallel_is_retried_whole():
    run = Run(parallel(branch("A"), branch("B"), Retry=[{"ErrorEquals": ["E"], "IntervalSeconds": 5}]))
    run.succeed("a")
    run.fail("E")
    assert run.timers == {(1, "retry"): BEGIN + 5}
    assert set(run.execution.frames) == {1}
    run.fire("retry")
    assert run.types()[-5:] == [
        "ParallelStateStarted", "TaskStateEntered", "LambdaFunctionScheduled", "TaskStateEntered",
        "LambdaFunctionScheduled",
    ]  # fmt: skip
    assert set(run.execution.frames) == {1, 4, 5}, "threads are not numbered again: their tokens must differ"
    run.succeed("a")
    run.succeed("b")
    assert run.output == ["a", "b"]


# --- Map


def test_map():
    run = Run(mapped(MaxConcurrency=1), [10, 20])
    run.succeed("a")
    run.succeed("b")
    assert run.history() == [
        (1, 0, "ExecutionStarted"),
        (2, 0, "MapStateEntered"),
        (3, 2, "MapStateStarted"),
        (4, 3, "MapIterationStarted"),
        (5, 4, "TaskStateEntered"),
        (6, 5, "LambdaFunctionScheduled"),
        (7, 6, "LambdaFunctionStarted"),
        (8, 7, "LambdaFunctionSucceeded"),
        (9, 8, "TaskStateExited"),
        (10, 9, "MapIterationSucceeded"),
        (11, 9, "MapIterationStarted"),
        (12, 11, "TaskStateEntered"),
        (13, 12, "LambdaFunctionScheduled"),
        (14, 13, "LambdaFunctionStarted"),
        (15, 14, "LambdaFunctionSucceeded"),
        (16, 15, "TaskStateExited"),
        (17, 16, "MapIterationSucceeded"),
        (18, 17, "MapStateSucceeded"),
        (19, 17, "MapStateExited"),
        (20, 19, "ExecutionSucceeded"),
    ]
    assert run.output == ["a", "b"]


@pytest.mark.parametrize(
    ("fields", "open_"),
    [({"MaxConcurrency": 3}, 3), ({"MaxConcurrency": 0}, 40), ({}, 40), ({"MaxConcurrency": 99}, 40)],
    ids=repr,
)
def test_room_for_iterations(fields: dict[str, Any], open_: int):
    run = Run(mapped(**fields), list(range(50)))
    assert len(run.tasks) == open_
    run.succeed("x")
    assert len(run.tasks) == open_, "one ends, the next begins"
    assert run.task(open_ - 1).input.value == open_


def test_max_concurrency_by_path_and_by_query():
    assert len(Run(mapped(ItemsPath="$.i", MaxConcurrencyPath="$.n"), {"i": [1, 2, 3], "n": 2}).tasks) == 2
    fields = {"ItemProcessor": branch("T"), "Items": "{% $states.input.i %}", "MaxConcurrency": "{% 1 + 1 %}"}
    assert len(Run(one_jsonata("Map", **fields), {"i": [1, 2, 3]}).tasks) == 2


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_results_are_in_the_order_of_the_items(order: tuple[int, ...]):
    run = Run(mapped(), ["a", "b", "c"])
    commands = list(run.tasks.values())
    for index in order:
        run.about(s.TaskSucceeded, commands[index], output=commands[index].input)
    assert run.output == ["a", "b", "c"]


def test_no_items():
    run = Run(mapped(), [])
    assert run.types()[1:] == [
        "MapStateEntered", "MapStateStarted", "MapStateSucceeded", "MapStateExited", "ExecutionSucceeded",
    ]  # fmt: skip
    assert run.output == []


def test_data_through_a_map():
    selector = {"v.$": "$$.Map.Item.Value.x", "i.$": "$$.Map.Item.Index", "all.$": "$.list[*].x", "n.$": "$.n"}
    definition = mapped(
        branch("P", "Pass"), InputPath="$.in", ItemsPath="$.list", ItemSelector=selector,
        ResultSelector={"first.$": "$[0]", "count.$": "States.ArrayLength($)"}, ResultPath="$.out", OutputPath="$.out",
    )  # fmt: skip
    run = Run(definition, {"in": {"list": [{"x": 7}, {"x": 8}], "n": 2}})
    assert run.output == {"first": {"v": 7, "i": 0, "all": [7, 8], "n": 2}, "count": 2}


def test_data_through_a_map_in_jsonata():
    definition = one_jsonata(
        "Map", ItemProcessor=branch("P", "Pass"), Items="{% [1..3] %}",
        ItemSelector={"v": "{% $states.context.Map.Item.Value * $states.input.k %}"},
        Output="{% $sum($states.result.v) %}",
    )  # fmt: skip
    assert Run(definition, {"k": 10}).output == 60


def test_the_old_names():
    definition = one("Map", Iterator=branch("P", "Pass"), Parameters={"v.$": "$$.Map.Item.Value"})
    assert Run(definition, [1]).output == [{"v": 1}]


def test_states_see_the_nearest_item():
    inner = {"StartAt": "M", "States": {"M": {"Type": "Map", "End": True, "ItemProcessor": branch(
        "P", "Pass", Parameters={"item.$": "$$.Map.Item.Value", "index.$": "$$.Map.Item.Index"})}}}  # fmt: skip
    assert Run(mapped(inner), [["a"], ["b", "c"]]).output == [
        [{"item": "a", "index": 0}],
        [{"item": "b", "index": 0}, {"item": "c", "index": 1}],
    ]
    run = Run(mapped({"StartAt": "X", "States": {"X": parallel(branch("P", "Pass", OutputPath="$$.Map.Item.Index"))[
        "States"]["S"]}}), [5, 6])  # fmt: skip
    assert run.output == [[0], [1]]


@pytest.mark.parametrize(
    ("fields", "input", "failure"),
    [
        ({"ItemsPath": "$.x"}, {}, ("States.Runtime", "Invalid path '$.x' : No results for path: $['x']")),
        ({"ItemsPath": "$.x"}, {"x": 5}, ("States.Runtime", 'Reference path "$.x" must point to array.')),
        ({"ItemSelector": {"v.$": "$.missing"}}, [1], ("States.Runtime", "The JSONPath '$.missing' specified for")),
        (
            {"ItemsPath": "$.x", "MaxConcurrencyPath": "$.n"},
            {"x": [1], "n": -1},
            ("States.Runtime", "MaxConcurrency cannot be negative."),
        ),
    ],
    ids=repr,
)
def test_a_map_that_cannot_begin(fields: dict[str, Any], input: Any, failure: tuple[str, str]):
    run = Run(mapped(**fields), input)
    assert run.failure[0] == failure[0]
    assert failure[1] in run.failure[1]


def test_an_item_selector_that_fails_later_fails_the_map():
    definition = mapped(branch("P", "Pass"), ItemSelector={"v.$": "$$.Map.Item.Value.x"}, MaxConcurrency=1)
    run = Run(definition, [{"x": 1}, {}])
    assert run.types()[-3:] == ["MapIterationSucceeded", "MapStateFailed", "ExecutionFailed"]


def test_a_failed_iteration_aborts_the_others():
    run = Run(with_catch(mapped(), ALL), [1, 2, 3])
    run.succeed("one")
    run.fail("E", "c")
    assert run.types()[-10:] == [
        "LambdaFunctionStarted", "LambdaFunctionFailed", "MapIterationFailed", "TaskStateAborted",
        "MapIterationAborted", "MapStateFailed", "MapStateExited", "PassStateEntered", "PassStateExited",
        "ExecutionSucceeded",
    ]  # fmt: skip
    previous = {type: previous for _, previous, type in run.history()}
    # Beside each other, after the task's failure: recorded on AWS.
    assert previous["MapStateFailed"] == previous["MapIterationFailed"] == previous["LambdaFunctionFailed"] + 1
    ended = [(e.type, e.index) for e in run.recorded(r.IterationEnded)]
    assert ended == [("MapIterationSucceeded", 0), ("MapIterationFailed", 1), ("MapIterationAborted", 2)]
    assert run.output == {"Error": "E", "Cause": "c"}


def test_a_map_is_retried_from_its_first_item():
    run = Run(mapped(MaxConcurrency=1, Retry=[{"ErrorEquals": ["E"], "MaxAttempts": 1}]), [1, 2])
    run.succeed("one")
    run.fail("E")
    assert set(run.execution.frames) == {1}
    run.fire("retry")
    assert run.task().input.value == 1
    run.succeed("first")
    run.succeed("second")
    assert run.output == ["first", "second"]


def test_a_retry_within_an_iteration_is_its_own():
    processor = branch("T", Retry=[{"ErrorEquals": ["E"], "MaxAttempts": 1}])
    run = Run(mapped(processor), [1, 2])
    run.fail("E", index=0)
    run.fail("E", index=0)
    assert len(run.timers) == 2
    run.fire("retry")
    run.fire("retry")
    run.succeed("a")
    run.succeed("b")
    assert run.status == "SUCCEEDED"


def test_an_iteration_may_succeed_or_fail_by_state():
    assert Run(mapped(branch("X", "Succeed", InputPath="$.v")), [{"v": 1}, {"v": 2}]).output == [1, 2]
    assert Run(mapped(branch("X", "Fail", Error="E", Cause="c")), [1]).failure == ("E", "c")


def test_a_large_map_is_stopped_in_the_middle():
    with every_prefix() as snapshots:
        run = Run(mapped({"StartAt": "S1", "States": {"S1": mapped()["States"]["S"]}}), [[1, 2], [3]])
        run.succeed("x")
        run.stop("E", "c")
    assert run.status == ABORTED
    assert len(run.execution.frames) == 6 - 1, "what still ran is kept, closed"
    assert snapshot(fold(run.records)) == snapshots[-1]
