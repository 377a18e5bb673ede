"""The ledger of examples/orders under SIGKILL, and the audit that reads it."""

import json
import multiprocessing
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ORDERS = Path(__file__).parents[2] / "examples" / "orders"
sys.path.insert(0, str(ORDERS))

import harness  # noqa: E402
from ledger import Ledger, append, read_effects, read_lines  # noqa: E402

FORK = multiprocessing.get_context("fork")
EVENT = {"key": "execution/Charge", "order": "o-1"}


def result(request_id: str) -> dict[str, Any]:
    return {"charge": request_id, "amount": 5}


def in_process(work: Callable[[], Any]) -> multiprocessing.process.BaseProcess:
    process = FORK.Process(target=work)
    process.start()
    return process


def lines(folder: Path, name: str) -> list[dict[str, Any]]:
    return list(read_lines(folder / name))


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_one_effect_per_key(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    first = ledger.once("charge", EVENT, "r-1", lambda: result("r-1"))
    again = ledger.once("charge", EVENT, "r-1", lambda: pytest.fail("a second effect"))
    retry = ledger.once("charge", EVENT, "r-2", lambda: pytest.fail("a third effect"))
    other = ledger.once("charge", EVENT | {"key": "execution/Ship"}, "r-3", lambda: result("r-3"))
    assert first == again == retry == result("r-1")
    assert other == result("r-3")
    assert [call["request_id"] for call in lines(tmp_path, "calls.jsonl")] == ["r-1", "r-1", "r-2", "r-3"]
    assert [call["request_id"] for call in lines(tmp_path, "refused.jsonl")] == ["r-1", "r-2"]
    assert sorted(effect["request_id"] for effect in read_effects(tmp_path)) == ["r-1", "r-3"]


def test_an_effect_that_fails_is_none(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    with pytest.raises(ZeroDivisionError):
        ledger.once("charge", EVENT, "r-1", lambda: {"amount": 1 // 0})
    assert read_effects(tmp_path) == []
    assert ledger.once("charge", EVENT, "r-2", lambda: result("r-2")) == result("r-2")


def test_of_many_processes_one_makes_the_effect(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)

    def charge() -> None:
        ledger.once("charge", EVENT, str(os.getpid()), lambda: result(str(os.getpid())))

    processes = [in_process(charge) for _ in range(12)]
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 12
    assert len(lines(tmp_path, "calls.jsonl")) == 12
    assert len(lines(tmp_path, "refused.jsonl")) == 11
    assert len(read_effects(tmp_path)) == 1
    assert list(tmp_path.glob("effects/*.draft")) == []


def test_killed_between_call_and_effect(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    process = in_process(lambda: ledger.once("charge", EVENT, "r-1", lambda: time.sleep(60) or {}))
    wait_until(lambda: bool(lines(tmp_path, "calls.jsonl")))
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    assert read_effects(tmp_path) == []
    assert ledger.once("charge", EVENT, "r-1", lambda: result("second")) == result("second")
    assert lines(tmp_path, "refused.jsonl") == []


def test_killed_between_effect_and_return(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)

    def charge_and_hang() -> None:
        ledger.once("charge", EVENT, "r-1", lambda: result("first"))
        time.sleep(60)

    process = in_process(charge_and_hang)
    wait_until(lambda: bool(read_effects(tmp_path)))
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    assert ledger.once("charge", EVENT, "r-1", lambda: result("second")) == result("first")
    assert len(lines(tmp_path, "refused.jsonl")) == 1


def test_killed_at_any_moment(tmp_path: Path) -> None:
    """Deliveries of one key, killed after random delays: whatever was made first stays, whole and alone."""
    ledger = Ledger(tmp_path)
    seen = set()
    for attempt in range(40):
        process = in_process(lambda: ledger.once("charge", EVENT, "r-1", lambda: result(str(os.getpid()))))
        time.sleep(attempt % 20 * 0.0005)
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        seen |= {effect["result"]["charge"] for effect in read_effects(tmp_path)}
    final = ledger.once("charge", EVENT, "r-1", lambda: result("final"))
    assert [effect["result"] for effect in read_effects(tmp_path)] == [final]
    assert seen <= {final["charge"]}


def test_a_line_that_is_not_complete_is_not_read(tmp_path: Path) -> None:
    append(tmp_path / "calls.jsonl", {"order": "o-1"})
    with (tmp_path / "calls.jsonl").open("ab") as file:
        file.write(b'{"order": "o-')
    assert [line["order"] for line in read_lines(tmp_path / "calls.jsonl")] == ["o-1"]
    assert list(read_lines(tmp_path / "missing.jsonl")) == []


# --- the audit: what the demo and the crash test believe ------------------------------------------------------------

PAID = {"order": "o-1", "quantity": 1, "amount": 5, "card": "visa"}
DECLINED = {"order": "o-2", "quantity": 1, "amount": 5, "card": "declined"}


def ended(status: str, execution: str = "SUCCEEDED") -> dict[str, Any]:
    return {"status": execution, "output": json.dumps({"status": status})}


def played(folder: Path, order: dict[str, Any], calls: list[str], execution: str = "e") -> Ledger:
    ledger = Ledger(folder)
    for call in calls:
        event = {"key": f"{execution}/{order['order']}/{call}", "order": order["order"]}
        ledger.once(call, event, f"{execution}-{call}", lambda: {"amount": order["amount"]})
    return ledger


def test_the_audit_passes_what_is_right(tmp_path: Path) -> None:
    played(tmp_path, PAID, ["reserve", "charge", "ship", "mail"])
    played(tmp_path, DECLINED, ["reserve", "release"])
    report = harness.audit(tmp_path, [PAID, DECLINED], {"o-1": ended("shipped"), "o-2": ended("cancelled")})
    assert report.problems == []
    assert report.effects["o-1", "charge"] == 1
    assert report.delivered_again == report.refused_again == 0


@pytest.mark.parametrize(
    ("calls", "done", "problem"),
    [
        (["reserve", "charge", "ship", "mail"], {}, "o-1: has not ended"),
        (["reserve", "ship", "mail"], ended("shipped"), "o-1: 0 times charge, expected 1"),
        (["reserve", "charge", "ship", "mail", "release"], ended("shipped"), "o-1: 1 times release, expected 0"),
        (
            ["reserve", "charge", "ship", "mail"],
            ended("cancelled"),
            "o-1: is SUCCEEDED with cancelled, expected shipped",
        ),
        (["reserve", "charge", "ship", "mail"], ended("shipped", "FAILED"), "o-1: is FAILED with shipped"),
    ],
)
def test_the_audit_sees_what_is_lost(tmp_path: Path, calls: list[str], done: Any, problem: str) -> None:
    played(tmp_path, PAID, calls)
    report = harness.audit(tmp_path, [PAID], {"o-1": done} if done else {})
    assert [found[: len(problem)] for found in report.problems] == [problem]


def test_the_audit_sees_a_second_charge(tmp_path: Path) -> None:
    played(tmp_path, PAID, ["reserve", "charge", "ship", "mail"])
    played(tmp_path, PAID, ["charge"], execution="another")
    report = harness.audit(tmp_path, [PAID], {"o-1": ended("shipped")})
    assert report.problems == ["o-1: 2 times charge, expected 1"]


def test_the_audit_sees_a_wrong_amount(tmp_path: Path) -> None:
    played(tmp_path, PAID | {"amount": 6}, ["reserve", "charge", "ship", "mail"])
    report = harness.audit(tmp_path, [PAID], {"o-1": ended("shipped")})
    assert report.problems == ["o-1: charged 6, expected 5"]


def test_a_second_delivery_is_told_from_a_retry(tmp_path: Path) -> None:
    ledger = played(tmp_path, PAID, ["reserve", "charge", "ship", "mail"])
    event = {"key": "e/o-1/charge", "order": "o-1"}
    ledger.once("charge", event, "a-retry", lambda: result("x"))
    ledger.once("charge", event, "e-charge", lambda: result("x"))
    ledger.once("charge", event, "another-retry", lambda: result("x"))
    ledger.once("charge", event, "another-retry", lambda: result("x"))
    report = harness.audit(tmp_path, [PAID], {"o-1": ended("shipped")})
    assert report.problems == []
    assert (report.calls["o-1", "charge"], report.delivered_again, report.refused_again) == (5, 2, 2)
    assert report.redelivered_orders == ["o-1"]


def test_orders_of_all_kinds_and_the_same_for_a_seed() -> None:
    orders = harness.make_orders("x", 200, 3)
    assert orders == harness.make_orders("x", 200, 3)
    assert {order["card"] for order in orders} == {"visa", "declined", "lost-answer"}
    kinds = Counter((harness.expected_status(order), order["amount"] > harness.APPROVAL_ABOVE) for order in orders)
    assert min(kinds[kind] for kind in (("shipped", True), ("shipped", False), ("cancelled", True))) > 0


def test_processes_that_outlive_a_server_are_seen(tmp_path: Path) -> None:
    server = harness.Server(tmp_path)
    process = in_process(lambda: (os.chdir(tmp_path), time.sleep(60)))
    try:
        if Path("/proc/self/cwd").exists():
            wait_until(lambda: len(server.orphans_now()) == 1)
        children = harness._descendants(os.getpid())
        assert process.pid in children
    finally:
        process.kill()
        process.join()
    assert server.orphans_now() == []
