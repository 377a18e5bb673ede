"""examples/import-csv without an engine: its reader, batches, functions and writer in turn, on real files."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from itemslab import REGION, RUN, SUCCEEDED, Lab, flow, joined, pages

from stepwell.machine.maprun.batches import Batcher, take_batches
from stepwell.machine.payload import Payload

EXAMPLE = Path(__file__).parents[3] / "examples" / "import-csv"


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> tuple[ModuleType, ...]:
    """generate.py, batch.py and summary.py, which are no package."""
    names = ("generate", "batch", "summary")
    monkeypatch.syspath_prepend(str(EXAMPLE / "functions"))
    monkeypatch.syspath_prepend(str(EXAMPLE))
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
    modules = tuple(__import__(name) for name in names)
    for name in names:
        monkeypatch.delitem(sys.modules, name)
    return modules


@pytest.mark.anyio
async def test_the_figures_of_the_readme(
    lab: Lab, example: tuple[ModuleType, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate, batch, summary = example
    monkeypatch.setenv("PRODUCTS_DIR", str(tmp_path / "products"))
    monkeypatch.setattr(sys, "argv", ["generate.py", "--out", str(lab.folder / "prices.csv")])
    generate.main()
    state = yaml.safe_load((EXAMPLE / "statemachine" / "import.asl.yaml").read_text())["States"]["Import rows"]
    reader = {**state["ItemReader"], "Parameters": {"Bucket": lab.bucket, "Key": "prices.csv"}}
    rows = joined(await pages(lambda: lab.items, reader, 999))
    assert len(rows) == 10_000
    batcher = Batcher({**state["ItemBatcher"], "BatchInput": {"supplier": "acme"}})
    batches, rest = take_batches([Payload(row) for row in rows], batcher, last=True)
    assert (len(batches), rest) == (100, [])
    children = [_child(batch, batcher.input_of(items).value) for items in batches]
    writer = {"Resource": state["ResultWriter"]["Resource"], "Parameters": {"Bucket": lab.bucket, "Prefix": "results"}}
    details = await lab.items.write(writer, RUN, REGION, flow(children))
    told = summary.handler({"MapRunArn": RUN, "ResultWriterDetails": details}, None)
    assert (told["imported"], told["bad"], told["failedRows"]) == (9_702, 98, 200)
    assert told["batches"] == {"succeeded": 98, "failed": 2}
    assert told["firstFailed"][0]["error"] == "TooManyBadRows"
    products = list((tmp_path / "products").iterdir())
    assert len(products) == 9_702
    assert json.loads(products[0].read_text())["supplier"] == "acme"


def _child(batch: ModuleType, input: Any) -> Any:
    """What a child would come to."""
    text = json.dumps(input)
    try:
        return replace(SUCCEEDED, input=text, output=json.dumps(batch.handler(input, None)))
    except batch.TooManyBadRows as error:
        return replace(SUCCEEDED, status="FAILED", input=text, output=None, error="TooManyBadRows", cause=str(error))
