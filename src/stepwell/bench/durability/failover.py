"""A master that dies under load, and what its successor has of the writes that it had acknowledged.

No network is cut: one of three nodes is killed, and Sentinel has a replica take over.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from stepwell.bench.durability.adds import Survival, lost_adds
from stepwell.bench.durability.sentinel import Load, Place, clients, cluster
from stepwell.processes.children import free_ports

_NODES = 3
_PERIOD_SECONDS = 0.001
_AFTER_SECONDS = 6.0
"""For which the clients go on, so that it shows when they can write again."""


@dataclass(frozen=True, slots=True)
class Failover:
    """`recovery_seconds` is the time from the death to the first write that another node acknowledged.

    `of_successor` is what survived of the writes that the master at the end had acknowledged itself.
    """

    survival: Survival
    of_successor: Survival
    recovery_seconds: float | None


def failover(seconds: float, replicas: int = 0) -> Failover:
    """Kills the master after `seconds` of writing; a write is acknowledged when so many `replicas` have it as well.

    Raises `BackEndFailed` and `NotSettled`.
    """
    ports = iter(free_ports(2 * _NODES))
    places = [Place(f"n{number}", "127.0.0.1", next(ports), next(ports)) for number in range(1, _NODES + 1)]
    with TemporaryDirectory(prefix="failover-") as work, cluster(places, Path(work)) as nodes:
        with clients(places, Load(seconds + _AFTER_SECONDS, _PERIOD_SECONDS, replicas)) as history:
            time.sleep(seconds)
            master = nodes.master(places[0].name)
            killed_at = nodes.kill(master.name)
        left = nodes.settled()
        successor = nodes.master(places[0].name)
    later = [op.returned_at for op in history if op.status == "ok" and op.result != master.address]
    after = [at - killed_at for at in later if at is not None and at > killed_at]
    by_successor = [op for op in history if op.result == successor.address]
    return Failover(lost_adds(history, left), lost_adds(by_successor, left), min(after, default=None))
