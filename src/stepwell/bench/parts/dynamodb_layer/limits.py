"""What DynamoDB refuses and emulators allow: more than a partition bears, and what a transaction is at."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager

import msgspec

from stepwell.bench.parts.dynamodb_layer.calls import (
    BATCHES,
    EFFECT,
    TRANSACTIONS,
    Call,
    Caller,
    Item,
    Members,
    Scope,
    Tables,
    answer,
    cancelled,
    error,
    eventual,
    item_bytes,
    unprocessed,
    without,
)
from stepwell.bench.parts.dynamodb_layer.upstream import Reply

Forward = Callable[[Call], Awaitable[Reply]]
Note = Callable[[str, Caller], None]

THROTTLED, TRANSACTION_CONFLICT = "throttled", "transaction-conflict"

_READ_UNIT_BYTES = 4096
_LEAST_UNITS = {"write": 1.0, "read": 0.5}
_TOO_MUCH = (
    "The level of configured provisioned throughput for the table was exceeded. "
    "Consider increasing your provisioning level with the UpdateTable API."
)  # fmt: skip
_ONGOING = "Transaction is ongoing for the item"
_SAME_TOKEN = "The transaction with the given request token is already in progress."


class Throttling:
    """Each partition key's value bears `units` a second, and saves up those of one second.

    A call is admitted while there are units left, and then costs what it turns out to have consumed, so that a large
    item makes the next call wait: of a write what the emulator says, of a read the size of what was returned, which is
    too little where a projection or filter left something out. A call on several partitions is charged in equal parts.
    A Scan and a Query on an index are about no single partition and are not throttled.
    """

    def __init__(self, tables: Tables, note: Note, clock: Callable[[], float], units: dict[str, float]) -> None:
        self._tables = tables
        self._note = note
        self._buckets = {effect: _Buckets(per_second, clock) for effect, per_second in units.items()}

    async def __call__(self, call: Call, forward: Forward) -> Reply:
        if call.operation not in EFFECT:
            return await forward(call)
        items = [item for item in await self._tables.items(call) if len(item.path) > 1]
        effect = EFFECT[call.operation]
        refused = [item for item in items if not self._buckets[effect].take(_place(call, item), _LEAST_UNITS[effect])]
        if refused:
            self._note(THROTTLED, call.caller)
        if refused and call.operation in TRANSACTIONS:
            return cancelled(items, refused, "ThrottlingError", _TOO_MUCH)
        if refused and len(refused) == len(items):
            return error("ProvisionedThroughputExceededException", _TOO_MUCH)
        admitted = [item for item in items if item not in refused]
        reply = await self._metered(without(call, refused) if refused else call, admitted, forward)
        return _partly(call, reply, refused)

    async def _metered(self, call: Call, items: Sequence[Item], forward: Forward) -> Reply:
        if not items:
            return await forward(call)
        if EFFECT[call.operation] == "read":
            reply = await forward(call)
            if reply.status == 200:
                self._charge(call, items, _read_units(call, msgspec.json.decode(reply.body, type=Members)))
            return reply
        asked = call.members.get("ReturnConsumedCapacity", "NONE") != "NONE"
        total = call.members | {"ReturnConsumedCapacity": "TOTAL"}
        reply = await forward(call if asked else call.of(call.operation, total))
        if reply.status != 200:
            return reply
        members = msgspec.json.decode(reply.body, type=Members)
        consumed = members.pop("ConsumedCapacity", [])
        tables = [consumed] if isinstance(consumed, dict) else consumed
        self._charge(call, items, sum(table["CapacityUnits"] for table in tables))
        return reply if asked else answer(members)

    def _charge(self, call: Call, items: Sequence[Item], units: float) -> None:
        effect = EFFECT[call.operation]
        for item in items:
            self._buckets[effect].charge(_place(call, item), units / len(items) - _LEAST_UNITS[effect])


def _place(call: Call, item: Item) -> Hashable:
    return call.scope, item.path[:2]


def _read_units(call: Call, reply: Members) -> float:
    """What a read consumed, by the items of its reply: the emulator does not look at their sizes."""
    if call.operation == "Query":
        sizes = [sum(map(item_bytes, reply.get("Items", [])))]
    elif call.operation == "BatchGetItem":
        sizes = [item_bytes(item) for items in reply["Responses"].values() for item in items]
    else:
        found = reply["Responses"] if call.operation in TRANSACTIONS else [reply]
        sizes = [item_bytes(each.get("Item", {})) for each in found]
    rate = 2.0 if call.operation in TRANSACTIONS else 0.5 if eventual(call) else 1.0
    return rate * sum(max(math.ceil(size / _READ_UNIT_BYTES), 1) for size in sizes)


class _Buckets:
    """A token bucket for each key."""

    def __init__(self, per_second: float, clock: Callable[[], float]) -> None:
        self._per_second = per_second
        self._clock = clock
        self._levels: dict[Hashable, tuple[float, float]] = {}

    def take(self, key: Hashable, units: float) -> bool:
        now = self._clock()
        level, at = self._levels.get(key, (self._per_second, now))
        level = min(level + (now - at) * self._per_second, self._per_second)
        enough = level >= units
        self._levels[key] = (level - units if enough else level, now)
        return enough

    def charge(self, key: Hashable, units: float) -> None:
        level, at = self._levels[key]
        self._levels[key] = (level - units, at)


class TransactionConflicts:
    """While a TransactWriteItems is under way, its items are its own. It takes at least `seconds`.

    The emulator does a transaction at one stroke, where DynamoDB prepares and commits it on several nodes: without
    `seconds` there would hardly be a time in which another call could meet it.
    """

    def __init__(
        self, tables: Tables, note: Note, seconds: float, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._tables = tables
        self._note = note
        self._seconds = seconds
        self._sleep = sleep
        self._held: dict[tuple[Scope, tuple[str, ...]], str | None] = {}

    async def __call__(self, call: Call, forward: Forward) -> Reply:
        if EFFECT.get(call.operation) != "write" and call.operation not in TRANSACTIONS:
            return await forward(call)
        items = await self._tables.items(call)
        held = [item for item in items if (call.scope, item.path) in self._held]
        if held:
            self._note(TRANSACTION_CONFLICT, call.caller)
            return await self._refused(call, items, held, forward)
        if call.operation != "TransactWriteItems":
            return await forward(call)
        with self._holding(call, items):
            await self._sleep(self._seconds)
            return await forward(call)

    @contextmanager
    def _holding(self, call: Call, items: Sequence[Item]) -> Iterator[None]:
        places = {(call.scope, item.path): call.members.get("ClientRequestToken") for item in items}
        self._held |= places
        try:
            yield
        finally:
            for place in places:
                del self._held[place]

    async def _refused(self, call: Call, items: Sequence[Item], held: Sequence[Item], forward: Forward) -> Reply:
        if call.operation in BATCHES:
            rest = without(call, held)
            reply = await forward(rest) if rest.members["RequestItems"] else answer({})
            return _partly(call, reply, held)
        if call.operation not in TRANSACTIONS:
            return error("TransactionConflictException", _ONGOING)
        token = call.members.get("ClientRequestToken")
        if token and any(self._held[call.scope, item.path] == token for item in held):
            return error("TransactionInProgressException", _SAME_TOKEN, Message=_SAME_TOKEN)
        return cancelled(items, held, "TransactionConflict", _ONGOING)


def _partly(call: Call, reply: Reply, withheld: Sequence[Item]) -> Reply:
    """The reply to a batch with what was withheld from it as not processed."""
    if not withheld or reply.status != 200:
        return reply
    return answer(unprocessed(call, msgspec.json.decode(reply.body, type=Members), withheld))
