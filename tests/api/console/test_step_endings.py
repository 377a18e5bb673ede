"""When steps ended and retries began: what shows an execution as it was after any of its events."""

from typing import Any

WAIT = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}
FAIL = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E"}}}
BOTH = {"StartAt": "P", "States": {"P": {"Type": "Parallel", "Branches": [WAIT, FAIL], "End": True}}}
AGAIN = {"ErrorEquals": ["E"], "IntervalSeconds": 60, "MaxAttempts": 1}


def steps(api: Any, execution: str) -> dict[str, Any]:
    """The latest step of each state, by its name."""
    return {step["name"]: step for step in api.read("execution", arn=execution)["steps"]}


def test_a_step_that_is_left_ends_with_that_event(api: Any) -> None:
    execution = api.start(api.create())
    api.finish(execution)
    (step,) = steps(api, execution).values()
    assert (step["status"], step["endedId"]) == ("SUCCEEDED", step["exitedId"])


def test_steps_that_are_never_left_end_with_the_event_that_ended_them(api: Any) -> None:
    execution = api.start(api.create(definition=BOTH))
    api.finish(execution)
    found = steps(api, execution)
    assert {name: step["status"] for name, step in found.items()} == {"P": "FAILED", "W": "ABORTED", "F": "FAILED"}
    events = api.call("GetExecutionHistory", executionArn=execution)["events"]
    last = {event["id"]: event["type"] for event in events}
    assert last[found["P"]["endedId"]] == "ExecutionFailed"
    assert found["F"]["id"] <= found["F"]["endedId"] <= found["P"]["endedId"]
    assert found["W"]["id"] < found["W"]["endedId"] <= found["P"]["endedId"]


def test_a_running_step_has_no_end(api: Any) -> None:
    execution = api.start(api.create(definition=WAIT))
    assert steps(api, execution)["W"]["endedId"] == 0


def test_a_redrive_keeps_how_the_step_had_ended(api: Any) -> None:
    execution = api.start(api.create(definition=WAIT))
    api.call("StopExecution", executionArn=execution)
    before = steps(api, execution)["W"]
    api.call("RedriveExecution", executionArn=execution)
    after = steps(api, execution)["W"]
    assert (after["status"], after["endedId"]) == ("RUNNING", 0)
    (ending,) = after["earlier"]
    assert (ending["status"], ending["endedId"]) == ("ABORTED", before["endedId"])
    assert ending["resumedId"] > ending["endedId"]


def test_a_retry_knows_after_which_event_it_began(api: Any) -> None:
    state = {**BOTH["States"]["P"], "Retry": [AGAIN]}
    execution = api.start(api.create(definition={"StartAt": "P", "States": {"P": state}}))
    (retry,) = steps(api, execution)["P"]["retries"]
    assert retry["eventId"] == api.read("execution", arn=execution)["eventId"]
