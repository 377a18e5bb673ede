"""What there is to be compared: workloads, strategies, faults and measures, and where an anomaly is expected.

The expectations were written down before anything was run; a report says where it found otherwise.
"""

from dataclasses import dataclass

from stepwell.bench.parts.backends import AWS, POSTGRES, REDIS, REDIS_ALWAYS, REDIS_EVERYSEC, REDIS_SERVERS, STEPWELL
from stepwell.bench.worker import faults
from stepwell.bench.worker.workloads import approval_expiring, fan, ledger, pair, workflow
from stepwell.bench.worker.workloads.order import STOCK

DUPLICATED, LOST, STUCK = "duplicated", "lost", "stuck"
MEASURES = {
    DUPLICATED: "requests whose effect or change happened more than once",
    LOST: "requests that were acknowledged and whose effect or change is missing, or that saw or left what cannot be",
    STUCK: "requests without an outcome, or with half of their effects, when all was quiet",
}

INVOKE, EXECUTE, EXPRESS, QUEUE, FIFO = "invoke", "execute", "express", "queue", "fifo"
STANDARD, WITH_KEYS = "standard", "keyed"
"""Kinds of state machines, besides `EXPRESS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """`steps` in their order; `effects` are what each request must have had, once, when it is done.

    `either` are effects of which a request has exactly one. With `changes` it adds one to a record, which begins with
    0, and to no more than `most`; `workload_oracles` knows of those that change records in another way. `records` are
    what the names of its records end in. It comes in so many `branches`, each of which is delivered by itself. With
    `asks` a person answers its mail; `expires_seconds` is how long it waits for that.
    """

    title: str
    steps: tuple[str, ...]
    effects: tuple[str, ...] = ()
    either: tuple[str, ...] = ()
    changes: bool = False
    most: int | None = None
    records: tuple[str, ...] = ("",)
    branches: int = 1
    asks: bool = False
    expires_seconds: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """How a strategy is run: the worker's module, how requests are delivered, where its state is.

    `machine` is the kind of its state machine: with keys it hands the effects an idempotency key of execution and
    state. `operate` is what somebody has to run, watch or keep in order for it, beyond the functions themselves.
    """

    title: str
    module: str
    delivery: str
    state: tuple[str, ...]
    operate: tuple[str, ...]
    machine: str = STANDARD

    @property
    def redis(self) -> str | None:
        """Its Redis server, if it has one."""
        return next((store for store in self.state if store in REDIS_SERVERS), None)

    @property
    def keyed(self) -> bool:
        return self.machine == WITH_KEYS


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is broken; `fires` says what counts as having struck."""

    title: str
    fires: str


COUNTER, CHARGE, ORDER = "counter", "charge", "order"
LEDGER, WORKFLOW, LOG, FAN, PAIR = "ledger", "workflow", "log", "fan", "pair"
APPROVAL, APPROVAL_EXPIRING = "approval", "approval-expiring"

WORKLOADS = {
    COUNTER: Workload(title="read-modify-write of one record", steps=("count",), changes=True),
    CHARGE: Workload(title="one charge", steps=("charge",), effects=("charge",)),
    ORDER: Workload(
        title="order: charge, reserve, confirm", steps=("charge", "reserve", "confirm"), effects=("charge",),
        either=("email", "refund"), changes=True, most=STOCK,
    ),
    LEDGER: Workload(
        title="transfer between two accounts", steps=("debit", "credit"), changes=True, records=("", ledger.OTHER),
    ),
    WORKFLOW: Workload(title="workflow of 50 steps", steps=workflow.NAMES, effects=workflow.NAMES),
    APPROVAL: Workload(
        title="approval by a person", steps=("ask", "wait", "act"), effects=("ask",), either=("ship", "escalate"),
        asks=True,
    ),
    APPROVAL_EXPIRING: Workload(
        title="approval by a person, in time", steps=("ask", "wait", "act"), effects=("ask",),
        either=("ship", "escalate"), asks=True, expires_seconds=approval_expiring.EXPIRES_SECONDS,
    ),
    LOG: Workload(title="log lines in batches", steps=("append",), changes=True),
    FAN: Workload(
        title="fan-out and join", steps=("branch", "arrive", "join"), effects=(*fan.NAMES, fan.JOIN),
        branches=fan.BRANCHES,
    ),
    PAIR: Workload(title="two records that belong together", steps=("one", "other"), records=("", pair.OTHER)),
}  # fmt: skip

