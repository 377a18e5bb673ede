"""`stepwell run` and `up` of projects that need other AWS services, with a real emulator."""

import json
import urllib.request
from pathlib import Path

import click
import pytest
from tests.cli.test_processes import _run

from stepwell.commands.emulating import emulated
from stepwell.commands.hosting import Hosting
from stepwell.project.discover import load_plan

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Orders:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      ProvisionedThroughput: {ReadCapacityUnits: "5", WriteCapacityUnits: 5}
  Small: {Type: AWS::Serverless::SimpleTable}
  Mail: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 30}}
  News: {Type: AWS::SNS::Topic, Properties: {Subscription: [{Protocol: sqs, Endpoint: !GetAtt Mail.Arn}]}}
  Copy: {Type: AWS::SNS::Subscription, Properties: {TopicArn: !Ref News, Protocol: sqs, Endpoint: !GetAtt Mail.Arn}}
  Files: {Type: AWS::S3::Bucket, Properties: {BucketName: files}}
  Bus: {Type: AWS::Events::EventBus, Properties: {Name: bus}}
  Word:
    Type: AWS::SecretsManager::Secret
    Properties: {Name: word, GenerateSecretString: {SecretStringTemplate: '{"user": "ada"}', GenerateStringKey: key}}
  Broken: {Type: AWS::DynamoDB::Table}
  Flow:
    Type: AWS::Serverless::StateMachine
    Properties:
      Name: flow
      DefinitionSubstitutions: {Table: !Ref Orders, Topic: !Ref News}
      Definition:
        QueryLanguage: JSONata
        StartAt: Put
        States:
          Put:
            Type: Task
            Resource: arn:aws:states:::dynamodb:putItem
            Arguments: {TableName: "${Table}", Item: {id: {S: "1"}}}
            Next: Publish
          Publish:
            Type: Task
            Resource: arn:aws:states:::sns:publish
            Arguments: {TopicArn: "${Topic}", Message: hello}
            Next: Store
          Store:
            Type: Task
            Resource: arn:aws:states:::aws-sdk:s3:putObject
            Arguments: {Bucket: files, Key: k, Body: text}
            Next: Secret
          Secret:
            Type: Task
            Resource: arn:aws:states:::aws-sdk:secretsmanager:getSecretValue
            Arguments: {SecretId: word}
            Output: "{% $keys($parse($states.result.SecretString)) %}"
            End: true
"""


def test_a_project_runs_with_what_its_template_has(tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    result = _run("run", "flow", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == ["user", "key"]
    assert "ministack plays other AWS services on http://127.0.0.1:" in result.stderr
    assert "dynamodb Orders" in result.stderr


def test_what_up_starts_keeps_its_data_and_ends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    plan = load_plan(tmp_path, {})
    asked = Hosting(store_url="memory:", limits="aws", aws_endpoints={"s3": "real"})
    for created in (True, False):
        with emulated(plan, asked, tmp_path / "aws", keep=True) as (left, hosting):
            url = hosting.aws_endpoints[""]
            assert hosting.aws_endpoints == {"": url, "s3": "real"}
            [broken] = [item for item in left.skipped if item.type.startswith("AWS::Dynamo")]
            assert (broken.logical_id, broken.reason[:24]) == ("Broken", "the emulator refuses it:")
        assert ("dynamodb Orders" in capsys.readouterr().err) is created
        with pytest.raises(OSError):
            urllib.request.urlopen(url, timeout=5)


def test_an_endpoint_for_all_services_needs_no_emulator(tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    plan, asked = load_plan(tmp_path, {}), Hosting(store_url="memory:", limits="aws", aws_endpoints={"": "http://h"})
    with emulated(plan, asked, tmp_path / "aws", keep=True) as (left, hosting):
        assert left is plan and hosting is asked
    assert not (tmp_path / "aws").exists()


def test_without_the_emulator_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    monkeypatch.setattr("stepwell.commands.emulating.is_installed", lambda: False)
    asked = Hosting(store_url="memory:", limits="aws")
    with pytest.raises(click.ClickException, match=r"pip install 'stepwell\[aws\]'"), emulated(
        load_plan(tmp_path, {}), asked, tmp_path / "aws", keep=True
    ):  # fmt: skip
        pass


@pytest.mark.parametrize("options", [("--aws-endpoint", "dynamodb=nowhere"), ("--aws-endpoint", "nothing=http://h")])
def test_endpoints_that_are_none(tmp_path: Path, options: tuple[str, str]) -> None:
    result = _run("serve", *options, cwd=tmp_path)
    assert result.returncode == 2 and "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("option", "name"), [("--connections", "no.yaml"), ("--resources", "no.py")]
)  # fmt: skip
def test_files_that_are_not_there(tmp_path: Path, option: str, name: str) -> None:
    result = _run("serve", "--port", "0", "--store", "memory:", option, name, cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr.startswith(f"Error: {name}: ") and "defect" not in result.stderr
