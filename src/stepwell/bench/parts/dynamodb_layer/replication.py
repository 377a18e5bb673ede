"""Replicas that lag: the one that answers eventually consistent reads, and the other regions of global tables.

A write is forwarded, and what its items have become is read back before any other write of them. Each of these images
is due at a replica after a lag of its own, drawn between nothing and `lag_seconds`, where those of one item from one
region stay in order. It is applied when the first call comes in that could see it, so that only the clock decides what
is seen, and no timer.

Regions keep the last of conflicting writes, by the time at which each was acknowledged. Two writes conflict when
neither's region had seen the other. Of the two the earlier is discarded, although it was acknowledged, and is counted
once, even if its own region has overwritten it since. What the emulator deletes by itself, by its time to live, is not
replicated.
"""

import asyncio
import heapq
import random
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import count
from weakref import WeakValueDictionary

from stepwell.bench.parts.dynamodb_layer.calls import EFFECT, Call, Caller, Item, Members, Scope, Tables, eventual
from stepwell.bench.parts.dynamodb_layer.upstream import Reply

Forward = Callable[[Call], Awaitable[Reply]]
Note = Callable[[str, Caller], None]
Path = tuple[str, ...]

STALE_READ, REGION_CONFLICT, WRITE_DISCARDED = "stale-read", "region-conflict", "write-discarded"

_OTHER_DIGITS = str.maketrans("0123456789", "9876543210")


@dataclass(frozen=True, slots=True)
class _Version:
    """A write of an item: when, where and the how manieth there, and which writes of each region it had seen."""

    at: float
    region: str
    number: int
    seen: dict[str, int]
    caller: Caller

    def saw(self, other: "_Version") -> bool:
        return self.seen.get(other.region, 0) >= other.number


@dataclass(slots=True)
class _State:
    """An item in one region: the version that is there, and all that were."""

    current: _Version | None = None
    seen: dict[str, int] = field(default_factory=dict)

    def show(self, version: _Version) -> None:
        self.current = version
        for region, number in version.seen.items():
            self.seen[region] = max(number, self.seen.get(region, 0))


@dataclass(frozen=True, slots=True)
class _Change:
    """What an item has become, on its way to a replica. `call` is one that the replica's table belongs to."""

    call: Call
    item: Item
    image: Members | None
    version: _Version | None


