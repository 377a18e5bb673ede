"""Back ends as child processes on loopback: started, waited for, killed and started again, stopped in the end."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

START_SECONDS = 20.0
USER = "CHILD_USER"
"""The variable that says as whom a program is to run, uid:gid, where that is somebody else."""

_STOP_SECONDS = 5.0
_POLL_SECONDS = 0.02


class BackEndFailed(Exception):
    """A back end did not start, or ended while it was needed."""


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nothing listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def answers_http(url: str) -> Callable[[], bool]:
    """Whether a GET of this is answered with 200."""

    def ready() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=1) as reply:
                return bool(reply.status == 200)
        except OSError:
            return False

    return ready


def listens(port: int) -> Callable[[], bool]:
    """Whether something on loopback takes connections there."""

    def ready() -> bool:
        try:
            with socket.create_connection(("127.0.0.1", port), 1):
                return True
        except OSError:
            return False

    return ready


def module(name: str, *arguments: str) -> tuple[str, ...]:
    """The command that runs a Python module which ends when this process does, however that ended."""
    return (sys.executable, "-P", "-m", "stepwell.processes.child", name, *arguments)


def program(*command: str) -> tuple[str, ...]:
    """The command that runs a program of another kind, with the same end."""
    return module("-", *command)


@dataclass(slots=True)
class Child:
    """One process. `ready` says whether it answers; its output goes to a log in `work`, where it also runs."""

    name: str
    work: Path
    command: Sequence[str]
    ready: Callable[[], bool]
    extra: Mapping[str, str] = field(default_factory=dict)
    _process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Starts it; `wait` waits until it answers."""
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                list(self.command), stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT, cwd=self.work,
                env={**environment(self.work), **self.extra},
                process_group=0,  # Ctrl-C is for their parent, which stops them in order.
            )  # fmt: skip

    def wait(self, deadline: float) -> None:
        """Until it answers; `deadline` is on the monotonic clock. Raises `BackEndFailed`."""
        assert self._process is not None
        while not self.ready():
            if self._process.poll() is not None:
                raise BackEndFailed(f"{self.name} ended with code {self._process.returncode}: {self._last_words()}")
            if time.monotonic() > deadline:
                raise BackEndFailed(f"{self.name} did not answer within {START_SECONDS:g} s: {self._last_words()}")
            time.sleep(_POLL_SECONDS)

    def kill(self) -> float:
        """Ends it by SIGKILL, as a node that fails; gives the time at which it was done, in epoch seconds."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        killed_at = time.time()
        self._ended()
        return killed_at

    def restart(self) -> None:
        """Starts it again, on the same files and port, and waits until it answers. Raises `BackEndFailed`."""
        self.start()
        self.wait(time.monotonic() + START_SECONDS)

    def stop(self) -> None:
        """Ends it in order, and by force if that takes too long."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._ended()

    def _ended(self) -> None:
        assert self._process is not None
        self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()

    @property
    def _log(self) -> Path:
        return self.work / f"{self.name}.log"

    def _last_words(self) -> str:
        return " / ".join(self._log.read_text("utf-8", "replace").splitlines()[-3:]) or "it said nothing"


def environment(work: Path) -> dict[str, str]:
    """Only what a Python program needs: no credentials, profiles or endpoints of whoever started the parent."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "VIRTUAL_ENV") if name in os.environ}
    # Absolute, because children do not run where we do.
    path = os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path if entry)
    return kept | {"PYTHONPATH": path, "HOME": str(work), "TMPDIR": str(work)}
