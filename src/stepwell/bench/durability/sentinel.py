"""A master, its replicas, and a Sentinel beside each of them, which agree on another master when that one fails.

Replication is asynchronous, as it is by default: a master acknowledges before any replica has seen a write.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir

import msgspec
from redis.exceptions import RedisError

from stepwell.bench.durability import adds
from stepwell.bench.durability.adds import MASTER
from stepwell.bench.durability.valkey import MODES, NONE, Valkey
from stepwell.bench.history import Op
from stepwell.processes.children import BackEndFailed, environment

_DOWN_MILLISECONDS = 1000
_FAILOVER_MILLISECONDS = 3000
"""Sentinel's defaults, 30 s and 180 s, would make a failover outlast the benchmark."""

PATIENCE_SECONDS = 40.0
_POLL_SECONDS = 0.05
_START_SECONDS = 1.5
"""In which all clients have been loaded."""


class NotSettled(Exception):
    """Nodes or Sentinels did not come to agree in time."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node runs. `enter` is put before its commands, as for a network namespace."""

    name: str
    host: str
    port: int
    sentinel_port: int
    enter: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def sentinel(self) -> str:
        return f"{self.host}:{self.sentinel_port}"


class Cluster:
    """Of `places`, of which the first is the master at the beginning. `nodes` and `sentinels` are by place."""

    def __init__(self, places: Sequence[Place], work: Path, options: Sequence[str]) -> None:
        self.places = places
        self._work = work
        self.nodes = {place.name: self._node(place, options) for place in places}
        self.sentinels = {place.name: self._sentinel(place) for place in places}
        self._dead: set[str] = set()

    def _node(self, place: Place, options: Sequence[str]) -> Valkey:
        replication = ["--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1"]
        first = self.places[0]
        if place is not first:
            replication += ["--replicaof", f"{first.host} {first.port}"]
        listen = ("--port", str(place.port), "--bind", place.host, "--protected-mode", "no")
        return Valkey(self._work / place.name, (*listen, *MODES[NONE], *replication, *options), place.enter)

    def _sentinel(self, place: Place) -> Valkey:
        folder = self._work / f"{place.name}-sentinel"
        folder.mkdir()
        file, first = folder / "sentinel.conf", self.places[0]
        quorum = len(self.places) // 2 + 1
        lines = (
            f"port {place.sentinel_port}", f"bind {place.host}", "protected-mode no",
            f"sentinel monitor {MASTER} {first.host} {first.port} {quorum}",
            f"sentinel down-after-milliseconds {MASTER} {_DOWN_MILLISECONDS}",
            f"sentinel failover-timeout {MASTER} {_FAILOVER_MILLISECONDS}",
            f"sentinel parallel-syncs {MASTER} {len(self.places)}",
        )  # fmt: skip
        file.write_text("\n".join(lines) + "\n")
        return Valkey(folder, (str(file), "--sentinel"), place.enter)

    def start(self, stack: ExitStack) -> None:
        """All of them, until they know each other; stopped with the stack. Raises `BackEndFailed`, `NotSettled`."""
        for servers in (self.nodes, self.sentinels):
            for server in servers.values():
                stack.enter_context(server.running())
            self._await(self._replicating, "the replicas did not find their master")
        self._await(self._acquainted, "the Sentinels did not find each other")

    def kill(self, name: str) -> float:
        """Ends a node for good, by SIGKILL; when, in epoch seconds."""
        self._dead.add(name)
        return self.nodes[name].child.kill()

    def master(self, seen_by: str) -> Place:
        """The place of the node that the Sentinel with this name takes for the master. Raises `RedisError`."""
        with self.sentinels[seen_by].client() as client:
            found = client.sentinel_masters()[MASTER]
        return next(place for place in self.places if (place.host, place.port) == (found["ip"], found["port"]))

    def settled(self) -> set[str]:
        """What was added and is there, when all Sentinels name one master and all other nodes have what it has.

        Raises `NotSettled`.
        """
        self._await(self._agreed, "Sentinels and replicas did not agree on a master")
        return self.nodes[self.master(self.places[0].name).name].members()

    def _await(self, condition: Callable[[], bool], otherwise: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not _holds(condition):
            if time.monotonic() > deadline:
                raise NotSettled(f"{otherwise} within {PATIENCE_SECONDS:g} s")
            time.sleep(_POLL_SECONDS)

    def _replicating(self) -> bool:
        return self._follow(self.places[0])

    def _acquainted(self) -> bool:
        others = len(self.places) - 1
        for sentinel in self.sentinels.values():
            with sentinel.client() as client:
                state = client.sentinel_masters()[MASTER]
            if state["num-other-sentinels"] < others or state["num-slaves"] < others:
                return False
        return True

    def _agreed(self) -> bool:
        masters = {self.master(place.name) for place in self.places}
        return len(masters) == 1 and self._follow(masters.pop())

    def _follow(self, master: Place) -> bool:
        """Whether this is a master, and all other living nodes are its replicas and have received all that it sent."""
        infos = {place.name: self.nodes[place.name].info("replication") for place in self._living()}
        offset = infos[master.name]["master_repl_offset"]
        return infos.pop(master.name)["role"] == "master" and all(
            info.get("master_link_status") == "up"
            and (info["master_host"], info["master_port"]) == (master.host, master.port)
            and info["slave_repl_offset"] >= offset
            for info in infos.values()
        )

    def _living(self) -> list[Place]:
        return [place for place in self.places if place.name not in self._dead]


def _holds(condition: Callable[[], bool]) -> bool:
    try:
        return condition()
    except (RedisError, KeyError):
        return False


@contextmanager
def cluster(places: Sequence[Place], work: Path, options: Sequence[str] = ()) -> Iterator[Cluster]:
    """Running, with its files in `work`; `options` are for all nodes. Raises `BackEndFailed`, `NotSettled`."""
    with ExitStack() as stack:
        made = Cluster(places, work, options)
        made.start(stack)
        yield made


@dataclass(frozen=True, slots=True)
class Load:
    """A client at each place, for `seconds`. A write is acknowledged when so many `replicas` have it as well."""

    seconds: float
    period_seconds: float
    replicas: int = 0


@contextmanager
def clients(places: Sequence[Place], load: Load) -> Iterator[list[Op]]:
    """They begin now; at the end of the context they have finished, and their history is in what it gave.

    Raises `BackEndFailed`.
    """
    history: list[Op] = []
    start_at = time.time() + _START_SECONDS
    with ThreadPoolExecutor(len(places)) as pool:
        running = [pool.submit(_client, place, load, start_at) for place in places]
        time.sleep(_START_SECONDS)
        yield history
        history += sorted((op for each in running for op in each.result()), key=lambda op: op.invoked_at)


def _client(place: Place, load: Load, start_at: float) -> list[Op]:
    numbers = map(str, (start_at, load.seconds, load.period_seconds, load.replicas))
    command = (*place.enter, sys.executable, "-P", "-m", adds.__name__, place.name, place.sentinel, *numbers)
    ended = subprocess.run(
        command, capture_output=True, check=False, env=environment(Path(gettempdir())),
        timeout=_START_SECONDS + load.seconds + PATIENCE_SECONDS,
    )  # fmt: skip
    if ended.returncode:
        raise BackEndFailed(f"the client of {place.name} ended with code {ended.returncode}: {ended.stderr.decode()}")
    return msgspec.json.Decoder(Op).decode_lines(ended.stdout)
