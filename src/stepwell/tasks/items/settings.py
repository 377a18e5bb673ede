"""What an ItemReader asks for, checked once: the definition's fields, every value evaluated.

A definition is checked when it is made, so most of what is refused here came out of a path or an expression. "field
MaxItems must be positive" is recorded on AWS; the other texts, and those of the formats beside this, are ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from stepwell.asl.errors import ITEM_READER_FAILED, StatesError
from stepwell.asl.jsontext import Json

MAX_ITEMS = 100_000_000
HEADERS_BYTES_MAX = 10 * 1024

DELIMITERS = {"COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "SPACE": " ", "TAB": "\t"}
FORMATS = ("CSV", "JSON", "JSONL", "PARQUET")
ATHENA_DATA, S3_INVENTORY = "ATHENA_DATA", "S3_INVENTORY"

_RESOURCE = "arn:aws:states:::s3:"


@dataclass(frozen=True, slots=True)
class Settings:
    """A checked ItemReader. `format` is how the items' objects are written, None where the objects are the items."""

    listing: bool
    parameters: Mapping[str, Json]
    format: str | None
    manifest: str | None = None
    delimiter: str = ","
    headers: tuple[str, ...] | None = None
    pointer: str | None = None
    max_items: int = MAX_ITEMS


def failed(cause: str) -> StatesError:
    return StatesError(ITEM_READER_FAILED, cause)


def read_settings(reader: Mapping[str, Json]) -> Settings:
    """Raises `StatesError`."""
    action = str(reader.get("Resource", "")).removeprefix(_RESOURCE)
    if action not in ("getObject", "listObjectsV2"):
        raise failed(f"An ItemReader cannot read from the resource '{reader.get('Resource')}'")
    config = reader.get("ReaderConfig") or {}
    listing = action == "listObjectsV2"
    manifest = _manifest(config)
    return Settings(
        listing=listing,
        parameters=reader.get("Parameters") or {},
        format=_format(config, listing, manifest),
        manifest=manifest,
        delimiter=DELIMITERS[_one_of(config, "CSVDelimiter", tuple(DELIMITERS), "COMMA")],
        headers=_headers(config),
        pointer=_pointer(config),
        max_items=_max_items(config.get("MaxItems", 0)),
    )


def _one_of(config: Mapping[str, Json], field: str, allowed: tuple[str, ...], default: str) -> str:
    value = config.get(field, default)
    if value not in allowed:
        raise failed(f"The field '{field}' should have one of these values: [{', '.join(allowed)}]")
    return str(value)


def _manifest(config: Mapping[str, Json]) -> str | None:
    if "ManifestType" in config:
        return _one_of(config, "ManifestType", (ATHENA_DATA, S3_INVENTORY), "")
    return S3_INVENTORY if config.get("InputType") == "MANIFEST" else None


def _format(config: Mapping[str, Json], listing: bool, manifest: str | None) -> str | None:
    if listing and _one_of(config, "Transformation", ("NONE", "LOAD_AND_FLATTEN"), "NONE") == "NONE":
        return None
    if manifest == S3_INVENTORY:
        return "CSV"
    return _one_of(config, "InputType", FORMATS, "")


def _headers(config: Mapping[str, Json]) -> tuple[str, ...] | None:
    """Those that are given; None when the first row has them."""
    given = config.get("CSVHeaders")
    default = "FIRST_ROW" if given is None else "GIVEN"
    if _one_of(config, "CSVHeaderLocation", ("FIRST_ROW", "GIVEN"), default) == "FIRST_ROW":
        return None
    if not isinstance(given, list) or not given or not all(isinstance(name, str) for name in given):
        raise failed("The field 'CSVHeaders' must be an array of strings")
    return checked_headers(given)


def checked_headers(names: list[str]) -> tuple[str, ...]:
    """Raises `StatesError` for too many or twice the same."""
    if len(set(names)) < len(names):
        raise failed("CSV headers cannot contain duplicates.")
    if sum(len(name.encode()) for name in names) > HEADERS_BYTES_MAX:
        raise failed(f"The headers of a CSV file cannot be larger than {HEADERS_BYTES_MAX} bytes")
    return tuple(names)


def _pointer(config: Mapping[str, Json]) -> str | None:
    pointer = config.get("ItemsPointer")
    if pointer is None or (isinstance(pointer, str) and (pointer == "" or pointer.startswith("/"))):
        return pointer
    raise failed("The field 'ItemsPointer' must be a JSON Pointer")


def _max_items(value: Json) -> int:
    """0 asks for all."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise failed("field MaxItems must be an integer")
    if value < 0:
        raise failed("field MaxItems must be positive")
    return min(value or MAX_ITEMS, MAX_ITEMS)
