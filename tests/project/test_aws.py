"""What a template has of other AWS services."""

import pytest

from stepwell.project.aws import CREATED, EMULATED, needed_services
from stepwell.project.plan import EMULATED_TYPES

from .conftest import Project

TEMPLATE = """
    Transform: AWS::Serverless-2016-10-31
    Resources:
      Orders:
        Type: AWS::DynamoDB::Table
        Properties:
          TableName: !Sub "orders-${AWS::Region}"
          KeySchema: [{AttributeName: id, KeyType: HASH}]
          SSESpecification: {KMSMasterKeyId: !GetAtt Key.Arn}
      Key: {Type: AWS::KMS::Key}
      Small: {Type: AWS::Serverless::SimpleTable}
      Flow:
        Type: AWS::Serverless::StateMachine
        Properties:
          Definition:
            StartAt: A
            States: {A: {Type: Task, Resource: "RESOURCE", End: true}}
"""


def test_what_a_template_has_is_settled(project: Project) -> None:
    project.write("template.yaml", TEMPLATE)
    plan = project.plan()
    assert [(found.logical_id, found.type, found.name) for found in plan.aws] == [
        ("Orders", "AWS::DynamoDB::Table", "orders-us-east-1"),
        ("Small", "AWS::Serverless::SimpleTable", "Small"),
    ]
    assert plan.aws[0].properties["KeySchema"] == [{"AttributeName": "id", "KeyType": "HASH"}]
    skipped = {(item.logical_id, item.type) for item in plan.skipped}
    assert skipped == {
        ("Orders", "AWS::DynamoDB::Table"), ("Key", "AWS::KMS::Key"), ("Small", "AWS::Serverless::SimpleTable"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("resource", "service"),
    [
        ("arn:aws:states:::sqs:sendMessage.waitForTaskToken", {"sqs"}),
        ("arn:aws:states:::events:putEvents", {"events"}),
        ("arn:aws:states:::aws-sdk:eventbridge:putEvents", {"events"}),
        ("arn:aws:states:::aws-sdk:s3:listBuckets", {"s3"}),
        ("arn:aws:states:::aws-sdk:sfn:listStateMachines", set()),
        ("arn:aws:states:::aws-sdk:ec2:describeInstances", set()),
        ("arn:aws:states:::lambda:invoke", set()),
        ("arn:aws:states:::states:startExecution", set()),
    ],
)
def test_what_needs_an_emulator(project: Project, resource: str, service: set[str]) -> None:
    project.write("template.yaml", TEMPLATE.replace("RESOURCE", resource).replace("AWS::DynamoDB::Table", "AWS::X::Y"))
    needed = needed_services(project.plan())
    assert needed.pop("dynamodb") == "Small"
    assert needed.keys() == service
    assert all(who == "Flow" for who in needed.values())


def test_the_types_are_those_that_can_be_created() -> None:
    assert CREATED.keys() == EMULATED_TYPES
    assert {service for service, _ in CREATED.values()} == EMULATED
