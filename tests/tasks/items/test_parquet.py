"""Parquet, written by pyarrow and read from every cursor."""

import io
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from itemslab import Lab, pages

from stepwell.asl.errors import StatesError

pytestmark = pytest.mark.anyio

PARQUET = {"InputType": "PARQUET"}


def written(rows: list[dict[str, Any]], **options: Any) -> bytes:
    arrow = pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    parquet = pytest.importorskip("pyarrow.parquet")
    made = io.BytesIO()
    parquet.write_table(arrow.Table.from_pylist(rows), made, **options)
    return made.getvalue()


async def test_rows_of_all_row_groups(lab: Lab) -> None:
    rows = [{"id": number, "name": f"n{number}"} for number in range(7)]
    content = written(rows, row_group_size=3, compression="snappy")
    assert await lab.rows("rows.parquet", content, **PARQUET) == rows
    assert await lab.rows("rows.parquet", content, **PARQUET, MaxItems=4) == rows[:4]
    assert await lab.rows("none.parquet", written([{"id": 1}][:0]), **PARQUET) == []


async def test_a_group_of_many_batches_is_read_from_its_middle(lab: Lab) -> None:
    lab.file("rows.parquet", written([{"id": number} for number in range(2_500)]))
    reader = lab.get("rows.parquet", **PARQUET)
    found = await pages(lab.restarted, reader, 700)
    assert [item["id"] for page in found for item in page.items] == list(range(2_500))


async def test_types_that_json_lacks(lab: Lab) -> None:
    row = {
        "day": date(2026, 11, 21),
        "moment": datetime(2026, 11, 21, 8, 30, tzinfo=UTC),
        "price": Decimal("12.50"),
        "whole": Decimal("3"),
        "text": b"abc",
        "bytes": b"\xff\x00",
        "none": None,
        "nan": float("nan"),
        "nested": {"list": [1, 2.5, True]},
    }
    [item] = await lab.rows("rows.parquet", written([row]), **PARQUET)
    assert item == {
        "day": "2026-11-21",
        "moment": "2026-11-21T08:30:00+00:00",
        "price": 12.5,
        "whole": 3,
        "text": "abc",
        "bytes": "/wA=",
        "none": None,
        "nan": None,
        "nested": {"list": [1, 2.5, True]},
    }


async def test_what_is_not_parquet_is_refused(lab: Lab) -> None:
    content = written([{"id": 1}])
    for broken in (b"", b"id\n1\n", content[:-20]):
        with pytest.raises(StatesError, match=r"States.ItemReaderFailed: .*rows.parquet is not a Parquet file"):
            await lab.rows("rows.parquet", broken, **PARQUET)


async def test_without_pyarrow_it_is_said_what_to_install(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(StatesError, match=r"pip install 'stepwell\[parquet\]'"):
        await lab.rows("rows.parquet", b"PAR1", **PARQUET)
