"""Histories in a short notation, and projects on disk."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

_DETAILS = {
    "StateEntered": "stateEnteredEventDetails",
    "StateExited": "stateExitedEventDetails",
}


def _event(line: str, number: int) -> dict[str, Any]:
    id, previous, type, *rest = line.split(maxsplit=3)
    event: dict[str, Any] = {
        "id": int(id),
        "previousEventId": int(previous),
        "type": type,
        "timestamp": START + timedelta(milliseconds=100 * number),
    }
    if rest:
        key = next((key for end, key in _DETAILS.items() if type.endswith(end)), None)
        detail = json.loads(rest[0]) if rest[0].startswith("{") else {"name": rest[0]}
        event[key or f"{type[0].lower()}{type[1:]}EventDetails"] = detail
    return event


@pytest.fixture
def history() -> Callable[[str], list[dict[str, Any]]]:
    """Events from lines of `id previousEventId type [name | {details}]`, each 100 ms after the one before."""

    def parse(text: str) -> list[dict[str, Any]]:
        lines = [line.strip() for line in text.strip().splitlines()]
        return [_event(line, number) for number, line in enumerate(lines)]

    return parse


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, with no endpoint named by the environment."""
    for name in (
        "STEPWELL_ENDPOINT", "AWS_ENDPOINT_URL_SFN", "AWS_ENDPOINT_URL", "STEPWELL_CREDENTIALS", "STEPWELL_DEBUG",
    ):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path
