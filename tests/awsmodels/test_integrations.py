"""What Step Functions integrates with."""

import pytest

from stepwell.awsmodels.integrations import is_integration


@pytest.mark.parametrize(
    ("type", "action", "pattern", "there"),
    [
        ("aws-sdk:dynamodb", "putItem", "", True),
        ("aws-sdk:dynamodb", "putItem", "waitForTaskToken", True),
        ("aws-sdk:dynamodb", "putItem", "sync", False),
        ("aws-sdk:dynamodb", "PutItem", "", False),
        ("aws-sdk:events", "putEvents", "", False),
        ("aws-sdk:eventbridge", "putEvents", "", True),
        ("aws-sdk:kinesis", "subscribeToShard", "", False),
        ("dynamodb", "putItem", "", True),
        ("dynamodb", "query", "", False),
        ("dynamodb", "putItem", "waitForTaskToken", False),
        ("sqs", "sendMessage", "waitForTaskToken", True),
        ("batch", "submitJob", "sync", True),
        ("batch", "submitJob", "sync:2", False),
        ("states", "startExecution", "sync:2", True),
        ("athena", "getQueryResults", "sync", False),
        ("acme", "charge", "", False),
    ],
)
def test_what_there_is(type: str, action: str, pattern: str, there: bool) -> None:
    assert is_integration(type, action, pattern) is there
