"""The parts of a Map: which shapes are refused, where and in which words."""

import json
from typing import Any

import pytest

from stepwell.asl.compile import check_definition

SCHEMA = "SCHEMA_VALIDATION_FAILED"
PASS = {"Type": "Pass", "End": True}
DISTRIBUTED = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
GET, LIST, PUT = (f"arn:aws:states:::s3:{action}" for action in ("getObject", "listObjectsV2", "putObject"))
CSV = {"InputType": "CSV"}


def mapped(config: Any = DISTRIBUTED, name: str = "S", **fields: Any) -> dict[str, Any]:
    item = f"{name}Item"
    processor = {"ProcessorConfig": config, "StartAt": item, "States": {item: PASS}}
    return {"Type": "Map", "ItemProcessor": processor, "End": True, **fields}


def found(*states: dict[str, Any], language: str = "JSONPath", express: bool = False) -> list[tuple[str, str]]:
    branches = [{"StartAt": f"S{i}", "States": {f"S{i}": state}} for i, state in enumerate(states)]
    whole = {"P": {"Type": "Parallel", "Branches": branches, "End": True}}
    text = json.dumps({"QueryLanguage": language, "StartAt": "P", "States": whole})
    diagnostics = check_definition(text, express=express)
    assert {d.code for d in diagnostics} <= {SCHEMA}
    return [(d.message, d.location.removeprefix("/States/P/Branches[0]/States/S0")) for d in diagnostics]


@pytest.mark.parametrize(
    ("language", "state"),
    [
        ("JSONPath", mapped({"Mode": "INLINE"}, MaxConcurrency=3, ToleratedFailureCount=1)),
        ("JSONPath", mapped(Label="an-Über_label.1", ItemReader={"Resource": LIST, "Parameters": {"Bucket": "b"}})),
        ("JSONPath", mapped(
            ItemReader={"Resource": GET, "Parameters": {"Bucket.$": "$.b", "Key": "k"}, "ReaderConfig": {
                **CSV, "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["a"], "CSVDelimiter": "TAB",
                "MaxItemsPath": "$.n"}},
            ItemBatcher={"MaxItemsPerBatch": 10, "MaxInputBytesPerBatchPath": "$.m", "BatchInput": {"a.$": "$.a"}},
            ResultWriter={"Resource": PUT, "Parameters": {"Bucket": "b"}, "WriterConfig": {
                "Transformation": "FLATTEN", "OutputType": "JSONL"}},
            ToleratedFailurePercentagePath="$.p")),
        ("JSONata", mapped(
            ItemReader={"Resource": GET, "Arguments": {"Bucket": "{% $states.input.b %}"}, "ReaderConfig": {
                "InputType": "JSON", "ItemsPointer": "/orders", "MaxItems": "{% 5 %}"}},
            ItemBatcher={"MaxItemsPerBatch": "{% 5 %}"},
            ResultWriter={"WriterConfig": {"Transformation": "COMPACT"}})),
        ("JSONPath", mapped(ItemReader={"Resource": GET, "ReaderConfig": {"ManifestType": "S3_INVENTORY"}})),
    ],
    ids=["inline", "listing", "everything", "everything in JSONata", "an inventory"],
)  # fmt: skip
def test_sound_maps(language: str, state: dict[str, Any]):
    assert found(state, language=language) == []


