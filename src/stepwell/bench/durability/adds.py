"""Clients that add members to one set, and which of the acknowledged members are there in the end (O-2).

A member is added once and never removed, so that nothing overwrites it: what was acknowledged and is missing was lost.

`python -m stepwell.bench.durability.adds NAME SENTINEL START_AT SECONDS PERIOD_SECONDS REPLICAS` is one client. It adds
at most one member in each period to the master that its Sentinel (host:port) names, and has it acknowledged by so many
replicas. It prints its history.
"""

import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
from redis import Redis
from redis.exceptions import ReadOnlyError, RedisError
from redis.sentinel import Sentinel

from stepwell.bench.history import WRITE, Op, Status
from stepwell.bench.oracles.anomalies import Verdict, Witness
from stepwell.bench.oracles.witnesses import counted, witness

MEMBERS = "members"
MASTER = "bench"
"""The set, and the name by which Sentinel knows the master."""

_TIMEOUT_SECONDS = 1.0
_WAIT_MILLISECONDS = 300
_NO_REPLICAS = "NOREPLICAS"


@dataclass(frozen=True, slots=True)
class Survival:
    """`verdict` counts acknowledged adds that are gone; `unacknowledged` are there although nobody was told so."""

    verdict: Verdict
    unacknowledged: int = 0

    @property
    def survived(self) -> float | None:
        """The share of the acknowledged that is left; None when that says nothing."""
        verdict = self.verdict
        return None if verdict.invalid or not verdict.exposed else 1 - verdict.count / verdict.exposed


def lost_adds(history: Iterable[Op], present: Collection[str]) -> Survival:
    """O-2 for what must endure: acknowledged adds of which `present`, all that is left, has no trace."""
    acknowledged = [op for op in history if op.kind == WRITE and op.status == "ok"]
    lost = [op for op in acknowledged if op.argument not in present]

    def show(op: Op) -> Witness:
        return witness(f"{op.argument} was acknowledged by {op.result} and is not there", [op])

    members = {op.argument for op in acknowledged}
    return Survival(counted(lost, len(acknowledged), show), sum(member not in members for member in present))


def connect(address: str) -> Redis:
    """A client of host:port or of a socket's path, which sends each command once."""
    options: dict[str, Any] = {
        "decode_responses": True, "single_connection_client": True, "retry": None, "protocol": 2,
        "socket_timeout": _TIMEOUT_SECONDS, "socket_connect_timeout": _TIMEOUT_SECONDS,
    }  # fmt: skip
    if address.startswith("/"):
        return Redis(unix_socket_path=address, **options)
    host, port = address.split(":")
    return Redis(host, int(port), **options)


class Adder:
    """One client. `find` gives the address of the master, and is asked again after each failure."""

    def __init__(self, name: str, find: Callable[[], str], replicas: int = 0) -> None:
        self._name = name
        self._find = find
        self._replicas = replicas
        self._count = 0
        self._client: Redis | None = None
        self._address = ""

    def add(self) -> Op:
        """Adds the next member. What the master refused is `fail`; what it did not confirm in time is `info`."""
        self._count += 1
        member, invoked_at = f"{self._name}-{self._count}", time.time()
        status: Status = "info"
        try:
            status = self._send(member)
        except (RedisError, OSError) as error:
            if isinstance(error, ReadOnlyError) or _NO_REPLICAS in str(error):
                status = "fail"
            self.close()
        return Op(
            id=member, run=MASTER, request=member, attempt=1, worker=self._name, key=MEMBERS, kind=WRITE,
            argument=member, result=self._address, intended_at=invoked_at, invoked_at=invoked_at,
            returned_at=time.time(), status=status, call="redis.SADD",
        )  # fmt: skip

    def _send(self, member: str) -> Status:
        if self._client is None:
            self._address = self._find()
            self._client = connect(self._address)
        self._client.sadd(MEMBERS, member)
        if self._replicas == 0:
            return "ok"
        return "ok" if self._client.wait(self._replicas, _WAIT_MILLISECONDS) >= self._replicas else "info"

    def close(self) -> None:
        """Ends the connection; the next add makes another."""
        if self._client is not None:
            self._client.close()
            self._client = None


def named_by(sentinel: str) -> str:
    """The address of the master as this Sentinel knows it. Raises `RedisError`."""
    where = sentinel.split(":")
    known = Sentinel([where], socket_timeout=_TIMEOUT_SECONDS)
    host, port = known.discover_master(MASTER)
    return f"{host}:{port}"


def _paced(adder: Adder, start_at: float, seconds: float, period_seconds: float) -> Iterator[Op]:
    """An add in each period; a period that the one before took too is left out, not made up for."""
    due_at = start_at
    while due_at < start_at + seconds:
        time.sleep(max(0.0, due_at - time.time()))
        yield adder.add()
        due_at = max(due_at + period_seconds, time.time())


def _main(name: str, sentinel: str, start_at: str, seconds: str, period_seconds: str, replicas: str) -> None:
    adder = Adder(name, partial(named_by, sentinel), int(replicas))
    for op in _paced(adder, float(start_at), float(seconds), float(period_seconds)):
        sys.stdout.buffer.write(msgspec.json.encode(op) + b"\n")
    adder.close()


if __name__ == "__main__":
    _main(*sys.argv[1:])
