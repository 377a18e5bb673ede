"""What no endpoint here does, from histories that are written by hand as AWS writes them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stepwell.doctor.findings import NOTE, PROBLEM, Finding, moment
from stepwell.doctor.story import Story
from stepwell.doctor.stuck import stuck

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DAY = 86_400.0


def story(*events: tuple[str, dict[str, Any]]) -> Story:
    """A second between two events, each of which follows the one before."""
    told = Story("arn:aws:states:us-east-1:123456789012:execution:m:x")
    for number, (type, details) in enumerate((("ExecutionStarted", {}), *events), start=1):
        at = START + timedelta(seconds=number)
        told.add({"id": number, "previousEventId": number - 1, "type": type, "timestamp": at, **details})
    return told


def entered(type: str) -> tuple[str, dict[str, Any]]:
    return f"{type}StateEntered", {"stateEnteredEventDetails": {"name": "S", "input": "{}"}}


def judge(told: Story, state: dict[str, Any], **more: Any) -> Finding:
    definition = {"StartAt": "S", "States": {"S": state}, **more}
    (found,) = stuck("m", told, definition, START.timestamp() + DAY, 3600.0)
    return found


@pytest.mark.parametrize(
    ("members", "check", "what", "evidence"),
    [
        ({"Seconds": 10}, "stuck-unknown", "waits for a timer that should have fired", ", due "),
        ({"Seconds": 99_999_999}, "stuck-timer", "waits for a timer", ", until 2029-"),
        ({"Timestamp": "9999-12-31T23:59:59-12:00"}, "stuck-timer", "waits for a timer", ", until the end of time"),
        ({"SecondsPath": "$.s"}, "stuck-timer", "waits for a timer, whose time comes from SecondsPath: $.s", ""),
        (
            {"Timestamp": "{% $at %}"},
            "stuck-timer",
            "waits for a timer, whose time comes from Timestamp: {% $at %}",
            "",
        ),
    ],
)
def test_timers(members: dict[str, Any], check: str, what: str, evidence: str) -> None:
    found = judge(story(entered("Wait")), {"Type": "Wait", **members})
    assert (found.check, found.what) == (check, what)
    assert evidence in found.evidence[0]


def test_a_redriven_timer_begins_again() -> None:
    told = story(entered("Wait"), ("ExecutionAborted", {}), ("ExecutionRedriven", {}))
    found = judge(told, {"Type": "Wait", "Seconds": 99_999_999}, TimeoutSeconds=100 * DAY)
    redriven_at = START.timestamp() + 4
    assert moment(redriven_at + 99_999_999) in found.evidence[0] and moment(redriven_at) in found.evidence[0]
    assert told.transitions == {"S": 2}, "as AWS bills it"


def test_a_redriven_task_is_waited_for_like_any_other() -> None:
    scheduled = ("LambdaFunctionScheduled", {"lambdaFunctionScheduledEventDetails": {"resource": "f"}})
    timed_out = ("LambdaFunctionTimedOut", {"lambdaFunctionTimedOutEventDetails": {"error": "States.Timeout"}})
    failed = ("ExecutionFailed", {"executionFailedEventDetails": {"error": "States.Timeout"}})
    told = story(entered("Task"), scheduled, timed_out, failed, ("ExecutionRedriven", {}), scheduled)
    found = judge(told, {"Type": "Task", "Resource": "f"}, TimeoutSeconds=100 * DAY)
    assert (found.check, found.severity) == ("stuck-call", NOTE)
    assert moment(START.timestamp() + 6 + 100 * DAY) in found.evidence[0], "the machine's clock began again"
    assert told.transitions == {"S": 2} and [repeat.state for repeat in told.repeats] == ["S"]


@pytest.mark.parametrize(
    ("scheduled", "severity", "bound"),
    [
        ({}, PROBLEM, "with neither heartbeat nor time limit"),
        ({"timeoutInSeconds": 99_999_999}, PROBLEM, "with neither heartbeat nor time limit"),
        ({"timeoutInSeconds": 90_000, "heartbeatInSeconds": 60}, NOTE,
         "with a heartbeat of 60 s and a time limit of 90,000 s"),
    ],
)  # fmt: skip
def test_a_call_without_an_answer(scheduled: dict[str, Any], severity: str, bound: str) -> None:
    call = {"resourceType": "glue", "resource": "startJobRun", "parameters": "{}", **scheduled}
    told = story(entered("Task"), ("TaskScheduled", {"taskScheduledEventDetails": call}), ("TaskStarted", {}))
    found = judge(told, {"Type": "Task"})
    assert (found.check, found.severity) == ("stuck-call", severity)
    assert found.what == f"called glue:startJobRun and has no answer, {bound}"


def test_a_distributed_map_waits_for_its_run() -> None:
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED"}}
    told = story(entered("Map"), ("MapStateStarted", {"mapStateStartedEventDetails": {"length": 5}}))
    assert judge(told, {"Type": "Map", "ItemProcessor": processor}).what == "waits for its map run"
    inline = judge(told, {"Type": "Map", "ItemProcessor": {}})
    assert (inline.check, inline.severity) == ("stuck-unknown", PROBLEM)


def test_an_execution_in_no_state() -> None:
    left = ("PassStateExited", {"stateExitedEventDetails": {"name": "S"}})
    found = judge(story(entered("Pass"), left), {"Type": "Pass"})
    assert found.what == "no state is open and the execution has not ended"
    assert found.subject == "m"


@pytest.mark.parametrize(
    ("retrier", "seconds"),
    [
        ({"IntervalSeconds": 86_400, "BackoffRate": 1.0}, 86_400),
        ({"IntervalSeconds": 50_000}, 100_000),
        ({"IntervalSeconds": 50_000, "BackoffRate": 3, "MaxDelaySeconds": 90_000}, 90_000),
    ],
)
def test_when_the_attempt_after_the_second_is_due(retrier: dict[str, Any], seconds: int) -> None:
    failed = [
        ("TaskScheduled", {"taskScheduledEventDetails": {"resource": "invoke", "resourceType": "lambda"}}),
        ("TaskFailed", {"taskFailedEventDetails": {"error": "Boom"}}),
    ]
    told = story(entered("Task"), *failed, *failed)
    state = {"Type": "Task", "Retry": [{"ErrorEquals": ["Other"]}, {"ErrorEquals": ["Boom"], **retrier}]}
    due = moment(told.latest_at + seconds)
    expected = f", attempt 2 failed with Boom; the next is due by {due}"
    assert judge(told, state).evidence[0].endswith(expected)
