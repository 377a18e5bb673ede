"""CSV and JSON Lines from files, read in one go and again from every cursor."""

import gzip
import json
import tracemalloc
from typing import Any

import pytest
from itemslab import REGION, Lab, joined, pages

from stepwell.asl.errors import StatesError
from stepwell.asl.jsontext import Json

pytestmark = pytest.mark.anyio

FIRST_ROW = {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}
A1 = [{"a": "1", "b": "2"}]


def given(*names: str) -> dict[str, Json]:
    return {"InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": list(names)}


@pytest.mark.parametrize(
    ("content", "config", "expected"),
    [
        pytest.param("a,b\n1,2\n", FIRST_ROW, A1, id="header first"),
        pytest.param("1,2\n", given("a", "b"), A1, id="header given"),
        pytest.param("a,b\n1,2", FIRST_ROW, A1, id="no newline at the end"),
        pytest.param("a,b\r\n1,2\r\n", FIRST_ROW, A1, id="CRLF"),
        pytest.param("\ufeffa,b\n1,2\n", FIRST_ROW, A1, id="byte order mark"),
        pytest.param("\ufeff1,2\n", given("a", "b"), A1, id="byte order mark without header"),
        pytest.param("a,b\n\n1,2\n\n", FIRST_ROW, A1, id="empty lines"),
        pytest.param("a,b\n1,2,3,4\n", FIRST_ROW, A1, id="too many fields"),
        pytest.param("a,b\n1\n", FIRST_ROW, [{"a": "1", "b": ""}], id="too few fields"),
        pytest.param("a,b\n 1 ,\t\n", FIRST_ROW, [{"a": " 1 ", "b": "\t"}], id="white space is kept"),
        pytest.param('a,b\n"1","2"\n', FIRST_ROW, A1, id="quotes"),
        pytest.param('a,b\n"x, ""y""",2\n', FIRST_ROW, [{"a": 'x, "y"', "b": "2"}], id="quotes and commas in quotes"),
        pytest.param('a,b\n"x\ny\r\nz",2\n', FIRST_ROW, [{"a": "x\ny\r\nz", "b": "2"}], id="lines in quotes"),
        pytest.param("a,b\n1\"2,'3'\n", FIRST_ROW, [{"a": '1"2', "b": "'3'"}], id="quotes within a field"),
        pytest.param("a|b\n1|2\n", {**FIRST_ROW, "CSVDelimiter": "PIPE"}, A1, id="pipe"),
        pytest.param("a;b\n1;2\n", {**FIRST_ROW, "CSVDelimiter": "SEMICOLON"}, A1, id="semicolon"),
        pytest.param("a b\n1 2\n", {**FIRST_ROW, "CSVDelimiter": "SPACE"}, A1, id="space"),
        pytest.param("a\tb\n1\t2\n", {**FIRST_ROW, "CSVDelimiter": "TAB"}, A1, id="tab"),
        pytest.param("a,b\nÄ,日本\n", FIRST_ROW, [{"a": "Ä", "b": "日本"}], id="beyond ASCII"),
        pytest.param("a,b\n", FIRST_ROW, [], id="a header alone"),
        pytest.param("", FIRST_ROW, [], id="an empty file"),
        pytest.param("", given("a"), [], id="an empty file with a header given"),
        pytest.param("a,b\n1,2\n3,4\n", {**FIRST_ROW, "MaxItems": 1}, A1, id="MaxItems"),
        pytest.param("a,b\n1,2\n", {**FIRST_ROW, "MaxItems": 0}, A1, id="MaxItems 0 is all"),
        pytest.param('a,b\n1,2\n"3,', {**FIRST_ROW, "MaxItems": 1}, A1, id="what lies behind MaxItems is not read"),
    ],
)
async def test_a_row_is_an_object_of_strings(lab: Lab, content: str, config: dict[str, Json], expected: Any) -> None:
    assert await lab.rows("rows.csv", content, **config) == expected


async def test_members_come_in_the_order_of_a_hash_map(lab: Lab) -> None:
    # The hash of a letter is its code: p falls into place 0 of 16, a into 1, q behind it, b into 2.
    [item] = await lab.rows("rows.csv", "b,a,q,p\n1,2,3,4\n", **FIRST_ROW)
    assert list(item.items()) == [("p", "4"), ("a", "2"), ("q", "3"), ("b", "1")]
    # Thirteen need a table of 32 places, where 0 is that of the backtick.
    [item] = await lab.rows("rows.csv", "m,l,k,j,i,h,g,f,e,d,c,b,`\n", **given(*"mlkjihgfedcb`"), MaxItems=1)
    assert list(item) == list("`bcdefghijklm")


