"""A table of locks whose tokens the record checks: it takes nothing from a holder older than the last that wrote.

So a holder that slept through the end of its lease is refused by the store, which alone can tell.
"""

from typing import Any

from stepwell.bench.worker.call import Call, Conflict, Record
from stepwell.bench.worker.strategies import items
from stepwell.bench.worker.strategies.lock import audit, begin, emit, end, read, release

__all__ = ["audit", "begin", "commit", "emit", "end", "read", "write"]


def write(call: Call, name: str, record: Record) -> bool:
    record["requests"].append(call.request)
    _put(call, name, items.record_item(name, record))
    return True


def commit(call: Call, result: Record) -> None:
    _put(call, call.id, items.result_item(call, result))


def _put(call: Call, name: str, item: Record) -> None:
    """Writes what the lock protects and lets go of it. Raises `Conflict` when a later holder has written."""
    fence = {"N": str(call.notes[name])}
    put: dict[str, Any] = {"Item": item | {"fence": fence}}
    # guard: fence
    put["ConditionExpression"] = "attribute_not_exists(fence) OR fence <= :mine"
    put["ExpressionAttributeValues"] = {":mine": fence}
    # end guard
    if not items.applied(call.stores.dynamodb.put_item, TableName=call.table, **put):
        raise Conflict(f"the lock of {name} has gone to another")
    release(call, name)
