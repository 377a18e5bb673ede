"""ministack: other services of AWS on loopback, in memory, as a child process."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from stepwell.processes.children import Child, answers_http, module

MODULE = "ministack"


def is_installed() -> bool:
    return find_spec(MODULE) is not None


def emulator(name: str, work: Path, port: int, options: Mapping[str, str]) -> Child:
    """The process, not started yet. It logs into `work`; `options` are variables of ministack's."""
    settings = {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "LOG_LEVEL": "WARNING",
        # At its start it removes containers that it takes for its own, and has no business with any here.
        "DOCKER_HOST": "unix:///nonexistent",
    }
    ready = answers_http(f"http://127.0.0.1:{port}/_ministack/health")
    return Child(name, work, module(MODULE), ready, {**settings, **options})
