"""The record and the mark that a request has changed it are written together, in one transaction.

The token makes a transaction that its invocation sends again within ten minutes the same one. Effects are outside of
any transaction: they have a claim that expires, as without one.
"""

from hashlib import sha256
from typing import Any

from stepwell.bench.worker.call import Call, Record
from stepwell.bench.worker.strategies import items
from stepwell.bench.worker.strategies.conditional import begin, commit, emit

__all__ = ["begin", "commit", "emit", "read", "write"]


def read(call: Call, name: str) -> Record:
    record = items.read_record(call, name)
    # guard: seen
    record["applied"] = items.get(call, _mark(call, name)) is not None
    # end guard
    return record


def write(call: Call, name: str, record: Record) -> bool:
    """False when another has written the record, or another delivery of this request has."""
    mark: dict[str, Any] = {"Item": {"id": {"S": _mark(call, name)}}}
    # guard: mark
    mark["ConditionExpression"] = "attribute_not_exists(id)"
    # end guard
    put: dict[str, Any] = {"Item": items.record_item(name, record)}
    # guard: version
    put["ConditionExpression"] = "attribute_not_exists(version) OR version = :read"
    put["ExpressionAttributeValues"] = {":read": {"N": str(record["version"])}}
    # end guard
    actions = [{"Put": {"TableName": call.table} | action} for action in (mark, put)]
    token: dict[str, str] = {}
    # guard: token
    same = f"{call.invocation}/{name}/{record['version']}"
    token = {"ClientRequestToken": sha256(same.encode()).hexdigest()[:36]}
    # end guard
    return items.applied(call.stores.dynamodb.transact_write_items, TransactItems=actions, **token)


def _mark(call: Call, name: str) -> str:
    return f"{call.request}/{name}"
