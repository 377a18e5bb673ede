"""From a URL to an open store."""

import asyncio
from pathlib import Path

from stepwell.store.memory import MemoryStore
from stepwell.store.protocol import Store, StoreError
from stepwell.store.sqlite import SqliteStore


async def open_store(url: str) -> Store:
    """Open the store at `memory:`, `sqlite:PATH`, or as SQLAlchemy writes it `sqlite:///PATH`.

    In the last form a relative path follows three slashes and an absolute one four. StoreError if the URL names no
    store, or if the store cannot be opened.
    """
    scheme, _, rest = url.partition(":")
    if scheme == "memory" and not rest:
        return MemoryStore()
    if scheme == "sqlite":
        return await asyncio.to_thread(SqliteStore, _path(url, rest))
    if scheme in ("postgres", "postgresql"):
        raise StoreError("PostgreSQL is not available yet: use sqlite:PATH")
    raise StoreError(f"{url!r} names no store: use sqlite:PATH, or memory: to keep nothing")


def sqlite_path(text: str) -> Path:
    """The file that a store's URL, or a path, names. StoreError for a store that is no file."""
    scheme, colon, rest = text.partition(":")
    if scheme == "sqlite" and colon:
        return _path(text, rest)
    if scheme in ("memory", "postgres", "postgresql") and colon:
        raise StoreError(f"{text!r} is no SQLite file: give the path of one, or sqlite:PATH")
    return Path(text)


def _path(url: str, rest: str) -> Path:
    text = rest.removeprefix("///")
    if not text or (text == rest and rest.startswith("//")):
        raise StoreError(f"{url!r} names no file: write sqlite:PATH, sqlite:///RELATIVE or sqlite:////ABSOLUTE")
    if text == ":memory:":
        raise StoreError(f"{url!r} names no file: write memory: to keep nothing")
    return Path(text)
