"""The layer in front of a real emulator: it passes what it is not to touch, and does what DynamoDB would do.

Where time decides the layer runs in the test, with a clock that the test moves. What is seen on the wire is tested with
the child process that the benchmark starts, and boto3.
"""

import asyncio
import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from stepwell.bench.history import Fired, read_rows
from stepwell.bench.parts.backends import ACCOUNT
from stepwell.bench.parts.certify import certify_dynamodb
from stepwell.bench.parts.dynamodb_layer.calls import item_bytes
from stepwell.bench.parts.dynamodb_layer.layer import (
    Behaviours,
    GlobalTables,
    Layer,
    LayerControl,
    PartitionLimits,
    StaleReads,
    Transactions,
)
from stepwell.bench.parts.dynamodb_layer.upstream import Reply, Upstream
from stepwell.bench.parts.proxy import FiredFile

Members = dict[str, Any]
EAST, WEST = "us-east-1", "eu-west-1"
accounts = count(100000000001)


@contextmanager
def child(arguments: list[str], folder: Path, health: str, extra: dict[str, str] | None = None) -> Iterator[None]:
    command = [sys.executable, "-m", "stepwell.processes.child", *arguments]
    process = subprocess.Popen(
        command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=os.environ | (extra or {})
    )
    try:
        wait_for(health)
        yield
    finally:
        process.terminate()
        process.wait(10)
        assert process.stdin
        process.stdin.close()


