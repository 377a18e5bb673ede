"""`python -m stepwell.processes.child MODULE ARGUMENT...` or `- PROGRAM ...`: runs it no longer than its parent.

Its standard input is a pipe whose other end the parent holds. When that closes, however the parent ended, the process
gets SIGTERM.
"""

import os
import runpy
import signal
import subprocess
import sys
import threading
from typing import Any


def _end_with_parent() -> None:
    os.read(0, 1)
    os.kill(os.getpid(), signal.SIGTERM)


def _run_program(command: list[str]) -> int:
    """A program that is not Python: ended when this process is asked to end, and this process ends with it."""
    uid, _, gid = os.environ.pop("CHILD_USER", "").partition(":")
    owner: dict[str, Any] = {"user": int(uid), "group": int(gid), "extra_groups": []} if uid else {}
    program = subprocess.Popen(command, stdin=subprocess.DEVNULL, **owner)
    signal.signal(signal.SIGTERM, lambda *_: program.terminate())
    return program.wait()


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if seconds := os.environ.get("CHILD_SWITCH_SECONDS"):
        sys.setswitchinterval(float(seconds))
    sys.argv = sys.argv[1:]
    if sys.argv[0] == "-":
        sys.exit(_run_program(sys.argv[1:]))
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
