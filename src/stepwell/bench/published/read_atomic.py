"""T2: how often transactions see one another in part, over five kinds of stores, as AFT published it.

The source is table 2 of "A Fault-Tolerance Shim for Serverless Computing" (Sreekanti et al., EuroSys 2020, arXiv
2003.06007). Its counts here are recalled and were not read again, so that they are unverified; the two counters and the
shape of the workload were read in its code (hydro-project/aft at ade1a6b). A transaction is two functions, each of
which writes one key and reads two, drawn by Zipf's law from 1,000.

What is reproduced: the order of the stores, and the zeros. Not the counts: they follow from how long a transaction
takes, how many run at once and how far reads lag, which `run_curve` shows. The two eventual stores differ here by their
lag alone.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from redis import Redis

from stepwell.bench.durability.valkey import MODES, NONE, Valkey
from stepwell.bench.history import Op
from stepwell.bench.oracles.anomalies import Verdict
from stepwell.bench.oracles.fractures import fractured_reads, read_own_writes
from stepwell.bench.published.criterion import Criterion
from stepwell.bench.published.read_atomic_stores import Direct, Grouped, Lagging, Log, ReadAtomic, Store
from stepwell.processes.children import free_ports

OBJECTS, EVENTUAL, REDIS, TRANSACTIONAL, SHIM = (
    "object store, eventual", "key-value, eventual", "Redis", "key-value, transactional", "read-atomic shim",
)  # fmt: skip

TRANSACTIONS = 10_000
"""The published counts are of so many."""

PUBLISHED = {OBJECTS: (595, 836), EVENTUAL: (537, 779), REDIS: (215, 383), TRANSACTIONAL: (0, 115), SHIM: (0, 0)}
"""Own writes unseen and fractured reads, on S3, DynamoDB, Redis, DynamoDB in transactions, and AFT. Unverified."""

LAG_SECONDS = {OBJECTS: 0.04, EVENTUAL: 0.02, REDIS: 0.0, TRANSACTIONAL: 0.0, SHIM: 0.04}
CURVE_SECONDS = (0.0, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08)

_FUNCTIONS, _READS = 2, 2
_KEYS, _ZIPF = 1000, 1.1
_CLIENTS = 16
_INVOCATION_SECONDS = 0.005
"""Between the two functions of a transaction."""

Notify = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Row:
    """One store: of `transactions`, those that did not see their own writes, and those that saw others in part."""

    store: str
    lag_seconds: float
    transactions: int
    own_writes_unseen: Verdict
    fractured: Verdict

    @property
    def per_ten_thousand(self) -> tuple[float, float]:
        """Both counts, as they are published."""
        each = TRANSACTIONS / self.transactions
        return each * self.own_writes_unseen.count, each * self.fractured.count


def run_t2(notify: Notify, transactions: int = TRANSACTIONS, seed: int = 1) -> list[Row]:
    """Each store once, in the order in which they are published. Raises `BackEndFailed`."""
    return [_measured(notify, store, LAG_SECONDS[store], transactions, seed) for store in PUBLISHED]


def run_curve(notify: Notify, transactions: int = TRANSACTIONS, seed: int = 1) -> list[Row]:
    """The eventual store, from no lag to more than a transaction takes. Raises `BackEndFailed`."""
    return [_measured(notify, EVENTUAL, lag_seconds, transactions, seed) for lag_seconds in CURVE_SECONDS]


def criteria(rows: Sequence[Row]) -> list[Criterion]:
    """What would reproduce the table, of rows as `run_t2` gives them."""
    counts = {row.store: row.per_ten_thousand for row in rows}
    totals = {store: sum(both) for store, both in counts.items()}
    order = [totals[store] for store in PUBLISHED]
    unseen, fractured = counts[TRANSACTIONAL]
    return [
        Criterion(
            "object store ≥ key-value eventual > Redis > key-value transactional > shim",
            " / ".join(f"{total:.0f}" for total in order),
            order[0] >= order[1] and all(one > other for one, other in pairwise(order[1:])),
        ),
        Criterion(
            "key-value transactional: own writes always seen, and fractured reads",
            f"{unseen:.0f} and {fractured:.0f}",
            unseen == 0 < fractured,
        ),
        Criterion("shim: neither", f"{counts[SHIM][0]:.0f} and {counts[SHIM][1]:.0f}", totals[SHIM] == 0),
    ]


def _measured(notify: Notify, name: str, lag_seconds: float, transactions: int, seed: int) -> Row:
    notify(f"{name}, reads up to {1000 * lag_seconds:g} ms behind: {transactions:,} transactions")
    [port] = free_ports(1)
    arguments = ("--port", str(port), "--bind", "127.0.0.1", *MODES[NONE])
    with (
        TemporaryDirectory(prefix="read-atomic-") as folder,
        Valkey(Path(folder, "valkey"), arguments).running(),
        Redis(port=port, decode_responses=True, max_connections=_CLIENTS) as redis,
    ):
        history = _run(name, _store(name, redis, lag_seconds), transactions, seed)
    return Row(name, lag_seconds, transactions, read_own_writes(history), fractured_reads(history))


def _store(name: str, redis: Redis, lag_seconds: float) -> Store:
    if name in (OBJECTS, EVENTUAL):
        return Lagging(redis, lag_seconds)
    if name == SHIM:
        return ReadAtomic(Lagging(redis, lag_seconds))
    return Direct(redis) if name == REDIS else Grouped(redis)


def _run(name: str, store: Store, transactions: int, seed: int) -> list[Op]:
    """The history of clients that make one transaction after the other."""

    def client(number: int) -> list[Op]:
        random = Random(f"{seed}/{number}")
        return [op for turn in range(number, transactions, _CLIENTS) for op in _transaction(name, store, turn, random)]

    with ThreadPoolExecutor(_CLIENTS) as pool:
        return sorted((op for ops in pool.map(client, range(_CLIENTS)) for op in ops), key=lambda op: op.invoked_at)


def _transaction(name: str, store: Store, turn: int, random: Random) -> list[Op]:
    log = Log(name, f"t{turn}", f"c{turn % _CLIENTS}")
    transaction = store.begin(log, random)
    for function in range(_FUNCTIONS):
        if function:
            time.sleep(_INVOCATION_SECONDS)
        written, *read = random.choices(_NAMES, cum_weights=_WEIGHTS, k=1 + _READS)
        transaction.write(written)
        transaction.read(read)
    transaction.commit()
    return log.ops


_NAMES = [f"k{rank}" for rank in range(1, _KEYS + 1)]
_WEIGHTS = [*accumulate(rank**-_ZIPF for rank in range(1, _KEYS + 1))]
