"""The whole of it, on real parts."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stepwell.bench.history import Effect, Fired, Op, read_rows
from stepwell.bench.loads import Loads
from stepwell.bench.quick import Settings, run
from stepwell.bench.report import DELIVERED_TWICE, EXPECTED, HOT_KEY, MEASURES, WORKER_DIED, as_members

pytestmark = pytest.mark.e2e


def test_quick_finds_what_is_to_be_found_and_nothing_else(tmp_path: Path) -> None:
    phases: list[str] = []
    report = run(Settings(seed=3, seconds=8, deaths=3, out=tmp_path), lambda phase, left: phases.append(phase))

    found = {row.strategy: {measure for measure in MEASURES if row.cells[measure].verdict.count} for row in report.rows}
    reasons = [(row.strategy, name, cell.text()) for row in report.rows for name, cell in row.cells.items()]
    assert report.valid, reasons
    assert found == EXPECTED, reasons
    for row in report.rows:
        assert row.cells[WORKER_DIED].fired >= 3
        for measure in EXPECTED[row.strategy]:
            assert row.cells[measure].verdict.witnesses, (row.strategy, measure)
    assert [each.back_end for each in report.certificates] == ["dynamodb", "sink", "stepwell"]
    assert phases[0].startswith("starting") and phases[-1] == "workers die after the charge"
    assert json.loads((tmp_path / "report.json").read_bytes()) == json.loads(json.dumps(as_members(report)))
    _check_histories(tmp_path, report.run)


def _check_histories(folder: Path, run: str) -> None:
    """That what was kept supports the verdicts on its own."""
    ops = list(read_rows(folder / "history.jsonl", Op))
    effects = list(read_rows(folder / "effects.jsonl", Effect))
    fired = list(read_rows(folder / "fired.jsonl", Fired))
    assert [effect.sequence for effect in effects] == list(range(1, len(effects) + 1))
    died = {f"{run}/{row}/{WORKER_DIED}" for row in EXPECTED}
    assert {each.run for each in fired} == died
    for each in fired:
        # The worker that died had its effect confirmed, and never came back to any other request.
        [emitted] = [op for op in ops if op.kind == "emit" and op.request == each.request and op.worker == each.worker]
        assert (emitted.status, emitted.returned_at is not None) == ("ok", True)
        assert max(op.invoked_at for op in ops if op.worker == each.worker) == emitted.invoked_at
    for measure in (HOT_KEY, DELIVERED_TWICE, WORKER_DIED):
        assert {op.run for op in ops} >= {f"{run}/{row}/{measure}" for row in EXPECTED}


def test_what_fails_leaves_no_process_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the load fell over")

    started: list[subprocess.Popen[bytes]] = []
    start = subprocess.Popen.__init__

    def note(self: "subprocess.Popen[bytes]", *arguments: object, **settings: object) -> None:
        start(self, *arguments, **settings)  # type: ignore[arg-type]
        started.append(self)

    monkeypatch.setattr(subprocess.Popen, "__init__", note)
    monkeypatch.setattr(Loads, "run", fail)
    with pytest.raises(RuntimeError, match="fell over"):
        run(Settings(seed=3, seconds=4), lambda phase, left: None)
    assert len(started) == 3
    assert all(process.poll() is not None for process in started)


def test_a_child_ends_when_the_pipe_of_its_parent_closes() -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "stepwell.bench.child", "http.server", "--bind", "127.0.0.1", "0"],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)},
    )  # fmt: skip
    assert child.stdin is not None
    child.stdin.close()
    assert child.wait(10) == -signal.SIGTERM
