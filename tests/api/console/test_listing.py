"""Executions found by what they are, and machines with their executions counted."""

from typing import Any

import pytest
from tests.api.conftest import PASS, WAIT, Api

from stepwell.api.console import listing
from stepwell.store.protocol import Found, Search

FAIL = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Broken", "Cause": "Because of ORDER-7"}}}


@pytest.fixture
def shop(api: Api) -> Api:
    """Ten executions of three machines, a minute apart, the oldest first."""
    machines = [api.create(name, definition) for name, definition in (("ok", PASS), ("bad", FAIL), ("slow", WAIT))]
    for number in range(10):
        execution = api.start(machines[number % 3], name=f"Run-{number}", input=f'{{"order": "Order-{number}"}}')
        if number % 3 != 2:
            api.finish(execution)
        api.clock.offset += 60
    return api


def names(api: Api, **query: Any) -> list[str]:
    """The names of all executions that are found, page by page."""
    found: list[str] = []
    before = None
    while True:
        page = api.read("executions", **query, **({} if before is None else {"before": before}))
        found += [item["name"] for item in page["executions"]]
        before = page["before"]
        if before is None:
            return found


def runs(*numbers: int) -> list[str]:
    return [f"Run-{number}" for number in numbers]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, range(9, -1, -1)),
        ({"statuses": "FAILED"}, (7, 4, 1)),
        ({"statuses": "RUNNING,SUCCEEDED"}, (9, 8, 6, 5, 3, 2, 0)),
        ({"name": "RUN-7"}, (7,)),
        ({"text": "order-3"}, (3,)),
        ({"text": "because of order"}, (7, 4, 1)),
        ({"text": "broken", "name": "-4"}, (4,)),
        ({"text": "%"}, ()),
        ({"text": "order", "statuses": "ABORTED"}, ()),
    ],
)
@pytest.mark.parametrize("limit", [1, 3, 500])
def test_what_is_looked_for_is_found_newest_first(shop: Api, query: Any, found: Any, limit: int) -> None:
    assert names(shop, **query, limit=limit) == runs(*found)


def test_of_one_machine_and_of_a_time(shop: Api) -> None:
    machines = {machine["name"]: machine["stateMachineArn"] for machine in shop.read("machines")["machines"]}
    assert names(shop, stateMachine=machines["slow"]) == runs(8, 5, 2)
    started = {item["name"]: item["startedAt"] for item in shop.read("executions")["executions"]}
    bounds = {"startedFrom": started["Run-3"], "startedBefore": started["Run-6"]}
    assert names(shop, **bounds) == runs(5, 4, 3), "the first bound is in it, the second is not"


def test_children_of_map_runs_and_the_map_runs_are_not_among_them(api: Api) -> None:
    processor = {**PASS, "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}
    states = {"M": {"Type": "Map", "ItemProcessor": processor, "Label": "L", "End": True}}
    api.finish(api.start(api.create("m", {"StartAt": "M", "States": states}), name="parent", input="[1, 2]"))
    assert names(api) == ["parent"]
    (machine,) = api.read("machines")["machines"]
    assert machine["counts"] == {"SUCCEEDED": 1}


def test_error_and_cause_are_cut(api: Api) -> None:
    long = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E", "Cause": "c" * 5000}}}
    execution = api.start(api.create("m", long))
    api.finish(execution)
    (item,) = api.read("executions")["executions"]
    assert (item["error"], item["cause"]) == ("E", "c" * 300)
    assert api.read("execution", arn=execution)["execution"]["cause"] == "c" * 5000


def test_a_search_that_takes_too_long_says_where_to_go_on(shop: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    search, looked = shop.engine.store.search, 0

    async def little(wanted: Search, *, before: int | None, limit: int) -> Found:
        nonlocal looked
        looked += 1
        return await search(wanted, before=before, limit=limit, scan=2)

    monkeypatch.setattr(shop.engine.store, "search", little)
    monkeypatch.setattr(listing, "SEARCH_SECONDS", -1.0)
    page = shop.read("executions", text="order-0")
    assert (page["executions"], looked) == ([], 1)
    started = [item["startedAt"] for item in shop.read("executions")["executions"]]
    assert len(started) == 2 and page["searchedTo"] == started[-1]
    assert names(shop, text="order-0") == runs(0)
    monkeypatch.setattr(listing, "SEARCH_SECONDS", 60.0)
    assert names(shop, text="order-0") == runs(0)


def test_machines_with_their_executions_counted(shop: Api) -> None:
    reply = shop.read("machines", hours=24)
    shown = {machine["name"]: machine for machine in reply["machines"]}
    assert [machine["name"] for machine in reply["machines"]] == ["bad", "ok", "slow"]
    assert {name: machine["counts"] for name, machine in shown.items()} == {
        "bad": {"FAILED": 3}, "ok": {"SUCCEEDED": 4}, "slow": {"RUNNING": 3},
    }  # fmt: skip
    assert reply["bucketSeconds"] == 3600
    assert len(shown["ok"]["buckets"]) == listing.BUCKETS
    assert {name: machine["buckets"][-1] for name, machine in shown.items()} == {
        "bad": {"succeeded": 0, "unsuccessful": 3, "open": 0}, "ok": {"succeeded": 4, "unsuccessful": 0, "open": 0},
        "slow": {"succeeded": 0, "unsuccessful": 0, "open": 3},
    }  # fmt: skip
    assert shown["bad"]["lastFailure"]["name"] == "Run-7"


def test_buckets_end_now_and_what_is_older_is_only_counted(shop: Api) -> None:
    reply = shop.read("machines", hours=0.1)  # 24 buckets of 15 seconds: the executions of the last six minutes
    ok = next(machine for machine in reply["machines"] if machine["name"] == "ok")
    filled = [index for index, bucket in enumerate(ok["buckets"]) if bucket["succeeded"]]
    assert (ok["counts"]["SUCCEEDED"], len(filled)) == (4, 2)
    assert filled[1] - filled[0] == 12, "three minutes apart"


def test_a_machine_without_executions_and_one_that_is_deleted(api: Api) -> None:
    empty, gone = api.create("empty"), api.create("gone", WAIT)
    execution = api.start(gone)
    api.call("DeleteStateMachine", stateMachineArn=gone)
    shown = {machine["name"]: machine for machine in api.read("machines")["machines"]}
    assert (shown["empty"]["counts"], shown["empty"]["buckets"]) == ({}, [])
    assert (shown["gone"]["deleting"], shown["gone"]["counts"]) == (True, {"RUNNING": 1})
    api.call("StopExecution", executionArn=execution)
    assert [item["stateMachineArn"] for item in api.read("executions")["executions"]] == [gone]
    assert empty != gone


def test_the_endpoint_says_what_it_is(api: Api) -> None:
    reply = api.read("endpoint")
    assert (reply["limits"], reply["signed"], reply["account"]) == ("aws", False, "123456789012")
    assert abs(reply["now"] - api.clock.now()) < 60
