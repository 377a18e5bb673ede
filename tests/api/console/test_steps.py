"""An execution's steps, folded from what the real machine writes."""

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import to_builtins
from tests.machine.generated import INPUTS, definitions, happenings
from tests.machine.harness import FUNCTION, Run, machine, one_jsonata
from tests.machine.test_properties import World

from stepwell.api.console import steps as folding
from stepwell.api.console.steps import Step, Story
from stepwell.machine import records as r
from stepwell.machine import stimuli as s
from stepwell.machine.execution import RUNNING

OOPS = [{"ErrorEquals": ["States.ALL"]}]
TASK = {"Type": "Task", "Resource": FUNCTION}
PASS = {"Type": "Pass"}
FAIL = {"Type": "Fail", "Error": "Broken", "Cause": "on purpose"}
HOUR = {"Type": "Wait", "Seconds": 3600}


def state(name: str, kind: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"Name": name, **kind, **fields}


def retry(**fields: Any) -> dict[str, Any]:
    return {"Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 5, **fields}]}


def catch(next: str, **fields: Any) -> dict[str, Any]:
    return {"Catch": [{"ErrorEquals": ["States.ALL"], "Next": next, **fields}]}


def parallel(*branches: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return state("P", {"Type": "Parallel", "Branches": list(branches)}, **fields)


def each(*states: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return state("M", {"Type": "Map", "ItemProcessor": machine(*states)}, **fields)


def told(run: Run) -> Story:
    story = Story(run.program)
    for record in run.records:
        story.add(record)
    return story


def shown(run: Run) -> list[str]:
    """Each step as NAME STATUS, with its error where there is one, indented below what it is in."""
    story = told(run)
    depth = {0: -1}
    lines = []
    for step in story.steps.values():
        depth[step.id] = depth[step.parent] + 1
        lines.append("  " * depth[step.id] + f"{step.name} {step.status} {step.error}".rstrip())
    return lines


def step_of(run: Run, name: str) -> Step:
    return [step for step in told(run).steps.values() if step.name == name][-1]


def forks(run: Run, name: str) -> list[tuple[int, int, int, int, int]]:
    found = step_of(run, name).forks
    return [(fork.total, fork.started, fork.succeeded, fork.failed, fork.aborted) for fork in found]


# What comes of a step


def test_a_row_of_states() -> None:
    run = Run(machine(state("A", PASS), state("W", {"Type": "Wait", "Seconds": 9}), state("S", {"Type": "Succeed"})))
    assert shown(run) == ["A SUCCEEDED", "W RUNNING"]
    assert step_of(run, "W").due_at == run.at + 9
    run.fire()
    assert shown(run) == ["A SUCCEEDED", "W SUCCEEDED", "S SUCCEEDED"]
    assert (step_of(run, "A").next, step_of(run, "W").due_at, step_of(run, "S").next) == ("W", 0, "")


def test_a_task_with_its_attempts() -> None:
    run = Run(machine(state("T", TASK, **retry(MaxAttempts=1))))
    run.started()
    run.fail("Oops", "first")
    assert shown(run) == ["T RUNNING Oops"], "the pause says what it is there for"
    assert [(pause.retrier, pause.attempt, pause.due_at) for pause in step_of(run, "T").retries] == [(0, 1, run.at + 5)]
    run.fire()
    assert shown(run) == ["T RUNNING"]
    run.succeed(1)
    step = step_of(run, "T")
    assert [(attempt.number, attempt.status, attempt.error) for attempt in step.attempts] == [
        (1, "FAILED", "Oops"), (2, "SUCCEEDED", ""),
    ]  # fmt: skip
    assert (step.status, step.error) == ("SUCCEEDED", "")


def test_the_last_attempt_that_fails_fails_the_step_and_what_stops_aborts_it() -> None:
    run = Run(machine(state("T", TASK)))
    run.fail("Oops", "because")
    step = step_of(run, "T")
    assert (step.status, step.error, step.cause, step.exited_id) == ("FAILED", "Oops", "because", 0)
    stopped = Run(machine(state("T", TASK)))
    stopped.stop("Mine", "enough")
    step = step_of(stopped, "T")
    assert (step.status, step.error, step.attempts[0].status) == ("ABORTED", "Mine", "ABORTED")


def test_a_task_that_times_out_and_an_execution_that_does() -> None:
    run = Run(machine(state("T", TASK, TimeoutSeconds=5)))
    run.fire()
    step = step_of(run, "T")
    assert (step.status, step.error, step.attempts[0].status) == ("FAILED", "States.Timeout", "TIMED_OUT")
    run = Run(machine(parallel(machine(state("T", TASK)), machine(state("H", HOUR))), TimeoutSeconds=5))
    run.fire("execution")
    assert shown(run) == ["P TIMED_OUT States.Timeout", "  T ABORTED", "  H ABORTED"]
    assert forks(run, "P") == [(2, 2, 0, 0, 2)]


@pytest.mark.parametrize("caught", [state("C", PASS), state("C", {"Type": "Succeed"})], ids=["pass", "succeed"])
def test_a_failure_that_is_caught(caught: dict[str, Any]) -> None:
    run = Run(machine(state("T", TASK, End=True, **catch("C")), caught))
    run.fail("Oops", "because")
    assert shown(run) == ["T CAUGHT Oops", "C SUCCEEDED"]


@pytest.mark.parametrize(
    "fields",
    [{"Parameters": {"a.$": "$.missing"}}, {"ResultSelector": {"a.$": "$.missing"}}, {"ResultPath": "$.n.too.deep"}],
    ids=["before the work", "after it", "where the result goes"],
)
def test_a_path_that_fails_and_is_caught_though_aws_has_no_event_for_it(fields: dict[str, Any]) -> None:
    run = Run(machine(state("T", TASK, End=True, **fields, **catch("C")), state("C", PASS)), {"n": 1})
    if run.tasks:
        run.succeed({"a": 1})
    assert shown(run) in (["T CAUGHT", "C SUCCEEDED"], ["T FAILED States.Runtime"])
    assert (step_of(run, "T").status == "CAUGHT") == (run.status == "SUCCEEDED")


def test_an_expression_that_fails_and_is_caught() -> None:
    definition = machine(
        state("T", {**TASK, "Resource": "arn:aws:states:::lambda:invoke"}, Arguments={"FunctionName": FUNCTION},
              Output="{% $nothing.at.all + 'x' %}", End=True, **catch("C")), state("C", PASS), QueryLanguage="JSONata",
    )  # fmt: skip
    run = Run(definition)
    run.succeed({"Payload": 1})
    assert shown(run) == ["T CAUGHT States.QueryEvaluationError", "C SUCCEEDED"]


def test_an_expression_that_fails_the_execution() -> None:
    assert shown(Run(one_jsonata("Pass", Output="{% 1 + 'x' %}"))) == ["S FAILED States.QueryEvaluationError"]


def test_a_choice_that_nothing_matches() -> None:
    rule = {"Variable": "$.a", "NumericEquals": 7}
    run = Run(machine({"Name": "C", "Type": "Choice", "Choices": [rule | {"Next": "P"}]}, state("P", PASS)), {"a": 1})
    assert shown(run) == ["C FAILED States.NoChoiceMatched"]


# Branches and iterations


def test_a_branch_that_fails_aborts_the_others_and_is_caught_above() -> None:
    run = Run(
        machine(
            parallel(
                machine(state("A", TASK)), machine(state("B", PASS)),
                machine(state("M", {"Type": "Map", "ItemProcessor": machine(state("I", HOUR))})),
                End=True, **catch("C"),
            ),
            state("C", PASS),
        ),
        [1, 2],
    )  # fmt: skip
    run.fail("Oops", "because")
    assert shown(run) == [
        "P CAUGHT Oops", "  A FAILED Oops", "  B SUCCEEDED", "  M ABORTED", "    I ABORTED", "    I ABORTED",
        "C SUCCEEDED",
    ]  # fmt: skip
    assert forks(run, "P") == [(3, 3, 1, 1, 1)]
    assert forks(run, "M") == [(2, 2, 0, 0, 2)]


def test_a_parallel_that_is_tried_again_has_a_fork_for_each_time() -> None:
    run = Run(machine(parallel(machine(state("A", TASK)), machine(state("H", HOUR)), **retry())))
    run.fail()
    assert shown(run) == ["P RUNNING Oops", "  A FAILED Oops", "  H ABORTED"]
    assert forks(run, "P") == [(2, 2, 0, 1, 1)]
    run.fire("retry")
    run.succeed()
    run.fire()
    assert shown(run)[0] == "P SUCCEEDED"
    assert shown(run)[3:] == ["  A SUCCEEDED", "  H SUCCEEDED"]
    assert forks(run, "P") == [(2, 2, 0, 1, 1), (2, 2, 2, 0, 0)]


def test_a_failure_far_inside_is_told_at_each_level() -> None:
    inner = machine(state("M", {"Type": "Map", "ItemProcessor": machine(state("T", TASK)), "MaxConcurrency": 1}))
    run = Run(machine(parallel(inner)), [1, 2])
    run.fail("Oops", "because")
    assert shown(run) == ["P FAILED Oops", "  M FAILED Oops", "    T FAILED Oops"]
    assert forks(run, "M") == [(2, 1, 0, 1, 0)]


def test_a_fail_state_inside_is_explained_by_the_end_of_the_execution() -> None:
    inner = machine(state("M", {"Type": "Map", "ItemProcessor": machine(state("F", FAIL))}))
    run = Run(machine(parallel(inner)), [1])
    assert shown(run) == ["P FAILED Broken", "  M FAILED Broken", "    F FAILED Broken"]
    assert step_of(run, "F").cause == "on purpose"


def test_one_that_was_caught_is_not_explained_by_a_later_failure() -> None:
    run = Run(
        machine(parallel(machine(state("F", FAIL)), End=True, **catch("Last")), state("Last", FAIL, Error="Other"))
    )
    assert shown(run) == ["P CAUGHT", "  F FAILED", "Last FAILED Other"]


def test_a_map_whose_items_are_none() -> None:
    run = Run(machine(each(state("I", PASS))), [])
    assert shown(run) == ["M SUCCEEDED"]
    assert forks(run, "M") == [(0, 0, 0, 0, 0)]


def test_a_map_that_starts_its_iterations_as_there_is_room() -> None:
    run = Run(machine(each(state("T", TASK), MaxConcurrency=2)), [1, 2, 3])
    run.succeed(index=1)
    assert forks(run, "M") == [(3, 3, 1, 0, 0)]
    assert [(step.index, step.status) for step in told(run).steps.values() if step.parent] == [
        (0, "RUNNING"), (1, "SUCCEEDED"), (2, "RUNNING"),
    ]  # fmt: skip


def test_a_distributed_map_has_a_map_run_that_knows_more() -> None:
    processor = {**machine(state("I", PASS)), "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}
    run = Run(
        machine(state("M", {"Type": "Map", "ItemProcessor": processor, "Label": "L"}, **catch("C")), state("C", PASS)),
        [1],
    )
    step = step_of(run, "M")
    assert (step.status, step.map_run.rpartition("/")[2].partition(":")[0]) == ("RUNNING", "L")
    assert forks(run, "M") == [(1, 0, 0, 0, 0)]
    run.feed(s.MapRunEnded(at=run.at, frame=1, attempt=1, redrives=0, error="States.ExceedToleratedFailureThreshold"))
    assert shown(run)[0] == "M CAUGHT States.ExceedToleratedFailureThreshold"


# Redrive


def test_a_redriven_task_goes_on_in_its_step() -> None:
    run = Run(machine(parallel(machine(state("T", TASK)), machine(state("H", HOUR)), machine(state("A", PASS)))))
    run.fail()
    run.redrive()
    assert shown(run) == ["P RUNNING", "  T RUNNING", "  H RUNNING", "  A SUCCEEDED"]
    assert forks(run, "P") == [(3, 3, 1, 0, 0)]
    run.succeed()
    run.fire()
    assert shown(run) == ["P SUCCEEDED", "  T SUCCEEDED", "  H SUCCEEDED", "  A SUCCEEDED"]
    assert (forks(run, "P"), len(step_of(run, "T").earlier), len(step_of(run, "A").earlier)) == (
        [(3, 3, 3, 0, 0)],
        1,
        0,
    )
    assert [attempt.status for attempt in step_of(run, "T").attempts] == ["FAILED", "SUCCEEDED"]


def test_a_redriven_fail_state_is_entered_again() -> None:
    run = Run(machine(state("F", FAIL)))
    run.redrive()
    assert shown(run) == ["F FAILED Broken", "F FAILED Broken"]


def test_a_redriven_map_keeps_what_succeeded() -> None:
    run = Run(machine(each(state("T", TASK), MaxConcurrency=2)), [1, 2, 3])
    run.succeed()
    run.fail()
    assert forks(run, "M") == [(3, 3, 1, 1, 1)]
    run.redrive()
    assert forks(run, "M") == [(3, 3, 1, 0, 0)]
    run.succeed()
    run.succeed()
    assert (shown(run)[0], forks(run, "M")) == ("M SUCCEEDED", [(3, 3, 3, 0, 0)])


# Long ones


def test_the_oldest_that_have_ended_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "STEPS_MAX", 20)
    again = {"Variable": "$.n", "NumericEquals": 1, "Next": "A"}
    loop = machine(state("A", PASS, Next="C"), {"Name": "C", "Type": "Choice", "Choices": [again], "Default": "E"},
                   state("E", PASS))  # fmt: skip
    run = Run(machine(parallel(machine(state("H", HOUR)), loop)), {"n": 1})
    run.stop()
    story = Story(run.program)
    *records, end = run.records
    for record in records:
        story.add(record)
        assert len(story.steps) <= 20
    assert [step.name for step in story.steps.values() if step.id < story.first_step] == ["P", "H"], "they are open"
    entered = [record for record in run.records if isinstance(record, r.StateEntered)]
    assert len(entered) == 1000
    latest = [step.name for step in story.steps.values()][2:]
    assert latest == [record.name for record in entered][-len(latest) :]
    story.add(end)
    assert {step.name: step.status for step in story.since(story.execution.sequence - 1)} == {
        "P": "ABORTED", "H": "ABORTED",
    }  # fmt: skip


def test_looking_for_what_to_leave_out_is_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "STEPS_MAX", 10)
    run = Run(machine(each(state("H", HOUR))), list(range(40)))
    story, looked = Story(run.program), 0
    leave_out = Story._leave_out

    def counted(story: Story) -> None:
        nonlocal looked
        looked += 1
        leave_out(story)

    monkeypatch.setattr(Story, "_leave_out", counted)
    for record in run.records:
        story.add(record)
    assert (len(story.steps), story.first_step) == (41, 0), "all of them are open"
    assert looked <= 12


# Whatever the definition, whatever happens


def checked(story: Story) -> None:
    """What must hold between two steps of an execution."""
    execution = story.execution
    running = {step.id for step in story.steps.values() if step.status == RUNNING}
    if execution.status == RUNNING:
        assert running == {
            frame.entered for frame in execution.frames.values() if frame.entered and frame.waiting != "closed"
        }
    else:
        assert not running
    for step in story.steps.values():
        assert (step.exited_id > 0) == (step.status in ("SUCCEEDED", "CAUGHT"))
        assert step.status == RUNNING or step.ended_at >= step.entered_at
        assert step.parent == 0 or step.parent in story.steps
        for number, attempt in enumerate(step.attempts, 1):
            open = attempt.status == RUNNING
            assert not open or (number == len(step.attempts) and step.status == RUNNING)
        for number, fork in enumerate(step.forks, 1):
            done = fork.succeeded + fork.failed + fork.aborted
            over = number < len(step.forks) or step.status != RUNNING or execution.frames[step.frame].waiting == "retry"
            assert done == fork.started if over else done <= fork.started
            assert fork.started <= fork.total


@settings(max_examples=100, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(definition=definitions(), input=st.sampled_from(INPUTS), numbers=happenings, where=st.integers(0, 1 << 30))
def test_every_entry_gives_a_step_and_every_end_is_told(definition: Any, input: Any, numbers: Any, where: int) -> None:
    run = Run(definition, input)
    world = World(run)
    for number in numbers:
        world.happen(number)
    if where % 3:
        world.finish()
    story, halfway = Story(run.program), random.Random(where).randint(0, len(run.records))
    taken = 0
    known: dict[int, dict[str, Any]] = {}
    for batch in run.steps:
        for record in batch.records:
            if taken == halfway:  # as a page does that reads on later
                known = {step.id: to_builtins(step) for step in story.since(0)}
                read_to = story.execution.sequence
            story.add(record)
            taken += 1
            if isinstance(record, r.StateEntered):
                assert story.steps[story.execution.event_id].name == record.name
        checked(story)
    if taken > halfway:
        known |= {step.id: to_builtins(step) for step in story.since(read_to)}
        assert known == {id: to_builtins(step) for id, step in story.steps.items()}
