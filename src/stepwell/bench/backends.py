"""The real parts: Stepwell, a DynamoDB and the effect sink as child processes on loopback, started and stopped here."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from stepwell import __version__

ACCOUNT = "123456789012"
"""Endpoints and emulators take it from an access key of twelve digits, which is what the functions have as well."""

START_SECONDS = 20.0
_STOP_SECONDS = 5.0
_POLL_SECONDS = 0.05

_SWITCH_SECONDS = "0.00005"
"""Python's default gives a thread 5 ms, in which a check and the write after it are all but always done together. With
a hundredth of that, an emulator that lacks a lock shows it."""


class BackEndFailed(Exception):
    """A back end did not start, or ended while it was needed."""


@dataclass(frozen=True, slots=True)
class BackEnds:
    """Where they listen, and what they are: name to version."""

    stepwell_url: str
    dynamodb_url: str
    sink_address: str
    versions: dict[str, str]


@contextmanager
def back_ends(work: Path) -> Iterator[BackEnds]:
    """All three, answering; with their data and logs in `work`, which anyone may pass through. Raises BackEndFailed."""
    stepwell, dynamodb, sink = _free_ports(3)
    dynamodb_url = f"http://127.0.0.1:{dynamodb}"
    with ExitStack() as stack:
        children = [
            stack.enter_context(_child("sink", work, ["stepwell.bench.sink", str(work), str(sink)], f"{sink}/")),
            stack.enter_context(
                _child("dynamodb", work, ["ministack"], f"{dynamodb}/_ministack/health", _emulator(dynamodb))
            ),
            stack.enter_context(
                _child("stepwell", work, _stepwell(work, stepwell, dynamodb_url), f"{stepwell}/_stepwell/health")
            ),
        ]
        deadline = time.monotonic() + START_SECONDS
        for child in children:
            child.wait_until_ready(deadline)
        yield BackEnds(
            stepwell_url=f"http://127.0.0.1:{stepwell}",
            dynamodb_url=dynamodb_url,
            sink_address=f"127.0.0.1:{sink}",
            versions={"stepwell": __version__, "ministack": version("ministack"), "boto3": version("boto3")},
        )


def _stepwell(work: Path, port: int, dynamodb_url: str) -> list[str]:
    store = f"sqlite:///{work / 'stepwell.sqlite'}"
    options = {"--port": str(port), "--store": store, "--data-dir": str(work / "functions"), "--limits": "aws"}
    return ["stepwell", "serve", *_flat(options), "--aws-endpoint", dynamodb_url]


def _flat(options: dict[str, str]) -> Iterator[str]:
    for name, value in options.items():
        yield from (name, value)


def _emulator(port: int) -> dict[str, str]:
    return {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "SERVICES": "dynamodb",
        "LOG_LEVEL": "WARNING",
        # At its start it removes containers that it takes for its own, and the benchmark has no business with any.
        "DOCKER_HOST": "unix:///nonexistent",
        "BENCH_SWITCH_SECONDS": _SWITCH_SECONDS,
    }


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@dataclass(frozen=True, slots=True)
class _Child:
    name: str
    process: "subprocess.Popen[bytes]"
    health_url: str
    log: Path

    def wait_until_ready(self, deadline: float) -> None:
        while not self._answers():
            if self.process.poll() is not None:
                raise BackEndFailed(f"{self.name} ended with code {self.process.returncode}: {self._last_words()}")
            if time.monotonic() > deadline:
                raise BackEndFailed(f"{self.name} did not answer within {START_SECONDS:g} s: {self._last_words()}")
            time.sleep(_POLL_SECONDS)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.health_url, timeout=1) as reply:
                return bool(reply.status == 200)
        except OSError:
            return False

    def _last_words(self) -> str:
        return " / ".join(self.log.read_text("utf-8", "replace").splitlines()[-3:]) or "it said nothing"


@contextmanager
def _child(
    name: str, work: Path, arguments: Sequence[str], health: str, extra: dict[str, str] | None = None
) -> Iterator[_Child]:
    log = work / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "stepwell.bench.child", *arguments],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=work,
            env=_environment(work) | (extra or {}),
            process_group=0,  # Ctrl-C is for the benchmark, which stops them in order.
        )
    try:
        yield _Child(name, process, f"http://127.0.0.1:{health}", log)
    finally:
        _stop(process)


def _environment(work: Path) -> dict[str, str]:
    """Only what a Python program needs: no credentials, profiles or endpoints of whoever runs the benchmark."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "VIRTUAL_ENV") if name in os.environ}
    # Absolute, because children do not run where we do.
    path = os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path if entry)
    return kept | {"PYTHONPATH": path, "HOME": str(work), "TMPDIR": str(work)}


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdin:
        process.stdin.close()
