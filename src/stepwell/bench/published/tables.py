"""The published tables, measured again: what each command line name runs, and the lines that it is shown by."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stepwell.bench.durability.survival import FAILURES, survival
from stepwell.bench.durability.valkey import MODES
from stepwell.bench.oracles.anomalies import Verdict
from stepwell.bench.parts.backends import STEPWELL, back_ends
from stepwell.bench.published import read_atomic, redis_sentinel, t3
from stepwell.bench.published.criterion import Criterion
from stepwell.pricing.prices import load_prices

Notify = Callable[[str], None]

_SURVIVAL_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Shown:
    """One table as it was measured here. `criteria` say beforehand what would reproduce it."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    criteria: tuple[Criterion, ...] = ()
    invalid: str | None = None

    @property
    def reproduced(self) -> bool:
        return not self.invalid and all(each.met for each in self.criteria)


def sentinel(notify: Notify) -> Shown:
    """T1. Needs root and network namespaces; elsewhere it is invalid and says why."""
    rows = redis_sentinel.run_t1(notify)
    invalid = next((row.survival.verdict.invalid for row in rows if row.survival.verdict.invalid), None)
    return Shown(
        "T1: acknowledged writes that Redis with Sentinel lost in a split brain (Jepsen 2013: 56 %)",
        ("setting", "lost of acknowledged", "share", "by the old master after the cut", "refused"),
        tuple(
            (row.setting.name, _share(row.survival.verdict), "-" if row.share is None else f"{row.share:.1%}",
             str(row.stale), str(row.refused))
            for row in rows
        ),
        () if invalid else tuple(redis_sentinel.criteria(rows)), invalid,
    )  # fmt: skip


def transactions(notify: Notify) -> Shown:
    """T2."""
    rows = read_atomic.run_t2(notify)
    return Shown(
        "T2: transactions in 10,000 that did not see their own writes (RYW), or saw others in part (FR) (AFT, table 2)",
        ("store", "reads behind", "RYW", "FR"),
        tuple(
            (row.store, f"{1000 * row.lag_seconds:g} ms", *(f"{count:.0f}" for count in row.per_ten_thousand))
            for row in rows
        ),
        tuple(read_atomic.criteria(rows)),
    )


def workflows(notify: Notify) -> Shown:
    """T3, on a Stepwell that is started for it."""
    notify("six workflows on Stepwell")
    with tempfile.TemporaryDirectory(prefix="stepwell-published-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with back_ends(folder, {STEPWELL}) as running:
            rows = t3.run_t3(running.stepwell_url, load_prices())
    return Shown(
        "T3: transitions of six workflows, and their cost per 1,000 (SeBS-Flow)",
        ("workflow", "transitions", "published", "$ per 1,000", "published"),
        tuple(
            (row.workflow, str(row.transitions), str(row.published.transitions), f"{row.dollars:.3f}",
             f"{row.published.dollars:.3f}")
            for row in rows
        ),
        tuple(Criterion(row.workflow, f"{row.transitions}, ${row.dollars:.3f}", row.reproduced) for row in rows),
    )  # fmt: skip


def survivals(notify: Notify) -> Shown:
    """What is left of acknowledged writes to Valkey, by persistence and failure."""
    rows = []
    for mode in MODES:
        notify(f"Valkey, {mode}: killed, and without power")
        found = [survival(mode, failure, _SURVIVAL_SECONDS) for failure in FAILURES]
        rows.append((mode, *(_survived(each.survived, each.verdict) for each in found)))
    return Shown("What survives in Valkey", ("persistence", *FAILURES), tuple(rows))


TABLES: dict[str, Callable[[Notify], Shown]] = {
    "t1": sentinel, "t2": transactions, "t3": workflows, "survival": survivals
}  # fmt: skip


def _share(verdict: Verdict) -> str:
    return f"INVALID ({verdict.invalid})" if verdict.invalid else f"{verdict.count} of {verdict.exposed}"


def _survived(share: float | None, verdict: Verdict) -> str:
    return _share(verdict) if share is None else f"{100 * share:.1f} % (lost {_share(verdict)})"


def lines(criteria: Sequence[Criterion]) -> list[str]:
    """What was asked for and what came of it."""
    return [f"{'met' if each.met else 'NOT MET'}: {each.text}: {each.measured}" for each in criteria]