BLIND, CONDITIONAL, CACHE, QUEUED = "blind", "conditional", "cache", "queue"
ORCHESTRATION, KEYED, SINGLE_WRITER = "orchestration", "orchestration-key", "single-writer"
CHECK_THEN_PUT, VERSION, REQUEST_ID, TRANSACTION = "check-then-put", "version", "request-id", "transaction"
LOCK, LOCK_FENCED, QUEUE_BARE = "lock", "lock-fenced", "queue-bare"
S3_VERSIONED, LOG_STREAM, WRITE_BEHIND, CACHE_ASIDE = "s3-versioned", "log-stream", "write-behind", "cache-aside"
EXPRESS_ORCHESTRATION, ORCHESTRATION_S3 = "orchestration-express", "orchestration-s3"
ORCHESTRATION_RECORDED = "orchestration-recorded"
REDIS_STREAM, REDIS_ZSET, POSTGRESQL = "redis-stream", "redis-zset", "postgres"
CACHE_EVERYSEC, CACHE_ALWAYS = "cache-everysec", "cache-always"
REDIS_BLIND, REDIS_LOCK, REDIS_LOCK_FENCED = "redis-blind", "redis-lock", "redis-lock-fenced"

_TABLE = "DynamoDB table"
_MACHINE = (
    "state machine", "its role", "its logs", "Retry and Catch of each state", "changes under running executions", _TABLE
)  # fmt: skip
_NODE = ("Redis node", "VPC for it", "eviction policy", "failover")
STRATEGIES = {
    BLIND: Strategy(
        title="key-value, blind", module="blind", delivery=INVOKE, state=(AWS,), operate=(_TABLE,),
    ),
    CONDITIONAL: Strategy(
        title="key-value, conditional", module="conditional", delivery=INVOKE, state=(AWS,),
        operate=(_TABLE, "expiry of claims"),
    ),
    CACHE: Strategy(
        title="cache, compare and set", module="cache", delivery=INVOKE, state=(REDIS,),
        operate=_NODE,
    ),
    QUEUED: Strategy(
        title="queue-carried + markers", module="queue", delivery=QUEUE, state=(AWS,),
        operate=(_TABLE, "SQS queue", "dead-letter queue", "visibility timeout", "expiry of claims"),
    ),
    SINGLE_WRITER: Strategy(
        title="single writer (FIFO group)", module="single-writer", delivery=FIFO, state=(AWS,),
        operate=(_TABLE, "SQS FIFO queue", "dead-letter queue", "visibility timeout"),
    ),
    ORCHESTRATION: Strategy(
        title="orchestration on Stepwell", module="orchestration", delivery=EXECUTE, state=(STEPWELL, AWS),
        operate=_MACHINE,
    ),
    KEYED: Strategy(
        title="orchestration + idempotency key", module="orchestration-key", delivery=EXECUTE, state=(STEPWELL, AWS),
        operate=(*_MACHINE, "keys at the provider"),
        machine=WITH_KEYS,
    ),
    CACHE_EVERYSEC: Strategy(
        title="cache, written down each second", module="cache", delivery=INVOKE, state=(REDIS_EVERYSEC,),
        operate=(*_NODE, "its disk"),
    ),
    CACHE_ALWAYS: Strategy(
        title="cache, written down at once", module="cache", delivery=INVOKE, state=(REDIS_ALWAYS,),
        operate=(*_NODE, "its disk"),
    ),
    EXPRESS_ORCHESTRATION: Strategy(
        title="express orchestration", module="orchestration", delivery=EXPRESS, state=(STEPWELL, AWS),
        operate=_MACHINE, machine=EXPRESS,
    ),
    ORCHESTRATION_S3: Strategy(
        title="orchestration, payload in S3", module="orchestration-s3", delivery=EXECUTE, state=(STEPWELL, AWS),
        operate=(*_MACHINE, "S3 bucket", "lifecycle of payloads"),
    ),
    ORCHESTRATION_RECORDED: Strategy(
        title="orchestration, outcome in the table", module="orchestration-recorded", delivery=EXECUTE,
        state=(STEPWELL, AWS), operate=_MACHINE,
    ),
    CHECK_THEN_PUT: Strategy(
        title="key-value, check then put", module="check-then-put", delivery=INVOKE, state=(AWS,), operate=(_TABLE,),
    ),
    VERSION: Strategy(
        title="key-value, version only", module="version", delivery=INVOKE, state=(AWS,), operate=(_TABLE,),
    ),
    REQUEST_ID: Strategy(
        title="key-value, unique request id", module="request-id", delivery=INVOKE, state=(AWS,),
        operate=(_TABLE, "requests without a result"),
    ),
    TRANSACTION: Strategy(
        title="key-value, transaction", module="transaction", delivery=INVOKE, state=(AWS,),
        operate=(_TABLE, "expiry of claims and marks"),
    ),
    LOCK: Strategy(
        title="table of locks", module="lock", delivery=INVOKE, state=(AWS,), operate=(_TABLE, "length of leases"),
    ),
    LOCK_FENCED: Strategy(
        title="table of locks, fenced", module="lock-fenced", delivery=INVOKE, state=(AWS,),
        operate=(_TABLE, "length of leases"),
    ),
    QUEUE_BARE: Strategy(
        title="queue-carried, no marker", module="queue-bare", delivery=QUEUE, state=(AWS,),
        operate=(_TABLE, "SQS queue", "dead-letter queue", "visibility timeout"),
    ),
    REDIS_BLIND: Strategy(
        title="Redis, blind", module="redis-blind", delivery=INVOKE, state=(REDIS,), operate=_NODE,
    ),
    REDIS_LOCK: Strategy(
        title="Redis lock", module="redis-lock", delivery=INVOKE, state=(REDIS,),
        operate=(*_NODE, "length of leases"),
    ),
    REDIS_LOCK_FENCED: Strategy(
        title="Redis lock, fenced", module="redis-lock-fenced", delivery=INVOKE, state=(REDIS,),
        operate=(*_NODE, "length of leases"),
    ),
    S3_VERSIONED: Strategy(
        title="versioned S3 object", module="s3-versioned", delivery=INVOKE, state=(AWS,),
        operate=("S3 bucket", "lifecycle of claims"),
    ),
    LOG_STREAM: Strategy(
        title="log of changes", module="log-stream", delivery=INVOKE, state=(AWS,),
        operate=(_TABLE, "table of logs", "snapshots of long logs", "expiry of claims"),
    ),
    WRITE_BEHIND: Strategy(
        title="cache, written behind in batches", module="write-behind", delivery=INVOKE, state=(REDIS, AWS),
        operate=(_TABLE, *_NODE, "what is not yet handed on"),
    ),
    CACHE_ASIDE: Strategy(
        title="cache aside of the table", module="cache-aside", delivery=INVOKE, state=(REDIS, AWS),
        operate=(_TABLE, *_NODE, "age of what is cached", "expiry of claims"),
    ),
    REDIS_STREAM: Strategy(
        title="Redis stream", module="redis-stream", delivery=INVOKE, state=(REDIS,),
        operate=(*_NODE, "length of streams"),
    ),
    REDIS_ZSET: Strategy(
        title="Redis sorted set", module="redis-zset", delivery=INVOKE, state=(REDIS,),
        operate=(*_NODE, "size of sets"),
    ),
    POSTGRESQL: Strategy(
        title="PostgreSQL, unique key + outbox", module="postgres", delivery=INVOKE, state=(POSTGRES,),
        operate=("PostgreSQL", "VPC for it", "pool of connections", "migrations", "growth of requests"),
    ),
}  # fmt: skip

