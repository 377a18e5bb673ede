"""What functions log: taken apart per record, kept in memory for the recent past and in a bounded file."""

from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

import msgspec

TAIL_BYTES = 4096
"""How much of an invocation's log `LogType=Tail` returns: the last 4 KB."""

_RECENT_RECORDS = 2_000
_RECENT_BYTES = 1 << 20
_FILE_BYTES = 10 << 20
_MAX_RECORD_BYTES = 1 << 20
_HEADER_BYTES = 16
_MAGIC = b"\xa5\x5a\x00"


class LogRecord(msgspec.Struct, frozen=True):
    """One record: epoch seconds, the invocation it belongs to (or ""), the text without its last newline."""

    at: float
    request_id: str
    text: str


class Splitter:
    """Takes the output of one process apart.

    stdout, stderr and the records of AWS's runtime share one pipe, so that their order is kept. The latter are framed
    (type, length, time in microseconds, message: the contract of `_LAMBDA_TELEMETRY_LOG_FD`) and stay whole; of the
    rest, each line is a record. No frame type can begin a text, because 0xA5 is not a first byte in UTF-8.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._held = b""

    def feed(self, data: bytes) -> list[tuple[float, str]]:
        """The (time, text) records that are complete with `data`."""
        return self._split(self._held + data, last=False)

    def flush(self) -> list[tuple[float, str]]:
        """What is held back as incomplete: at the end of an invocation a line ends even without a newline."""
        return self._split(self._held, last=True)

    def _split(self, data: bytes, *, last: bool) -> list[tuple[float, str]]:
        records: list[tuple[float, str]] = []
        start = 0
        while start < len(data) and (end := self._end(data, start, last=last)):
            records.append(self._record(data[start:end]))
            start = end
        self._held = data[start:]
        return records

    def _end(self, data: bytes, start: int, *, last: bool) -> int:
        """Where the record that begins at `start` ends; 0 when it is not complete."""
        rest = len(data) - start
        if data.startswith(_MAGIC, start):
            size = _HEADER_BYTES + int.from_bytes(data[start + 4 : start + 8], "big")
            if rest >= size:
                return start + size
            return len(data) if last or size > _MAX_RECORD_BYTES + _HEADER_BYTES else 0
        newline = data.find(b"\n", start) + 1
        frame = data.find(_MAGIC, start, newline or len(data))
        if frame > 0:
            return frame
        return newline or (len(data) if last or rest > _MAX_RECORD_BYTES else 0)

    def _record(self, data: bytes) -> tuple[float, str]:
        if data.startswith(_MAGIC) and len(data) >= _HEADER_BYTES:
            at = int.from_bytes(data[8:16], "big") / 1e6
            return at, data[_HEADER_BYTES:].decode(errors="replace").removesuffix("\n")
        return self._clock(), data.decode(errors="replace").removesuffix("\n")


class FunctionLog:
    """The log of one function: the recent records in memory, more of them in a file that is cut by half at 10 MiB."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._recent: deque[LogRecord] = deque()
        self._recent_bytes = 0
        self._file: BinaryIO | None = None

    def recent(self) -> list[LogRecord]:
        """Oldest first."""
        return list(self._recent)

    def append(self, records: Iterable[LogRecord]) -> None:
        lines = []
        for record in records:
            self._keep(record)
            lines.append(msgspec.json.encode(record) + b"\n")
        try:
            self._write(b"".join(lines))
        except OSError:
            # A full disk must not fail invocations; the records stay readable in memory.
            self.close()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _keep(self, record: LogRecord) -> None:
        self._recent.append(record)
        self._recent_bytes += len(record.text)
        while len(self._recent) > _RECENT_RECORDS or (self._recent_bytes > _RECENT_BYTES and len(self._recent) > 1):
            self._recent_bytes -= len(self._recent.popleft().text)

    def _write(self, data: bytes) -> None:
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("ab", buffering=0)
        self._file.write(data)
        if self._file.tell() > _FILE_BYTES // 2:
            self.close()
            self._path.replace(self._path.with_suffix(".old"))


def tail(lines: Iterable[str]) -> bytes:
    """The last 4 KB of these lines, as `LogType=Tail` has them."""
    return "".join(line + "\n" for line in lines).encode()[-TAIL_BYTES:]
