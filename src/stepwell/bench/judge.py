"""From what a quick run recorded to the rows of its table."""

from dataclasses import dataclass, replace
from pathlib import Path

from stepwell.bench import oracles, sink
from stepwell.bench.certify import Certificate
from stepwell.bench.history import Effect, Fired, Op, read_ops, read_rows, write_rows
from stepwell.bench.oracles import Verdict, requiring
from stepwell.bench.report import (
    DELIVERED_TWICE,
    EXPECTED,
    HOT_KEY,
    NEVER_CHARGED,
    ORCHESTRATED,
    STUCK,
    WORKER_DIED,
    Cell,
    Row,
)


def cell_run(name: str, row: str, measure: str) -> str:
    """What the operations of one cell carry as their run."""
    return f"{name}/{row}/{measure}"


def counter(row: str) -> str:
    """The key that a strategy's clients contend for."""
    return f"counter-{row}"


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that was recorded, by the run of a cell, and the final value of the counters."""

    ops: list[Op]
    effects: list[Effect]
    fired: list[Fired]
    counters: dict[str, int]

    @classmethod
    def read(cls, work: Path, clients: list[Op], counters: dict[str, int]) -> "Evidence":
        ops = sorted(read_ops((work / "ops").glob("*.jsonl")) + clients, key=lambda op: op.invoked_at)
        effects = list(read_rows(work / sink.EFFECTS, Effect))
        return cls(ops, effects, list(read_rows(work / sink.FIRED, Fired)), counters)

    def keep(self, folder: Path) -> None:
        """Writes it down, as JSON Lines."""
        write_rows(folder / "history.jsonl", self.ops)
        write_rows(folder / sink.EFFECTS, self.effects)
        write_rows(folder / sink.FIRED, self.fired)

    def of(self, run: str) -> "Evidence":
        return replace(
            self,
            ops=[op for op in self.ops if op.run == run],
            effects=[effect for effect in self.effects if effect.run == run],
            fired=[fired for fired in self.fired if fired.run == run],
        )


def judge(row: str, name: str, evidence: Evidence, certificates: tuple[Certificate, ...]) -> Row:
    """The verdicts on one strategy in the run `name`."""
    hot, twice, died = (evidence.of(cell_run(name, row, load)) for load in (HOT_KEY, DELIVERED_TWICE, WORKER_DIED))
    at_once = oracles.delivered_at_once(twice.ops)
    killed = {fired.request for fired in died.fired}
    contended = oracles.contended(hot.ops, counter(row))
    charges = replace(twice, ops=twice.ops + died.ops, effects=twice.effects + died.effects)
    verdicts = {
        DELIVERED_TWICE: (oracles.duplicate_effects(twice.effects, at_once), len(at_once)),
        WORKER_DIED: (oracles.duplicate_effects(died.effects, killed & oracles.retried(died.ops)), len(killed)),
        HOT_KEY: (oracles.lost_updates(hot.ops, counter(row), 0, evidence.counters[row]), contended),
        NEVER_CHARGED: (oracles.lost_effects(charges.ops, charges.effects), len(at_once) + len(killed)),
        STUCK: (oracles.stuck(hot.ops + charges.ops), contended + len(at_once) + len(killed)),
    }
    reason = _mistrusted(row, certificates)
    cells = {
        measure: Cell(_trusted(requiring(verdict, fired), reason), fired, measure in EXPECTED[row])
        for measure, (verdict, fired) in verdicts.items()
    }
    return Row(row, cells, *oracles.writes(hot.ops, counter(row)))


def _mistrusted(row: str, certificates: tuple[Certificate, ...]) -> str | None:
    """Why this row says nothing: a back end that it rests on failed its certification."""
    used = [each for each in certificates if row in ORCHESTRATED or each.back_end != "stepwell"]
    failed = [each for each in used if each.failure]
    return f"{failed[0].back_end} is not certified: {failed[0].failure}" if failed else None


def _trusted(verdict: Verdict, reason: str | None) -> Verdict:
    return replace(verdict, invalid=reason) if reason else verdict