@pytest.mark.parametrize(
    ("content", "config", "cause"),
    [
        ("a,b,a\n1,2,3\n", FIRST_ROW, "CSV headers cannot contain duplicates."),
        ("1,2\n", given("a", "a"), "CSV headers cannot contain duplicates."),
        (
            "1,2\n",
            {"InputType": "CSV", "CSVHeaderLocation": "GIVEN"},
            "The field 'CSVHeaders' must be an array of strings",
        ),
        ("a\n1\n", {**FIRST_ROW, "MaxItems": -1}, "field MaxItems must be positive"),
        ("a\n1\n", {**FIRST_ROW, "MaxItems": "x"}, "field MaxItems must be an integer"),
        ('a\n"1\n', FIRST_ROW, "The row at byte 2 is not CSV: unexpected end of data"),
        ('a\n1\n"2"x\n', FIRST_ROW, "The row at byte 4 is not CSV: ',' expected after '\"'"),
        (b"a\n1\n\xff\n", FIRST_ROW, "The row at byte 4 is not UTF-8"),
        ("a\n" + "x" * 300_000, FIRST_ROW, "Item 0 of file:///KEY has 300008 bytes, which is more than 262144"),
        ("a\n" + "x" * 3_000_000, FIRST_ROW, "The item at byte 2 is larger than 2097152 bytes"),
        ("h" * 11_000, FIRST_ROW, "The headers of a CSV file cannot be larger than 10240 bytes"),
    ],
)
async def test_what_cannot_be_read_is_said(lab: Lab, content: Any, config: dict[str, Json], cause: str) -> None:
    with pytest.raises(StatesError) as failed:
        await lab.rows("rows.csv", content, **config)
    assert failed.value.error == "States.ItemReaderFailed"
    assert failed.value.cause == cause.replace("file:///KEY", f"{lab.bucket}/rows.csv")


async def test_a_cursor_leads_on_in_a_gzip_file(lab: Lab) -> None:
    content = gzip.compress(b"a,b\n1,2\n") + gzip.compress(b"3,4\n5,6\n")
    rows = await lab.rows("rows.csv.gz", content, **FIRST_ROW)
    assert rows == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}, {"a": "5", "b": "6"}]


async def test_a_gzip_file_that_ends_early_is_not_taken_for_whole(lab: Lab) -> None:
    with pytest.raises(StatesError, match="ends early"):
        await lab.rows("rows.csv.gz", gzip.compress(b"a,b\n" + b"1,2\n" * 99)[:-9], **FIRST_ROW)


async def test_a_file_is_read_in_bounded_memory(lab: Lab) -> None:
    with (lab.folder / "large.csv").open("w") as file:
        file.write("id,name\n")
        file.writelines(f"{number},{'x' * 1_000}\n" for number in range(20_000))
    seen, cursor = 0, None
    tracemalloc.start()
    while seen == 0 or cursor is not None:
        page = await lab.items.read(lab.get("large.csv", **FIRST_ROW), cursor, REGION, 200, 1_000_000)
        assert page.items[0]["id"] == str(seen)
        seen, cursor = seen + len(page.items), page.cursor
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seen == 20_000
    assert peak < 4_000_000, "of 20 MB no more than a block, a page and their copies"


async def test_a_page_has_no_more_bytes_than_asked_for(lab: Lab) -> None:
    lab.file("rows.csv", "a\n" + "x" * 50 + "\n1\n2\n3\n")
    reader = lab.get("rows.csv", **FIRST_ROW)
    first = await lab.items.read(reader, None, REGION, 10, 20)
    second = await lab.items.read(reader, first.cursor, REGION, 10, 20)
    third = await lab.items.read(reader, second.cursor, REGION, 10, 20)
    assert [len(page.items) for page in (first, second, third)] == [1, 2, 1]
    assert third.cursor is None


async def test_a_page_says_where_its_items_are_from(lab: Lab) -> None:
    lab.file("rows.csv", "a\n1\n2\n")
    page = await lab.items.read(lab.get("rows.csv", **FIRST_ROW), None, REGION, 10, 1_000)
    assert page.sources == [f"{lab.bucket}/rows.csv"] * 2
    assert page.keys == [None, None]


async def test_a_file_that_changes_meanwhile_is_not_read_on(lab: Lab) -> None:
    lab.file("rows.csv", "a\n1\n2\n3\n")
    reader = lab.get("rows.csv", **FIRST_ROW)
    page = await lab.items.read(reader, None, REGION, 1, 1_000)
    lab.file("rows.csv", "a\n1\n2\n3\n4\n")
    with pytest.raises(StatesError, match="was changed while its items were read"):
        await lab.restarted().read(reader, page.cursor, REGION, 1, 1_000)


async def test_json_lines(lab: Lab) -> None:
    values = [{"a": [1, {"b": "\n"}]}, 2**80, None, "x"]
    content = "\ufeff" + "\r\n\n".join(map(json.dumps, values))
    assert await lab.rows("rows.jsonl", content, InputType="JSONL") == values


async def test_a_line_that_is_not_json_is_named(lab: Lab) -> None:
    with pytest.raises(StatesError, match="The line that ends at byte 11 is not JSON"):
        await lab.rows("rows.jsonl", '{"a":1}\n{]\n', InputType="JSONL")


async def test_a_cursor_from_elsewhere_is_refused(lab: Lab) -> None:
    lab.file("rows.csv", "a\n1\n")
    for cursor in ("", "{}", "[1,2,3,4,5,6]", "[0,null,null,null"):
        with pytest.raises(StatesError, match="cursor"):
            await lab.items.read(lab.get("rows.csv", **FIRST_ROW), cursor, REGION, 1, 1_000)


async def test_pages_of_one_source_do_not_mix_with_those_of_another(lab: Lab) -> None:
    lab.file("one.csv", "a\n1\n2\n")
    lab.file("two.csv", "a\n3\n4\n")
    one, two = lab.get("one.csv", **FIRST_ROW), lab.get("two.csv", **FIRST_ROW)
    first = await lab.items.read(one, None, REGION, 1, 1_000)
    await lab.items.read(two, None, REGION, 1, 1_000)
    again = await lab.items.read(one, first.cursor, REGION, 1, 1_000)
    twice = await lab.items.read(one, first.cursor, REGION, 1, 1_000)
    assert again.items == twice.items == [{"a": "2"}]
    assert joined(await pages(lambda: lab.items, two)) == [{"a": "3"}, {"a": "4"}]