class Replication:
    """Read replicas if `stale_seconds` is not None, and `regions` that replicate to each other."""

    def __init__(
        self,
        tables: Tables,
        note: Note,
        clock: Callable[[], float],
        *,
        stale_seconds: float | None = None,
        regions: Sequence[str] = (),
        region_seconds: float = 0.0,
        seed: int = 0,
    ) -> None:
        self._tables = tables
        self._note = note
        self._clock = clock
        self._stale_seconds = stale_seconds
        self._regions = regions
        self._region_seconds = region_seconds
        self._chance = random.Random(seed)
        self._order = count()
        self._waiting: dict[Scope, list[tuple[float, int, _Change]]] = defaultdict(list)
        self._behind: Counter[tuple[Scope, Path]] = Counter()
        self._last_due: dict[tuple[str | None, Scope, Path], float] = {}
        self._states: dict[tuple[Scope, Path], _State] = defaultdict(_State)
        self._conflicts: set[frozenset[tuple[Path, str, int]]] = set()
        self._discarded: set[tuple[Path, str, int]] = set()
        self._ready: set[tuple[Scope, str]] = set()
        self._locks: WeakValueDictionary[object, asyncio.Lock] = WeakValueDictionary()

    async def __call__(self, call: Call, forward: Forward) -> Reply:
        effect = EFFECT.get(call.operation)
        for table in self._tables.names(call) if effect else ():
            await self._prepare(call, table)
        items = await self._tables.items(call) if effect else []
        if not items:
            return await forward(call)
        await self._catch_up(call.scope, self._clock())
        if effect == "write":
            return await self._write(call, items, forward)
        if self._stale_seconds is not None and eventual(call):
            return await self._read(call, items, forward)
        return await forward(call)

    async def settle(self) -> None:
        """Brings all replicas up to date, whatever their lag."""
        while any(self._waiting.values()):
            for scope in tuple(self._waiting):
                await self._catch_up(scope, float("inf"))

    async def _read(self, call: Call, items: Sequence[Item], forward: Forward) -> Reply:
        replica = call.within(_read_replica(call.scope))
        await self._catch_up(replica.scope, self._clock())
        if any(self._behind[replica.scope, item.path] for item in items):
            self._note(STALE_READ, call.caller)
        return await forward(replica)

    async def _write(self, call: Call, items: Sequence[Item], forward: Forward) -> Reply:
        written = [item for item in items if item.written]
        async with AsyncExitStack() as stack:
            for path in sorted({item.path for item in written}):
                await stack.enter_async_context(self._lock(call.scope, path))
            reply = await forward(call)
            if reply.status == 200:
                for item in written:
                    await self._written(call, item)
        return reply

    async def _written(self, call: Call, item: Item) -> None:
        found = await self._tables.ask(
            call.of("GetItem", {"TableName": item.table, "Key": item.key, "ConsistentRead": True})
        )
        if found is None:
            raise OSError(f"an item of {item.table} was written and could not be read back")
        image = found.get("Item")
        version = self._stamp(call, item) if call.scope.region in self._regions else None
        self._to_read_replica(call, item, image, self._clock())
        for region in self._regions if version else ():
            if region != call.scope.region:
                there = call.within(Scope(call.scope.account, region))
                self._send(_Change(there, item, image, version), self._clock(), self._region_seconds)

    def _stamp(self, call: Call, item: Item) -> _Version:
        state, region = self._states[call.scope, item.path], call.scope.region
        number = state.seen.get(region, 0) + 1
        version = _Version(self._clock(), region, number, {**state.seen, region: number}, call.caller)
        state.show(version)
        return version

    def _to_read_replica(self, call: Call, item: Item, image: Members | None, since: float) -> None:
        if self._stale_seconds is not None:
            replica = call.within(_read_replica(call.scope))
            self._send(_Change(replica, item, image, None), since, self._stale_seconds)

    def _send(self, change: _Change, since: float, lag_seconds: float) -> None:
        scope, path = change.call.scope, change.item.path
        way = (change.version.region if change.version else None, scope, path)
        due = max(since + self._chance.uniform(0, lag_seconds), self._last_due.get(way, 0.0))
        self._last_due[way] = due
        self._behind.update(_prefixes(scope, path))
        heapq.heappush(self._waiting[scope], (due, next(self._order), change))

    async def _catch_up(self, scope: Scope, now: float) -> None:
        """Applies what is due. Two calls do not overtake each other in this."""
        waiting = self._waiting[scope]
        async with self._lock(scope):
            while waiting and waiting[0][0] <= now:
                due, order, change = heapq.heappop(waiting)
                try:
                    async with self._lock(scope, change.item.path):
                        await self._apply(change, due)
                except OSError:
                    heapq.heappush(waiting, (due, order, change))
                    raise
                self._behind.subtract(_prefixes(scope, change.item.path))

    async def _apply(self, change: _Change, due: float) -> None:
        call, item, version = change.call, change.item, change.version
        state = self._states[call.scope, item.path] if version else None
        if version and state and state.current and not self._wins(version, state.current, item.path):
            return
        if change.image is None:
            write = call.of("DeleteItem", {"TableName": item.table, "Key": item.key})
        else:
            write = call.of("PutItem", {"TableName": item.table, "Item": change.image})
        if await self._tables.ask(write) is None:
            raise OSError(f"{item.table} could not be replicated to {call.scope}")
        if version and state:
            state.show(version)
            self._to_read_replica(call, item, change.image, due)

    def _wins(self, version: _Version, current: _Version, path: Path) -> bool:
        """Whether a version that arrives takes the place of the one that is there."""
        if version.saw(current):
            return True
        if current.saw(version):
            return False
        earlier, later = sorted((version, current), key=lambda each: (each.at, each.region))
        pair = [(path, each.region, each.number) for each in (earlier, later)]
        if frozenset(pair) not in self._conflicts:
            self._conflicts.add(frozenset(pair))
            self._note(REGION_CONFLICT, later.caller)
        if pair[0] not in self._discarded:
            self._discarded.add(pair[0])
            self._note(WRITE_DISCARDED, earlier.caller)
        return later is version

    async def _prepare(self, call: Call, table: str) -> None:
        """Sees to it that the table has its replicas, and that a read replica has what the table has."""
        async with self._lock(call.scope.account, table):
            if (call.scope, table) in self._ready:
                return
            regions = self._regions if call.scope.region in self._regions else [call.scope.region]
            places = [call.within(Scope(call.scope.account, region)) for region in regions]
            definition = await self._definition(places, table)
            if definition is None:
                return  # The client is told that there is no such table.
            for there in places:
                if await self._tables.describe(there, table) is None:
                    await self._create(there, definition)
                if self._stale_seconds is not None:
                    await self._copy(there, definition)
                self._ready.add((there.scope, table))

    async def _definition(self, places: Sequence[Call], table: str) -> Members | None:
        """CreateTable of a table like the one that there is in one of these places."""
        for place in places:
            if described := await self._tables.describe(place, table):
                return _definition(described)
        return None

    async def _create(self, there: Call, definition: Members) -> None:
        if await self._tables.ask(there.of("CreateTable", definition)) is None:
            raise OSError(f"{definition['TableName']} could not be created in {there.scope}")

    async def _copy(self, call: Call, definition: Members) -> None:
        replica, table = call.within(_read_replica(call.scope)), definition["TableName"]
        await self._tables.ask(replica.of("DeleteTable", {"TableName": table}))
        await self._create(replica, definition)
        page: Members = {}
        while not page or "LastEvaluatedKey" in page:
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]} if page else {}
            found = await self._tables.ask(call.of("Scan", {"TableName": table, "ConsistentRead": True, **start}))
            if found is None:
                raise OSError(f"{table} could not be copied to {replica.scope}")
            for image in found["Items"]:
                await self._tables.ask(replica.of("PutItem", {"TableName": table, "Item": image}))
            page = found

    def _lock(self, *key: object) -> asyncio.Lock:
        lock = self._locks.get(key)
        if lock is None:
            self._locks[key] = lock = asyncio.Lock()
        return lock

    def forget(self, scope: Scope, table: str) -> None:
        """A table has been deleted: nothing of it is on its way there any more."""
        self._ready.discard((scope, table))
        for place in (scope, _read_replica(scope)):
            gone = [row for row in self._waiting[place] if row[2].item.table == table]
            for row in gone:
                self._waiting[place].remove(row)
                self._behind.subtract(_prefixes(place, row[2].item.path))
            heapq.heapify(self._waiting[place])


def _read_replica(scope: Scope) -> Scope:
    """The account in which the emulator keeps what eventually consistent reads see: another one for each."""
    return Scope(scope.account.translate(_OTHER_DIGITS), scope.region)


def _prefixes(scope: Scope, path: Path) -> Iterable[tuple[Scope, Path]]:
    return [(scope, path[:length]) for length in range(1, len(path) + 1)]


_COPIED = ("TableName", "AttributeDefinitions", "KeySchema")
_INDEX_COPIED = ("IndexName", "KeySchema", "Projection")


def _definition(table: Members) -> Members:
    """CreateTable of a table like this one."""
    definition = {name: table[name] for name in _COPIED} | {"BillingMode": "PAY_PER_REQUEST"}
    for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
        if table.get(kind):
            definition[kind] = [{name: index[name] for name in _INDEX_COPIED} for index in table[kind]]
    return definition
