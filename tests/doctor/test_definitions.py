"""What a definition alone gives away, and where a task's input has something that can serve as a key."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.doctor.lab import definition, function_arn

from stepwell.doctor.advice import ADVICE
from stepwell.doctor.definitions import check_definition, states
from stepwell.doctor.findings import NOTE, PROBLEM
from stepwell.doctor.story import key_in

INVOKE = "arn:aws:states:::lambda:invoke"
ACTIVITY = "arn:aws:states:us-east-1:123456789012:activity:a"


def task(resource: str, **more: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": resource, "End": True, **more}


def retry(*errors: str) -> dict[str, Any]:
    return {"Retry": [{"ErrorEquals": list(errors)}]}


def branch(**inner: Any) -> dict[str, Any]:
    return {"StartAt": next(iter(inner)), "States": inner}


TRIED = task(INVOKE, **retry("States.ALL"))
CATCH = {"Catch": [{"ErrorEquals": ["States.ALL"], "Next": "S"}]}


@pytest.mark.parametrize(
    ("state", "found"),
    [
        (task(INVOKE), [("no-retry", PROBLEM)]),
        (task(function_arn("f")), [("no-retry", PROBLEM)]),
        (task(INVOKE, **retry("MyError", "States.Timeout")), [("no-retry", PROBLEM)]),
        (task(INVOKE, **retry("Lambda.ServiceException")), []),
        (task(INVOKE, **retry("States.TaskFailed")), []),
        (task("arn:aws:states:::sqs:sendMessage"), []),
        (task("arn:aws:states:::sqs:sendMessage.waitForTaskToken"), [("unbounded-wait", PROBLEM)]),
        (task(ACTIVITY), [("unbounded-wait", PROBLEM)]),
        (task(ACTIVITY, HeartbeatSeconds=5), []),
        (task(ACTIVITY, TimeoutSecondsPath="$.t"), []),
        (task("arn:aws:states:::sqs:sendMessage.waitForTaskToken", TimeoutSeconds="{% 5 %}"), []),
        (task(f"{INVOKE}.waitForTaskToken"), [("no-retry", PROBLEM), ("unbounded-wait", PROBLEM)]),
        ({"Type": "Parallel", "Branches": [branch(A=TRIED), branch(B=TRIED)]}, [("no-catch-around-branches", NOTE)]),
        ({"Type": "Parallel", "Branches": [branch(A=TRIED), branch(B=TRIED)], **CATCH}, []),
        ({"Type": "Parallel", "Branches": [branch(A=TRIED)]}, []),
        ({"Type": "Parallel", "Branches": [branch(A={"Type": "Pass"}), branch(B={"Type": "Pass"})]}, []),
        ({"Type": "Map", "ItemProcessor": branch(A=TRIED)}, [("no-catch-around-branches", NOTE)]),
        ({"Type": "Map", "Iterator": branch(A=TRIED)}, [("no-catch-around-branches", NOTE)]),
        ({"Type": "Map", "ItemProcessor": branch(A=TRIED), "ToleratedFailurePercentage": 5}, []),
        ({"Type": "Map", "ItemProcessor": branch(A=task(INVOKE)), **CATCH}, [("no-retry", PROBLEM)]),
    ],
)  # fmt: skip
def test_what_will_break(state: dict[str, Any], found: list[tuple[str, str]]) -> None:
    machine = definition({"T": state, "S": {"Type": "Succeed"}})
    assert [(each.check, each.severity) for each in check_definition("m", machine)] == found


def test_a_time_limit_of_the_whole_machine_makes_a_note() -> None:
    (found,) = check_definition("m", definition({"T": task(ACTIVITY)}, TimeoutSeconds=60))
    assert found.severity == NOTE
    assert found.what.endswith("though the machine's TimeoutSeconds ends the execution")
    assert found.evidence == ("state T",)


def test_states_within_states_are_found() -> None:
    inner = {"Type": "Map", "ItemProcessor": branch(Deep={"Type": "Pass"})}
    outer = definition({"Outer": {"Type": "Parallel", "Branches": [branch(Inner=inner), branch(Other=TRIED)]}})
    assert {name for name, _ in states(outer)} == {"Outer", "Inner", "Deep", "Other"}


@pytest.mark.parametrize(
    ("input", "place"),
    [
        ({"order": 1}, None),
        ({"Payload": {"idempotencyKey": "k"}}, "$.Payload.idempotencyKey"),
        ({"items": [{"MessageDeduplicationId": "k"}]}, "$.items[0].MessageDeduplicationId"),
        ({"ClientRequestToken": "k"}, "$.ClientRequestToken"),
        ({"key": "order-17/Charge"}, "$.key"),
        ({"idempotencyKey": ""}, None),
        ({"idempotencyKey": 5}, None),
        ([1], None),
    ],
)
def test_where_a_key_is_seen(input: Any, place: str | None) -> None:
    assert key_in(json.dumps(input), "arn:aws:states:us-east-1:123456789012:execution:m:order-17") == place


@pytest.mark.parametrize("text", [None, "", "not JSON", "[" * 100_000])
def test_an_input_that_shows_no_key(text: str | None) -> None:
    assert key_in(text, "arn:aws:states:us-east-1:123456789012:execution:m:x") is None


def test_a_short_name_is_no_key_by_chance() -> None:
    assert key_in('{"text": "axe"}', "arn:aws:states:us-east-1:123456789012:execution:m:x") is None


def test_every_check_has_advice_that_says_something() -> None:
    assert all(len(advice.why) > 40 and len(advice.fix) > 40 for advice in ADVICE.values())


def test_the_documentation_lists_every_check_once() -> None:
    text = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text()
    listed = re.findall(r"^\| `([a-z-]+)` \| (?:endpoint|bench run|logs|definitions) \|", text, re.MULTILINE)
    assert sorted(listed) == sorted(ADVICE)