CALM, DUPLICATE = "none", "duplicate"
CRASH, ZOMBIE, CLOCK_SKEW = faults.CRASH, faults.ZOMBIE, faults.CLOCK_SKEW
REQUEST_LOST, RESPONSE_LOST, DELAY = faults.REQUEST_LOST, faults.RESPONSE_LOST, faults.DELAY
HOT_KEY, STORE_KILL = "hot-key", "store-kill"
LATE, EXPIRED, PARTITION = "late-duplicate", "expired-duplicate", "partition"
NO_CALLBACK = "no-callback"

FAULTS = {
    CALM: Fault(title="nothing is broken", fires="each request"),
    DUPLICATE: Fault(title="delivered twice at once", fires="both deliveries were open together and were answered"),
    CRASH: Fault(
        title="worker killed at each point", fires="the sink has the worker's note, on disk, from before its death",
    ),
    RESPONSE_LOST: Fault(
        title="store's response lost", fires="the proxy swallowed a response that had begun to arrive",
    ),
    HOT_KEY: Fault(title="16 clients on one key", fires="a request came while another was at the same record"),
    STORE_KILL: Fault(
        title="store killed", fires="a request was under way or acknowledged when the store was killed or cut off",
    ),
    ZOMBIE: Fault(
        title="worker stopped past its lease, then woken",
        fires="the sink has the worker's note, on disk, from before it was stopped",
    ),
    LATE: Fault(title="delivered again when done", fires="a request was sent again after it had been acknowledged"),
    EXPIRED: Fault(
        title="delivered again when forgotten",
        fires="a request was sent again after claims and results had been deleted, as they are when they expire",
    ),
    REQUEST_LOST: Fault(title="request to the store lost", fires="the proxy dropped a call that had begun to arrive"),
    DELAY: Fault(
        title="store answers too late", fires="the proxy held back an answer for longer than the client waits",
    ),
    CLOCK_SKEW: Fault(
        title="delivered twice at once, to clocks that differ",
        fires="the sink has the note of a worker whose clock was ahead by more than a lease, for a second delivery",
    ),
    PARTITION: Fault(
        title="stores cut off, in both directions and in one", fires="a request was under way while they were",
    ),
    NO_CALLBACK: Fault(title="nobody answers", fires="a person read the mail and left it at that"),
}  # fmt: skip

