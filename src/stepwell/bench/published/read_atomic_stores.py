"""Five ways for a transaction to read and to write, all on one Valkey, so that they differ in nothing but that.

- `Lagging`: each key keeps its versions, and a read gives the newest of some moment within the last `lag_seconds`, as
  an eventually consistent store with replicas does. A write is one version of one key.
- `Direct`: GET and SET, of which each is atomic for itself.
- `Grouped`: the reads of one function are one MGET and the writes of the transaction one MSET at its end, both atomic,
  as a store has it that offers transactions of reads or of writes but not of both over time.
- `ReadAtomic`: a shim in the manner of AFT. What a transaction writes is kept back, stored under names of its own, and
  becomes visible all at once when the commit set is stored; what it reads is chosen so that no transaction is seen in
  part. It needs of the store only that what was written can be read some time, so that it runs on `Lagging`.

What is recorded is what the application sees. A write that is kept back is recorded where it was asked for and again
where it was stored, as it may have taken effect at any time between.
"""

import time
from bisect import insort
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from random import Random
from threading import Lock
from typing import Any, Protocol, cast

from redis import Redis

from stepwell.bench.history import READ, WRITE, Op

_VERSIONS_MAX = 1000
"""Of one key. A reader that lags farther behind than these gets nothing, as from a store that has yet to hear of it."""

_WRITE = f"""
local now = redis.call('TIME')
redis.call('LPUSH', KEYS[1], string.format('%d%06d', now[1], now[2]) .. ' ' .. ARGV[1])
redis.call('LTRIM', KEYS[1], 0, {_VERSIONS_MAX - 1})
"""
_READ = """
local now = redis.call('TIME')
local moment = now[1] * 1000000 + now[2] - ARGV[1]
local from = 0
while true do
  local versions = redis.call('LRANGE', KEYS[1], from, from + 15)
  if #versions == 0 then return false end
  for _, version in ipairs(versions) do
    local space = string.find(version, ' ', 1, true)
    if tonumber(string.sub(version, 1, space - 1)) <= moment then return string.sub(version, space + 1) end
  end
  from = from + 16
end
"""

_RETRY_SECONDS = 0.001
_PATIENCE_SECONDS = 10.0


@dataclass(slots=True)
class Log:
    """What one transaction did. Values are names of transactions, so that each read shows whose value it got."""

    run: str
    transaction: str
    worker: str
    ops: list[Op] = field(default_factory=list)

    def note(self, kind: str, key: str, since: float, author: str | None = None) -> None:
        """It was invoked at `since` and has returned now."""
        value = {"transaction": self.transaction if kind == WRITE else author}
        self.ops.append(
            Op(
                id=f"{self.transaction}#{len(self.ops)}", run=self.run, request=self.transaction, attempt=1,
                worker=self.worker, key=key, kind=kind, argument=value if kind == WRITE else None,
                result=value if kind == READ and author else None, intended_at=since, invoked_at=since,
                returned_at=time.time(), status="ok",
            )
        )  # fmt: skip


class Transaction(Protocol):
    """One transaction as its functions use it. `read` is all that a function reads at one point."""

    def write(self, key: str) -> None: ...

    def read(self, keys: Sequence[str]) -> None: ...

    def commit(self) -> None: ...


class Store(Protocol):
    """`random` decides how far behind the reads of this transaction are, where they are."""

    def begin(self, log: Log, random: Random) -> Transaction: ...


class Lagging:
    """The eventually consistent store."""

    def __init__(self, redis: Redis, lag_seconds: float) -> None:
        self._lag_microseconds = 1e6 * lag_seconds
        self._put = redis.register_script(_WRITE)
        self._get = redis.register_script(_READ)

    def put(self, key: str, value: str) -> None:
        self._put([key], [value])

    def get(self, key: str, random: Random) -> str | None:
        return cast(str | None, self._get([key], [int(random.uniform(0, self._lag_microseconds))]))

    def begin(self, log: Log, random: Random) -> Transaction:
        return _OneByOne(log, lambda key: self.put(key, log.transaction), lambda key: self.get(key, random))


