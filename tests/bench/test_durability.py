"""What survives a killed process, a loss of power and a failover, on a real Valkey; and how that is known."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.bench.histories import History

from stepwell.bench.durability import network, power
from stepwell.bench.durability.adds import lost_adds
from stepwell.bench.durability.failover import failover
from stepwell.bench.durability.survival import POWER_LOSS, PROCESS_KILL, survival
from stepwell.bench.durability.valkey import AOF_ALWAYS, AOF_EVERYSEC, AOF_NO, NONE, RDB
from stepwell.processes.children import environment

SECONDS = 0.3
OVER_A_SYNC_SECONDS = 2.8
PATIENCE_SECONDS = 10.0

needs_tracer = pytest.mark.skipif(power.unavailable() is not None, reason=str(power.unavailable()))
needs_network = pytest.mark.skipif(network.unavailable() is not None, reason=str(network.unavailable()))


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("mode", "failure", "survived"),
    [
        (NONE, PROCESS_KILL, 0.0),
        (AOF_NO, PROCESS_KILL, 1.0),
        (AOF_ALWAYS, PROCESS_KILL, 1.0),
        pytest.param(AOF_NO, POWER_LOSS, 0.0, marks=needs_tracer),
        pytest.param(AOF_ALWAYS, POWER_LOSS, 1.0, marks=needs_tracer),
    ],
)
def test_all_or_nothing_survives(mode: str, failure: str, survived: float) -> None:
    left = survival(mode, failure, SECONDS)
    assert left.verdict.exposed > 0
    assert left.survived == survived
    assert len(left.verdict.witnesses) == (0 if survived else 3)


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("mode", "failure"), [(RDB, PROCESS_KILL), pytest.param(AOF_EVERYSEC, POWER_LOSS, marks=needs_tracer)]
)
def test_what_was_not_yet_saved_is_lost(mode: str, failure: str) -> None:
    left = survival(mode, failure, OVER_A_SYNC_SECONDS)
    assert left.survived is not None
    assert 0 < left.survived < 1
    # Lost is the end of what a writer did, and not some of it.
    assert left.verdict.witnesses[0].rows[0]["worker"] == "w0"
    assert left.verdict.witnesses[0].rows[0]["argument"] != "w0-1"


@pytest.mark.e2e
def test_after_a_failover_another_node_acknowledges() -> None:
    found = failover(0.5)
    assert found.survival.verdict.exposed > 0
    # How much is lost is the measured system's affair: Sentinel sometimes elects twice in a row, and the first one
    # goes on acknowledging until it is made a replica. But nothing is lost that the last one has acknowledged itself.
    assert found.survival.survived is not None
    assert found.of_successor.verdict.count == 0
    # Nobody takes over before the master has been silent for a second.
    assert found.recovery_seconds is not None
    assert found.recovery_seconds > 1


@pytest.mark.parametrize("arguments", [("aof", PROCESS_KILL), (NONE, "fire")])
def test_an_unknown_mode_or_failure_is_refused(arguments: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match=r"want one of none, rdb, aof-no, .* process-kill, power-loss"):
        survival(*arguments, SECONDS)


@pytest.mark.parametrize("permitted", [True, False], ids=["no strace", "no tracing"])
def test_without_a_tracer_a_loss_of_power_is_invalid(
    permitted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not permitted:
        (tmp_path / "strace").write_text("#!/bin/sh\necho PTRACE_TRACEME: Operation not permitted >&2\nexit 1\n")
        (tmp_path / "strace").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = survival(AOF_ALWAYS, POWER_LOSS, SECONDS)
    assert found.survived is None
    assert ("apt-get install strace" if permitted else "PTRACE_TRACEME: Operation") in str(found.verdict.invalid)


def test_only_what_was_acknowledged_can_be_lost(history: History) -> None:
    for member, status in {"kept": "ok", "gone": "ok", "refused": "fail", "unsure": "info", "applied": "info"}.items():
        history.op("write", member, status, argument=member, result="127.0.0.1:6379")  # type: ignore[arg-type]
    found = lost_adds(history.ops, {"kept", "applied"})
    assert (found.verdict.count, found.verdict.exposed, found.unacknowledged, found.survived) == (1, 2, 1, 0.5)
    assert found.verdict.witnesses[0].text == "gone was acknowledged by 127.0.0.1:6379 and is not there"


AOF = "/data/a.incr.aof"


@pytest.mark.parametrize(
    ("lines", "durable"),
    [
        ([f'7 write(9<{AOF}>, ""..., 50) = 50', f"7  fdatasync(9<{AOF}>)   = 0"], 50),
        ([f'7 write(9<{AOF}>, ""..., 50) = 50', f"7 fdatasync(9<{AOF}>) = -1 EIO (Input/output error)"], None),
        ([f'7 write(9<{AOF}>, ""..., 50) = 50'], None),
        ([f"8 fdatasync(9<{AOF}>) = 0", f'7 write(9<{AOF}>, ""..., 50) = 50'], 0),
        ([f'7 write(9<{AOF}>, ""..., 50) = 20', f"8 fsync(9<{AOF}>) = 0"], 20),
        (['7 write(9</data/other>, ""..., 50) = 50', f"8 fsync(9<{AOF}>) = 0"], 0),
        (
            [
                f'7 write(9<{AOF}>, ""..., 50) = 50',
                f"8 fdatasync(9<{AOF}> <unfinished ...>",
                f'7 write(9<{AOF}>, ""..., 30) = 30',
                "8 <... fdatasync resumed>)          = 0",
            ],
            50,
        ),
        (
            [
                f'7 write(9<{AOF}>, ""..., 50 <unfinished ...>',
                f"8 fdatasync(9<{AOF}>) = 0",
                "7 <... write resumed>) = 50",
            ],
            0,
        ),
        ([f'7 write(9<{AOF}>, ""..., 50) = 50', f"8 fdatasync(9<{AOF}> <unfinished ...>) = ?"], None),
        ([f'7 write(9<{AOF}>, ""..., 50) = 50', f"8 fdatasync(9<{AOF}>) = 0"] * 2, 100),
        (["8 <... fdatasync resumed>) = 0", "8 +++ killed by SIGKILL +++", "8 fdata"], None),
    ],
    ids=[
        "synced", "sync failed", "no sync", "written after", "written in part", "another file", "written meanwhile",
        "still being written", "sync without end", "twice", "torn",
    ],
)  # fmt: skip
def test_a_sync_is_good_for_what_had_been_written_when_it_was_called(lines: list[str], durable: int | None) -> None:
    assert power.synced(lines).get(AOF) == durable


def test_files_are_cut_to_what_was_synced(tmp_path: Path) -> None:
    synced, unsynced, log = (tmp_path / name for name in ("synced", "unsynced", "log"))
    for file in (synced, unsynced):
        file.write_bytes(b"x" * 10)
    log.write_text(f'7 write(9<{synced}>, ""..., 6) = 6\n7 fsync(9<{synced}>) = 0\n7 write(9<{synced}>, "", 4) = 4\n')
    power.cut([synced, unsynced], log)
    assert [file.stat().st_size for file in (synced, unsynced)] == [6, 0]


@needs_tracer
def test_what_the_tracer_notes_is_what_a_program_did(tmp_path: Path) -> None:
    program = (
        "import os; file = os.open('f', os.O_CREAT | os.O_WRONLY)\n"
        "os.write(file, b'x' * 5); os.fdatasync(file); os.write(file, b'x' * 3)"
    )
    log = tmp_path / "log"
    subprocess.run([*power.traced(log), sys.executable, "-c", program], check=True, cwd=tmp_path)
    power.cut([tmp_path / "f"], log)
    assert (tmp_path / "f").stat().st_size == 5


def test_a_network_needs_root_and_its_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert network.unavailable() == "needs root, to make network namespaces"
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert network.unavailable() == "needs the command ip (Debian: apt-get install iproute2)"


@needs_network
@pytest.mark.e2e
def test_a_cut_network_is_whole_again_when_it_is_healed(tmp_path: Path) -> None:
    with network.network((("a",), ("b", "c")), tmp_path) as net:

        def reached(by: str, name: str) -> bool:
            # Nothing listens there: a machine that is reached refuses, one that is not says nothing.
            connect = f"import socket; socket.create_connection(('{net.address(name)}', 9), 1)"
            tried = subprocess.run([*net.enter(by), sys.executable, "-c", connect], capture_output=True, check=False)
            return b"ConnectionRefusedError" in tried.stderr

        assert reached("a", "b")
        net.cut()
        assert not reached("a", "b")
        assert reached("c", "b")
        net.heal()
        assert reached("a", "b")


NETWORK = (
    "import sys, time; from pathlib import Path; from stepwell.bench.durability.network import network\n"
    "with network((('a',), ('b',)), Path(sys.argv[1])): time.sleep(60)"
)
TRACED = "from stepwell.bench.durability.survival import survival; survival('aof-always', 'power-loss', 60.0)"


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("program", "processes"),
    [pytest.param(NETWORK, 6, marks=needs_network), pytest.param(TRACED, 3, marks=needs_tracer)],
    ids=["network", "traced server"],
)
def test_nothing_outlives_a_benchmark_that_was_killed(program: str, processes: int, tmp_path: Path) -> None:
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, env=environment(tmp_path), cwd="/") as benchmark:
        _await(lambda: len(_at_work_in(tmp_path)) == processes)
        benchmark.send_signal(signal.SIGKILL)
    _await(lambda: not _at_work_in(tmp_path))


def _at_work_in(folder: Path) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink().is_relative_to(folder):
                found.append(process.name)
        except OSError:
            pass
    return found


def _await(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