_TWICE, _MISSING, _BOTH = frozenset({DUPLICATED}), frozenset({LOST}), frozenset({DUPLICATED, LOST})
_STUCK = frozenset({STUCK})
_Measures = dict[str, frozenset[str]]
_Expectation = dict[tuple[str, str], _Measures]


def _twice(*strategies: str) -> _Measures:
    return dict.fromkeys(strategies, _TWICE)


def _missing(*strategies: str) -> _Measures:
    return dict.fromkeys(strategies, _MISSING)


_UNKEYED = tuple(name for name in STRATEGIES if name != KEYED)
_FORGETFUL = (BLIND, VERSION, QUEUE_BARE, REDIS_BLIND)
"""They know no request again that has changed a record: a version keeps others' changes, and not one's own apart."""
_UNCHECKED = (BLIND, CHECK_THEN_PUT, REDIS_BLIND)
"""Between their read and their write nothing keeps others out."""
_UNCLAIMED = (*_UNCHECKED, VERSION, QUEUE_BARE, EXPRESS_ORCHESTRATION)
"""Nobody asks before an effect whether another is about to have it."""
_UNFENCED = (*_UNCHECKED, LOCK, REDIS_LOCK, SINGLE_WRITER)
"""Their record takes a write from one who should have stopped."""
_REMEMBERING = (ORCHESTRATION, ORCHESTRATION_S3, ORCHESTRATION_RECORDED, SINGLE_WRITER, POSTGRESQL)
"""They know a request without a row that would expire in a run."""
_IN_REDIS = (CACHE, REDIS_BLIND, REDIS_LOCK, REDIS_LOCK_FENCED, REDIS_STREAM, REDIS_ZSET, WRITE_BEHIND)
# Who claims for ever has the effect at most once, who does not has it at least once: nothing commits with the outside.
_TWICE_BUT_FOR_IDS = {name: _TWICE for name in _UNKEYED if name != REQUEST_ID}

