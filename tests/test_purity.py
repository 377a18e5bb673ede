"""`asl/` and `machine/` are pure: no clock, no randomness, no I/O, no threads, no logging.

A step is decided again after a crash, on another machine and in simulation, and must come out the same to the byte.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import stepwell

PURE = ("asl", "machine")

ALLOWED = frozenset(
    {
        "base64", "binascii", "collections", "dataclasses", "datetime", "enum", "functools", "hashlib", "hmac",
        "itertools", "json", "math", "operator", "re", "types", "typing", "unicodedata", "urllib.parse", "uuid",
        "jlens", "msgspec", "orjson", "regex", "yaml", "stepwell",
    }
)  # fmt: skip
"""What a pure module may import. A new entry must neither see the world nor change it."""

INSTEAD = {
    "time": "take the time from the stimulus (turn.at, scope.at)",
    "random": "draw from the execution's seed (scope.draws, turn.draw_fraction)",
    "secrets": "draw from the execution's seed (scope.draws)",
    "logging": "emit a record, or let the engine log what the step led to",
    "asyncio": "emit a command; the engine performs it",
    "threading": "emit a command; the engine performs it",
    "subprocess": "emit a command; the engine performs it",
    "os": "have the caller pass in what you need",
    "pathlib": "have the caller read the file and pass its text",
    "io": "have the caller read the file and pass its text",
    "sqlite3": "have the store do it: the machine only makes records",
    "socket": "emit a command; a task runner performs it",
}
OTHERWISE = "what comes from outside comes as a stimulus, what goes out goes as a command (see ALLOWED in this test)"

IMPURE_CALLS = {
    "open": "have the caller read the file and pass its text",
    "input": "have the caller pass it in",
    "print": "emit a record, or return it",
    "breakpoint": "take it out again",
    "exec": "compile the definition to closures",
    "eval": "compile the definition to closures",
    "__import__": "import it at the top, where this test sees it",
    "id": "an address differs from process to process",
    "now": INSTEAD["time"],
    "utcnow": INSTEAD["time"],
    "today": INSTEAD["time"],
    "uuid.uuid1": INSTEAD["random"],
    "uuid.uuid4": INSTEAD["random"],
    "uuid.getnode": INSTEAD["os"],
}
"""By their whole name or its last part: `datetime.now()` is as impure as `now()`."""


def impurities(source: str) -> list[str]:
    """Every impure thing in a module, as `line: what: what to do instead`."""
    return [f"{line}: {what}: {instead}" for line, what, instead in sorted(_findings(ast.parse(source)))]


def _findings(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    yield from _imported(node.lineno, alias.name)
            case ast.ImportFrom(module=module, names=names):
                yield from _imported(node.lineno, module or "stepwell")
                for alias in names:
                    # `from uuid import uuid4` brings the call itself.
                    yield from _named(node.lineno, f"{module}.{alias.name}", f"from {module} import {alias.name}")
            case ast.Call(func=ast.Name() | ast.Attribute() as called):
                yield from _named(node.lineno, ast.unparse(called), f"{ast.unparse(called)}()")
            case ast.Global(names=names):
                yield node.lineno, f"global {', '.join(names)}", "keep state in the execution, and change it by records"


def _named(line: int, name: str, shown: str) -> Iterator[tuple[int, str, str]]:
    instead = IMPURE_CALLS.get(name) or IMPURE_CALLS.get(name.rpartition(".")[2])
    if instead is not None:
        yield line, shown, instead


def _imported(line: int, module: str) -> Iterator[tuple[int, str, str]]:
    root = module.partition(".")[0]
    if not ({module, root} & ALLOWED):
        yield line, f"import {module}", INSTEAD.get(root, OTHERWISE)


def modules() -> list[Path]:
    root = Path(stepwell.__file__).parent
    return sorted(path for name in PURE for path in (root / name).rglob("*.py"))


@pytest.mark.parametrize("path", modules(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_pure(path: Path):
    assert not impurities(path.read_text()), f"{path} must be pure"


def test_there_is_something_to_look_at():
    assert {path.parent.name for path in modules()} == {*PURE, "maprun"}
    assert len(modules()) > 20


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import time", "import time: take the time from the stimulus"),
        ("import os.path", "import os.path: have the caller pass in"),
        ("from random import random", "import random: draw from the execution's seed"),
        ("from secrets import token_hex", "import secrets: draw from"),
        ("import logging", "import logging: emit a record"),
        ("import asyncio, threading", "import threading: emit a command"),
        ("import io", "import io: have the caller read the file"),
        ("import sqlite3", "import sqlite3: have the store do it"),
        ("import requests", "import requests: what comes from outside comes as a stimulus"),
        ("from urllib import request", "import urllib: what comes from outside"),
        ("def f():\n    import socket", "2: import socket: emit a command"),
        ("from datetime import datetime\ndatetime.now()", "2: datetime.now(): take the time from the stimulus"),
        ("import datetime\ndatetime.date.today()", "datetime.date.today(): take the time"),
        ("import uuid\nx = uuid.uuid4()", "uuid.uuid4(): draw from the execution's seed"),
        ("from uuid import uuid4", "from uuid import uuid4: draw from the execution's seed"),
        ("open('f')", "open(): have the caller read the file"),
        ("print('x')", "print(): emit a record"),
        ("def f():\n    global x", "2: global x: keep state in the execution"),
        ("__import__('time')", "__import__(): import it at the top"),
    ],
)
def test_impure(source: str, found: str):
    assert any(found in line for line in impurities(source)), impurities(source)


@pytest.mark.parametrize(
    "source",
    [
        "import re\nfrom collections.abc import Callable",
        "from datetime import UTC, datetime\ndatetime(2020, 1, 1, tzinfo=UTC).timestamp()",
        "import uuid\nuuid.UUID(bytes=b'0' * 16, version=4)",
        "from stepwell.asl.errors import StatesError",
        "from urllib.parse import quote",
        "opened = {}\nopened.get('open')",
        "from stepwell.asl.intrinsic_functions import uuid4\nuuid4(draws.bits())",
    ],
)
def test_allowed(source: str):
    assert impurities(source) == []
