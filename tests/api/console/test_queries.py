"""What a hostile client may put into a query, and who may ask."""

import json
import logging
from typing import Any

import pytest
from tests.api.conftest import ARN, Api
from tests.api.test_authentication import KEYRING, OPS, READER, signed

MACHINE = f"{ARN}:stateMachine:m"
EXECUTION = f"{ARN}:execution:m:e"
HUGE = "9" * 400

TRIED: list[tuple[str, str, str]] = [
    ("an unknown name", "endpoint?__class__=1", "unknown"),
    ("an unknown name beside a known one", "executions?limit=5&order=name", "order: unknown"),
    ("a name twice", "executions?limit=5&limit=6", "twice"),
    ("no number", "executions?limit=many", "`int`"),
    ("a fraction", "executions?limit=1.5", "`int`"),
    ("nought", "executions?limit=0", "limit is to be from 1 to 500"),
    ("too many", "executions?limit=501", "limit is to be from 1 to 500"),
    ("a huge number", f"executions?limit={HUGE}", "limit is to be"),
    ("a place before all", "executions?before=-1", ">= 0"),
    ("a place beyond all numbers", f"executions?before={1 << 63}", "before"),
    ("a huge place", f"executions?before={HUGE}", "`int"),
    ("NaN", "executions?startedFrom=NaN", "started_from is no number"),
    ("infinity", "executions?startedBefore=-inf", "started_before is no number"),
    ("a time that is none", "executions?startedFrom=yesterday", "`float"),
    ("hours of nothing", "machines?hours=0", "hours"),
    ("hours of NaN", "machines?hours=nan", "hours"),
    ("hours without end", "machines?hours=1e308", "hours"),
    ("too many hours", "machines?hours=8785", "hours"),
    ("no execution", "execution", "`arn`"),
    ("a sequence before all", f"execution?arn={EXECUTION}&since=-1", ">= 0"),
    ("a huge sequence", f"execution?arn={EXECUTION}&since={HUGE}", "since"),
    ("an event before all", f"execution/events?arn={EXECUTION}&start=0", "start at least 1"),
    ("an event beyond all numbers", f"execution/events?arn={EXECUTION}&start={1 << 64}", "start"),
    ("events by the million", f"execution/events?arn={EXECUTION}&limit=1000000", "limit"),
    ("a moment before all", f"execution/moment?arn={EXECUTION}&event=0", "event"),
    ("a step that is none", f"execution/step?arn={EXECUTION}&id=x", "`int`"),
]  # fmt: skip

REFUSED: list[tuple[str, str, str]] = [
    ("an ARN of a machine", f"execution?arn={MACHINE}", "InvalidArn"),
    ("an ARN of a Map Run", f"execution?arn={ARN}:mapRun:m/L:u", "InvalidArn"),
    ("an ARN of an Express execution", f"execution?arn={ARN}:express:m:e:u", "InvalidArn"),
    ("an ARN that is a path", "execution?arn=../../etc/passwd", "InvalidArn"),
    ("an ARN with a NUL", "execution?arn=arn%00", "InvalidArn"),
    ("an ARN of bytes that are no text", "execution?arn=%ff%fe", "InvalidArn"),
    ("an ARN without end", "execution?arn=" + ":" * 30_000, "InvalidArn"),
    ("an execution that is not there", f"execution?arn={EXECUTION}", "ExecutionDoesNotExist"),
    ("events of one that is not there", f"execution/events?arn={EXECUTION}", "ExecutionDoesNotExist"),
    ("a path that is none", "executions/../endpoint", "UnknownOperationException"),
    ("a path in code", "execution%2Fstep%2F", "UnknownOperationException"),
    ("no path", "", "UnknownOperationException"),
]  # fmt: skip

