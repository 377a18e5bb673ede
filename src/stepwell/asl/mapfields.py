"""The parts of a Map: which fields its ItemReader, ItemBatcher, ResultWriter and their kin may and must have.

What can be told from their shape is told here; paths and templates are checked where they are compiled.
Source of the fields: AWS's Step Functions developer guide. The texts that `schema` does not have are ours.
"""

import re
from collections.abc import Mapping

from stepwell.asl.jsonata import is_jsonata
from stepwell.asl.jsontext import Json
from stepwell.asl.schema import Findings

LABEL_MAX = 40
ITEMS_MAX = 100_000_000
DISTRIBUTED_FIELDS = ("Label", "ItemReader", "ItemBatcher", "ResultWriter")

_LABEL_REFUSED = re.compile(r"[\s?*<>{}\[\]:;,\\|^~$#%&`\"\x00-\x1f\x7f-\x9f]")
_READER_RESOURCE = re.compile(r"arn:[^:]+:states:[^:]*:[^:]*:s3:(getObject|listObjectsV2)")
_WRITER_RESOURCE = re.compile(r"arn:[^:]+:states:[^:]*:[^:]*:s3:putObject")

_PROCESSOR_ENUMS = {"Mode": ("INLINE", "DISTRIBUTED"), "ExecutionType": ("STANDARD", "EXPRESS")}
_READER_ENUMS = {
    "InputType": ("CSV", "JSON", "JSONL", "PARQUET", "MANIFEST"),
    "ManifestType": ("ATHENA_DATA", "S3_INVENTORY"),
    "Transformation": ("NONE", "LOAD_AND_FLATTEN"),
    "CSVDelimiter": ("COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"),
    "CSVHeaderLocation": ("FIRST_ROW", "GIVEN"),
}
_WRITER_ENUMS = {"Transformation": ("NONE", "COMPACT", "FLATTEN"), "OutputType": ("JSON", "JSONL")}
_BATCH_LIMITS = {"MaxItemsPerBatch": ITEMS_MAX, "MaxInputBytesPerBatch": 262_144}
_BATCH_PATHS = tuple(f"{limit}Path" for limit in _BATCH_LIMITS)

FIELDS: Mapping[str, frozenset[str]] = {
    "ProcessorConfig": frozenset(_PROCESSOR_ENUMS),
    "ItemReader": frozenset({"Resource", "ReaderConfig", "Parameters", "Arguments"}),
    "ReaderConfig": frozenset({*_READER_ENUMS, "CSVHeaders", "ItemsPointer", "MaxItems", "MaxItemsPath"}),
    "ItemBatcher": frozenset({*_BATCH_LIMITS, *_BATCH_PATHS, "BatchInput"}),
    "ResultWriter": frozenset({"Resource", "WriterConfig", "Parameters", "Arguments"}),
    "WriterConfig": frozenset(_WRITER_ENUMS),
}
"""The parts, with the fields of both languages: `Arguments` is JSONata's, `Parameters` and paths are JSONPath's."""


def check_map(state: Mapping[str, Json], jsonata: bool, findings: Findings) -> None:
    """Everything about a Map that its own fields do not tell by their names."""
    field = "ItemProcessor" if "ItemProcessor" in state else "Iterator"
    distributed = _check_processor(state.get(field), findings.at(f"{field}/ProcessorConfig"))
    for name in DISTRIBUTED_FIELDS:
        if name in state and not distributed:
            findings.problem("Field is supported only where ProcessorConfig has Mode DISTRIBUTED", name)
    if "Label" in state:
        _check_label(state["Label"], findings)
    parts = (("ItemReader", _check_reader), ("ItemBatcher", _check_batcher), ("ResultWriter", _check_writer))
    for name, check in parts:
        if name in state and findings.expect(state[name], dict, "Object", name):
            check(state[name], jsonata, findings.at(name))


def is_distributed(processor: Json) -> bool:
    """Whether a processor's iterations are executions of their own."""
    config = processor.get("ProcessorConfig") if isinstance(processor, dict) else None
    return isinstance(config, dict) and config.get("Mode") == "DISTRIBUTED"


def _check_processor(processor: Json, findings: Findings) -> bool:
    config = processor.get("ProcessorConfig", {}) if isinstance(processor, dict) else {}
    if not isinstance(config, dict):
        findings.problem("Expected value of type Object")
        return False
    findings.only(config, FIELDS["ProcessorConfig"])
    _check_enums(config, _PROCESSOR_ENUMS, findings)
    distributed = is_distributed(processor)
    if distributed:
        findings.required(config, "ExecutionType")
    return distributed


