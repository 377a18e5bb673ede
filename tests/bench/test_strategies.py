"""The strategies on real stores: each does the work right when nothing is broken, and what its guards are there for."""

import ast
import itertools
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from importlib import import_module
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest

from stepwell.bench.catalog import (
    APPROVAL,
    CHARGE,
    COUNTER,
    EXPECTED,
    FAULTS,
    MEASURES,
    POSSIBLE,
    STRATEGIES,
    WORKLOADS,
)
from stepwell.bench.load.deploy import archive
from stepwell.bench.measures.guards import marked
from stepwell.bench.parts import certify_more, postgresql
from stepwell.bench.parts.backends import ACCOUNT, POSTGRES, STEPWELL, BackEnds, back_ends
from stepwell.bench.parts.sink import Sink
from stepwell.bench.plan import DEFAULT, FULL, QUICK, cells
from stepwell.bench.worker.call import Call, Conflict, InProgress, Record
from stepwell.bench.worker.recorder import Recorder
from stepwell.bench.worker.stores import WorkerStores
from stepwell.bench.worker.workloads import charge, counter, order

MODULES = sorted({strategy.module for strategy in STRATEGIES.values()})
TABLE, LOG, BUCKET = "strategies", "strategies-log", "strategies"
LONG_MILLISECONDS = 10_000


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackEnds]:
    work = tmp_path_factory.mktemp("back-ends")
    for folder in (work, *work.parents[:2]):
        folder.chmod(0o755)  # PostgreSQL may run as another user.
    with back_ends(work, {POSTGRES}) as running:
        postgresql.create_tables(running.proxied[POSTGRES])
        yield running


@pytest.fixture(scope="module")
def stores(running: BackEnds, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerStores]:
    variables = {
        "AWS_ENDPOINT_URL": running.aws_url, "AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": "x", "BENCH_REDIS": running.proxied["redis"],
        "BENCH_POSTGRES": postgresql.address(running.proxied[POSTGRES]),
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        create(boto3.client("dynamodb"), boto3.client("s3"))
        yield WorkerStores(Recorder(tmp_path_factory.mktemp("ops")))


def create(dynamodb: Any, s3: Any) -> None:
    s3.create_bucket(Bucket=BUCKET)
    for table, keys in ((TABLE, [("id", "HASH", "S")]), (LOG, [("id", "HASH", "S"), ("sequence", "RANGE", "N")])):
        dynamodb.create_table(
            TableName=table, BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind, _ in keys],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": type} for name, _, type in keys],
        )  # fmt: skip


@pytest.fixture
def sink(tmp_path: Path) -> Sink:
    return Sink(tmp_path)


Invoke = Callable[..., Call]
_numbers = itertools.count()


@pytest.fixture
def invocation(stores: WorkerStores, sink: Sink) -> Invoke:
    """Makes the call of one more invocation for a request; its time goes by with each look at it."""

    def make(request: str, milliseconds: int = LONG_MILLISECONDS) -> Call:
        left = itertools.count(milliseconds, -200)

        def effect(type: str, key: str | None) -> Record:
            row = {"run": "r", "request": request, "type": type, "attempt": 1, "worker": "w"}
            return sink.effect(row, key)

        return Call(
            stores=stores, table=TABLE, names={"bucket": BUCKET, "log": LOG}, request=request, step="count",
            invocation=f"invocation-{next(_numbers)}", key=None, effect=effect, pause=lambda _: None,
            remaining_milliseconds=lambda: max(next(left), 1),
        )  # fmt: skip

    return make


@pytest.fixture
def name() -> str:
    return f"record/{next(_numbers)}"


def strategy(module: str) -> Any:
    return import_module(f"stepwell.bench.worker.strategies.{module.replace('-', '_')}")


def value(module: Any, call: Call, name: str) -> int:
    found: Record = getattr(module, "audit", module.read)(call, name)
    return int(found["value"])


