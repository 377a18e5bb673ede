"""Fifty orders, a SIGKILL in the middle, and every customer charged exactly once.

Deploys this folder's SAM template to a Stepwell server on SQLite, starts the orders through boto3, kills the server
when a charge has been made whose answer the server has not seen, starts it again on the same file, waits for every
order and then reads the ledger. Exits with 1 if anything was lost or charged twice, or if the kill made nothing be
delivered again: then it proved nothing.

Its store stays in the repository's .stepwell/demo until the next run, with two more orders for whoever opens the
console on it: one that failed, and one that waits for approval.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import approve
import harness
from harness import Audit, Failure, Progress, Server
from ledger import CARRIER_DOWN
from rich.console import Console
from rich.table import Table

ROUNDS = 3
CONCURRENCY = 12
DONE_BEFORE_KILL = 0.3
"""The share of the orders that has ended when the server is killed."""
PATIENCE_SECONDS = 60
FOLDER = harness.HERE.parents[1] / ".stepwell" / "demo"

FAILED = {"order": "o-1041", "quantity": 1, "amount": 120, "card": "visa"}
"""It is paid, and then cannot be shipped because the carrier's service is down."""
WAITING = {"order": "o-1042", "quantity": 2, "amount": 1800, "card": "visa"}
"""It is so large that somebody has to approve it."""

console = Console()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orders", type=int, default=50)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    try:
        demonstrate(harness.make_anew(FOLDER), options.orders, options.seed)
    except Failure as failure:
        console.print(f"[red]{failure}", highlight=False)
        return 1
    invite(FOLDER)
    return 0


def demonstrate(folder: Path, count: int, seed: int) -> None:
    """The proof, and then the orders that stay. Raises `Failure`."""
    server = Server(folder)
    try:
        server.start()
        harness.deploy(server)
        console.print(f"server {server.url} on {folder / harness.DATABASE}, examples/orders deployed")
        prove(server, count, seed)
        leave(server)
    finally:
        server.stop()


def prove(server: Server, count: int, seed: int) -> None:
    """Rounds of fresh orders until a kill has had an attempt delivered again. Raises `Failure`."""
    for number in range(1, ROUNDS + 1):
        if play(server, f"r{number}", count, seed + number):
            return
        console.print("the kill hit no attempt that had to be delivered again; once more with fresh orders")
    raise Failure(f"in {ROUNDS} rounds no kill had an attempt delivered again: nothing is proved")


def play(server: Server, prefix: str, count: int, seed: int) -> bool:
    """One round; True when an attempt was delivered again and refused. Raises `Failure` for what is lost or doubled."""
    orders = harness.make_orders(prefix, count, seed)
    with harness.clients(server, orders, CONCURRENCY, PATIENCE_SECONDS) as (progress, join):
        kill_while_charging(server, progress, int(count * DONE_BEFORE_KILL))
        server.start()
        join()
    result = harness.audit(server.folder / "ledger", orders, progress.done)
    histories = {order["order"]: read_history(server, progress.done[order["order"]]) for order in orders}
    if result.redelivered_orders or result.problems:
        show(server, orders, progress, result, histories)
    if result.problems:
        raise Failure("\n".join(["lost or doubled:", *result.problems]))
    if server.orphans:
        raise Failure("\n".join(["still running after the kill:", *server.orphans]))
    return result.refused_again > 0


def kill_while_charging(server: Server, progress: Progress, done_before: int) -> None:
    """Kills the server right after a charge was written: its function has yet to wait for the gateway's answer."""
    ledger = server.folder / "ledger"
    seen: set[str] = set()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        charged = harness.new_charges(ledger, seen)
        if charged and len(progress.done) >= done_before:
            server.kill()
            console.print(
                f"[bold red]SIGKILL[/] with {len(progress.done)} orders done and the charge of {charged[0]} in flight"
            )
            return
        time.sleep(0.002)
    raise Failure(
        f"after {PATIENCE_SECONDS} s {len(progress.done)} orders were done: no moment came to kill the server"
    )