EXPECTED: _Expectation = {
    (COUNTER, DUPLICATE): _twice(*_FORGETFUL, CHECK_THEN_PUT),
    (COUNTER, LATE): _twice(*_FORGETFUL),
    # Who keeps the requests in the record itself knows them as long as there is the record.
    (COUNTER, EXPIRED): _twice(*_FORGETFUL, REQUEST_ID, TRANSACTION),
    (COUNTER, CRASH): _twice(*_FORGETFUL) | _missing(REQUEST_ID),
    (COUNTER, RESPONSE_LOST): _twice(*_FORGETFUL),
    (COUNTER, REQUEST_LOST): _missing(REQUEST_ID),
    (COUNTER, DELAY): _twice(*_FORGETFUL),
    # Its row is made while no answer comes back, and then stands for what was not done.
    (COUNTER, PARTITION): _missing(REQUEST_ID),
    (COUNTER, ZOMBIE): _missing(*_UNFENCED),
    (COUNTER, HOT_KEY): _missing(*_UNCHECKED),
    (COUNTER, STORE_KILL): _missing(*_IN_REDIS),
    (COUNTER, CLOCK_SKEW): _twice(*_FORGETFUL, CHECK_THEN_PUT),
    (CHARGE, CLOCK_SKEW): _twice(*_UNCLAIMED),
    (CHARGE, DUPLICATE): _twice(*_UNCLAIMED),
    # An Express execution has no name that would be taken.
    (CHARGE, LATE): _twice(BLIND, REDIS_BLIND, QUEUE_BARE, EXPRESS_ORCHESTRATION),
    # An execution's name is taken for 90 days, a FIFO queue knows a message for five minutes, a unique key is for ever.
    (CHARGE, EXPIRED): {name: _TWICE for name in _UNKEYED if name not in _REMEMBERING},
    (CHARGE, CRASH): _TWICE_BUT_FOR_IDS | _missing(REQUEST_ID),
    (CHARGE, ZOMBIE): _TWICE_BUT_FOR_IDS,
    (ORDER, DUPLICATE): _twice(*_UNCLAIMED),
    (ORDER, CRASH): _TWICE_BUT_FOR_IDS | _missing(REQUEST_ID),
    (ORDER, RESPONSE_LOST): _twice(*_FORGETFUL),
    (ORDER, HOT_KEY): _missing(*_UNCHECKED),
    (ORDER, STORE_KILL): _missing(*_IN_REDIS),
    (LEDGER, DUPLICATE): _twice(*_FORGETFUL, CHECK_THEN_PUT),
    (LEDGER, CRASH): _twice(*_FORGETFUL),
    (LEDGER, RESPONSE_LOST): _twice(*_FORGETFUL),
    (LEDGER, HOT_KEY): _missing(*_UNCHECKED),
    (LEDGER, STORE_KILL): _missing(*_IN_REDIS),
    # What a request has got done is its progress: who keeps none of it does all fifty steps again.
    (WORKFLOW, CRASH): _TWICE_BUT_FOR_IDS | _missing(REQUEST_ID) | {BLIND: _BOTH, REDIS_BLIND: _BOTH},
    (APPROVAL, NO_CALLBACK): dict.fromkeys(STRATEGIES, _STUCK),
    (APPROVAL_EXPIRING, NO_CALLBACK): {},
    # The mail is not sent again, and the token in it is that of the attempt that died: the answer finds nobody.
    (APPROVAL, CRASH): _TWICE_BUT_FOR_IDS | {KEYED: _STUCK},
    (APPROVAL_EXPIRING, CRASH): _TWICE_BUT_FOR_IDS,
    (LOG, HOT_KEY): _missing(*_UNCHECKED),
    (LOG, CRASH): {},
    (LOG, RESPONSE_LOST): {},
    (LOG, STORE_KILL): _missing(*_IN_REDIS),
    (FAN, DUPLICATE): _twice(*_UNCLAIMED),
    (FAN, CRASH): _TWICE_BUT_FOR_IDS,
    # Each record is right by itself, and nobody protects the two of them together but a queue that lets one at them.
    (PAIR, HOT_KEY): {name: _MISSING for name in STRATEGIES if name != SINGLE_WRITER},
}
"""(workload, fault), for all that are run, to strategy to the measures in which an anomaly was expected."""

