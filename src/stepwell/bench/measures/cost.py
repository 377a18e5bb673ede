"""What a strategy costs: billed units counted from a history, times the prices of a dated file.

Guarantees that nothing measured on this machine is turned into money: units are calls and sizes, and the duration of a
function is its counted operations times the reader's round trips. What failed was billed all the same and counts, as
does an `info`; the sum is shared out among the completions that were correct.

How AWS counts: DynamoDB takes a write unit for each 1 KB and a read unit for each 4 KB of an item, half a unit for an
eventually consistent read and two for a transactional one (aws.amazon.com/dynamodb/pricing/on-demand, read in November
2026); SQS a request for each 64 KB; Step Functions a transition for each state that is entered and for each retry.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, pairwise

from stepwell.bench.history import Op
from stepwell.bench.measures.latency_budget import COMPUTE, Profile, latency, service
from stepwell.pricing.prices import Price, Prices

MILLION = 1_000_000
KEPT_MONTHS = 1.0
"""How long a record is taken to stay in its store."""

FUNCTION_GB = 0.5
"""The memory that the benchmark's functions are created with."""

_GB = 1 << 30
_HOUR_SECONDS = 3600
_OUTSIDE = frozenset({"client", "poller"})
"""The workers of what no function did and therefore no function waited for."""

_EXPRESS, _FIFO, _TRANSACTIONAL = "express", "fifo", "transactional"
_READ_FACTORS = {"strong": 1.0, _TRANSACTIONAL: 2.0}
_EVENTUAL_FACTOR = 0.5
_READ_BYTES, _WRITE_BYTES, _MESSAGE_BYTES = 4096, 1024, 65536
_EXPRESS_GB = 64 / 1024
_EXPRESS_STEP_MILLISECONDS = 100

_DYNAMODB_READS = frozenset({"GetItem", "BatchGetItem", "Query", "Scan", "TransactGetItems"})
_DYNAMODB_WRITES = frozenset({"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"})
_S3_PUTS = frozenset({"PutObject", "CopyObject", "ListObjects", "ListObjectsV2"})
_S3_GETS = frozenset({"GetObject", "HeadObject"})
_DELETES = frozenset({"DeleteItem", "DeleteObject"})
_STORES = frozenset({"dynamodb", "s3"})
_WAITED_FOR = frozenset({"dynamodb", "redis", "sqs", "s3", "postgres", "outside"})


@dataclass(frozen=True, slots=True)
class Usage:
    """What was used in all. `units` by item of the price file, `operations` by the kind of node that did them.

    `assumed` are the items that rest on round trips which nobody has measured, `unpriced` the calls that no rule knows.
    """

    units: dict[str, float]
    operations: dict[str, int]
    assumed: frozenset[str]
    unpriced: dict[str, int]


@dataclass(frozen=True, slots=True)
class Line:
    """One item of a cost: its units and dollars per million correct completions."""

    item: str
    units: float
    dollars: float
    verified: bool
    assumed: bool


@dataclass(frozen=True, slots=True)
class Cost:
    """Dollars per million correct completions at one load, with what they are made of."""

    load_per_second: float
    lines: tuple[Line, ...]

    @property
    def dollars(self) -> float:
        return sum(line.dollars for line in self.lines)

    @property
    def unverified(self) -> tuple[str, ...]:
        """The items whose price nobody has checked."""
        return tuple(line.item for line in self.lines if not line.verified)

    @property
    def assumed(self) -> tuple[str, ...]:
        """The items whose units rest on an assumption."""
        return tuple(line.item for line in self.lines if line.assumed)

    def text(self) -> str:
        """`$41.25` or `$41.25 (unverified)`."""
        return f"${self.dollars:,.2f}" + (" (unverified)" if self.unverified else "")


@dataclass(frozen=True, slots=True)
class Nodes:
    """Nodes of one kind, which are paid by the hour. `operations` is for each correct completion."""

    item: str
    price: Price
    operations: float
    capacity_per_second: float
    least: int

    def count(self, load_per_second: float) -> int:
        return max(self.least, math.ceil(load_per_second * self.operations / self.capacity_per_second))

    def line(self, load_per_second: float) -> Line:
        hours = self.count(load_per_second) * MILLION / (load_per_second * _HOUR_SECONDS)
        return Line(self.item, hours, hours * self.price.each, self.price.verified, assumed=True)

    def steps(self, low: float, high: float) -> Iterator[float]:
        """The loads between the two above which it takes one node more."""
        each = self.capacity_per_second / self.operations
        for count in range(self.count(low), self.count(high)):
            yield count * each


