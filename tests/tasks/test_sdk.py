"""AWS SDK and optimized integrations, at an emulator that runs and at servers of the test."""

import json
import time
from collections.abc import AsyncIterator, Iterator
from itertools import count
from typing import Any

import pytest
from journals import events_of
from remote import Answer, Remote, serving
from taskhouse import House

from stepwell.machine.execution import FAILED, SUCCEEDED
from stepwell.machine.payload import Payload
from stepwell.processes.children import START_SECONDS, free_ports
from stepwell.processes.emulator import emulator
from stepwell.store.memory import MemoryStore
from stepwell.tasks.endpoints import Endpoints
from stepwell.tasks.runner import Outside

pytestmark = pytest.mark.anyio

SERVICES = "arn:aws:states:::"
SDK = "arn:aws:states:::aws-sdk:"
_numbers = count()


@pytest.fixture(scope="module")
def emulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a running ministack."""
    [port] = free_ports(1)
    child = emulator("ministack", tmp_path_factory.mktemp("aws"), port, {})
    child.start()
    try:
        child.wait(time.monotonic() + START_SECONDS)
        yield f"http://127.0.0.1:{port}"
    finally:
        child.stop()


@pytest.fixture
def remote() -> Iterator[Remote]:
    with serving() as remote:
        yield remote


@pytest.fixture
async def opened() -> AsyncIterator[Any]:
    houses: list[House] = []

    async def open(url: str | None, limits: str = "aws") -> House:
        house = House(MemoryStore(), None, limits, Outside(Endpoints({"": url} if url else {})))
        houses.append(house)
        await house.open()
        return house

    yield open
    for house in houses:
        await house.close()


async def call(house: House, resource: str, parameters: Any, **more: Any) -> Any:
    """How an execution of one Task ends."""
    state = {"Type": "Task", "Resource": resource, "Parameters": parameters, "End": True, **more}
    number = next(_numbers)
    machine = await house.create(f"m{number}", T=state)
    return await house.finish(await house.start(machine))


async def test_what_one_call_writes_the_next_one_reads(emulated: str, opened: Any) -> None:
    house = await opened(emulated)
    key = [{"AttributeName": "id", "KeyType": "HASH"}]
    made = await call(
        house, SDK + "dynamodb:createTable",
        {"TableName": "paid", "KeySchema": key, "BillingMode": "PAY_PER_REQUEST",
         "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}]},
    )  # fmt: skip
    assert made.status == SUCCEEDED, made.cause
    assert made.output.value["TableDescription"]["CreationDateTime"].endswith("Z")
    item = {"id": {"S": "1"}, "paid": {"BOOL": True}}
    put = await call(house, SERVICES + "dynamodb:putItem", {"TableName": "paid", "Item": item})
    assert put.output.value["SdkHttpMetadata"]["HttpHeaders"]["x-amz-crc32"] == "2745614147"
    found = await call(house, SERVICES + "dynamodb:getItem", {"TableName": "paid", "Key": {"id": {"S": "1"}}})
    assert found.output.value["Item"] == item
    found = await call(house, SDK + "dynamodb:getItem", {"TableName": "paid", "Key": {"id": {"S": "1"}}})
    assert found.output.value == {"Item": {"id": {"S": "1"}, "paid": {"Bool": True}}}
    update = {"TableName": "paid", "Key": {"id": {"S": "1"}}, "UpdateExpression": "SET n = :n"}
    update |= {"ExpressionAttributeValues": {":n": {"N": "2"}}, "ReturnValues": "UPDATED_NEW"}
    updated = await call(house, SERVICES + "dynamodb:updateItem", update)
    assert updated.output.value["Attributes"] == {"n": {"N": "2"}}


async def test_queue_and_topic(emulated: str, opened: Any) -> None:
    house = await opened(emulated)
    url = (await call(house, SDK + "sqs:createQueue", {"QueueName": "q"})).output.value["QueueUrl"]
    sent = await call(house, SERVICES + "sqs:sendMessage", {"QueueUrl": url, "MessageBody": {"a": 1}})
    headers = sent.output.value["SdkHttpMetadata"]["HttpHeaders"]
    assert (headers["Content-Length"], headers["Content-Type"]) == ("106", "application/x-amz-json-1.0")
    got = await call(house, SDK + "sqs:receiveMessage", {"QueueUrl": url})
    assert [message["Body"] for message in got.output.value["Messages"]] == ['{"a":1}']
    arn = (await call(house, SDK + "sns:createTopic", {"Name": "t"})).output.value["TopicArn"]
    published = await call(house, SERVICES + "sns:publish", {"TopicArn": arn, "Message": {"b": 2}})
    assert published.output.value["SdkHttpMetadata"]["HttpHeaders"]["Content-Length"] == "294"


async def test_token_goes_out_with_the_message(emulated: str, opened: Any) -> None:
    house = await opened(emulated)
    url = (await call(house, SDK + "sqs:createQueue", {"QueueName": "tokens"})).output.value["QueueUrl"]
    state = {
        "Type": "Task", "Resource": SERVICES + "sqs:sendMessage.waitForTaskToken", "End": True,
        "Parameters": {"QueueUrl": url, "MessageBody": {"token.$": "$$.Task.Token"}},
    }  # fmt: skip
    id = await house.start(await house.create("waits", T=state))
    await house.reached(id, "TaskSubmitted")
    got = await call(house, SDK + "sqs:receiveMessage", {"QueueUrl": url})
    token = json.loads(got.output.value["Messages"][0]["Body"])["token"]
    await house.engine.task_succeeded(token, Payload({"answer": 42}))
    assert (await house.finish(id)).output.value == {"answer": 42}


async def test_files_as_text(emulated: str, opened: Any) -> None:
    house = await opened(emulated)
    await call(house, SDK + "s3:createBucket", {"Bucket": "files"})
    put = await call(house, SDK + "s3:putObject", {"Bucket": "files", "Key": "k", "Body": {"a": "ä"}})
    got = await call(house, SDK + "s3:getObject", {"Bucket": "files", "Key": "k"})
    assert got.output.value["Body"] == '{"a":"ä"}'
    assert got.output.value["ContentType"] == "text/plain; charset=UTF-8"
    assert got.output.value["ETag"] == put.output.value["ETag"]
    gone = await call(house, SDK + "s3:getObject", {"Bucket": "files", "Key": "other"})
    assert gone.error == "S3.NoSuchKeyException"
    assert (gone.cause or "").startswith(
        "The specified key does not exist. (Service: S3, Status Code: 404, Request ID: "
    )
    assert (gone.cause or "").endswith(") (SDK Attempt Count: 1)")


@pytest.mark.parametrize(
    ("resource", "parameters", "error", "cause"),
    [
        (SERVICES + "dynamodb:getItem", {"TableName": "no", "Key": {"id": {"S": "1"}}},
         "DynamoDB.ResourceNotFoundException",
         "Requested resource not found (Service: AmazonDynamoDBv2; Status Code: 400; Error Code: Resource"),
        (SERVICES + "dynamodb:putItem", {"TableName": "no"}, "DynamoDB.AmazonDynamoDBException",
         "1 validation error detected: Value null at 'item' failed to satisfy constraint: Member must not be null "),
        (SDK + "dynamodb:getItem", {"TableName": "no", "Key": {"id": {"S": "1"}}},
         "DynamoDb.ResourceNotFoundException", "Requested resource not found (Service: DynamoDb, Status Code: 400, "),
        (SDK + "dynamodb:putItem", {"TableName": "no"}, "DynamoDb.DynamoDbException", "1 validation error detected: "),
        (SERVICES + "sns:publish", {"TopicArn": "arn:aws:sns:us-east-1:123456789012:no", "Message": "m"},
         "SNS.NotFoundException", "Topic does not exist"),
        (SDK + "rds:describeDBInstances", {"DbInstanceIdentifier": "no"}, "Rds.DbInstanceNotFoundException", ""),
        (SERVICES + "sqs:sendMessage", {"QueueUrl": "http://no-such-host.invalid", "MessageBody": "m"},
         "SQS.SdkClientException",
         "Unable to execute HTTP request: no-such-host.invalid: Name or service not known"),
    ],
)  # fmt: skip
async def test_refusals(
    emulated: str, opened: Any, resource: str, parameters: Any, error: str, cause: str
) -> None:  # fmt: skip
    ended = await call(await opened(emulated), resource, parameters)
    assert (ended.status, ended.error) == (FAILED, error)
    assert (ended.cause or "").startswith(cause)


async def test_parameters_that_no_operation_has_never_go_out(remote: Remote, opened: Any) -> None:
    house = await opened(remote.url)
    ended = await call(house, SDK + "dynamodb:putItem", {"TableName": "paid", "Nope": 1}, TimeoutSeconds=9)
    assert ended.error == "States.Runtime"
    assert ended.cause == (
        "An error occurred while executing the state 'T' (entered at the event id #2). "
        """The Parameters '{"TableName":"paid","Nope":1}' could not be used to start the Task: """
        '[The field "Nope" is not supported by Step Functions]'
    )
    types = await events_of(house.inner, ended.id)
    assert types[2:] == ["TaskScheduled", "TaskStartFailed", "ExecutionFailed"]
    assert remote.calls == []


async def test_no_endpoint_is_said_with_the_option(opened: Any) -> None:
    for resource in (SDK + "s3:listBuckets", SERVICES + "sqs:sendMessage"):
        ended = await call(await opened(None), resource, {})
        assert ended.error == "States.Runtime"
        assert "--aws-endpoint" in (ended.cause or "")


async def test_nobody_listens(opened: Any) -> None:
    [port] = free_ports(1)
    house = await opened(f"http://127.0.0.1:{port}")
    ended = await call(house, SDK + "sqs:listQueues", {})
    assert ended.error == "Sqs.SdkClientException"
    assert f"Connect to 127.0.0.1:{port} failed" in (ended.cause or "")


async def test_an_attempt_has_one_idempotency_token(remote: Remote, opened: Any) -> None:
    """The call fails once in between, on our side: delivered again it is the same; a retry is another one."""
    remote.answer = lambda call: Answer(503 if len(remote.calls) < 2 else 200, {"QueryExecutionId": "q"})
    retry = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1}]
    house = await opened(remote.url)
    state = {
        "Type": "Task", "Resource": SDK + "athena:startQueryExecution", "Parameters": {"QueryString": "q"},
        "Retry": retry, "End": True,
    }  # fmt: skip
    id = await house.start(await house.create("m", T=state))
    await house.reached(id, "TaskFailed")
    house.clock.move(2)
    assert (await house.finish(id)).status == SUCCEEDED
    tokens = [call.json["ClientRequestToken"] for call in remote.calls]
    assert len(tokens) == len(set(tokens)) == 2 and all(len(token) == 36 for token in tokens)


async def test_a_client_asks_once(remote: Remote, opened: Any) -> None:
    remote.answer = lambda call: Answer(500, {"__type": "InternalServerError", "message": "no"})
    ended = await call(await opened(remote.url), SDK + "dynamodb:listTables", {})
    assert (ended.error, len(remote.calls)) == ("DynamoDb.InternalServerErrorException", 1)


async def test_the_role_of_a_task_says_the_account(remote: Remote, opened: Any) -> None:
    remote.answer = lambda call: Answer(body={"TableNames": []})
    role = {"RoleArn": "arn:aws:iam::111122223333:role/other"}
    await call(await opened(remote.url), SDK + "dynamodb:listTables", {}, Credentials=role)
    assert "Credential=111122223333/" in remote.calls[0].headers["authorization"]


async def test_entries_that_failed_fail_the_task(remote: Remote, opened: Any) -> None:
    reply = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure"}]}
    remote.answer = lambda call: Answer(body=reply)
    ended = await call(await opened(remote.url), SERVICES + "events:putEvents", {"Entries": [{"Detail": {"a": 1}}]})
    assert (ended.error, json.loads(ended.cause or "")) == ("EventBridge.FailedEntry", reply)
    assert remote.calls[0].json == {"Entries": [{"Detail": '{"a":1}'}]}


async def test_a_model_takes_and_gives_documents(remote: Remote, opened: Any) -> None:
    remote.answer = lambda call: Answer(body={"text": "hi"}, headers={"Content-Type": "application/json"})
    ended = await call(
        await opened(remote.url), SERVICES + "bedrock:invokeModel", {"ModelId": "m", "Body": {"prompt": "hello"}}
    )
    assert ended.output.value == {"Body": {"text": "hi"}, "ContentType": "application/json"}
    assert remote.calls[0].json == {"prompt": "hello"}


async def test_what_no_api_has_says_so(remote: Remote, opened: Any) -> None:
    ended = await call(await opened(remote.url), SERVICES + "eks:runJob", {})
    assert ended.error == "States.Runtime" and "eks:runJob" in (ended.cause or "")
