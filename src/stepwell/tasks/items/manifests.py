"""Manifests: files that name the files in which the items are.

Source of their forms: the user guides of Amazon S3 (inventory: a JSON file with the CSV files and their columns) and of
Amazon Athena (the manifest of an UNLOAD: one URI in each line).
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from stepwell.asl.jsontext import Json, JsonTextError, decode
from stepwell.tasks.items.places import Blob, split_uri
from stepwell.tasks.items.settings import S3_INVENTORY, Settings, checked_headers, failed

MANIFEST_BYTES_MAX = 64 * 1024 * 1024

_BUCKET_ARN = "arn:aws:s3:::"


class Manifest(NamedTuple):
    """The files as (bucket, key), and how to read each."""

    files: list[tuple[str, str]]
    settings: Settings


def read_manifest(blob: Blob, bucket: str, settings: Settings) -> Manifest:
    """Raises `StatesError` and `PlaceError`. `bucket` is where the manifest lies."""
    text = whole(blob, MANIFEST_BYTES_MAX)
    if settings.manifest == S3_INVENTORY:
        return _inventory(blob.name, text, bucket, settings)
    try:
        lines = [line.strip() for line in text.decode().splitlines()]
    except UnicodeDecodeError:
        raise failed(f"{blob.name} is not a manifest of Athena: it is not UTF-8") from None
    return Manifest([split_uri(line.strip('"')) for line in lines if line], settings)


def whole(blob: Blob, bytes_max: int) -> bytes:
    """All of an object that has to be held at once. Raises `StatesError` for one that is too large."""
    block = blob.read(0, bytes_max + 1)
    if len(block.data) > bytes_max:
        raise failed(f"{blob.name} is larger than {bytes_max} bytes, which is the most that can be read as a whole")
    return block.data


def _inventory(name: str, text: bytes, bucket: str, settings: Settings) -> Manifest:
    try:
        manifest = decode(text)
        form = manifest["fileFormat"]
        columns = [column.strip() for column in manifest["fileSchema"].split(",")]
        files = [(_destination(manifest, bucket), str(file["key"])) for file in manifest["files"]]
    except (JsonTextError, KeyError, TypeError, AttributeError) as error:
        raise failed(f"{name} is not the manifest of an S3 inventory: {error}") from None
    if form != "CSV":
        raise failed(f"The files of an S3 inventory are read as CSV; those of {name} are {form}")
    return Manifest(files, replace(settings, headers=checked_headers(columns), delimiter=","))


def _destination(manifest: Mapping[str, Json], bucket: str) -> str:
    """Where the files are: beside the manifest in a folder, otherwise in the bucket that it names."""
    named = str(manifest.get("destinationBucket", "")).removeprefix(_BUCKET_ARN)
    return named if named and "://" not in bucket else bucket
