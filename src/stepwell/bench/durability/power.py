"""A loss of power, on a machine that keeps running: files are cut to what had been synced to the disk.

The kernel of a machine that lost its power forgets what was written and not synced. Here the kernel stays, so that a
tracer (strace) notes each write and each sync of a server while it runs. When the server has been killed, each of its
files that is only appended to is cut to the bytes that it had when the last successful sync of it was called.

This is the least that survives. A disk that says it has synced what it has not, a torn block, or a lost entry of a
folder are not modelled; files that are replaced by a rename are synced before it by the server, and are left alone.
"""

import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

_TRACER = "strace"
_SYNCS = ("fsync", "fdatasync")

_CALLED = re.compile(r"(\d+) +(\w+)\(\d+<([^>]*)>.* (?:= (-?\d+)\b.*|<unfinished \.\.\.>)")
_RESUMED = re.compile(r"(\d+) +<\.\.\. \w+ resumed>.* = (-?\d+)\b")


def unavailable() -> str | None:
    """Why no power can be lost here; None when it can."""
    if shutil.which(_TRACER) is None:
        return "needs strace to know what was synced (Debian: apt-get install strace)"
    tried = subprocess.run([*traced(Path(os.devnull)), "true"], capture_output=True, text=True, check=False)
    if tried.returncode == 0:
        return None
    return f"needs to trace a process, which is not permitted here: {tried.stderr.strip() or tried.returncode}"


def traced(log: Path) -> tuple[str, ...]:
    """What to put before a server's command, so that its writes and syncs are noted in `log`."""
    calls = ",".join(("write", *_SYNCS))
    # With a log in a file it would ignore SIGTERM, and the server would outlive a benchmark that was killed.
    ends = ("-I", "waiting")
    return (_TRACER, *ends, "-f", "-qq", "-y", "-s", "0", "--seccomp-bpf", "-e", f"trace={calls}", "-o", str(log))


def cut(files: Iterable[Path], log: Path) -> None:
    """Takes from each of these files what was not synced."""
    with log.open() as lines:
        durable = synced(lines)
    for file in files:
        os.truncate(file, durable.get(str(file.resolve()), 0))


def synced(lines: Iterable[str]) -> dict[str, int]:
    """How many bytes of each file are certain to be on the disk, by a tracer's log.

    A sync is good for what had been written when it was called, and not for what came before it returned.
    """
    written: Counter[str] = Counter()
    durable: dict[str, int] = {}
    for call, path, before, result in _calls(lines, written):
        if call not in _SYNCS:
            written[path] += max(0, result)
        elif result == 0:
            durable[path] = max(before, durable.get(path, 0))
    return durable


def _calls(lines: Iterable[str], written: Counter[str]) -> Iterator[tuple[str, str, int, int]]:
    """(call, path, bytes of it that were written when it was called, result) of each that returned, in that order."""
    open_calls: dict[str, tuple[str, str, int]] = {}
    for line in lines:
        if called := _CALLED.match(line):
            thread, call, path, result = called.groups()
            open_calls[thread] = call, path, written[path]
        elif resumed := _RESUMED.match(line):
            thread, result = resumed.groups()
        else:
            continue
        if result is not None and thread in open_calls:
            yield *open_calls.pop(thread), int(result)
