"""Read, change, write back, in Redis. Correct as long as everything happens once and one at a time."""

import json

from stepwell.bench.worker.call import Call, Record
from stepwell.bench.worker.strategies import items
from stepwell.bench.worker.strategies.blind import begin, emit

__all__ = ["begin", "commit", "emit", "read", "write"]

NEW = '{"value": 0, "version": 0, "requests": []}'


def read(call: Call, name: str) -> Record:
    record: Record = json.loads(call.stores.redis.get(name) or NEW)
    return record


def changed(record: Record) -> str:
    """The record as it is written, one version on from what was read."""
    requests = record["requests"][-items.REMEMBERED :]
    return json.dumps({"value": record["value"], "version": record["version"] + 1, "requests": requests})


def write(call: Call, name: str, record: Record) -> bool:
    call.stores.redis.set(name, changed(record))
    return True


def commit(call: Call, result: Record) -> None:
    call.stores.redis.set(call.id, json.dumps(result))
