"""Signatures: botocore's own signer signs, an endpoint with a keyring judges."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from stepwell.api.credentials import Key, Keyring
from stepwell.api.signature import Request, check_signature, check_signed_headers, check_time, parse_authorization
from stepwell.awsmodels.errors import ServiceError

OPS = Key("OPSKEY0001", "ops secret of the tests", "111122223333")
READER = Key("READKEY001", "reader secret of the tests", "111122223333", role="read-only")
OLD = Key("OLDKEY0001", "old secret of the tests", "111122223333", expires_at=1000.0)
KEYRING = Keyring([OPS, READER, OLD])
HOST = "steps.example:8083"
JSON = "application/x-amz-json-1.0"


def signed(
    key: Key, method: str, target: str, body: bytes, headers: dict[str, str] | None = None, service: str = "states"
) -> dict[str, str]:
    """The headers of a request as botocore sends it."""
    request = AWSRequest(method, f"http://{HOST}{target}", {"Host": HOST, **(headers or {})}, body)
    SigV4Auth(Credentials(key.id, key.secret), service, "eu-west-1").add_auth(request)
    return dict(request.headers.items())


# The algorithm

NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,12}", fullmatch=True).map(lambda name: f"x-amz-{name}")
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f\x85\xa0\xad"), max_size=30)
TEXTS = st.text(max_size=12)


@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
    path=st.lists(TEXTS, max_size=4),
    query=st.lists(st.tuples(TEXTS.filter(bool), TEXTS), max_size=4),
    headers=st.dictionaries(NAMES.filter(lambda name: name not in ("x-amz-date", "x-amz-content-sha256")), VALUES),
    body=st.binary(max_size=200),
    other=st.binary(max_size=200),
)
def test_what_botocore_signs_is_verified_and_nothing_else(
    method: str, path: list[str], query: list[tuple[str, str]], headers: dict[str, str], body: bytes, other: bytes
) -> None:
    encoded = "/" + "/".join(quote(part, safe="-_.~") for part in path)
    pairs = "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in query)
    sent = signed(OPS, method, f"{encoded}?{pairs}" if pairs else encoded, body, headers)
    arrived = Headers(sent)
    authorization = parse_authorization(arrived["authorization"])
    at = check_time(authorization, arrived, datetime.now(UTC).timestamp())
    check_signed_headers(authorization, arrived)
    request = Request(method, urlsplit(f"http://x{encoded}").path, pairs, arrived, body)
    check_signature(authorization, request, at, OPS.secret)
    altered = [
        request._replace(method="PATCH"), request._replace(path=request.path + "/x"),
        request._replace(query=f"{pairs}&x=1"), request._replace(body=body + other + b"!"),
        request._replace(headers=Headers({**sent, "x-amz-date": "20200101T000000Z"})),
    ]  # fmt: skip
    for forged in altered:
        refused(lambda forged=forged: check_signature(authorization, forged, at, OPS.secret))
    refused(lambda: check_signature(authorization, request, at, OPS.secret + "x"))


def refused(work: Any) -> str:
    with pytest.raises(ServiceError) as caught:
        work()
    assert caught.value.code == "InvalidSignatureException"
    return caught.value.message


# The endpoint


@pytest.fixture
def guarded(with_keys: Any) -> Any:
    return with_keys(KEYRING)


def ask(
    api: Any, operation: str, key: Key | None = OPS, change: dict[str, str | None] | None = None, **request: Any
) -> tuple[int, dict[str, Any]]:
    """What comes back for a signed request whose headers were changed after it was signed; None takes one away."""
    body = json.dumps(request).encode()
    target = {"X-Amz-Target": f"AWSStepFunctions.{operation}", "Content-Type": JSON}
    headers = signed(key, "POST", "/", body, target) if key else {"Host": HOST, **target}
    headers = {name: value for name, value in {**headers, **(change or {})}.items() if value is not None}
    status, _, reply = api.run(api.asgi(body, headers, chunk=7))
    return status, json.loads(reply)


def test_a_signed_request_acts_in_the_account_of_its_key(guarded: Any) -> None:
    status, reply = ask(guarded, "CreateActivity", name="a")
    assert (status, reply["activityArn"]) == (200, "arn:aws:states:eu-west-1:111122223333:activity:a")


def test_functions_have_a_key_for_each_account(guarded: Any) -> None:
    key = KEYRING.function_key("000000000042")
    _, reply = ask(guarded, "CreateActivity", key, name="a")
    assert reply["activityArn"] == "arn:aws:states:eu-west-1:000000000042:activity:a"
    assert key.secret != KEYRING.function_key("000000000043").secret
    assert key == Keyring([READER, OLD, OPS]).function_key("000000000042")
    assert key != Keyring([READER]).function_key("000000000042")
    forged = Key("000000000042", "stepwell", "000000000042")
    assert ask(guarded, "ListActivities", forged)[1]["__type"] == "InvalidSignatureException"


def authorization(**changes: str) -> str:
    parts = {
        "Credential": f"{OPS.id}/20200101/us-east-1/states/aws4_request",
        "SignedHeaders": "host",
        "Signature": "0",
    }
    return "AWS4-HMAC-SHA256 " + ", ".join(f"{name}={value}" for name, value in {**parts, **changes}.items() if value)


CREDENTIAL = f"{OPS.id}/{{}}"
REFUSED: list[tuple[str, dict[str, str | None], str, str]] = [
    ("no header", {"Authorization": None}, "MissingAuthenticationToken", "Missing Authentication Token"),
    ("another scheme", {"Authorization": "Bearer abc"}, "IncompleteSignature", "'algorithm': 'Bearer'."),
    ("an older algorithm", {"Authorization": "AWS id:signature"}, "IncompleteSignature", "Unsupported AWS 'algorithm'"),
    ("nothing in it", {"Authorization": "AWS4-HMAC-SHA256"}, "IncompleteSignature", "requires 'Credential' parameter."),
    ("no signature", {"Authorization": authorization(Signature="")}, "IncompleteSignature", "requires 'Signature'"),
    ("no headers named", {"Authorization": authorization(SignedHeaders="")}, "IncompleteSignature", "'SignedHeaders'"),
    ("a short scope", {"Authorization": authorization(Credential="a/b/c")}, "IncompleteSignature", "got 'a/b/c'"),
    ("another terminator", {"Authorization": authorization(Credential=f"{OPS.id}/a/b/c/d")},
     "InvalidSignatureException", "valid terminator: 'aws4_request', not 'd'"),
    ("an unknown key", {"Authorization": authorization(Credential="NOBODY01/20200101/r/states/aws4_request")},
     "UnrecognizedClientException", "The security token included in the request is invalid."),
    ("no date", {"X-Amz-Date": None}, "IncompleteSignature", "either a 'X-Amz-Date' or a 'Date' header"),
    ("a date that is none", {"X-Amz-Date": "yesterday"}, "IncompleteSignature", "'X-Amz-Date'"),
    ("a date of another day", {"X-Amz-Date": "20200101T000000Z"}, "InvalidSignatureException", "Date in Credential"),
    ("what is unsigned", {"X-Amz-Extra": "1"}, "InvalidSignatureException", "'x-amz-extra' must be a 'SignedHeader'"),
    ("another operation", {"X-Amz-Target": "AWSStepFunctions.ListStateMachines"},
     "InvalidSignatureException", "does not match the signature you provided"),
    ("another host", {"Host": "evil.example"}, "InvalidSignatureException", "does not match"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "change", "code", "text"), REFUSED, ids=[case[0] for case in REFUSED])
def test_what_is_refused(guarded: Any, what: str, change: dict[str, str | None], code: str, text: str) -> None:
    status, reply = ask(guarded, "ListActivities", change=change)
    assert (status, reply["__type"]) == (400, code)
    assert text in reply["message"]


def test_a_body_that_was_altered(guarded: Any) -> None:
    headers = signed(OPS, "POST", "/", b"{}", {"X-Amz-Target": "AWSStepFunctions.ListActivities", "Content-Type": JSON})
    status, _, reply = guarded.run(guarded.asgi(b'{"maxResults": 1}', headers))
    assert (status, json.loads(reply)["__type"]) == (400, "InvalidSignatureException")


@pytest.mark.parametrize(
    ("digest", "accepted"),
    [
        (hashlib.sha256(b"{}").hexdigest(), True),
        ("UNSIGNED-PAYLOAD", False),
        ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", False),
    ],
)
def test_the_hash_that_a_client_names_must_be_the_body_s(guarded: Any, digest: str, accepted: bool) -> None:
    target = {"X-Amz-Target": "AWSStepFunctions.ListActivities", "Content-Type": JSON, "X-Amz-Content-SHA256": digest}
    status, _, reply = guarded.run(guarded.asgi(b"{}", signed(OPS, "POST", "/", b"{}", target)))
    assert (status == 200) is accepted
    assert accepted or "X-Amz-Content-SHA256" in json.loads(reply)["message"]


@pytest.mark.parametrize(
    ("minutes", "text"), [(-4, None), (4, None), (6, "Signature expired: "), (-6, "Signature not yet current: ")]
)
def test_a_clock_may_be_five_minutes_off(guarded: Any, minutes: int, text: str | None) -> None:
    guarded.clock.offset = 60.0 * minutes
    status, reply = ask(guarded, "ListActivities")
    if text is None:
        assert status == 200
    else:
        # Around midnight the scope's date is what differs first.
        assert reply["__type"] == "InvalidSignatureException"
        assert reply["message"].startswith((text, "Date in Credential scope"))


def test_a_key_that_has_expired(guarded: Any) -> None:
    status, reply = ask(guarded, "ListActivities", OLD)
    assert (status, reply["__type"]) == (400, "ExpiredTokenException")
    # Only whoever has the secret learns that the key ever was one.
    assert ask(guarded, "ListActivities", Key(OLD.id, "guess", ""))[1]["__type"] == "InvalidSignatureException"


@pytest.mark.parametrize(
    ("operation", "allowed"),
    [("ListActivities", True), ("DescribeExecution", True), ("GetExecutionHistory", True),
     ("ValidateStateMachineDefinition", True), ("GetActivityTask", False), ("CreateActivity", False),
     ("StartExecution", False), ("SendTaskSuccess", False), ("TestState", False), ("Listen", False)],
)  # fmt: skip
def test_a_key_that_may_only_read(guarded: Any, operation: str, allowed: bool) -> None:
    _, reply = ask(guarded, operation, READER)
    assert (reply.get("__type") != "AccessDeniedException") is allowed
    if not allowed:
        user = "arn:aws:iam::111122223333:user/READKEY001"
        assert reply["message"] == f"User: {user} is not authorized to perform: states:{operation}"


@pytest.mark.parametrize("path", ["/2015-03-31/functions", "/_stepwell/functions/code/x.zip", "/anything", "//"])
def test_every_path_but_the_health_check_is_guarded(guarded: Any, path: str) -> None:
    status, headers, reply = guarded.run(guarded.asgi(b"", {"Host": HOST}, "GET", path))
    assert (status, headers["x-amzn-errortype"]) == (403, "MissingAuthenticationToken")
    assert json.loads(reply)["message"] == "Missing Authentication Token"
    assert guarded.run(guarded.asgi(b"", {"Host": HOST}, "GET", "/_stepwell/health"))[0] == 200


def test_who_has_no_key_is_answered_before_the_body_is_read(guarded: Any) -> None:
    read = []

    async def receive() -> dict[str, Any]:
        read.append(1)
        return {"type": "http.request", "body": b"x", "more_body": True}

    async def unheard(message: Any) -> None:
        pass

    scope = {"type": "http", "method": "POST", "path": "/", "raw_path": b"/", "query_string": b"", "headers": []}
    guarded.run(guarded.app(scope, receive, unheard))
    assert not read


def test_a_web_socket_is_closed(guarded: Any) -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    guarded.run(guarded.app({"type": "websocket", "path": "/", "headers": []}, receive, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]
