"""What a run needs on its back ends, under names of its own: a table, two functions and the state machines."""

import io
import json
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from stepwell.bench import machines
from stepwell.bench.backends import ACCOUNT, BackEnds

FUNCTION_SECONDS = 3
"""The functions' time limit, and with it the life of a claim on a request."""

_REGION = "us-east-1"
_ROLE = f"arn:aws:iam::{ACCOUNT}:role/bench"
_CONNECTIONS = 64

_WARM_UPS = 3
"""Tries for a worker: when many start at once on a busy machine, one can run into the limit on initialization."""

_PACKED = ("__init__", "call", "faults", "gateway", "recorder", "worker")
_PACKED_FOLDERS = ("strategies", "workloads")


@dataclass(frozen=True, slots=True)
class Deployment:
    """Clients of the endpoints and the names of what this run made there."""

    lambda_: Any
    sfn: Any
    dynamodb: Any
    table: str
    functions: dict[str, str]
    machines: dict[str, str]


def deploy(run: str, back_ends: BackEnds, ops: Path) -> Deployment:
    """Makes all of it. `ops` is the folder in which the workers, who may be another user, write their histories."""
    dynamodb = _client("dynamodb", back_ends.dynamodb_url)
    lambda_ = _client("lambda", back_ends.stepwell_url)
    sfn = _client("stepfunctions", back_ends.stepwell_url)
    table = f"bench-{run}"
    _create_table(dynamodb, table)
    variables = {"BENCH_TABLE": table, "BENCH_SINK": back_ends.sink_address, "BENCH_OPS": str(ops)}
    functions = {name: _create_function(lambda_, run, name, variables) for name in ("count", "charge")}
    for arn in functions.values():
        lambda_.get_waiter("function_active_v2").wait(FunctionName=arn, WaiterConfig={"Delay": 1})
    definitions = {
        "count": machines.count_machine(functions["count"]),
        "charge": machines.charge_machine(functions["charge"], keyed=False),
        "charge-keyed": machines.charge_machine(functions["charge"], keyed=True),
        "start": machines.start_machine(),
    }
    arns = {name: _create_machine(sfn, f"{name}-{run}", definition) for name, definition in definitions.items()}
    return Deployment(lambda_, sfn, dynamodb, table, functions, arns)


def create_counter(deployment: Deployment, name: str) -> None:
    """A record with the value 0."""
    item = {"id": {"S": name}, "value": {"N": "0"}, "version": {"N": "0"}}
    deployment.dynamodb.put_item(TableName=deployment.table, Item=item)


def read_counter(deployment: Deployment, name: str) -> int:
    """The value that the record has now."""
    key = {"id": {"S": name}}
    found = deployment.dynamodb.get_item(TableName=deployment.table, Key=key, ConsistentRead=True)
    return int(found["Item"]["value"]["N"])


def warm_up(deployment: Deployment, function: str, run: str, counter: str, workers: int) -> None:
    """Starts so many workers of a function, so that the load that follows meets warm ones.

    Raises `RuntimeError` when the function does not run.
    """

    def invoke(number: int) -> None:
        event = {"run": run, "strategy": "blind", "request": f"{run}-{number}", "seed": 0, "counter": counter}
        for attempt in range(1, _WARM_UPS + 1):
            payload = json.dumps(event | {"attempt": attempt})
            reply = deployment.lambda_.invoke(FunctionName=deployment.functions[function], Payload=payload)
            if "FunctionError" not in reply:
                return
        raise RuntimeError(f"the function {function} does not run: {reply['Payload'].read().decode()}")

    with ThreadPoolExecutor(workers) as pool:
        for done in [pool.submit(invoke, number) for number in range(workers)]:
            done.result()


def archive() -> bytes:
    """The functions' code: these modules under their own names, in a `stepwell` that has nothing else."""
    here = Path(__file__).parent
    paths = [here / f"{name}.py" for name in _PACKED]
    paths += [path for folder in _PACKED_FOLDERS for path in sorted((here / folder).glob("*.py"))]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("stepwell/__init__.py", "")
        for path in paths:
            opened.write(path, Path("stepwell", "bench", path.relative_to(here)))
    return buffer.getvalue()


def _client(service: str, url: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=_REGION,
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="bench",
        # One call is one request: a delivery that the client repeats by itself would not be in the history.
        config=Config(max_pool_connections=_CONNECTIONS, retries={"total_max_attempts": 1}, read_timeout=30),
    )


def _create_table(dynamodb: Any, name: str) -> None:
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


def _create_function(lambda_: Any, run: str, name: str, variables: dict[str, str]) -> str:
    made = lambda_.create_function(
        FunctionName=f"bench-{name}-{run}",
        Runtime=f"python{sys.version_info.major}.{sys.version_info.minor}",
        Role=_ROLE,
        Handler=f"stepwell.bench.worker.{name}",
        Code={"ZipFile": archive()},
        Timeout=FUNCTION_SECONDS,
        MemorySize=512,
        Environment={"Variables": variables},
    )
    return str(made["FunctionArn"])


def _create_machine(sfn: Any, name: str, definition: machines.Definition) -> str:
    made = sfn.create_state_machine(name=f"bench-{name}", definition=json.dumps(definition), roleArn=_ROLE)
    return str(made["stateMachineArn"])
