"""AFT's anomalies on a real Valkey, the shim's promises, and that their oracle would see a shim that breaks them."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from redis import Redis

from stepwell.bench.durability.valkey import MODES, NONE, Valkey
from stepwell.bench.history import Op
from stepwell.bench.oracles.anomalies import Verdict
from stepwell.bench.oracles.fractures import fractured_reads, read_own_writes
from stepwell.bench.published import read_atomic
from stepwell.bench.published.read_atomic import (
    EVENTUAL,
    OBJECTS,
    PUBLISHED,
    REDIS,
    SHIM,
    TRANSACTIONAL,
    TRANSACTIONS,
    Row,
    criteria,
    run_t2,
)  # fmt: skip
from stepwell.bench.published.read_atomic_stores import Grouped, Lagging, Log, ReadAtomic, Store
from stepwell.processes.children import free_ports

pytestmark = pytest.mark.e2e

FEW = 600


@pytest.fixture(scope="module")
def redis() -> Iterator[Redis]:
    [port] = free_ports(1)
    arguments = ("--port", str(port), "--bind", "127.0.0.1", *MODES[NONE])
    with (
        TemporaryDirectory() as folder,
        Valkey(Path(folder, "valkey"), arguments).running(),
        Redis(port=port, decode_responses=True) as client,
    ):
        yield client


@pytest.fixture
def empty(redis: Redis) -> Redis:
    redis.flushall()
    return redis


def test_stores_differ_as_they_were_published_to() -> None:
    said: list[str] = []
    rows = {row.store: row for row in run_t2(said.append, FEW)}
    assert list(rows) == list(PUBLISHED)
    assert said[0] == "object store, eventual, reads up to 40 ms behind: 600 transactions"
    eventual, direct, transactional, shim = (rows[name] for name in (EVENTUAL, REDIS, TRANSACTIONAL, SHIM))
    assert sum(eventual.per_ten_thousand) > sum(direct.per_ten_thousand) > sum(transactional.per_ten_thousand)
    assert transactional.own_writes_unseen.count == 0 < transactional.fractured.count
    assert shim.per_ten_thousand == (0, 0)
    # Zeros of something: own writes were read again, and others that had written two of the keys that were read.
    assert min(row.own_writes_unseen.exposed for row in rows.values()) > FEW / 20
    assert min(row.fractured.exposed for row in rows.values()) > FEW / 20


class Newest(ReadAtomic):
    """A shim that forgot what its protocol is for."""

    def choose(self, key: str, seen: dict[str, tuple[int, str]]) -> tuple[int, str]:
        return super().choose(key, {})


def test_a_shim_that_takes_the_newest_is_caught(empty: Redis) -> None:
    history = read_atomic._run(SHIM, Newest(Lagging(empty, 0.02)), FEW, seed=1)
    assert read_own_writes(history).count == 0
    assert fractured_reads(history).count > 0


@pytest.mark.parametrize("kind", ["transactional", "shim"])
def test_what_was_not_committed_is_seen_by_its_own_transaction_alone(empty: Redis, kind: str) -> None:
    store = _kept_back(empty, kind)
    mine, other = Log("r", "mine", "a"), Log("r", "other", "b")
    writing, reading = store.begin(mine, Random(1)), store.begin(other, Random(1))
    writing.write("x")
    writing.read(["x", "y"])
    reading.read(["x"])
    writing.commit()
    assert _read(mine) == [("x", "mine"), ("y", None)]
    assert _read(other) == [("x", None)]
    later = Log("r", "later", "c")
    store.begin(later, Random(1)).read(["x"])
    assert _read(later) == [("x", "mine")]


def test_the_shim_reads_nothing_newer_than_fits_what_was_read_before(empty: Redis) -> None:
    shim = ReadAtomic(Lagging(empty, 0.0))
    _commit(shim, "old", "xy")
    log = Log("r", "t", "w")
    reading = shim.begin(log, Random(1))
    reading.read(["x"])
    _commit(shim, "alone", "y")
    _commit(shim, "both", "xy")
    # "both" would show a y whose x was missed; "alone" wrote nothing else.
    reading.read(["y", "x"])
    assert _read(log) == [("x", "old"), ("y", "alone"), ("x", "old")]


def test_the_shim_reads_nothing_older_than_fits_what_was_read_before(empty: Redis) -> None:
    shim = ReadAtomic(Lagging(empty, 0.0))
    _commit(shim, "oldest", "xy")
    _commit(shim, "both", "xy")
    log = Log("r", "t", "w")
    reading = shim.begin(log, Random(1))
    reading.read(["z", "x"])
    _commit(shim, "later", "yz")
    # Of "later" the z was missed already; the x of "both" was not, so that its y is the oldest that may be read.
    reading.read(["y"])
    assert _read(log) == [("z", None), ("x", "both"), ("y", "both")]


def test_a_write_that_was_kept_back_counts_from_when_it_was_asked_for_to_when_it_was_stored(empty: Redis) -> None:
    log = Log("r", "t", "w")
    transaction = Grouped(empty).begin(log, Random(1))
    transaction.write("x")
    transaction.commit()
    asked, stored = log.ops
    assert (asked.argument, stored.argument) == ({"transaction": "t"}, {"transaction": "t"})
    assert asked.returned_at is not None
    assert asked.returned_at <= stored.invoked_at


def test_a_lagging_store_shows_a_write_when_its_time_has_come(empty: Redis) -> None:
    current, behind = Lagging(empty, 0.0), Lagging(empty, 60.0)
    for number in range(40):
        current.put("x", str(number))
    assert current.get("x", Random(1)) == "39"
    assert current.get("y", Random(1)) is None
    assert behind.get("x", Random(1)) is None
    # The first of 40 was written earlier than the others, and lies in another part of the list.
    oldest = str(empty.lindex("x", -1)).split()[0]
    empty.lset("x", -1, f"{int(oldest) - 60_000_000} 0")
    assert behind.get("x", Random(1)) == "0"


@pytest.mark.parametrize(
    ("counts", "met"),
    [
        ({}, [True, True, True]),
        ({OBJECTS: (600, 700)}, [False, True, True]),
        ({REDIS: (537, 779)}, [False, True, True]),
        ({TRANSACTIONAL: (1, 115)}, [True, False, True]),
        ({TRANSACTIONAL: (0, 0)}, [False, False, True]),
        ({SHIM: (0, 1)}, [True, True, False]),
    ],
    ids=["as published", "objects better", "Redis as bad", "own writes unseen", "no fracture", "shim broken"],
)
def test_what_is_asked_for_is_decided_before(counts: dict[str, tuple[int, int]], met: list[bool]) -> None:
    rows = [
        Row(store, 0.0, TRANSACTIONS, *(Verdict(count, TRANSACTIONS) for count in counts.get(store, published)))
        for store, published in PUBLISHED.items()
    ]
    assert [criterion.met for criterion in criteria(rows)] == met


def _kept_back(redis: Redis, kind: str) -> Store:
    return Grouped(redis) if kind == "transactional" else ReadAtomic(Lagging(redis, 0.0))


def _commit(shim: ReadAtomic, name: str, keys: str) -> None:
    transaction = shim.begin(Log("r", name, name), Random(1))
    for key in keys:
        transaction.write(key)
    transaction.commit()


def _read(log: Log) -> list[tuple[str, str | None]]:
    return [(op.key, _author(op)) for op in log.ops if op.kind == "read"]


def _author(op: Op) -> str | None:
    return None if op.result is None else str(op.result["transaction"])
