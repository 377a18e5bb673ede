"""Names and values of AWS's members on their way in and out."""

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.model import OperationModel

from stepwell.awsmodels.services import find_operation, member_name
from stepwell.tasks.casing import BadParameters, model_name, request, result, timestamp


def operation(service: str, action: str) -> OperationModel:
    found = find_operation(service, action)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("member", "sdk", "model"),
    [
        ("ETag", "ETag", "ETag"),
        ("MD5OfMessageBody", "Md5OfMessageBody", "MD5OfMessageBody"),
        ("DBInstances", "DbInstances", "DBInstances"),
        ("SSEKMSKeyId", "SsekmsKeyId", "SSEKMSKeyId"),
        ("ChecksumCRC32", "ChecksumCRC32", "ChecksumCRC32"),
        ("BOOL", "Bool", "BOOL"),
        ("NULL", "Nul", "NULL"),
        ("executionArn", "ExecutionArn", "ExecutionArn"),
        ("S", "S", "S"),
    ],
)
def test_names(member: str, sdk: str, model: str) -> None:
    assert (member_name(member), model_name(member)) == (sdk, model)


@pytest.mark.parametrize(
    ("service", "action", "given", "sent"),
    [
        ("sfn", "startExecution", {"StateMachineArn": "a", "Input": None}, {"stateMachineArn": "a"}),
        ("sfn", "startExecution", {"Input": {"a": 1}}, {"input": '{"a":1}'}),
        ("sfn", "listExecutions", {"MaxResults": "5"}, {"maxResults": 5}),
        ("rds", "describeDBInstances", {"DbInstanceIdentifier": "d"}, {"DBInstanceIdentifier": "d"}),
        ("rds", "describeDBInstances", {"DBInstanceIdentifier": "d"}, {"DBInstanceIdentifier": "d"}),
        ("dynamodb", "putItem", {"Item": {"i": {"Bool": True}}}, {"Item": {"i": {"BOOL": True}}}),
        ("dynamodb", "putItem", {"Item": {"i": {"Nul": True}}}, {"Item": {"i": {"NULL": True}}}),
        ("kinesis", "putRecord", {"Data": {"a": 1}}, {"Data": b'{"a":1}'}),
        ("kms", "decrypt", {"CiphertextBlob": "/w=="}, {"CiphertextBlob": b"\xff"}),
        ("s3", "putObject", {"Body": [1]}, {"Body": b"[1]", "ContentType": "text/plain; charset=UTF-8"}),
        ("s3", "putObject", {"Body": "x", "ContentType": "a/b"}, {"Body": b"x", "ContentType": "a/b"}),
        ("s3", "listBuckets", None, {}),
    ],
)
def test_parameters_become_a_request(service: str, action: str, given: Any, sent: dict[str, Any]) -> None:
    assert request(operation(service, action), given) == sent


@pytest.mark.parametrize(
    ("service", "action", "given", "why"),
    [
        ("sfn", "startExecution", {"stateMachineArn": "a"}, 'The field "stateMachineArn" is not supported'),
        ("dynamodb", "putItem", {"Item": {"i": {"X": 1}}}, 'The field "X" is not supported'),
        ("dynamodb", "putItem", {"Item": []}, "must be an object"),
        ("dynamodb", "batchGetItem", {"RequestItems": {"t": {"Keys": {}}}}, "must be an array"),
        ("sfn", "listExecutions", {"MaxResults": "many"}, "must be a number"),
        ("sfn", "listExecutions", {"MaxResults": 1.5}, "must be a number"),
        ("sfn", "listExecutions", {"MaxResults": True}, "must be a number"),
        ("kms", "decrypt", {"CiphertextBlob": "?"}, "must be Base64"),
        ("kms", "decrypt", "text", "must be a JSON object"),
    ],
)
def test_what_is_no_request(service: str, action: str, given: Any, why: str) -> None:
    with pytest.raises(BadParameters, match=why):
        request(operation(service, action), given)


def test_a_reply_becomes_a_result() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, 120_000, tzinfo=UTC)
    reply = {"executionArn": "a", "startDate": at, "ResponseMetadata": {"RequestId": "r"}}
    expected = {"ExecutionArn": "a", "StartDate": "2026-01-02T03:04:05.120Z"}
    assert result(operation("sfn", "startExecution"), reply, member_name) == expected


def test_bodies_are_text_or_else_base64() -> None:
    get = operation("s3", "getObject")
    assert result(get, {"Body": io.BytesIO("ä".encode()), "Metadata": {}}, member_name) == {"Body": "ä", "Metadata": {}}
    assert result(get, {"Body": io.BytesIO(b"\xff")}, member_name) == {"Body": "/w=="}
    assert result(operation("kms", "encrypt"), {"CiphertextBlob": b"\xff"}, member_name) == {"CiphertextBlob": "/w=="}


def test_a_body_without_end_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stepwell.tasks.casing.BODY_BYTES_MAX", 3)
    with pytest.raises(BadParameters, match="more than 3 bytes"):
        result(operation("s3", "getObject"), {"Body": io.BytesIO(b"abcd")}, member_name)


@pytest.mark.parametrize(
    ("microsecond", "text"),
    [(0, "2026-01-02T03:04:05Z"), (7_000, "2026-01-02T03:04:05.007Z"), (7, "2026-01-02T03:04:05.000007Z")],
)
def test_times(microsecond: int, text: str) -> None:
    assert timestamp(datetime(2026, 1, 2, 3, 4, 5, microsecond, tzinfo=UTC)) == text
