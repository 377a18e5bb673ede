"""Every write carries a condition: optimistic locking by version, and a claim on each step before its effect.

The claim expires with the function's own time limit, so that a request whose worker died is not blocked for ever: who
comes later takes it over. That is the shape of AWS's Powertools idempotency utility.
"""

import json
from typing import Any

from stepwell.bench.worker.call import Call, Conflict, InProgress, Record
from stepwell.bench.worker.strategies import items


def begin(call: Call) -> Record | None:
    """Claims the step: None when it is ours, else what whoever had it gave. Raises `InProgress`."""
    claim: dict[str, Any] = {
        "Item": {
            "id": {"S": call.id}, "owner": {"S": call.invocation},
            "expires_at": {"N": str(items.milliseconds() + call.remaining_milliseconds())},
        }
    }  # fmt: skip
    # guard: claim
    claim["ConditionExpression"] = "attribute_not_exists(id) OR (attribute_not_exists(#result) AND expires_at < :now)"
    claim["ExpressionAttributeNames"] = {"#result": "result"}
    claim["ExpressionAttributeValues"] = {":now": {"N": str(items.milliseconds())}}
    # end guard
    if items.applied(call.stores.dynamodb.put_item, TableName=call.table, **claim):
        return None
    result = items.result_of(items.get(call, call.id))
    if result is None:
        raise InProgress("another invocation is at this step")
    return result


def read(call: Call, name: str) -> Record:
    record = items.read_record(call, name)
    # guard: seen
    record["applied"] = call.request in record["requests"]
    # end guard
    return record


def write(call: Call, name: str, record: Record) -> bool:
    record["requests"].append(call.request)
    put: dict[str, Any] = {"Item": items.record_item(name, record)}
    # guard: version
    put["ConditionExpression"] = "attribute_not_exists(version) OR version = :read"
    put["ExpressionAttributeValues"] = {":read": {"N": str(record["version"])}}
    # end guard
    return items.applied(call.stores.dynamodb.put_item, TableName=call.table, **put)


def emit(call: Call, type: str) -> Record:
    return call.effect(type, None)


def commit(call: Call, result: Record) -> None:
    """Writes the result down. Raises `Conflict` when another has taken the claim over meanwhile."""
    update: dict[str, Any] = {
        "UpdateExpression": "SET #result = :result",
        "ExpressionAttributeNames": {"#result": "result"},
        "ExpressionAttributeValues": {":result": {"S": json.dumps(result)}},
    }
    # guard: owner
    update["ConditionExpression"] = "#owner = :me"
    update["ExpressionAttributeNames"]["#owner"] = "owner"
    update["ExpressionAttributeValues"][":me"] = {"S": call.invocation}
    # end guard
    if not items.applied(call.stores.dynamodb.update_item, TableName=call.table, Key={"id": {"S": call.id}}, **update):
        raise Conflict("another invocation has taken over this step")
