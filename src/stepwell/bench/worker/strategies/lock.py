"""A table of locks: who holds the lease on a record or step reads and writes it without conditions.

A lease ends with the time limit of its holder, or a dead one would block all others for ever. A holder that slept
through the end of its lease does not notice, and writes all the same.
"""

from itertools import count
from typing import Any

from stepwell.bench.worker.call import Call, InProgress, Record
from stepwell.bench.worker.strategies import blind, items
from stepwell.bench.worker.strategies.blind import emit

__all__ = ["begin", "commit", "emit", "read", "write"]


def begin(call: Call) -> Record | None:
    """Locks the step: None when it is to be done. Raises `InProgress`."""
    acquire(call, call.id)
    return items.result_of(items.get(call, call.id))


def read(call: Call, name: str) -> Record:
    """Locks the record, until it is written or the invocation ends. Raises `InProgress`."""
    acquire(call, name)
    record = items.read_record(call, name)
    # guard: seen
    record["applied"] = call.request in record["requests"]
    # end guard
    return record


def audit(call: Call, name: str) -> Record:
    return items.read_record(call, name)


def write(call: Call, name: str, record: Record) -> bool:
    record["requests"].append(call.request)
    blind.write(call, name, record)
    release(call, name)
    return True


def commit(call: Call, result: Record) -> None:
    blind.commit(call, result)
    release(call, call.id)


def end(call: Call) -> None:
    """Lets go of what is still held."""
    for name in list(call.notes):
        release(call, name)


def acquire(call: Call, name: str) -> None:
    """Takes the lock and notes its fencing token, which is higher each time. Raises `InProgress` after a while."""
    patience = call.remaining_milliseconds() // 2
    for attempt in count():
        if name in call.notes or _take(call, name):
            return
        if call.remaining_milliseconds() < patience:
            raise InProgress(f"the lock of {name} is taken")
        call.pause(attempt)


def _take(call: Call, name: str) -> bool:
    now = items.milliseconds()
    update: dict[str, Any] = {
        "UpdateExpression": "SET #owner = :me, expires_at = :until ADD fence :one",
        "ExpressionAttributeNames": {"#owner": "owner"},
        "ExpressionAttributeValues": {
            ":me": {"S": call.invocation}, ":until": {"N": str(now + call.remaining_milliseconds())},
            ":one": {"N": "1"},
        },
    }  # fmt: skip
    # guard: lease
    update["ConditionExpression"] = "attribute_not_exists(expires_at) OR expires_at < :now"
    update["ExpressionAttributeValues"][":now"] = {"N": str(now)}
    # end guard
    taken = items.updated(call, _lock(name), **update)
    if taken:
        call.notes[name] = int(taken["fence"]["N"])
    return taken is not None


def release(call: Call, name: str) -> None:
    """Lets go of the lock, unless it has gone to another meanwhile."""
    del call.notes[name]
    update: dict[str, Any] = {
        "UpdateExpression": "REMOVE #owner, expires_at", "ExpressionAttributeNames": {"#owner": "owner"},
    }  # fmt: skip
    # guard: owner
    update["ConditionExpression"] = "#owner = :me"
    update["ExpressionAttributeValues"] = {":me": {"S": call.invocation}}
    # end guard
    items.updated(call, _lock(name), **update)


def _lock(name: str) -> str:
    return f"{name}#lock"
