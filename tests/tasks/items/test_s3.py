"""Readers and the writer against a real S3 protocol, spoken by the emulator."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
from itemslab import GET, LIST, PLENTY, PUT, REGION, RUN, SUCCEEDED, flow, joined, pages

from stepwell.asl.errors import StatesError
from stepwell.asl.jsontext import Json
from stepwell.tasks.items.items import Items

pytestmark = pytest.mark.anyio

CSV = {"InputType": "CSV"}
BUCKET = "import-source"


@pytest.fixture(scope="module")
def bucket(s3: Any) -> str:
    s3.create_bucket(Bucket=BUCKET)
    return BUCKET


@pytest.fixture
def items(s3: Any, bucket: str) -> Iterator[Items]:
    items = Items(lambda region: s3, [])
    yield items
    items.close()


def get(key: str, **config: Json) -> dict[str, Json]:
    return {"Resource": GET, "Parameters": {"Bucket": BUCKET, "Key": key}, "ReaderConfig": config}


def listing(config: dict[str, Json], **parameters: Json) -> dict[str, Json]:
    return {"Resource": LIST, "Parameters": {"Bucket": BUCKET, **parameters}, "ReaderConfig": config}


async def everything(s3: Any, items: Items, reader: dict[str, Json]) -> list[Json]:
    """What a reader reads; the same at once and, with a restart after each item, in many pages."""
    made = [items]

    def restarted() -> Items:
        made.append(Items(lambda region: s3, []))
        return made[-1]

    at_once = joined(await pages(lambda: items, reader))
    assert joined(await pages(restarted, reader, 1)) == at_once
    for each in made[1:]:
        each.close()
    return at_once


async def test_rows_of_an_object(s3: Any, items: Items) -> None:
    s3.put_object(Bucket=BUCKET, Key="rows/a.csv", Body=b"a,b\n1,2\n3,4\n")
    reader = get("rows/a.csv", **CSV)
    assert await everything(s3, items, reader) == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]
    [page] = await pages(lambda: items, reader)
    assert page.sources == [f"S3://{BUCKET}/rows/a.csv"] * 2


async def test_an_object_larger_than_a_block_is_read_by_ranges(s3: Any, items: Items) -> None:
    rows = [f"{number},{'x' * 500}" for number in range(2_000)]
    s3.put_object(Bucket=BUCKET, Key="rows/large.csv", Body="\n".join(["id,text", *rows]).encode())
    found = await pages(lambda: items, get("rows/large.csv", **CSV), 300)
    assert [item["id"] for item in joined(found)] == list(map(str, range(2_000)))
    after = await Items(lambda region: s3, []).read(get("rows/large.csv", **CSV), found[4].cursor, REGION, 1, PLENTY)
    assert after.items[0]["id"] == "1500"


async def test_an_empty_object_has_no_rows(s3: Any, items: Items) -> None:
    s3.put_object(Bucket=BUCKET, Key="rows/empty.csv", Body=b"")
    assert await everything(s3, items, get("rows/empty.csv", **CSV)) == []


async def test_an_object_that_changes_meanwhile_is_not_read_on(s3: Any, items: Items) -> None:
    s3.put_object(Bucket=BUCKET, Key="rows/b.csv", Body=b"a\n1\n2\n3\n")
    page = await items.read(get("rows/b.csv", **CSV), None, REGION, 1, PLENTY)
    s3.put_object(Bucket=BUCKET, Key="rows/b.csv", Body=b"a\n4\n5\n6\n")
    with pytest.raises(StatesError, match="was changed while its items were read"):
        await Items(lambda region: s3, []).read(get("rows/b.csv", **CSV), page.cursor, REGION, 1, PLENTY)


async def test_what_s3_refuses_is_told_in_its_words(items: Items) -> None:
    with pytest.raises(StatesError) as failed:
        await pages(lambda: items, get("no/such.csv", **CSV))
    assert failed.value.error == "States.ItemReaderFailed"
    assert failed.value.cause.startswith(
        "The specified key does not exist. (Service: S3, Status Code: 404, Request ID: "
    )
    with pytest.raises(StatesError, match=r"\(Service: S3, Status Code: 404, "):
        await pages(lambda: items, {**listing({}), "Parameters": {"Bucket": "no-such-bucket"}})


async def test_a_parameter_that_s3_does_not_know_is_refused(items: Items) -> None:
    with pytest.raises(StatesError, match='Unknown parameter in input: "Colour"'):
        await pages(lambda: items, {**get("a", **CSV), "Parameters": {"Bucket": BUCKET, "Key": "a", "Colour": "red"}})


async def test_a_listing_goes_on_behind_the_last_key(s3: Any, items: Items) -> None:
    keys = [f"list/{number:02}" for number in range(7)] + ["list/sub/a", "list/sub/b", "list/x"]
    for key in keys:
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"12345")
    for more in ({}, {"MaxKeys": 2}):
        found = await everything(s3, items, listing({}, Prefix="list/", **more))
        assert [item["Key"] for item in found] == keys
    assert list(found[0]) == ["Etag", "Key", "LastModified", "Size", "StorageClass"]
    assert isinstance(found[0]["LastModified"], int)
    [page] = await pages(lambda: items, listing({"MaxItems": 3}, Prefix="list/"))
    assert len(page.items) == 3
    assert set(page.sources) == {f"S3://{BUCKET}"}


async def test_the_objects_of_a_listing_are_loaded_and_flattened(s3: Any, items: Items) -> None:
    bodies = {"": b"", "1.json": b"[1, 2]", "2.json": b"[]", "3.json.gz": gzip.compress(b"[3, 4]")}
    for name, body in bodies.items():
        s3.put_object(Bucket=BUCKET, Key=f"flat/{name}", Body=body)
    reader = listing({"InputType": "JSON", "Transformation": "LOAD_AND_FLATTEN"}, Prefix="flat/")
    assert await everything(s3, items, reader) == [1, 2, 3, 4]
    [page] = await pages(lambda: items, reader)
    assert page.sources[0] == f"S3://{BUCKET}/flat/1.json"


async def test_an_inventory_is_read_by_its_manifest(s3: Any, items: Items) -> None:
    for name, body in (("1", b'"shop","a%20b","3"\n"shop","c","5"\n'), ("2", b'"shop","d","7"\n')):
        s3.put_object(Bucket=BUCKET, Key=f"inventory/{name}.csv.gz", Body=gzip.compress(body))
    manifest = {
        "sourceBucket": "shop", "destinationBucket": f"arn:aws:s3:::{BUCKET}", "version": "2016-11-30",
        "fileFormat": "CSV", "fileSchema": "Bucket, Key, Size",
        "files": [{"key": f"inventory/{name}.csv.gz", "size": 9} for name in "12"],
    }  # fmt: skip
    s3.put_object(Bucket=BUCKET, Key="inventory/manifest.json", Body=json.dumps(manifest).encode())
    expected = [{"Bucket": "shop", "Key": key, "Size": size} for key, size in (("a%20b", "3"), ("c", "5"), ("d", "7"))]
    for config in ({"InputType": "MANIFEST"}, {"ManifestType": "S3_INVENTORY"}):
        assert await everything(s3, items, get("inventory/manifest.json", **config)) == expected


@pytest.mark.parametrize("body", [b"{}", b"[", b'{"fileFormat":"ORC","fileSchema":"a","files":[]}', b'{"files":7}'])
async def test_what_is_no_inventory_is_refused(s3: Any, items: Items, body: bytes) -> None:
    s3.put_object(Bucket=BUCKET, Key="inventory/other.json", Body=body)
    with pytest.raises(StatesError, match="inventory"):
        await pages(lambda: items, get("inventory/other.json", InputType="MANIFEST"))


async def test_what_athena_unloaded_is_read_by_its_manifest(s3: Any, items: Items) -> None:
    s3.put_object(Bucket=BUCKET, Key="athena/1.gz", Body=gzip.compress(b'{"a":1}\n{"a":2}\n'))
    s3.put_object(Bucket=BUCKET, Key="athena/2.gz", Body=gzip.compress(b'{"a":3}\n'))
    uris = "".join(f"s3://{BUCKET}/athena/{name}.gz\n" for name in "12")
    s3.put_object(Bucket=BUCKET, Key="athena/manifest.csv", Body=uris.encode())
    reader = get("athena/manifest.csv", ManifestType="ATHENA_DATA", InputType="JSONL")
    assert await everything(s3, items, reader) == [{"a": 1}, {"a": 2}, {"a": 3}]
    s3.put_object(Bucket=BUCKET, Key="athena/odd.csv", Body=b"not a uri\n")
    with pytest.raises(StatesError, match="'not a uri' is not the URI of an object"):
        await pages(lambda: items, get("athena/odd.csv", ManifestType="ATHENA_DATA", InputType="JSONL"))


async def test_results_are_written_to_a_bucket(s3: Any, items: Items) -> None:
    writer = {"Resource": PUT, "Parameters": {"Bucket": BUCKET, "Prefix": "results/"}}
    told = await items.write(writer, RUN, REGION, flow([SUCCEEDED]))
    assert told == {"Bucket": BUCKET, "Key": f"results/{RUN.rpartition(':')[2]}/manifest.json"}
    manifest = json.loads(s3.get_object(**told)["Body"].read())
    [file] = manifest["ResultFiles"]["SUCCEEDED"]
    body = s3.get_object(Bucket=BUCKET, Key=file["Key"])["Body"].read()
    assert len(body) == file["Size"]
    assert json.loads(body)[0]["Output"] == SUCCEEDED.output


async def test_a_bucket_that_is_not_there_fails_the_writer(items: Items) -> None:
    writer = {"Resource": PUT, "Parameters": {"Bucket": "no-such-bucket", "Prefix": "results"}}
    with pytest.raises(StatesError, match=r"States.ResultWriterFailed: .*\(Service: S3, Status Code: 404, "):
        await items.write(writer, RUN, REGION, flow([SUCCEEDED]))
