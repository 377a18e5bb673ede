"""Versions and aliases over the wire."""

import json
from typing import Any

import pytest

ROLE = "arn:aws:iam::123456789012:role/steps"
ARN = "arn:aws:states:us-east-1:123456789012:stateMachine:machine"
INVALID, MISSING = "ValidationException", "StateMachineDoesNotExist"


def passing(result: object) -> dict[str, Any]:
    return {"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": result, "End": True}}}


def update(api: Any, result: object, **more: Any) -> Any:
    return api.call("UpdateStateMachine", stateMachineArn=ARN, definition=json.dumps(passing(result)), **more)


def routing(**weights: int) -> list[dict[str, Any]]:
    """`routing(v1=40, v2=60)`."""
    return [{"stateMachineVersionArn": f"{ARN}:{name[1:]}", "weight": weight} for name, weight in weights.items()]


def two_versions(api: Any, **more: Any) -> None:
    api.create(definition=passing(1), publish=True, **more)
    update(api, 2, publish=True)


def test_create_publishes(api: Any) -> None:
    text = json.dumps(passing(1))
    request = {"name": "machine", "definition": text, "roleArn": ROLE, "publish": True, "versionDescription": "first"}
    created = api.call("CreateStateMachine", **request)
    assert created["stateMachineVersionArn"] == ARN + ":1"
    assert api.call("CreateStateMachine", **request) == created
    for changes in ({"publish": False, "versionDescription": None}, {"versionDescription": "other"}):
        different = {**request, **changes}
        assert api.refused("CreateStateMachine", **different)[0] == "StateMachineAlreadyExists"
    assert len(api.call("ListStateMachineVersions", stateMachineArn=ARN)["stateMachineVersions"]) == 1


def test_a_create_that_was_cut_off_before_its_version_is_repeated(api: Any) -> None:
    request = {"name": "machine", "definition": json.dumps(passing(1)), "roleArn": ROLE, "publish": True}
    api.call("CreateStateMachine", **request)
    api.run(api.engine.store.delete("version", ARN + ":1"))
    assert api.call("CreateStateMachine", **request)["stateMachineVersionArn"] == ARN + ":1"
    assert api.call("DescribeStateMachine", stateMachineArn=ARN + ":1")["status"] == "ACTIVE"


def test_update_publishes(api: Any) -> None:
    api.create(definition=passing(1))
    api.clock.offset += 60
    updated = update(api, 2, publish=True, versionDescription="second")
    assert updated["stateMachineVersionArn"] == ARN + ":1"
    later = update(api, 3)
    assert set(later) == {"updateDate", "revisionId"}
    version = api.call("DescribeStateMachine", stateMachineArn=ARN + ":1")
    assert (version["stateMachineArn"], version["name"], version["description"]) == (ARN + ":1", "machine", "second")
    assert (json.loads(version["definition"]), version["revisionId"]) == (passing(2), updated["revisionId"])
    machine = api.call("DescribeStateMachine", stateMachineArn=ARN)
    assert "description" not in machine
    assert machine["revisionId"] == later["revisionId"]
    assert version["creationDate"] > machine["creationDate"]


def test_publish(api: Any) -> None:
    api.create(definition=passing(1))
    first = api.call("PublishStateMachineVersion", stateMachineArn=ARN, revisionId="INITIAL", description="d")
    assert set(first) == {"stateMachineVersionArn", "creationDate"}
    assert api.call("PublishStateMachineVersion", stateMachineArn=ARN) == first
    current = update(api, 2)["revisionId"]
    assert api.refused("PublishStateMachineVersion", stateMachineArn=ARN, revisionId="INITIAL") == (
        "ConflictException",
        "Failed to publish the State Machine version for revision INITIAL. "
        f"The current State Machine revision is {current}.",
    )
    for arn in (ARN + ":1", ARN + "2"):
        refused = api.refused("PublishStateMachineVersion", stateMachineArn=arn)
        assert refused == ("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")


