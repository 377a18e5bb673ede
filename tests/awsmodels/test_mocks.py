"""Mocked results against the models of the services that they stand for."""

from typing import Any

import pytest

from stepwell.awsmodels.errors import ValidationError
from stepwell.awsmodels.mocks import NONE, PRESENT, STRICT, check_result

DONE = {
    "ExecutionArn": "e", "StateMachineArn": "m", "Status": "SUCCEEDED", "StartDate": "2026-01-01T00:00:00Z",
}  # fmt: skip
CHILD = "startExecution.sync:2"


def refusal(type: str, action: str, result: Any, mode: str = STRICT) -> str | None:
    try:
        check_result(type, action, action.partition(".")[2], result, mode)
    except ValidationError as error:
        return error.message.removeprefix("Mock result schema validation error: ")
    return None


@pytest.mark.parametrize(
    ("type", "action", "result"),
    [
        ("lambda", "invoke", {"Payload": {"any": ["json"]}, "StatusCode": 200}),
        ("aws-sdk:lambda", "invoke", {"Payload": "text", "StatusCode": 200}),
        ("dynamodb", "getItem", {"Item": {"a": {"M": {"b": {"L": [{"N": "1"}, {"BOOL": True}]}}}}}),
        ("aws-sdk:dynamodb", "getItem", {"Item": {"a": {"Bool": True}}, "ConsumedCapacity": {"CapacityUnits": 1.5}}),
        ("aws-sdk:rds", "describeDBInstances", {"DbInstances": [{"DbInstanceIdentifier": "d", "MultiAZ": False}]}),
        ("sqs", "sendMessage", {"MD5OfMessageBody": "m", "MessageId": "i"}),
        ("states", CHILD, {**DONE, "Output": {"any": "json"}}),
        ("states", "startExecution.sync", {**DONE, "Output": "text"}),
        ("states", "startExecution.waitForTaskToken", "whatever was sent"),
        ("http", "invoke", {"StatusCode": "unknown to any model"}),
        ("eks", "runJob", ["no operation of the service"]),
        ("bedrock", "invokeModel", {"Body": {"any": "json"}}),
        ("s3", "getObject", {"Body": None}),
        ("sagemaker", "createTrainingJob.sync", {"TrainingJobName": "t"}),
    ],
)
def test_what_the_service_could_give_passes(type: str, action: str, result: Any) -> None:
    assert refusal(type, action, result, PRESENT) is None


@pytest.mark.parametrize(
    ("type", "action", "result", "text"),
    [
        ("lambda", "invoke", {"StatusCode": True}, "Field 'StatusCode' must be a number"),
        ("aws-sdk:lambda", "invoke", {"Payload": {}}, "Field 'Payload' must be a string"),
        ("dynamodb", "getItem", {"Item": {"a": {"M": {"b": {"N": 1}}}}}, "Field 'N' must be a string"),
        (
            "aws-sdk:rds",
            "describeDBInstances",
            {"DbInstances": [{"MultiAZ": "no"}]},
            "Field 'MultiAZ' must be a boolean",
        ),
        ("states", "startExecution.sync", {**DONE, "Output": {}}, "Field 'Output' must be a string"),
        ("states", CHILD, {**DONE, "Status": "GONE"}, "Field 'Status' is not an expected value"),
        ("states", CHILD, {**DONE, "InputDetails": []}, "Field 'InputDetails' must be an object"),
        ("batch", "submitJob.sync", {"Jobs": {}}, "Field 'Jobs' must be an array"),
        ("glue", "startJobRun.sync", {"JobRun": {"Attempt": "1"}}, "Field 'Attempt' must be a number"),
        ("elasticmapreduce", "createCluster.sync", {"Cluster": {"Name": 1}}, "Field 'Name' must be a string"),
        ("eks", "deleteNodegroup.sync", {"Nodegroup": 1}, "Field 'Nodegroup' must be an object"),
        ("events", "putEvents", [], "The result must be an object"),
    ],
)
def test_what_it_could_not_give_is_refused(type: str, action: str, result: Any, text: str) -> None:
    for mode in (STRICT, PRESENT):
        assert refusal(type, action, result, mode) == text
    assert refusal(type, action, result, NONE) is None


def test_only_strict_asks_for_what_is_missing() -> None:
    result = {name: value for name, value in DONE.items() if name != "Status"}
    assert refusal("states", CHILD, result) == "Required field 'Status' is missing"
    assert refusal("states", CHILD, result, PRESENT) is None
    assert refusal("states", CHILD, DONE) is None
