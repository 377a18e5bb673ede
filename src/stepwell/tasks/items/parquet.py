"""Apache Parquet, through pyarrow, which is an extra: one item per row; positions count rows.

How AWS writes the types that JSON lacks is not recorded. Ours: dates and times as ISO 8601, decimals as numbers, bytes
as UTF-8 text or else in Base64, what is not a number as null.
"""

import base64
import io
import math
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from importlib import import_module
from typing import Any

from stepwell.asl.jsontext import Json
from stepwell.tasks.items.places import BLOCK_BYTES, Blob
from stepwell.tasks.items.settings import failed

_ROWS = 1_000


def parquet_items(blob: Blob, row: int) -> Iterator[tuple[Json, int]]:
    """Each row from this one on, with the number of the next. Raises `StatesError`."""
    try:
        arrow: Any = import_module("pyarrow")
        parquet: Any = import_module("pyarrow.parquet")
    except ImportError:
        raise failed("PARQUET needs pyarrow, which is not installed here: pip install 'stepwell[parquet]'") from None
    try:
        file = parquet.ParquetFile(io.BufferedReader(_File(blob), BLOCK_BYTES))
        yield from _rows(file, row)
    except (arrow.ArrowException, OSError) as error:
        raise failed(f"{blob.name} is not a Parquet file that can be read: {error}") from None


def _rows(file: Any, row: int) -> Iterator[tuple[Json, int]]:
    first = 0
    for group in range(file.num_row_groups):
        behind = first + file.metadata.row_group(group).num_rows
        if row < behind:
            at = first
            for batch in file.iter_batches(batch_size=_ROWS, row_groups=[group]):
                for value in batch.slice(max(0, row - at)).to_pylist():
                    row += 1
                    yield _json(value), row
                at += batch.num_rows
        first = behind


def _json(value: Any) -> Json:
    match value:
        case dict():
            return {str(name): _json(member) for name, member in value.items()}
        case list() | tuple():
            return [_json(member) for member in value]
        case float() if not math.isfinite(value):
            return None
        case Decimal():
            return _number(value)
        case bytes():
            return _text(value)
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
    return value


def _number(value: Decimal) -> Json:
    if not value.is_finite():
        return None
    return int(value) if value == value.to_integral_value() else float(value)


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()


class _File(io.RawIOBase):
    """A blob as a file, which Parquet is read from its end."""

    def __init__(self, blob: Blob) -> None:
        self._blob = blob
        self._at = 0
        self._size = blob.read(0, 1).size

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        wanted = min(len(buffer), self._size - self._at)
        data = self._blob.read(self._at, wanted).data if wanted > 0 else b""
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
