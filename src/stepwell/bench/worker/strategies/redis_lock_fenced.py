"""Redlock on one node with a fencing token: the record takes nothing from a holder older than the last that wrote."""

import json

from stepwell.bench.worker.call import Call, Conflict, Record
from stepwell.bench.worker.strategies import redis_blind
from stepwell.bench.worker.strategies.redis_lock import audit, begin, emit, end, read, release

__all__ = ["audit", "begin", "commit", "emit", "end", "read", "write"]

_WRITE = """
-- guard: fence
if tonumber(redis.call('GET', KEYS[2]) or 0) > tonumber(ARGV[2]) then return 0 end
-- end guard
redis.call('SET', KEYS[2], ARGV[2])
redis.call('SET', KEYS[1], ARGV[1])
return 1
"""


def write(call: Call, name: str, record: Record) -> bool:
    record["requests"].append(call.request)
    _set(call, name, redis_blind.changed(record))
    return True


def commit(call: Call, result: Record) -> None:
    _set(call, call.id, json.dumps(result))


def _set(call: Call, name: str, value: str) -> None:
    """Writes what the lock protects and lets go of it. Raises `Conflict` when a later holder has written."""
    _, fence = call.notes[name]
    if not call.stores.redis.eval(_WRITE, 2, name, f"{name}#written", value, fence):
        raise Conflict(f"the lock of {name} has gone to another")
    release(call, name)
