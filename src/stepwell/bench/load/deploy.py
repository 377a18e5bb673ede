"""What a run needs on its back ends, under names of its own: a table, queues, the function and the state machines."""

import io
import json
import sys
import zipfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepwell.bench.catalog import EXPRESS, STANDARD, WITH_KEYS, WORKLOADS
from stepwell.bench.load import machines
from stepwell.bench.parts import postgresql
from stepwell.bench.parts.aws import client
from stepwell.bench.parts.backends import ACCOUNT, POSTGRES, REDIS_SERVERS, BackEnds
from stepwell.bench.worker.call import INSPECT
from stepwell.bench.worker.stores import redis_variable

FUNCTION_SECONDS = 3
"""The function's time limit, and with it the life of a claim on a step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long a function may take, and how long others believe that it is still at work.

    `lease_seconds` is what claims and locks are taken for, `answer_seconds` how long callers wait for the function's
    answer, `visibility_seconds` when a message comes again, `task_seconds` when a state machine gives a task up.
    """

    function_seconds: int = FUNCTION_SECONDS
    lease_seconds: float = FUNCTION_SECONDS
    answer_seconds: float = 30
    visibility_seconds: int = FUNCTION_SECONDS + 1
    task_seconds: int | None = None


USUAL = Limits()
"""Nobody gives a function up that may still be at work."""

GIVEN_UP = Limits(function_seconds=30, lease_seconds=1, answer_seconds=1.5, visibility_seconds=2, task_seconds=2)
"""All give it up after a second or two, and it may work on: as when its host was paused or cut off."""

_REGION = "us-east-1"
_ROLE = f"arn:aws:iam::{ACCOUNT}:role/bench"
_CONNECTIONS = 64

