"""Where the versions run: the benchmark's back ends, one function for all flows, and what its requests come through.

No version has a table, queue or function of its own, so that no change needs one. Each has its own state machines.
"""

import io
import json
import sys
import time
import zipfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from stepwell.bench.flexibility import changes
from stepwell.bench.history import Effect, Fired, Op, Status, read_ops, read_rows
from stepwell.bench.load.deploy import archive
from stepwell.bench.parts.aws import client
from stepwell.bench.parts.backends import ACCOUNT, REDIS, BackEnds, back_ends
from stepwell.bench.parts.sink import EFFECTS, FIRED
from stepwell.bench.worker.call import INSPECT

NAME = "change"

FUNCTION_SECONDS = 10
"""The function's time limit, and with it the life of a claim on a step. It has to do for one that waits for others."""

_REGION = "us-east-1"
_ROLE = f"arn:aws:iam::{ACCOUNT}:role/bench"
_CONNECTIONS = 64
_TRIES, _AGAIN_SECONDS = 10, 0.2
_QUIET_SECONDS = 1.0
_NOT_APPLIED = frozenset({"Conflict", "InProgress"})
_VISIBLE_AGAIN = {"VisibilityTimeout": str(FUNCTION_SECONDS + 1)}


@dataclass(frozen=True, slots=True)
class Bed:
    """Clients of the endpoints, and the names of what was made there. `machines` are by (strategy, version)."""

    work: Path
    ops: Path
    back_ends: BackEnds
    lambda_: Any
    sfn: Any
    sqs: Any
    queues: dict[str, str]
    machines: dict[tuple[str, str], str]

    def invoke(self, event: Mapping[str, Any]) -> tuple[Status, Any]:
        """(ok, what the function gave), or else what is known of why not."""
        try:
            reply = self.lambda_.invoke(FunctionName=NAME, Payload=json.dumps(event))
        except (BotoCoreError, ClientError) as error:
            return "info", str(error)
        answer = json.loads(reply["Payload"].read())
        if "FunctionError" not in reply:
            return "ok", answer
        return ("fail" if answer.get("errorType") in _NOT_APPLIED else "info"), answer

    def inspect(self, run: str, strategy: str, records: list[str]) -> dict[str, Any]:
        """What the strategy reads of these records, through a worker like all else. Raises `RuntimeError`."""
        event = {
            "run": run, "request": f"{run}-{INSPECT}", "strategy": changes.module(strategy), "workload": "order",
            "step": INSPECT, "attempt": 1, "seed": 0, "state": {"records": records},
        }  # fmt: skip
        for _ in range(_TRIES):
            status, answer = self.invoke(event)
            if status == "ok":
                return dict(answer)
            time.sleep(_AGAIN_SECONDS)
        raise RuntimeError(f"the function does not run: {answer}")

    def quiet(self) -> None:
        """Waits until no worker has anything left to do, also for those that nobody waits for."""
        sizes: list[int] = []
        while len(sizes) < 2 or sizes[-1] != sizes[-2]:
            time.sleep(_QUIET_SECONDS)
            sizes.append(sum(path.stat().st_size for path in self.ops.glob("*.jsonl")))

    def history(self) -> list[Op]:
        """What the workers have recorded."""
        return read_ops(self.ops.glob("*.jsonl"))

    def effects(self) -> list[Effect]:
        """What was done to the outside world."""
        return list(read_rows(self.work / EFFECTS, Effect))

    def fired(self) -> list[Fired]:
        """The deaths, as the workers announced them."""
        return list(read_rows(self.work / FIRED, Fired))


@contextmanager
def bed(work: Path, ops: Path, workers: int) -> Iterator[Bed]:
    """All of it, running, with so many warm workers. Raises `BackEndFailed`."""
    with back_ends(work) as running:
        lambda_, sfn = (client(service, running.stepwell_url) for service in ("lambda", "stepfunctions"))
        dynamodb, sqs = (client(service, running.aws_url) for service in ("dynamodb", "sqs"))
        dynamodb.create_table(
            TableName=NAME, KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}], BillingMode="PAY_PER_REQUEST",
        )  # fmt: skip
        fifo = {"FifoQueue": "true"}
        queues = {
            "queue": str(sqs.create_queue(QueueName=NAME, Attributes=_VISIBLE_AGAIN)["QueueUrl"]),
            "fifo": str(sqs.create_queue(QueueName=f"{NAME}.fifo", Attributes=fifo | _VISIBLE_AGAIN)["QueueUrl"]),
        }
        function = _create_function(lambda_, running, ops, queues)
        made = Bed(work, ops, running, lambda_, sfn, sqs, queues, _create_machines(sfn, function))
        with ThreadPoolExecutor(workers) as pool:
            strategies = list(changes.WAYS) * -(-workers // len(changes.WAYS))
            list(pool.map(lambda strategy: made.inspect("warm-up", strategy, ["none"]), strategies))
        yield made


def _create_function(lambda_: Any, running: BackEnds, ops: Path, queues: dict[str, str]) -> str:
    variables = {
        "BENCH_TABLE": NAME, "BENCH_SINK": running.sink_address, "BENCH_OPS": str(ops),
        "BENCH_NAMES": json.dumps(queues), "BENCH_REDIS": running.proxied[REDIS],
        "BENCH_LEASE_SECONDS": str(FUNCTION_SECONDS),
    }  # fmt: skip
    made = lambda_.create_function(
        FunctionName=NAME,
        Runtime=f"python{sys.version_info.major}.{sys.version_info.minor}",
        Role=_ROLE,
        Handler="stepwell.bench.flexibility.worker.handle",
        Code={"ZipFile": _archive()},
        Timeout=FUNCTION_SECONDS,
        MemorySize=512,
        Environment={"Variables": variables},
    )
    lambda_.get_waiter("function_active_v2").wait(FunctionName=NAME, WaiterConfig={"Delay": 1})
    return str(made["FunctionArn"])


def _create_machines(sfn: Any, function: str) -> dict[tuple[str, str], str]:
    return {
        (strategy, version): str(
            sfn.create_state_machine(
                name=f"{strategy}-{version}", definition=json.dumps(definition), roleArn=_ROLE
            )["stateMachineArn"]
        )
        for strategy in changes.WAYS
        for version in (changes.ORDER, *changes.CHANGES)
        if (definition := changes.definition(strategy, version, function))
    }  # fmt: skip


def _archive() -> bytes:
    """The benchmark's worker, with the flows and the new steps where it looks for steps."""
    here = Path(__file__).parent
    places = {path: Path("flexibility", path.relative_to(here)) for path in here.glob("flows/*.py")}
    places |= {here / name: Path("flexibility", name) for name in ("__init__.py", "worker.py")}
    places |= {path: Path("worker", "workloads", path.name) for path in here.glob("order_*.py")}
    buffer = io.BytesIO(archive({}))
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as opened:
        for path, place in places.items():
            opened.write(path, Path("stepwell", "bench", place))
    return buffer.getvalue()
