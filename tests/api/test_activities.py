"""Activities and task tokens over the wire."""

import asyncio
import json
from typing import Any

ACTIVITY = "arn:aws:states:us-east-1:123456789012:activity:work"
TASK = {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": ACTIVITY, "End": True}}}


def test_create_describe_list_delete(api: Any) -> None:
    created = api.call("CreateActivity", name="work")
    assert created == {"activityArn": ACTIVITY, "creationDate": created["creationDate"]}
    assert api.call("CreateActivity", name="work") == created
    described = {"name": "work", **created}
    assert api.call("DescribeActivity", activityArn=ACTIVITY) == {
        **described,
        "encryptionConfiguration": {"type": "AWS_OWNED_KEY"},
    }
    api.call("CreateActivity", name="zzz")
    page = api.call("ListActivities", maxResults=1)
    assert page["activities"] == [described]
    assert [item["name"] for item in api.call("ListActivities", nextToken=page["nextToken"])["activities"]] == ["zzz"]
    assert api.call("DeleteActivity", activityArn=ACTIVITY) == {}
    assert api.call("DeleteActivity", activityArn=ACTIVITY) == {}
    missing = ("ActivityDoesNotExist", f"Activity Does Not Exist: '{ACTIVITY}'")
    assert api.refused("DescribeActivity", activityArn=ACTIVITY) == missing
    assert api.refused("GetActivityTask", activityArn=ACTIVITY) == missing
    assert api.refused("CreateActivity", name="activity name") == ("InvalidName", "Invalid Name: 'activity name'")


def test_a_worker_takes_a_task_and_settles_it_once(api: Any) -> None:
    api.call("CreateActivity", name="work")
    execution = api.start(api.create(definition=TASK), input='{"a": 1}')
    task = api.call("GetActivityTask", activityArn=ACTIVITY, workerName="me")
    assert json.loads(task["input"]) == {"a": 1}
    token = task["taskToken"]
    assert api.call("SendTaskHeartbeat", taskToken=token) == {}
    code, message = api.refused("SendTaskSuccess", taskToken=token, output="{oops")
    assert code == "InvalidOutput"
    assert message.startswith(
        "Invalid Output: 'com.fasterxml.jackson.core.JsonParseException: Unexpected character ('o'"
    )
    assert api.call("SendTaskSuccess", taskToken=token, output='{"b":  2}') == {}
    assert api.finish(execution)["output"] == '{"b":  2}'
    late = ("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
    assert api.refused("SendTaskSuccess", taskToken=token, output="1") == late
    assert api.refused("SendTaskFailure", taskToken=token) == late
    assert api.refused("SendTaskHeartbeat", taskToken=token) == late


def test_a_task_that_its_worker_fails(api: Any) -> None:
    api.call("CreateActivity", name="work")
    execution = api.start(api.create(definition=TASK))
    task = api.call("GetActivityTask", activityArn=ACTIVITY)
    api.call("SendTaskFailure", taskToken=task["taskToken"], error="E", cause="C")
    described = api.finish(execution)
    assert (described["status"], described["error"], described["cause"]) == ("FAILED", "E", "C")


def test_tokens_that_are_none(api: Any) -> None:
    invalid = ("InvalidToken", "Invalid Token: 'Invalid token'")
    for token in ("NoSuchTaskToken", "AAAA", "é", "\x00", "=" * 2048):
        assert api.refused("SendTaskSuccess", taskToken=token, output="{}") == invalid
        assert api.refused("SendTaskFailure", taskToken=token) == invalid
        assert api.refused("SendTaskHeartbeat", taskToken=token) == invalid


def test_a_worker_that_goes_away_leaves_the_task_to_the_next(api: Any) -> None:
    """The connection of a waiting poll is closed; a task that comes later must not be given to it."""
    api.call("CreateActivity", name="work")

    async def abandoned_poll() -> list[Any]:
        sent: list[Any] = []
        incoming = [{"type": "http.request", "body": json.dumps({"activityArn": ACTIVITY}).encode()}]
        hung_up = asyncio.Event()

        async def receive() -> Any:
            if incoming:
                return incoming.pop()
            await hung_up.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(b"x-amz-target", b"AWSStepFunctions.GetActivityTask")]
        scope = {"type": "http", "method": "POST", "path": "/", "headers": headers, "query_string": b""}
        poll = asyncio.ensure_future(api.app(scope, receive, send))
        for _ in range(20):
            await asyncio.sleep(0)
        hung_up.set()
        await poll
        return sent

    assert api.run(abandoned_poll()) == []
    execution = api.start(api.create(definition=TASK), input="[7]")
    task = api.call("GetActivityTask", activityArn=ACTIVITY)
    assert task["input"] == "[7]"
    api.call("SendTaskSuccess", taskToken=task["taskToken"], output="8")
    assert api.finish(execution)["output"] == "8"