def test_executions_of_versions_and_aliases(api: Any) -> None:
    two_versions(api)
    alias = api.call("CreateStateMachineAlias", name="live", routingConfiguration=routing(v1=100))
    api.call("UpdateStateMachineAlias", stateMachineAliasArn=ARN + ":live", routingConfiguration=routing(v2=100))
    assert alias["stateMachineAliasArn"] == ARN + ":live"
    outputs, shown = {}, {}
    for name, arn in (("plain", ARN), ("version", ARN + ":1"), ("alias", ARN + ":live")):
        ended = api.finish(api.start(arn, name=name))
        outputs[name] = ended["output"]
        shown[name] = ended.get("stateMachineVersionArn"), ended.get("stateMachineAliasArn")
        assert ended["stateMachineArn"] == ARN
        events = api.call("GetExecutionHistory", executionArn=ended["executionArn"])["events"]
        details = events[0]["executionStartedEventDetails"]
        assert (details.get("stateMachineVersionArn"), details.get("stateMachineAliasArn")) == shown[name]
    assert outputs == {"plain": "2", "version": "1", "alias": "2"}
    assert shown == {"plain": (None, None), "version": (ARN + ":1", None), "alias": (ARN + ":2", ARN + ":live")}

    def listed(arn: str) -> list[str]:
        return [item["name"] for item in api.call("ListExecutions", stateMachineArn=arn)["executions"]]

    assert listed(ARN) == ["alias", "version", "plain"]
    assert (listed(ARN + ":1"), listed(ARN + ":2"), listed(ARN + ":live")) == (["version"], ["alias"], ["alias"])
    (item,) = api.call("ListExecutions", stateMachineArn=ARN + ":live")["executions"]
    assert (item["stateMachineVersionArn"], item["stateMachineAliasArn"]) == (ARN + ":2", ARN + ":live")
    assert api.refused("ListExecutions", stateMachineArn=ARN + ":gone")[0] == "StateMachineDoesNotExist"


def test_an_execution_outlives_its_version(api: Any) -> None:
    waiting = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}
    api.create(definition=waiting, publish=True)
    execution = api.start(ARN + ":1", name="e", input="{}")
    update(api, 2)
    api.call("DeleteStateMachineVersion", stateMachineVersionArn=ARN + ":1")
    found = api.call("DescribeStateMachineForExecution", executionArn=execution)
    assert (json.loads(found["definition"]), found["stateMachineArn"]) == (waiting, ARN)
    assert api.refused("StartExecution", stateMachineArn=ARN + ":1") == (
        "StateMachineDoesNotExist",
        f"State Machine Does Not Exist: '{ARN}:1'",
    )
    api.call("StopExecution", executionArn=execution)


def test_a_repeated_start_through_an_alias_is_the_same_execution(api: Any) -> None:
    waiting = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}
    api.create(definition=waiting, publish=True)
    waiting["Comment"] = "second"
    api.call("UpdateStateMachine", stateMachineArn=ARN, definition=json.dumps(waiting), publish=True)
    api.call("CreateStateMachineAlias", name="live", routingConfiguration=routing(v1=50, v2=50))
    started = {api.start(ARN + ":live", name="e") for _ in range(8)}
    assert len(started) == 1
    api.call("StopExecution", executionArn=started.pop())


def test_express_through_an_alias(api: Any) -> None:
    two_versions(api, type="EXPRESS")
    api.call("CreateStateMachineAlias", name="live", routingConfiguration=routing(v1=100))
    ended = api.call("StartSyncExecution", stateMachineArn=ARN + ":live", name="e")
    assert (ended["output"], ended["stateMachineArn"]) == ("1", ARN)
    assert ended["executionArn"].startswith(ARN.replace("stateMachine", "express") + ":e:")
    assert api.refused("ListExecutions", stateMachineArn=ARN + ":live")[0] == "StateMachineTypeNotSupported"


def test_more_routes_than_an_alias_takes(api: Any) -> None:
    api.create(publish=True)
    many = routing(v1=33, v2=33, v3=34)
    shown = ", ".join(
        f"RoutingConfigurationListItem(stateMachineVersionArn={ARN}:{number}, weight={weight})"
        for number, weight in ((1, 33), (2, 33), (3, 34))
    )
    assert api.refused("CreateStateMachineAlias", name="live", routingConfiguration=many) == (
        "ValidationException",
        f"1 validation error detected: Value '[{shown}]' at 'routingConfiguration' failed to satisfy constraint: "
        "Member must have length less than or equal to 2",
    )


def test_describe_alias(api: Any) -> None:
    two_versions(api)
    both = routing(v1=40, v2=60)
    created = api.call("CreateStateMachineAlias", name="live", routingConfiguration=both, description="d")
    api.clock.offset += 60
    updated = api.call("UpdateStateMachineAlias", stateMachineAliasArn=ARN + ":live", description="e")
    assert api.call("DescribeStateMachineAlias", stateMachineAliasArn=ARN + ":live") == {
        "stateMachineAliasArn": ARN + ":live",
        "name": "live",
        "description": "e",
        "routingConfiguration": both,
        "creationDate": created["creationDate"],
        "updateDate": updated["updateDate"],
    }
    described = api.call("DescribeStateMachine", stateMachineArn=ARN + ":live")
    assert (described["stateMachineArn"], json.loads(described["definition"])) == (ARN + ":live", passing(2))
    api.call("DeleteStateMachineAlias", stateMachineAliasArn=ARN + ":live")
    assert api.refused("DescribeStateMachineAlias", stateMachineAliasArn=ARN + ":live") == (
        "ResourceNotFound",
        "Request references a resource that does not exist.",
    )


