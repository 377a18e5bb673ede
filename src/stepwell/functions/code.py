"""Deployment packages: a zip archive from outside, checked as hostile, becomes a folder named by its hash.

The folder is a cache: the archive itself is a document, so that every node can unpack it. Limits are those of AWS's
Lambda quotas page: 50 MB zipped by direct upload, 250 MB unpacked.
"""

import base64
import hashlib
import io
import os
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from stepwell.functions.errors import LambdaError, invalid_parameter

MAX_ZIPPED_BYTES = 52_428_800
MAX_UNZIPPED_BYTES = 262_144_000
MAX_ENTRIES = 100_000
"""Our own bound on the number of files and folders, so that an archive cannot exhaust the inodes of the data folder."""
MAX_DEPTH = 100

_COPY_BYTES = 1 << 20
_ENCRYPTED = 0x1
_ENTRY_SIGNATURE = b"PK\x01\x02"
"""Begins each entry of an archive's directory."""


def code_sha256(archive: bytes) -> str:
    """AWS's CodeSha256: the digest in base64."""
    return base64.b64encode(hashlib.sha256(archive).digest()).decode()


def folder_name(archive: bytes) -> str:
    """The digest in hexadecimal: the key of the archive's document and the name of its folder."""
    return hashlib.sha256(archive).hexdigest()


def check_archive(archive: bytes) -> None:
    """Refuse what cannot or must not be unpacked, without unpacking it. Raises `LambdaError`."""
    if not archive:
        raise invalid_parameter("Uploaded file must be a non-empty zip")
    if len(archive) > MAX_ZIPPED_BYTES:
        raise invalid_parameter(f"Zipped size must be smaller than {MAX_ZIPPED_BYTES} bytes")
    # Before it is parsed: a million entries of 50 bytes would become a gigabyte of objects.
    if archive.count(_ENTRY_SIGNATURE) > MAX_ENTRIES:
        raise _too_many()
    with _open(archive) as opened:
        entries = opened.infolist()
    if sum(entry.file_size for entry in entries) > MAX_UNZIPPED_BYTES:
        raise invalid_parameter(f"Unzipped size must be smaller than {MAX_UNZIPPED_BYTES} bytes")
    for entry in entries:
        _check_entry(entry)
    _check_folders(entries)


def unpack(archive: bytes, root: Path) -> Path:
    """The folder with the contents of `archive` under `root`; made if it is not there, all of it or nothing.

    Files are readable by everyone, because handlers may run as another user. Raises `LambdaError`.
    """
    folder = root / folder_name(archive)
    if folder.is_dir():
        return folder
    check_archive(archive)
    root.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".unpack-", dir=root))
    try:
        _extract(archive, partial)
        for parent, _folders, _names in os.walk(partial):
            Path(parent).chmod(0o755)
        partial.rename(folder)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        if not folder.is_dir():  # Otherwise another caller unpacked the same archive first.
            raise invalid_parameter(f"Could not unzip uploaded file: {error.strerror}.") from None
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return folder


def _open(archive: bytes) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(io.BytesIO(archive))
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
        raise _not_a_zip() from None


def _not_a_zip() -> LambdaError:
    return invalid_parameter("Could not unzip uploaded file. Please check your file, then try to upload again.")


def _too_many() -> LambdaError:
    return invalid_parameter(f"The archive holds more than {MAX_ENTRIES} files")


def _check_folders(entries: Sequence[zipfile.ZipInfo]) -> None:
    """One name can stand for many folders, so these are counted with the files."""
    folders: set[PurePosixPath] = set()
    for entry in entries:
        for folder in PurePosixPath(entry.filename).parents:
            if folder in folders:
                break
            folders.add(folder)
            if len(entries) + len(folders) > MAX_ENTRIES:
                raise _too_many()


def _check_entry(entry: zipfile.ZipInfo) -> None:
    # Newer Pythons take the second from an extra field of the entry, and it is the one that is written to.
    for name in (entry.orig_filename, entry.filename):
        _check_name(entry, name)


def _check_name(entry: zipfile.ZipInfo, name: str) -> None:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise invalid_parameter(f"The archive holds a link or a device: {name!r}")
    if entry.flag_bits & _ENCRYPTED:
        raise invalid_parameter(f"The archive holds an encrypted file: {name!r}")
    path = PurePosixPath(name)
    strange = not path.parts or any(character in name for character in "\\\0:")
    if strange or path.is_absolute() or ".." in path.parts:
        raise invalid_parameter(f"The archive holds a path that leads outside: {name!r}")
    if len(path.parts) > MAX_DEPTH:
        raise invalid_parameter(f"The archive holds a path more than {MAX_DEPTH} folders deep: {name[:100]!r}...")


def _extract(archive: bytes, folder: Path) -> None:
    budget = MAX_UNZIPPED_BYTES
    with _open(archive) as opened:
        for entry in opened.infolist():
            target = folder / entry.filename
            if entry.is_dir():
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            budget = _write(opened, entry, target, budget)


def _write(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, budget: int) -> int:
    """Write one file, counting what really comes out: the sizes that the archive declares are not to be trusted."""
    executable = (entry.external_attr >> 16) & 0o111
    try:
        with opened.open(entry) as source, target.open("wb") as sink:
            while chunk := source.read(_COPY_BYTES):
                budget -= len(chunk)
                if budget < 0:
                    raise invalid_parameter(f"Unzipped size must be smaller than {MAX_UNZIPPED_BYTES} bytes")
                sink.write(chunk)
            os.fchmod(sink.fileno(), 0o755 if executable else 0o644)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError):
        raise _not_a_zip() from None
    except Exception as error:
        # Each compression method fails in its own way: zlib.error and lzma.LZMAError share no base class.
        if type(error).__module__ in ("zlib", "_lzma", "lzma"):
            raise _not_a_zip() from None
        raise
    return budget