def effects(folder: Path) -> list[str]:
    return [json.loads(line)["type"] for line in (folder / "effects.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("module", MODULES)
def test_each_request_counts_once_in_calm(module: str, invocation: Invoke, name: str) -> None:
    for number in range(3):
        call = invocation(f"{name}-{number}")
        assert counter.count(strategy(module), call, {"record": name}) == {"value": number + 1}
    assert value(strategy(module), invocation(f"{name}-look"), name) == 3


@pytest.mark.parametrize("module", MODULES)
def test_each_order_is_charged_reserved_and_confirmed_once_in_calm(
    module: str, invocation: Invoke, name: str, tmp_path: Path
) -> None:
    call, state = invocation(f"{name}-order"), {"record": name}
    for step, do in order.STEPS.items():
        state |= do(strategy(module), call.at(step), state)
    assert state["sold"] is True
    assert effects(tmp_path) == ["charge", "email"]
    assert value(strategy(module), invocation(f"{name}-look"), name) == 1


@pytest.mark.parametrize("module", MODULES)
def test_nothing_is_sold_that_is_not_there(
    module: str, invocation: Invoke, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order, "STOCK", 1)
    results = []
    for number in range(2):
        call = invocation(f"{name}-{number}").at("reserve")
        results.append(order.reserve(strategy(module), call, {"record": name})["sold"])
        getattr(strategy(module), "end", lambda call: None)(call)
    assert results == [True, False]


FORGETFUL = {"blind", "redis-blind", "queue-bare"}
STATELESS = {strategy.module for strategy in STRATEGIES.values() if STEPWELL in strategy.state}
"""Who remembers steps is the state machine."""


@pytest.mark.parametrize("module", sorted(set(MODULES) - FORGETFUL - STATELESS))
def test_a_step_that_is_done_is_not_done_again(module: str, invocation: Invoke, name: str, tmp_path: Path) -> None:
    first, second = (
        charge.charge(strategy(module), invocation(f"{name}-late").at("charge"), {}) for _ in range(2)
    )  # fmt: skip
    assert first == second
    assert effects(tmp_path) == ["charge"]


def test_the_payload_in_s3_is_what_was_put_there(invocation: Invoke, name: str) -> None:
    module, call = strategy("orchestration-s3"), invocation(name)
    carried = module.pack(call, {"record": name, "charge": 7})
    assert list(carried) == ["payload"]
    assert module.unpack(call, carried) == {"record": name, "charge": 7}
    assert module.unpack(call, {"record": name}) == {"record": name}


def without(module: str, guard: str) -> ModuleType:
    """The strategy with this guard of its own taken out."""
    [found] = [each for each in marked(module) if each.name == guard and each.of == module]
    changed = ModuleType(f"{module}--without-{guard}")
    exec(compile(found.without, changed.__name__, "exec"), changed.__dict__)
    return changed


def second_of_two_writers(module: Any, invocation: Invoke, name: str) -> bool:
    """Whether a writer is told that it wrote, who read before another wrote."""
    one, other = invocation(f"{name}-one"), invocation(f"{name}-other")
    records = [module.read(call, name) for call in (one, other)]
    for record in records:
        record["value"] += 1
    assert module.write(one, name, records[0])
    return bool(module.write(other, name, records[1]))


def sleeper(module: Any, invocation: Invoke, name: str) -> bool:
    """The same of one who slept through the end of its lease."""
    asleep, awake = invocation(f"{name}-asleep", milliseconds=1), invocation(f"{name}-awake")
    record = module.read(asleep, name)
    record["value"] += 1
    counter.count(module, awake, {"record": name})
    try:
        return bool(module.write(asleep, name, record))
    except Conflict:
        return False


def second_holder(module: Any, invocation: Invoke, name: str) -> bool:
    """Whether a second gets at a record that the first has locked."""
    module.read(invocation(f"{name}-one"), name)
    try:
        return bool(module.read(invocation(f"{name}-other"), name))
    except InProgress:
        return False


def second_charge(module: Any, invocation: Invoke, name: str) -> bool:
    """Whether a step is begun that another invocation for the request is at."""
    one, other = (invocation(name).at("charge") for _ in range(2))
    assert module.begin(one) is None
    try:
        return module.begin(other) is None
    except InProgress:
        return False


def second_count(module: Any, invocation: Invoke, name: str) -> bool:
    """Whether a request changes the record a second time."""
    for _ in range(2):
        counter.count(module, invocation(f"{name}-one"), {"record": name})
    return value(module, invocation(f"{name}-look"), name) > 1


SEEDED = [
    ("conditional", "version", second_of_two_writers),
    ("version", "version", second_of_two_writers),
    ("transaction", "version", second_of_two_writers),
    ("log-stream", "next", second_of_two_writers),
    ("s3-versioned", "version", second_of_two_writers),
    ("cache", "version", second_of_two_writers),
    ("write-behind", "version", second_of_two_writers),
    ("redis-stream", "number", second_of_two_writers),
    ("redis-zset", "version", second_of_two_writers),
    ("lock-fenced", "fence", sleeper),
    ("redis-lock-fenced", "fence", sleeper),
    ("lock", "lease", second_holder),
    ("redis-lock", "lock", second_holder),
    ("conditional", "claim", second_charge),
    ("cache", "claim", second_charge),
    ("s3-versioned", "claim", second_charge),
    ("request-id", "request-id", second_count),
    ("conditional", "seen", second_count),
    ("cache-aside", "seen", second_count),
    ("lock", "seen", second_count),
    ("redis-lock", "seen", second_count),
    ("redis-stream", "seen", second_count),
    ("s3-versioned", "seen", second_count),
    ("log-stream", "seen", second_count),
    ("single-writer", "seen", second_count),
]


@pytest.mark.parametrize(("module", "guard", "breaks"), SEEDED)
def test_what_a_guard_is_there_for_happens_without_it(
    module: str, guard: str, breaks: Callable[..., bool], invocation: Invoke, name: str
) -> None:
    assert not breaks(strategy(module), invocation, name)
    assert breaks(without(module, guard), invocation, f"{name}-without")


@pytest.mark.parametrize("module", ["lock", "redis-lock"])
def test_a_lock_without_a_fence_lets_a_sleeper_write(module: str, invocation: Invoke, name: str) -> None:
    assert sleeper(strategy(module), invocation, name)


@pytest.mark.parametrize("module", ["lock", "lock-fenced", "redis-lock", "redis-lock-fenced"])
def test_a_lock_that_nobody_needs_is_let_go(module: str, invocation: Invoke, name: str) -> None:
    call = invocation(f"{name}-one")
    strategy(module).read(call, name)
    strategy(module).end(call)
    assert counter.count(strategy(module), invocation(f"{name}-other"), {"record": name}) == {"value": 1}


def test_behind_ten_writes_the_table_has_them(invocation: Invoke, name: str, stores: WorkerStores) -> None:
    module = strategy("write-behind")
    stores.redis.flushall()
    for number in range(10):
        counter.count(module, invocation(f"{name}-{number}"), {"record": f"{name}-{number}"})
    stores.redis.flushall()
    assert [value(module, invocation("look"), f"{name}-{number}") for number in range(10)] == [1] * 10


def test_the_stores_beneath_are_certified(running: BackEnds, stores: WorkerStores) -> None:
    port = int(running.proxied["redis"].partition(":")[2])
    trials = [
        certify_more.transactions(boto3.client("dynamodb"), TABLE, 0.5),
        certify_more.objects(boto3.client("s3"), BUCKET, 0.5),
        certify_more.groups(*fifo_queue()),
        certify_more.scripts(port, 0.5),
        certify_more.rows(running.proxied[POSTGRES], 0.5),
    ]
    assert [trial.failure for trial in trials] == [None] * len(trials)


def fifo_queue() -> tuple[Any, str]:
    sqs = boto3.client("sqs")
    return sqs, sqs.create_queue(QueueName="strategies.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]


class CarelessS3:
    """It takes every object, whatever the condition."""

    def __init__(self) -> None:
        self.body = ""

    def put_object(self, Body: str, **_: Any) -> None:
        self.body = Body

    def get_object(self, **_: Any) -> Record:
        return {"Body": BytesIO(self.body.encode()), "ETag": "same"}


def test_an_object_store_that_takes_everything_is_not_certified() -> None:
    trial = certify_more.objects(CarelessS3(), BUCKET, 0.2)
    assert trial.failure and "objects replaced by ETag" in trial.failure


@pytest.mark.parametrize(("workload", "fault"), [*EXPECTED, *POSSIBLE])
def test_expectations_are_about_what_there_is(workload: str, fault: str) -> None:
    assert workload in WORKLOADS
    assert fault in FAULTS
    for table in (EXPECTED, POSSIBLE):
        for name, measures in table.get((workload, fault), {}).items():
            assert name in STRATEGIES
            assert measures <= MEASURES.keys()


def test_each_strategy_meets_each_fault_in_some_cell() -> None:
    every = cells((COUNTER, CHARGE, APPROVAL), tuple(STRATEGIES), tuple(FAULTS))
    assert {cell.strategy for cell in every} == STRATEGIES.keys()
    assert {cell.fault for cell in every} == FAULTS.keys()


def test_no_cell_is_run_twice() -> None:
    for plan in (QUICK, DEFAULT, FULL):
        assert len(set(plan)) == len(plan)


@pytest.mark.parametrize("module", MODULES)
def test_guards_can_be_deleted_one_by_one(module: str) -> None:
    for guard in marked(module):
        names = {node.name for node in ast.walk(ast.parse(guard.without)) if isinstance(node, ast.FunctionDef)}
        assert names, guard


def test_the_archive_holds_what_the_worker_imports() -> None:
    with zipfile.ZipFile(BytesIO(archive({}))) as opened:
        sources = {name: opened.read(name).decode() for name in opened.namelist()}
    modules = {name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in sources}
    imported = set(re.findall(r"^ *from (stepwell[\w.]*) import", "\n".join(sources.values()), re.MULTILINE))
    assert imported <= modules
    assert {f"stepwell.bench.worker.strategies.{module.replace('-', '_')}" for module in MODULES} <= modules
