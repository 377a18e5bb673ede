"""The calls of CloudWatch Logs."""

from typing import Any

import pytest
from tests.api.conftest import Api, ApiError

from stepwell.api.logs import TIME_MS_MAX
from stepwell.api.paging import make_token

GROUP = {"logGroupName": "/app/orders"}
STREAM = {**GROUP, "logStreamName": "s"}


@pytest.fixture
def group(api: Api) -> Api:
    """With a group that has a stream."""
    api.logs("CreateLogGroup", **GROUP)
    api.logs("CreateLogStream", **STREAM)
    return api


def now_ms(api: Api) -> int:
    return int(api.clock.now() * 1000)


def put(api: Api, *texts: str, at_ms: int | None = None, **stream: str) -> Any:
    at_ms = now_ms(api) if at_ms is None else at_ms
    events = [{"timestamp": at_ms + place, "message": text} for place, text in enumerate(texts)]
    return api.logs("PutLogEvents", **{**STREAM, **stream}, logEvents=events)


def refused(api: Api, operation: str, **request: Any) -> tuple[str, str]:
    with pytest.raises(ApiError) as caught:
        api.logs(operation, **request)
    return caught.value.code, caught.value.message


def messages(reply: Any) -> list[str]:
    return [event["message"] for event in reply["events"]]


NO_GROUP = ("ResourceNotFoundException", "The specified log group does not exist.")


def test_a_group_from_its_creation_to_its_end(api: Api) -> None:
    api.logs("CreateLogGroup", **GROUP, tags={"team": "a"}, kmsKeyId="k", logGroupClass="INFREQUENT_ACCESS")
    assert refused(api, "CreateLogGroup", **GROUP)[0] == "ResourceAlreadyExistsException"
    (found,) = api.logs("DescribeLogGroups")["logGroups"]
    arn = "arn:aws:logs:us-east-1:123456789012:log-group:/app/orders"
    assert found.pop("creationTime") == pytest.approx(now_ms(api), abs=5000)
    assert found == {
        "logGroupName": "/app/orders", "metricFilterCount": 0, "arn": f"{arn}:*", "logGroupArn": arn, "storedBytes": 0,
        "logGroupClass": "INFREQUENT_ACCESS", "kmsKeyId": "k",
    }  # fmt: skip
    assert api.logs("ListTagsForResource", resourceArn=arn) == {"tags": {"team": "a"}}
    api.logs("TagResource", resourceArn=arn, tags={"cost": "b", "bare": None})
    api.logs("UntagResource", resourceArn=arn, tagKeys=["team", "gone"])
    assert api.logs("ListTagsForResource", resourceArn=arn) == {"tags": {"cost": "b", "bare": ""}}
    many = {f"k{number}": "" for number in range(50)}
    assert refused(api, "TagResource", resourceArn=arn, tags=many)[0] == "TooManyTagsException"
    api.logs("DeleteLogGroup", **GROUP)
    assert refused(api, "DeleteLogGroup", **GROUP) == NO_GROUP
    assert refused(api, "ListTagsForResource", resourceArn=arn) == NO_GROUP
    assert api.logs("DescribeLogGroups") == {"logGroups": []}


def test_groups_are_listed_in_pages(api: Api) -> None:
    names = [f"/a/{number}" for number in range(5)] + ["/b/1"]
    for name in names:
        api.logs("CreateLogGroup", logGroupName=name)

    def listed(**request: Any) -> list[str]:
        reply = api.logs("DescribeLogGroups", **request)
        found = [group["logGroupName"] for group in reply["logGroups"]]
        if "nextToken" not in reply:
            return found
        return found + listed(**{**request, "nextToken": reply["nextToken"]})

    assert listed() == listed(limit=2) == listed(limit=6) == names
    assert listed(limit=2, logGroupNamePrefix="/a/") == names[:5]
    assert listed(logGroupNamePattern="/1") == ["/a/1", "/b/1"]
    assert refused(api, "DescribeLogGroups", logGroupNamePattern="a", logGroupNamePrefix="a")[0] == (
        "InvalidParameterException"
    )
    token = api.logs("DescribeLogGroups", limit=2)["nextToken"]
    assert refused(api, "DescribeLogGroups", nextToken=token, logGroupNamePrefix="/a") == (
        "InvalidParameterException", "The specified nextToken is invalid.",
    )  # fmt: skip


