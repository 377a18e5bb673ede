"""Reports of `stepwell bench run` in the folders that the server was given, as texts: pages judge what is in them.

Guarantees that nothing outside of these folders is read: links are not followed, and ids are looked up, never opened.
"""

import asyncio
import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from stepwell.api.console.endpoint import Console, Query, Read
from stepwell.api.console.listing import Nothing
from stepwell.api.console.shapes import Shape
from stepwell.awsmodels.errors import ServiceError

BYTES_MAX = 50 << 20
"""Of a report; a larger one is not listed."""

REPORTS_MAX = 500
"""Listed, the latest first."""

ENTRIES_MAX = 10_000
"""Looked at in one folder."""

REPORT = "report.json"

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A pipe of that name is not waited for.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class ReportItem(Shape):
    """A report's file. `name` is that of its run's folder, or its own without the ending."""

    id: str
    name: str
    modified_at: float
    bytes: int


class Reports(Shape):
    """The reports that there are, the latest first. Without `configured` the server was given no folder."""

    reports: list[ReportItem]
    configured: bool


class ReportText(Shape):
    """A report as it was written, JSON in all likelihood."""

    id: str
    name: str
    text: str


class ReportQuery(Query):
    """An id of the list."""

    id: str


class _Found(NamedTuple):
    item: ReportItem
    root: Path
    folder: str
    """"" for a file that lies in the root itself."""
    file: str


async def _reports(console: Console, query: Nothing) -> Reports:
    found = await asyncio.to_thread(find_reports, console.reports)
    return Reports(reports=[each.item for each in found], configured=bool(console.reports))


async def _one(console: Console, query: ReportQuery) -> ReportText:
    return await asyncio.to_thread(read_report, console.reports, query.id)


def find_reports(roots: Sequence[Path]) -> list[_Found]:
    """`*.json` in each root, and `report.json` in each folder there."""
    found = [each for number, root in enumerate(roots) for each in _in_root(number, root)]
    return sorted(found, key=lambda each: each.item.modified_at, reverse=True)[:REPORTS_MAX]


def _in_root(number: int, root: Path) -> Iterator[_Found]:
    try:
        with os.scandir(root) as scanned:
            entries = [entry for entry, _ in zip(scanned, range(ENTRIES_MAX), strict=False)]
    except OSError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            place, name = (entry.name, REPORT), entry.name
        elif entry.name.endswith(".json"):
            place, name = ("", entry.name), entry.name.removesuffix(".json")
        else:
            continue
        if (state := _state(root.joinpath(*place))) is not None:
            id = hashlib.sha256(f"{number}/{'/'.join(place)}".encode(errors="surrogateescape")).hexdigest()[:16]
            shown = name.encode(errors="replace").decode(errors="replace")
            yield _Found(ReportItem(id, shown, state.st_mtime, state.st_size), root, *place)


def _state(path: Path) -> os.stat_result | None:
    try:
        state = path.lstat()
    except OSError:
        return None
    return state if stat.S_ISREG(state.st_mode) and state.st_size <= BYTES_MAX else None


def read_report(roots: Sequence[Path], id: str) -> ReportText:
    """The text of the report with that id. Raises ServiceError."""
    found = next((each for each in find_reports(roots) if each.item.id == id), None)
    if found is None:
        raise ServiceError("ResourceNotFoundException", "There is no such report; read the list again", 404)
    try:
        text = _read(found).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise ServiceError("ValidationException", f"The report cannot be read: {error}") from None
    return ReportText(id=id, name=found.item.name, text=text)


def _read(found: _Found) -> bytes:
    """The file, opened step by step, so that no link that has come in between leads elsewhere."""
    root = os.open(found.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        folder = os.open(found.folder, _FOLDER, dir_fd=root) if found.folder else os.dup(root)
        try:
            with os.fdopen(os.open(found.file, _FILE, dir_fd=folder), "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise OSError("it is no regular file")
                data = file.read(BYTES_MAX + 1)
        finally:
            os.close(folder)
    finally:
        os.close(root)
    if len(data) > BYTES_MAX:
        raise OSError(f"it has more than {BYTES_MAX >> 20} MB")
    return data


READS = {
    "reports": Read(Nothing, Reports, _reports),
    "reports/one": Read(ReportQuery, ReportText, _one),
}
