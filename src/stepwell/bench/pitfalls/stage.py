"""Where pairs are measured: the benchmark's back ends, DynamoDB's limits before its emulator, and the pairs' function.

Both variants of a pair run in the same worker processes, one after the other, unless a pair asks for fresh ones.
"""

import base64
import io
import itertools
import json
import re
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis import Redis

from stepwell.bench.history import ACKNOWLEDGE, Effect, Fired, Op, Status, read_ops, read_rows
from stepwell.bench.load.deploy import archive
from stepwell.bench.parts.aws import REGION, client
from stepwell.bench.parts.backends import ACCOUNT, REDIS, BackEnds, back_ends
from stepwell.bench.parts.dynamodb_layer.layer import CONTROL_PATH, LayerControl
from stepwell.bench.parts.sink import EFFECTS, FIRED
from stepwell.processes.children import START_SECONDS, Child, answers_http, free_ports, module

CLIENTS = 8
"""At once, and with it how many workers the function has."""

FUNCTION_SECONDS = 3
"""The function's time limit, and with it what a claim lives when it lives as long as its owner can."""

TABLE, LOG, JOBS = "pitfalls", "pitfalls-log", "pitfalls-jobs"

_REGION = "us-east-1"
_ROLE = f"arn:aws:iam::{ACCOUNT}:role/bench"
_CONNECTIONS = 32
_POLL_SECONDS = 0.1
_AGAIN_SECONDS = 0.3
_PAGE = 1000
_RUNNING, _SUCCEEDED = "RUNNING", "SUCCEEDED"
_REPORT = re.compile(r"^REPORT .*?\tDuration: ([\d.]+) ms.*", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Reply:
    """What an invocation gave. `whole_seconds` are its caller's, `handler_milliseconds` those that Lambda reports."""

    ok: bool
    answer: Any
    cold: bool
    handler_milliseconds: float
    whole_seconds: float


@dataclass(frozen=True, slots=True)
class Executed:
    """One execution that succeeded, or that nobody waits for any more: it is stuck then, and `op` says so."""

    op: Op
    output: Any
    events: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Stage:
    """Clients of what runs. `ops` is where the workers write their histories."""

    ops: Path
    back_ends: BackEnds
    layer: LayerControl
    layer_url: str
    lambda_: Any
    sfn: Any
    sqs: Any
    dynamodb: Any
    redis: Any
    jobs_url: str

    def make_function(self, name: str) -> str:
        """The ARN of a function of that name with no worker yet."""
        names = {"log": LOG, "jobs": self.jobs_url, "redis": f"127.0.0.1:{self.back_ends.redis_port}"}
        variables = {
            "BENCH_TABLE": TABLE, "BENCH_SINK": self.back_ends.sink_address, "BENCH_OPS": str(self.ops),
            "BENCH_NAMES": json.dumps(names), "BENCH_REDIS": self.back_ends.proxied[REDIS],
            "AWS_ENDPOINT_URL": self.layer_url,
        }  # fmt: skip
        made = self.lambda_.create_function(
            FunctionName=name,
            Runtime=f"python{sys.version_info.major}.{sys.version_info.minor}",
            Role=_ROLE,
            Handler="stepwell.bench.pitfalls.worker.handle",
            Code={"ZipFile": _archive()},
            Timeout=FUNCTION_SECONDS,
            MemorySize=512,
            Environment={"Variables": variables},
        )
        self.lambda_.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
        return str(made["FunctionArn"])

    @property
    def function(self) -> str:
        """The ARN of the function that all pairs share."""
        return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{TABLE}"

    def invoke(self, event: Mapping[str, Any], function: str | None = None) -> Reply:
        """One invocation; what it raised is its answer."""
        name, begun = function or self.function, time.monotonic()
        reply = self.lambda_.invoke(FunctionName=name, Payload=json.dumps(event), LogType="Tail")
        whole_seconds = time.monotonic() - begun
        report = _REPORT.search(base64.b64decode(reply["LogResult"]).decode())
        return Reply(
            ok="FunctionError" not in reply, answer=json.loads(reply["Payload"].read()),
            cold=bool(report and "Init Duration" in report[0]),
            handler_milliseconds=float(report[1]) if report else 0.0, whole_seconds=whole_seconds,
        )  # fmt: skip

    def invoke_all(
        self, events: Iterable[Mapping[str, Any]], clients: int = CLIENTS, function: str | None = None
    ) -> list[Reply]:
        """All of them, by so many clients at once, in the order of the events."""
        return self.at_once(lambda event: self.invoke(event, function), events, clients)

    def at_once(self, perform: Callable[[Any], Any], works: Iterable[Any], clients: int = CLIENTS) -> list[Any]:
        """What each came to, in the order of the works, of which so many are under way at once."""
        with ThreadPoolExecutor(clients) as pool:
            return list(pool.map(perform, works))

    def deliver(self, event: Mapping[str, Any], patience_seconds: float) -> Op:
        """Invokes again after each error, as an asynchronous event source does, until it is done or patience ends.

        Patience begins with the first answer, so that it measures claims and not how long a worker takes to start.
        """
        begun, first_answered = time.time(), float("inf")
        for attempt in itertools.count(1):
            tried = time.time()
            if self.invoke({**event, "attempt": attempt}).ok:
                return acknowledgement(event["run"], event["request"], begun, "ok")
            first_answered = min(first_answered, time.time())
            if tried > first_answered + patience_seconds:
                break
            time.sleep(_AGAIN_SECONDS)
        return acknowledgement(event["run"], event["request"], begun, None)

    def execute(
        self, run: str, definition: Mapping[str, Any], inputs: Mapping[str, Any], patience_seconds: float
    ) -> list[Executed]:
        """One execution for each request, all at once. Those that nobody waits for any more are stopped.

        Raises `RuntimeError` when one fails, which no variant should make it do.
        """
        made = self.sfn.create_state_machine(name=run, definition=json.dumps(definition), roleArn=_ROLE)
        machine, begun = made["stateMachineArn"], time.time()
        arns = {
            request: self.sfn.start_execution(stateMachineArn=machine, name=request, input=json.dumps(input))
            for request, input in inputs.items()
        }
        deadline = begun + patience_seconds
        return [self._await(run, request, each["executionArn"], begun, deadline) for request, each in arns.items()]

    def _await(self, run: str, request: str, arn: str, begun: float, deadline: float) -> Executed:
        while (found := self.sfn.describe_execution(executionArn=arn))["status"] == _RUNNING:
            if time.time() > deadline:
                break
            time.sleep(_POLL_SECONDS)
        pages = self.sfn.get_paginator("get_execution_history").paginate(
            executionArn=arn, includeExecutionData=False, PaginationConfig={"PageSize": _PAGE}
        )
        events = tuple(event for page in pages for event in page["events"])
        if found["status"] == _RUNNING:
            self.sfn.stop_execution(executionArn=arn, error="Stuck", cause="nobody waits for it any more")
            return Executed(acknowledgement(run, request, begun, None), None, events)
        if found["status"] != _SUCCEEDED:
            raise RuntimeError(f"{request} {found['status']}: {found.get('error')}: {found.get('cause')}")
        return Executed(acknowledgement(run, request, begun, "ok"), json.loads(found["output"]), events)

    def history(self, run: str) -> list[Op]:
        """What the workers recorded of a run."""
        return [op for op in read_ops(self.ops.glob("*.jsonl")) if op.run == run]

    def effects(self, run: str) -> list[Effect]:
        """What a run has done to the outside world."""
        return [effect for effect in read_rows(self.ops.parent / EFFECTS, Effect) if effect.run == run]

    def fired(self, run: str) -> list[Fired]:
        """The faults that struck in it."""
        return [fired for fired in read_rows(self.ops.parent / FIRED, Fired) if fired.run == run]

    def redis_counts(self, *names: str) -> tuple[int, ...]:
        """What Valkey has counted since its start; asking is a command and some bytes more."""
        found = self.redis.info("stats")
        return tuple(int(found[name]) for name in names)

    @contextmanager
    def jobs_done(self, seconds: float, finish: Callable[[Mapping[str, Any]], None], workers: int) -> Iterator[None]:
        """An outside system that takes jobs from the queue, is at each for so long, and then calls `finish` with it."""
        closed = threading.Event()

        def serve() -> None:
            while not closed.is_set():
                received = self.sqs.receive_message(QueueUrl=self.jobs_url, MaxNumberOfMessages=1, WaitTimeSeconds=1)
                for message in received.get("Messages", ()):
                    time.sleep(seconds)
                    finish(json.loads(message["Body"]))
                    self.sqs.delete_message(QueueUrl=self.jobs_url, ReceiptHandle=message["ReceiptHandle"])

        with ThreadPoolExecutor(workers) as pool:
            serving = [pool.submit(serve) for _ in range(workers)]
            try:
                yield
            finally:
                closed.set()
        for each in serving:
            each.result()


def event(pitfall: str, variant: str, function: str, number: int, **more: Any) -> dict[str, Any]:
    """What the worker is to do as request `number` of a variant: which function of the pair's module, with what."""
    run = f"{pitfall}-{variant}".replace("_", "-")
    return {
        "pitfall": pitfall, "function": function, "run": run, "request": f"{run}-{number}", "attempt": 1, **more,
    }  # fmt: skip


def acknowledgement(run: str, request: str, begun: float, status: Status | None) -> Op:
    """A request as its client saw it; without a status it never ended."""
    return Op(
        id=f"{request}/{ACKNOWLEDGE}", run=run, request=request, attempt=1, worker="client", key=request,
        kind=ACKNOWLEDGE, intended_at=begun, invoked_at=begun, returned_at=time.time() if status else None,
        status=status or "info",
    )  # fmt: skip


@contextmanager
def stage(ops: Path) -> Iterator[Stage]:
    """All of it, running, with warm workers of the shared function; data and logs go into the folder around `ops`.

    Raises `BackEndFailed`.
    """
    work = ops.parent
    with back_ends(work) as running, _layer(work, running.aws_url) as url:
        dynamodb, sqs = (client(service, running.aws_url) for service in ("dynamodb", "sqs"))
        _create_table(dynamodb, TABLE, "id")
        _create_table(dynamodb, LOG, "day", "id")
        made = Stage(
            ops=ops, back_ends=running, layer=LayerControl(url), layer_url=url,
            lambda_=client("lambda", running.stepwell_url), sfn=client("stepfunctions", running.stepwell_url),
            sqs=sqs, dynamodb=dynamodb, redis=Redis("127.0.0.1", running.redis_port),
            jobs_url=sqs.create_queue(QueueName=JOBS)["QueueUrl"],
        )  # fmt: skip
        made.make_function(TABLE)
        _warm_up(made)
        yield made


def _warm_up(stage: Stage) -> None:
    for reply in stage.invoke_all(
        event("cold_start", "warm-up", "fixed_handler", n, ping=True) for n in range(CLIENTS)
    ):
        if not reply.ok:
            raise RuntimeError(f"the function does not run: {reply.answer}")


@contextmanager
def _layer(work: Path, aws_url: str) -> Iterator[str]:
    [port] = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    command = module("stepwell.bench.parts.dynamodb_layer", str(port), aws_url)
    child = Child("limits", work, command, answers_http(f"{url}{CONTROL_PATH}health"))
    try:
        child.start()
        child.wait(time.monotonic() + START_SECONDS)
        yield url
    finally:
        child.stop()


def _archive() -> bytes:
    """The benchmark's worker with the pairs beside it."""
    here = Path(__file__).parent
    buffer = io.BytesIO(archive({}))
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as opened:
        for path in sorted(here.glob("*.py")):
            opened.write(path, Path("stepwell", "bench", "pitfalls", path.name))
    return buffer.getvalue()


def _create_table(dynamodb: Any, name: str, *keys: str) -> None:
    roles = dict(zip(keys, ("HASH", "RANGE"), strict=False))
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": key, "KeyType": role} for key, role in roles.items()],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
        BillingMode="PAY_PER_REQUEST",
    )