def test_retention(group: Api) -> None:
    group.logs("PutRetentionPolicy", **GROUP, retentionInDays=7)
    assert group.logs("DescribeLogGroups")["logGroups"][0]["retentionInDays"] == 7
    code, message = refused(group, "PutRetentionPolicy", **GROUP, retentionInDays=8)
    assert (code, message[-2:]) == ("InvalidParameterException", " 8")
    day = 86_400_000
    reply = put(group, "old", at_ms=now_ms(group) - 8 * day)
    assert reply["rejectedLogEventsInfo"] == {"expiredLogEventEndIndex": 1}
    group.logs("DeleteRetentionPolicy", **GROUP)
    assert "retentionInDays" not in group.logs("DescribeLogGroups")["logGroups"][0]
    put(group, "old", at_ms=now_ms(group) - 8 * day)
    assert messages(group.logs("FilterLogEvents", **GROUP)) == ["old"]
    assert refused(group, "PutRetentionPolicy", logGroupName="gone", retentionInDays=7) == NO_GROUP


def test_streams(group: Api) -> None:
    assert refused(group, "CreateLogStream", **STREAM)[0] == "ResourceAlreadyExistsException"
    for number, name in enumerate(("t/2", "t/1")):
        group.logs("CreateLogStream", **GROUP, logStreamName=name)
        put(group, "x", at_ms=now_ms(group) + number, logStreamName=name)

    def listed(**request: Any) -> list[str]:
        reply = group.logs("DescribeLogStreams", **GROUP, **request)
        return [stream["logStreamName"] for stream in reply["logStreams"]]

    assert listed() == ["s", "t/1", "t/2"]
    assert listed(descending=True) == ["t/2", "t/1", "s"]
    assert listed(orderBy="LastEventTime", descending=True) == ["t/1", "t/2", "s"]
    assert listed(logStreamNamePrefix="t/") == ["t/1", "t/2"]
    reply = group.logs("DescribeLogStreams", **GROUP, limit=2)
    assert listed(limit=2, nextToken=reply["nextToken"]) == ["t/2"]
    first = reply["logStreams"][1]
    assert first["firstEventTimestamp"] == first["lastEventTimestamp"] <= now_ms(group) + 1
    assert (
        first["arn"].endswith(":log-group:/app/orders:log-stream:t/1")
        and "firstEventTimestamp" not in (reply["logStreams"][0])
    )
    code, _ = refused(group, "DescribeLogStreams", **GROUP, orderBy="LastEventTime", logStreamNamePrefix="t")
    assert code == "InvalidParameterException"
    group.logs("DeleteLogStream", **GROUP, logStreamName="t/1")
    assert listed() == ["s", "t/2"]
    assert len(group.logs("FilterLogEvents", **GROUP)["events"]) == 1


@pytest.mark.parametrize(
    ("events", "message"),
    [
        ([(1, "a"), (0, "b")], "chronological order"),
        ([(0, "x" * 600_000), (1, "x" * 600_000)], "Upload too large: 1200052 bytes exceeds limit of 1048576"),
        ([(-86_400_001, "a"), (0, "b")], "more than 24 hours"),
    ],
)
def test_batches_that_are_refused(group: Api, events: list[tuple[int, str]], message: str) -> None:
    now = now_ms(group)
    code, text = refused(
        group, "PutLogEvents", **STREAM, logEvents=[{"timestamp": now + at, "message": text} for at, text in events]
    )
    assert code == "InvalidParameterException" and message in text
    assert group.logs("FilterLogEvents", **GROUP)["events"] == []


