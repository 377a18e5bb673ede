"""Folders as buckets: what can be named, and what cannot be reached."""

import os
from pathlib import Path

import pytest
from itemslab import PLENTY, Lab, joined, pages

from stepwell.asl.errors import StatesError

pytestmark = pytest.mark.anyio

CSV = {"InputType": "CSV"}
FLATTEN = {"Transformation": "LOAD_AND_FLATTEN"}


async def test_a_listing_is_sorted_as_s3_sorts(lab: Lab) -> None:
    for key in ("b/1", "b.txt", "a/z/deep", "a/é", "a/B", "b/", "c"):
        if not key.endswith("/"):
            lab.file(key, key)
    (lab.folder / "empty").mkdir()
    expected = ["a/B", "a/z/deep", "a/é", "b.txt", "b/1", "c"]
    for most, items in ((PLENTY, lambda: lab.items), (1, lab.restarted)):
        found = joined(await pages(items, lab.listing({}), most))
        assert [item["Key"] for item in found] == expected
    within = joined(await pages(lambda: lab.items, lab.listing({}, Prefix="a/", StartAfter="a/B")))
    assert [item["Key"] for item in within] == ["a/z/deep", "a/é"]
    assert joined(await pages(lambda: lab.items, lab.listing({"MaxItems": 2}), 1))[-1]["Key"] == "a/z/deep"


async def test_a_listed_file_has_the_members_of_a_listed_object(lab: Lab) -> None:
    lab.file("a", "12345")
    os.utime(lab.folder / "a", (1_700_000_000, 1_700_000_000))
    [page] = await pages(lambda: lab.items, lab.listing({}))
    [item] = page.items
    assert list(item) == ["Etag", "Key", "LastModified", "Size", "StorageClass"]
    assert (item["Key"], item["LastModified"], item["Size"]) == ("a", 1_700_000_000, 5)
    assert page.sources == [lab.bucket]


async def test_all_files_are_loaded_and_flattened(lab: Lab) -> None:
    lab.file("in/1.csv", "a\n1\n2\n")
    lab.file("in/2.csv", "a\n")
    lab.file("in/3.csv", "b\n3\n")
    lab.file("other.csv", "a\n9\n")
    reader = lab.listing({**CSV, **FLATTEN}, Prefix="in/")
    expected = [{"a": "1"}, {"a": "2"}, {"b": "3"}]
    [page] = await pages(lambda: lab.items, reader)
    assert page.items == expected
    assert page.sources == [f"{lab.bucket}/in/{name}" for name in ("1.csv", "1.csv", "3.csv")]
    assert joined(await pages(lab.restarted, reader, 1)) == expected
    reader["ReaderConfig"]["MaxItems"] = 2
    assert joined(await pages(lab.restarted, reader, 1)) == expected[:2]


@pytest.mark.parametrize(
    "key", ["../secret.csv", "in/../../secret.csv", "/etc/passwd", "link.csv", "way/secret.csv", "a\0b", ".", "in/.."]
)
async def test_no_key_leads_out_of_the_folder(lab: Lab, tmp_path: Path, key: str) -> None:
    (tmp_path / "secret.csv").write_text("a\nsecret\n")
    (lab.folder / "in").mkdir()
    (lab.folder / "link.csv").symlink_to(tmp_path / "secret.csv")
    (lab.folder / "way").symlink_to(tmp_path)
    with pytest.raises(StatesError, match=r"leads out of|is not a path below") as failed:
        await pages(lambda: lab.items, lab.get(key, **CSV))
    assert failed.value.error == "States.ItemReaderFailed"


async def test_a_listing_passes_over_links(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("a\nsecret\n")
    lab.file("a.csv", "a\n1\n")
    (lab.folder / "link.csv").symlink_to(tmp_path / "secret.csv")
    (lab.folder / "round").symlink_to(lab.folder)
    found = joined(await pages(lambda: lab.items, lab.listing({})))
    assert [item["Key"] for item in found] == ["a.csv"]


async def test_a_link_within_the_folder_may_be_read(lab: Lab) -> None:
    lab.file("in/a.csv", "a\n1\n")
    (lab.folder / "latest.csv").symlink_to(lab.folder / "in" / "a.csv")
    assert joined(await pages(lambda: lab.items, lab.get("latest.csv", **CSV))) == [{"a": "1"}]


async def test_a_folder_that_is_not_open_is_refused_with_what_would_open_it(lab: Lab, tmp_path: Path) -> None:
    for bucket in (f"file://{tmp_path}", f"file://{lab.folder}/../x", f"file://{tmp_path}/open2", "file:///"):
        reader = {**lab.get("a.csv", **CSV), "Parameters": {"Bucket": bucket, "Key": "a.csv"}}
        with pytest.raises(StatesError, match=r"is not open to definitions: name it, .* with --items-folder"):
            await pages(lambda: lab.items, reader)


@pytest.mark.parametrize("bucket", ["file://relative/x", "file://", "file:///a%00b", "file://[/a"])
async def test_a_bucket_that_names_no_folder_is_refused(lab: Lab, bucket: str) -> None:
    reader = {**lab.get("a.csv", **CSV), "Parameters": {"Bucket": bucket, "Key": "a.csv"}}
    with pytest.raises(StatesError, match="names no folder"):
        await pages(lambda: lab.items, reader)


async def test_what_is_not_a_file_is_refused(lab: Lab) -> None:
    os.mkfifo(lab.folder / "pipe")
    (lab.folder / "folder").mkdir()
    (lab.folder / "circle").symlink_to(lab.folder / "circle")
    for key, why in (
        ("circle", "circle: "),
        ("pipe", "is not a file"),
        ("folder", "Is a directory"),
        ("none.csv", "No such file"),
    ):
        with pytest.raises(StatesError, match=why):
            await pages(lambda: lab.items, lab.get(key, **CSV))


@pytest.mark.parametrize(
    ("reader", "cause"),
    [
        ({"Resource": "arn:aws:states:::s3:putObject"}, "cannot read from the resource"),
        ({"Parameters": {"Key": "a"}}, "The field 'Bucket'"),
        ({"Parameters": {"Bucket": "", "Key": "a"}}, "The field 'Bucket'"),
        ({"Parameters": {"Bucket": "b"}}, "The field 'Key'"),
        ({"ReaderConfig": {}}, "The field 'InputType' should have one of these values"),
        ({"ReaderConfig": {"InputType": "XML"}}, "The field 'InputType' should have one of these values"),
        ({"ReaderConfig": {**CSV, "CSVDelimiter": "#"}}, "The field 'CSVDelimiter' should have"),
        ({"ReaderConfig": {"InputType": "JSON", "ItemsPointer": "a"}}, "must be a JSON Pointer"),
        ({"ReaderConfig": {**CSV, "ManifestType": "OTHER"}}, "The field 'ManifestType' should have"),
    ],
)
async def test_a_reader_that_makes_no_sense_is_refused(lab: Lab, reader: dict[str, object], cause: str) -> None:
    lab.file("a", "")
    with pytest.raises(StatesError, match=cause):
        await pages(lambda: lab.items, {**lab.get("a", **CSV), **reader})
