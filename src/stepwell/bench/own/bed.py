"""Where a person's project runs: the back ends, its own tables and queues in them, and its functions under the hook.

The project is deployed by `stepwell deploy`, as its owner would, from a copy in which each function's handler is the
hook. Its DynamoDB tables, queues, buckets and topics are made in the emulator under the names that Stepwell gives them.
Where real services are used, nothing is made, emptied or read there: they have to be in place.
"""

import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from stepwell.bench.own.hook import ATTEMPTS, FAULTS, TABLES
from stepwell.bench.own.snapshot import Snapshot, snapshot
from stepwell.bench.own.state import State
from stepwell.bench.own.template import FUNCTIONS, MACHINES, Members, Project, UnusableProject
from stepwell.bench.parts.aws import client
from stepwell.bench.parts.backends import ACCOUNT, REDIS, BackEnds, back_ends
from stepwell.bench.parts.workplace import OPS
from stepwell.processes.children import START_SECONDS, Child, answers_http, environment, free_ports, module

OUTSIDE = "outside"

_HOOK, _NAMES = "BenchHook", "BenchNames"
_HOOKED = "stepwell.bench.own.hook.handler"
_SHIPPED = (
    "__init__", "worker/__init__", "worker/faults", "worker/gateway", "worker/recorder", "own/identity", "own/tape",
    "own/hook",
)  # fmt: skip
_REGION = "us-east-1"
_DEPLOY_SECONDS = 300
_TABLES = ("AWS::DynamoDB::Table", "AWS::Serverless::SimpleTable")
_TABLE_SETTINGS = ("KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes", "LocalSecondaryIndexes")
_QUEUE, _BUCKET, _TOPIC = "AWS::SQS::Queue", "AWS::S3::Bucket", "AWS::SNS::Topic"
_QUEUE_SETTINGS = ("FifoQueue", "ContentBasedDeduplication", "VisibilityTimeout", "MessageRetentionPeriod")
_KEPT_LINES = 15


@dataclass(frozen=True, slots=True)
class Real:
    """Real services instead of the local ones: an endpoint for AWS, a URL for Redis, or AWS itself by a profile."""

    endpoint_url: str | None = None
    redis_url: str | None = None
    aws: bool = False

    @property
    def aws_is_real(self) -> bool:
        return self.aws or self.endpoint_url is not None


