"""Replays cases that were recorded on AWS against a real server, and fails below the share of passes that we promise.

Other services of AWS are played by ministack.

usage: conformance.py FOLDER [arguments of its replay.py]
"""

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from stepwell.processes.children import free_ports
from stepwell.processes.emulator import emulator

AT_LEAST_PERCENT = "92"
"""Of all cases, compared strictly. docs/conformance.md says why not all pass."""

ARGUMENTS = ("--tier", "pure,lambda,services", "-j", "4", "--show", "40", "--at-least", AT_LEAST_PERCENT)
START_SECONDS = 60.0


def main() -> int:
    if len(sys.argv) < 2:
        print("name the folder that holds replay.py: make conformance CASES=FOLDER", file=sys.stderr)
        return 2
    replay = Path(sys.argv[1]).resolve() / "replay.py"
    with tempfile.TemporaryDirectory(prefix="stepwell-conformance-") as folder:
        (port,) = free_ports(1)
        aws = emulator("aws", Path(folder), port, {})
        aws.start()
        try:
            aws.wait(time.monotonic() + START_SECONDS)
            return _replay(replay, folder, f"http://127.0.0.1:{port}")
        finally:
            aws.stop()


def _replay(replay: Path, folder: str, aws_url: str) -> int:
    server = subprocess.Popen(
        [
            sys.executable, "-m", "stepwell", "serve", "--port", "0", "--limits", "aws", "--store", "memory:",
            "--aws-endpoint", aws_url,
        ],
        stdout=subprocess.PIPE, cwd=folder, text=True,
    )  # fmt: skip
    try:
        assert server.stdout is not None
        line = next((line for line in server.stdout if "http://" in line), "")
        found = re.search(r"http://\S+:\d+", line)
        if found is None:
            print("the server did not start", file=sys.stderr)
            return 1
        endpoints = ("--sfn", found[0], "--aws", aws_url)
        return subprocess.call([sys.executable, str(replay), *endpoints, *(sys.argv[2:] or ARGUMENTS)])
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    sys.exit(main())
