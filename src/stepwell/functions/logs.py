"""What functions log, taken apart per record, and where it goes."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeAlias

TAIL_BYTES = 4096
"""How much of an invocation's log `LogType=Tail` returns: the last 4 KB."""

_MAX_RECORD_BYTES = 1 << 20
_HEADER_BYTES = 16
_MAGIC = b"\xa5\x5a\x00"


class LogRecord(NamedTuple):
    """One record: epoch seconds, and the text without its last newline."""

    at: float
    text: str


class LogStream(NamedTuple):
    """Where the records of a function version go: a stream of a log group."""

    account: str
    region: str
    group: str
    stream: str


WriteLog: TypeAlias = Callable[[LogStream, Sequence[LogRecord]], None]
"""Takes records, at once and without failing."""


def write_nowhere(stream: LogStream, records: Sequence[LogRecord]) -> None:
    """Where nobody reads logs."""


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


def tail(lines: Iterable[str]) -> bytes:
    """The last 4 KB of these lines, as `LogType=Tail` has them."""
    return "".join(line + "\n" for line in lines).encode()[-TAIL_BYTES:]
