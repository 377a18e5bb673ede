"""Where objects lie: in S3, or anything that speaks its protocol, and in folders of this machine.

A bucket called `file:///some/folder` is that folder, and keys are paths below it. Only folders that the operator has
named are open to definitions, and no key leads out of them: not by `..`, not by a symbolic link.
"""

import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol
from urllib.parse import unquote, urlsplit

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, IncompleteReadError

from stepwell.asl.jsontext import Json

OPTION = "--items-folder"
BLOCK_BYTES = 256 * 1024

_SCHEME = "file://"
_ATTEMPTS = 3
_LAST = chr(0x10FFFF)

Extra = Mapping[str, Json]
"""Parameters of a call beside those that say which object is meant."""


class PlaceError(Exception):
    """An object cannot be read or written; the text is the cause that a state gives, `code` S3's name for it."""

    def __init__(self, cause: str, code: str = "") -> None:
        super().__init__(cause)
        self.code = code


class Block(NamedTuple):
    """A part of an object. `version` and `size` are those of the whole of it."""

    data: bytes
    version: str
    size: int


class Listed(NamedTuple):
    """One object of a listing; `item` is what AWS makes of it."""

    key: str
    item: dict[str, Json]


class Blob:
    """One object, as it was when it was first read: one that has changed since cannot be read on.

    Its beginning is kept, because it is looked at more than once, and of most objects it is all.
    """

    def __init__(self, name: str, fetch: Callable[[int, int], Block], version: str | None = None) -> None:
        self.name = name
        self.version = version
        self._fetch = fetch
        self._head: Block | None = None

    def read(self, offset: int, length: int) -> Block:
        """At most this much from there; less only at the end. Raises `PlaceError`."""
        if self._head is None:
            self._head = self._fetched(0, BLOCK_BYTES)
        data, _, size = self._head
        if min(offset + length, size) <= len(data):
            return self._head._replace(data=data[offset : offset + length])
        return self._fetched(offset, length)

    def _fetched(self, offset: int, length: int) -> Block:
        block = self._fetch(offset, length)
        if self.version is None:
            self.version = block.version
        elif block.version != self.version:
            raise PlaceError(f"{self.name} was changed while its items were read")
        return block

    def blocks(self, offset: int = 0) -> Iterator[bytes]:
        """All that follows, part by part."""
        while True:
            block = self.read(offset, BLOCK_BYTES)
            if block.data:
                yield block.data
            offset += len(block.data)
            if not block.data or offset >= block.size:
                return


class Place(Protocol):
    """A bucket or a folder. All methods, and what they return, raise `PlaceError`."""

    name: str

    def open(self, key: str, extra: Extra, version: str | None = None) -> Blob:
        """The object; of this version, if one is given."""

    def list(self, extra: Extra, after: str | None) -> Iterator[Listed]:
        """The objects behind this key, in the order of their keys' bytes."""

    def put(self, key: str, content: BinaryIO, extra: Extra) -> None:
        """Write an object, or replace it, whole or not at all."""


def find(bucket: Json, s3: Callable[[str], Any], region: str, folders: Sequence[Path]) -> Place:
    """The place that a bucket's name stands for. Raises `PlaceError`."""
    if not isinstance(bucket, str) or not bucket:
        raise PlaceError("The field 'Bucket' must be a string that is not empty")
    if bucket.startswith(_SCHEME):
        return Folder(bucket, folders)
    try:
        return Bucket(bucket, s3(region))
    except BotoCoreError as error:
        raise PlaceError(str(error)) from None


def split_uri(uri: str) -> tuple[str, str]:
    """(bucket, key) of `s3://bucket/key` or `file:///folder/key`. Raises `PlaceError`."""
    scheme, _, rest = uri.partition("://")
    if scheme.lower() == "s3" and "/" in rest:
        bucket, _, key = rest.partition("/")
        return bucket, key
    if scheme == "file" and "/" in rest:
        folder, _, name = rest.rpartition("/")
        return _SCHEME + folder, name
    raise PlaceError(f"'{uri[:200]}' is not the URI of an object")


# --- S3


