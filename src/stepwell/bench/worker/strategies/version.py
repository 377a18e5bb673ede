"""Optimistic locking by version and nothing else: no write is lost, and no request is known again.

A writer that did not hear that its write was applied sees its own version as somebody else's: it reads anew and changes
the record a second time.
"""

from typing import Any

from stepwell.bench.worker.call import Call, Conflict, Record
from stepwell.bench.worker.strategies import items
from stepwell.bench.worker.strategies.blind import emit
from stepwell.bench.worker.strategies.single_writer import begin

__all__ = ["begin", "commit", "emit", "read", "write"]


def read(call: Call, name: str) -> Record:
    return items.read_record(call, name)


def write(call: Call, name: str, record: Record) -> bool:
    put: dict[str, Any] = {"Item": items.record_item(name, record)}
    # guard: version
    put["ConditionExpression"] = "attribute_not_exists(version) OR version = :read"
    put["ExpressionAttributeValues"] = {":read": {"N": str(record["version"])}}
    # end guard
    return items.applied(call.stores.dynamodb.put_item, TableName=call.table, **put)


def commit(call: Call, result: Record) -> None:
    """Writes the result down. Raises `Conflict` when another was first, whose effect then is one too many."""
    put: dict[str, Any] = {"Item": items.result_item(call, result)}
    # guard: first
    put["ConditionExpression"] = "attribute_not_exists(id)"
    # end guard
    if not items.applied(call.stores.dynamodb.put_item, TableName=call.table, **put):
        raise Conflict("another invocation has done this step")
