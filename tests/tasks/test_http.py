"""`http:invoke` and `apigateway:invoke`, at a server of the test."""

import base64
import json
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from journals import events_of
from remote import Answer, Call, Remote, serving
from taskhouse import House

from stepwell.machine.commands import StartTask
from stepwell.machine.execution import SUCCEEDED, Execution
from stepwell.machine.payload import Payload
from stepwell.store.memory import MemoryStore
from stepwell.tasks.connections import BadConnections, Connections, load_connections
from stepwell.tasks.exchanges import listening
from stepwell.tasks.http import url_encoded
from stepwell.tasks.runner import Outside

pytestmark = pytest.mark.anyio

INVOKE = "arn:aws:states:::http:invoke"
GATEWAY = "arn:aws:states:::apigateway:invoke"
ARN = "arn:aws:events:us-east-1:123456789012:connection/key/0ab1"
KEY = {
    "AuthorizationType": "API_KEY",
    "AuthParameters": {
        "ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "k1"},
        "InvocationHttpParameters": {
            "HeaderParameters": [{"Key": "X-Shop", "Value": "s"}],
            "QueryStringParameters": [{"Key": "v", "Value": "2"}],
            "BodyParameters": [{"Key": "by", "Value": "connection"}],
        },
    },
}


@pytest.fixture
def remote() -> Iterator[Remote]:
    with serving() as remote:
        remote.answer = lambda call: Answer(body={"ok": True}, headers={"Content-Type": "application/json"})
        yield remote


def connections(folder: Path, **entries: Any) -> Connections:
    file = folder / "connections.json"
    file.write_text(json.dumps(entries))
    return load_connections(file)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    plain = {
        "AuthorizationType": "BASIC",
        "AuthParameters": {"BasicAuthParameters": {"Username": "u", "Password": "p"}},
    }
    outside = Outside(connections=connections(tmp_path, key=KEY, plain=plain))
    house = House(MemoryStore(), None, outside=outside)
    await house.open()
    yield house
    await house.close()


async def invoke(house: House, url: str, resource: str = INVOKE, **parameters: Any) -> Execution:
    given: dict[str, Any] = {"ApiEndpoint": url, "Method": "POST"}
    if resource == INVOKE:
        given["Authentication"] = {"ConnectionArn": "plain"}
    state = {"Type": "Task", "Resource": resource, "Parameters": {**given, **parameters}, "End": True}
    return await house.finish(await house.start(await house.create("m", T=state)))


async def test_what_goes_out_and_what_comes_back(house: House, remote: Remote) -> None:
    remote.answer = lambda call: Answer(
        body={"n": 1}, headers={"Content-Type": "application/json; charset=utf-8", "X-Two": "a"}
    )
    ended = await invoke(
        house, f"{remote.url}/pay?a=1", Authentication={"ConnectionArn": ARN}, RequestBody={"sum": 5, "by": "task"},
        Headers={"X-Mine": ["a", "b"]}, QueryParameters={"q": ["x y", 2], "v": "1"},
    )  # fmt: skip
    output = ended.output.value
    assert (output["ResponseBody"], output["StatusCode"], output["StatusText"]) == ({"n": 1}, 200, "OK")
    assert output["Headers"]["x-two"] == ["a"]
    [call] = remote.calls
    assert call.path == "/pay?a=1&q=x%20y&q=2&v=2"
    assert call.json == {"sum": 5, "by": "connection"}
    assert (call.headers["x-key"], call.headers["x-shop"], call.headers["x-mine"]) == ("k1", "s", "a,b")
    assert call.headers["content-type"] == "application/json"
    assert call.headers["user-agent"].startswith("Amazon|StepFunctions|HttpInvoke|us-east-1")
    assert call.headers["range"] == "bytes=0-262144"
    assert len(call.headers["idempotency-key"]) == 36


