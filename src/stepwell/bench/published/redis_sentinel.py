"""T1: Redis with Sentinel in a split brain, as Jepsen published it.

The source is "Call me maybe: Redis" (Jepsen, 2013, aphyr.com/posts/283): five nodes, the network cut between {n1, n2}
and {n3, n4, n5}, and 56 % of the acknowledged writes were lost. The old master goes on to acknowledge on one side, its
successor on the other, and when the network is whole again the old one becomes a replica and forgets.

What is reproduced: that more than 30 % are lost, and that they are what the old master acknowledged after the cut. How
many that is follows from how long the cut lasts, and how many clients are on which side: here each node has one, at an
even pace. Two settings that are said to help are measured beside it. Each row is one run.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from stepwell.bench.durability.adds import Survival, lost_adds
from stepwell.bench.durability.network import network, unavailable
from stepwell.bench.durability.sentinel import Load, Place, clients, cluster
from stepwell.bench.history import Op
from stepwell.bench.oracles.anomalies import Verdict
from stepwell.bench.published.criterion import Criterion

PUBLISHED_LOST = 0.56
PARTITION = (("n1", "n2"), ("n3", "n4", "n5"))

_PORT, _SENTINEL_PORT = 6379, 26379
_PERIOD_SECONDS = 0.05

Notify = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the network is whole, cut, and whole again, while clients write."""

    before_seconds: float = 4.0
    cut_seconds: float = 12.0
    after_seconds: float = 4.0

    @property
    def seconds(self) -> float:
        return self.before_seconds + self.cut_seconds + self.after_seconds


TIMING = Timing()


@dataclass(frozen=True, slots=True)
class Setting:
    """`options` are the nodes'; a client takes a write for acknowledged when so many `replicas` have it as well."""

    name: str
    options: tuple[str, ...] = ()
    replicas: int = 0


DEFAULT = Setting("default")
MIN_REPLICAS = Setting("min-replicas-to-write 2", ("--min-replicas-to-write", "2", "--min-replicas-max-lag", "1"))
WAIT = Setting("WAIT 2", replicas=2)
SETTINGS = (DEFAULT, MIN_REPLICAS, WAIT)


@dataclass(frozen=True, slots=True)
class Row:
    """One setting. Of the `acknowledged`, `during` the cut, and `stale`: by the old master since the cut.

    `refused` is what a master said that it would not take; `first_seconds` is how long after the cut the successor
    acknowledged its first write.
    """

    setting: Setting
    survival: Survival
    attempted: int = 0
    refused: int = 0
    during: int = 0
    stale: int = 0
    first_seconds: float | None = None

    @property
    def acknowledged(self) -> int:
        return self.survival.verdict.exposed

    @property
    def lost(self) -> int:
        return self.survival.verdict.count

    @property
    def share(self) -> float | None:
        """Lost of the acknowledged; None when that says nothing."""
        return None if self.survival.survived is None else self.lost / self.acknowledged


def run_t1(notify: Notify, timing: Timing = TIMING, settings: Sequence[Setting] = SETTINGS) -> list[Row]:
    """One run of each setting; invalid, with the reason, where there can be no such network.

    Raises `BackEndFailed` and `NotSettled`.
    """
    if reason := unavailable():
        return [_invalid(setting, reason) for setting in settings]
    rows = []
    for setting in settings:
        notify(f"Redis and Sentinel, {setting.name}: the network is cut for {timing.cut_seconds:g} s")
        rows.append(_row(setting, timing))
    return rows


def criteria(rows: Sequence[Row]) -> list[Criterion]:
    """What would reproduce the table, of rows as `run_t1` gives them; nothing when one of them is invalid."""
    default, least, wait = rows
    if default.share is None or least.share is None or wait.share is None:
        return []
    return [
        Criterion("default: more than 30 % of the acknowledged are lost", f"{default.share:.1%}", default.share > 0.3),
        Criterion(
            "default: they are what the old master acknowledged after the cut, within 5 %",
            f"{default.lost} and {default.stale}",
            abs(default.lost - default.stale) <= 0.05 * default.stale,
        ),
        Criterion(
            "min-replicas-to-write 2: a fifth of that share, or less",
            f"{least.share:.1%}",
            5 * least.share <= default.share,
        ),
        Criterion("WAIT 2: none is lost", f"{wait.lost} of {wait.acknowledged}", wait.lost == 0),
    ]


def _invalid(setting: Setting, reason: str) -> Row:
    return Row(setting, Survival(Verdict(0, 0, invalid=reason)))


def _row(setting: Setting, timing: Timing) -> Row:
    with TemporaryDirectory(prefix="sentinel-") as folder, network(PARTITION, Path(folder)) as net:
        places = [
            Place(name, net.address(name), _PORT, _SENTINEL_PORT, net.enter(name))
            for side in PARTITION
            for name in side
        ]
        with cluster(places, Path(folder), setting.options) as nodes:
            with clients(places, Load(timing.seconds, _PERIOD_SECONDS, setting.replicas)) as history:
                time.sleep(timing.before_seconds)
                old = nodes.master(PARTITION[0][0])
                net.cut()
                cut_at = time.time()
                time.sleep(timing.cut_seconds)
                split = nodes.master(PARTITION[0][0]) == old != nodes.master(PARTITION[1][0])
                net.heal()
                healed_at = time.time()
            left = nodes.settled()
    if not split:
        return _invalid(setting, f"fault never fired: no two masters, {timing.cut_seconds:g} s after the cut")
    return _counted(setting, lost_adds(history, left), history, old.address, cut_at, healed_at)


def _counted(
    setting: Setting, survival: Survival, history: Sequence[Op], old: str, cut_at: float, healed_at: float
) -> Row:
    since = [(op.returned_at, op.result) for op in history if op.status == "ok" and (op.returned_at or 0) > cut_at]
    first_at = min((at for at, master in since if at and master != old), default=None)
    return Row(
        setting,
        survival,
        attempted=len(history),
        refused=sum(op.status == "fail" for op in history),
        during=sum(bool(at and at < healed_at) for at, _ in since),
        stale=sum(master == old for _, master in since),
        first_seconds=None if first_at is None else first_at - cut_at,
    )
