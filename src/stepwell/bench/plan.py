"""What a run is to do: which cells, for how long, how thoroughly."""

from collections.abc import Sequence
from dataclasses import dataclass

from stepwell.bench.catalog import (
    APPROVAL,
    APPROVAL_EXPIRING,
    BLIND,
    CACHE,
    CACHE_EVERYSEC,
    CALM,
    CHARGE,
    CHECK_THEN_PUT,
    CLOCK_SKEW,
    CONDITIONAL,
    COUNTER,
    CRASH,
    DELAY,
    DUPLICATE,
    EXPECTED,
    EXPIRED,
    FAN,
    HOT_KEY,
    INVOKE,
    KEYED,
    LATE,
    LEDGER,
    LOCK,
    LOCK_FENCED,
    LOG,
    LOG_STREAM,
    NO_CALLBACK,
    ORCHESTRATION,
    ORDER,
    PAIR,
    PARTITION,
    QUEUE_BARE,
    QUEUED,
    REDIS_LOCK,
    REDIS_LOCK_FENCED,
    REQUEST_ID,
    REQUEST_LOST,
    RESPONSE_LOST,
    SINGLE_WRITER,
    STORE_KILL,
    STRATEGIES,
    TRANSACTION,
    VERSION,
    WORKFLOW,
    WRITE_BEHIND,
    ZOMBIE,
)
from stepwell.bench.parts.backends import POSTGRES
from stepwell.bench.worker.faults import ON_THE_WIRE


@dataclass(frozen=True, slots=True)
class Cell:
    """One workload under one strategy and one fault. `without` is a guard that was taken out of the strategy."""

    workload: str
    strategy: str
    fault: str
    without: str | None = None

    @property
    def title(self) -> str:
        return STRATEGIES[self.strategy].title

    @property
    def module(self) -> str:
        """The strategy's module in the worker."""
        module = STRATEGIES[self.strategy].module
        return variant_name(module, self.without) if self.without else module

    def run(self, name: str) -> str:
        """What its operations carry as their run."""
        strategy = f"{self.strategy}.{self.without}" if self.without else self.strategy
        return "/".join((name, self.workload, strategy, self.fault))


def variant_name(module: str, guard: str) -> str:
    """The name of a strategy's module that lacks one of its guards."""
    return f"{module}--without-{guard}"


SHARED = "shared"
"""The record of all requests of a cell, where they have no records of their own."""

_SHARES = {
    CALM: 1.0, NO_CALLBACK: 1.0, HOT_KEY: 4.0, DUPLICATE: 2.0, LATE: 1.0, EXPIRED: 1.0, RESPONSE_LOST: 3.0,
    REQUEST_LOST: 3.0, DELAY: 3.0, CRASH: 8.0, ZOMBIE: 4.0, PARTITION: 3.0, CLOCK_SKEW: 2.0, STORE_KILL: 3.0,
}  # fmt: skip
"""How the time is divided. Sweeps take what they take; what they leave goes to those after them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`seconds` is the budget for everything, to which the amount of work adapts.

    Each cell has at least `least` requests, `calm` undisturbed ones, each point of a sweep is struck `sweeps` times.
    With `concurrency` there is a ladder of so many clients on one key, with `rate` an open loop of so many requests a
    second, for `load_seconds` each.
    """

    name: str
    cells: tuple[Cell, ...]
    seconds: float
    calm: int = 6
    least: int = 5
    sweeps: int = 1
    concurrency: tuple[int, ...] = ()
    rate: float | None = None
    load_seconds: float = 3.0

    def of_fault(self, fault: str) -> list[Cell]:
        return [cell for cell in self.cells if cell.fault == fault]

    def share(self, fault: str) -> float:
        return _SHARES[fault]


def _strikes(fault: str, strategy: str) -> bool:
    """Whether it can.

    Single calls are only told apart on the wire in HTTP and Redis' protocol. Only who invokes the function itself gives
    the second of two deliveries to another clock: a queue and a state machine count each as a first one.
    """
    if fault == CLOCK_SKEW:
        return STRATEGIES[strategy].delivery == INVOKE
    return fault not in ON_THE_WIRE or POSTGRES not in STRATEGIES[strategy].state


def cells(workloads: Sequence[str], strategies: Sequence[str], faults: Sequence[str]) -> tuple[Cell, ...]:
    """All combinations that can show something: a workload that changes no record has no hot key."""
    return tuple(
        Cell(workload, strategy, fault)
        for fault in (CALM, *faults)
        for workload in workloads
        for strategy in strategies
        if fault == CALM or ((workload, fault) in EXPECTED and _strikes(fault, strategy))
    )


QUICK = cells((COUNTER, CHARGE), (BLIND, CONDITIONAL, ORCHESTRATION, KEYED), (DUPLICATE, CRASH, HOT_KEY))
_MAIN = (BLIND, CONDITIONAL, CACHE, QUEUED, SINGLE_WRITER, ORCHESTRATION, KEYED)
DEFAULT = cells((COUNTER, ORDER), _MAIN, (DUPLICATE, CRASH, RESPONSE_LOST, HOT_KEY, STORE_KILL))
OTHERS = (
    *cells((LEDGER,), (BLIND, VERSION, CONDITIONAL, TRANSACTION, LOCK, CACHE, QUEUED, SINGLE_WRITER, ORCHESTRATION),
           (DUPLICATE, CRASH, RESPONSE_LOST, HOT_KEY, STORE_KILL)),
    *cells((WORKFLOW,), (BLIND, CONDITIONAL, REQUEST_ID, CACHE, QUEUED, ORCHESTRATION, KEYED), (CRASH,)),
    *cells((APPROVAL, APPROVAL_EXPIRING),
           (CONDITIONAL, TRANSACTION, CACHE, QUEUED, SINGLE_WRITER, ORCHESTRATION, KEYED), (NO_CALLBACK, CRASH)),
    *cells((LOG,), (BLIND, VERSION, CONDITIONAL, CACHE, WRITE_BEHIND, LOG_STREAM, SINGLE_WRITER),
           (CRASH, RESPONSE_LOST, HOT_KEY, STORE_KILL)),
    *cells((FAN,), (BLIND, VERSION, CONDITIONAL, LOCK, CACHE, QUEUE_BARE, QUEUED, SINGLE_WRITER, ORCHESTRATION, KEYED),
           (DUPLICATE, CRASH)),
    *cells((PAIR,), (BLIND, CONDITIONAL, TRANSACTION, LOCK, CACHE, SINGLE_WRITER, ORCHESTRATION), (HOT_KEY,)),
)  # fmt: skip
"""The workloads that each ask something of their own, under the strategies that answer it differently."""

MATRIX = cells(
    (COUNTER, CHARGE),
    (BLIND, CHECK_THEN_PUT, VERSION, CONDITIONAL, REQUEST_ID, TRANSACTION, LOCK, LOCK_FENCED, REDIS_LOCK,
     REDIS_LOCK_FENCED, CACHE_EVERYSEC, QUEUE_BARE, QUEUED, SINGLE_WRITER, ORCHESTRATION, KEYED),
    (DUPLICATE, EXPIRED, CRASH, RESPONSE_LOST, ZOMBIE, HOT_KEY, STORE_KILL),
)  # fmt: skip
"""The matrix of what was expected, in which each strategy meets each kind of fault."""

FULL = (*MATRIX, *(cell for cell in DEFAULT if cell.workload == ORDER), *OTHERS)
