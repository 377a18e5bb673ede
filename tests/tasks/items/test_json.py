"""JSON files: any array or object in them, found without holding the file."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from itemslab import Lab, pages

from stepwell.asl.errors import StatesError
from stepwell.asl.jsontext import Json
from stepwell.tasks.items.jsonfile import Item, json_items
from stepwell.tasks.items.lines import Blocks

NESTED = {"a": {"b/c": [10, [20, 21]], "~d": {"x": 1, "y": [2]}}, "e": [], "f": "]}"}

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
)


def in_blocks(text: bytes, size: int) -> Blocks:
    def blocks(offset: int) -> Iterator[bytes]:
        for at in range(offset, len(text), size):
            yield text[at : min(at + size, len(text))]

    return blocks


@settings(max_examples=50)
@given(st.lists(values), st.integers(1, 40), st.sampled_from([None, 1]), st.booleans())
def test_any_array_is_found_wherever_its_blocks_end(
    items: list[Any], size: int, indent: int | None, ascii: bool
) -> None:
    text = json.dumps(items, indent=indent, ensure_ascii=ascii).encode()
    found = list(json_items(in_blocks(text, size), None, None, 10_000))
    assert [item.value for item in found] == items
    for number, item in enumerate(found, 1):
        after = json_items(in_blocks(text, size), None, item.position, 10_000)
        assert [item.value for item in after] == items[number:]


@settings(max_examples=50)
@given(st.dictionaries(st.text(), values), st.dictionaries(st.text(), values), st.integers(1, 40))
def test_any_object_is_found_by_a_pointer(before: dict[str, Any], items: dict[str, Any], size: int) -> None:
    text = json.dumps([{"x": before}, {"y": items}]).encode()
    found = list(json_items(in_blocks(text, size), "/1/y", None, 10_000))
    assert {item.key: item.value for item in found} == items
    for number, item in enumerate(found, 1):
        after = [item.key for item in json_items(in_blocks(text, size), "/1/y", item.position, 10_000)]
        assert after == list(items)[number:]


def items_of(text: str | bytes, pointer: str | None = None) -> list[Item]:
    return list(json_items(in_blocks(text.encode() if isinstance(text, str) else text, 7), pointer, None, 1_000))


@pytest.mark.parametrize(
    ("pointer", "expected"),
    [
        ("/a/b~1c", [10, [20, 21]]),
        ("/a/b~1c/1", [20, 21]),
        ("/a/~0d", [1, [2]]),
        ("/a/~0d/y", [2]),
        ("/e", []),
        ("", [NESTED["a"], [], "]}"]),
    ],
)
def test_a_pointer_names_an_array_or_an_object(pointer: str, expected: list[Json]) -> None:
    assert [item.value for item in items_of(json.dumps(NESTED), pointer)] == expected


@pytest.mark.parametrize("pointer", ["/b", "/a/b", "/a/b~1c/2", "/a/b~1c/x", "/f/x", "/e/0"])
def test_a_pointer_to_nothing_is_refused(pointer: str) -> None:
    with pytest.raises(StatesError, match="refers to nothing in the file"):
        items_of(json.dumps(NESTED), pointer)


@pytest.mark.parametrize(
    ("text", "pointer"), [('{"a":1}', None), ("7", None), ('"x"', None), ("null", None), ('{"a":1}', "/a")]
)
def test_what_has_no_items_is_refused(text: str, pointer: str | None) -> None:
    with pytest.raises(StatesError) as failed:
        items_of(text, pointer)
    assert (failed.value.error, failed.value.cause) == (
        "States.ItemReaderFailed", "Attempting to map over non-iterable node."
    )  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "[",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1}",
        "[tru]",
        '["x]',
        "[1]x",
        "[1][",
        '[{"a":1,}]',
        "[[1,2]",
        "[01]",
        '["\\x"]',
    ],
)
def test_what_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(StatesError, match="not JSON"):
        items_of(text)


@pytest.mark.parametrize(
    "text", ['{"a":[1', '{"a" [1]}', "{a:[1]}", '{"b":[1,{"c":"', '{"b"', '{"b":1 "a":[1]}', '{"b":,"a":[1]}']
)
def test_what_is_not_json_on_the_way_is_refused(text: str) -> None:
    with pytest.raises(StatesError, match="not JSON"):
        items_of(text, "/a")


def test_an_item_larger_than_allowed_is_refused_before_it_is_read() -> None:
    def endless(offset: int) -> Iterator[bytes]:
        yield b'["'
        while True:
            yield b"x" * 1_000

    with pytest.raises(StatesError, match="The item at byte 1 is larger than 5000 bytes"):
        list(json_items(endless, None, None, 5_000))


def test_deep_nesting_is_refused() -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    with pytest.raises(StatesError):
        list(json_items(in_blocks(deep, 1_000), None, None, 1_000_000))


def test_what_is_passed_over_may_be_larger_than_an_item() -> None:
    text = json.dumps({"before": [["x" * 100] * 1_000], "items": [1, 2]}).encode()
    assert [item.value for item in json_items(in_blocks(text, 512), "/items", None, 1_000)] == [1, 2]


@pytest.mark.anyio
async def test_a_file_is_read_from_every_cursor(lab: Lab) -> None:
    assert await lab.rows("a.json", '\ufeff [1, {"a": [2]}, "]"] \n', InputType="JSON") == [1, {"a": [2]}, "]"]
    assert await lab.rows("b.json", json.dumps(NESTED), InputType="JSON", ItemsPointer="/a/b~1c") == [10, [20, 21]]
    assert await lab.rows("c.json", json.dumps(NESTED), InputType="JSON", ItemsPointer="/a", MaxItems=1) == [
        [10, [20, 21]]
    ]


@pytest.mark.anyio
async def test_members_of_an_object_come_with_their_keys(lab: Lab) -> None:
    lab.file("a.json", json.dumps(NESTED))
    reader = lab.get("a.json", InputType="JSON", ItemsPointer="/a/~0d")
    [page] = await pages(lambda: lab.items, reader)
    assert (page.items, page.keys) == ([1, [2]], ["x", "y"])