def test_events_that_are_too_old_or_too_new_are_left_out(group: Api) -> None:
    now, day = now_ms(group), 86_400_000
    times = (now - 20 * day, now - 15 * day, now - 1, now, now + day, 2**80)
    events = [{"timestamp": at, "message": f"{place}"} for place, at in enumerate(times)]
    reply = group.logs("PutLogEvents", **STREAM, logEvents=events, sequenceToken="any")
    assert reply["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 2, "tooNewLogEventStartIndex": 4}
    assert messages(group.logs("FilterLogEvents", **GROUP)) == ["2", "3"]


def test_a_stream_is_read_forward_until_the_token_repeats(group: Api) -> None:
    put(group, *"abcde")
    call = {**STREAM, "limit": 2, "startFromHead": True}
    reply, seen, tokens = group.logs("GetLogEvents", **call), [], []
    while reply["nextForwardToken"] not in tokens:
        seen += messages(reply)
        tokens.append(reply["nextForwardToken"])
        reply = group.logs("GetLogEvents", **call, nextToken=tokens[-1])
    assert seen == list("abcde") and reply["events"] == []
    assert messages(group.logs("GetLogEvents", **call, nextToken=reply["nextBackwardToken"])) == ["d", "e"]
    put(group, "f", at_ms=now_ms(group) + 10)
    assert messages(group.logs("GetLogEvents", **call, nextToken=tokens[-1])) == ["f"]


def test_a_stream_is_read_backward_from_its_end(group: Api) -> None:
    call = {**STREAM, "limit": 2}
    empty = group.logs("GetLogEvents", **call)
    put(group, *"abcde")
    assert messages(group.logs("GetLogEvents", **call, nextToken=empty["nextForwardToken"])) == ["a", "b"]
    reply, pages = group.logs("GetLogEvents", **call), []
    while reply["events"]:
        pages.append(messages(reply))
        last, reply = reply, group.logs("GetLogEvents", **call, nextToken=reply["nextBackwardToken"])
    assert pages == [["d", "e"], ["b", "c"], ["a"]]
    assert reply["nextBackwardToken"] == last["nextBackwardToken"]
    assert messages(group.logs("GetLogEvents", **call, nextToken=reply["nextForwardToken"])) == ["a", "b"]


def test_the_time_range_of_a_stream_and_of_a_group(group: Api) -> None:
    at = now_ms(group)
    put(group, *"abc", at_ms=at)
    span = {"startTime": at, "endTime": at + 1}
    assert messages(group.logs("GetLogEvents", **STREAM, **span)) == ["a"], "the end is not part of it"
    assert messages(group.logs("FilterLogEvents", **GROUP, **span)) == ["a", "b"], "the end is part of it"
    assert messages(group.logs("FilterLogEvents", **GROUP, startTime=2**80)) == []


def test_a_group_is_filtered_in_pages(group: Api) -> None:
    group.logs("CreateLogStream", **GROUP, logStreamName="t")
    at = now_ms(group)
    put(group, *(f"even {number}" if number % 2 == 0 else f"odd {number}" for number in range(10)), at_ms=at)
    put(group, "even t", at_ms=at + 3, logStreamName="t")
    call: dict[str, Any] = {**GROUP, "filterPattern": "even", "limit": 2}

    def paged(**more: Any) -> list[str]:
        reply = group.logs("FilterLogEvents", **call, **more)
        found = messages(reply)
        while "nextToken" in reply:
            reply = group.logs("FilterLogEvents", **call, **more, nextToken=reply["nextToken"])
            found += messages(reply)
        return found

    forward = ["even 0", "even 2", "even t", "even 4", "even 6", "even 8"]
    assert paged() == forward
    assert paged(startFromHead=False) == forward[::-1]
    assert paged(logStreamNames=["t"]) == paged(logStreamNamePrefix="t") == ["even t"]
    assert paged(logStreamNames=["s", "t"]) == forward
    reply = group.logs("FilterLogEvents", **GROUP, filterPattern="t")
    assert reply["searchedLogStreams"] == [] and reply["events"][0]["logStreamName"] == "t"
    ids = [event["eventId"] for event in group.logs("FilterLogEvents", **GROUP)["events"]]
    assert len(set(ids)) == 11 and ids == sorted(ids) and {len(id) for id in ids} == {56}
    token = group.logs("FilterLogEvents", **call)["nextToken"]
    assert refused(group, "FilterLogEvents", **GROUP, nextToken=token)[0] == "InvalidParameterException"


@pytest.mark.parametrize("place", [(2**63, 1), (1, -1), (1, 2**64 - 1)])
def test_a_token_that_somebody_made_is_refused(group: Api, place: tuple[int, int]) -> None:
    call = ("FilterLogEvents", 1, None, "", "", 0, TIME_MS_MAX)
    good, forged = (make_token(call, (False, at), group.clock.now()) for at in ((0, 0), place))
    assert group.logs("FilterLogEvents", **GROUP, nextToken=good)["events"] == []
    assert refused(group, "FilterLogEvents", **GROUP, nextToken=forged)[0] == "InvalidParameterException"


def test_a_group_is_named_by_its_arn_too(group: Api) -> None:
    put(group, "a")
    for identifier in ("/app/orders", "arn:aws:logs:us-east-1:123456789012:log-group:/app/orders"):
        assert messages(group.logs("FilterLogEvents", logGroupIdentifier=identifier)) == ["a"]
    assert refused(group, "FilterLogEvents")[0] == "InvalidParameterException"
    assert refused(group, "FilterLogEvents", **GROUP, logGroupIdentifier="g")[0] == "InvalidParameterException"
    assert refused(group, "FilterLogEvents", logGroupIdentifier="arn:aws:sns:x")[0] == "InvalidParameterException"


@pytest.mark.parametrize(
    ("operation", "request_", "code"),
    [
        ("FilterLogEvents", {"logGroupName": "gone"}, "ResourceNotFoundException"),
        ("GetLogEvents", {**GROUP, "logStreamName": "gone"}, "ResourceNotFoundException"),
        ("PutLogEvents", {**GROUP, "logStreamName": "gone", "logEvents": [{"timestamp": 1, "message": "x"}]},
         "ResourceNotFoundException"),
        ("GetLogEvents", {**STREAM, "nextToken": "f/1"}, "InvalidParameterException"),
        ("GetLogEvents", {**STREAM, "nextToken": "f/" + "9" * 56}, "InvalidParameterException"),
        ("FilterLogEvents", {**GROUP, "filterPattern": "a:b"}, "InvalidParameterException"),
        ("FilterLogEvents", {**GROUP, "logStreamNames": ["s"], "logStreamNamePrefix": "s"},
         "InvalidParameterException"),
        ("CreateLogGroup", {"logGroupName": "no spaces"}, "ValidationException"),
        ("CreateLogGroup", {"logGroupName": 1}, "SerializationException"),
        ("CreateLogGroup", {"logGroupName": "p", "deletionProtectionEnabled": True}, "UnsupportedOperation"),
        ("StartQuery", {}, "UnsupportedOperation"),
        ("Nothing", {}, "UnknownOperationException"),
    ],
)  # fmt: skip
def test_what_is_refused(group: Api, operation: str, request_: dict[str, Any], code: str) -> None:
    assert refused(group, operation, **request_)[0] == code


def test_replies_say_which_json_they_are(api: Api) -> None:
    for target, version in (("Logs_20140328.DescribeLogGroups", "1.1"), ("AWSStepFunctions.ListActivities", "1.0")):
        status, headers, _ = api.run(api.asgi(b"{}", {"x-amz-target": target}))
        assert (status, headers["content-type"]) == (200, f"application/x-amz-json-{version}")
