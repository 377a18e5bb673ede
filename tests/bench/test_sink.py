"""The provider: an order of its own, one effect for a key, and rows that are there before the answer."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from stepwell.bench.history import Effect, Fired, read_rows
from stepwell.bench.parts import sink
from stepwell.bench.parts.certify import certify_sink
from stepwell.bench.worker.gateway import Gateway

ROW = {"run": "r", "request": "a", "attempt": 1, "worker": "w", "type": "charge"}


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    server = sink.serve(tmp_path, 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_without_a_key_every_call_is_an_effect(address: str, tmp_path: Path) -> None:
    gateway = Gateway(address)
    replies = [gateway.effect(ROW, None) for _ in range(2)]
    assert [(reply["sequence"], reply["repeated"]) for reply in replies] == [(1, False), (2, False)]
    effects = list(read_rows(tmp_path / sink.EFFECTS, Effect))
    assert [(effect.sequence, effect.type, effect.key) for effect in effects] == [
        (1, "charge", None),
        (2, "charge", None),
    ]


def test_with_a_key_the_first_receipt_comes_back_and_both_calls_are_kept(address: str, tmp_path: Path) -> None:
    gateway = Gateway(address)
    assert gateway.effect(ROW, "k") == {"sequence": 1, "repeated": False}
    assert gateway.effect(ROW | {"attempt": 2}, "k") == {"sequence": 1, "repeated": True}
    assert gateway.effect(ROW, "other") == {"sequence": 2, "repeated": False}
    assert len(rows(tmp_path / sink.CALLS)) == 3
    assert len(rows(tmp_path / sink.EFFECTS)) == 2


def test_a_fault_strikes_once_for_a_request_and_is_written_down(address: str, tmp_path: Path) -> None:
    gateway = Gateway(address)
    fired = {"fault": "f", "run": "r", "request": "a", "worker": "w"}
    assert [gateway.note_fired(fired), gateway.note_fired(fired | {"worker": "other"})] == [True, False]
    assert gateway.note_fired(fired | {"request": "b"})
    assert [row.request for row in read_rows(tmp_path / sink.FIRED, Fired)] == ["a", "b"]


def test_sixteen_clients_with_one_key_make_one_effect(address: str, tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda _: Gateway(address).effect(ROW, "k"), range(64)))
    assert sorted(reply["repeated"] for reply in replies) == [False] + [True] * 63
    assert {reply["sequence"] for reply in replies} == {1}
    assert len(rows(tmp_path / sink.EFFECTS)) == 1


def test_it_passes_its_own_certification(address: str) -> None:
    certificate = certify_sink(address, "r", 0.2)
    assert certificate.failure is None
    assert certificate.trials[0].raced > 0