@dataclass(slots=True)
class Bed:
    """Running back ends, and what is deployed on them. `names` are those of Stepwell, by logical id."""

    running: BackEnds
    outside_port: int
    work: Path
    ops: Path
    state: State
    seed: Mapping[str, list[Members]]
    real: Real
    names: dict[str, str] = field(default_factory=dict)
    lambda_: Any = field(init=False)
    sfn: Any = field(init=False)
    _aws: dict[str, Any] = field(init=False)
    _tables: dict[str, Members] = field(default_factory=dict)
    _buckets: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lambda_ = client("lambda", self.running.stepwell_url)
        self.sfn = client("stepfunctions", self.running.stepwell_url)
        self._aws = {name: client(name, self.running.aws_url) for name in ("dynamodb", "sqs", "s3", "sns")}

    @property
    def observed(self) -> bool:
        """Whether the state can be emptied and read: it is all on this machine."""
        return not self.real.aws_is_real and self.real.redis_url is None

    def deploy(self, project: Project, name: str) -> None:
        """Puts a project in the place of the one before it. Raises `UnusableProject`."""
        # Always of one name: the stack has it, and tables may be called after that.
        staged = self._staged(project, self.work / "staged" / name / "project")
        _deployed(staged, self.running.stepwell_url, self.state.parameters, self.work)
        self.names = self._resolved()
        self._tables = {self.names[each]: _table_settings(each, project) for each in project.of_type(*_TABLES)}
        keys = {name: [each["AttributeName"] for each in table["KeySchema"]] for name, table in self._tables.items()}
        (self.ops / TABLES).write_text(json.dumps(keys), "utf-8")
        if not self.real.aws_is_real:
            try:
                self._make_resources(project)
                self.empty()
            except (BotoCoreError, ClientError, ResponseParserError) as error:
                raise UnusableProject(f"a table, queue, bucket or topic cannot be made here: {error}") from None

    def empty(self) -> None:
        """Puts the stores back to what they hold before a cell."""
        if not self.real.aws_is_real:
            self._empty_aws()
            self._sow()
        if self.real.redis_url is None:
            self._redis().flushall()

    def _empty_aws(self) -> None:
        dynamodb, s3 = self._aws["dynamodb"], self._aws["s3"]
        for table, settings in self._tables.items():
            try:
                dynamodb.delete_table(TableName=table)
            except dynamodb.exceptions.ResourceNotFoundException:
                pass
            dynamodb.create_table(TableName=table, **settings)
        for bucket in self._buckets:
            for item in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
                s3.delete_object(Bucket=bucket, Key=item["Key"])

    def snapshot(self) -> Snapshot:
        """All that the stores hold."""
        return snapshot(self._aws["dynamodb"], list(self._tables), self._aws["s3"], self._buckets, self._redis())

    def _redis(self) -> Any:
        from redis import Redis

        return Redis(port=self.running.redis_port, protocol=2)

    def _sow(self) -> None:
        for name, items in self.seed.items():
            table = self.names.get(name, name)
            if table not in self._tables:
                raise UnusableProject(f"seed.json has items for {name}; the template's tables are {list(self._tables)}")
            for item in items:
                self._aws["dynamodb"].put_item(TableName=table, Item=_attributes(item))

    def _staged(self, project: Project, folder: Path) -> Project:
        """A copy in which every function runs under the hook."""
        staged = project.copy_to(folder)
        resources = staged.members["Resources"]
        self._ship(folder / "bench_hook.zip")
        resources[_HOOK] = {"Type": "AWS::Lambda::LayerVersion", "Properties": {"Content": "bench_hook.zip"}}
        variables = self._variables(project)
        for name in project.of_type(*FUNCTIONS):
            handler = staged.setting(name, "Handler")
            if not isinstance(handler, str):
                raise UnusableProject(f"{name}: its Handler is no plain text; write it as module.function")
            properties = resources[name].setdefault("Properties", {})
            own = properties.setdefault("Environment", {}).setdefault("Variables", {})
            own |= {**variables, "BENCH_HANDLER": handler}
            layers = properties.get("Layers") or []
            if not isinstance(layers, list):
                raise UnusableProject(f"{name}: its Layers are no list; write them as one")
            properties |= {
                "Handler": _HOOKED, "Layers": [*layers, {"Ref": _HOOK}], "Timeout": self.state.function_seconds,
            }  # fmt: skip
        resources[_NAMES] = _names_function(project)
        staged.write()
        return staged

    def _variables(self, project: Project) -> dict[str, str]:
        variables = {
            "BENCH_OPS": str(self.ops), "BENCH_SINK": self.running.sink_address,
            "BENCH_OUTSIDE": f"127.0.0.1:{self.outside_port}",
        }  # fmt: skip
        if _mentions(project.folder, "redis"):
            variables["BENCH_REDIS_URL"] = self.real.redis_url or f"redis://{self.running.proxied[REDIS]}"
        if self.real.endpoint_url:
            variables["AWS_ENDPOINT_URL"] = self.real.endpoint_url
        if self.real.aws:
            variables |= {"BENCH_REAL_AWS": "1", **_profile()}
        return variables

    def _ship(self, archive: Path) -> None:
        """The hook and what it imports, as a layer: a `stepwell` that has nothing else."""
        here = Path(__file__).parents[1]
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
            opened.writestr("python/stepwell/__init__.py", "")
            opened.writestr("python/stepwell/bench/own/__init__.py", "")
            for name in _SHIPPED:
                opened.write(here / f"{name}.py", f"python/stepwell/bench/{name}.py")

    def _resolved(self) -> dict[str, str]:
        """What Stepwell made of the references to all resources."""
        found = self.lambda_.get_function_configuration(FunctionName=_NAMES)["Environment"]["Variables"]
        return {name.removeprefix("R_"): value for name, value in found.items()}

    def _make_resources(self, project: Project) -> None:
        for name in project.of_type(_QUEUE):
            given = project.properties(name)
            attributes = {each: _text(given[each]) for each in _QUEUE_SETTINGS if each in given}
            self._aws["sqs"].create_queue(QueueName=self.names[name].rpartition("/")[2], Attributes=attributes)
        for name in project.of_type(_BUCKET):
            if self.names[name] not in self._buckets:
                self._aws["s3"].create_bucket(Bucket=self.names[name])
                self._buckets.append(self.names[name])
        for name in project.of_type(_TOPIC):
            self._aws["sns"].create_topic(Name=self.names[name].rpartition(":")[2])


