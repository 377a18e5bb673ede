"""What is found at a real endpoint: executions that do not get on, what ran twice, limits, and how far it looked."""

import time
from typing import Any

import pytest
from tests.doctor.lab import Lab

from stepwell.doctor.endpoint import Bounds, Clients, Scope, examine_endpoint
from stepwell.doctor.findings import NOTE, PROBLEM, Diagnosis, Finding

TWO_HOURS = 7200.0


def examine(lab: Lab, *machines: str, later_seconds: float = TWO_HOURS, **more: Any) -> Diagnosis:
    """As it will look later: nobody has to sleep until a wait is long."""
    now = time.time() + later_seconds
    scope = Scope(
        machines=machines, since=now - 86_400, stuck_after_seconds=600, now=now, bounds=Bounds(**more),
    )  # fmt: skip
    return examine_endpoint(lab.url, Clients(lab.states, lab.functions, lab.logs), scope, lambda text: None)


@pytest.fixture(scope="module")
def diagnosis(sick: Lab) -> Diagnosis:
    return examine(sick)


def of(diagnosis: Diagnosis, check: str, subject: str) -> Finding:
    return next(each for each in diagnosis.findings if (each.check, each.subject) == (check, subject))


UNBOUNDED = "with neither heartbeat nor time limit"


@pytest.mark.parametrize(
    ("check", "subject", "severity", "what", "evidence"),
    [
        ("stuck-token", "approval > Around branch 1 > Ask", PROBLEM,
         f"waits for its task token to be sent back, {UNBOUNDED}", "approval:order-"),
        ("stuck-token", "bounded > Ask", NOTE,
         "waits for its task token to be sent back, with a heartbeat of 3,600 s", "bounded:bounded-1, since "),
        ("stuck-token", "limited > Ask", NOTE, f"waits for its task token to be sent back, {UNBOUNDED}",
         "; the machine's TimeoutSeconds ends it at "),
        ("stuck-nested", "nested > Run", PROBLEM, f"waits for a nested execution or job, {UNBOUNDED}",
         ", which is arn:aws:states:us-east-1:123456789012:execution:far:"),
        ("stuck-timer", "far > Far", NOTE, "waits for a timer", ", until 2999-01-01"),
    ],
)  # fmt: skip
def test_why_an_execution_does_not_get_on(
    diagnosis: Diagnosis, check: str, subject: str, severity: str, what: str, evidence: str
) -> None:
    found = of(diagnosis, check, subject)
    assert (found.severity, found.what) == (severity, what)
    assert evidence in found.evidence[0]


def test_what_differs_in_the_execution_alone_is_one_finding(diagnosis: Diagnosis) -> None:
    found = of(diagnosis, "stuck-token", "approval > Around branch 1 > Ask")
    assert found.count == 3
    assert sorted(text.split(",")[0] for text in found.evidence) == [f"approval:order-{number}" for number in range(3)]


def test_an_activity_without_and_with_a_worker(diagnosis: Diagnosis) -> None:
    found = {each.what: each.evidence[0].split(",")[0] for each in diagnosis.findings if each.check == "stuck-activity"}
    assert found == {
        f"a worker took it and has not answered: activity packers, {UNBOUNDED}": "pack:taken",
        f"no worker has taken it: activity packers, {UNBOUNDED}": "pack:untaken",
    }


def test_a_retry_that_backs_off_and_one_that_never_came(sick: Lab) -> None:
    found = of(examine(sick, "failing", later_seconds=1800), "stuck-retry", "failing > Fail")
    assert found.evidence[0].startswith("failing:failing-1, since ")
    assert "attempt 1 failed with ValueError: not today; the next is due by " in found.evidence[0]
    whole = of(examine(sick, "whole", later_seconds=1800), "stuck-retry", "whole > Whole")
    assert ", attempt 1 failed with an error; the next is due by " in whole.evidence[0]
    inside = of(examine(sick, "inside", later_seconds=1800), "stuck-retry", "inside > Whole branch 1 > Fail")
    assert ", attempt 1 failed with ValueError: not today; the next is due by " in inside.evidence[0]
    overdue = of(examine(sick, "failing"), "stuck-unknown", "failing > Fail")
    assert overdue.what == "waits for a retry that should have begun"