def read_history(server: Server, described: dict[str, Any]) -> list[dict[str, Any]]:
    pages = harness.client(server.url).get_paginator("get_execution_history")
    events = pages.paginate(executionArn=described["executionArn"], includeExecutionData=False)
    return [event for page in events for event in page["events"]]


# --- what it leaves ----------------------------------------------------------------------------------------------


def leave(server: Server) -> None:
    """The two orders that stay: one failed, though a redrive mends it, and one waits. Raises `Failure`."""
    sfn = harness.client(server.url)
    ledger = server.folder / "ledger"
    carrier_down = ledger / CARRIER_DOWN
    carrier_down.touch()
    for order in (FAILED, WAITING):
        harness.start(sfn, order)
    arn = harness.execution_arn(FAILED)
    wait_until(lambda: sfn.describe_execution(executionArn=arn)["status"] == "FAILED", f"{FAILED['order']} to fail")
    carrier_down.unlink()
    wait_until(lambda: WAITING["order"] in approve.waiting(ledger), f"{WAITING['order']} to ask for approval")


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise Failure(f"waited {PATIENCE_SECONDS} s for {what}, in vain")
        time.sleep(0.02)


def invite(folder: Path) -> None:
    """Says what is left, and how to look at it."""
    program, *arguments = harness.stepwell_command()
    command = [shown(program), *arguments, "console", f"sqlite:///{shown(folder / harness.DATABASE)}"]
    console.print(f"\nleft for you: order {FAILED['order']} has failed, order {WAITING['order']} waits for approval.")
    console.print("See why, redrive the one and approve the other in the console:\n")
    console.print(f"    {' '.join(command)}", highlight=False, soft_wrap=True)


def shown(path: str | Path) -> str:
    """As one types it here: relative where it lies below."""
    return str(Path(path).relative_to(Path.cwd()) if Path(path).is_relative_to(Path.cwd()) else path)


# --- what it shows -----------------------------------------------------------------------------------------------


def show(
    server: Server,
    orders: list[dict[str, Any]],
    progress: Progress,
    result: Audit,
    histories: dict[str, list[dict[str, Any]]],
) -> None:
    table = Table(
        "order", "status", "states passed", "charge calls", "charges", "duration", title="read from the ledger"
    )
    for order in orders:
        name = order["order"]
        mark = " [bold red]*[/]" if name in result.redelivered_orders else ""
        table.add_row(name + mark, *cells(progress.done[name], histories[name], result, name))
    console.print(table)
    ends = Counter(outcome(described) for described in progress.done.values())
    charges = sum(count for (_, call), count in result.effects.items() if call == "charge")
    console.print(f"orders: {len(orders)}, {', '.join(f'{count} {end}' for end, count in sorted(ends.items()))}")
    console.print(f"charges: {charges}, expected {sum(harness.expected_status(o) == 'shipped' for o in orders)}")
    cut_off = result.delivered_again - result.refused_again
    console.print(f"attempts delivered again after the kill: {result.delivered_again}")
    console.print(f"  refused by the ledger's key: {result.refused_again}, cut off before their effect: {cut_off}")
    if result.redelivered_orders:
        show_history(result.redelivered_orders[0], histories[result.redelivered_orders[0]])


def cells(described: dict[str, Any], history: list[dict[str, Any]], result: Audit, order: str) -> list[str]:
    passed = sum(event["type"].endswith("StateEntered") for event in history)
    seconds = (described["stopDate"] - described["startDate"]).total_seconds()
    numbers = (passed, result.calls[order, "charge"], result.effects[order, "charge"])
    return [outcome(described), *map(str, numbers), f"{seconds:.2f} s"]


def outcome(described: dict[str, Any]) -> str:
    """What became of the order; the execution's status where it has no output."""
    return str(json.loads(described.get("output", "{}")).get("status", described["status"]))


def show_history(order: str, history: list[dict[str, Any]]) -> None:
    table = Table("id", "after", "event", "state", title=f"history of {order}")
    started = history[0]["timestamp"]
    for event in history:
        details = next((value for key, value in event.items() if key.endswith("EventDetails")), {})
        after = (event["timestamp"] - started).total_seconds()
        table.add_row(
            str(event["id"]), f"{after:.3f} s", event["type"], details.get("name") or details.get("error", "")
        )
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
