"""What a person sees of a history: the tree at its end, and the lines on the way."""

import textwrap
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from stepwell.commands.flow import Flow
from stepwell.commands.tree import BRANCHES_SHOWN, STATES_SHOWN, duration, failure, line, plain, told, tree

History = Callable[[str], list[dict[str, Any]]]

# (name, events, tree without its head line, lines without their times)
CASES = [
    (
        "a task that succeeds",
        """
        1 0 ExecutionStarted
        2 0 PassStateEntered First
        3 2 PassStateExited First
        4 3 TaskStateEntered Charge
        5 4 LambdaFunctionScheduled
        6 5 LambdaFunctionStarted
        7 6 LambdaFunctionSucceeded
        8 7 TaskStateExited Charge
        9 8 ExecutionSucceeded {"output": "1"}
        """,
        """
        ├── ✓ First
        └── ✓ Charge  400ms
        """,
        """
        execution started
        First  entered
        First  done after 100ms
        Charge  entered
        Charge  done after 400ms
        execution succeeded
        """,
    ),
    (
        "a task that is retried and then succeeds keeps quiet about the error it has overcome",
        """
        1 0 ExecutionStarted
        2 0 TaskStateEntered Charge
        3 2 LambdaFunctionScheduled
        4 3 LambdaFunctionFailed {"error": "Busy", "cause": "try later"}
        5 4 LambdaFunctionScheduled
        6 5 LambdaFunctionSucceeded
        7 6 TaskStateExited Charge
        8 7 ExecutionSucceeded
        """,
        """
        └── ✓ Charge  attempt 2  500ms
        """,
        """
        execution started
        Charge  entered
        Charge  attempt 1 failed: Busy: try later
        Charge  attempt 2
        Charge  done after 500ms
        execution succeeded
        """,
    ),
    (
        "an error that is caught",
        """
        1 0 ExecutionStarted
        2 0 TaskStateEntered Charge
        3 2 TaskScheduled {"resource": "invoke"}
        4 3 TaskTimedOut {"error": "States.Timeout"}
        5 4 TaskStateExited Charge
        6 5 SucceedStateEntered Sorry
        7 6 SucceedStateExited Sorry
        8 7 ExecutionSucceeded
        """,
        """
        ├── ✗ Charge  300ms  States.Timeout  caught
        └── ✓ Sorry
        """,
        """
        execution started
        Charge  entered
        Charge  attempt 1 failed: States.Timeout
        Charge  error caught after 300ms
        Sorry  entered
        Sorry  done after 100ms
        execution succeeded
        """,
    ),
    (
        "a Fail state takes error and cause from the end of the execution",
        """
        1 0 ExecutionStarted
        2 0 FailStateEntered Nobody
        3 2 ExecutionFailed {"error": "NobodyThere", "cause": "empty"}
        """,
        """
        └── ✗ Nobody  NobodyThere: empty
        """,
        """
        execution started
        Nobody  entered
        execution failed: NobodyThere: empty
        """,
    ),
    (
        "a branch fails, its sibling is aborted, the Parallel is caught",
        """
        1 0 ExecutionStarted
        2 0 ParallelStateEntered Both
        3 2 ParallelStateStarted
        4 3 TaskStateEntered Ship
        5 4 LambdaFunctionScheduled
        6 3 WaitStateEntered Rest
        7 5 LambdaFunctionFailed {"error": "Lost"}
        8 6 WaitStateAborted
        9 7 ParallelStateFailed
        10 9 ParallelStateExited Both
        11 10 ExecutionSucceeded
        """,
        """
        └── ✗ Both  800ms  Lost  caught
            ├── branch 1
            │   └── ✗ Ship  500ms  Lost
            └── branch 2
                └── ■ Rest  200ms
        """,
        """
        execution started
        Both  entered
        Both branch 1 > Ship  entered
        Both branch 2 > Rest  entered
        Both branch 1 > Ship  attempt 1 failed: Lost
        Both branch 2 > Rest  aborted
        Both  attempt 1 failed: Lost
        Both  error caught after 800ms
        execution succeeded
        """,
    ),
    (
        "a Parallel succeeds: its end follows the last branch's last event",
        """
        1 0 ExecutionStarted
        2 0 ParallelStateEntered Both
        3 2 ParallelStateStarted
        4 3 PassStateEntered A
        5 3 PassStateEntered B
        6 5 PassStateExited B
        7 4 PassStateExited A
        8 7 ParallelStateSucceeded
        9 7 ParallelStateExited Both
        10 9 PassStateEntered After
        11 10 PassStateExited After
        12 11 ExecutionSucceeded
        """,
        """
        ├── ✓ Both  700ms
        │   ├── branch 1
        │   │   └── ✓ A
        │   └── branch 2
        │       └── ✓ B
        └── ✓ After
        """,
        """
        execution started
        Both  entered
        Both branch 1 > A  entered
        Both branch 2 > B  entered
        Both branch 2 > B  done after 100ms
        Both branch 1 > A  done after 300ms
        Both  done after 700ms
        After  entered
        After  done after 100ms
        execution succeeded
        """,
    ),
    (
        "an inner Parallel has failed for good and the outer one is retried, not the inner",
        """
        1 0 ExecutionStarted
        2 0 ParallelStateEntered Outer
        3 2 ParallelStateStarted
        4 3 ParallelStateEntered Inner
        5 4 ParallelStateStarted
        6 5 TaskStateEntered Work
        7 6 LambdaFunctionScheduled
        8 7 LambdaFunctionFailed {"error": "E"}
        9 8 ParallelStateFailed
        10 9 ParallelStateStarted
        11 10 ParallelStateEntered Inner
        12 11 ParallelStateStarted
        13 12 TaskStateEntered Work
        14 13 LambdaFunctionScheduled
        """,
        """
        └── ● Outer  attempt 2  1.2s
            └── branch 1
                └── ● Inner  300ms
                    └── branch 1
                        └── ● Work  100ms
        """,
        """
        execution started
        Outer  entered
        Outer branch 1 > Inner  entered
        Outer branch 1 > Inner branch 1 > Work  entered
        Outer branch 1 > Inner branch 1 > Work  attempt 1 failed: E
        Outer branch 1 > Inner  attempt 1 failed: E
        Outer  attempt 2
        Outer branch 1 > Inner  entered
        Outer branch 1 > Inner branch 1 > Work  entered
        """,
    ),
    (
        "a Map whose iterations follow each other, retried once, then failed",
        """
        1 0 ExecutionStarted
        2 0 MapStateEntered Each
        3 2 MapStateStarted {"length": 2}
        4 3 MapIterationStarted {"name": "Each", "index": 0}
        5 4 PassStateEntered Look
        6 5 PassStateExited Look
        7 6 MapIterationSucceeded {"name": "Each", "index": 0}
        8 6 MapIterationStarted {"name": "Each", "index": 1}
        9 8 FailStateEntered Stop
        10 9 MapIterationFailed {"name": "Each", "index": 1}
        11 9 MapStateStarted {"length": 2}
        12 11 MapIterationStarted {"name": "Each", "index": 0}
        13 12 FailStateEntered Stop
        14 13 MapIterationFailed {"name": "Each", "index": 0}
        15 13 MapStateFailed
        16 15 ExecutionFailed {"error": "E", "cause": "c"}
        """,
        """
        └── ✗ Each  attempt 2  1.3s  E: c
            └── ✗ [0]
                └── ✗ Stop
        """,
        """
        execution started
        Each  entered
        Each [0] > Look  entered
        Each [0] > Look  done after 100ms
        Each [1] > Stop  entered
        Each [1]  failed
        Each  attempt 2
        Each [0] > Stop  entered
        Each [0]  failed
        Each  attempt 2 failed
        execution failed: E: c
        """,
    ),
    (
        "an iteration fails and the others are aborted, even one that has entered nothing yet",
        """
        1 0 ExecutionStarted
        2 0 MapStateEntered Each
        3 2 MapStateStarted {"length": 3}
        4 3 MapIterationStarted {"name": "Each", "index": 0}
        5 3 MapIterationStarted {"name": "Each", "index": 1}
        6 3 MapIterationStarted {"name": "Each", "index": 2}
        7 4 TaskStateEntered Work
        8 7 LambdaFunctionScheduled
        9 5 TaskStateEntered Work
        10 9 LambdaFunctionScheduled
        11 8 LambdaFunctionFailed {"error": "E"}
        12 11 MapIterationFailed {"name": "Each", "index": 0}
        13 10 TaskStateAborted
        14 13 MapIterationAborted {"name": "Each", "index": 1}
        15 6 MapIterationAborted {"name": "Each", "index": 2}
        16 11 MapStateFailed
        17 16 ExecutionFailed {"error": "E"}
        """,
        """
        └── ✗ Each  1.4s  E
            ├── ✗ [0]
            │   └── ✗ Work  500ms  E
            ├── ■ [1]
            │   └── ■ Work  400ms
            └── ■ [2]
        """,
        """
        execution started
        Each  entered
        Each [0] > Work  entered
        Each [1] > Work  entered
        Each [0] > Work  attempt 1 failed: E
        Each [0]  failed
        Each [1] > Work  aborted
        Each [1]  aborted
        Each [2]  aborted
        Each  attempt 1 failed: E
        execution failed: E
        """,
    ),
    (
        "a state that waits for its token shows it, and a stop ends all that is open",
        """
        1 0 ExecutionStarted
        2 0 TaskStateEntered Approve
        3 2 TaskScheduled {"resource": "invoke.waitForTaskToken"}
        4 3 TaskStarted
        5 4 TaskSubmitted {"resource": "invoke.waitForTaskToken"}
        6 0 ExecutionAborted {"error": "Enough"}
        """,
        """
        └── ■ Approve  400ms
        """,
        """
        execution started
        Approve  entered
        Approve  waits for its task token
        execution aborted: Enough
        """,
    ),
    (
        "an activity waits for a worker and then shows whose it is",
        """
        1 0 ExecutionStarted
        2 0 TaskStateEntered Review
        3 2 ActivityScheduled
        4 3 ActivityStarted {"workerName": "ada"}
        """,
        """
        └── ● Review  200ms  worker ada
        """,
        """
        execution started
        Review  entered
        Review  waits for a worker
        """,
    ),
    (
        "an expression fails; the event names what was before the state",
        """
        1 0 ExecutionStarted
        2 0 PassStateEntered First
        3 2 PassStateExited First
        4 3 PassStateEntered Sum
        5 3 EvaluationFailed {"state": "Sum", "error": "States.QueryEvaluationError", "cause": "no"}
        6 5 PassStateExited Sum
        7 6 ExecutionSucceeded
        """,
        """
        ├── ✓ First
        └── ✗ Sum  States.QueryEvaluationError: no  caught
        """,
        """
        execution started
        First  entered
        First  done after 100ms
        Sum  entered
        Sum  failed: States.QueryEvaluationError: no
        Sum  error caught after 200ms
        execution succeeded
        """,
    ),
    (
        "the time of the execution is over",
        """
        1 0 ExecutionStarted
        2 0 WaitStateEntered Rest
        3 2 ExecutionTimedOut
        """,
        """
        └── ■ Rest  100ms
        """,
        """
        execution started
        Rest  entered
        execution timed out
        """,
    ),
    (
        "a redrive goes on in the state that failed, which is not entered again",
        """
        1 0 ExecutionStarted
        2 0 TaskStateEntered Charge
        3 2 LambdaFunctionScheduled
        4 3 LambdaFunctionFailed {"error": "Lost"}
        5 4 ExecutionFailed {"error": "Lost"}
        6 5 ExecutionRedriven {"redriveCount": 1}
        7 6 LambdaFunctionScheduled
        8 7 LambdaFunctionSucceeded
        9 8 TaskStateExited Charge
        10 9 FailStateEntered Never
        11 10 ExecutionFailed {"error": "E"}
        12 11 ExecutionRedriven {"redriveCount": 2}
        13 12 FailStateEntered Never
        14 13 ExecutionFailed {"error": "E"}
        """,
        """
        ├── ✓ Charge  attempt 2  700ms
        ├── ✗ Never  E
        └── ✗ Never  E
        """,
        """
        execution started
        Charge  entered
        Charge  attempt 1 failed: Lost
        execution failed: Lost
        execution redriven
        Charge  attempt 2
        Charge  done after 700ms
        Never  entered
        execution failed: E
        execution redriven
        Never  entered
        execution failed: E
        """,
    ),
    (
        "a redrive resumes the branches and iterations that did not succeed",
        """
        1 0 ExecutionStarted
        2 0 ParallelStateEntered Both
        3 2 ParallelStateStarted
        4 3 PassStateEntered Kept
        5 4 PassStateExited Kept
        6 3 MapStateEntered All
        7 6 MapStateStarted {"length": 3}
        8 7 MapIterationStarted {"name": "All", "index": 0}
        9 7 MapIterationStarted {"name": "All", "index": 1}
        10 8 TaskStateEntered Ship
        11 10 LambdaFunctionScheduled
        12 9 TaskStateEntered Ship
        13 12 LambdaFunctionScheduled
        14 11 LambdaFunctionFailed {"error": "Lost"}
        15 14 MapIterationFailed {"name": "All", "index": 0}
        16 13 TaskStateAborted
        17 16 MapIterationAborted {"name": "All", "index": 1}
        18 14 MapStateFailed
        19 18 ParallelStateFailed
        20 19 ExecutionFailed {"error": "Lost"}
        21 20 ExecutionRedriven {"redriveCount": 1}
        22 14 LambdaFunctionScheduled
        23 16 LambdaFunctionScheduled
        24 18 MapIterationStarted {"name": "All", "index": 2}
        25 23 LambdaFunctionSucceeded
        26 25 TaskStateExited Ship
        27 26 MapIterationSucceeded {"name": "All", "index": 1}
        """,
        """
        └── ● Both  2.5s
            ├── branch 1
            │   └── ✓ Kept
            └── branch 2
                └── ● All  2.1s
                    ├── ● [0]
                    │   └── ● Ship  attempt 2  1.7s
                    ├── ✓ [1]
                    │   └── ✓ Ship  attempt 2  1.4s
                    └── ● [2]
        """,
        """
        execution started
        Both  entered
        Both branch 1 > Kept  entered
        Both branch 1 > Kept  done after 100ms
        Both branch 2 > All  entered
        Both branch 2 > All [0] > Ship  entered
        Both branch 2 > All [1] > Ship  entered
        Both branch 2 > All [0] > Ship  attempt 1 failed: Lost
        Both branch 2 > All [0]  failed
        Both branch 2 > All [1] > Ship  aborted
        Both branch 2 > All [1]  aborted
        Both branch 2 > All  attempt 1 failed: Lost
        Both  attempt 1 failed: Lost
        execution failed: Lost
        execution redriven
        Both branch 2 > All [0] > Ship  attempt 2
        Both branch 2 > All [1] > Ship  attempt 2
        Both branch 2 > All [1] > Ship  done after 1.4s
        """,
    ),
    (
        "events of a kind that is not known keep the thread together",
        """
        1 0 ExecutionStarted
        2 0 MapStateEntered Each
        3 2 MapStateStarted {"length": 0}
        4 3 MapRunStarted {"mapRunArn": "arn:x"}
        5 4 MapRunSucceeded
        6 5 MapStateSucceeded
        7 6 MapStateExited Each
        8 7 ExecutionSucceeded
        """,
        """
        └── ✓ Each  500ms
        """,
        """
        execution started
        Each  entered
        Each  done after 500ms
        execution succeeded
        """,
    ),
]


