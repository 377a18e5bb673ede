"""ResultWriter: the results of a Map Run as files, and the manifest that names them.

Files are filled side by side, one for each outcome, each in a temporary file; a full one is written to its place at
once. Source of names and forms: the AWS Step Functions Developer Guide, "ResultWriter (Map)".
"""

import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, BinaryIO

from stepwell.asl.errors import RESULT_WRITER_FAILED, StatesError
from stepwell.asl.jsontext import Json, encode
from stepwell.tasks.items.places import Extra, Place, PlaceError
from stepwell.tasks.items.results import COMPACT, FLATTEN, GROUPS, NONE, ChildResult, transform

PART_BYTES = 64 * 1024 * 1024
"""Where a file ends and the next begins. AWS's bound is 5 GB, which few programs would like to read."""

_RESOURCE = "arn:aws:states:::s3:putObject"
_JSON, _JSONL = "JSON", "JSONL"
_BATCH = 100

Work = Callable[..., Awaitable[Any]]
"""Runs a function elsewhere than on the event loop."""


async def write_results(
    writer: Mapping[str, Json],
    map_run: str,
    results: AsyncIterator[ChildResult],
    place: Callable[[Json], Place],
    work: Work,
    part_bytes: int,
) -> dict[str, Json]:
    """ResultWriterDetails. Raises `StatesError`; the files written until then stay, without a manifest."""
    try:
        export = await work(_Export, writer, map_run, place, part_bytes)
        try:
            held: list[ChildResult] = []
            async for result in results:
                held.append(result)
                if len(held) == _BATCH:
                    await work(export.add, held)
                    held = []
            await work(export.add, held)
            return dict(await work(export.finish))
        finally:
            await work(export.close)
    except (PlaceError, OSError) as error:
        # Of the system's errors a full disk is one, on which the temporary files are.
        raise StatesError(RESULT_WRITER_FAILED, str(error)) from None


def _one_of(config: Mapping[str, Json], field: str, *allowed: str) -> str:
    value = config.get(field, allowed[0])
    if value in allowed:
        return str(value)
    # The text is that of a definition with such a value.
    raise StatesError(
        RESULT_WRITER_FAILED, f"The field '{field}' should have one of these values: [{', '.join(allowed)}]"
    )


class _Export:
    def __init__(
        self, writer: Mapping[str, Json], map_run: str, place: Callable[[Json], Place], part_bytes: int
    ) -> None:
        if writer.get("Resource") != _RESOURCE:
            raise StatesError(
                RESULT_WRITER_FAILED, f"A ResultWriter cannot write to the resource '{writer.get('Resource')}'"
            )
        parameters = writer.get("Parameters") or {}
        config = writer.get("WriterConfig") or {}
        self._transformation = _one_of(config, "Transformation", NONE, COMPACT, FLATTEN)
        lines = _one_of(config, "OutputType", _JSON, _JSONL) == _JSONL
        self._map_run = map_run
        self._bucket = parameters.get("Bucket")
        self._place = place(self._bucket)
        self._extra = {name: value for name, value in parameters.items() if name not in ("Bucket", "Prefix")}
        prefix = str(parameters.get("Prefix") or "").strip("/")
        self._folder = f"{prefix}/{map_run.rpartition(':')[2]}".lstrip("/")
        self._files = {
            group: _Files(self._place, f"{self._folder}/{group}", self._extra, lines, part_bytes) for group in GROUPS
        }

    def add(self, results: list[ChildResult]) -> None:
        for result in results:
            for element in transform([result], self._transformation):
                self._files[result.group].add(encode(element).encode())

    def finish(self) -> dict[str, Json]:
        """The manifest comes last: where there is one, all that it names is there."""
        manifest = {
            "DestinationBucket": self._bucket,
            "MapRunArn": self._map_run,
            "ResultFiles": {group: files.finish() for group, files in self._files.items()},
        }
        key = f"{self._folder}/manifest.json"
        with tempfile.TemporaryFile() as file:
            file.write(encode(manifest).encode())
            file.seek(0)
            self._place.put(key, file, self._extra)
        return {"Bucket": self._bucket, "Key": key}

    def close(self) -> None:
        for files in self._files.values():
            files.close()


class _Files:
    """The files of one outcome, numbered from 0."""

    def __init__(self, place: Place, path: str, extra: Extra, lines: bool, part_bytes: int) -> None:
        self._place = place
        self._path = path
        self._extra = extra
        self._part_bytes = part_bytes
        # The ending of JSON Lines is ours: the guide shows none. The manifest says what it is.
        self._ending = "jsonl" if lines else "json"
        self._first, self._between, self._last = (b"", b"\n", b"\n") if lines else (b"[", b",", b"]")
        self._file: BinaryIO | None = None
        self._written: list[dict[str, Json]] = []

    def add(self, element: bytes) -> None:
        if self._file is not None and self._file.tell() + len(element) + 2 > self._part_bytes:
            self._put(self._file)
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115
            self._file.write(self._first)
        else:
            self._file.write(self._between)
        self._file.write(element)

    def _put(self, file: BinaryIO) -> None:
        file.write(self._last)
        size = file.tell()
        file.seek(0)
        key = f"{self._path}_{len(self._written)}.{self._ending}"
        self._place.put(key, file, self._extra)
        self._written.append({"Key": key, "Size": size})
        self.close()

    def finish(self) -> list[dict[str, Json]]:
        """What was written."""
        if self._file is not None:
            self._put(self._file)
        return self._written

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
