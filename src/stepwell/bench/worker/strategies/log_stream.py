"""A log for each record: a change is a new entry under the next number, and what is there is never written over.

The record is what its entries come to. An entry whose number is taken is refused, so each builds on all before it.
"""

from typing import Any

from stepwell.bench.worker.call import Call, Record
from stepwell.bench.worker.strategies import items
from stepwell.bench.worker.strategies.conditional import begin, commit, emit

__all__ = ["begin", "commit", "emit", "read", "write"]


def read(call: Call, name: str) -> Record:
    pages = call.stores.dynamodb.get_paginator("query").paginate(
        TableName=call.names["log"], KeyConditionExpression="id = :id", ConsistentRead=True,
        ExpressionAttributeValues={":id": {"S": name}},
    )  # fmt: skip
    record: Record = {"value": 0, "version": 0}
    for entry in (entry for page in pages for entry in page["Items"]):
        record["version"] = int(entry["sequence"]["N"])
        record["value"] = int(entry["value"]["N"])
        # guard: seen
        record["applied"] = record.get("applied") or entry["request"]["S"] == call.request
        # end guard
    return record


def write(call: Call, name: str, record: Record) -> bool:
    put: dict[str, Any] = {
        "Item": {
            "id": {"S": name}, "sequence": {"N": str(record["version"] + 1)}, "value": {"N": str(record["value"])},
            "request": {"S": call.request},
        }
    }  # fmt: skip
    # guard: next
    put["ConditionExpression"] = "attribute_not_exists(id)"
    # end guard
    return items.applied(call.stores.dynamodb.put_item, TableName=call.names["log"], **put)