@dataclass(frozen=True, slots=True)
class Bill:
    """What a strategy costs at any load: `lines` go with each completion, `nodes` are there anyhow."""

    lines: tuple[Line, ...]
    nodes: tuple[Nodes, ...]

    def at(self, load_per_second: float) -> Cost:
        """With so many correct completions each second, day and night."""
        return Cost(load_per_second, (*self.lines, *(each.line(load_per_second) for each in self.nodes)))


@dataclass(frozen=True, slots=True)
class Crossing:
    """The load above which `cheaper` costs less than `dearer`, and below which it is the other way round."""

    load_per_second: float
    cheaper: str
    dearer: str


def meter(ops: Iterable[Op], profile: Profile) -> Usage:
    """What these operations are billed for, and what they leave behind."""
    units: dict[str, float] = defaultdict(float)
    operations: Counter[str] = Counter()
    unpriced: Counter[str] = Counter()
    ops = list(ops)
    for op in ops:
        billed = _billed(op)
        if billed is None:
            unpriced[op.call] += op.count
            continue
        for item, amount in billed.items():
            units[item] += amount * op.count
        if service(op) in ("redis", "postgres"):
            operations[service(op)] += op.count
    units["lambda.gb_second"] = FUNCTION_GB * _function_seconds(ops, profile)
    units["states.express_gb_second"] = _EXPRESS_GB * _express_seconds(ops, profile)
    for store, size in _kept_bytes(ops).items():
        units[f"{store}.storage"] = KEPT_MONTHS * size / _GB
    used = {item: amount for item, amount in units.items() if amount}
    durations = {"lambda.gb_second", "states.express_gb_second"} if profile.assumed else set()
    return Usage(used, dict(operations), frozenset(durations & used.keys()), dict(unpriced))


def bill(usage: Usage, correct: int, prices: Prices) -> Bill:
    """The usage shared out among so many correct completions, which must be one at least."""
    if correct < 1:
        raise ValueError("there is no cost per correct completion without one")
    share = MILLION / correct
    lines = (
        Line(item, amount * share, amount * share * prices.items[item].each, prices.items[item].verified,
             item in usage.assumed)
        for item, amount in usage.units.items()
    )  # fmt: skip
    nodes = (
        Nodes(f"node.{kind}", prices.items[f"node.{kind}"], count / correct, prices.nodes[kind].operations_per_second,
              prices.nodes[kind].least)
        for kind, count in usage.operations.items()
    )  # fmt: skip
    return Bill(tuple(sorted(lines, key=lambda line: -line.dollars)), tuple(nodes))


def crossings(bills: Mapping[str, Bill], low: float, high: float) -> list[Crossing]:
    """Every load between the two where one strategy becomes cheaper than another, in order."""
    pairs = combinations(bills, 2)
    found = [crossing for one, other in pairs for crossing in _crossings(bills, one, other, low, high)]
    return sorted(found, key=lambda crossing: crossing.load_per_second)


def _crossings(bills: Mapping[str, Bill], one: str, other: str, low: float, high: float) -> Iterator[Crossing]:
    """Between two steps the difference is `per completion + fixed / load`, which has one zero at most."""
    pair = (bills[one], bills[other])
    steps = {step for each in pair for nodes in each.nodes for step in nodes.steps(low, high) if low < step < high}
    known = 0
    for start, end in pairwise(sorted({low, high} | steps)):
        variable, fixed = _difference(*pair, (start + end) / 2)
        for load, crossed_at in ((start, start), (end, -fixed / variable if variable else end)):
            sign = _sign(variable + fixed / load)
            if sign and known and sign != known:
                yield Crossing(crossed_at, *((one, other) if sign < 0 else (other, one)))
            known = sign or known