@pytest.mark.parametrize(
    ("operation", "member", "arn", "first", "rest"),
    [
        (
            "ListStateMachineVersions", "stateMachineVersions", "stateMachineVersionArn",
            ["5", "4"], ["3", "2", "1"],
        ),
        (
            "ListStateMachineAliases", "stateMachineAliases", "stateMachineAliasArn",
            ["a0", "a1"], ["a2", "a3", "a4"],
        ),
    ],
)  # fmt: skip
def test_pages(api: Any, operation: str, member: str, arn: str, first: list[str], rest: list[str]) -> None:
    api.create(definition=passing(0), publish=True)
    for index in range(5):
        if index:
            update(api, index, publish=True)
        api.call("CreateStateMachineAlias", name=f"a{index}", routingConfiguration=routing(v1=100))
    page = api.call(operation, stateMachineArn=ARN, maxResults=2)
    assert [item[arn].rpartition(":")[2] for item in page[member]] == first
    assert all(set(item) == {arn, "creationDate"} for item in page[member])
    following = api.call(operation, stateMachineArn=ARN, nextToken=page["nextToken"])
    assert [item[arn].rpartition(":")[2] for item in following[member]] == rest
    assert "nextToken" not in following
    refused = api.refused(operation, stateMachineArn=ARN, nextToken="x")
    assert refused == ("InvalidToken", "Invalid Token: 'Invalid token'")


@pytest.mark.parametrize(
    ("operation", "request_", "code"),
    [
        ("DeleteStateMachineVersion", {"stateMachineVersionArn": ARN}, INVALID),
        ("DeleteStateMachineVersion", {"stateMachineVersionArn": ARN + ":live"}, INVALID),
        ("DeleteStateMachineVersion", {"stateMachineVersionArn": "x"}, "InvalidArn"),
        ("DeleteStateMachineVersion", {"stateMachineVersionArn": ARN + ":1"}, "ConflictException"),
        ("DescribeStateMachineAlias", {"stateMachineAliasArn": ARN + ":1"}, INVALID),
        ("DescribeStateMachineAlias", {"stateMachineAliasArn": ARN}, INVALID),
        ("DeleteStateMachineAlias", {"stateMachineAliasArn": ARN}, INVALID),
        ("UpdateStateMachineAlias", {"stateMachineAliasArn": ARN + ":live"}, INVALID),
        ("ListStateMachineVersions", {"stateMachineArn": ARN + ":1"}, INVALID),
        ("ListStateMachineVersions", {"stateMachineArn": ARN + "2"}, MISSING),
        ("ListStateMachineAliases", {"stateMachineArn": ARN + "2"}, MISSING),
        ("CreateStateMachineAlias", {"name": "7", "routingConfiguration": routing(v1=100)}, INVALID),
        ("CreateStateMachineAlias", {"name": "a", "routingConfiguration": []}, INVALID),
        ("CreateStateMachineAlias", {"name": "a", "routingConfiguration": routing(v1=101)}, INVALID),
        ("CreateStateMachineAlias", {"name": "a", "routingConfiguration": routing(v1=1, v2=1, v3=98)}, INVALID),
        ("UpdateStateMachine", {"stateMachineArn": ARN + "/label", "roleArn": ROLE}, INVALID),
        ("UpdateStateMachine", {"stateMachineArn": ARN, "publish": True}, "MissingRequiredParameter"),
        ("UpdateStateMachine", {"stateMachineArn": ARN, "roleArn": ROLE, "versionDescription": "d"}, INVALID),
        ("UpdateStateMachine", {"stateMachineArn": ARN + ":live", "roleArn": ROLE, "publish": True}, MISSING),
        ("StartExecution", {"stateMachineArn": ARN + ":01"}, MISSING),
        ("TagResource", {"resourceArn": ARN + ":1", "tags": []}, "ResourceNotFound"),
        ("ListTagsForResource", {"resourceArn": ARN + ":live"}, "ResourceNotFound"),
        ("DeleteStateMachine", {"stateMachineArn": ARN + ":live"}, INVALID),
    ],
)  # fmt: skip
def test_refusals(api: Any, operation: str, request_: dict[str, Any], code: str) -> None:
    two_versions(api)
    api.call("CreateStateMachineAlias", name="live", routingConfiguration=routing(v1=100))
    before = api.call("DescribeStateMachine", stateMachineArn=ARN)
    assert api.refused(operation, **request_)[0] == code
    assert api.call("DescribeStateMachine", stateMachineArn=ARN) == before
    assert len(api.call("ListStateMachineVersions", stateMachineArn=ARN)["stateMachineVersions"]) == 2
    assert len(api.call("ListStateMachineAliases", stateMachineArn=ARN)["stateMachineAliases"]) == 1