@pytest.mark.parametrize(
    ("state", "message", "field"),
    [
        (mapped([]), "Expected value of type Object", "/ItemProcessor/ProcessorConfig"),
        (mapped({"Mode": "inline"}), "The field 'Mode' should have one of these values: [INLINE, DISTRIBUTED]",
         "/ItemProcessor/ProcessorConfig/Mode"),
        (mapped({"Mode": "DISTRIBUTED"}), "The field 'ExecutionType' is required but was missing",
         "/ItemProcessor/ProcessorConfig"),
        (mapped({**DISTRIBUTED, "More": 1}), "Field is not supported", "/ItemProcessor/ProcessorConfig/More"),
        (mapped({}, Label="x"), "Field is supported only where ProcessorConfig has Mode DISTRIBUTED", "/Label"),
        (mapped(MaxConcurrency=-1), "Value must be an integer from 0 to 99999999", "/MaxConcurrency"),
        (mapped(MaxConcurrency=1, MaxConcurrencyPath="$"), "Only one of these fields may be given: [MaxConcurrency, "
         "MaxConcurrencyPath]", ""),
        (mapped(ToleratedFailureCount=1, ToleratedFailureCountPath="$"), "Only one of these fields may be given: "
         "[ToleratedFailureCount, ToleratedFailureCountPath]", ""),
        (mapped(Label=""), "Label must be 1 to 40 characters long", "/Label"),
        (mapped(Label="x" * 41), "Label must be 1 to 40 characters long", "/Label"),
        (mapped(Label="a b"), "Label contains a character that is not allowed", "/Label"),
        (mapped(Label="a\u0085"), "Label contains a character that is not allowed", "/Label"),
        (mapped(Label=5), "Expected value of type String", "/Label"),
        (mapped(ItemReader=[]), "Expected value of type Object", "/ItemReader"),
        (mapped(ItemReader={}), "The field 'Resource' is required but was missing", "/ItemReader"),
        (mapped(ItemReader={"Resource": PUT}), "Value is not a valid resource ARN", "/ItemReader/Resource"),
        (mapped(ItemReader={"Resource": LIST, "Arguments": {}}), "Field is not supported", "/ItemReader/Arguments"),
        (mapped(ItemReader={"Resource": GET, "ReaderConfig": {"InputType": "XML"}}), "The field 'InputType' should "
         "have one of these values: [CSV, JSON, JSONL, PARQUET, MANIFEST]", "/ItemReader/ReaderConfig/InputType"),
        (mapped(ItemReader={"Resource": GET, "ReaderConfig": {**CSV, "CSVHeaderLocation": "GIVEN"}}),
         "The field 'CSVHeaders' is required but was missing", "/ItemReader/ReaderConfig"),
        (mapped(ItemReader={"Resource": GET, "ReaderConfig": {**CSV, "CSVHeaders": [1]}}),
         "Expected value of type Array of String", "/ItemReader/ReaderConfig/CSVHeaders"),
        (mapped(ItemReader={"Resource": GET, "ReaderConfig": {**CSV, "ItemsPointer": "a"}}),
         "Value is not a valid JSON Pointer", "/ItemReader/ReaderConfig/ItemsPointer"),
        (mapped(ItemReader={"Resource": GET, "ReaderConfig": {**CSV, "MaxItems": 1, "MaxItemsPath": "$"}}),
         "Only one of these fields may be given: [MaxItems, MaxItemsPath]", "/ItemReader/ReaderConfig"),
        (mapped(ItemReader={"Resource": GET, "ReaderConfig": {**CSV, "MaxItems": 100_000_001}}),
         "Value must be an integer from 0 to 100000000", "/ItemReader/ReaderConfig/MaxItems"),
        (mapped(ItemBatcher={"MaxInputBytesPerBatch": 262_145}), "Value must be an integer from 1 to 262144",
         "/ItemBatcher/MaxInputBytesPerBatch"),
        (mapped(ItemBatcher={"MaxItemsPerBatch": "{% 5 %}"}), "Value must be an integer from 1 to 100000000",
         "/ItemBatcher/MaxItemsPerBatch"),
        (mapped(ItemBatcher={"BatchInput": {}}), "One of these fields is required: [MaxItemsPerBatch, "
         "MaxInputBytesPerBatch, MaxItemsPerBatchPath, MaxInputBytesPerBatchPath]", "/ItemBatcher"),
        (mapped(ItemBatcher={"MaxItemsPerBatch": 1, "MaxItemsPerBatchPath": "$"}), "Only one of these fields may be "
         "given: [MaxItemsPerBatch, MaxItemsPerBatchPath]", "/ItemBatcher"),
        (mapped(ResultWriter={}), "One of these fields is required: [Resource, WriterConfig]", "/ResultWriter"),
        (mapped(ResultWriter={"Resource": GET}), "Value is not a valid resource ARN", "/ResultWriter/Resource"),
        (mapped(ResultWriter={"WriterConfig": {"OutputType": "CSV"}}), "The field 'OutputType' should have one of "
         "these values: [JSON, JSONL]", "/ResultWriter/WriterConfig/OutputType"),
    ],
    ids=lambda value: repr(value)[-60:],
)  # fmt: skip
def test_unsound_maps(state: dict[str, Any], message: str, field: str):
    assert found(state) == [(message, field)]


def test_labels_are_unique_in_the_whole_definition():
    twins = [mapped(name=name, Label="L") for name in ("A", "B")]
    assert found(*twins) == [("Duplicate Label: L", "/States/P/Branches[1]/States/S1/Label")]


def test_an_express_machine_has_no_distributed_map():
    message = "Express state machine does not support Distributed Map"
    assert found(mapped(), express=True) == [(message, "/ItemProcessor/ProcessorConfig/Mode")]
