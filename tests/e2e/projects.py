"""Projects that `stepwell up` serves in a process of its own, as a user starts it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from processes import START_SECONDS, client

T = TypeVar("T")

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
ARN = "arn:aws:states:us-east-1:123456789012"
FINISH_SECONDS = 60.0
_LISTENS = re.compile(r"Stepwell listens on (http://127\.0\.0\.1:\d+) ")


class Project:
    """`stepwell up` on a project, with its output in a file of `folder`, where the project may keep its data too."""

    def __init__(self, folder: Path, project: Path, *options: str, **parameters: object) -> None:
        self.folder = folder
        self.log = folder / "up.log"
        given = [argument for name, value in parameters.items() for argument in ("--parameter", f"{name}={value}")]
        command = [sys.executable, "-m", "stepwell", "up", str(project), "--port", "0", "--store", "memory:"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, *options, *given], cwd=folder, env=environment(), stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT,
            )  # fmt: skip
        poll(self.text, lambda text: "Ctrl-C stops" in text or self.process.poll() is not None)
        listens = _LISTENS.search(self.text())
        assert listens and self.process.poll() is None, self.text()
        self.url = listens[1]
        self.steps = client("stepfunctions", self.url)

    def text(self) -> str:
        return self.log.read_text()

    def start(self, machine: str, value: Any, **more: str) -> str:
        request = {"stateMachineArn": f"{ARN}:stateMachine:{machine}", "input": json.dumps(value), **more}
        return str(self.steps.start_execution(**request)["executionArn"])

    def end(self, execution: str) -> dict[str, Any]:
        """What the execution came to."""
        return ended(self.steps, execution)

    def stop(self) -> None:
        """Ends it as Ctrl-C does, and checks that it ends well."""
        self.process.send_signal(signal.SIGINT)
        try:
            assert self.process.wait(START_SECONDS) == 0, self.text()
        finally:
            self.process.kill()
        assert "Traceback" not in self.text(), self.text()


def ended(steps: Any, execution: str) -> dict[str, Any]:
    """The description of an execution that has ended."""
    described = poll(lambda: steps.describe_execution(executionArn=execution), lambda now: now["status"] != "RUNNING")
    return dict(described)


def poll(read: Callable[[], T], done: Callable[[T], object]) -> T:
    """What was read when it was done."""
    deadline = time.monotonic() + FINISH_SECONDS
    while not done(found := read()):
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
    return found


def environment(**more: str) -> dict[str, str]:
    """This process's environment without what leads a client elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "STEPWELL_"))} | more


def run_script(script: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A script of an example, as a user runs it."""
    return subprocess.run(
        [sys.executable, str(script), *arguments], env=environment(), capture_output=True, text=True, timeout=60
    )  # fmt: skip


def writable(folder: Path) -> Path:
    """A folder that functions of another user can write to."""
    folder.mkdir()
    folder.chmod(0o777)
    return folder
