"""Records and results as DynamoDB items: what the strategies on a key-value store share, and no protection in it."""

import json
import time
from typing import Any

from botocore.exceptions import ClientError

from stepwell.bench.worker.call import Call, Record

REMEMBERED = 50
"""Requests that a record knows to have changed it. AWS's item limit of 400 KB would allow thousands."""


def get(call: Call, id: str) -> Record | None:
    """The item with this id, by a strongly consistent read."""
    found = call.stores.dynamodb.get_item(TableName=call.table, Key={"id": {"S": id}}, ConsistentRead=True)
    item: Record | None = found.get("Item")
    return item


def read_record(call: Call, name: str) -> Record:
    """{value, version, requests}: the requests that have changed it, oldest first, as far as the record knows them."""
    item = get(call, name) or {}
    return {
        "value": int(item.get("value", {"N": "0"})["N"]),
        "version": int(item.get("version", {"N": "0"})["N"]),
        "requests": [each["S"] for each in item.get("requests", {"L": []})["L"]],
    }


def record_item(name: str, record: Record) -> Record:
    """The record as an item, one version on from what was read."""
    requests = record.get("requests", [])[-REMEMBERED:]
    return {
        "id": {"S": name},
        "value": {"N": str(record["value"])},
        "version": {"N": str(record["version"] + 1)},
        "requests": {"L": [{"S": request} for request in requests]},
    }


def result_item(call: Call, result: Record) -> Record:
    return {"id": {"S": call.id}, "result": {"S": json.dumps(result)}}


def result_of(item: Record | None) -> Record | None:
    """What a step's item says it gave; None when it says nothing yet."""
    return json.loads(item["result"]["S"]) if item and "result" in item else None


def applied(operation: Any, **parameters: Any) -> bool:
    """Calls the store: False when a condition did not hold."""
    try:
        operation(**parameters)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("ConditionalCheckFailedException", "TransactionCanceledException"):
            return False
        raise
    return True


def updated(call: Call, id: str, **update: Any) -> Record | None:
    """Updates the item; the attributes that were changed, None when a condition did not hold."""
    place = {"TableName": call.table, "Key": {"id": {"S": id}}, "ReturnValues": "UPDATED_NEW"}
    try:
        changed: Record = call.stores.dynamodb.update_item(**place, **update).get("Attributes", {})
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            return None
        raise
    return changed


ahead_seconds = 0.0
"""How far this worker's clock is ahead of the others': a fault may set it."""


def milliseconds() -> int:
    return int((time.time() + ahead_seconds) * 1000)
