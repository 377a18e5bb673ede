"""The report as data: what was found, what was expected before, and what it costs.

What it says is made from it in `rows` (tables) and `findings` (sentences); `screen`, `markdown` and `html` show that.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stepwell.bench.catalog import CALM, CHARGE, FAULTS, MEASURES, ORDER, STRATEGIES, WORKLOADS
from stepwell.bench.oracles.anomalies import Verdict
from stepwell.bench.oracles.outcome import Outcome
from stepwell.bench.parts.certify import Certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What the user asked for: `latency_milliseconds` a request, `dollars_per_million`, `requests_per_second`."""

    consistency: str = "no request twice, none lost"
    latency_milliseconds: float = 500.0
    dollars_per_million: float = 50.0
    requests_per_second: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What one undisturbed request of a workload takes under a strategy, counted, and what that means on AWS.

    `calls` are per request, by their name. Latency is counted calls times a profile of round trips, never measured
    here. Dollars are per million correct completions at the expected load and at twice that; `curve` has (requests per
    second, dollars per million). `unverified` are the prices that it rests on and that have no primary source yet.
    """

    workload: str
    strategy: str
    calls: dict[str, float]
    latency_milliseconds: float
    latency_parts: dict[str, float]
    dollars: float
    dollars_doubled: float
    dollars_parts: dict[str, float]
    curve: tuple[tuple[float, float], ...]
    unverified: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """Marked lines of a strategy that protect its state. `caught_by` is the cell that fails without them, None when
    none does (a dead guard), or when it was not tried (`tried` false).
    """

    strategy: str
    name: str
    lines: int
    tried: bool
    caught_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """So many clients on one key: requests `done` in so many seconds, of which `lost` are not in the record in the end.

    `refused` of `writes` were done again.
    """

    workload: str
    strategy: str
    clients: int
    seconds: float
    done: int
    lost: int
    refused: int
    writes: int

    @property
    def goodput(self) -> float:
        """Requests a second that were done and not lost. On this machine: only ratios say something."""
        return (self.done - self.lost) / self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """An open loop of `rate` requests a second: `dropped` of the `planned` found nobody to begin them in time.

    Latencies are by percentile, on this machine: the response from when a request was due, the service from when it
    was begun. `invalid` is why they say nothing, if they do not.
    """

    workload: str
    strategy: str
    rate: float
    planned: int
    dropped: int
    achieved: float
    response_milliseconds: dict[str, float]
    service_milliseconds: dict[str, float]
    invalid: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A finished run. Times are seconds; `started_at` is ISO 8601; `machine` and `versions` say what it ran on.

    `command` repeats it. `preset` is quick, default, full or custom.
    """

    run: str
    preset: str
    command: str
    seed: int
    started_at: str
    seconds: float
    machine: dict[str, str]
    versions: dict[str, str]
    certificates: tuple[Certificate, ...]
    budget: Budget
    outcomes: tuple[Outcome, ...]
    profiles: tuple[Profile, ...] = ()
    guards: tuple[Guard, ...] = ()
    rungs: tuple[Rung, ...] = ()
    paces: tuple[Pace, ...] = ()

    @property
    def valid(self) -> bool:
        """Whether every cell says something and every back end was certified."""
        return not any(each.invalid for each in self.select()) and not any(each.failure for each in self.certificates)

    @property
    def workloads(self) -> list[str]:
        """In the catalogue's order, as are all that follow."""
        found = {each.workload for each in self.outcomes}
        return [name for name in WORKLOADS if name in found]

    @property
    def main_workload(self) -> str:
        """The one that latency and cost are about."""
        return ORDER if ORDER in self.workloads else self.workloads[0]

    def subject(self, fault: str) -> str | None:
        """The workload by which a fault is told: one with effects on the outside, if there is one."""
        tried = {each.workload for each in self.select(fault=fault)}
        return next((name for name in (ORDER, CHARGE, *WORKLOADS) if name in tried), None)

    @property
    def strategies(self) -> list[str]:
        found = {each.strategy for each in self.outcomes}
        return [name for name in STRATEGIES if name in found]

    def faults(self, workload: str) -> list[str]:
        found = {each.fault for each in self.select(workload=workload)}
        return [name for name in FAULTS if name in found]

    def select(
        self, *, workload: str | None = None, strategy: str | None = None, fault: str | None = None
    ) -> list[Outcome]:
        """The outcomes of these, or of all; but for those without a guard. Repetitions are several."""
        return [
            each
            for each in self.outcomes
            if each.without is None
            and workload in (None, each.workload)
            and strategy in (None, each.strategy)
            and fault in (None, each.fault)
        ]

    def broken(self, strategy: str) -> list[Outcome]:
        """The outcomes of a strategy under faults. The undisturbed ones would only dilute what is counted there."""
        return [each for each in self.select(strategy=strategy) if each.fault != CALM]

    @property
    def guards_tried(self) -> bool:
        return any(each.tried for each in self.guards)

    def profile(self, strategy: str) -> Profile | None:
        """Of the main workload."""
        wanted = (self.main_workload, strategy)
        return next((each for each in self.profiles if (each.workload, each.strategy) == wanted), None)


def total(outcomes: Iterable[Outcome]) -> dict[str, Verdict]:
    """By measure, over all of them: what some of them found stands, but a clean sum takes all to be valid."""
    outcomes = list(outcomes)
    return {measure: _sum([each.verdicts[measure] for each in outcomes]) for measure in MEASURES}


def _sum(verdicts: Sequence[Verdict]) -> Verdict:
    valid = [each for each in verdicts if not each.invalid]
    count = sum(each.count for each in valid)
    if not count and len(valid) < len(verdicts):
        return next(each for each in verdicts if each.invalid)
    witnesses = tuple(witness for each in valid for witness in each.witnesses)
    return Verdict(count, sum(each.exposed for each in valid), witnesses)