def test_nothing_is_stuck_that_has_waited_for_less_than_was_asked_for(sick: Lab) -> None:
    found = examine(sick, later_seconds=0.0).findings
    assert not [each for each in found if each.check.startswith("stuck")]


def test_what_ran_twice_says_whether_a_key_could_keep_it_single(diagnosis: Diagnosis) -> None:
    unkeyed = of(diagnosis, "repeated-task", "unkeyed > Charge")
    assert unkeyed.severity == PROBLEM
    assert unkeyed.what.startswith("ran again after Sandbox.Timedout, ")
    assert unkeyed.what.endswith("no idempotency key can be seen in its input")
    assert unkeyed.evidence == ("unkeyed:unkeyed-order-1, attempt 2",)
    keyed = of(diagnosis, "repeated-task", "keyed > Charge")
    assert keyed.severity == NOTE
    assert keyed.what.endswith("its input has $.Payload.key, which can serve as an idempotency key")


def test_a_retried_parallel_repeats_what_had_succeeded(diagnosis: Diagnosis) -> None:
    found = of(diagnosis, "repeated-branch", "both > Both")
    assert found.what == "was retried after tasks within it had succeeded: Pay"
    assert found.evidence == ("both:both-1, attempt 2",)


@pytest.mark.parametrize(
    ("check", "subject", "evidence"),
    [
        ("polling-loop", "poll > Look", "poll:poll-1, 12 turns, 38 transitions"),
        ("payload-near-limit", "big", "big:big-1, 230,012 of 262,144 bytes in its own input or output"),
        ("history-near-limit", "long", "long:long-1, 20,806 of 25,000 events"),
    ],
)
def test_limits_and_loops(diagnosis: Diagnosis, check: str, subject: str, evidence: str) -> None:
    assert of(diagnosis, check, subject).evidence == (evidence,)


def test_cost_drivers_are_ranked_by_transitions_and_priced(diagnosis: Diagnosis) -> None:
    table = diagnosis.tables[0]
    assert table.title == "Cost drivers"
    rows = {row[0]: row[1:] for row in table.rows}
    # 5,200 iterations and the Map itself, at $0.025 for 1,000.
    assert rows["long"][:3] == ("1", "5,201.0", "Each (100 %)")
    assert rows["long"][4:] == ("5,201", "0.1300")
    assert rows["big"][3] == "224.6 KiB"
    assert rows["unkeyed"][1] == "2.0", "a state entered, and a retry"
    assert next(iter(rows)) == "long"


def test_problems_come_first(diagnosis: Diagnosis) -> None:
    severities = [finding.severity for finding in diagnosis.findings]
    assert severities == sorted(severities, reverse=True)


def test_what_was_not_looked_at_is_said(sick: Lab) -> None:
    found = examine(sick, running=1, ended=1, machines=3)
    assert any(text.startswith("14 more state machines: name those that matter") for text in found.not_looked_at)
    found = examine(sick, "approval", "receiver", "express", "gone", running=1, ended=1)
    left_out = "\n".join(found.not_looked_at)
    assert "2 of 3 executions of approval that run for long" in left_out
    assert "the histories of 4 ended executions of receiver" in left_out
    assert "executions of express: Express executions have no history" in left_out
    assert "the state machine gone: there is none of this name or ARN" in left_out


def test_the_oldest_running_executions_are_read_first(sick: Lab) -> None:
    found = of(examine(sick, "approval", running=1), "stuck-token", "approval > Around branch 1 > Ask")
    assert (found.count, found.evidence[0].split(",")[0]) == (1, "approval:order-0")


def test_work_ends_with_its_time(sick: Lab) -> None:
    found = examine(sick, seconds=0.0)
    assert found.findings == []
    assert any("because the time was over" in text for text in found.not_looked_at)


def test_the_functions_logs_tell_of_cold_starts(sick: Lab) -> None:
    found = examine(sick, "far")
    rows = {row[0]: row[1:] for row in found.tables[-1].rows}
    # Both executions' functions were killed by their time limit, so that each attempt needs a new worker.
    assert rows["slow"][:3] == ("4", "4", "100 %")
    assert rows["bad"][0] == "2"
    assert not [each for each in found.findings if each.check == "cold-starts"], "4 are too few to be a finding"