_CLAIMING = (CONDITIONAL, TRANSACTION, S3_VERSIONED, LOG_STREAM, CACHE_ASIDE, LOCK, LOCK_FENCED, POSTGRESQL)
"""Whose lease is over is told by the clock of who asks. Redis goes by its own."""

_CAUGHT_IN_BETWEEN = _twice(*_FORGETFUL, *_IN_REDIS) | _missing(REQUEST_ID)

POSSIBLE: _Expectation = {
    (COUNTER, DUPLICATE): dict.fromkeys(_UNCHECKED, _BOTH),
    (COUNTER, DELAY): _missing(REQUEST_ID),
    # A fence keeps out who comes back, and not who has read before the other wrote: each may write, one over the other.
    (COUNTER, CLOCK_SKEW): dict.fromkeys(_UNCHECKED, _BOTH) | _twice(LOCK, LOCK_FENCED),
    (CHARGE, CLOCK_SKEW): _twice(*_CLAIMING),
    (COUNTER, PARTITION): _twice(*_FORGETFUL, *_IN_REDIS),
    # Each second's sync keeps the next write waiting, and with it what a process has not handed to its kernel.
    (COUNTER, STORE_KILL): _CAUGHT_IN_BETWEEN | _missing(CACHE_EVERYSEC),
    (ORDER, DUPLICATE): dict.fromkeys(_UNCHECKED, _BOTH),
    (ORDER, STORE_KILL): dict.fromkeys(_UNKEYED, _TWICE),
    (LEDGER, DUPLICATE): dict.fromkeys(_UNCHECKED, _BOTH),
    (LEDGER, STORE_KILL): _CAUGHT_IN_BETWEEN,
    # What had been handed on to the table is still there.
    (LOG, STORE_KILL): _missing(WRITE_BEHIND),
    # Branches arrive at once, and are each other's contention even when nothing is broken.
    (FAN, CALM): _missing(*_UNCHECKED),
    (FAN, DUPLICATE): dict.fromkeys((*_UNCHECKED, VERSION, QUEUE_BARE), _BOTH),
    (FAN, CRASH): dict.fromkeys((*_UNCHECKED, VERSION, QUEUE_BARE), _BOTH),
}
"""Where either outcome is as expected: whether a request was just between an effect and its record is chance."""


def expected(workload: str, strategy: str, fault: str) -> frozenset[str]:
    """The measures in which an anomaly was expected; none in all others."""
    return EXPECTED.get((workload, fault), {}).get(strategy, frozenset())


def possible(workload: str, strategy: str, fault: str) -> frozenset[str]:
    """The measures in which an anomaly may or may not be found."""
    return POSSIBLE.get((workload, fault), {}).get(strategy, frozenset())
