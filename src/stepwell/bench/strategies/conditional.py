"""Every write carries a condition: optimistic locking by version, and a claim on the request before its effect.

The claim expires with the function's own time limit, so that a request whose worker died is not blocked for ever: who
comes later takes it over. That is the shape of AWS's Powertools idempotency utility.
"""

import time
from typing import Any

from botocore.exceptions import ClientError

from stepwell.bench.call import Call, Conflict, InProgress, Record
from stepwell.bench.strategies.blind import counter_item, read

__all__ = ["begin", "commit", "emit", "read", "write"]

CHARGING, CHARGED = "CHARGING", "CHARGED"


def begin(call: Call) -> Record | None:
    """Claims the request: None when it is ours, else the receipt of whoever had it. Raises `InProgress`."""
    claim: dict[str, Any] = {
        "Item": {
            "id": {"S": call.request}, "state": {"S": CHARGING}, "owner": {"S": call.invocation},
            "expires_at": {"N": str(_milliseconds() + call.remaining_milliseconds())},
        }
    }  # fmt: skip
    # guard: claim
    claim["ConditionExpression"] = "attribute_not_exists(id) OR (#state = :charging AND expires_at < :now)"
    claim["ExpressionAttributeNames"] = {"#state": "state"}
    claim["ExpressionAttributeValues"] = {":charging": {"S": CHARGING}, ":now": {"N": str(_milliseconds())}}
    # end guard
    return None if _applied(call.store.put_item, TableName=call.table, **claim) else _receipt(call)


def write(call: Call, name: str, record: Record) -> bool:
    put: dict[str, Any] = {"Item": counter_item(name, record)}
    # guard: version
    put["ConditionExpression"] = "version = :read"
    put["ExpressionAttributeValues"] = {":read": {"N": str(record["version"])}}
    # end guard
    return _applied(call.store.put_item, TableName=call.table, **put)


def emit(call: Call) -> Record:
    return call.charge(None)


def commit(call: Call, receipt: Record) -> None:
    """Writes the receipt down. Raises `Conflict` when another has taken the claim over meanwhile."""
    update: dict[str, Any] = {
        "UpdateExpression": "SET #state = :charged, receipt = :receipt",
        "ExpressionAttributeNames": {"#state": "state"},
        "ExpressionAttributeValues": {":charged": {"S": CHARGED}, ":receipt": {"N": str(receipt["sequence"])}},
    }
    # guard: owner
    update["ConditionExpression"] = "#owner = :me"
    update["ExpressionAttributeNames"]["#owner"] = "owner"
    update["ExpressionAttributeValues"][":me"] = {"S": call.invocation}
    # end guard
    if not _applied(call.store.update_item, TableName=call.table, Key={"id": {"S": call.request}}, **update):
        raise Conflict("another invocation has taken over this order")


def _receipt(call: Call) -> Record:
    found = call.store.get_item(TableName=call.table, Key={"id": {"S": call.request}}, ConsistentRead=True)["Item"]
    if found["state"]["S"] == CHARGING:
        raise InProgress("another invocation is charging this order")
    return {"sequence": int(found["receipt"]["N"])}


def _applied(operation: Any, **parameters: Any) -> bool:
    """Calls the store: False when a condition did not hold."""
    try:
        operation(**parameters)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            return False
        raise
    return True


def _milliseconds() -> int:
    return int(time.time() * 1000)
