"""The handler that stands before a person's: it starts the tape, and then calls theirs.

The environment has BENCH_HANDLER (theirs), BENCH_OPS (a folder that workers may write to), BENCH_SINK and
BENCH_OUTSIDE (host:port), and BENCH_REDIS_URL where the project uses Redis.

Which request an invocation is for stands in its event, as the token that `identity.token` makes. The fault that is to
strike is in a file of the request and function in BENCH_OPS/faults, and who removes it has it: so it strikes once.
"""

import json
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from stepwell.bench.own.identity import request_in, run_of
from stepwell.bench.own.tape import Tape, hidden, keep_inside, watch_httpx
from stepwell.bench.worker.faults import Injection
from stepwell.bench.worker.gateway import Gateway

FAULTS, ATTEMPTS, TABLES = "faults", "attempts", "tables.json"

_STAND_INS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL")
"""What Stepwell gives its functions, and what would come before the profile of whoever asked for AWS itself."""

_ops = Path(os.environ.get("BENCH_OPS", "."))


def fault_file(ops: Path, request: str, function: str) -> Path:
    """Where the fault for this function's first invocation in a request is."""
    return ops / FAULTS / f"{request}@{function}"


class Hook:
    """The tape of this worker, and the handler it calls."""

    def __init__(self) -> None:
        if "BENCH_REAL_AWS" in os.environ:
            for name in _STAND_INS:
                os.environ.pop(name, None)
        self._tape = Tape(_ops, _ops / TABLES)
        self._gateway = Gateway(os.environ["BENCH_SINK"])
        host, _, port = os.environ["BENCH_OUTSIDE"].partition(":")
        self._tape.watch_aws()
        self._tape.watch_http((host, int(port)))
        if url := os.environ.get("BENCH_REDIS_URL"):
            self._tape.watch_redis(url)
        keep_inside()
        module, _, name = os.environ["BENCH_HANDLER"].rpartition(".")
        self._handler = getattr(import_module(module.replace("/", ".")), name)
        watch_httpx()

    def __call__(self, event: Any, context: Any) -> Any:
        request = request_in(json.dumps(event, default=str))
        who = {"run": run_of(request), "request": request, "step": self._tape.function}
        with hidden():
            who["attempt"] = _attempt(f"{request}@{self._tape.function}")  # type: ignore[assignment]
            fault = _taken(fault_file(_ops, request, self._tape.function)) if request else None
        injected = {**who, "attempt": 1, "fault": fault}
        self._tape.enter(who, Injection(injected, self._gateway, self._tape.worker))
        return self._handler(event, context)


def _attempt(name: str) -> int:
    """How often this function was invoked for this request, with this time."""
    file = os.open(_ops / ATTEMPTS / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        os.write(file, b".")
        return os.fstat(file).st_size
    finally:
        os.close(file)


def _taken(path: Path) -> Any:
    try:
        fault = json.loads(path.read_bytes())
        path.unlink()
    except FileNotFoundError:
        return None
    return fault


if "BENCH_HANDLER" in os.environ and "LAMBDA_TASK_ROOT" in os.environ:
    sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])
    handler = Hook()