class Direct:
    """Valkey as it is."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def begin(self, log: Log, random: Random) -> Transaction:
        return _OneByOne(log, lambda key: self._redis.set(key, log.transaction), self._redis.get)


@dataclass(frozen=True, slots=True)
class _OneByOne:
    """Writes are seen at once, and nothing holds a transaction together."""

    log: Log
    put: Callable[[str], object]
    get: Callable[[str], Any]

    def write(self, key: str) -> None:
        since = time.time()
        self.put(key)
        self.log.note(WRITE, key, since)

    def read(self, keys: Sequence[str]) -> None:
        for key in keys:
            since = time.time()
            self.log.note(READ, key, since, self.get(key))

    def commit(self) -> None:
        """Nothing is left to do."""


class _KeptBack:
    """What a transaction wrote and nobody else sees yet; it reads that itself."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._asked_at: dict[str, float] = {}

    def write(self, key: str) -> None:
        since = time.time()
        self._asked_at.setdefault(key, since)
        self._log.note(WRITE, key, since)

    def _read_own(self, keys: Iterable[str]) -> list[str]:
        """Reads what is its own; gives the rest."""
        now = time.time()
        for key in keys:
            if key in self._asked_at:
                self._log.note(READ, key, now, self._log.transaction)
        return [key for key in keys if key not in self._asked_at]

    def _stored(self, since: float) -> None:
        for key in self._asked_at:
            self._log.note(WRITE, key, since)


class Grouped:
    """The store with transactions."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def begin(self, log: Log, random: Random) -> Transaction:
        return _GroupedTransaction(log, self._redis)


class _GroupedTransaction(_KeptBack):
    def __init__(self, log: Log, redis: Redis) -> None:
        super().__init__(log)
        self._redis = redis

    def read(self, keys: Sequence[str]) -> None:
        since, others = time.time(), self._read_own(keys)
        if others:
            for key, author in zip(others, cast(list[str | None], self._redis.mget(others)), strict=True):
                self._log.note(READ, key, since, author)

    def commit(self) -> None:
        since = time.time()
        self._redis.mset(dict.fromkeys(self._asked_at, self._log.transaction))
        self._stored(since)


_Version = tuple[int, str]
"""When a transaction began to commit, in nanoseconds, and its name. They are in this order."""

_NOTHING: _Version = (0, "")


class ReadAtomic:
    """The shim, as one process: it knows all commits, keeps all versions, and clears nothing away."""

    def __init__(self, store: Lagging) -> None:
        self._store = store
        self._lock = Lock()
        self._versions: dict[str, list[_Version]] = defaultdict(list)
        self._written: dict[_Version, Collection[str]] = {_NOTHING: ()}

    def begin(self, log: Log, random: Random) -> Transaction:
        return _ReadAtomicTransaction(log, self, random)

    def choose(self, key: str, seen: dict[str, _Version]) -> _Version:
        """The newest version of the key that leaves no transaction seen in part, by who has read what is in `seen`.

        Not older than any version that was read and whose transaction wrote this key, too; and of a transaction none of
        whose other keys was read as it was before. There is always one: the first of these bounds is.
        """
        with self._lock:
            least = max((version for version in seen.values() if key in self._written[version]), default=_NOTHING)
            for version in reversed(self._versions[key]):
                if version < least:
                    break
                if all(seen[other] >= version for other in self._written[version] if other in seen):
                    return version
            return least

    def commit(self, version: _Version, keys: Collection[str]) -> None:
        """Stores all values and then that they belong together; only then does any read choose one of them."""
        for key in keys:
            self._store.put(_name(key, version), version[1])
        self._store.put(_name("commit", version), " ".join(keys))
        with self._lock:
            self._written[version] = keys
            for key in keys:
                insort(self._versions[key], version)

    def value(self, key: str, version: _Version, random: Random) -> str | None:
        """What is stored under the name of this version, as soon as the store shows it. Raises `TimeoutError`."""
        if version == _NOTHING:
            return None
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while (value := self._store.get(_name(key, version), random)) is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the store does not show {key} of {version[1]} within {_PATIENCE_SECONDS:g} s")
            time.sleep(_RETRY_SECONDS)
        return value


class _ReadAtomicTransaction(_KeptBack):
    def __init__(self, log: Log, shim: ReadAtomic, random: Random) -> None:
        super().__init__(log)
        self._shim = shim
        self._random = random
        self._seen: dict[str, _Version] = {}

    def read(self, keys: Sequence[str]) -> None:
        for key in self._read_own(keys):
            since = time.time()
            version = self._seen[key] = self._shim.choose(key, self._seen)
            self._log.note(READ, key, since, self._shim.value(key, version, self._random))

    def commit(self) -> None:
        since = time.time()
        self._shim.commit((time.time_ns(), self._log.transaction), tuple(self._asked_at))
        self._stored(since)


def _name(key: str, version: _Version) -> str:
    return f"{key}@{version[0]}-{version[1]}"
