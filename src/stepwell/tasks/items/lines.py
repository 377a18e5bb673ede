"""CSV and JSON Lines: one item per record, found in blocks of bytes; positions are offsets of bytes.

CSV is RFC 4180 with a choice of delimiter. As recorded on AWS: a row's values are strings under the header's names, a
missing one is "", one too many is dropped, white space is kept, and the members come in the order of Java's HashMap.
"""

import csv
import zlib
from collections.abc import Callable, Iterator

from stepwell.asl.javaforms import hash_order
from stepwell.asl.jsontext import Json, JsonTextError, decode
from stepwell.tasks.items.places import BLOCK_BYTES, PlaceError
from stepwell.tasks.items.settings import Settings, checked_headers, failed

Blocks = Callable[[int], Iterator[bytes]]
"""The bytes of an object from an offset on."""

_BOM = b"\xef\xbb\xbf"
_GZIP = 31
"""zlib's number for a stream with gzip's header."""


def unzipped(blocks: Blocks) -> Blocks:
    """The contents of a gzip file. Offsets are those of the contents: to go on, all before is unpacked again."""

    def contents(offset: int) -> Iterator[bytes]:
        for block in _unzip(blocks(0)):
            if offset < len(block):
                yield block[offset:] if offset else block
            offset = max(0, offset - len(block))

    return contents


def _unzip(blocks: Iterator[bytes]) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(_GZIP)
    started = False
    try:
        for packed in blocks:
            while packed:
                if unpacker.eof:
                    unpacker = zlib.decompressobj(_GZIP)
                # Bounded: a small block can be made to unpack to gigabytes.
                yield unpacker.decompress(packed, BLOCK_BYTES)
                packed = unpacker.unconsumed_tail or unpacker.unused_data
                started = True
        while started and not unpacker.eof:
            rest = unpacker.decompress(unpacker.unconsumed_tail, BLOCK_BYTES)
            if not rest:
                raise PlaceError("The gzip file ends early")
            yield rest
    except zlib.error as error:
        raise PlaceError(f"The file is not gzip: {error}") from None


class Lines:
    """The lines of an object with their ends; `offset` is that behind the last one given.

    A record may be several lines; `record` says that one begins, and one of more than `bytes_max` is refused before it
    is read to its end.
    """

    def __init__(self, blocks: Blocks, offset: int, bytes_max: int) -> None:
        self.offset = offset
        self._begun = offset
        self._bytes_max = bytes_max
        self._lines = self._split(blocks(offset))

    def record(self) -> None:
        self._begun = self.offset

    def __iter__(self) -> Iterator[bytes]:
        return self._lines

    def _split(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        held = b""
        for block in blocks:
            *whole, rest = block.split(b"\n")
            for line in whole:
                yield self._given(held + line + b"\n")
                held = b""
            held += rest
            self._check(self.offset + len(held))
        if held:
            yield self._given(held)

    def _given(self, line: bytes) -> bytes:
        first = self.offset == 0
        self.offset += len(line)
        self._check(self.offset)
        return line.removeprefix(_BOM) if first else line

    def _check(self, end: int) -> None:
        if end - self._begun > self._bytes_max:
            raise failed(f"The item at byte {self._begun} is larger than {self._bytes_max} bytes")


# --- CSV


def csv_items(blocks: Blocks, settings: Settings, offset: int, bytes_max: int) -> Iterator[tuple[Json, int]]:
    """Each row with the offset behind it. Raises `StatesError`."""
    if settings.headers is not None:
        headers = settings.headers
    else:
        first = next(_rows(blocks, settings, 0, bytes_max), None)
        if first is None:
            return
        headers = checked_headers(first[0])
        offset = offset or first[1]
    columns = [(headers[index], index) for index in hash_order(headers)]
    for row, end in _rows(blocks, settings, offset, bytes_max):
        width = len(row)
        yield {name: row[index] if index < width else "" for name, index in columns}, end


def _rows(blocks: Blocks, settings: Settings, offset: int, bytes_max: int) -> Iterator[tuple[list[str], int]]:
    # The limit is one of the process; nothing else in it reads CSV, and records are bounded by their lines.
    csv.field_size_limit(max(csv.field_size_limit(), bytes_max))
    lines = Lines(blocks, offset, bytes_max)
    # It takes no line more than a record has, so the offset is the record's end.
    reader = csv.reader((line.decode() for line in lines), delimiter=settings.delimiter, strict=True)
    while True:
        begun = lines.offset
        lines.record()
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise failed(f"The row at byte {begun} is not CSV: {error}") from None
        except UnicodeDecodeError:
            raise failed(f"The row at byte {begun} is not UTF-8") from None
        if row is None:
            return
        if row:
            yield row, lines.offset


# --- JSON Lines


def jsonl_items(blocks: Blocks, offset: int, bytes_max: int) -> Iterator[tuple[Json, int]]:
    """Each value with the offset behind its line; empty lines are passed over. Raises `StatesError`."""
    lines = Lines(blocks, offset, bytes_max)
    for line in lines:
        if line.strip():
            try:
                yield decode(line), lines.offset
            except JsonTextError as error:
                raise failed(f"The line that ends at byte {lines.offset} is not JSON: {error}") from None
        lines.record()
