"""A server that is killed leaves nothing behind that runs a user's code."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SERVER = """
import asyncio, io, sys, zipfile
from pathlib import Path
from stepwell.functions.service import FunctionService
from stepwell.store.memory import MemoryStore

async def main(folder, source):
    service = FunctionService(Path(folder), MemoryStore())
    await service.start()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("handler.py", source)
    await service.create({"FunctionName": "f", "Runtime": "python3.12", "Handler": "handler.handler", "Role": "r",
                          "Timeout": 60, "Code": {"ZipFile": archive.getvalue()}})
    await service.invoke("f", b"{}", request_id="r")
    print("returned", flush=True)
    await asyncio.sleep(60)

asyncio.run(main(sys.argv[1], sys.argv[2]))
"""

HANDLER = """
import os, subprocess, time
def handler(event, context):
    child = subprocess.Popen(["sleep", "300"])
    with open({path!r} + ".new", "w") as file:
        file.write(f"{{os.getpid()}} {{child.pid}}")
    os.rename({path!r} + ".new", {path!r})
    {rest}
"""


def running(pid: int) -> bool:
    """Whether the process exists and is more than a zombie, which only waits to be counted."""
    result = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return result.stdout.strip()[:1] not in ("", "Z")


def until(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.e2e
@pytest.mark.parametrize(
    "rest",
    ["while True: pass", "time.sleep(300)", "import re; re.match('(a+)+$', 'a' * 40 + 'b')", "return"],
    ids=["loop", "sleep", "inside C", "frozen"],
)
def test_a_killed_server_leaves_no_worker_and_no_child(tmp_path: Path, rest: str):
    pids = tmp_path / "pids"
    source = HANDLER.format(path=str(pids), rest=rest)
    command = [sys.executable, "-c", SERVER, str(tmp_path / "data"), source]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        if rest == "return":
            assert server.stdout.readline() == "returned\n"
        until(pids.exists)
        worker, child = map(int, pids.read_text().split())
        assert running(worker) and running(child)
        assert os.getpgid(worker) == os.getpgid(child) == worker != os.getpgid(server.pid)
    finally:
        server.send_signal(signal.SIGKILL)
        server.communicate()
    until(lambda: not running(worker) and not running(child))


@pytest.mark.e2e
def test_control_c_does_not_reach_the_workers(tmp_path: Path):
    """They are in a group of their own: the server decides what becomes of them."""
    pids = tmp_path / "pids"
    command = [sys.executable, "-c", SERVER, str(tmp_path / "data"), HANDLER.format(path=str(pids), rest="return")]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0)
    assert server.stdout.readline() == "returned\n"
    worker, _child = map(int, pids.read_text().split())
    os.killpg(server.pid, signal.SIGINT)
    server.communicate(timeout=10)
    until(lambda: not running(worker))
    assert server.returncode != 0
