"""Server processes that the tests start, kill and look for orphans of."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

SCRIPT = Path(__file__).with_name("crash_server.py")
START_SECONDS = 60.0


@contextmanager
def shared_folder() -> Iterator[Path]:
    """A folder that a function's unprivileged worker can reach too, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="stepwell-test-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class ServerProcess:
    """`crash_server.py` on a folder; it serves when this returns, unless it has killed itself before."""

    def __init__(self, folder: Path, port: int, fate: tuple[str, int] | None = None) -> None:
        arguments = [str(port), str(folder), *map(str, fate or ())]
        self.port = port
        with (folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(SCRIPT), *arguments], stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        if not self.url and self.process.wait(START_SECONDS) != -signal.SIGKILL:
            raise AssertionError((folder / "server.log").read_text())

    @property
    def killed_itself(self) -> bool:
        return self.process.poll() == -signal.SIGKILL

    def kill(self) -> None:
        self.process.kill()
        self._wait()

    def stop(self) -> int:
        """End it as Ctrl-C does; its exit code."""
        self.process.terminate()
        return self._wait()

    def _wait(self) -> int:
        assert self.process.stdout is not None
        self.process.stdout.close()
        return self.process.wait(START_SECONDS)


def client(service: str, url: str, key: str = "x") -> Any:
    """An unmodified boto3 client, which tries nothing again: the tests do."""
    return boto3.client(
        service, endpoint_url=url, region_name="us-east-1", aws_access_key_id=key, aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}, read_timeout=70, connect_timeout=10, inject_host_prefix=False),
    )  # fmt: skip


def processes_of(folder: Path) -> list[int]:
    """Processes that were started for this folder. Linux only; elsewhere nothing is found."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if os.fsencode(str(folder)) in entry.read_bytes():
                found.append(int(entry.parent.name))
        except OSError:
            pass  # It has ended meanwhile.
    return found


def wait_for_no_process_of(folder: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while processes_of(folder):
        assert time.monotonic() < deadline, f"orphans: {processes_of(folder)}"
        time.sleep(0.05)
