"""One step with its data, and an execution as it was after each of its events."""

import json
from typing import Any

import pytest
from tests.api.conftest import PASS, Api, ApiError

from stepwell.api.console import details, shapes

ACTIVITY = "arn:aws:states:us-east-1:123456789012:activity:work"
RETRY = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 2}]


def task(**fields: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": ACTIVITY, **fields}


def started(api: Api, states: dict[str, Any], input: Any = None, **top: Any) -> str:
    """An execution of a definition that begins at its first state."""
    api.call("CreateActivity", name="work")
    definition = {"StartAt": next(iter(states)), "States": states, **top}
    return api.start(api.create("m", definition), input=json.dumps({} if input is None else input))


def work(api: Api, settle: str, **fields: Any) -> str:
    """A worker takes a task and settles it. Returns its token."""
    token: str = api.call("GetActivityTask", activityArn=ACTIVITY)["taskToken"]
    api.call(settle, taskToken=token, **fields)
    return token


def step(api: Api, execution: str, name: str, number: int = -1) -> Any:
    """The detail of a step by its state's name, payloads decoded."""
    found = [step["id"] for step in api.read("execution", arn=execution)["steps"] if step["name"] == name]
    return decoded(api.read("execution/step", arn=execution, id=found[number]))


def decoded(reply: Any) -> Any:
    if isinstance(reply, list):
        return [decoded(member) for member in reply]
    if not isinstance(reply, dict):
        return reply
    if reply.keys() == {"bytes", "text"}:
        return json.loads(reply["text"])
    return {name: decoded(member) for name, member in reply.items()}


def test_a_task_with_all_its_attempts(api: Api) -> None:
    states = {
        "Set": {"Type": "Pass", "Assign": {"kept": 1, "changed": "before"}, "Next": "T"},
        "T": task(Retry=RETRY, Parameters={"n.$": "$.n"}, ResultSelector={"all.$": "$"}, ResultPath="$.result",
                  Assign={"changed.$": "$.ok"}, End=True),
    }  # fmt: skip
    execution = started(api, states, {"n": 7})
    work(api, "SendTaskFailure", error="Oops", cause="because")
    waiting = step(api, execution, "T")
    assert (waiting["retryCount"], waiting["step"]["status"]) == (0, "RUNNING")
    api.clock.offset += 2
    work(api, "SendTaskSuccess", output='{"ok": true}')
    assert api.finish(execution)["status"] == "SUCCEEDED"
    detail = step(api, execution, "T")
    assert [(each["number"], each["input"], each["output"], each["token"]) for each in detail["attempts"]] == [
        (1, {"n": 7}, None, None), (2, {"n": 7}, {"ok": True}, None),
    ]  # fmt: skip
    assert (detail["input"], detail["result"], detail["output"]) == (
        {"n": 7}, {"ok": True}, {"n": 7, "result": {"all": {"ok": True}}},
    )  # fmt: skip
    assert detail["variablesBefore"] == {"kept": 1, "changed": "before"}
    assert (detail["variablesAfter"], detail["assigned"]) == ({"kept": 1, "changed": True}, ["changed"])
    assert (detail["retryCount"], detail["context"]["State"]["RetryCount"]) == (1, 1)
    assert detail["context"]["Execution"]["Input"] == {"n": 7}


def test_the_token_of_what_waits_settles_it(api: Api) -> None:
    execution = started(api, {"T": task(Retry=RETRY, End=True)})
    (attempt,) = step(api, execution, "T")["attempts"]
    assert work(api, "SendTaskFailure", error="Oops") == attempt["token"]
    assert step(api, execution, "T")["attempts"][0]["token"] is None, "it is settled"
    api.clock.offset += 2
    api.call("GetActivityTask", activityArn=ACTIVITY)
    first, second = step(api, execution, "T")["attempts"]
    assert first["token"] is None
    api.call("SendTaskSuccess", taskToken=second["token"], output="1")
    assert api.finish(execution)["output"] == "1"


def test_branches_see_the_variables_around_them_and_give_their_results(api: Api) -> None:
    inner = {"StartAt": "I", "States": {"I": {"Type": "Pass", "Result": 5, "Assign": {"mine": 2}, "End": True}}}
    states = {
        "Set": {"Type": "Pass", "Assign": {"outer": 1}, "Next": "B"},
        "B": {"Type": "Parallel", "Branches": [inner, PASS], "End": True},
    }
    execution = started(api, states, {"a": 1})
    api.finish(execution)
    inside = step(api, execution, "I")
    assert (inside["variablesBefore"], inside["variablesAfter"]) == ({"outer": 1}, {"outer": 1, "mine": 2})
    assert step(api, execution, "B")["result"] == [5, {"a": 1}]


def test_a_map_s_iteration_knows_its_item(api: Api) -> None:
    states = {"M": {"Type": "Map", "ItemProcessor": PASS, "End": True}}
    execution = started(api, states, ["a", "b"])
    api.finish(execution)
    assert [step(api, execution, "P", index)["context"]["Map"]["Item"] for index in (0, 1)] == [
        {"Index": 0, "Value": "a"}, {"Index": 1, "Value": "b"},
    ]  # fmt: skip


def test_a_parallel_that_is_tried_again_counts_it(api: Api) -> None:
    inner = {"StartAt": "T", "States": {"T": task(End=True)}}
    execution = started(api, {"P": {"Type": "Parallel", "Branches": [inner], "Retry": RETRY, "End": True}})
    work(api, "SendTaskFailure", error="Oops")
    first = step(api, execution, "T", 0)
    assert (first["step"]["status"], first["output"], first["attempts"][0]["token"]) == ("FAILED", None, None)
    api.clock.offset += 2
    work(api, "SendTaskSuccess", output="1")
    api.finish(execution)
    detail = step(api, execution, "P")
    assert (detail["retryCount"], detail["context"]["State"]["RetryCount"], detail["result"]) == (1, 1, [1])
    assert step(api, execution, "T", 0)["step"] == first["step"]


def test_a_step_that_a_redrive_took_up_again(api: Api) -> None:
    execution = started(api, {"T": task(End=True)})
    work(api, "SendTaskFailure", error="Oops")
    assert step(api, execution, "T")["step"]["status"] == "FAILED"
    api.call("RedriveExecution", executionArn=execution)
    work(api, "SendTaskSuccess", output="1")
    detail = step(api, execution, "T")
    assert ([each["output"] for each in detail["attempts"]], detail["output"]) == ([None, 1], 1)
    assert detail["context"]["Execution"]["RedriveCount"] == 1


def test_a_state_that_is_entered_many_times_has_a_detail_for_each(api: Api) -> None:
    again = [{"Variable": "$.n", "NumericLessThan": 3, "Next": "A"}]
    states = {
        "A": {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)"}, "Next": "C"},
        "C": {"Type": "Choice", "Choices": again, "Default": "Z"},
        "Z": {"Type": "Succeed"},
    }
    execution = started(api, states, {"n": 0})
    api.finish(execution)
    assert [step(api, execution, "A", number)["output"] for number in range(3)] == [{"n": 1}, {"n": 2}, {"n": 3}]


def test_what_is_too_large_is_told_by_its_size(extended: Api) -> None:
    execution = started(extended, PASS["States"], "x" * (1 << 20))
    extended.finish(execution)
    detail = extended.read("execution/step", arn=execution, id=2)
    assert detail["input"] == detail["output"] == {"bytes": (1 << 20) + 2, "text": None}
    assert extended.read("execution", arn=execution)["input"]["text"] is None


def test_of_many_attempts_the_latest_are_shown(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(details, "ATTEMPTS_SHOWN", 2)
    execution = started(api, {"T": task(Retry=[{**RETRY[0], "MaxAttempts": 9, "BackoffRate": 1}], End=True)}, 7)
    for _ in range(3):
        work(api, "SendTaskFailure", error="Oops")
        api.clock.offset += 2
    work(api, "SendTaskSuccess", output="8")
    api.finish(execution)
    detail = api.read("execution/step", arn=execution, id=2)
    assert [each["input"]["text"] for each in detail["attempts"]] == [None, None, "7", "7"]
    assert {each["input"]["bytes"] for each in detail["attempts"]} == {1}
    assert detail["attempts"][-1]["output"]["text"] == "8"


def test_a_moment_of_many_threads_shows_what_there_is_room_for(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shapes.Room, "__init__", lambda room: setattr(room, "_left", 20))
    states = {"M": {"Type": "Map", "ItemProcessor": {"StartAt": "T", "States": {"T": task(End=True)}}, "End": True}}
    execution = started(api, states, ["abcdefghij"] * 3)
    frames = api.read("execution/moment", arn=execution, event=99)["frames"]
    assert [(frame["input"]["bytes"], frame["input"]["text"]) for frame in frames] == [
        (42, None), (12, '"abcdefghij"'), (12, None), (12, None),
    ]  # fmt: skip
    assert [frame["variables"]["text"] for frame in frames] == ["{}"] * 4


@pytest.mark.parametrize("id", [0, 1, 3, 99, 1 << 62])
def test_an_event_that_enters_nothing_is_no_step(api: Api, id: int) -> None:
    execution = started(api, PASS["States"])
    api.finish(execution)
    with pytest.raises(ApiError) as refused:
        api.read("execution/step", arn=execution, id=id)
    assert (refused.value.status, refused.value.code) == (404, "ValidationException")


# Moments


def test_every_moment_of_an_execution(api: Api) -> None:
    states = {
        "A": {"Type": "Pass", "Assign": {"x": 1}, "Next": "W"},
        "W": {"Type": "Wait", "Seconds": 60, "Next": "Z"},
        "Z": {"Type": "Pass", "Result": 2, "End": True},
    }
    execution = started(api, states, {"a": 1})
    api.clock.offset += 61
    api.finish(execution)
    events = api.read("execution/events", arn=execution)["events"]
    moments = [decoded(api.read("execution/moment", arn=execution, event=event["event"]["id"])) for event in events]
    assert [moment["eventId"] for moment in moments] == list(range(1, len(events) + 1))
    assert [(moment["frames"][0]["state"], moment["frames"][0]["waiting"]) for moment in moments] == [
        ("A", ""), ("A", ""), ("W", ""), ("W", "timer"), ("Z", ""), ("Z", ""), ("Z", "done"), ("Z", "closed"),
    ]  # fmt: skip
    assert [moment["frames"][0]["variables"] for moment in moments] == [{}] * 2 + [{"x": 1}] * 6
    assert moments[3]["frames"][0]["timers"].keys() == {"wait"}
    assert [moment["status"] for moment in moments] == ["RUNNING"] * 7 + ["SUCCEEDED"]


def test_a_pause_before_a_retry_is_a_moment_of_its_failure(api: Api) -> None:
    execution = started(api, {"T": task(Retry=RETRY, End=True)})
    work(api, "SendTaskFailure", error="Oops")
    api.clock.offset += 2
    work(api, "SendTaskSuccess", output="1")
    api.finish(execution)
    (frame,) = api.read("execution/moment", arn=execution, event=5)["frames"]
    assert (frame["waiting"], frame["retryCount"], frame["timers"].keys()) == ("retry", 1, {"retry"})


def test_a_moment_beyond_the_last_event_is_the_present(api: Api) -> None:
    execution = started(api, {"T": task(End=True)})
    moment = api.read("execution/moment", arn=execution, event=1 << 40)
    assert (moment["eventId"], moment["frames"][0]["waiting"]) == (3, "task")
