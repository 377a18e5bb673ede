"""The names that a Resource uses lead to botocore's models."""

import pytest

from stepwell.awsmodels.services import action_name, find_operation, member_name, pascal_case, service_name


@pytest.mark.parametrize(
    ("service", "action", "operation"),
    [
        ("dynamodb", "putItem", "PutItem"),
        ("sfn", "describeExecution", "DescribeExecution"),
        ("cloudwatchlogs", "putLogEvents", "PutLogEvents"),
        ("config", "putConfigRule", "PutConfigRule"),
        ("cognitoidentityprovider", "adminGetUser", "AdminGetUser"),
        ("s3", "listObjectsV2", "ListObjectsV2"),
        ("rds", "describeDBInstances", "DescribeDBInstances"),
        ("elasticloadbalancingv2", "describeRules", "DescribeRules"),
    ],
)
def test_a_resource_names_an_operation(service: str, action: str, operation: str) -> None:
    found = find_operation(service, action)
    assert found is not None
    assert found.name == operation


@pytest.mark.parametrize(("service", "action"), [("dynamodb", "PutItem"), ("dynamodb", "fly"), ("nowhere", "putItem")])
def test_what_no_model_has_is_not_found(service: str, action: str) -> None:
    assert find_operation(service, action) is None


@pytest.mark.parametrize(
    ("name", "java"),
    [
        ("DBInstanceIdentifier", "DbInstanceIdentifier"),
        ("ETag", "ETag"),
        ("SSEKMSKeyId", "SsekmsKeyId"),
        ("nextToken", "NextToken"),
        ("executionArn", "ExecutionArn"),
        ("MD5OfMessageBody", "Md5OfMessageBody"),
        ("PolicyARN", "PolicyARN"),
    ],
)
def test_members_have_the_case_of_the_java_sdk(name: str, java: str) -> None:
    assert member_name(name) == java


def test_classes_have_the_case_of_the_java_sdk() -> None:
    assert [pascal_case(name) for name in ("SFN", "EC2", "DBClusterNotFound")] == ["Sfn", "Ec2", "DbClusterNotFound"]


def test_services_and_actions_have_the_case_of_the_java_sdk() -> None:
    assert [service_name(name) for name in ("SFN", "Config Service", "IoT Data Plane", "CloudWatch Logs")] == [
        "sfn",
        "config",
        "iotdataplane",
        "cloudwatchlogs",
    ]
    assert [action_name(name) for name in ("PutItem", "DBThing", "ListObjectsV2")] == [
        "putItem",
        "dbThing",
        "listObjectsV2",
    ]
