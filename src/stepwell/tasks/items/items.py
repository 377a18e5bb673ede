"""`Items`: the reader and the writer of every Distributed Map, as the engine calls them.

Reading goes page by page. A page's cursor is all that is needed to go on; streams that were read from last stay open,
so that going on at once costs nothing. Files are never touched on the event loop.
"""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from stepwell.asl.errors import ITEM_READER_FAILED, StatesError
from stepwell.asl.jsontext import Json, encode
from stepwell.engine.tasks import ItemsPage
from stepwell.tasks.items.places import Place, PlaceError, find
from stepwell.tasks.items.results import ChildResult
from stepwell.tasks.items.settings import read_settings
from stepwell.tasks.items.stream import Cursor, Entry, Source
from stepwell.tasks.items.writer import PART_BYTES, write_results

T = TypeVar("T")

ITEM_BYTES_MAX = 262_144
"""AWS's limit of an input, and with it of an item."""

_THREADS = 8
_STREAMS = 16


class Items:
    """Reads and writes for all Map Runs of a process."""

    def __init__(
        self,
        s3: Callable[[str], Any],
        folders: Sequence[Path],
        item_bytes_max: int = ITEM_BYTES_MAX,
        part_bytes: int = PART_BYTES,
    ) -> None:
        """`s3` gives botocore's client for a region; of this machine only what is in `folders` can be named."""
        self._s3 = s3
        self._folders = folders
        self._item_bytes_max = item_bytes_max
        self._part_bytes = part_bytes
        self._open: OrderedDict[str, _Stream] = OrderedDict()
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="items")

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def read(
        self, reader: Mapping[str, Json], cursor: str | None, region: str, most: int, most_bytes: int
    ) -> ItemsPage:
        """The next items: at most so many, and no more bytes, but always one if there is one.

        `reader` is the ItemReader with every value evaluated and its Arguments as `Parameters`. An ItemsPath is none of
        it: AWS ignores one beside an ItemReader (recorded). Raises `StatesError`.
        """
        return await self._work(self._page, reader, cursor, region, most, most_bytes)

    async def write(
        self, writer: Mapping[str, Json], map_run: str, region: str, results: AsyncIterator[ChildResult]
    ) -> dict[str, Json]:
        """Write the results and their manifest; gives ResultWriterDetails. Raises `StatesError`.

        With the same results in the same order it writes the same files again.
        """
        return await write_results(writer, map_run, results, self._places(region), self._work, self._part_bytes)

    async def _work(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)

    def _places(self, region: str) -> Callable[[Json], Place]:
        return lambda bucket: find(bucket, self._s3, region, self._folders)

    def _page(
        self, reader: Mapping[str, Json], cursor: str | None, region: str, most: int, most_bytes: int
    ) -> ItemsPage:
        # By all that leads to them, streams are told apart.
        name = encode([reader, region])
        try:
            stream = self._left_open(name, cursor) or self._opened(reader, cursor, region)
            entries = list(stream.take(most, most_bytes))
        except PlaceError as error:
            raise StatesError(ITEM_READER_FAILED, str(error)) from None
        on = None if stream.done else stream.cursor.text()
        if on is not None:
            self._leave_open(name, on, stream)
        items = [entry.value for entry in entries]
        return ItemsPage(items, on, [entry.source for entry in entries], [entry.key for entry in entries])

    def _opened(self, reader: Mapping[str, Json], cursor: str | None, region: str) -> "_Stream":
        source = Source(read_settings(reader), self._places(region), self._item_bytes_max)
        begin = Cursor() if cursor is None else Cursor.parse(cursor)
        return _Stream(source.entries(begin), begin)

    def _left_open(self, name: str, cursor: str | None) -> "_Stream | None":
        with self._lock:
            return self._open.pop(f"{name}{cursor}", None)

    def _leave_open(self, name: str, cursor: str, stream: "_Stream") -> None:
        """For whoever comes with this cursor; streams that nobody comes for make room."""
        with self._lock:
            self._open[f"{name}{cursor}"] = stream
            if len(self._open) > _STREAMS:
                self._open.popitem(last=False)


class _Stream:
    """Items on their way; `cursor` is behind the last one taken."""

    def __init__(self, entries: Iterator[Entry], cursor: Cursor) -> None:
        self._entries = entries
        self._next = next(entries, None)
        self.cursor = cursor

    @property
    def done(self) -> bool:
        return self._next is None

    def take(self, most: int, most_bytes: int) -> Iterator[Entry]:
        size = count = 0
        while self._next is not None and count < most and (count == 0 or size + self._next.size <= most_bytes):
            entry, self._next = self._next, next(self._entries, None)
            size += entry.size
            count += 1
            self.cursor = entry.cursor
            yield entry