class Bucket:
    """A bucket, at the endpoint that the client was made for."""

    def __init__(self, name: str, client: Any) -> None:
        self.name = f"S3://{name}"
        self._bucket = name
        self._client = client

    def open(self, key: str, extra: Extra, version: str | None = None) -> Blob:
        def fetch(offset: int, length: int) -> Block:
            try:
                return self._get({**extra, "Key": key}, offset, length)
            except PlaceError as error:
                if error.code != "InvalidRange":
                    raise
            # There is nothing from there on: it is empty, or was read to its end before.
            reply = self._call("head_object", {**extra, "Key": key})
            return Block(b"", str(reply.get("ETag", "")), reply["ContentLength"])

        return Blob(f"{self.name}/{key}", fetch, version)

    def _get(self, parameters: Extra, offset: int, length: int) -> Block:
        for attempt in range(1, _ATTEMPTS + 1):
            reply = self._call("get_object", {**parameters, "Range": f"bytes={offset}-{offset + length - 1}"})
            total = str(reply.get("ContentRange", "")).rpartition("/")[2]
            if not total.isdecimal() and offset:
                raise PlaceError("The endpoint does not serve parts of an object, by which its items are read")
            try:
                with reply["Body"] as body:
                    data = body.read(length)
                return Block(data, str(reply.get("ETag", "")), int(total or reply["ContentLength"]))
            except (HTTPClientError, IncompleteReadError) as error:
                # botocore repeats requests, but not the reading of a reply that breaks off.
                if attempt == _ATTEMPTS:
                    raise PlaceError(str(error)) from None
        raise AssertionError("the last attempt returns or raises")

    def list(self, extra: Extra, after: str | None) -> Iterator[Listed]:
        while True:
            # Not by continuation tokens: they grow old, and a Map Run may rest for days.
            reply = self._call("list_objects_v2", extra if after is None else {**extra, "StartAfter": after})
            for found in reply.get("Contents", ()):
                yield Listed(found["Key"], _listed(found))
            # With a delimiter a reply may end with a prefix; what comes next begins behind all of its keys.
            ends = [found["Key"] for found in reply.get("Contents", ())]
            ends += [prefix["Prefix"] + _LAST for prefix in reply.get("CommonPrefixes", ())]
            if not reply.get("IsTruncated") or not ends:
                return
            after = max(ends)

    def put(self, key: str, content: BinaryIO, extra: Extra) -> None:
        self._call("put_object", {**extra, "Key": key, "Body": content})

    def _call(self, operation: str, parameters: Mapping[str, Any]) -> Any:
        try:
            return getattr(self._client, operation)(**{**parameters, "Bucket": self._bucket})
        except ClientError as error:
            raise _failed(error) from None
        except BotoCoreError as error:
            raise PlaceError(str(error)) from None


def _failed(error: ClientError) -> PlaceError:
    """In the words of AWS's own client, as they are recorded from Task states that call S3."""
    meta = error.response.get("ResponseMetadata", {})
    told = error.response["Error"]
    about = (
        f"Service: S3, Status Code: {meta.get('HTTPStatusCode')}, Request ID: {meta.get('RequestId')}, "
        f"Extended Request ID: {meta.get('HostId') or 'null'}"
    )
    return PlaceError(f"{told.get('Message') or told.get('Code')} ({about})", str(told.get("Code")))


def _listed(found: Mapping[str, Any]) -> dict[str, Json]:
    """The members that AWS's developer guide shows of an item, in its spelling and order."""
    item = {
        "Etag": found.get("ETag"),
        "Key": found["Key"],
        "LastModified": int(found["LastModified"].timestamp()),
        "Owner": found.get("Owner"),
        "Size": found["Size"],
        "StorageClass": found.get("StorageClass", "STANDARD"),
    }
    return {name: value for name, value in item.items() if value is not None}


# --- folders