def _difference(one: Bill, other: Bill, load: float) -> tuple[float, float]:
    """What one costs more than the other, per million: (at any load, times the load and around this one)."""
    variable = sum(line.dollars for line in one.lines) - sum(line.dollars for line in other.lines)
    fixed = sum(nodes.line(load).dollars for nodes in one.nodes) - sum(
        nodes.line(load).dollars for nodes in other.nodes
    )
    return variable, fixed * load


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)


def _billed(op: Op) -> dict[str, float] | None:
    """The units that one operation takes, by item. None for a call of which that is not known."""
    kind, _, name = op.call.partition(".")
    match kind:
        case "" | "outside":
            return {}
        case "dynamodb":
            return _billed_dynamodb(op, name)
        case "sqs":
            item = "sqs.fifo_request" if op.mode == _FIFO or op.key.endswith(f".{_FIFO}") else "sqs.request"
            return {item: _chunks(op.bytes, _MESSAGE_BYTES)}
        case "s3" if name in _S3_PUTS | _S3_GETS | _DELETES:
            return {} if name in _DELETES else {"s3.put" if name in _S3_PUTS else "s3.get": 1}
        case "lambda" if name in ("Invoke", "DurableOperation"):
            return {"lambda.request" if name == "Invoke" else "lambda.durable_operation": 1}
        case "states" if name == "Transition":
            return {} if op.mode == _EXPRESS else {"states.transition": 1}
        case "states":
            return {"states.express_request": 1} if op.mode == _EXPRESS else {}
        case "redis" | "postgres":
            return {"transfer.zones": op.bytes / _GB}
    return None


def _billed_dynamodb(op: Op, name: str) -> dict[str, float] | None:
    """A transaction's items are rounded up one by one. Only their sum is known: they are taken to be of one size."""
    items = len(op.argument) if op.mode == _TRANSACTIONAL and isinstance(op.argument, list | tuple) else 1
    size = op.bytes / max(items, 1)
    if name in _DYNAMODB_WRITES:
        return {"dynamodb.write": items * _chunks(size, _WRITE_BYTES) * (2 if op.mode == _TRANSACTIONAL else 1)}
    if name in _DYNAMODB_READS:
        return {"dynamodb.read": items * _chunks(size, _READ_BYTES) * _READ_FACTORS.get(op.mode, _EVENTUAL_FACTOR)}
    return None


def _chunks(size: float, each: int) -> int:
    """An empty one is billed too."""
    return max(1, math.ceil(size / each))


def _function_seconds(ops: Iterable[Op], profile: Profile) -> float:
    """What the functions took, from what they waited for. Starting them up is not in it."""
    milliseconds = 0.0
    for op in ops:
        if op.call == "lambda.Invoke":
            milliseconds += op.count * profile.milliseconds[COMPUTE]
        elif service(op) in _WAITED_FOR and op.worker not in _OUTSIDE:
            milliseconds += op.count * profile.milliseconds[service(op)]
    return milliseconds / 1000


def _express_seconds(ops: Iterable[Op], profile: Profile) -> float:
    """Express workflows are billed for their time, in steps of 100 ms."""
    ops = list(ops)
    starts: Counter[str] = Counter()
    for op in ops:
        if service(op) == "states" and op.mode == _EXPRESS and op.call != "states.Transition":
            starts[op.request] += op.count
    by_request: dict[str, list[Op]] = {request: [] for request in starts}
    for op in ops:
        if op.request in by_request:
            by_request[op.request].append(op)
    steps = (
        starts[request] * math.ceil(latency(rows, profile).milliseconds / _EXPRESS_STEP_MILLISECONDS)
        for request, rows in by_request.items()
    )
    return sum(steps) * _EXPRESS_STEP_MILLISECONDS / 1000


def _kept_bytes(ops: Iterable[Op]) -> dict[str, int]:
    """What the records and objects that were written take in the end, by store; each counts with its largest size."""
    kept: dict[tuple[str, str], int] = {}
    for op in ops:
        where = (service(op), op.key)
        if where[0] not in _STORES or op.status == "fail":
            continue
        if op.call.partition(".")[2] in _DELETES:
            kept.pop(where, None)
        elif op.call.partition(".")[2] in _DYNAMODB_WRITES | _S3_PUTS:
            kept[where] = max(kept.get(where, 0), op.bytes)
    sizes: Counter[str] = Counter()
    for (store, _), size in kept.items():
        sizes[store] += size
    return dict(sizes)
