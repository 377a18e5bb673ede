"""A server is killed before and after its commits and its dispatches; whatever the moment, nothing is lost or doubled.

Each case begins with a server on a copy of one deployed database. It kills itself when it reaches a point for the n-th
time, is started again with the same fate, and at last without one. `STEPWELL_CRASH=full` tries every n.
"""

import asyncio
import json
import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from journals import EVERY_SHARD, check_all
from processes import ServerProcess, free_port, processes_of, shared_folder, wait_for_no_process_of
from workload import CHILD, EXECUTION, MAIN, OUTPUT, Workload, deploy

from stepwell.machine.execution import SUCCEEDED
from stepwell.store.sqlite import SqliteStore

pytestmark = pytest.mark.e2e

POINTS = ("commit.before", "commit.after", "dispatch.before", "dispatch.after")
KILLS_PER_RUN = 2
NUMBERS_PER_POINT = 5


@pytest.fixture(scope="module")
def deployed() -> Iterator[Path]:
    """A folder in which the workload is deployed and nothing has run."""
    with shared_folder() as folder:
        server = ServerProcess(folder, free_port())
        deploy(server.url)
        assert server.stop() == 0
        (folder / "reached").unlink(missing_ok=True)
        yield folder


@pytest.fixture(scope="module")
def reached(deployed: Path) -> Counter[str]:
    """How often a run that nobody disturbs reaches each point."""
    with shared_folder() as parent:
        folder = copy(deployed, parent)
        assert run_and_check(folder, fate=None) == (0, 0)
        return Counter((folder / "reached").read_text().split())


def copy(deployed: Path, parent: Path) -> Path:
    return Path(shutil.copytree(deployed, parent / "server"))


def run_and_check(folder: Path, fate: tuple[str, int] | None) -> tuple[int, int]:
    """Run the workload under that fate and hold it to the invariants; how many kills and redeliveries there were."""
    port = free_port()
    left = iter([fate] * (KILLS_PER_RUN - 1))
    workload = Workload(folder, port, lambda: ServerProcess(folder, port, next(left, None)))
    server, reply, kills = workload.run(ServerProcess(folder, port, fate))
    if fate is None and sys.platform == "linux":
        assert len(processes_of(folder)) > 1, "the server and its worker are seen, so orphans would be"
    server.kill()
    wait_for_no_process_of(folder)
    assert (reply["status"], json.loads(reply.get("output", "null"))) == (SUCCEEDED, OUTPUT), reply
    asyncio.run(check_store(folder, reply["output"]))
    return kills, workload.check_effects()


async def check_store(folder: Path, output: str) -> None:
    store = SqliteStore(folder / "stepwell.db")
    try:
        ended = await check_all(store, MAIN, CHILD)
        assert ended[EXECUTION].output is not None and ended[EXECUTION].output.text == output
        assert len(ended) == 2, "one execution and its one child"
        assert {execution.status for execution in ended.values()} == {SUCCEEDED}
        assert await store.outbox(EVERY_SHARD) == []
        assert await store.inbox(EVERY_SHARD) == []
        assert await store.timers_due(EVERY_SHARD, float("inf"), 10) == []
    finally:
        await store.close()


def numbers(times: int) -> list[int]:
    """The first and the last reaching of a point and some between, or all of them."""
    if os.environ.get("STEPWELL_CRASH") == "full":
        return list(range(1, times + 1))
    return sorted({1 + round(i * (times - 1) / (NUMBERS_PER_POINT - 1)) for i in range(NUMBERS_PER_POINT)})


@pytest.mark.parametrize("point", POINTS)
def test_killed_at(point: str, deployed: Path, reached: Counter[str]) -> None:
    assert reached[point] > NUMBERS_PER_POINT
    for number in numbers(reached[point]):
        with shared_folder() as parent:
            kills, redelivered = run_and_check(copy(deployed, parent), (point, number))
        print(f"{point} {number:3} of {reached[point]}: {kills} kills, {redelivered} calls delivered again")
        assert kills or number > reached[point] // 2, "an early point is reached in every run"
