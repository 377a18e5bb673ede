"""Results of children: their transformations, and the files of a ResultWriter."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from itemslab import MACHINE, PUT, REGION, RUN, SUCCEEDED, Lab, flow

from stepwell.asl.errors import StatesError
from stepwell.asl.jsontext import Json
from stepwell.tasks.items.results import transform

pytestmark = pytest.mark.anyio

NAME = RUN.rpartition(":")[2]
FAILED = replace(
    SUCCEEDED, status="FAILED", output=None, error="BadRow", cause="no id", redrive_status="REDRIVABLE",
    redrive_status_reason=None,
)  # fmt: skip
PENDING = replace(
    SUCCEEDED, status="PENDING", output=None, started_at=None, stopped_at=None, redrive_status=None,
    redrive_status_reason=None,
)  # fmt: skip

DESCRIBED = {
    "ExecutionArn": SUCCEEDED.execution_arn,
    "Input": '{"row": 1}',
    "InputDetails": {"Included": True},
    "Name": "c0ffee",
    "Output": '[1, {"a": 2}]',
    "OutputDetails": {"Included": True},
    "RedriveCount": 0,
    "RedriveStatus": "NOT_REDRIVABLE",
    "RedriveStatusReason": "Execution is SUCCEEDED and cannot be redriven",
    "StartDate": "2023-11-14T22:13:20.500Z",
    "StateMachineArn": MACHINE,
    "Status": "SUCCEEDED",
    "StopDate": "2023-11-14T22:13:21.250Z",
}


def writer(lab: Lab, prefix: str | None = "results", **config: Json) -> dict[str, Json]:
    parameters = {"Bucket": lab.bucket} if prefix is None else {"Bucket": lab.bucket, "Prefix": prefix}
    return {"Resource": PUT, "Parameters": parameters, "WriterConfig": config}


@pytest.mark.parametrize(
    ("transformation", "expected"),
    [("NONE", [DESCRIBED]), ("COMPACT", [[1, {"a": 2}]]), ("FLATTEN", [1, {"a": 2}])],
)
async def test_transformations(transformation: str, expected: list[Json]) -> None:
    assert list(transform([SUCCEEDED], transformation)) == expected


@pytest.mark.parametrize("transformation", ["NONE", "COMPACT", "FLATTEN"])
async def test_a_failed_child_is_told_of_in_full(transformation: str) -> None:
    [told] = transform([FAILED], transformation)
    assert (told["Status"], told["Error"], told["Cause"], told["Input"]) == ("FAILED", "BadRow", "no id", '{"row": 1}')
    assert list(told) == sorted(told)
    assert "Output" not in told


async def test_an_object_is_not_flattened() -> None:
    one = replace(SUCCEEDED, output='{"a": [1]}')
    assert list(transform([one, SUCCEEDED], "FLATTEN")) == [{"a": [1]}, 1, {"a": 2}]


async def test_each_outcome_has_its_files_and_the_manifest_names_them(lab: Lab) -> None:
    stopped = [replace(FAILED, status=status) for status in ("TIMED_OUT", "ABORTED")]
    told = await lab.items.write(writer(lab), RUN, REGION, flow([SUCCEEDED, FAILED, *stopped, PENDING]))
    assert told == {"Bucket": lab.bucket, "Key": f"results/{NAME}/manifest.json"}
    manifest = json.loads(lab.read(told["Key"]))
    assert list(manifest) == ["DestinationBucket", "MapRunArn", "ResultFiles"]
    assert (manifest["DestinationBucket"], manifest["MapRunArn"]) == (lab.bucket, RUN)
    files = manifest["ResultFiles"]
    assert {group: [file["Key"] for file in files[group]] for group in files} == {
        "FAILED": [f"results/{NAME}/FAILED_0.json"],
        "PENDING": [f"results/{NAME}/PENDING_0.json"],
        "SUCCEEDED": [f"results/{NAME}/SUCCEEDED_0.json"],
    }
    for [file] in files.values():
        assert len(lab.read(file["Key"])) == file["Size"]
    assert json.loads(lab.read(f"results/{NAME}/SUCCEEDED_0.json")) == [DESCRIBED]
    failed = json.loads(lab.read(f"results/{NAME}/FAILED_0.json"))
    assert [each["Status"] for each in failed] == ["FAILED", "TIMED_OUT", "ABORTED"]
    assert "StartDate" not in json.loads(lab.read(f"results/{NAME}/PENDING_0.json"))[0]


async def test_no_results_leave_a_manifest_alone(lab: Lab) -> None:
    told = await lab.items.write(writer(lab, None), RUN, REGION, flow([]))
    assert told["Key"] == f"{NAME}/manifest.json"
    assert json.loads(lab.read(told["Key"]))["ResultFiles"] == {"FAILED": [], "PENDING": [], "SUCCEEDED": []}
    assert [path.name for path in (lab.folder / NAME).iterdir()] == ["manifest.json"]


async def test_lines_hold_one_result_each(lab: Lab) -> None:
    await lab.items.write(
        writer(lab, OutputType="JSONL", Transformation="FLATTEN"), RUN, REGION, flow([SUCCEEDED, SUCCEEDED])
    )
    assert lab.read(f"results/{NAME}/SUCCEEDED_0.jsonl") == b'1\n{"a":2}\n1\n{"a":2}\n'


@pytest.mark.parametrize("output_type", ["JSON", "JSONL"])
async def test_a_full_file_is_followed_by_the_next(tmp_path: Path, output_type: str) -> None:
    lab = Lab(tmp_path, part_bytes=100)
    results = [replace(SUCCEEDED, output=json.dumps("x" * size)) for size in (40, 40, 300, 10, 10)]
    config = writer(lab, OutputType=output_type, Transformation="COMPACT")
    for _ in range(2):
        # The second time as after a crash: the same results under the same names.
        told = await lab.items.write(config, RUN, REGION, flow(results))
        files = json.loads(lab.read(told["Key"]))["ResultFiles"]["SUCCEEDED"]
        texts = [lab.read(file["Key"]).decode() for file in files]
        parts = [
            json.loads(text) if output_type == "JSON" else list(map(json.loads, text.splitlines())) for text in texts
        ]
        assert [list(map(len, part)) for part in parts] == [[40, 40], [300], [10, 10]]
        assert [file["Size"] for file in files] == list(map(len, texts))
        assert sorted(path.name for path in (lab.folder / "results" / NAME).iterdir()) == [
            f"SUCCEEDED_{number}.{output_type.lower()}" for number in range(3)
        ] + ["manifest.json"]
    lab.close()


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"Resource": "arn:aws:states:::s3:getObject"}, "cannot write to the resource"),
        ({"Parameters": {"Prefix": "a"}}, "The field 'Bucket' must be a string"),
        ({"Parameters": {"Bucket": "file:///elsewhere"}}, "is not open to definitions"),
        ({"WriterConfig": {"OutputType": "CSV"}}, "The field 'OutputType' should have one of these values"),
        ({"WriterConfig": {"Transformation": "ZIP"}}, "The field 'Transformation' should have one of these values"),
    ],
)
async def test_a_writer_that_makes_no_sense_is_refused(lab: Lab, change: dict[str, Json], cause: str) -> None:
    with pytest.raises(StatesError, match=cause) as failed:
        await lab.items.write({**writer(lab), **change}, RUN, REGION, flow([SUCCEEDED]))
    assert failed.value.error == "States.ResultWriterFailed"


async def test_a_prefix_does_not_lead_out_of_the_folder(lab: Lab) -> None:
    with pytest.raises(StatesError, match="leads out of"):
        await lab.items.write(writer(lab, "../up"), RUN, REGION, flow([SUCCEEDED]))


async def test_many_results_pass_through(lab: Lab) -> None:
    many = [replace(SUCCEEDED, output=str(number)) for number in range(1_050)]
    await lab.items.write(writer(lab, Transformation="COMPACT"), RUN, REGION, flow(many))
    assert json.loads(lab.read(f"results/{NAME}/SUCCEEDED_0.json")) == list(range(1_050))
