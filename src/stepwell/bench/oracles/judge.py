"""From what a run recorded to the outcomes of its cells."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stepwell.bench.catalog import (
    CALM,
    CRASH,
    DUPLICATE,
    DUPLICATED,
    HOT_KEY,
    LOST,
    STORE_KILL,
    STRATEGIES,
    STUCK,
    WORKLOADS,
    expected,
    possible,
)
from stepwell.bench.history import ACKNOWLEDGE, Effect, Fired, Op, read_ops, read_rows, write_rows
from stepwell.bench.oracles import anomalies
from stepwell.bench.oracles.anomalies import Verdict, requiring, verdict
from stepwell.bench.oracles.outcome import Outcome, Recovery
from stepwell.bench.oracles.workload_oracles import PARTICULAR, Recorded
from stepwell.bench.parts import sink
from stepwell.bench.parts.backends import PROXY_FIRED, SINK
from stepwell.bench.parts.certify import Certificate
from stepwell.bench.plan import SHARED, Cell

HISTORY = "history.jsonl"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was recorded of one cell, or of all: operations by the time of their call, effects, faults that fired.

    `finals` are the records as they were in the end, by name.
    """

    ops: list[Op]
    effects: list[Effect]
    fired: list[Fired]
    finals: Mapping[str, dict[str, Any]]

    @classmethod
    def read(cls, work: Path, clients: Iterable[Op], drive: Iterable[Fired], finals: Mapping[str, Any]) -> "Evidence":
        ops = sorted([*read_ops((work / "ops").glob("*.jsonl")), *clients], key=lambda op: op.invoked_at)
        fired = [*read_rows(work / sink.FIRED, Fired), *read_rows(work / PROXY_FIRED, Fired), *drive]
        return cls(ops, list(read_rows(work / sink.EFFECTS, Effect)), fired, finals)

    def keep(self, folder: Path) -> None:
        """Writes it down, as JSON Lines."""
        write_rows(folder / HISTORY, self.ops)
        write_rows(folder / sink.EFFECTS, self.effects)
        write_rows(folder / sink.FIRED, self.fired)

    def by_run(self) -> Mapping[str, "Evidence"]:
        """Of each cell."""
        parts: dict[str, Evidence] = defaultdict(lambda: Evidence([], [], [], {}))
        for op in self.ops:
            parts[op.run].ops.append(op)
        for effect in self.effects:
            parts[effect.run].effects.append(effect)
        for fired in self.fired:
            parts[fired.run].fired.append(fired)
        return defaultdict(
            lambda: Evidence([], [], [], {}),
            {run: replace(part, finals=self.finals.get(run, {})) for run, part in parts.items()},
        )


def judge(cell: Cell, name: str, evidence: Evidence, certificates: Iterable[Certificate]) -> Outcome:
    """What a cell of the run `name` came to, from the evidence of it alone."""
    run = cell.run(name)
    exposed, fired = _exposed(cell.fault, evidence)
    found = _verdicts(cell, run, evidence, exposed)
    reason = _mistrusted(cell, certificates)
    minimum = 1 if cell.fault == STORE_KILL else anomalies.MIN_FIRED
    refused, writes = anomalies.writes(evidence.ops)
    return Outcome(
        workload=cell.workload, strategy=cell.strategy, fault=cell.fault, without=cell.without,
        verdicts={
            measure: replace(each, invalid=reason) if reason else requiring(each, fired, minimum)
            for measure, each in found.items()
        },
        fired=fired, refused=refused, writes=writes,
        expected=expected(cell.workload, cell.strategy, cell.fault),
        possible=possible(cell.workload, cell.strategy, cell.fault),
        recovery=_recovery(evidence) if cell.fault == STORE_KILL else None,
    )  # fmt: skip


def _exposed(fault: str, evidence: Evidence) -> tuple[Collection[str], int]:
    """The requests that the fault has met, and how often it fired."""
    asked = {op.request for op in evidence.ops if op.kind == ACKNOWLEDGE}
    if fault == CALM:
        return asked, len(asked)
    if fault == HOT_KEY:
        return asked, anomalies.contended(evidence.ops)
    if fault == DUPLICATE:
        at_once = anomalies.delivered_at_once(evidence.ops)
        return at_once, len(at_once)
    if fault == STORE_KILL:
        at = min((fired.at for fired in evidence.fired), default=0.0)
        before = {op.request for op in evidence.ops if op.kind == ACKNOWLEDGE and op.invoked_at < at}
        return before, len(before)
    struck = {fired.request for fired in evidence.fired}
    return struck, len(struck)


def _verdicts(cell: Cell, run: str, evidence: Evidence, exposed: Collection[str]) -> dict[str, Verdict]:
    ops, effects, workload = evidence.ops, evidence.effects, WORKLOADS[cell.workload]
    required = [{type} for type in workload.effects] + ([set(workload.either)] if workload.either else [])
    acknowledged = anomalies.acknowledged(ops).keys() & exposed
    again = anomalies.retried(ops) & set(exposed) if cell.fault == CRASH else exposed
    twice, missing = dict(anomalies.duplicate_effects(effects)), dict(anomalies.missing_effects(ops, effects, required))
    if f"{run}/{SHARED}" not in evidence.finals:
        finals = {_request(name): int(record["value"]) for name, record in evidence.finals.items()}
        # Of a request with both, what the outside world has seen is shown.
        twice = {**anomalies.repeated_changes(ops, finals), **twice}
        missing = {**anomalies.missing_changes(ops, finals), **missing}
        lost = verdict(missing, acknowledged)
    else:
        shared = evidence.finals[f"{run}/{SHARED}"]
        lost = _both(
            anomalies.lost_updates(ops, f"{run}/{SHARED}", int(shared["value"])), verdict(missing, acknowledged)
        )
    stuck = verdict(anomalies.half_done(ops, effects), exposed)
    usual = {DUPLICATED: verdict(twice, again), LOST: lost, STUCK: stuck}
    if cell.workload not in PARTICULAR:
        return usual
    name = f"{run}/{SHARED}"
    recorded = Recorded(
        ops=ops, effects=effects, fired=evidence.fired, finals=evidence.finals, exposed=exposed, again=again,
        shared=name if name in evidence.finals else None,
    )  # fmt: skip
    return usual | PARTICULAR[cell.workload](recorded)


def _request(record: str) -> str:
    """The request whose own record it is."""
    return record.replace("/", "-")


def _both(updates: Verdict, effects: Verdict) -> Verdict:
    """Lost updates are counted in writes and lost effects in requests; the larger of the two is certain."""
    return effects if effects.count > updates.count else updates


def _recovery(evidence: Evidence) -> Recovery | None:
    """How long after the outage began a request that came after it was done, and which acknowledged ones survived."""
    if not evidence.fired:
        return None
    at = min(fired.at for fired in evidence.fired)
    done = anomalies.acknowledged(evidence.ops)
    after = [op.returned_at for op in done.values() if op.invoked_at > at and op.returned_at]
    finals = {_request(name): int(record["value"]) for name, record in evidence.finals.items()}
    before = [request for request, op in done.items() if (op.returned_at or at) <= at]
    survived = [request for request in before if finals.get(request, 1) != 0]
    return Recovery(min(after) - at if after else None, len(survived), len(before))


def _mistrusted(cell: Cell, certificates: Iterable[Certificate]) -> str | None:
    """Why this cell says nothing: a back end that it rests on failed its certification."""
    used = {SINK, *STRATEGIES[cell.strategy].state}
    failed = [each for each in certificates if each.back_end in used and each.failure]
    return f"{failed[0].back_end} is not certified: {failed[0].failure}" if failed else None
