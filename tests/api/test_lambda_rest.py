"""The Lambda API as unmodified clients see it: boto3 against a real server, raw requests where boto3 is too polite."""

import asyncio
import base64
import http.client
import io
import json
import socket
import threading
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
import uvicorn
from botocore.config import Config
from botocore.exceptions import ClientError
from starlette.applications import Starlette

from stepwell.api.identity import identity
from stepwell.api.lambda_rest import lambda_routes
from stepwell.functions.service import FunctionService
from stepwell.store.memory import MemoryStore

ROLE = "arn:aws:iam::123456789012:role/test"
ARN = "arn:aws:lambda:us-east-1:123456789012:function:"
HANDLER = """
import os
def handler(event, context):
    print("hello")
    if event == "fail": raise KeyError("x")
    if event == "die": os._exit(1)
    return {"event": event, "id": context.aws_request_id,
            "custom": context.client_context.custom if context.client_context else None}
"""


class Endpoint:
    """The routes on a loopback port, served by uvicorn in a thread."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._started.wait(10)

    async def _serve(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
            self.url = f"http://127.0.0.1:{self.port}"
            service = FunctionService(self._data_dir, MemoryStore(), endpoint_url=lambda: self.url)
            await service.start()
            config = uvicorn.Config(Starlette(routes=lambda_routes(service)), log_level="error", lifespan="off")
            self._server = uvicorn.Server(config)
            self._started.set()
            await self._server.serve([listener])
            await service.close()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)

    def client(self, key: str = "test", region: str = "us-east-1") -> Any:
        config = Config(retries={"max_attempts": 0}, read_timeout=30, parameter_validation=False)
        return boto3.client(
            "lambda",
            endpoint_url=self.url,
            region_name=region,
            aws_access_key_id=key,
            aws_secret_access_key="x",
            config=config,
        )

    def raw(self, method: str, path: str, body: bytes | str = b"", headers: dict[str, str] | None = None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        text = response.read()
        connection.close()
        return response.status, dict(response.getheaders()), text


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    endpoint = Endpoint(tmp_path_factory.mktemp("data"))
    yield endpoint
    endpoint.stop()


@pytest.fixture
def client(endpoint: Endpoint) -> Iterator[Any]:
    client = endpoint.client()
    yield client
    for function in client.list_functions()["Functions"]:
        client.delete_function(FunctionName=function["FunctionName"])


def zipped(source: str = HANDLER, name: str = "handler.py") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, source)
    return buffer.getvalue()


def create(client: Any, name: str = "f", **members: Any) -> dict[str, Any]:
    request = {"FunctionName": name, "Runtime": "python3.12", "Handler": "handler.handler", "Role": ROLE}
    return client.create_function(**{**request, "Code": {"ZipFile": zipped()}, **members})


def error_of(call: Any, **members: Any) -> tuple[str, int, str]:
    with pytest.raises(ClientError) as caught:
        call(**members)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Message"]


def test_create_wait_and_invoke(client):
    created = create(client, Tags={"team": "a"})
    assert created["State"] == "Pending" and created["ResponseMetadata"]["HTTPStatusCode"] == 201
    client.get_waiter("function_active_v2").wait(FunctionName="f", WaiterConfig={"MaxAttempts": 1})
    client.get_waiter("function_updated_v2").wait(FunctionName="f", WaiterConfig={"MaxAttempts": 1})
    context = base64.b64encode(b'{"custom": {"k": "v"}}').decode()
    reply = client.invoke(FunctionName="f", Payload=b'{"a": 1}', LogType="Tail", ClientContext=context)
    assert reply["StatusCode"] == 200 and reply["ExecutedVersion"] == "$LATEST" and "FunctionError" not in reply
    payload = json.loads(reply["Payload"].read())
    assert payload["event"] == {"a": 1} and payload["custom"] == {"k": "v"}
    assert payload["id"] == reply["ResponseMetadata"]["RequestId"]
    log = base64.b64decode(reply["LogResult"]).decode()
    assert log.startswith(f"START RequestId: {payload['id']} Version: $LATEST\nhello\nEND")
    without = client.invoke(FunctionName=ARN + "f")
    assert "LogResult" not in without and json.loads(without["Payload"].read())["event"] == {}


@pytest.mark.parametrize(("event", "error_type"), [("fail", "KeyError"), ("die", "Runtime.ExitError")])
def test_a_failing_function_is_a_reply_and_no_error(client, event, error_type):
    create(client)
    reply = client.invoke(FunctionName="f", Payload=json.dumps(event))
    assert reply["StatusCode"] == 200 and reply["FunctionError"] == "Unhandled"
    assert json.loads(reply["Payload"].read())["errorType"] == error_type


def test_event_and_dry_run(client):
    create(client)
    event = client.invoke(FunctionName="f", InvocationType="Event", Payload=b"{}")
    assert event["StatusCode"] == 202 and event["Payload"].read() == b""
    dry = client.invoke(FunctionName="f", InvocationType="DryRun")
    assert dry["StatusCode"] == 204 and dry["Payload"].read() == b""


def test_code_configuration_and_versions(endpoint, client):
    create(client)
    first = client.publish_version(FunctionName="f", Description="one")
    assert first["Version"] == "1" and first["ResponseMetadata"]["HTTPStatusCode"] == 201
    new = zipped("def handler(event, context):\n    return 'new'\n")
    updated = client.update_function_code(FunctionName="f", ZipFile=new)
    assert updated["LastUpdateStatus"] == "InProgress" and updated["CodeSha256"] != first["CodeSha256"]
    client.update_function_configuration(FunctionName="f", Timeout=7, Environment={"Variables": {"AB": "c"}})
    configuration = client.get_function_configuration(FunctionName="f")
    assert configuration["Timeout"] == 7 and configuration["Environment"]["Variables"] == {"AB": "c"}
    assert client.invoke(FunctionName="f")["Payload"].read() == b'"new"'
    old = client.invoke(FunctionName="f", Qualifier="1", Payload=b"1")
    assert old["ExecutedVersion"] == "1" and json.loads(old["Payload"].read())["event"] == 1
    versions = client.list_versions_by_function(FunctionName="f")["Versions"]
    assert [entry["FunctionArn"] for entry in versions] == [f"{ARN}f:$LATEST", f"{ARN}f:1"]
    everything = client.list_functions(FunctionVersion="ALL")["Functions"]
    assert [entry["Version"] for entry in everything] == ["$LATEST", "1"]
    location = client.get_function(FunctionName="f")["Code"]["Location"]
    assert urllib.request.urlopen(location, timeout=10).read() == new


def test_what_tools_read_around_a_function(client):
    create(client)
    assert client.get_function_code_signing_config(FunctionName="f")["FunctionName"] == "f"
    assert "ReservedConcurrentExecutions" not in client.get_function_concurrency(FunctionName="f")
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    assert client.get_function_concurrency(FunctionName="f")["ReservedConcurrentExecutions"] == 0
    with pytest.raises(client.exceptions.TooManyRequestsException) as caught:
        client.invoke(FunctionName="f")
    assert caught.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    client.delete_function_concurrency(FunctionName="f")
    client.tag_resource(Resource=ARN + "f", Tags={"a": "1", "b": "2"})
    client.untag_resource(Resource=ARN + "f", TagKeys=["a", "x"])
    assert client.list_tags(Resource=ARN + "f")["Tags"] == {"b": "2"}
    assert error_of(client.get_policy, FunctionName="f")[:2] == ("ResourceNotFoundException", 404)
    permission = {"Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com", "StatementId": "s"}
    statement = json.loads(client.add_permission(FunctionName="f", **permission)["Statement"])
    assert json.loads(client.get_policy(FunctionName="f")["Policy"])["Statement"] == [statement]
    client.remove_permission(FunctionName="f", StatementId="s")


def test_paging(client):
    for i in range(5):
        create(client, f"f{i}")
    pages = client.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2})
    assert [[entry["FunctionName"] for entry in page["Functions"]] for page in pages] == [
        ["f0", "f1"],
        ["f2", "f3"],
        ["f4"],
    ]
    assert error_of(client.list_functions, Marker="?")[0] == "InvalidParameterValueException"


def test_the_account_is_the_access_key(endpoint, client):
    other = endpoint.client("000000000042", "eu-west-1")
    assert create(other)["FunctionArn"] == "arn:aws:lambda:eu-west-1:000000000042:function:f"
    assert error_of(client.get_function, FunctionName="f")[:2] == ("ResourceNotFoundException", 404)
    other.delete_function(FunctionName="f")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", ("123456789012", "us-east-1")),
        ("AWS4-HMAC-SHA256 Credential=AKID/20261121/eu-west-3/states/aws4_request, S", ("123456789012", "eu-west-3")),
        ("AWS4-HMAC-SHA256 Credential=111122223333/20261121/us-gov-west-1/lambda/a", ("111122223333", "us-gov-west-1")),
        ("AWS4-HMAC-SHA256 Credential=1111222233334/20261121/us-east-2/lambda/a", ("123456789012", "us-east-2")),
        ("AWS4-HMAC-SHA256 Credential=../../20261121/../lambda/a", ("123456789012", "us-east-1")),
        ("Bearer x", ("123456789012", "us-east-1")),
    ],
)
def test_identity(header, expected):
    assert identity({"authorization": header}) == expected


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"Runtime": "nodejs20.x"}, "InvalidParameterValueException"),
        ({"PackageType": "Image"}, "InvalidParameterValueException"),
        ({"Role": "nonsense"}, "Value 'nonsense' at 'role' failed to satisfy constraint: Member must satisfy regular"),
        ({"Timeout": 0}, "Value '0' at 'timeout' failed to satisfy constraint: Member must have value greater than"),
        ({"Timeout": "soon"}, "SerializationException"),
        ({"Timeout": 1.5}, "SerializationException"),
        ({"Timeout": True}, "SerializationException"),
        ({"MemorySize": 99999}, "less than or equal to"),
        ({"FunctionName": "../../etc/passwd"}, "ValidationException"),
        ({"FunctionName": "a" * 65}, "ValidationException"),
        ({"FunctionName": None}, "Value null at 'functionName' failed to satisfy constraint: Member must not be null"),
        ({"Handler": "two words"}, "'handler' failed to satisfy constraint"),
        ({"Description": "x" * 257}, "length less than or equal to 256"),
        (
            {"Architectures": ["riscv"]},
            "Value 'riscv' at 'architectures.1.member' failed to satisfy constraint: Member must",
        ),
        ({"TracingConfig": {"Mode": "Loud"}}, "'tracingConfig.mode' failed"),
        ({"Environment": {"Variables": {"A B": "x"}}}, "ValidationException"),
        ({"Environment": {"Variables": []}}, "SerializationException"),
        ({"Environment": {"Variables": {"AB": 5}}}, "SerializationException"),
        ({"Tags": "none"}, "SerializationException"),
        ({"Layers": ["arn:aws:lambda:us-east-1:123456789012:layer:none:1"]}, "does not exist"),
        ({"Code": {}}, "Please provide a source for function code."),
        ({"Code": {"ZipFile": "?"}}, "SerializationException"),
        ({"Code": {"ZipFile": base64.b64encode(b"no zip").decode()}}, "Could not unzip"),
    ],
)
def test_refused_creations(endpoint, client, members, expected):
    request: dict[str, Any] = {"FunctionName": "f", "Runtime": "python3.12", "Handler": "handler.handler", "Role": ROLE}
    request |= {"Code": {"ZipFile": base64.b64encode(zipped()).decode()}} | members
    status, headers, body = endpoint.raw("POST", "/2015-03-31/functions", json.dumps(request))
    error = json.loads(body)
    assert status == 400 and error["Type"] == "User"
    assert expected in headers["x-amzn-errortype"] + " " + error["message"]
    assert client.list_functions()["Functions"] == []


def test_all_problems_are_told_at_once(endpoint):
    status, _headers, body = endpoint.raw(
        "POST", "/2015-03-31/functions", json.dumps({"FunctionName": "f", "Timeout": 0})
    )
    assert status == 400 and json.loads(body)["message"].startswith(
        "3 validation errors detected: Value null at 'role'"
    )


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/2015-03-31/functions/..%2F..%2Fetc%2Fpasswd", 404),
        ("/2015-03-31/functions/../../etc/passwd", 404),
        ("/2015-03-31/functions/..", 400),
        ("/2015-03-31/functions/%00", 400),
        ("/2015-03-31/functions/" + "a" * 300, 400),
        ("/2015-03-31/functions/x?Qualifier=..%2F", 400),
        ("/2015-03-31/functions/nothing", 404),
        ("/2015-03-31/functions?MaxItems=many", 400),
        ("/2015-03-31/functions?MaxItems=0", 400),
        ("/2015-03-31/nothing/at/all", 404),
        ("/2017-03-31/tags/arn:aws:s3:::bucket", 400),
        ("/_stepwell/functions/code/..%2F..%2Fetc%2Fpasswd.zip", 404),
        ("/_stepwell/functions/code/" + "0" * 64 + ".zip", 404),
        ("/2015-03-31/functions/f/aliases", 501),
    ],
)
def test_strange_paths(endpoint, path, status):
    answered, _headers, body = endpoint.raw("GET", path)
    assert answered == status and b"root:" not in body


@pytest.mark.parametrize("body", ["{", "[]", "5", '"x"', "\udcff", "[" * 100_000, '{"Timeout": 1e999}', "null"])
def test_bodies_that_are_no_requests(endpoint, body):
    status, headers, _text = endpoint.raw("POST", "/2015-03-31/functions", body.encode(errors="surrogateescape"))
    assert status == 400 and headers["x-amzn-errortype"] in ("SerializationException", "ValidationException")


def test_an_internal_error_is_told_as_one(tmp_path):
    async def broken(*args: Any, **kwargs: Any) -> None:
        raise ZeroDivisionError

    async def serve() -> None:
        service = FunctionService(tmp_path, MemoryStore())
        service.get = broken  # type: ignore[method-assign]
        transport = httpx.ASGITransport(Starlette(routes=lambda_routes(service)))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            response = await client.get("/2015-03-31/functions/f")
        assert response.status_code == 500 and response.json()["Type"] == "Service"
        assert response.headers["x-amzn-errortype"] == "ServiceException"

    asyncio.run(serve())


def test_hostile_invocations(endpoint, client):
    create(client)
    path = "/2015-03-31/functions/f/invocations"
    status, headers, _body = endpoint.raw("POST", path, b"x" * (10 << 20))
    assert (status, headers["x-amzn-errortype"]) == (413, "RequestEntityTooLargeException")
    assert endpoint.raw("POST", path, b'"' + b"x" * 6_291_454 + b'"')[0] == 200
    status, headers, body = endpoint.raw("POST", path, b"{not json")
    assert (status, headers["x-amzn-errortype"]) == (400, "InvalidRequestContentException")
    assert "Could not parse request body into json" in json.loads(body)["message"]
    for header, value in (("X-Amz-Invocation-Type", "Later"), ("X-Amz-Log-Type", "All"), ("X-Amz-Client-Context", "?")):
        status, _headers, _body = endpoint.raw("POST", path, b"{}", {header: value})
        assert status == 400
    array = base64.b64encode(b"[1]").decode()
    assert endpoint.raw("POST", path, b"{}", {"X-Amz-Client-Context": array})[0] == 400
    event = {"X-Amz-Invocation-Type": "Event"}
    assert endpoint.raw("POST", path, b'"' + b"x" * (1 << 20) + b'"', event)[0] == 413
    assert endpoint.raw("POST", path + "/", b"1")[0] == 200


def test_hostile_archives(endpoint, client):
    for name in ("/tmp/stepwell-absolute", "../../../outside"):
        code, status, message = error_of(lambda **m: create(client, **m), Code={"ZipFile": zipped("x", name)})
        assert (code, status) == ("InvalidParameterValueException", 400) and "leads outside" in message
    assert not Path("/tmp/stepwell-absolute").exists()
    assert client.list_functions()["Functions"] == []


def test_errors_that_clients_tell_apart(client):
    missing = error_of(client.invoke, FunctionName="nothing")
    assert missing == ("ResourceNotFoundException", 404, f"Function not found: {ARN}nothing:$LATEST")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_function(FunctionName="nothing")
    create(client)
    with pytest.raises(client.exceptions.ResourceConflictException):
        create(client)
    with pytest.raises(client.exceptions.PreconditionFailedException):
        client.update_function_configuration(FunctionName="f", RevisionId="old", Timeout=5)
    with pytest.raises(client.exceptions.InvalidRequestContentException):
        client.invoke(FunctionName="f", Payload=b"{")


def test_many_callers_at_once(endpoint, client):
    create(client, Code={"ZipFile": zipped("def handler(event, context):\n    return event\n")})
    results: list[int] = []

    def call(number: int) -> None:
        results.append(json.loads(endpoint.raw("POST", "/2015-03-31/functions/f/invocations", str(number))[2]))

    threads = [threading.Thread(target=call, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(results) == list(range(12))
