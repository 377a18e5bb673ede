"""A row for each request, made once, before its effect: who finds it there takes the work for done.

So nothing happens twice, and what dies between row and effect never happens: the row does not expire. To make the row
after the effect would turn the one into the other, as no store commits together with the outside world.
"""

import json
from collections.abc import Callable
from typing import Any, TypeVar

from botocore.exceptions import HTTPClientError

from stepwell.bench.worker.call import Call, Record
from stepwell.bench.worker.strategies import items
from stepwell.bench.worker.strategies.blind import emit
from stepwell.bench.worker.strategies.version import write

__all__ = ["begin", "commit", "emit", "read", "write"]

_Answer = TypeVar("_Answer")


def begin(call: Call) -> Record | None:
    """None when the step is ours, else what is known of its result, which may be nothing."""
    if _first(call, call.id):
        return None
    return items.result_of(items.get(call, call.id)) or {}


def read(call: Call, name: str) -> Record:
    if name not in call.notes:
        call.notes[name] = _first(call, f"{call.request}/{name}")
    return _answered(lambda: items.read_record(call, name)) | {"applied": not call.notes[name]}


def audit(call: Call, name: str) -> Record:
    return items.read_record(call, name)


def commit(call: Call, result: Record) -> None:
    call.stores.dynamodb.update_item(
        TableName=call.table, Key={"id": {"S": call.id}},
        UpdateExpression="SET #result = :result", ExpressionAttributeNames={"#result": "result"},
        ExpressionAttributeValues={":result": {"S": json.dumps(result)}},
    )  # fmt: skip


def _first(call: Call, id: str) -> bool:
    """Makes the row; whether it is ours, which it is as well when we have not heard that we made it."""
    row: dict[str, Any] = {"Item": {"id": {"S": id}, "owner": {"S": call.invocation}}}
    # guard: request-id
    row["ConditionExpression"] = "attribute_not_exists(id) OR #owner = :me"
    row["ExpressionAttributeNames"] = {"#owner": "owner"}
    row["ExpressionAttributeValues"] = {":me": {"S": call.invocation}}
    # end guard
    return _answered(lambda: items.applied(call.stores.dynamodb.put_item, TableName=call.table, **row))


def _answered(ask: Callable[[], _Answer]) -> _Answer:
    """Asks again when there was no answer: to give up here would be to lose what the row stands for."""
    try:
        return ask()
    except HTTPClientError:
        return ask()
