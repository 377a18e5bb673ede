"""The revisions that the page of a state machine shows and compares."""

import json
from typing import Any
from urllib.parse import urlencode

from tests.api.conftest import PASS, WAIT, Api


def read(api: Api, path: str, **query: str) -> tuple[int, Any]:
    """Status and reply of one of the console's paths."""
    status, _, body = api.run(api.asgi(b"", {}, "GET", f"/console/api/{path}?{urlencode(query)}"))
    return status, json.loads(body)


def update(api: Api, machine: str, definition: Any) -> None:
    api.call("UpdateStateMachine", stateMachineArn=machine, definition=json.dumps(definition))


def test_every_revision_is_listed_with_its_versions_the_latest_first(api: Api) -> None:
    machine = api.create()
    api.create("other")
    api.call("PublishStateMachineVersion", stateMachineArn=machine)
    update(api, machine, WAIT)
    update(api, machine, PASS)

    status, reply = read(api, "machine/revisions", arn=machine)

    assert status == 200
    shown = [(item["number"], item["current"], item["versions"]) for item in reply["revisions"]]
    assert shown == [(3, True, []), (2, False, []), (1, False, [1])]


def test_a_revision_is_shown_with_its_definition_also_when_it_is_not_current(api: Api) -> None:
    machine = api.create(definition=WAIT)
    update(api, machine, PASS)
    _, reply = read(api, "machine/revisions", arn=machine)

    status, first = read(api, "machine/revision", id=reply["revisions"][-1]["id"])

    assert status == 200
    assert json.loads(first["definition"]) == WAIT
    assert (first["number"], first["stateMachineArn"], first["logLevel"]) == (1, machine, "OFF")


def test_a_machine_of_the_same_name_has_none_of_the_deleted_ones_revisions(api: Api) -> None:
    machine = api.create()
    update(api, machine, WAIT)
    api.call("DeleteStateMachine", stateMachineArn=machine)
    api.clock.offset += 1
    assert api.create() == machine

    _, reply = read(api, "machine/revisions", arn=machine)

    assert [item["number"] for item in reply["revisions"]] == [1]


def test_what_is_not_there_is_refused_in_awss_words(api: Api) -> None:
    absent = "arn:aws:states:us-east-1:123456789012:stateMachine:absent"
    assert read(api, "machine/revisions", arn=absent) == (
        400, {"__type": "StateMachineDoesNotExist", "message": f"State Machine Does Not Exist: '{absent}'"}
    )  # fmt: skip
    assert read(api, "machine/revisions", arn="nonsense")[1]["__type"] == "InvalidArn"
    status, reply = read(api, "machine/revision", id="nonsense")
    assert (status, reply["__type"]) == (404, "ResourceNotFound")
