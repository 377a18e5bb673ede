"""The items of a reader, one after the other, each with the cursor that leads to the next.

A cursor is JSON: how many items came before, which object is being read, at which position, and the object's version
then. Whoever has lost all but the cursor goes on from there without reading again what lies before it.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

from stepwell.asl.jsontext import Json, decode, encode
from stepwell.tasks.items.jsonfile import json_items
from stepwell.tasks.items.lines import csv_items, jsonl_items, unzipped
from stepwell.tasks.items.manifests import read_manifest
from stepwell.tasks.items.parquet import parquet_items
from stepwell.tasks.items.places import Blob, Extra, Listed, Place
from stepwell.tasks.items.settings import Settings, failed

_TEXT_FACTOR = 8
"""An item's text may be longer than its size, by white space and escapes; by more than this it is refused unread."""

_GZIP_MAGIC = b"\x1f\x8b"
_FOR_EVERY_CALL = ("ExpectedBucketOwner", "RequestPayer")


class Cursor(NamedTuple):
    """`taken` items lie before it. `outer` is the key of the object before, or the number of the manifest's file and
    the manifest's version; `inner` is the position in the object, `version` the object's."""

    taken: int = 0
    outer: Json = None
    inner: Json = None
    version: str | None = None

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        try:
            taken, outer, inner, version = decode(text)
            return cls(int(taken), outer, inner, version)
        except (TypeError, ValueError):
            raise failed("The cursor of the items is damaged") from None

    def text(self) -> str:
        return encode(list(self))


class Entry(NamedTuple):
    """An item; `cursor` leads to the one after it. `source` is the context object's Map.Item.Source, `key` its Key."""

    value: Json
    key: str | None
    source: str
    size: int
    cursor: Cursor


class Source:
    """What one ItemReader reads. `place` finds buckets."""

    def __init__(self, settings: Settings, place: Callable[[Json], Place], item_bytes_max: int) -> None:
        self._settings = settings
        self._place = place
        self._item_bytes_max = item_bytes_max

    def entries(self, cursor: Cursor) -> Iterator[Entry]:
        """The items from there on. Raises `StatesError` and `PlaceError`, some when the iterator comes to it."""
        return islice(self._found(cursor), max(0, self._settings.max_items - cursor.taken))

    def _found(self, cursor: Cursor) -> Iterator[Entry]:
        if self._settings.listing:
            return self._listed(cursor)
        if self._settings.manifest is not None:
            return self._in_manifest(cursor)
        return self._items(self._object(cursor.version), self._settings, cursor)

    def _object(self, version: str | None) -> Blob:
        """What getObject names."""
        parameters = self._settings.parameters
        key = parameters.get("Key")
        if not isinstance(key, str) or not key:
            raise failed("The field 'Key' must be a string that is not empty")
        return self._bucket().open(key, _without(parameters, "Bucket", "Key"), version)

    def _bucket(self) -> Place:
        return self._place(self._settings.parameters.get("Bucket"))

    def _shared(self) -> Extra:
        """Of the parameters, those that hold for every object that a listing or a manifest names."""
        return {name: value for name, value in self._settings.parameters.items() if name in _FOR_EVERY_CALL}

    def _listed(self, cursor: Cursor) -> Iterator[Entry]:
        place = self._bucket()
        listing = place.list(_without(self._settings.parameters, "Bucket"), cursor.outer)
        if self._settings.format is None:
            for found in listing:
                cursor = Cursor(cursor.taken + 1, found.key)
                yield self._entry(found.item, None, place.name, cursor)
            return
        for found in listing:
            if not _is_folder(found):
                blob = place.open(found.key, self._shared(), cursor.version)
                for entry in self._items(blob, self._settings, cursor):
                    cursor = entry.cursor
                    yield entry
            cursor = Cursor(cursor.taken, found.key)

    def _in_manifest(self, cursor: Cursor) -> Iterator[Entry]:
        first, version = cursor.outer or (0, None)
        blob = self._object(version)
        files, settings = read_manifest(blob, str(self._settings.parameters["Bucket"]), self._settings)
        for number, (bucket, key) in enumerate(files[first:], first):
            file = self._place(bucket).open(key, self._shared(), cursor.version)
            for entry in self._items(file, settings, cursor._replace(outer=[number, blob.version])):
                cursor = entry.cursor
                yield entry
            cursor = Cursor(cursor.taken, [number + 1, blob.version])

    # --- one object

    def _items(self, blob: Blob, settings: Settings, cursor: Cursor) -> Iterator[Entry]:
        """Its items, from the cursor's position in it."""
        taken = cursor.taken
        for value, key, position in self._values(blob, settings, cursor.inner):
            taken += 1
            yield self._entry(value, key, blob.name, Cursor(taken, cursor.outer, position, blob.version))

    def _values(self, blob: Blob, settings: Settings, position: Json) -> Iterator[tuple[Json, str | None, Json]]:
        """Each value with its key in an object, and the position behind it."""
        if settings.format == "PARQUET":
            return ((value, None, row) for value, row in parquet_items(blob, position or 0))
        zipped = blob.read(0, len(_GZIP_MAGIC)).data == _GZIP_MAGIC
        blocks = unzipped(blob.blocks) if zipped else blob.blocks
        bytes_max = self._item_bytes_max * _TEXT_FACTOR
        if settings.format == "JSON":
            return json_items(blocks, settings.pointer, position, bytes_max)
        if settings.format == "CSV":
            rows = csv_items(blocks, settings, position or 0, bytes_max)
        else:
            rows = jsonl_items(blocks, position or 0, bytes_max)
        return ((value, None, offset) for value, offset in rows)

    def _entry(self, value: Json, key: str | None, source: str, cursor: Cursor) -> Entry:
        size = len(encode(value).encode())
        if size > self._item_bytes_max:
            cause = f"Item {cursor.taken - 1} of {source} has {size} bytes, which is more than {self._item_bytes_max}"
            raise failed(cause)
        return Entry(value, key, source, size, cursor)


def _without(parameters: Extra, *names: str) -> Extra:
    return {name: value for name, value in parameters.items() if name not in names}


def _is_folder(found: Listed) -> bool:
    """What consoles leave where a folder was made; nothing is in it to read."""
    return found.key.endswith("/") and not found.item["Size"]