class Folder:
    """A folder, when it lies in one that the operator has opened."""

    def __init__(self, bucket: str, folders: Sequence[Path]) -> None:
        self.name = bucket.rstrip("/")
        path = _folder_path(bucket)
        self._root = _resolved(Path(path))
        if not any(self._root.is_relative_to(folder.resolve()) for folder in folders):
            raise PlaceError(f"The folder {path} is not open to definitions: name it, or one above it, with {OPTION}")

    def open(self, key: str, extra: Extra, version: str | None = None) -> Blob:
        path = self._path(key)

        def fetch(offset: int, length: int) -> Block:
            try:
                # Not blocking: what is there may be a pipe that nobody writes to.
                with open(path, "rb", opener=_opener(os.O_NONBLOCK)) as file:
                    found = os.fstat(file.fileno())
                    if not stat.S_ISREG(found.st_mode):
                        raise PlaceError(f"{self.name}/{key} is not a file")
                    return Block(os.pread(file.fileno(), length, offset), _version(found), found.st_size)
            except OSError as error:
                raise self._failed(key, error) from None

        return Blob(f"{self.name}/{key}", fetch, version)

    def list(self, extra: Extra, after: str | None) -> Iterator[Listed]:
        if odd := extra.keys() - {"Prefix", "StartAfter", "MaxKeys"}:
            raise PlaceError(f"A folder is listed by Prefix and StartAfter alone, not by {', '.join(sorted(odd))}")
        begin = max(after or "", str(extra.get("StartAfter") or ""))
        yield from self._walk("", str(extra.get("Prefix") or ""), begin)

    def _walk(self, above: str, prefix: str, begin: str) -> Iterator[Listed]:
        """The files below, sorted as S3 sorts: by the whole key, so that `a.txt` comes before `a/b`."""
        for key, found in sorted(self._entries(above)):
            if key.endswith("/"):
                if (key.startswith(prefix) or prefix.startswith(key)) and key + _LAST > begin:
                    yield from self._walk(key, prefix, begin)
            elif key.startswith(prefix) and key > begin:
                yield Listed(key, _listed_file(key, found))

    def _entries(self, above: str) -> Iterator[tuple[str, os.stat_result]]:
        """Files, and folders as keys that end with a slash. Links are passed over: they may lead out, or round."""
        try:
            with os.scandir(self._root / above) as entries:
                for entry in entries:
                    if not _is_text(entry.name):
                        raise PlaceError(f"{self.name}/{above} holds a name that is not UTF-8: {entry.name!r}")
                    found = entry.stat(follow_symlinks=False)
                    if stat.S_ISDIR(found.st_mode):
                        yield f"{above}{entry.name}/", found
                    elif stat.S_ISREG(found.st_mode):
                        yield above + entry.name, found
        except OSError as error:
            raise self._failed(above, error) from None

    def put(self, key: str, content: BinaryIO, extra: Extra) -> None:
        path = self._path(key)
        # Of a fixed name: what a crash leaves behind, the next attempt replaces.
        part = path.with_name(f".{path.name}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(part, "wb", opener=_opener(0)) as file:
                while data := content.read(BLOCK_BYTES):
                    file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except OSError as error:
            raise self._failed(key, error) from None

    def _path(self, key: str) -> Path:
        if not key or "\0" in key or key.startswith("/"):
            raise PlaceError(f"The key {key!r} is not a path below {self.name}")
        path = _resolved(self._root / key)
        if path == self._root or not path.is_relative_to(self._root):
            raise PlaceError(f"The key '{key}' leads out of {self.name}")
        return path

    def _failed(self, key: str, error: OSError) -> PlaceError:
        return PlaceError(f"{self.name}/{key}: {error.strerror or error}")


def _folder_path(bucket: str) -> str:
    try:
        parts = urlsplit(bucket)
    except ValueError:
        parts = urlsplit("")
    path = unquote(parts.path)
    if parts.netloc not in ("", "localhost") or not path.startswith("/") or "\0" in path:
        raise PlaceError(f"{bucket!r} names no folder: write file:///absolute/path")
    return path


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:
        # Before Python 3.13 links that lead round in a circle are a RuntimeError.
        raise PlaceError(f"{path}: {error}") from None


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _opener(more: int) -> Callable[[str, int], int]:
    return lambda path, flags: os.open(path, flags | more | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)


def _version(found: os.stat_result) -> str:
    return f"{found.st_mtime_ns:x}-{found.st_size:x}"


def _listed_file(key: str, found: os.stat_result) -> dict[str, Json]:
    return {
        "Etag": f'"{_version(found)}"',
        "Key": key,
        "LastModified": int(found.st_mtime),
        "Size": found.st_size,
        "StorageClass": "STANDARD",
    }
