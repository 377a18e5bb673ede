"""What a hostile client may try against the endpoint, byte for byte over a socket, and what comes back.

Whatever it is, the answer has AWS's shape, it is never a 500, and the server goes on.
"""

import json
import logging
import socket
from typing import Any

import pytest

START = "AWSStepFunctions.StartExecution"
LIST = "AWSStepFunctions.ListStateMachines"
CREATE = "AWSStepFunctions.CreateActivity"
MEGABYTE = 1_048_576
BLANK = b'{"name": "a b"}'
MACHINES = b"arn:aws:states:us-east-1:123456789012:stateMachine:"
DEEP = b"[" * 500_000


def request(
    body: bytes = b"{}", target: str | None = LIST, path: str = "/", method: str = "POST", **headers: str
) -> bytes:
    named = {
        "host": "sync-localhost:8083",
        "content-type": "application/x-amz-json-1.0",
        "content-length": str(len(body)),
    }
    if target is not None:
        named["x-amz-target"] = target
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"{method} {path} HTTP/1.1\r\n{head}connection: close\r\n\r\n".encode("latin-1") + body


def send(port: int, raw: bytes) -> tuple[int, dict[str, str], bytes]:
    """The status, headers and body that come back; status 0 where the server only closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        try:
            connection.sendall(raw)
        except (BrokenPipeError, ConnectionResetError):
            pass
        received = b""
        try:
            while part := connection.recv(65536):
                received += part
        except ConnectionResetError:
            pass
    if not received:
        return 0, {}, b""
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return int(first.split()[1]), headers, body


TRIED: list[tuple[str, bytes, int, str]] = [
    # The body is no JSON object.
    ("empty body", request(b""), 400, "SerializationException"),
    ("half an object", request(b'{"maxResults": '), 400, "SerializationException"),
    ("not JSON", request(b"maxResults=5"), 400, "SerializationException"),
    ("two documents", request(b"{}{}"), 400, "SerializationException"),
    ("an array", request(b"[]"), 400, "SerializationException"),
    ("null", request(b"null"), 400, "SerializationException"),
    ("a string", request(b'"{}"'), 400, "SerializationException"),
    ("NaN", request(b'{"maxResults": NaN}'), 400, "SerializationException"),
    ("a number out of range", request(b'{"maxResults": 1e999}'), 400, "SerializationException"),
    ("bad UTF-8", request(b'{"nextToken": "\xff\xfe"}'), 400, "SerializationException"),
    ("overlong UTF-8", request(b'{"nextToken": "\xc0\xaf"}'), 400, "SerializationException"),
    ("a lone surrogate", request(b'{"nextToken": "\\ud800"}'), 400, "SerializationException"),
    ("UTF-16", request("{}".encode("utf-16")), 400, "SerializationException"),
    ("a byte order mark", request(b"\xef\xbb\xbf{}"), 400, "SerializationException"),
    ("half a million brackets", request(DEEP), 400, "SerializationException"),
    ("half a million objects", request(b'{"a":' * 200_000), 400, "SerializationException"),
    ("NUL bytes", request(b"\x00" * 100), 400, "SerializationException"),
    # Members of the wrong type or out of bounds.
    ("a number for a string", request(b'{"name": 7}', CREATE), 400, "SerializationException"),
    ("an object for a string", request(b'{"name": {"a": 1}}', CREATE), 400, "SerializationException"),
    ("a string for a number", request(b'{"maxResults": "7"}'), 400, "SerializationException"),
    ("a boolean for a number", request(b'{"maxResults": true}'), 400, "SerializationException"),
    ("a huge number", request(b'{"maxResults": ' + b"9" * 5000 + b"}"), 400, "SerializationException"),
    ("a number beyond 64 bits", request(b'{"maxResults": ' + b"9" * 400 + b"}"), 400, "ValidationException"),
    ("a negative number", request(b'{"maxResults": -1}'), 400, "ValidationException"),
    ("nothing required is there", request(b"{}", START), 400, "ValidationException"),
    ("null for a required member", request(b'{"name": null}', CREATE), 400, "ValidationException"),
    ("a name that is too long", request(b'{"name": "' + b"n" * 900_000 + b'"}', CREATE), 400, "ValidationException"),
    ("a name that is a path", request(b'{"name": "../../../etc/passwd"}', CREATE), 400, "InvalidName"),
    ("a name with a NUL", request(b'{"name": "a\\u0000b"}', CREATE), 400, "InvalidName"),
    ("a name that breaks lines", request(b'{"name": "a\\r\\nSet-Cookie: x"}', CREATE), 400, "InvalidName"),
    ("a name that is markup", request(b'{"name": "<script>"}', CREATE), 400, "InvalidName"),
    ("a name in quotes", request(b"{\"name\": \"a'; DROP TABLE document; --\"}", CREATE), 400, "InvalidName"),
    ("an ARN that is a path", request(b'{"stateMachineArn": "../../etc/passwd"}', START), 400, "InvalidArn"),
    ("an ARN of colons", request(b'{"stateMachineArn": "' + b":" * 256 + b'"}', START), 400, "InvalidArn"),
    ("an ARN in bad words", request(b'{"stateMachineArn": "' + MACHINES + b'a%00"}', START), 400, "InvalidArn"),
    ("a token from elsewhere", request(b'{"nextToken": "gqRhYWFh"}'), 400, "InvalidToken"),
    # Who is asked for what.
    ("no target", request(target=None), 400, "UnknownOperationException"),
    ("an empty target", request(target=""), 400, "UnknownOperationException"),
    ("no such operation", request(target="AWSStepFunctions.DropTables"), 400, "UnknownOperationException"),
    ("another service", request(target="DynamoDB_20120810.ListTables"), 400, "UnknownOperationException"),
    ("a prefix alone", request(target="AWSStepFunctions."), 400, "UnknownOperationException"),
    ("an attribute of Python's", request(target="AWSStepFunctions.__class__"), 400, "UnknownOperationException"),
    ("a long target", request(target="AWSStepFunctions." + "x" * 30_000), 400, "UnknownOperationException"),
    ("bytes that are no text", request(target="AWSStepFunctions.\xff\xfe"), 400, "UnknownOperationException"),
    # Content types: a form in a browser can send these without asking.
    ("a form", request(content_type="application/x-www-form-urlencoded"), 404, "UnknownOperationException"),
    ("plain text", request(content_type="text/plain"), 404, "UnknownOperationException"),
    ("multipart", request(content_type="multipart/form-data; boundary=x"), 404, "UnknownOperationException"),
    ("a long content type", request(content_type="x" * 30_000), 404, "UnknownOperationException"),
    # Size.
    ("a byte too many", request(b" " * (MEGABYTE - 1) + b"{}"), 413, "RequestEntityTooLargeException"),
    ("eight megabytes", request(b"x" * (8 * MEGABYTE)), 413, "RequestEntityTooLargeException"),
    ("a length of a terabyte", request(content_length=str(10**12)), 413, "RequestEntityTooLargeException"),
    # Paths and methods.
    ("another path", request(path="/etc/passwd"), 404, "UnknownOperationException"),
    ("a path that climbs", request(path="/../../../../etc/passwd"), 404, "UnknownOperationException"),
    ("a path that climbs in code", request(path="/%2e%2e/%2e%2e/etc/passwd"), 404, "UnknownOperationException"),
    ("a path with a NUL", request(path="/%00"), 404, "UnknownOperationException"),
    ("two slashes", request(path="//"), 404, "UnknownOperationException"),
    ("below our own prefix", request(path="/_stepwell/../../secret"), 404, "UnknownOperationException"),
    ("GET", request(b"", method="GET"), 405, "UnknownOperationException"),
    ("DELETE", request(b"", method="DELETE"), 405, "UnknownOperationException"),
    # A browser that shows another site's page.
    ("a browser asks first", request(b"", method="OPTIONS", origin="http://evil"), 403, "AccessDeniedException"),
    ("a page of another site", request(origin="http://evil.example"), 403, "AccessDeniedException"),
    ("a page in a sandbox", request(origin="null"), 403, "AccessDeniedException"),
    # Signatures that are none.
    ("a path for an account", request(BLANK, CREATE, authorization="Credential=../x/2026/r/s/a"), 400, "InvalidName"),
    ("a signature of junk", request(BLANK, CREATE, authorization="\xff" * 5000), 400, "InvalidName"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "raw", "status", "code"), TRIED, ids=[case[0] for case in TRIED])
def test_what_comes_back(port: int, what: str, raw: bytes, status: int, code: str, caplog: Any) -> None:
    with caplog.at_level(logging.ERROR):
        answered, headers, body = send(port, raw)
    assert answered == status
    document = json.loads(body)
    assert (document["__type"], headers["x-amzn-errortype"]) == (code, code)
    assert isinstance(document["message"], str)
    assert "Traceback" not in document["message"]
    assert caplog.records == []


BROKEN: list[tuple[str, bytes]] = [
    ("nothing", b""),
    ("not HTTP", b"\x16\x03\x01\x02\x00\x01\x00"),
    ("a line without an end", b"POST / HTTP/1.1"),
    ("a negative length", request(content_length="-5")),
    ("a length that is no number", request(content_length="many")),
    ("a header without a colon", b"POST / HTTP/1.1\r\nhost: x\r\njunk\r\n\r\n"),
    ("both length and chunks", request(transfer_encoding="chunked")),
    ("a chunk of a bad size", b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"),
]


@pytest.mark.parametrize(("what", "raw"), BROKEN, ids=[case[0] for case in BROKEN])
def test_what_is_no_request_does_not_stop_the_server(port: int, what: str, raw: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(65536)
    assert not answer.startswith(b"HTTP/1.1 5")
    assert send(port, request())[0] == 200


def test_a_body_that_never_comes_holds_up_nobody(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as slow:
        slow.sendall(request(b'{"maxResults": 5}')[:-5])
        assert send(port, request())[0] == 200


def test_a_body_in_tiny_chunks(port: int) -> None:
    body = b'{"name": "chunked"}'
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    raw = request(b"", CREATE, transfer_encoding="chunked").replace(b"content-length: 0\r\n", b"")
    status, _, reply = send(port, raw + chunks)
    assert (status, json.loads(reply)["activityArn"].rpartition(":")[2]) == (200, "chunked")


def test_chunks_without_end_are_cut(port: int) -> None:
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    raw = request(b"", CREATE, transfer_encoding="chunked").replace(b"content-length: 0\r\n", b"")
    status, _, reply = send(port, raw + chunk * 20)
    assert (status, json.loads(reply)["__type"]) == (413, "RequestEntityTooLargeException")


def test_any_host_is_answered_and_the_headers_are_aws_s(port: int) -> None:
    for host in ("sync-states.us-east-1.amazonaws.com", "sync-localhost:8083", "", "x" * 300):
        status, headers, body = send(port, request(host=host))
        assert (status, json.loads(body)) == (200, {"stateMachines": []})
        assert headers["content-type"] == "application/x-amz-json-1.0"
        assert len(headers["x-amzn-requestid"]) == 36


def test_health(port: int) -> None:
    status, _, body = send(port, request(b"", path="/_stepwell/health", method="GET"))
    assert (status, json.loads(body)) == (200, {"status": "ok"})


def test_a_defect_of_ours_is_an_internal_failure_and_is_logged(api: Any, caplog: Any) -> None:
    async def broken(id: str) -> None:
        raise ZeroDivisionError("a secret of the house")

    api.engine.execution = broken
    arn = "arn:aws:states:us-east-1:123456789012:execution:m:e"
    with caplog.at_level(logging.ERROR):
        code, message = api.refused("DescribeExecution", executionArn=arn)
    assert (code, message) == ("InternalFailure", "An internal error occurred")
    assert "a secret of the house" in caplog.text


def test_a_head_without_end_is_cut(port: int) -> None:
    status, _, body = send(port, request(endless="x" * 4_000_000))
    assert (status, body) in [(400, b"The request's line and headers are too large."), (0, b"")]
    assert send(port, request(long="x" * 60_000))[0] == 200
