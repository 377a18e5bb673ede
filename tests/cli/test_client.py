"""Which endpoint is meant, and how a history is followed without asking for all of it again."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from stepwell.commands.client import (
    DEFAULT_URL,
    LONGEST_PAUSE_SECONDS,
    Endpoint,
    answers,
    arn_of_execution,
    arn_of_machine,
    explained,
    find_endpoint,
    follow,
    require,
)


@pytest.mark.parametrize(
    ("option", "variables", "url", "source"),
    [
        (None, {}, DEFAULT_URL, ""),
        ("http://h:1/", {"STEPWELL_ENDPOINT": "http://e:2"}, "http://h:1", "--endpoint-url"),
        (None, {"STEPWELL_ENDPOINT": "http://e:2", "AWS_ENDPOINT_URL": "http://a:3"}, "http://e:2",
         "STEPWELL_ENDPOINT"),
        (None, {"AWS_ENDPOINT_URL": "http://a:3", "AWS_ENDPOINT_URL_SFN": "http://s:4"}, "http://s:4",
         "AWS_ENDPOINT_URL_SFN"),
        (None, {"STEPWELL_ENDPOINT": "", "AWS_ENDPOINT_URL": "https://a"}, "https://a", "AWS_ENDPOINT_URL"),
        (None, {"STEPWELL_ENDPOINT": "http://[::1]:8083"}, "http://[::1]:8083", "STEPWELL_ENDPOINT"),
    ],
)  # fmt: skip
def test_which_endpoint(
    place: Path, monkeypatch: pytest.MonkeyPatch, option: str | None, variables: dict[str, str], url: str, source: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert find_endpoint(option) == Endpoint(url, source)


@pytest.mark.parametrize("url", ["localhost:8083", "ftp://h", "http://", "http://h:port", "http://h:99999", "http://["])
def test_what_is_no_endpoint(place: Path, url: str) -> None:
    with pytest.raises(click.BadParameter, match="is no endpoint"):
        find_endpoint(url)


@pytest.fixture
def other_server() -> Iterator[str]:
    """Something that speaks HTTP and is no Stepwell."""
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_another_server_is_no_endpoint(other_server: str) -> None:
    assert not answers(other_server)
    with pytest.raises(click.ClickException, match=r"\(from --endpoint-url\).\nStart one with `stepwell up`"):
        require(Endpoint(other_server, "--endpoint-url"))


def test_names_and_arns() -> None:
    arn = "arn:aws:states:eu-west-1:000000000001:stateMachine:m"
    assert arn_of_machine(arn) == arn
    assert arn_of_machine("m") == "arn:aws:states:us-east-1:123456789012:stateMachine:m"
    assert arn_of_execution("m:x") == "arn:aws:states:us-east-1:123456789012:execution:m:x"
    assert arn_of_execution(arn) == arn
    for text in ("x", "a:b:c"):
        with pytest.raises(click.BadParameter, match="MACHINE:NAME"):
            arn_of_execution(text)


class Growing:
    """GetExecutionHistory of a history that grows between the calls, in pages of three events."""

    def __init__(self, lengths: list[int]) -> None:
        self.lengths = lengths
        self.calls: list[str | None] = []

    def get_execution_history(self, *, executionArn: str, maxResults: int, nextToken: str = "1") -> dict[str, Any]:
        self.calls.append(nextToken)
        length = self.lengths.pop(0) if len(self.lengths) > 1 else self.lengths[0]
        first = int(nextToken)
        ids = range(first, min(first + 3, length + 1))
        types = {1: "ExecutionStarted", 8: "ExecutionSucceeded"}
        reply: dict[str, Any] = {"events": [{"id": id, "type": types.get(id, "PassStateEntered")} for id in ids]}
        if first + 3 <= length:
            reply["nextToken"] = str(first + 3)
        return reply


def test_follow_asks_again_for_the_last_page_only() -> None:
    client, pauses = Growing([5, 5, 5, 6, 8]), []
    pages = [[event["id"] for event in page] for page in follow(client, "arn", pauses.append)]
    assert pages == [[1, 2, 3], [4, 5], [], [6], [], [7, 8]]
    assert client.calls == ["1", "4", "4", "4", "4", "7"]
    assert len(pauses) == 3, "no pause while there is a next page"


def test_follow_becomes_more_patient_while_nothing_happens() -> None:
    pauses: list[float] = []
    list(follow(Growing([2] * 20 + [8]), "arn", pauses.append))
    assert pauses == sorted(pauses) and pauses[-1] == LONGEST_PAUSE_SECONDS


def test_an_endpoint_that_goes_away_is_no_traceback() -> None:
    from stepwell.commands.client import make_client

    url = "http://127.0.0.1:1"
    with pytest.raises(click.ClickException, match=f"{url} stopped answering"), explained(url):
        make_client(url).list_state_machines()
    with pytest.raises(click.UsageError, match="Invalid length"), explained(url):
        make_client(url).describe_state_machine(stateMachineArn="")
