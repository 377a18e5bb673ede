"""What the functions did, on disk: calls and effects, apart.

A *call* is one run of a function: a line in `calls.jsonl`, written before anything else happens. An *effect* is what
must happen once per key, such as a charge: one file in `effects/`, made atomically. A call whose effect is there
already is *refused*: a line in `refused.jsonl`, and the caller gets the result of the first one.

The key is made of the execution and the state, because a retry is a new attempt with a new request id, and because
after a crash the same attempt is delivered again.
"""

import hashlib
import json
import os
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

CALLS = "calls.jsonl"
REFUSED = "refused.jsonl"
EFFECTS = "effects"
CARRIER_DOWN = "carrier-down"
"""While a file of this name is in the folder, nothing can be shipped."""


class Ledger:
    """The ledger in one folder, which many processes share and any of which may be killed at any time."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.effects = self.folder / EFFECTS
        self.effects.mkdir(parents=True, exist_ok=True)

    def once(
        self, call: str, event: dict[str, Any], request_id: str, effect: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        """Records the call and makes the effect, unless it is there already; returns the result of the effect.

        `event` has `key` and `order`. `effect` gives the result; what it does outside counts only from the moment
        at which the record of it is on disk, so an effect that is killed before that is made by the next delivery.
        """
        entry = {"call": call, "key": event["key"], "order": event["order"], "request_id": request_id}
        append(self.folder / CALLS, entry)
        existing = self.find(event["key"])
        if existing is None:
            result = effect()
            if self._make(entry | {"result": result}):
                return result
            existing = self.find(event["key"])
        append(self.folder / REFUSED, entry)
        return existing["result"]

    def find(self, key: str) -> dict[str, Any] | None:
        try:
            return json.loads(self._file(key).read_bytes())
        except FileNotFoundError:
            return None

    def _file(self, key: str) -> Path:
        return self.effects / f"{hashlib.sha256(key.encode()).hexdigest()}.json"

    def _make(self, entry: dict[str, Any]) -> bool:
        """Creates the effect's file; False when another call was first.

        A link and not O_EXCL: the file must appear with its whole content, or a kill between creating and writing it
        would leave a key that is taken by an effect that nobody can read.
        """
        draft = self.effects / f"{uuid.uuid4()}.draft"
        write(draft, os.O_CREAT | os.O_EXCL, entry)
        try:
            os.link(draft, self._file(entry["key"]))
        except FileExistsError:
            return False
        finally:
            draft.unlink()
            sync_folder(self.effects)
        return True


def append(path: Path, entry: dict[str, Any]) -> None:
    """One line, durable when this returns. Lines of concurrent writers do not mix: O_APPEND and a single write."""
    write(path, os.O_CREAT | os.O_APPEND, entry)


def write(path: Path, flags: int, entry: dict[str, Any]) -> None:
    line = json.dumps(entry | {"at": time.time()}, separators=(",", ":")).encode() + b"\n"
    file = os.open(path, os.O_WRONLY | flags, 0o644)
    try:
        if os.write(file, line) != len(line):
            raise OSError(f"{path}: a line was written in part")
        os.fsync(file)
    finally:
        os.close(file)


def sync_folder(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The complete lines of a file that others may be appending to; none when there is no such file."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    for line in data.splitlines(keepends=True):
        if line.endswith(b"\n"):
            yield json.loads(line)


def read_effects(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_bytes()) for path in sorted(Path(folder, EFFECTS).glob("*.json"))]


def open_ledger() -> Ledger:
    """The ledger that the environment of the function names."""
    return Ledger(os.environ["LEDGER_DIR"])