async def test_user_name_and_password(house: House, remote: Remote) -> None:
    await invoke(house, remote.url)
    assert remote.calls[0].headers["authorization"] == "Basic " + base64.b64encode(b"u:p").decode()
    assert remote.calls[0].body == b""


async def test_a_form(house: House, remote: Remote) -> None:
    transform = {"RequestBodyEncoding": "URL_ENCODED", "RequestEncodingOptions": {"ArrayFormat": "BRACKETS"}}
    await invoke(house, remote.url, RequestBody={"a": [1, "x&y"], "b": {"c": True}}, Transform=transform)
    assert unquote(remote.calls[0].body.decode()) == "a[]=1&a[]=x&y&b[c]=true"
    assert remote.calls[0].headers["content-type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("array_format", "form"),
    [
        ("INDICES", "a[0]=1&a[1]=2&o[0][k]=v"),
        ("REPEAT", "a=1&a=2&o[k]=v"),
        ("BRACKETS", "a[]=1&a[]=2&o[][k]=v"),
        ("COMMAS", 'a=1,2&o={"k":"v"}'),
        ("NONE", 'a=[1,2]&o=[{"k":"v"}]'),
    ],
)
def test_forms_of_arrays(array_format: str, form: str) -> None:
    assert unquote(url_encoded({"a": [1, 2], "o": [{"k": "v"}], "n": None}, array_format)) == form


@pytest.mark.parametrize("resource", [INVOKE, GATEWAY])
async def test_text_stays_text(house: House, remote: Remote, resource: str) -> None:
    remote.answer = lambda call: Answer(body=b"plain {", headers={"Content-Type": "text/plain"})
    assert (await invoke(house, remote.url, resource)).output.value["ResponseBody"] == "plain {"


async def test_a_status_of_failure_is_the_error(house: House, remote: Remote) -> None:
    remote.answer = lambda call: Answer(404, {"why": "gone"}, {"Content-Type": "application/json"})
    ended = await invoke(house, remote.url)
    assert ended.error == "States.Http.StatusCode.404"
    cause = json.loads(ended.cause or "")
    assert (cause["StatusCode"], cause["StatusText"], cause["ResponseBody"]) == (404, "Not Found", {"why": "gone"})
    assert (await events_of(house.inner, ended.id))[3:5] == ["TaskStarted", "TaskFailed"]


async def test_a_redirect_is_not_followed(house: House, remote: Remote) -> None:
    remote.answer = lambda call: Answer(302, headers={"Location": "/secret"})
    assert (await invoke(house, remote.url)).error == "States.Http.StatusCode.302"
    assert len(remote.calls) == 1


@pytest.mark.parametrize("resource", [INVOKE, GATEWAY])
async def test_a_body_that_is_too_large_is_not_read_to_its_end(house: House, remote: Remote, resource: str) -> None:
    remote.answer = lambda call: Answer(body=b"x" * 300_000)
    assert (await invoke(house, remote.url, resource)).error == "States.DataLimitExceeded"


@pytest.mark.parametrize(
    ("url", "resource", "error"),
    [("http://127.0.0.1:1/", INVOKE, "States.Http.Socket"), ("127.0.0.1:1", GATEWAY, "ApiGateway.SdkClientException")],
)
async def test_nobody_listens(house: House, url: str, resource: str, error: str) -> None:
    assert (await invoke(house, url, resource)).error == error


