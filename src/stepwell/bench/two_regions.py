"""A session whose requests come to either of two regions, each with its replica of one table: what is kept of it.

One user makes one request after the other; each goes to a region by chance, as after a failover or on a train, reads
the session there and changes it. The replicas are DynamoDB's global tables as `dynamodb_layer` plays them: they lag,
and of two writes that have not seen each other the later is kept. Nothing is broken besides.

Active-active Redis is not among the strategies: its merging data types are part of a product that cannot be installed
as a package, and two Valkeys that know nothing of each other are not the same thing.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any
from zlib import crc32

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from stepwell.bench.history import READ, WRITE, Op, Status
from stepwell.bench.oracles import replicas
from stepwell.bench.oracles.anomalies import Verdict
from stepwell.bench.oracles.staleness import read_your_writes
from stepwell.bench.parts.aws import client
from stepwell.bench.parts.backends import emulator
from stepwell.bench.parts.dynamodb_layer.layer import CONTROL_PATH, Behaviours, GlobalTables, LayerControl
from stepwell.processes.children import START_SECONDS, Child, answers_http, free_ports, module

REGIONS = ("us-east-1", "eu-west-1")
LAG_SECONDS = (0.0, 0.05, 0.5)
"""How long a write is on its way at most. AWS says that it is usually less than a second."""

NEAREST, CHECKED, HOME, CHANGES = "nearest", "nearest-checked", "home", "changes"
STRATEGIES = {
    NEAREST: "the nearest region, last writer wins",
    CHECKED: "the nearest region, on condition of what was read",
    HOME: "the session's home region, on condition of what was read",
    CHANGES: "the nearest region, an item for each change",
}

UNSEEN, CONFLICTS, LOST, DIVERGED = "unseen", "conflicts", "lost", "diverged"
MEASURES = {
    UNSEEN: "reads that did not see what the same user had written",
    CONFLICTS: "writes that did not see another one and were not seen by it",
    LOST: "acknowledged writes that are in no replica in the end, overwritten by who had not seen them",
    DIVERGED: "records that are not the same in both regions when all is quiet",
}

_LAGGED = frozenset({UNSEEN, CONFLICTS, LOST})
EXPECTED = {
    NEAREST: _LAGGED,
    # A condition is checked by the region that it is sent to, and that one has not seen the other's write either.
    CHECKED: _LAGGED,
    HOME: frozenset[str](),
    CHANGES: frozenset({UNSEEN}),
}
"""Written down before anything was run: the measures in which an anomaly was expected where replicas lag. Where they do
not, none was."""

_THINK_SECONDS = 0.02
_TRIES = 5

Item = dict[str, Any]
Notify = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Row:
    """One strategy at one lag. `remote` is the share of tries that went to another region than the request came to.

    Conflicts are exposed where a record was written more than once, which with an item for each change is nowhere.
    """

    strategy: str
    lag_seconds: float
    verdicts: dict[str, Verdict]
    remote: float

    @property
    def disagreements(self) -> list[str]:
        """The measures in which something else was found than was expected."""
        expected = EXPECTED[self.strategy] if self.lag_seconds else frozenset[str]()
        return [name for name, each in self.verdicts.items() if (each.count > 0) != (name in expected)]


def measure(
    seed: int, notify: Notify, lags: Sequence[float] = LAG_SECONDS, users: int = 8, requests: int = 20
) -> list[Row]:
    """All strategies at these lags, each in a table of its own.

    Raises `BackEndFailed` when a part does not start, and what boto3 raises when one breaks down.
    """
    rows = []
    with _regions() as (clients, control):
        for lag in lags:
            control.set(Behaviours(global_tables=GlobalTables(regions=REGIONS, lag_seconds=lag), seed=seed))
            for strategy in STRATEGIES:
                notify(f"{STRATEGIES[strategy]}, replicas {lag:g} s behind")
                cell = _Cell(strategy, f"{strategy}-{lag:g}", clients)
                cell.create()
                with ThreadPoolExecutor(users) as pool:
                    for done in [pool.submit(cell.live, f"user-{user}", requests, seed) for user in range(users)]:
                        done.result()
                control.settle()
                rows.append(cell.judged(lag))
    return rows


@contextmanager
def _regions() -> Iterator[tuple[dict[str, Any], LayerControl]]:
    """A client for each region, and the control of what lies between them."""
    with TemporaryDirectory(prefix="stepwell-bench-") as folder:
        aws, layer = free_ports(2)
        url = f"http://127.0.0.1:{layer}"
        command = module("stepwell.bench.parts.dynamodb_layer", str(layer), f"http://127.0.0.1:{aws}")
        children = [
            emulator(Path(folder), aws),
            Child("layer", Path(folder), command, answers_http(f"{url}{CONTROL_PATH}health")),
        ]
        try:
            for child in children:
                child.start()
            for child in children:
                child.wait(time.monotonic() + START_SECONDS)
            yield {region: client("dynamodb", url, region=region) for region in REGIONS}, LayerControl(url)
        finally:
            for child in reversed(children):
                child.stop()


@dataclass(slots=True)
class _Cell:
    """One strategy on a table. An item is what a write made of the session, or with `CHANGES` the change alone."""

    strategy: str
    table: str
    clients: dict[str, Any]
    ops: list[Op] = field(default_factory=list)
    remote: list[bool] = field(default_factory=list)

    def create(self) -> None:
        keys = {"session": "HASH", "change": "RANGE"}
        self.clients[REGIONS[0]].create_table(
            TableName=self.table, BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": name, "KeyType": type} for name, type in keys.items()],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in keys],
        )  # fmt: skip

    def live(self, user: str, requests: int, seed: int) -> None:
        """All requests of one user: each changes the session once, whatever that takes."""
        chance = Random(f"{seed}/{user}")
        for number in range(1, requests + 1):
            region = chance.choice(REGIONS)
            for _ in range(_TRIES):
                if self._change(user, number, region):
                    break
            time.sleep(chance.uniform(0, 2 * _THINK_SECONDS))

    def _change(self, user: str, number: int, nearest: str) -> bool:
        """Reads the session and writes it changed; False when it was changed in between."""
        region = REGIONS[crc32(user.encode()) % len(REGIONS)] if self.strategy == HOME else nearest
        self.remote.append(region != nearest)
        read = self._read(user, region)
        change = f"{number:04}" if self.strategy == CHANGES else "all"
        item = {"session": {"S": user}, "change": {"S": change}, "number": {"N": str(number)}}
        put: Item = {"TableName": self.table, "Item": item}
        if self.strategy in (CHECKED, HOME):
            put["ConditionExpression"] = "attribute_not_exists(#number) OR #number = :read"
            put["ExpressionAttributeNames"] = {"#number": "number"}
            put["ExpressionAttributeValues"] = {":read": {"N": str(read)}}
        base = None if self.strategy == CHANGES or not read else _name(user, read)
        argument = {"write": _name(user, number), "base": base, "version": number}
        begun, status = time.time(), _put(self.clients[region], put)
        self._note(WRITE, user, f"{user}/{change}", begun, status, argument=argument)
        return status != "fail"

    def _read(self, user: str, region: str) -> int:
        """The number of the last change that the session has; of single ones, up to which none is missing."""
        begun = time.time()
        found = self.clients[region].query(
            TableName=self.table, KeyConditionExpression="#session = :session", ConsistentRead=True,
            ExpressionAttributeNames={"#session": "session"}, ExpressionAttributeValues={":session": {"S": user}},
        )  # fmt: skip
        numbers = {int(item["number"]["N"]) for item in found["Items"]}
        seen = max(numbers, default=0)
        if self.strategy == CHANGES:
            seen = next(number for number in range(seen + 1) if number + 1 not in numbers)
        self._note(READ, user, f"{user}/all", begun, "ok", result={"version": seen})
        return seen

    def _note(self, kind: str, user: str, key: str, begun: float, status: Status, **more: Any) -> None:
        self.ops.append(
            Op(
                id=f"{self.table}/{user}/{len(self.ops)}", run=self.table, request=user, attempt=1, worker=user,
                key=key, kind=kind, intended_at=begun, invoked_at=begun, returned_at=time.time(), status=status, **more,
            )
        )  # fmt: skip

    def judged(self, lag_seconds: float) -> Row:
        held = {region: self._contents(region) for region in REGIONS}
        by_session = [msgspec.structs.replace(op, key=op.request) for op in self.ops]
        verdicts = {
            UNSEEN: read_your_writes(by_session),
            CONFLICTS: replicas.conflicts(self.ops),
            LOST: replicas.silent_losses(self.ops, held),
            DIVERGED: replicas.diverged(held),
        }
        return Row(self.strategy, lag_seconds, verdicts, sum(self.remote) / len(self.remote))

    def _contents(self, region: str) -> dict[str, Item]:
        """By the key of their writes, what names the write that each item is of."""
        pages = self.clients[region].get_paginator("scan").paginate(TableName=self.table, ConsistentRead=True)
        items = [item for page in pages for item in page["Items"]]
        return {
            f"{item['session']['S']}/{item['change']['S']}": {"write": _name(item["session"]["S"], item["number"]["N"])}
            for item in items
        }


def _name(user: str, number: int | str) -> str:
    return f"{user}#{number}"


def _put(client: Any, put: Item) -> Status:
    try:
        client.put_item(**put)
    except ClientError as error:
        return "fail" if error.response["Error"]["Code"] == "ConditionalCheckFailedException" else "info"
    except BotoCoreError:
        return "info"
    return "ok"
