"""The whole of it, on real parts."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stepwell.bench import plan
from stepwell.bench.catalog import (
    BLIND,
    CACHE,
    CHARGE,
    CONDITIONAL,
    COUNTER,
    CRASH,
    DUPLICATE,
    DUPLICATED,
    HOT_KEY,
    KEYED,
    LOST,
    ORCHESTRATION,
    ORDER,
    QUEUED,
    RESPONSE_LOST,
    SINGLE_WRITER,
    STORE_KILL,
)
from stepwell.bench.history import Effect, Fired, Op, read_rows
from stepwell.bench.load.drive import Drive
from stepwell.bench.oracles.outcome import Outcome
from stepwell.bench.plan import Cell, Plan
from stepwell.bench.report.data import Report
from stepwell.bench.run import Settings, run

pytestmark = pytest.mark.e2e


def measured(cells: tuple[Cell, ...], seconds: float, out: Path | None = None) -> tuple[Report, list[str]]:
    phases: list[str] = []
    plan = Plan(name=f"test-{os.getpid():x}", cells=cells, seconds=seconds, calm=3)
    return run(plan, Settings(seed=3, out=out), lambda phase, left: phases.append(phase)), phases


def told(outcome: Outcome) -> str:
    verdicts = {name: each.invalid or f"{each.count} of {each.exposed}" for name, each in outcome.verdicts.items()}
    return f"{outcome.workload} {outcome.strategy} {outcome.fault} {verdicts}"


def test_quick_finds_what_is_to_be_found_and_nothing_else(tmp_path: Path) -> None:
    report, phases = measured(plan.QUICK, 8, tmp_path)
    assert report.valid, [told(each) for each in report.outcomes if each.invalid]
    assert not [told(each) for each in report.outcomes if each.disagreements]
    for outcome in report.outcomes:
        for measure in outcome.found:
            assert outcome.verdicts[measure].witnesses, told(outcome)
    assert phases[0].startswith("starting") and phases[-1].startswith("workers killed")
    _check_histories(tmp_path, report)


def _check_histories(folder: Path, report: Report) -> None:
    """That what was kept supports the verdicts on its own."""
    ops = list(read_rows(folder / "history.jsonl", Op))
    effects = list(read_rows(folder / "effects.jsonl", Effect))
    fired = list(read_rows(folder / "fired.jsonl", Fired))
    assert [effect.sequence for effect in effects] == list(range(1, len(effects) + 1))
    assert {each.fault for each in fired} == {CRASH}
    for each in fired:
        # The worker that died never came back to any other request.
        own = [op for op in ops if op.worker == each.worker]
        assert {op.request for op in own if op.invoked_at >= each.at} <= {each.request}
    cells = {Cell(each.workload, each.strategy, each.fault).run(report.run) for each in report.outcomes}
    assert cells <= {op.run for op in ops}


def test_each_default_strategy_stands_or_falls_as_expected_when_responses_and_stores_are_lost() -> None:
    strategies = (BLIND, CONDITIONAL, CACHE, QUEUED, SINGLE_WRITER, ORCHESTRATION)
    cells = plan.cells((ORDER,), strategies, (RESPONSE_LOST, STORE_KILL))
    report, _ = measured(cells, 14)
    assert not [told(each) for each in report.outcomes if each.invalid or each.disagreements]
    by_cell = {(each.strategy, each.fault): each for each in report.outcomes}
    lost = by_cell[CACHE, STORE_KILL].recovery
    kept = by_cell[CONDITIONAL, STORE_KILL].recovery
    assert lost and lost.survived == 0 < lost.acknowledged
    assert kept and kept.survived == kept.acknowledged > 0


def test_a_race_is_lost_by_blind_writes_only_and_the_key_at_the_provider_is_what_saves_a_charge() -> None:
    cells = plan.cells((COUNTER,), (BLIND, CACHE, SINGLE_WRITER), (HOT_KEY, DUPLICATE))
    cells += plan.cells((CHARGE,), (ORCHESTRATION, KEYED), (CRASH,))
    report, _ = measured(cells, 8)
    found = {(each.workload, each.strategy, each.fault): set(each.found) for each in report.outcomes}
    assert found[COUNTER, BLIND, HOT_KEY] == {LOST}
    assert found[CHARGE, ORCHESTRATION, CRASH] == {DUPLICATED}
    clean = [(COUNTER, CACHE, HOT_KEY), (COUNTER, SINGLE_WRITER, HOT_KEY), (CHARGE, KEYED, CRASH)]
    assert not any(found[cell] for cell in clean)


def test_what_fails_leaves_no_process_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the load fell over")

    started: list[subprocess.Popen[bytes]] = []
    start = subprocess.Popen.__init__

    def note(self: "subprocess.Popen[bytes]", *arguments: object, **settings: object) -> None:
        start(self, *arguments, **settings)  # type: ignore[arg-type]
        started.append(self)

    monkeypatch.setattr(subprocess.Popen, "__init__", note)
    monkeypatch.setattr(Drive, "run", fail)
    with pytest.raises(RuntimeError, match="fell over"):
        measured(plan.QUICK, 4)
    assert len(started) >= 5
    assert all(process.poll() is not None for process in started)


@pytest.mark.parametrize(
    "command", [["http.server", "--bind", "127.0.0.1", "0"], ["-", "sleep", "600"]], ids=["module", "program"]
)
def test_a_child_ends_when_the_pipe_of_its_parent_closes(command: list[str]) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "stepwell.processes.child", *command],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)},
    )  # fmt: skip
    assert child.stdin is not None
    child.stdin.close()
    assert child.wait(10) in (-signal.SIGTERM, 256 - signal.SIGTERM)