async def test_a_call_that_takes_too_long(house: House, remote: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stepwell.tasks.http.CALL_SECONDS", 0.05)
    over = threading.Event()

    def answer(call: Call) -> Answer:
        over.wait()
        return Answer()

    remote.answer = answer
    try:
        assert (await invoke(house, remote.url)).error == "States.Http.Socket"
    finally:
        over.set()


@pytest.mark.parametrize(
    ("url", "parameters", "why"),
    [
        ("http://example.com", {}, "must be an HTTPS URL"),
        ("http://169.254.169.254/latest", {}, "must be an HTTPS URL"),
        ("ftp://127.0.0.1", {}, "must be an HTTPS URL"),
        ("https://[", {}, "must be an HTTPS URL"),
        ("http://127.0.0.1", {"Method": "TRACE"}, "'Method' should have one of these values"),
        ("http://127.0.0.1", {"Nope": 1}, '"Nope" is not supported'),
        ("http://127.0.0.1", {"Authentication": None}, "'Authentication' is required"),
        ("http://127.0.0.1", {"Headers": {"Host": "other"}}, "'Host' cannot be set"),
        ("http://127.0.0.1", {"Headers": {"X-Forwarded-For": "me"}}, "cannot be set"),
        ("http://127.0.0.1", {"Headers": {"X": "a\r\nY: b"}}, "no header may hold"),
        ("http://127.0.0.1", {"Headers": []}, "must be an object"),
        ("http://127.0.0.1", {"QueryParameters": "a=b"}, "must be an object"),
        ("http://127.0.0.1", {"Transform": {"RequestBodyEncoding": "XML"}}, "'RequestBodyEncoding' should have one"),
        ("http://127.0.0.1", {"RequestBody": 1, "Transform": {"RequestBodyEncoding": "URL_ENCODED"}}, "URL-encoded"),
    ],
)  # fmt: skip
async def test_calls_that_are_not_made(house: House, url: str, parameters: dict[str, Any], why: str) -> None:
    ended = await invoke(house, url, **parameters)
    assert ended.error == "States.Runtime"
    assert why in (ended.cause or "").replace('\\"', '"')
    assert (await events_of(house.inner, ended.id))[3] == "TaskStartFailed"


# --- connections


async def test_a_connection_that_is_not_there(house: House, remote: Remote) -> None:
    ended = await invoke(house, remote.url, Authentication={"ConnectionArn": ARN.replace("/key/", "/other/")})
    assert ended.error == "Events.ConnectionResource.NotFound" and "--connections" in (ended.cause or "")


def oauth(remote: Remote) -> dict[str, Any]:
    client = {"ClientID": "id", "ClientSecret": "secret"}
    parameters = {"AuthorizationEndpoint": f"{remote.url}/token", "HttpMethod": "POST", "ClientParameters": client}
    return {"AuthorizationType": "OAUTH_CLIENT_CREDENTIALS", "AuthParameters": {"OAuthParameters": parameters}}


async def test_an_access_token_is_fetched_once_and_again_when_it_ends(remote: Remote, tmp_path: Path) -> None:
    tokens = iter(["t1", "t2", "t3"])

    def answer(call: Call) -> Answer:
        if call.path == "/token":
            return Answer(body={"access_token": next(tokens), "expires_in": 100})
        return Answer(401 if call.headers["authorization"] == "Bearer t2" else 200)

    remote.answer = answer
    house = House(MemoryStore(), None, outside=Outside(connections=connections(tmp_path, o=oauth(remote))))
    await house.open()
    state = {
        "Type": "Task", "Resource": INVOKE, "End": True,
        "Parameters": {"ApiEndpoint": remote.url, "Method": "GET", "Authentication": {"ConnectionArn": "o"}},
    }  # fmt: skip
    machine = await house.create("m", T=state)
    errors = []
    for name, seconds in (("a", 0), ("b", 10), ("c", 100), ("d", 0)):
        house.clock.move(seconds)
        errors.append((await house.finish(await house.start(machine, name))).error)
    assert errors == [None, None, "States.Http.StatusCode.401", None]
    fetched = [call for call in remote.calls if call.path == "/token"]
    assert len(fetched) == 3
    assert fetched[0].body == b"grant_type=client_credentials"
    assert fetched[0].headers["authorization"] == "Basic " + base64.b64encode(b"id:secret").decode()
    await house.close()


async def test_a_token_that_is_refused(remote: Remote, tmp_path: Path) -> None:
    remote.answer = lambda call: Answer(400, {"error": "invalid_client"})
    house = House(MemoryStore(), None, outside=Outside(connections=connections(tmp_path, o=oauth(remote))))
    await house.open()
    ended = await invoke(house, remote.url, Authentication={"ConnectionArn": "o"})
    assert ended.error == "Events.ConnectionResource.InvalidConnectionState"
    assert "secret" not in (ended.cause or "")
    await house.close()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[]", "expected a mapping"),
        ("a: 1", "expected a mapping"),
        ("a: {", "connections"),
        ("a: {AuthorizationType: NONE, AuthParameters: {}}", "'NONE' is missing or wrong"),
        ("a: {AuthorizationType: BASIC, AuthParameters: {}}", "'BasicAuthParameters' is missing"),
        ("a: {AuthorizationType: API_KEY}", "'AuthParameters' is missing"),
        ("a: {AuthorizationType: BASIC, AuthParameters: []}", "missing or wrong"),
    ],
)
def test_files_that_hold_no_connections(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "connections.yaml"
    file.write_text(text)
    with pytest.raises(BadConnections, match=why):
        load_connections(file)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadConnections, match="No such file"):
        load_connections(tmp_path / "none.yaml")


