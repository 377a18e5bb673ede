"""A thousand orders, 32 at a time, while the server is killed at ten random moments.

Every order must finish, no effect may be doubled or lost, and no process may be left. Exits with 1 otherwise.
"""

import argparse
import random
import sys
import time
from pathlib import Path

import harness
from harness import Failure, Progress, Server

PATIENCE_SECONDS = 900
MAX_DELAY_SECONDS = 0.2


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orders", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    options = parser.parse_args()
    print(
        f"{options.orders} orders, {options.concurrency} at a time, {options.kills} kills, seed {options.seed}",
        flush=True,
    )
    try:
        with harness.work_folder("crash") as folder:
            crash(folder, options.orders, options.kills, options.concurrency, options.seed)
    except Failure as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


def crash(folder: Path, count: int, kills: int, concurrency: int, seed: int) -> None:
    """The whole run; prints the counts. Raises `Failure`."""
    started = time.monotonic()
    server = Server(folder)
    orders = harness.make_orders("order", count, seed)
    try:
        server.start()
        harness.deploy(server)
        with harness.clients(server, orders, concurrency, PATIENCE_SECONDS) as (progress, join):
            kill_at_random(server, progress, count, kills, seed)
            join()
    finally:
        server.stop()
    result = harness.audit(folder / "ledger", orders, progress.done)
    report(server, progress, result, time.monotonic() - started)
    problems = [*result.problems, *(f"still running: {command}" for command in server.orphans + server.orphans_now())]
    if problems:
        raise Failure("\n".join(problems))


def kill_at_random(server: Server, progress: Progress, count: int, kills: int, seed: int) -> None:
    """Kills and restarts the server when random numbers of orders are done, each time after a random delay."""
    dice = random.Random(seed)
    deadline = time.monotonic() + PATIENCE_SECONDS
    for threshold in sorted(dice.sample(range(max(count * 95 // 100, kills)), kills)):
        while len(progress.done) < threshold:
            if time.monotonic() > deadline:
                raise Failure(f"only {len(progress.done)} orders were done after {PATIENCE_SECONDS} s")
            time.sleep(0.005)
        time.sleep(dice.uniform(0, MAX_DELAY_SECONDS))
        done = len(progress.done)
        server.kill()
        print(f"SIGKILL {server.kills}: {done} orders done, {len(server.orphans)} processes left", flush=True)
        server.start()


def report(server: Server, progress: Progress, result: harness.Audit, seconds: float) -> None:
    statuses = [described["status"] for described in progress.done.values()]
    print(f"orders ended: {len(statuses)}, of them SUCCEEDED: {statuses.count('SUCCEEDED')}")
    for call in ("reserve", "approval", "charge", "ship", "mail", "release"):
        calls, effects = (
            sum(number for (_, name), number in counted.items() if name == call)
            for counted in (result.calls, result.effects)
        )
        print(f"{call:>9}: {calls} calls, {effects} effects")
    print(f"attempts delivered again: {result.delivered_again}, of them refused by key: {result.refused_again}")
    print(f"kills: {server.kills}, processes left: {len(server.orphans)}")
    print(f"lost or doubled: {len(result.problems)}")
    print(f"seconds: {seconds:.1f}")


if __name__ == "__main__":
    sys.exit(main())
