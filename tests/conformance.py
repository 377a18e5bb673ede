"""Replays cases that were recorded on AWS against a real server, and fails below the share of passes that we promise.

usage: conformance.py FOLDER [arguments of its replay.py]
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

AT_LEAST_PERCENT = "97"
"""Of the core cases of the pure and lambda tiers, compared strictly."""


def main() -> int:
    if len(sys.argv) < 2:
        print("name the folder that holds replay.py: make conformance CASES=FOLDER", file=sys.stderr)
        return 2
    replay = Path(sys.argv[1]).resolve() / "replay.py"
    with tempfile.TemporaryDirectory(prefix="stepwell-conformance-") as folder:
        server = subprocess.Popen(
            [sys.executable, "-m", "stepwell", "serve", "--port", "0", "--limits", "aws", "--store", "memory:"],
            stdout=subprocess.PIPE, cwd=folder, text=True,
        )  # fmt: skip
        try:
            assert server.stdout is not None
            line = next((line for line in server.stdout if "http://" in line), "")
            found = re.search(r"http://\S+:\d+", line)
            if found is None:
                print("the server did not start", file=sys.stderr)
                return 1
            arguments = sys.argv[2:] or [
                "--core",
                "--tier",
                "pure,lambda",
                "--show",
                "20",
                "--at-least",
                AT_LEAST_PERCENT,
            ]
            return subprocess.call([sys.executable, str(replay), "--sfn", found[0], *arguments])
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    sys.exit(main())
