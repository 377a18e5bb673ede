"""Resources of a user's own."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from taskhouse import House

from stepwell.machine.execution import FAILED, Execution
from stepwell.machine.payload import Payload
from stepwell.store.memory import MemoryStore
from stepwell.tasks.custom import BadResource, load_resources
from stepwell.tasks.runner import Outside

pytestmark = pytest.mark.anyio

SHOP = """
from stepwell.resources import ResourceFailed, resource

@resource("arn:aws:states:::acme:charge")
async def charge(input, context):
    if input["amount"] < 0:
        raise ResourceFailed("Acme.Refused", "not below zero")
    return {"charged": input["amount"], "key": context.idempotency_key, "account": context.account}

@resource("arn:aws:states:::acme:count")
def count(input, context):
    return len(input["items"])

@resource("arn:aws:states:::acme:ask")
async def ask(input, context):
    return context.task_token
"""


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    (tmp_path / "shop.py").write_text(SHOP)
    house = House(MemoryStore(), None, outside=Outside(custom=load_resources([tmp_path / "shop.py"])))
    await house.open()
    yield house
    await house.close()


async def call(house: House, action: str, parameters: Any) -> Execution:
    state = {"Type": "Task", "Resource": f"arn:aws:states:::acme:{action}", "Parameters": parameters, "End": True}
    return await house.finish(await house.start(await house.create("m", T=state)))


async def test_what_a_function_gives_is_the_result(house: House) -> None:
    output = (await call(house, "charge", {"amount": 3})).output.value
    assert (output["charged"], output["account"], len(output["key"])) == (3, "123456789012", 36)


async def test_a_plain_function_runs_beside_the_loop(house: House) -> None:
    assert (await call(house, "count", {"items": [1, 2]})).output.value == 2


@pytest.mark.parametrize(
    ("action", "parameters", "error", "cause"),
    [("charge", {"amount": -1}, "Acme.Refused", "not below zero"), ("count", {}, "KeyError", "'items'")],
)
async def test_what_it_raises_is_the_error(
    house: House, action: str, parameters: Any, error: str, cause: str
) -> None:  # fmt: skip
    ended = await call(house, action, parameters)
    assert (ended.status, ended.error, ended.cause) == (FAILED, error, cause)


async def test_a_token_can_be_waited_for(house: House) -> None:
    state = {"Type": "Task", "Resource": "arn:aws:states:::acme:ask.waitForTaskToken", "End": True}
    id = await house.start(await house.create("m", T=state))
    await house.reached(id, "TaskSubmitted")
    [submitted] = [event for _, event in await house.engine.history(id) if event.type == "TaskSubmitted"]
    await house.engine.task_succeeded(json.loads(submitted.output.text), Payload("done"))  # type: ignore[attr-defined]
    assert (await house.finish(id)).output.value == "done"


def test_definitions_may_name_them(tmp_path: Path) -> None:
    from stepwell.asl.resources import parse_resource

    (tmp_path / "shop.py").write_text(SHOP)
    custom = load_resources([tmp_path / "shop.py"])
    named = {name: parse_resource(f"arn:aws:states:::acme:{name}") for name in ("charge", "refund")}
    assert [name for name, resource in named.items() if resource and custom.recognizes(resource)] == ["charge"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x = 1", "holds no function"),
        ("1 +", "SyntaxError"),
        ("raise RuntimeError('no')", "RuntimeError: no"),
        ("from stepwell.resources import resource\n@resource('acme')\ndef f(i, c): ...", "not of the form"),
        ("from stepwell.resources import resource\n@resource('arn:aws:states:::sqs:f')\ndef f(i, c): ...", "AWS's own"),
        ("from stepwell.resources import resource\n@resource('arn:aws:states:::a:f.sync')\ndef f(i, c): ...", "not"),
    ],
)  # fmt: skip
def test_files_that_hold_no_resources(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "bad.py").write_text(text)
    with pytest.raises(BadResource, match=why):
        load_resources([tmp_path / "bad.py"])


def test_a_resource_that_is_there_twice(tmp_path: Path) -> None:
    for name in ("one.py", "two.py"):
        (tmp_path / name).write_text(SHOP)
    with pytest.raises(BadResource, match="there twice"):
        load_resources([tmp_path / "one.py", tmp_path / "two.py"])


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadResource, match="no such file"):
        load_resources([tmp_path / "none.py"])
