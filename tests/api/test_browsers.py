"""What a browser may be made to ask of an endpoint that trusts this machine, and what SDKs may go on to ask."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.api.conftest import Api

from stepwell.api.credentials import Key, Keyring

PAGE = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
FRAME = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}
FETCH = {"sec-fetch-mode": "cors", "sec-fetch-dest": "empty"}
HERE = "127.0.0.1:8083"
READ = "/console/api/endpoint"
LIST = {"x-amz-target": "AWSStepFunctions.ListStateMachines"}
FUNCTIONS = "/2015-03-31/functions"


@pytest.fixture(scope="module")
def api() -> Iterator[Any]:
    api = Api()
    yield api
    api.close()


def ask(api: Any, method: str, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    more = LIST if path == "/" else {}
    status, received, body = api.run(api.asgi(b"{}" if method == "POST" else b"", {**headers, **more}, method, path))
    return status, received, body


ALLOWED: list[tuple[str, str, str, dict[str, str]]] = [
    ("an SDK", "POST", "/", {"host": HERE}),
    ("an SDK under AWS's name", "POST", "/", {"host": "sync-states.us-east-1.amazonaws.com", "user-agent": "Boto3/1"}),
    ("an SDK without a Host", "POST", "/", {}),
    ("the console reads", "GET", READ, {"host": HERE, "sec-fetch-site": "same-origin", **FETCH}),
    ("the console changes", "POST", "/", {"host": HERE, "origin": f"http://{HERE}", "sec-fetch-site": "same-origin"}),
    ("the console behind TLS", "POST", "/", {"host": "localhost", "origin": "https://LOCALHOST"}),
    ("somebody types the address", "GET", READ, {"host": "localhost:8083", "sec-fetch-site": "none", **PAGE}),
    ("a link to a page", "GET", "/console/executions", {"host": HERE, "sec-fetch-site": "cross-site", **PAGE}),
    ("an old browser", "GET", READ, {"host": HERE, "user-agent": "Mozilla/5.0"}),
    ("a name of this machine", "GET", READ, {"host": "stepwell:8083"}),
    ("a name below localhost", "GET", READ, {"host": "steps.localhost:8083"}),
    ("SDKs' prefix", "POST", "/", {"host": "sync-localhost:8083", "origin": "http://sync-localhost:8083"}),
    ("an address of version 6", "GET", READ, {"host": "[::1]:8083"}),
    ("curl", "GET", READ, {"host": HERE, "user-agent": "curl/8"}),
]  # fmt: skip

REFUSED: list[tuple[str, str, str, dict[str, str]]] = [
    ("a form of another site", "POST", "/", {"host": HERE, "origin": "https://evil.example"}),
    ("another port of this machine", "POST", "/", {"host": HERE, "origin": "http://127.0.0.1:3000"}),
    ("a page without an origin", "POST", "/", {"host": HERE, "origin": "null"}),
    ("an empty origin", "POST", "/", {"host": HERE, "origin": ""}),
    ("a script tag", "GET", READ, {"host": HERE, "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}),
    ("an image of our own files", "GET", "/console/icon.svg", {"host": HERE, "sec-fetch-site": "same-site"}),
    ("a link to the JSON", "GET", READ, {"host": HERE, "sec-fetch-site": "cross-site", **PAGE}),
    ("a link to Lambda", "GET", FUNCTIONS, {"host": HERE, "sec-fetch-site": "cross-site", **PAGE}),
    ("a form that opens a page", "POST", "/console/", {"host": HERE, "sec-fetch-site": "cross-site", **PAGE}),
    ("the console in a frame", "GET", "/console/", {"host": HERE, "sec-fetch-site": "cross-site", **FRAME}),
    ("a name that was rebound", "GET", READ, {"host": "evil.example:8083"}),
    ("a rebound page", "GET", "/console", {"host": "evil.example:8083", "sec-fetch-site": "none", **PAGE}),
    ("a rebound POST", "POST", "/", {"host": "evil.example", "origin": "http://evil.example"}),
    ("a rebound GET of Lambda", "GET", FUNCTIONS, {"host": "evil.example", "user-agent": "Mozilla/5.0 (X11)"}),
    ("a name that holds an address", "GET", READ, {"host": "127.0.0.1.nip.example"}),
    ("a name that ends like ours", "GET", READ, {"host": "evil-localhost.example"}),
    ("a Host of junk", "GET", READ, {"host": "a:b:c"}),
    ("a Host that is half an address", "GET", READ, {"host": "[::1"}),
    ("a Host of bytes", "GET", READ, {"host": "\xff.\xfe"}),
]  # fmt: skip


@pytest.mark.parametrize(("what", "method", "path", "headers"), ALLOWED, ids=[case[0] for case in ALLOWED])
def test_who_is_let_in(api: Any, what: str, method: str, path: str, headers: dict[str, str]) -> None:
    assert ask(api, method, path, headers)[0] in (200, 503)  # 503: a clone without the built console


@pytest.mark.parametrize(("what", "method", "path", "headers"), REFUSED, ids=[case[0] for case in REFUSED])
def test_who_is_kept_out(api: Any, what: str, method: str, path: str, headers: dict[str, str]) -> None:
    status, received, body = ask(api, method, path, headers)
    assert status == 403
    reply = json.loads(body)
    assert "AccessDeniedException" in (received.get("x-amzn-errortype"), reply.get("__type"))
    assert "endpoint" in (reply.get("message") or reply["Message"])


def test_with_keys_any_name_will_do_and_another_site_still_will_not(with_keys: Any) -> None:
    api = with_keys(Keyring([Key("OPSKEY0001", "ops secret of the tests", "111122223333")]))
    named = {"host": "steps.example"}
    assert ask(api, "GET", "/console/", named)[0] in (200, 503)
    status, _, body = ask(api, "GET", READ, named)
    assert (status, json.loads(body)["__type"]) == (403, "MissingAuthenticationToken")
    status, _, body = ask(api, "GET", READ, {**named, "origin": "https://evil.example"})
    assert (status, json.loads(body)["__type"]) == (403, "AccessDeniedException")
