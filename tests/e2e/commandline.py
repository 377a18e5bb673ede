"""AWS's command line, in the environment of somebody who has configured nothing."""

import json
import os
import subprocess
import sys
from typing import Any

_LOOP = """
import contextlib, io, json, sys
from awscli.clidriver import main
for line in sys.stdin:
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        sys.argv = ["aws", *json.loads(line)]
        code = main()
    out.flush()
    print(json.dumps([code, out.buffer.getvalue().decode(), err.getvalue()]), flush=True)
"""
"""Its own entry point, in one process for many commands: a process takes longer to start than a command to run."""


class CommandLine:
    def __init__(self, url: str) -> None:
        names = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1"}
        nothing = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_PAGER": ""}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _LOOP], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={"PATH": os.environ["PATH"], "AWS_ENDPOINT_URL": url, **names, **nothing},
        )  # fmt: skip

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, output and errors of `aws ARGUMENTS`."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(arguments) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the command line has ended"
        code, out, err = json.loads(line)
        return code, out, err

    def json(self, *arguments: str) -> Any:
        """What `aws ARGUMENTS` prints."""
        code, out, err = self.run(*arguments)
        assert code == 0, err
        return json.loads(out) if out else None

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        assert self._process.wait(20) == 0
