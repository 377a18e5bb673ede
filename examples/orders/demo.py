"""Fifty orders, a SIGKILL in the middle, and every customer charged exactly once.

Deploys this folder's SAM template to a Stepwell server on SQLite, starts the orders through boto3, kills the server
when a charge has been made whose answer the server has not seen, starts it again on the same file, waits for every
order and then reads the ledger. Exits with 1 if anything was lost or charged twice, or if the kill made nothing be
delivered again: then it proved nothing.
"""

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import harness
from harness import Audit, Failure, Progress, Server
from rich.console import Console
from rich.table import Table

ROUNDS = 3
CONCURRENCY = 12
DONE_BEFORE_KILL = 0.3
"""The share of the orders that has ended when the server is killed."""
PATIENCE_SECONDS = 60

console = Console()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orders", type=int, default=50)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    try:
        with harness.work_folder("demo") as folder:
            demonstrate(folder, options.orders, options.seed)
    except Failure as failure:
        console.print(f"[red]{failure}", highlight=False)
        return 1
    return 0


def demonstrate(folder: Path, count: int, seed: int) -> None:
    """Rounds of fresh orders until a kill has had an attempt delivered again. Raises `Failure`."""
    server = Server(folder)
    try:
        server.start()
        harness.deploy(server)
        console.print(f"server {server.url} on {folder / 'stepwell.sqlite'}, examples/orders deployed")
        for number in range(1, ROUNDS + 1):
            if play(server, f"r{number}", count, seed + number):
                return
            console.print("the kill hit no attempt that had to be delivered again; once more with fresh orders")
        raise Failure(f"in {ROUNDS} rounds no kill had an attempt delivered again: nothing is proved")
    finally:
        server.stop()


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