_WARM_UPS = 3
"""Tries for a worker: when many start at once on a busy machine, one can run into the limit on initialization."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """Clients of the endpoints and the names of what this run made there. `machines` are by (workload, kind)."""

    lambda_: Any
    sfn: Any
    sqs: Any
    dynamodb: Any
    s3: Any
    table: str
    bucket: str
    function: str
    queues: dict[str, str]
    machines: dict[tuple[str, str], str]
    start_machine: str


def deploy(run: str, back_ends: BackEnds, ops: Path, variants: Mapping[str, str], limits: Limits = USUAL) -> Deployment:
    """Makes all of it. `ops` is the folder in which the workers, who may be another user, write their histories.

    `variants` are further strategy modules, name to source: those whose protection was taken out.
    """
    lambda_ = client("lambda", back_ends.stepwell_url, limits.answer_seconds)
    sfn = client("stepfunctions", back_ends.stepwell_url)
    dynamodb, sqs = (client(service, back_ends.aws_url) for service in ("dynamodb", "sqs"))
    table = f"bench-{run}"
    bucket, log = f"bench-{run}", f"bench-{run}-log"
    _create_table(dynamodb, table, id="HASH")
    _create_table(dynamodb, log, id="HASH", sequence="RANGE")
    s3 = client("s3", back_ends.aws_url)
    s3.create_bucket(Bucket=bucket)
    visibility = {"VisibilityTimeout": str(limits.visibility_seconds)}
    queues = {
        "queue": _create_queue(sqs, f"bench-{run}", visibility),
        "fifo": _create_queue(sqs, f"bench-{run}.fifo", _FIFO | visibility),
    }
    variables = {
        "BENCH_TABLE": table, "BENCH_SINK": back_ends.sink_address, "BENCH_OPS": str(ops),
        "BENCH_NAMES": json.dumps(queues | {"bucket": bucket, "log": log}), **_redis_servers(back_ends),
        "BENCH_LEASE_SECONDS": str(limits.lease_seconds),
    }  # fmt: skip
    if POSTGRES in back_ends.proxied:
        postgresql.create_tables(back_ends.proxied[POSTGRES])
        variables["BENCH_POSTGRES"] = postgresql.address(back_ends.proxied[POSTGRES])
    function = _create_function(lambda_, run, variables, archive(variants), limits.function_seconds)
    lambda_.get_waiter("function_active_v2").wait(FunctionName=function, WaiterConfig={"Delay": 1})
    arns = {
        (name, kind): _create_machine(
            sfn, f"{name}-{kind}-{run}",
            machines.machine_of(workload, function, keyed=kind == WITH_KEYS, limit_seconds=limits.task_seconds),
            express=kind == EXPRESS,
        )
        for name, workload in WORKLOADS.items()
        for kind in (STANDARD, WITH_KEYS, EXPRESS)
        if not (workload.asks and kind == EXPRESS)  # It cannot wait for an answer.
    }  # fmt: skip
    start = _create_machine(sfn, f"start-{run}", machines.start_machine())
    return Deployment(lambda_, sfn, sqs, dynamodb, s3, table, bucket, function, queues, arns, start)


def warm_up(deployment: Deployment, run: str, strategies: Iterable[str], workers: int) -> None:
    """Starts so many workers of the function, so that the load that follows meets warm ones.

    `strategies` are modules whose clients a worker should have made. Raises `RuntimeError` when it does not run.
    """

    def invoke(number: int) -> None:
        for strategy in strategies:
            event = {
                "run": run, "workload": "counter", "strategy": strategy, "request": f"{run}-{number}", "seed": 0,
                "attempt": 1, "step": INSPECT, "state": {"records": [f"{run}-{number}"]},
            }  # fmt: skip
            for _ in range(_WARM_UPS):
                reply = deployment.lambda_.invoke(FunctionName=deployment.function, Payload=json.dumps(event))
                if "FunctionError" not in reply:
                    break
            else:
                raise RuntimeError(f"the function does not run: {reply['Payload'].read().decode()}")

    with ThreadPoolExecutor(workers) as pool:
        for done in [pool.submit(invoke, number) for number in range(workers)]:
            done.result()


def archive(variants: Mapping[str, str]) -> bytes:
    """The function's code: the worker under its own name, in a `stepwell` that has nothing else."""
    here = Path(__file__).parents[1]
    paths = [here / "__init__.py", *sorted((here / "worker").rglob("*.py"))]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("stepwell/__init__.py", "")
        for path in paths:
            opened.write(path, Path("stepwell", "bench", path.relative_to(here)))
        for name, source in variants.items():
            opened.writestr(f"stepwell/bench/worker/strategies/{name.replace('-', '_')}.py", source)
    return buffer.getvalue()


def _redis_servers(back_ends: BackEnds) -> dict[str, str]:
    return {redis_variable(name): place for name, place in back_ends.proxied.items() if name in REDIS_SERVERS}


_TYPES = {"id": "S", "sequence": "N"}


def _create_table(dynamodb: Any, name: str, **keys: str) -> None:
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": key, "KeyType": type} for key, type in keys.items()],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": _TYPES[key]} for key in keys],
        BillingMode="PAY_PER_REQUEST",
    )


_FIFO = {"FifoQueue": "true"}


def _create_queue(sqs: Any, name: str, attributes: dict[str, str]) -> str:
    """Its URL as the workers have it: the queue's name and account are what counts, whichever endpoint it is on."""
    return str(sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])


def _create_function(lambda_: Any, run: str, variables: dict[str, str], code: bytes, seconds: int) -> str:
    made = lambda_.create_function(
        FunctionName=f"bench-{run}",
        Runtime=f"python{sys.version_info.major}.{sys.version_info.minor}",
        Role=_ROLE,
        Handler="stepwell.bench.worker.handler.work",
        Code={"ZipFile": code},
        Timeout=seconds,
        MemorySize=512,
        Environment={"Variables": variables},
    )
    return str(made["FunctionArn"])


def _create_machine(sfn: Any, name: str, definition: machines.Definition, *, express: bool = False) -> str:
    made = sfn.create_state_machine(
        name=f"bench-{name}",
        definition=json.dumps(definition),
        roleArn=_ROLE,
        type="EXPRESS" if express else "STANDARD",
    )
    return str(made["stateMachineArn"])
