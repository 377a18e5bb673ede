"""How much memory a worker and its children use.

From /proc, so on Linux alone: elsewhere `group_bytes` is 0, MemorySize is not enforced and the log shows no usage.
"""

import os
import sys
from pathlib import Path

POLL_SECONDS = 0.02
"""How often the memory of a running invocation is looked at."""

GROUP_EVERY = 10
"""Every how many looks the children are counted too: finding them means reading all of /proc."""

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_LINUX = sys.platform == "linux"


class MemoryGauge:
    """The memory of one process group."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._file = os.open(f"/proc/{pid}/statm", os.O_RDONLY) if _LINUX else -1

    def process_bytes(self) -> int:
        """Resident memory of the worker itself; cheap enough for every invocation."""
        if self._file < 0:
            return 0
        try:
            return int(os.pread(self._file, 128, 0).split()[1]) * _PAGE_BYTES
        except (OSError, IndexError):
            return 0

    def group_bytes(self) -> int:
        """Memory of all processes in the worker's group; pages that several share count once."""
        members = _members(self._pid) if _LINUX else []
        if len(members) < 2:
            return self.process_bytes()
        return sum(_proportional_bytes(pid) for pid in members)

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _members(group: int) -> list[int]:
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    return [pid for pid in pids if _group_of(pid) == group]


def _group_of(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except OSError:
        return -1


def _proportional_bytes(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