@contextmanager
def bed(work: Path, state: State, seed: Mapping[str, list[Members]], real: Real) -> Iterator[Bed]:
    """Back ends that answer, in a folder that workers may pass through. Raises `BackEndFailed`."""
    ops = work / OPS
    for folder in (ops / FAULTS, ops / ATTEMPTS):
        folder.mkdir()
        folder.chmod(0o777)
    (work / OUTSIDE).mkdir()
    answers = work / "answers.json"
    answers.write_text(json.dumps([msgspec.to_builtins(each) for each in state.answers]), "utf-8")
    (port,) = free_ports(1)
    command = module("stepwell.bench.own.outside", str(work / OUTSIDE), str(port), str(answers))
    outside = Child(OUTSIDE, work, command, answers_http(f"http://127.0.0.1:{port}/_health"))
    with back_ends(work) as running:
        try:
            outside.start()
            outside.wait(time.monotonic() + START_SECONDS)
            yield Bed(running, port, work, ops, state, seed, real)
        finally:
            outside.stop()


def _deployed(project: Project, url: str, parameters: Mapping[str, str], work: Path) -> None:
    """By the command, as its owner would."""
    options = [part for name, value in parameters.items() for part in ("--parameter", f"{name}={value}")]
    command = [sys.executable, "-P", "-m", "stepwell", "deploy", str(project.path), "--endpoint-url", url, *options]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_DEPLOY_SECONDS, check=False,
                              env=environment(work), cwd=work)  # fmt: skip
    except subprocess.TimeoutExpired:
        raise UnusableProject(f"the project was not deployed within {_DEPLOY_SECONDS} s") from None
    if done.returncode:
        said = "\n".join((done.stderr or done.stdout).splitlines()[-_KEPT_LINES:])
        raise UnusableProject(f"the project cannot be deployed:\n{said}")


def _names_function(project: Project) -> Members:
    """Never invoked: its variables show what Stepwell makes of a reference to each resource."""
    shown = project.of_type(*FUNCTIONS, *MACHINES, *_TABLES, _QUEUE, _BUCKET, _TOPIC)
    runtime = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "FunctionName": _NAMES, "Runtime": runtime, "Handler": "index.handler",
            "Role": f"arn:aws:iam::{ACCOUNT}:role/bench", "Code": {"ZipFile": "def handler(event, context): pass"},
            "Environment": {"Variables": {f"R_{name}": {"Ref": name} for name in shown}},
        },
    }  # fmt: skip


def _table_settings(name: str, project: Project) -> Members:
    properties = project.properties(name)
    if project.resources[name]["Type"] == "AWS::Serverless::SimpleTable":
        key = properties.get("PrimaryKey") or {"Name": "id", "Type": "String"}
        properties = {
            "KeySchema": [{"AttributeName": key["Name"], "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": key["Name"], "AttributeType": key["Type"][0]}],
        }
    if not isinstance(properties.get("KeySchema"), list):
        raise UnusableProject(f"{name}: a table needs a KeySchema that is written out in the template")
    kept = {each: properties[each] for each in _TABLE_SETTINGS if each in properties}
    for index in kept.get("GlobalSecondaryIndexes", []):
        index.pop("ProvisionedThroughput", None)
    return {**kept, "BillingMode": "PAY_PER_REQUEST"}


def _profile() -> dict[str, str]:
    """Where the functions find the credentials of whoever runs this: the files, never what is in them."""
    files = {"AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials", "AWS_CONFIG_FILE": "~/.aws/config"}
    found = {name: str(Path(os.environ.get(name, default)).expanduser()) for name, default in files.items()}
    if not any(Path(path).is_file() for path in found.values()):
        raise UnusableProject("--aws needs a profile in ~/.aws, which the functions then use: run `aws configure`")
    return found | {"AWS_PROFILE": os.environ.get("AWS_PROFILE", "default")}


def _mentions(folder: Path, word: str) -> bool:
    """Whether any of the project's modules speaks of it."""
    return any(word in path.read_text("utf-8", "replace") for path in folder.rglob("*.py"))


def _attributes(item: Members) -> Members:
    from decimal import Decimal

    from boto3.dynamodb.types import TypeSerializer

    exact = json.loads(json.dumps(item), parse_float=Decimal)
    return {name: TypeSerializer().serialize(value) for name, value in exact.items()}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