# --- API Gateway


async def test_an_api_by_the_parts_of_its_address(house: House, remote: Remote) -> None:
    ended = await invoke(
        house, f"{remote.url}/restapis/x", GATEWAY, Stage="live", Path="/orders/1 2", Method="PUT",
        QueryParameters={"a": ["1", "2"]}, RequestBody={"n": None, "m": 1}, Headers={"X": ["a", "b"]},
    )  # fmt: skip
    assert ended.status == SUCCEEDED, ended.cause
    [call] = remote.calls
    assert (call.method, call.path) == ("PUT", "/restapis/x/live/orders/1%202?a=1&a=2")
    assert (call.json, call.headers["x"]) == ({"m": 1}, "a,b")
    assert ended.output.value["StatusCode"] == 200


async def test_an_api_that_refuses(house: House, remote: Remote) -> None:
    remote.answer = lambda call: Answer(403, {"message": "no"}, {"Content-Type": "application/json"})
    ended = await invoke(house, remote.url, GATEWAY)
    assert (ended.error, ended.cause) == ("ApiGateway.403", '{"message":"no"}')


@pytest.mark.parametrize(
    ("endpoint", "parameters"),
    [("http://example.com", {}), ("", {}), ("x", {"Method": "X"}), ("x", {"Headers": {"Authorization": "a"}})],
)
async def test_apis_that_are_not_called(house: House, endpoint: str, parameters: dict[str, Any]) -> None:
    assert (await invoke(house, endpoint, GATEWAY, **parameters)).error == "States.Runtime"


async def test_what_goes_over_the_wire_is_told_to_who_listens(house: House, remote: Remote) -> None:
    """TestState shows the request as the state says it; what the connection adds only where that is to be revealed."""
    parameters = {"ApiEndpoint": remote.url, "Method": "POST", "Authentication": {"ConnectionArn": "key"}}
    command = StartTask(
        frame=1, attempt=1, resource=INVOKE, family="Task", type="http", action="invoke", pattern="",
        input=Payload({**parameters, "RequestBody": {"a": 1}}), idempotency_key="k",
    )  # fmt: skip
    with listening() as heard:
        await house.engine.call_task("arn:aws:states:us-east-1:123456789012:execution:m:e", command)
    [exchange] = heard
    assert "x-key" not in exchange.request["headers"] and "x-key: k1" in exchange.revealed["headers"]
    assert json.loads(exchange.request["body"]) == {"a": 1}
    assert json.loads(exchange.revealed["body"]) == {"a": 1, "by": "connection"}
    assert (exchange.response["statusCode"], json.loads(exchange.response["body"])) == ("200", {"ok": True})