HARMLESS: list[tuple[str, str]] = [
    ("a text with a NUL", "executions?text=a%00b"),
    ("a text of bytes that are no text", "executions?text=%ff%fe"),
    ("a text in quotes", "executions?text=%27%3B+DROP+TABLE+execution%3B+--&name=%25_"),
    ("a text without end", "executions?text=" + "x" * 30_000),
    ("a status that is none", "executions?statuses=,,NONE,%00"),
    ("a machine that is none", "executions?stateMachine=%27"),
    ("times out of all proportion", "executions?startedFrom=-1e300&startedBefore=1e300"),
    ("a place far beyond", "executions?before=9223372036854775807"),
    ("nothing after the name", "executions?text=&name="),
]


@pytest.fixture(scope="module")
def api() -> Any:
    api = Api()
    yield api
    api.close()


def ask(api: Any, path: str, method: str = "GET", headers: dict[str, str] | None = None) -> tuple[int, Any]:
    status, received, body = api.run(api.asgi(b"", headers or {}, method, f"/console/api/{path}"))
    assert received["content-type"].startswith("application/")
    return status, json.loads(body)


@pytest.mark.parametrize(("what", "path", "why"), TRIED, ids=[case[0] for case in TRIED])
def test_what_no_path_takes(api: Any, what: str, path: str, why: str, caplog: Any) -> None:
    with caplog.at_level(logging.WARNING):
        status, reply = ask(api, path)
    assert (status, reply["__type"]) == (400, "ValidationException")
    assert why in reply["message"]
    assert caplog.records == []


@pytest.mark.parametrize(("what", "path", "code"), REFUSED, ids=[case[0] for case in REFUSED])
def test_what_is_not_there(api: Any, what: str, path: str, code: str) -> None:
    status, reply = ask(api, path)
    assert status in (400, 404)
    assert reply["__type"] == code


@pytest.mark.parametrize(("what", "path"), HARMLESS, ids=[case[0] for case in HARMLESS])
def test_what_finds_nothing(api: Any, what: str, path: str) -> None:
    assert ask(api, path) == (200, {"executions": [], "before": None, "searchedTo": None})


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_here_changes_anything(api: Any, method: str) -> None:
    assert ask(api, "executions", method)[0] == 405


def test_replies_are_kept_by_nobody(api: Any) -> None:
    _, headers, _ = api.run(api.asgi(b"", {}, "GET", "/console/api/endpoint"))
    assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff")


def test_a_defect_of_ours_is_logged_and_not_told(api: Any, caplog: Any, monkeypatch: Any) -> None:
    async def broken(id: str) -> None:
        raise ZeroDivisionError("a secret of the house")

    monkeypatch.setattr(api.engine, "execution", broken)
    with caplog.at_level(logging.ERROR):
        status, reply = ask(api, f"execution?arn={EXECUTION}")
    assert (status, reply["__type"]) == (500, "InternalFailure")
    assert "secret" not in reply["message"] and "a secret of the house" in caplog.text


# With keys


def test_the_json_asks_for_a_signature_and_the_pages_do_not(with_keys: Any) -> None:
    api = with_keys(KEYRING)
    path = "/console/api/executions?limit=5"
    assert ask(api, "executions?limit=5") == (
        403, {"__type": "MissingAuthenticationToken", "message": ask(api, "endpoint")[1]["message"]},
    )  # fmt: skip
    assert ask(api, "live")[1]["__type"] == "MissingAuthenticationToken"
    for page in ("/console", "/console/", "/console/executions", "/console/api"):
        assert api.run(api.asgi(b"", {}, "GET", page))[0] in (200, 307, 503)
    for key in (OPS, READER):
        assert ask(api, "executions?limit=5", headers=signed(key, "GET", path, b""))[0] == 200
    status, reply = ask(api, "executions?limit=6", headers=signed(READER, "GET", path, b""))
    assert (status, reply["__type"]) == (403, "InvalidSignatureException")
    assert ask(api, "endpoint", headers=signed(OPS, "GET", "/console/api/endpoint", b""))[1]["signed"]
