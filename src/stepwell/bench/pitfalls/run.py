"""Runs pairs on a stage of their own: of each the broken variant and then the fixed one."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from stepwell.bench.parts.workplace import OPS, machine, workplace
from stepwell.bench.pitfalls import (
    claim_too_short,
    claim_without_end,
    client_per_call,
    cold_start,
    hot_key,
    hot_partition,
    lost_callback,
    status_loop,
    whole_record,
)
from stepwell.bench.pitfalls.pairs import BROKEN, FIXED, Pair, Result
from stepwell.bench.pitfalls.stage import stage

PAIRS: dict[str, Pair] = {
    module.PAIR.name: module.PAIR
    for module in (
        hot_partition, hot_key, client_per_call, cold_start, lost_callback, claim_too_short, status_loop,
        whole_record, claim_without_end,
    )
}  # fmt: skip

_STARTING_SECONDS, _PAIR_SECONDS = 6.0, 7.0
"""About, for whoever waits."""

Notify = Callable[[str, float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The results, when and on what they came about."""

    started_at: str
    seconds: float
    machine: str
    versions: dict[str, str]
    results: tuple[Result, ...]

    @property
    def sound(self) -> bool:
        """Whether each mistake showed and each fix helped."""
        return all(result.mended and not result.invalid for result in self.results)


def run(pairs: Sequence[Pair], notify: Notify) -> Run:
    """Runs them. `notify(phase, seconds_left)` is called as each begins.

    Raises `BackEndFailed` when a part does not start, and what boto3 raises when one breaks down.
    """
    started, begun = datetime.now(UTC), time.monotonic()
    notify("starting Stepwell, DynamoDB, SQS, Valkey and the payment provider", _left(len(pairs)) + _STARTING_SECONDS)
    with workplace() as work, stage(work / OPS) as on:
        results = []
        for number, pair in enumerate(pairs):
            notify(pair.title, _left(len(pairs) - number))
            results.append(Result(pair, pair.measure(on, BROKEN), pair.measure(on, FIXED)))
        versions = on.back_ends.versions
    return Run(
        started_at=started.isoformat(timespec="seconds"), seconds=time.monotonic() - begun,
        machine=", ".join(machine().values()), versions=versions, results=tuple(results),
    )  # fmt: skip


def _left(pairs: int) -> float:
    return pairs * _PAIR_SECONDS
