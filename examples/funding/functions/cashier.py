"""The cashier's ledger: a file of calls and a file of entries, both append-only and fsynced.

An entry changes a balance and is made once per key. Unlike a single effect it depends on all entries before it, so it
is read, decided and written under one lock, which the operating system frees when its holder is killed.
"""

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


class Cashier:
    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def enter(self, call: str, event: dict, request_id: str, decide: Callable[[float], dict]) -> dict:
        """Records the call and makes one entry under the event's key; the entry that is there already counts.

        `decide` takes the artist's balance and gives the entry, whose `amount` is added to the balance.
        """
        named = {"call": call, "key": event["key"], "artist": event["artist"], "request_id": request_id}
        _append(self.folder / "calls.jsonl", named)
        with self._locked():
            entries = list(read_lines(self.folder / "entries.jsonl"))
            made = next((entry for entry in entries if entry["key"] == event["key"]), None)
            if made is None:
                balance = sum(entry["amount"] for entry in entries if entry["artist"] == event["artist"])
                made = decide(balance)
                made |= named | {"balance": balance + made["amount"]}
                _append(self.folder / "entries.jsonl", made)
        return made

    def ask(self, request: dict) -> None:
        """Leaves a request for funding where `fund.py` finds it."""
        _append(self.folder / "requests.jsonl", request)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def _append(path: Path, entry: dict) -> None:
    line = json.dumps(entry | {"at": time.time()}).encode() + b"\n"
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        if os.write(file, line) != len(line):
            raise OSError(f"{path}: a line was written in part")
        os.fsync(file)
    finally:
        os.close(file)


def read_lines(path: Path) -> Iterator[dict]:
    if path.exists():
        yield from (json.loads(line) for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n"))


def open_cashier() -> Cashier:
    """The cashier whose folder the function's environment names."""
    return Cashier(os.environ["CASHIER_DIR"])