def wait_for(url: str) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            urllib.request.urlopen(url, timeout=1).close()
            return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def free_ports(number: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    [port] = free_ports(1)
    extra = {
        "GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "SERVICES": "dynamodb", "LOG_LEVEL": "WARNING",
        "DOCKER_HOST": "unix:///nonexistent",
    }  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    with child(["ministack"], tmp_path_factory.mktemp("emulator"), f"{url}/_ministack/health", extra):
        yield url


@pytest.fixture(scope="module")
def server(emulator: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    [port] = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    arguments = ["stepwell.bench.parts.dynamodb_layer", str(port), emulator]
    with child(arguments, tmp_path_factory.mktemp("layer"), f"{url}/_bench/health"):
        yield url


@pytest.fixture
def control(server: str) -> Iterator[LayerControl]:
    control = LayerControl(server)
    yield control
    control.set(Behaviours())


def headers(operation: str, account: str, region: str = EAST, **more: str) -> dict[str, str]:
    credential = f"{account}/20260101/{region}/dynamodb/aws4_request"
    return {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": f"DynamoDB_20120810.{operation}",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0",
        **more,
    }


class Rig:
    """A layer inside the test, of which the test holds the clock, and a client of it with an account of its own."""

    def __init__(self, upstream: Upstream, fired: FiredFile | None = None) -> None:
        self.account = str(next(accounts))
        self.now = 1000.0
        self.sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
        self.upstream = upstream
        self.layer = Layer(upstream, fired, lambda: self.now, lambda seconds: self.sleep(seconds))

    async def raw(self, operation: str, region: str = EAST, caller: str = "", /, **members: Any) -> tuple[int, Members]:
        named = headers(operation, self.account, region, **({"X-Bench-Call": caller} if caller else {}))
        wire = [(b"host", b"emulator"), *((name.lower().encode(), value.encode()) for name, value in named.items())]
        reply = await self.layer.answer("POST", "/", wire, json.dumps(members).encode())
        return reply.status, json.loads(reply.body)

    async def ok(self, operation: str, region: str = EAST, /, **members: Any) -> Members:
        status, reply = await self.raw(operation, region, **members)
        assert status == 200, reply
        return reply

    async def create(self, region: str = EAST, *, sort: bool = False) -> None:
        names = {"id": "HASH", "at": "RANGE"} if sort else {"id": "HASH"}
        await self.ok(
            "CreateTable", region, TableName="tab", BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in names.items()],
        )  # fmt: skip

    async def put(self, key: str, value: int, region: str = EAST, caller: str = "") -> None:
        item = {"id": {"S": key}, "v": {"N": str(value)}}
        status, reply = await self.raw("PutItem", region, caller, TableName="tab", Item=item)
        assert status == 200, reply

    async def get(self, key: str, region: str = EAST, *, strong: bool = False) -> int | None:
        reply = await self.ok("GetItem", region, TableName="tab", Key={"id": {"S": key}}, ConsistentRead=strong)
        return int(reply["Item"]["v"]["N"]) if "Item" in reply else None


class Crowded(Upstream):
    """As an emulator is with many clients: what is sent together is done in any order. Keeps what was put."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.put: list[int] = []

    async def call(self, *request: Any) -> Reply:
        if (b"x-amz-target", b"DynamoDB_20120810.PutItem") in request[2]:
            self.put.append(int(json.loads(request[3])["Item"]["v"]["N"]))
        await asyncio.sleep(random.uniform(0, 0.003))
        reply = await super().call(*request)
        await asyncio.sleep(random.uniform(0, 0.003))
        return reply


def play(
    emulator: str,
    story: Callable[[Rig], Awaitable[None]],
    fired: FiredFile | None = None,
    kind: type[Upstream] = Upstream,
) -> None:
    async def whole() -> None:
        upstream = kind(emulator)
        await story(Rig(upstream, fired))
        upstream.close()

    asyncio.run(whole())


OTHER_TABLE = {
    "TableName": "other", "BillingMode": "PAY_PER_REQUEST", "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
}  # fmt: skip


# What is passed on


def calls() -> list[tuple[str, bytes]]:
    key = {"id": {"S": "ä\u2028"}, "at": {"N": "1.5"}}
    item = {
        **key,
        "n": {"N": "12345678901234567890.123456789e5"},
        "b": {"B": "AAEC"},
        "m": {"M": {"x": {"NULL": True}}},
    }
    values = {":v": {"N": "1"}}
    created = {
        "TableName": "same", "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
        "AttributeDefinitions": [
            {"AttributeName": "id", "AttributeType": "S"}, {"AttributeName": "at", "AttributeType": "N"},
        ],
    }  # fmt: skip
    table = {"TableName": "same"}
    update = {"Key": key, "UpdateExpression": "ADD c :v", "ExpressionAttributeValues": values}
    listed: list[tuple[str, Members]] = [
        ("CreateTable", created),
        ("PutItem", {"Item": item, "ReturnConsumedCapacity": "TOTAL"}),
        ("GetItem", {"Key": key, "ReturnConsumedCapacity": "TOTAL"}),
        ("GetItem", {"Key": key, "ConsistentRead": True, "ProjectionExpression": "n"}),
        ("GetItem", {"Key": {"id": {"S": "absent"}, "at": {"N": "1"}}}),
        ("UpdateItem", {**update, "ReturnValues": "ALL_NEW"}),
        ("UpdateItem", {**update, "ConditionExpression": "c = :v", "ReturnValues": "UPDATED_NEW"}),
        ("UpdateItem", {**update, "ConditionExpression": "c = :v"}),
        ("PutItem", {"Item": item, "ConditionExpression": "attribute_not_exists(id)"}),
        (
            "PutItem",
            {
                "Item": item,
                "ConditionExpression": "attribute_not_exists(id)",
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            },
        ),
        ("PutItem", {"Item": {"id": {"S": "no sort key"}}}),
        ("PutItem", {"Item": {**item, "n": {"N": "not a number"}}}),
        ("Query", {"KeyConditionExpression": "id = :i", "ExpressionAttributeValues": {":i": key["id"]}}),
        ("Query", {"KeyConditionExpression": "nonsense"}),
        ("Scan", {"Limit": 1}),
        ("TransactWriteItems", {"TransactItems": [{"Put": {**table, "Item": item}}]}),
        (
            "TransactWriteItems",
            {
                "TransactItems": [
                    {"Put": {**table, "Item": {**item, "at": {"N": "2"}}}},
                    {"ConditionCheck": {**table, "Key": key, "ConditionExpression": "attribute_not_exists(id)"}},
                ]
            },
        ),
        ("TransactGetItems", {"TransactItems": [{"Get": {**table, "Key": key}}]}),
        ("BatchGetItem", {"RequestItems": {"same": {"Keys": [key]}}}),
        ("BatchWriteItem", {"RequestItems": {"same": [{"DeleteRequest": {"Key": key}}]}}),
        ("ExecuteStatement", {"Statement": 'SELECT * FROM "same"'}),
        ("GetItem", {"TableName": "no such table", "Key": key}),
        ("NoSuchOperation", {}),
    ]
    encoded = [
        (operation, json.dumps(table | members if "TableName" in members or "Key" in members or operation in _OF_TABLE
         else members).encode())
        for operation, members in listed
    ]  # fmt: skip
    return [*encoded, ("GetItem", b"{"), ("GetItem", b""), ("PutItem", b"[]"), ("PutItem", b"\xff\xfe")]


_OF_TABLE = ("PutItem", "UpdateItem", "Query", "Scan")
_NEVER_THE_SAME = {"date", "x-amzn-requestid", "x-amz-request-id", "x-amz-id-2", "server", "keep-alive", "connection"}


def exchange(connection: HTTPConnection, operation: str, body: bytes, account: str) -> tuple[int, Members, bytes]:
    connection.request("POST", "/", body, headers(operation, account))
    reply = connection.getresponse()
    data = reply.read()
    kept = {name.lower(): value for name, value in reply.getheaders() if name.lower() not in _NEVER_THE_SAME}
    return reply.status, kept, data


def test_with_everything_off_every_byte_passes(server: str, emulator: str) -> None:
    through, direct = (HTTPConnection(url.removeprefix("http://"), timeout=10) for url in (server, emulator))
    one, other = str(next(accounts)), str(next(accounts))
    seen = set()
    for operation, body in calls():
        mine = exchange(through, operation, body, one)
        reference = exchange(direct, operation, body, other)
        if operation == "CreateTable":
            assert (mine[0], reference[0]) == (200, 200)  # It tells account, identity and time.
        else:
            assert mine == reference, (operation, body)
        seen.add(mine[0])
    assert seen >= {200, 400}


def test_other_paths_pass_as_well(server: str, emulator: str) -> None:
    assert json.load(urllib.request.urlopen(f"{server}/_ministack/health?x=1"))["services"]


@pytest.mark.parametrize(
    "behaviours",
    [
        Behaviours(stale_reads=StaleReads(lag_seconds=0)),
        Behaviours(partition_limits=PartitionLimits()),
        Behaviours(transactions=Transactions(seconds=0)),
        Behaviours(global_tables=GlobalTables(regions=(EAST, WEST), lag_seconds=0)),
        Behaviours(
            stale_reads=StaleReads(lag_seconds=0),
            partition_limits=PartitionLimits(),
            transactions=Transactions(seconds=0),
            global_tables=GlobalTables(regions=(EAST, WEST), lag_seconds=0),
        ),
    ],
)
def test_a_behaviour_that_has_no_cause_to_act_changes_no_meaning(
    server: str, emulator: str, control: LayerControl, behaviours: Behaviours
) -> None:
    control.set(behaviours)
    through, direct = (HTTPConnection(url.removeprefix("http://"), timeout=10) for url in (server, emulator))
    one, other = str(next(accounts)), str(next(accounts))
    before = control.counts()
    for operation, body in calls():
        mine, reference = exchange(through, operation, body, one), exchange(direct, operation, body, other)
        assert mine[0] == reference[0] or operation == "ExecuteStatement", (operation, body)
        if operation not in ("CreateTable", "ExecuteStatement"):
            assert json.loads(mine[2] or b"0") == json.loads(reference[2] or b"0"), (operation, body)
    assert control.counts() == before


# Stale reads


def test_an_eventual_read_sees_the_past_and_a_consistent_one_never(emulator: str) -> None:
    async def story(rig: Rig) -> None:
        await rig.create()
        await rig.put("k", 1)
        await rig.layer.set(Behaviours(stale_reads=StaleReads(lag_seconds=10)))
        assert await rig.get("k") == 1  # What was there before has reached the replica.
        assert rig.layer.counts == {}
        await rig.put("k", 2)
        assert (await rig.get("k"), await rig.get("k", strong=True)) == (1, 2)
        assert rig.layer.counts == {"stale-read": 1}
        rig.now += 10
        assert await rig.get("k") == 2
        assert rig.layer.counts == {"stale-read": 1}

    play(emulator, story)


def test_items_reach_the_replica_one_by_one_and_each_in_order(emulator: str) -> None:
    async def story(rig: Rig) -> None:
        await rig.create()
        await rig.layer.set(Behaviours(stale_reads=StaleReads(lag_seconds=10), seed=7))
        for value in range(5):
            for key in "abc":
                await rig.put(key, value)
        seen: list[tuple[int, ...]] = []
        for _ in range(100):
            rig.now += 0.1
            seen.append(tuple([await rig.get(key) or 0 for key in "abc"]))
        assert seen[-1] == (4, 4, 4)
        assert any(len(set(each)) > 1 for each in seen)  # Fractured: not all as of one moment.
        for column in zip(*seen, strict=True):
            assert list(column) == sorted(column)

    play(emulator, story)


def test_all_ways_to_write_reach_the_replica_and_all_ways_to_read_see_it(emulator: str) -> None:
    async def story(rig: Rig) -> None:
        await rig.create(sort=True)
        await rig.layer.set(Behaviours(stale_reads=StaleReads(lag_seconds=5)))
        one, two, three = ({"id": {"S": "p"}, "at": {"S": name}} for name in "123")
        values = {":v": {"N": "1"}}
        add = {"UpdateExpression": "ADD v :v", "ExpressionAttributeValues": values}
        await rig.ok("PutItem", TableName="tab", Item=one)
        await rig.ok("BatchWriteItem", RequestItems={"tab": [{"PutRequest": {"Item": two}}]})
        await rig.ok("TransactWriteItems", TransactItems=[{"Update": {"TableName": "tab", "Key": three, **add}}])
        query = {"KeyConditionExpression": "#i = :i", "ExpressionAttributeNames": {"#i": "id"}}
        query |= {"ExpressionAttributeValues": {":i": {"S": "p"}}}
        reads: list[tuple[str, Members, Callable[[Members], list[Members]]]] = [
            ("Query", {"TableName": "tab", **query}, lambda reply: reply["Items"]),
            ("Scan", {"TableName": "tab"}, lambda reply: reply["Items"]),
            ("BatchGetItem", {"RequestItems": {"tab": {"Keys": [one, two, three]}}}, lambda r: r["Responses"]["tab"]),
        ]
        for operation, members, items in reads:
            assert items(await rig.ok(operation, **members)) == []
        assert rig.layer.counts == {"stale-read": 3}
        rig.now += 5
        for operation, members, items in reads:
            found = sorted(items(await rig.ok(operation, **members)), key=lambda item: item["at"]["S"])
            assert found == [one, two, {**three, "v": {"N": "1"}}]
        await rig.ok("DeleteItem", TableName="tab", Key=one)
        assert len((await rig.ok("Query", TableName="tab", **query))["Items"]) == 3
        assert len((await rig.ok("Query", TableName="tab", ConsistentRead=True, **query))["Items"]) == 2
        await rig.layer.settle()
        assert len((await rig.ok("Query", TableName="tab", **query))["Items"]) == 2
        assert rig.layer.counts == {"stale-read": 4}

    play(emulator, story)


def test_writes_that_did_not_happen_are_not_replicated(emulator: str) -> None:
    async def story(rig: Rig) -> None:
        await rig.create()
        await rig.layer.set(Behaviours(stale_reads=StaleReads(lag_seconds=5)))
        item = {"id": {"S": "k"}}
        status, reply = await rig.raw("PutItem", TableName="tab", Item=item, ConditionExpression="attribute_exists(id)")
        assert (status, reply["__type"].rpartition("#")[2]) == (400, "ConditionalCheckFailedException")
        assert await rig.get("k") is None
        assert rig.layer.counts == {}

    play(emulator, story)


def test_what_many_write_at_once_reaches_the_replica_in_order(emulator: str) -> None:
    async def story(rig: Rig) -> None:
        await rig.create()
        await rig.layer.set(Behaviours(stale_reads=StaleReads(lag_seconds=1)))
        add = {"UpdateExpression": "ADD v :v", "ExpressionAttributeValues": {":v": {"N": "1"}}}

        async def writer() -> None:
            for _ in range(4):
                await rig.ok("UpdateItem", TableName="tab", Key={"id": {"S": "k"}}, **add)
                rig.now += 0.2

        await asyncio.gather(*(writer() for _ in range(8)))
        await rig.layer.settle()
        assert isinstance(rig.upstream, Crowded)
        assert rig.upstream.put == list(range(1, 33))
        assert (await rig.get("k"), await rig.get("k", strong=True)) == (32, 32)

    play(emulator, story, kind=Crowded)


def test_accounts_do_not_see_each_others_replicas(emulator: str) -> None:
    async def story(rig: Rig) -> None:
        await rig.layer.set(Behaviours(stale_reads=StaleReads(lag_seconds=0)))
        for account in (str(next(accounts)), str(next(accounts)), "no number"):
            rig.account = account
            await rig.create()
            assert await rig.get("k") is None
            await rig.put("k", 1)
        await rig.ok("DeleteTable", TableName="tab")
        rig.account = "another key of the same account"
        assert (await rig.raw("GetItem", TableName="tab", Key={"id": {"S": "k"}}))[0] == 400

    play(emulator, story)


def test_a_call_that_is_not_signed_could_be_anybodys_and_is_refused(emulator: str) -> None:
    async def story(rig: Rig) -> None:
        await rig.layer.set(Behaviours(stale_reads=StaleReads(lag_seconds=0)))
        target = [(b"host", b"emulator"), (b"x-amz-target", b"DynamoDB_20120810.GetItem")]
        reply = await rig.layer.answer("POST", "/", target, b'{"TableName": "tab"}')
        assert reply.status == 400
        assert b"the call is not signed" in reply.body

    play(emulator, story)


# Throttling


def test_a_partition_bears_so_many_writes_a_second(emulator: str) -> None:
    async def story(rig: Rig) -> None:
        await rig.create()
        await rig.layer.set(Behaviours(partition_limits=PartitionLimits(write_units=5, read_units=5)))
        for _ in range(5):
            await rig.put("hot", 1)
        status, reply = await rig.raw("PutItem", TableName="tab", Item={"id": {"S": "hot"}})
        assert status == 400
        assert reply["__type"] == "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"
        await rig.put("cold", 1)
        rig.now += 0.2
        await rig.put("hot", 2)
        assert (await rig.raw("PutItem", TableName="tab", Item={"id": {"S": "hot"}}))[0] == 400
        assert await rig.get("hot") == 2  # Reads have units of their own, and what was refused was not written.
        assert rig.layer.counts == {"throttled": 2}
        rig.now += 100
        for _ in range(5):
            await rig.put("hot", 3)
        assert (await rig.raw("PutItem", TableName="tab", Item={"id": {"S": "hot"}}))[0] == 400

    play(emulator, story)


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ({"S": "äb"}, 3),
        ({"N": "-12.5"}, 3),
        ({"B": "AAEC"}, 3),
        ({"BOOL": True}, 1),
        ({"SS": ["a", "bc"]}, 3),
        ({"L": [{"S": "ab"}, {"NULL": True}]}, 3 + 2 + 1 + 1 + 1),
        ({"M": {"k": {"S": "ab"}}}, 3 + 1 + 2 + 1),
    ],
)
def test_sizes_are_those_of_dynamodb(value: Members, size: int) -> None:
    assert item_bytes({"id": value}) == 2 + size


@pytest.mark.parametrize(("strong", "admitted"), [(True, 2), (False, 4)])
def test_large_items_and_consistent_reads_cost_more(emulator: str, strong: bool, admitted: int) -> None:
    async def story(rig: Rig) -> None:
        await rig.create()
        await rig.ok("PutItem", TableName="tab", Item={"id": {"S": "k"}, "v": {"N": "1"}, "text": {"S": "x" * 5000}})
        await rig.layer.set(Behaviours(partition_limits=PartitionLimits(read_units=4)))
        read = {"TableName": "tab", "Key": {"id": {"S": "k"}}, "ConsistentRead": strong}
        status = [(await rig.raw("GetItem", **read))[0] for _ in range(6)]
        assert status == [200] * admitted + [400] * (6 - admitted)

    play(emulator, story)


def test_the_capacity_that_a_client_asks_for_is_still_told_and_else_it_is_not(emulator: str) -> None:
    async def story(rig: Rig) -> None:
        await rig.create()
        await rig.layer.set(Behaviours(partition_limits=PartitionLimits()))
        item = {"id": {"S": "k"}, "text": {"S": "x" * 2000}}
        assert await rig.ok("PutItem", TableName="tab", Item=item) == {}
        told = await rig.ok("PutItem", TableName="tab", Item=item, ReturnConsumedCapacity="TOTAL")
        assert told["ConsumedCapacity"]["CapacityUnits"] == 2

    play(emulator, story)


def test_of_a_batch_what_is_throttled_comes_back_and_a_transaction_is_cancelled(emulator: str) -> None:
    async def story(rig: Rig) -> None:
        await rig.create()
        await rig.layer.set(Behaviours(partition_limits=PartitionLimits(write_units=2, read_units=1)))
        await rig.put("hot", 1)
        await rig.put("hot", 2)
        hot, cold = ({"PutRequest": {"Item": {"id": {"S": name}}}} for name in ("hot", "cold"))
        reply = await rig.ok("BatchWriteItem", RequestItems={"tab": [hot, cold]})
        assert reply["UnprocessedItems"] == {"tab": [hot]}
        await rig.ok("CreateTable", **OTHER_TABLE)
        reply = await rig.ok("BatchWriteItem", RequestItems={"tab": [hot], "other": [hot]})
        assert reply["UnprocessedItems"] == {"tab": [hot]}  # The same key, but another table.
        status, reply = await rig.raw("BatchWriteItem", RequestItems={"tab": [hot]})
        assert reply["__type"].endswith("#ProvisionedThroughputExceededException")
        puts = [{"Put": {"TableName": "tab", "Item": {"id": {"S": name}}}} for name in ("new", "hot")]
        status, reply = await rig.raw("TransactWriteItems", TransactItems=puts)
        assert (status, reply["__type"].rpartition("#")[2]) == (400, "TransactionCanceledException")
        assert [reason["Code"] for reason in reply["CancellationReasons"]] == ["None", "ThrottlingError"]
        assert (await rig.get("hot"), await rig.get("new")) == (2, None)
        while (await rig.raw("GetItem", TableName="tab", Key={"id": {"S": "hot"}}))[0] == 200:
            pass
        keys = [{"id": {"S": "hot"}}, {"id": {"S": "cold"}}]
        reply = await rig.ok("BatchGetItem", RequestItems={"tab": {"Keys": keys, "ProjectionExpression": "id"}})
        assert reply["Responses"] == {"tab": [{"id": {"S": "cold"}}]}
        assert reply["UnprocessedKeys"] == {"tab": {"Keys": keys[:1], "ProjectionExpression": "id"}}

    play(emulator, story)


# Transactions


def test_what_a_transaction_is_at_is_its_own(emulator: str) -> None:
    async def story(rig: Rig) -> None:
        await rig.create()
        await rig.layer.set(Behaviours(transactions=Transactions(seconds=1)))
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def held(seconds: float) -> None:
            assert seconds == 1
            begun.set()
            await go_on.wait()

        rig.sleep = held
        puts = {name: {"Put": {"TableName": "tab", "Item": {"id": {"S": name}, "v": {"N": "1"}}}} for name in "abc"}
        first = {"TransactItems": [puts["a"], puts["b"]], "ClientRequestToken": "token"}
        under_way = asyncio.create_task(rig.raw("TransactWriteItems", **first))
        await begun.wait()

        key = {"TableName": "tab", "Key": {"id": {"S": "a"}}}
        for operation, members in [
            ("PutItem", {"TableName": "tab", "Item": {"id": {"S": "a"}}}),
            ("DeleteItem", key),
            ("UpdateItem", {**key, "UpdateExpression": "REMOVE v"}),
        ]:
            status, reply = await rig.raw(operation, **members)
            assert (status, reply["__type"].rpartition("#")[2]) == (400, "TransactionConflictException")
        for operation, actions in [
            ("TransactWriteItems", [puts["c"], puts["b"]]),
            ("TransactGetItems", [{"Get": {"TableName": "tab", "Key": {"id": {"S": name}}}} for name in "cb"]),
        ]:
            status, reply = await rig.raw(operation, TransactItems=actions)
            assert (status, reply["__type"].rpartition("#")[2]) == (400, "TransactionCanceledException")
            assert [reason["Code"] for reason in reply["CancellationReasons"]] == ["None", "TransactionConflict"]
        status, reply = await rig.raw("TransactWriteItems", **first)
        assert reply["__type"].endswith("#TransactionInProgressException")
        requests = [{"PutRequest": {"Item": {"id": {"S": name}, "v": {"N": "9"}}}} for name in "ax"]
        assert (await rig.ok("BatchWriteItem", RequestItems={"tab": requests}))["UnprocessedItems"] == {
            "tab": requests[:1]
        }
        assert await rig.get("a") is None  # Reads of single items are not kept off, and see nothing of it yet.
        assert await rig.get("x") == 9
        await rig.put("elsewhere", 1)

        go_on.set()
        assert (await under_way)[0] == 200
        assert [await rig.get(name) for name in "abc"] == [1, 1, None]
        await rig.put("a", 2)
        assert rig.layer.counts == {"transaction-conflict": 7}

    play(emulator, story)


def test_a_transaction_that_fails_lets_go_of_its_items(emulator: str) -> None:
    async def story(rig: Rig) -> None:
        await rig.create()
        await rig.layer.set(Behaviours(transactions=Transactions(seconds=0)))
        check = {"TableName": "tab", "Key": {"id": {"S": "a"}}, "ConditionExpression": "attribute_exists(id)"}
        for _ in range(2):
            _, reply = await rig.raw("TransactWriteItems", TransactItems=[{"ConditionCheck": check}])
            assert [reason["Code"] for reason in reply["CancellationReasons"]] == ["ConditionalCheckFailed"]
        await rig.put("a", 1)
        assert rig.layer.counts == {}

    play(emulator, story)


# Global tables


def regional(lag_seconds: float = 10) -> Behaviours:
    return Behaviours(global_tables=GlobalTables(regions=(EAST, WEST), lag_seconds=lag_seconds))


def caller(request: str) -> str:
    return json.dumps({"run": "r", "request": request, "worker": "w"})


def test_a_write_is_seen_at_once_where_it_was_made_and_later_elsewhere(emulator: str) -> None:
    async def story(rig: Rig) -> None:
        await rig.create()
        await rig.layer.set(regional())
        await rig.put("k", 1)
        assert (await rig.get("k", strong=True), await rig.get("k", WEST, strong=True)) == (1, None)
        rig.now += 10
        assert await rig.get("k", WEST) == 1
        await rig.put("k", 2, WEST)
        await rig.ok("DeleteItem", TableName="tab", Key={"id": {"S": "other"}})
        rig.now += 10
        assert (await rig.get("k"), await rig.get("k", WEST)) == (2, 2)
        assert rig.layer.counts == {}

    play(emulator, story)


def test_of_two_writes_that_did_not_see_each_other_the_last_is_kept(emulator: str, tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        await rig.create()
        await rig.layer.set(regional())
        await rig.put("k", 1, EAST, caller("first"))
        rig.now += 0.001
        await rig.put("k", 2, WEST, caller("second"))
        await rig.put("calm", 3)
        await rig.layer.settle()
        assert [await rig.get("k", region) for region in (EAST, WEST)] == [2, 2]
        assert rig.layer.counts == {"region-conflict": 1, "write-discarded": 1}
        await rig.put("k", 4, EAST, caller("third"))  # It has seen both, so that nothing is lost.
        await rig.layer.settle()
        assert [await rig.get("k", region) for region in (EAST, WEST)] == [4, 4]
        assert rig.layer.counts == {"region-conflict": 1, "write-discarded": 1}

    path = tmp_path / "fired.jsonl"
    play(emulator, story, FiredFile(path, durable=False))
    rows = {(row.fault, row.run, row.request, row.worker) for row in read_rows(path, Fired)}
    assert rows == {("region-conflict", "r", "second", "w"), ("write-discarded", "r", "first", "w")}


def test_a_condition_holds_in_its_own_region_only(emulator: str) -> None:
    async def story(rig: Rig) -> None:
        await rig.create()
        await rig.layer.set(regional())
        claim = {"TableName": "tab", "ConditionExpression": "attribute_not_exists(id)"}
        for region, value in ((EAST, "1"), (WEST, "2")):
            await rig.ok("PutItem", region, Item={"id": {"S": "k"}, "v": {"N": value}}, **claim)
            assert (await rig.raw("PutItem", region, Item={"id": {"S": "k"}}, **claim))[0] == 400
            rig.now += 0.001
        await rig.layer.settle()
        assert [await rig.get("k", region) for region in (EAST, WEST)] == [2, 2]
        assert rig.layer.counts["write-discarded"] == 1

    play(emulator, story)


@pytest.mark.parametrize("seed", range(4))
def test_regions_agree_in_the_end_and_every_write_is_seen_overwritten_or_counted(emulator: str, seed: int) -> None:
    """A model of what was visible where says for each write whether somebody overwrote it knowingly."""

    async def story(rig: Rig) -> None:
        chance = random.Random(seed)
        await rig.create()
        await rig.layer.set(Behaviours(global_tables=GlobalTables(regions=(EAST, WEST), lag_seconds=1), seed=seed))
        overwritten: set[int] = set()
        for value in range(60):
            region = chance.choice((EAST, WEST))
            before = await rig.get("k", region, strong=True)
            overwritten |= {before} if before is not None else set()
            await rig.put("k", value, region)
            rig.now += chance.uniform(0.001, 0.6)
        await rig.layer.settle()
        east, west = await rig.get("k", EAST), await rig.get("k", WEST)
        assert east == west
        lost = set(range(60)) - overwritten - {east}
        assert 0 < len(lost) <= rig.layer.counts["write-discarded"] <= rig.layer.counts["region-conflict"]

    play(emulator, story)


@pytest.mark.parametrize("seed", range(4))
def test_writes_that_have_seen_each_other_never_conflict_by_whatever_way_they_arrive(emulator: str, seed: int) -> None:
    async def story(rig: Rig) -> None:
        chance, regions = random.Random(seed), (EAST, WEST, "sa-east-1")
        await rig.create()
        await rig.layer.set(Behaviours(global_tables=GlobalTables(regions=regions, lag_seconds=1), seed=seed))
        await rig.put("k", 0)
        last = 0
        while last < 30:
            region = chance.choice(regions)
            if await rig.get("k", region, strong=True) == last:
                last += 1
                await rig.put("k", last, region)
            rig.now += chance.uniform(0, 0.3)
        await rig.layer.settle()
        assert [await rig.get("k", region) for region in regions] == [30, 30, 30]
        assert rig.layer.counts == {}

    play(emulator, story)


def test_of_a_table_that_is_deleted_nothing_is_replicated(emulator: str) -> None:
    async def story(rig: Rig) -> None:
        await rig.create()
        await rig.layer.set(regional())
        await rig.put("k", 1)
        await rig.ok("DeleteTable", WEST, TableName="tab")
        await rig.layer.settle()
        assert await rig.get("k") == 1

    play(emulator, story)


def test_every_region_has_its_stale_reads(emulator: str) -> None:
    async def story(rig: Rig) -> None:
        await rig.create()
        tables = GlobalTables(regions=(EAST, WEST), lag_seconds=1)
        await rig.layer.set(Behaviours(global_tables=tables, stale_reads=StaleReads(lag_seconds=1)))
        await rig.put("k", 1)
        assert (await rig.get("k"), await rig.get("k", strong=True)) == (None, 1)
        rig.now += 1
        assert await rig.get("k", WEST, strong=True) == 1
        rig.now += 1
        assert await rig.get("k", WEST) == 1

    play(emulator, story)


# The server


def store(url: str, account: str, region: str = EAST) -> Any:
    return boto3.client(
        "dynamodb", endpoint_url=url, region_name=region, aws_access_key_id=account, aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}),
    )  # fmt: skip


def test_boto3_takes_its_answers_for_dynamodbs(server: str, control: LayerControl) -> None:
    account = str(next(accounts))
    east, west = store(server, account), store(server, account, WEST)
    control.set(regional(lag_seconds=3600))
    east.create_table(
        TableName="tab", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )  # fmt: skip
    east.put_item(TableName="tab", Item={"id": {"S": "k"}})
    assert "Item" not in west.get_item(TableName="tab", Key={"id": {"S": "k"}})
    control.settle()
    assert "Item" in west.get_item(TableName="tab", Key={"id": {"S": "k"}})

    control.set(Behaviours(partition_limits=PartitionLimits(write_units=1)))
    east.put_item(TableName="tab", Item={"id": {"S": "k"}})
    with pytest.raises(east.exceptions.ProvisionedThroughputExceededException):
        for _ in range(20):
            east.put_item(TableName="tab", Item={"id": {"S": "k"}})
    assert control.counts()["throttled"] == 1

    control.set(Behaviours(transactions=Transactions(seconds=1)))
    put = {"Put": {"TableName": "tab", "Item": {"id": {"S": "k"}}}}
    thread = threading.Thread(target=east.transact_write_items, kwargs={"TransactItems": [put]})
    other = store(server, account)
    thread.start()
    with pytest.raises(other.exceptions.TransactionConflictException):
        while thread.is_alive():  # It may take a moment until it is under way.
            other.put_item(TableName="tab", Item={"id": {"S": "k"}})
    with pytest.raises(other.exceptions.TransactionCanceledException) as cancelled:
        other.transact_write_items(TransactItems=[put])
    assert cancelled.value.response["CancellationReasons"][0]["Code"] == "TransactionConflict"
    thread.join()


def test_it_may_be_believed_as_much_as_the_emulator(server: str, control: LayerControl) -> None:
    control.set(
        Behaviours(
            stale_reads=StaleReads(lag_seconds=0.1),
            transactions=Transactions(seconds=0),
            global_tables=GlobalTables(regions=(EAST, WEST), lag_seconds=0.1),
        )
    )
    store(server, ACCOUNT).create_table(
        TableName="certify", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )  # fmt: skip
    assert certify_dynamodb(server.removeprefix("http://"), "certify", 1.2).failure is None


def test_partiql_would_go_past_the_behaviours_and_is_refused(server: str, control: LayerControl) -> None:
    control.set(Behaviours(stale_reads=StaleReads(lag_seconds=1)))
    with pytest.raises(ClientError, match="switch its behaviours off"):
        store(server, str(next(accounts))).execute_statement(Statement='SELECT * FROM "tab"')


@pytest.mark.parametrize(
    ("wrong", "cause"),
    [
        (b"{", "truncated"),
        (b'{"stale": 1}', "unknown field"),
        (b'{"stale_reads": {"lag_seconds": -1}}', "lag_seconds"),
        (b'{"partition_limits": {"write_units": 0}}', "write_units"),
        (b'{"global_tables": {"regions": ["one"], "lag_seconds": 1}}', "regions"),
    ],
)
def test_behaviours_that_make_no_sense_are_refused(server: str, wrong: bytes, cause: str) -> None:
    connection = HTTPConnection(server.removeprefix("http://"), timeout=10)
    connection.request("POST", "/_bench/behaviours", wrong)
    reply = connection.getresponse()
    assert reply.status == 400
    assert cause in reply.read().decode()


def test_an_emulator_that_breaks_off_leaves_the_outcome_open(emulator: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def break_off() -> None:
            connection, _ = listener.accept()
            connection.recv(100)
            connection.close()

        thread = threading.Thread(target=break_off)
        thread.start()

        async def story(rig: Rig) -> None:
            status, reply = await rig.raw("PutItem", TableName="tab", Item={"id": {"S": "k"}})
            assert (status, reply["__type"].rpartition("#")[2]) == (500, "InternalServerError")

        play(f"http://127.0.0.1:{listener.getsockname()[1]}", story)
        thread.join()


@pytest.mark.parametrize(
    "arguments", [[], ["x", "http://127.0.0.1:1"], ["1", "127.0.0.1:1"], ["1", "http://h:1", "a", "b"]]
)
def test_arguments_that_make_no_sense_are_refused(tmp_path: Path, arguments: list[str]) -> None:
    command = [sys.executable, "-m", "stepwell.bench.parts.dynamodb_layer", *arguments]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert ended.returncode == 1
    assert "usage: PORT UPSTREAM_URL" in ended.stderr