def _lines(text: str) -> list[str]:
    return textwrap.dedent(text).strip("\n").rstrip().splitlines()


def _drawn(flow: Flow, now: float) -> list[str]:
    console = Console(width=120, color_system=None)
    with console.capture() as capture:
        console.print(tree(flow, "m:x", now))
    return [line.rstrip() for line in capture.get().splitlines()]


@pytest.mark.parametrize(("text", "drawn", "said"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_tree_and_lines(history: History, text: str, drawn: str, said: str) -> None:
    flow, lines = Flow(), []
    for event in history(text):
        shown = line(flow, event, flow.add(event))
        if shown:
            lines.append(shown.partition("s  ")[2])
    # `now` is the time of the last event.
    assert _drawn(flow, event["timestamp"].timestamp())[1:] == _lines(drawn)
    assert lines == _lines(said)


@pytest.mark.parametrize(
    ("end", "status", "output"),
    [
        ('ExecutionSucceeded {"output": "[1]"}', "SUCCEEDED", "[1]"),
        ('ExecutionFailed {"error": "E"}', "FAILED", None),
        ("ExecutionTimedOut", "TIMED_OUT", None),
        ("ExecutionAborted", "ABORTED", None),
    ],
)
def test_head_line_has_status_and_duration(history: History, end: str, status: str, output: str | None) -> None:
    flow = Flow()
    for event in history(f"1 0 ExecutionStarted\n2 0 {end}"):
        flow.add(event)
    assert _drawn(flow, 0)[0] == f"m:x  {status}  100ms"
    assert (flow.status, flow.output) == (status, output)


def test_a_loop_shows_its_latest_states(history: History) -> None:
    rounds = "\n".join(f"{n} {n - 1} PassStateEntered S{n}\n{n + 1} {n} PassStateExited S{n}" for n in range(2, 102, 2))
    flow = Flow()
    for event in history(f"1 0 ExecutionStarted\n{rounds.replace('2 1 ', '2 0 ', 1)}"):
        flow.add(event)
    drawn = _drawn(flow, 0)
    assert drawn[1] == f"├── … {50 - STATES_SHOWN} earlier states"
    assert drawn[-1] == "└── ✓ S100"
    assert len(drawn) == STATES_SHOWN + 2


def test_a_wide_map_shows_what_failed_and_what_runs_first(history: History) -> None:
    lines = ["1 0 ExecutionStarted", "2 0 MapStateEntered Each", "3 2 MapStateStarted"]
    for index in range(40):
        lines.append(f'{4 + index} 3 MapIterationStarted {{"name": "Each", "index": {index}}}')
    for id, index in enumerate(set(range(40)) - {3, 7}, start=44):
        lines.append(f'{id} {4 + index} MapIterationSucceeded {{"name": "Each", "index": {index}}}')
    lines.append('82 7 MapIterationFailed {"name": "Each", "index": 3}')
    flow = Flow()
    for event in history("\n".join(lines)):
        flow.add(event)
    drawn = [line.strip(" ├└─") for line in _drawn(flow, 0)[2:]]
    assert drawn[:3] == ["✗ [3]", "● [7]", "✓ [22]"]
    assert drawn[-1] == f"… {40 - BRANCHES_SHOWN} more succeeded"


def test_names_and_causes_cannot_steer_the_terminal(history: History) -> None:
    flow = Flow()
    events = history(
        '1 0 ExecutionStarted\n2 0 TaskStateEntered {"name": "a\\u001b[2Jb"}\n3 2 LambdaFunctionScheduled\n'
        '4 3 LambdaFunctionFailed {"error": "E\\u0007", "cause": "x\\u001b]0;title\\u0007\\ny"}'
    )
    shown = [line(flow, event, flow.add(event)) for event in events]
    text = "\n".join([*(part or "" for part in shown), *_drawn(flow, 0)])
    assert "\x1b" not in text and "\x07" not in text
    assert "a\ufffd[2Jb" in text


def test_labels_stay_on_one_line_of_a_narrow_screen(history: History) -> None:
    flow = Flow()
    for event in history(
        '1 0 ExecutionStarted\n2 0 TaskStateEntered Work\n3 2 TaskScheduled\n4 3 TaskFailed {"error": "E", "cause": "'
        + "word " * 60
        + '"}'
    ):
        flow.add(event)
    console = Console(width=40, color_system=None)
    with console.capture() as capture:
        console.print(tree(flow, "m:x", 0))
    assert len(capture.get().splitlines()) == 2


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0ms"), (0, "0ms"), (0.0123, "12ms"), (0.9994, "999ms"), (0.9996, "1.0s"), (59.94, "59.9s"),
        (59.96, "1m 00s"), (61, "1m 01s"), (3599.9, "1h 00m"), (7322, "2h 02m"), (90000, "1d 01h"),
    ],
)  # fmt: skip
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


LAMBDA = '{"errorMessage": "no card", "errorType": "Declined", "stackTrace": ["  File \\"a.py\\", line 1\\n    x\\n"]}'


@pytest.mark.parametrize(
    ("error", "cause", "text"),
    [
        ("E", "c", "E: c"),
        (None, None, ""),
        (None, "c", "c"),
        ("E", "a\n  b", "E: a b"),
        ("Declined", LAMBDA, "Declined: no card"),
        ("E", '{"errorMessage": 1}', 'E: {"errorMessage": 1}'),
        ("E", "x" * 200, "E: " + "x" * 156 + "…"),
    ],
)
def test_failure_in_one_line(error: str | None, cause: str | None, text: str) -> None:
    assert failure(error, cause) == text


def test_a_functions_error_gives_its_stack_trace() -> None:
    assert told(LAMBDA) == ("no card", ['  File "a.py", line 1', "    x"])
    assert told("[" * 100_000) == ("[" * 100_000, [])
    assert plain("é…\t\u202e") == "é…\ufffd\ufffd"
