"""What a template has of other AWS services: created at an emulator, so that tasks and functions find it there.

Properties are CloudFormation's, which are the members of the services' own calls but for what is said here.
"""

import json
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from stepwell.awsmodels.services import find_service
from stepwell.project.plan import ACCOUNT, REGION, AwsResource, Plan, Skipped
from stepwell.tasks.endpoints import OWN_SERVICES, Endpoints
from stepwell.tasks.optimized import SERVICES

_RESOURCE = re.compile(r"arn:aws[a-z-]*:states:[a-z0-9-]*:\d*:(aws-sdk:)?([a-z0-9-]+):[A-Za-z0-9]+")
_EXISTS = frozenset(
    {"BucketAlreadyExists", "BucketAlreadyOwnedByYou", "QueueAlreadyExists", "ResourceAlreadyExistsException"}
    | {"ResourceExistsException", "ResourceInUseException"}
)

EMULATED = frozenset({"dynamodb", "events", "s3", "secretsmanager", "sns", "sqs"})
"""What is worth an emulator of its own, by botocore's names."""


def needed_services(plan: Plan) -> dict[str, str]:
    """The services that a project needs an emulator for, each with what in the project needs it."""
    found = {CREATED[resource.type][0]: resource.logical_id for resource in plan.aws}
    for machine in plan.machines:
        for sdk, name in _RESOURCE.findall(machine.definition):
            service = _client_name(bool(sdk), name)
            if service in EMULATED - OWN_SERVICES:
                found.setdefault(service, machine.logical_id)
    return found


def _client_name(sdk: bool, name: str) -> str:
    if sdk:
        model = find_service(name)
        return "" if model is None else str(model.service_name)
    model = find_service(SERVICES[name].name) if name in SERVICES else None
    return name if model is None else str(model.service_name)


def create(resources: Iterable[AwsResource], endpoints: Endpoints, progress: Callable[[str], None]) -> list[Skipped]:
    """Create what is not there yet; gives what could not be created, and why."""
    failed = []
    for resource in resources:
        service, make = CREATED[resource.type]
        try:
            make(endpoints.client(service, REGION, ACCOUNT), resource.name, resource.properties)
            progress(f"{service} {resource.name}")
        except ClientError as error:
            if error.response["Error"]["Code"] not in _EXISTS:
                failed.append(Skipped(resource.logical_id, resource.type, f"the emulator refuses it: {error}"))
        except (BotoCoreError, KeyError, TypeError, ValueError) as error:
            why = f"its properties cannot be used: {type(error).__name__}: {error}"
            failed.append(Skipped(resource.logical_id, resource.type, why))
    return failed


# --- one function per type: client, physical name, properties

_Properties = Mapping[str, Any]

_TABLE = ("AttributeDefinitions", "KeySchema", "BillingMode", "ProvisionedThroughput", "StreamSpecification")
_INDEXES = ("GlobalSecondaryIndexes", "LocalSecondaryIndexes")


def _table(client: Any, name: str, properties: _Properties) -> None:
    given = {key: _integers(properties[key]) for key in (*_TABLE, *_INDEXES) if key in properties}
    if "StreamSpecification" in given:
        given["StreamSpecification"] = {"StreamEnabled": True, **given["StreamSpecification"]}
    if "ProvisionedThroughput" not in given:
        given["BillingMode"] = "PAY_PER_REQUEST"
    client.create_table(TableName=name, **given)


def _integers(value: Any) -> Any:
    """CloudFormation takes capacities as text, too."""
    if isinstance(value, dict):
        return {
            key: int(item) if key.endswith("CapacityUnits") else _integers(item) for key, item in value.items()
        }  # fmt: skip
    return [_integers(item) for item in value] if isinstance(value, list) else value


_KEY_TYPES = {"String": "S", "Number": "N", "Binary": "B"}


def _simple_table(client: Any, name: str, properties: _Properties) -> None:
    key = properties.get("PrimaryKey") or {"Name": "id", "Type": "String"}
    client.create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": key["Name"], "AttributeType": _KEY_TYPES[key["Type"]]}],
        KeySchema=[{"AttributeName": key["Name"], "KeyType": "HASH"}],
    )  # fmt: skip


_QUEUE = (
    "ContentBasedDeduplication", "DeduplicationScope", "DelaySeconds", "FifoQueue", "FifoThroughputLimit",
    "MaximumMessageSize", "MessageRetentionPeriod", "ReceiveMessageWaitTimeSeconds", "RedriveAllowPolicy",
    "RedrivePolicy", "VisibilityTimeout",
)  # fmt: skip


def _queue(client: Any, name: str, properties: _Properties) -> None:
    client.create_queue(QueueName=name, Attributes=_attributes(properties, _QUEUE))


def _topic(client: Any, name: str, properties: _Properties) -> None:
    attributes = _attributes(properties, ("ContentBasedDeduplication", "FifoTopic"))
    arn = client.create_topic(Name=name, Attributes=attributes)["TopicArn"]
    for subscription in properties.get("Subscription") or ():
        client.subscribe(TopicArn=arn, Protocol=subscription["Protocol"], Endpoint=subscription["Endpoint"])


def _subscription(client: Any, name: str, properties: _Properties) -> None:
    client.subscribe(
        TopicArn=properties["TopicArn"], Protocol=properties["Protocol"], Endpoint=properties["Endpoint"],
        Attributes=_attributes(properties, ("FilterPolicy", "FilterPolicyScope", "RawMessageDelivery")),
    )  # fmt: skip


def _attributes(properties: _Properties, names: tuple[str, ...]) -> dict[str, str]:
    """Attributes are texts; documents among them are JSON."""
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name in names
        if (value := properties.get(name)) is not None
    }


def _bucket(client: Any, name: str, properties: _Properties) -> None:
    client.create_bucket(Bucket=name)


def _bus(client: Any, name: str, properties: _Properties) -> None:
    client.create_event_bus(Name=name)


def _secret(client: Any, name: str, properties: _Properties) -> None:
    text = properties.get("SecretString")
    if text is None:
        text = _generated(properties.get("GenerateSecretString") or {})
    client.create_secret(Name=name, SecretString=text)


def _generated(settings: Mapping[str, Any]) -> str:
    """A random secret, in the template's document under its key if it has one."""
    secret = secrets.token_urlsafe(24)
    if "GenerateStringKey" not in settings:
        return secret
    return json.dumps({**json.loads(settings.get("SecretStringTemplate", "{}")), settings["GenerateStringKey"]: secret})


CREATED: Mapping[str, tuple[str, Callable[[Any, str, _Properties], None]]] = {
    "AWS::DynamoDB::Table": ("dynamodb", _table),
    "AWS::Events::EventBus": ("events", _bus),
    "AWS::S3::Bucket": ("s3", _bucket),
    "AWS::SNS::Subscription": ("sns", _subscription),
    "AWS::SNS::Topic": ("sns", _topic),
    "AWS::SQS::Queue": ("sqs", _queue),
    "AWS::SecretsManager::Secret": ("secretsmanager", _secret),
    "AWS::Serverless::SimpleTable": ("dynamodb", _simple_table),
}
"""Resource type to botocore's name of its service and to what creates one."""