def _check_names(owner: Mapping[str, Json], part: str, jsonata: bool, findings: Findings) -> None:
    fields = FIELDS[part]
    others = {name for name in fields if name == "Parameters" or name.endswith("Path")} if jsonata else {"Arguments"}
    findings.only(owner, fields - others)


def _check_enums(owner: Mapping[str, Json], enums: Mapping[str, tuple[str, ...]], findings: Findings) -> None:
    for field, values in enums.items():
        if field in owner:
            findings.one_of(owner[field], values, field)


def _check_number(
    owner: Mapping[str, Json], field: str, minimum: int, maximum: int, jsonata: bool, findings: Findings
) -> None:
    value = owner.get(field, minimum)
    if not (jsonata and is_jsonata(value)):
        findings.integer(value, minimum, maximum, field)


def _check_label(label: Json, findings: Findings) -> None:
    if not findings.expect(label, str, "String", "Label"):
        return
    if not 0 < len(label) <= LABEL_MAX:
        findings.problem(f"Label must be 1 to {LABEL_MAX} characters long", "Label")
    elif _LABEL_REFUSED.search(label):
        findings.problem("Label contains a character that is not allowed", "Label")


def _check_resource(owner: Mapping[str, Json], pattern: re.Pattern[str], findings: Findings) -> None:
    resource = owner["Resource"]
    if findings.expect(resource, str, "String", "Resource") and not pattern.fullmatch(resource):
        findings.problem("Value is not a valid resource ARN", "Resource")


def _check_reader(reader: Mapping[str, Json], jsonata: bool, findings: Findings) -> None:
    _check_names(reader, "ItemReader", jsonata, findings)
    if findings.required(reader, "Resource"):
        _check_resource(reader, _READER_RESOURCE, findings)
    config = reader.get("ReaderConfig", {})
    if findings.expect(config, dict, "Object", "ReaderConfig"):
        _check_reader_config(config, jsonata, findings.at("ReaderConfig"))


def _check_reader_config(config: Mapping[str, Json], jsonata: bool, findings: Findings) -> None:
    _check_names(config, "ReaderConfig", jsonata, findings)
    _check_enums(config, _READER_ENUMS, findings)
    findings.at_most_one(config, "MaxItems", "MaxItemsPath")
    _check_number(config, "MaxItems", 0, ITEMS_MAX, jsonata, findings)
    if config.get("CSVHeaderLocation") == "GIVEN":
        findings.required(config, "CSVHeaders")
    headers = config.get("CSVHeaders", [])
    if not isinstance(headers, list) or not all(isinstance(header, str) for header in headers):
        findings.problem("Expected value of type Array of String", "CSVHeaders")
    pointer = config.get("ItemsPointer", "/")
    if not isinstance(pointer, str) or not pointer.startswith("/"):
        findings.problem("Value is not a valid JSON Pointer", "ItemsPointer")


def _check_batcher(batcher: Mapping[str, Json], jsonata: bool, findings: Findings) -> None:
    _check_names(batcher, "ItemBatcher", jsonata, findings)
    for limit, most in _BATCH_LIMITS.items():
        findings.at_most_one(batcher, limit, f"{limit}Path")
        _check_number(batcher, limit, 1, most, jsonata, findings)
    enough = [*_BATCH_LIMITS] if jsonata else [*_BATCH_LIMITS, *_BATCH_PATHS]
    if not batcher.keys() & set(enough):
        findings.problem(f"One of these fields is required: [{', '.join(enough)}]")


def _check_writer(writer: Mapping[str, Json], jsonata: bool, findings: Findings) -> None:
    _check_names(writer, "ResultWriter", jsonata, findings)
    if "Resource" in writer:
        _check_resource(writer, _WRITER_RESOURCE, findings)
    elif "WriterConfig" not in writer:
        findings.problem("One of these fields is required: [Resource, WriterConfig]")
    config = writer.get("WriterConfig", {})
    if findings.expect(config, dict, "Object", "WriterConfig"):
        findings.at("WriterConfig").only(config, FIELDS["WriterConfig"])
        _check_enums(config, _WRITER_ENUMS, findings.at("WriterConfig"))
