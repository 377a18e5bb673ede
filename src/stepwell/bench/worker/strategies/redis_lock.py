"""Redlock on one node: a key that expires is the lock, and only who set it deletes it.

Who holds it reads and writes without conditions, even one that slept through the end of its lease.
"""

import json
from itertools import count
from uuid import uuid4

from stepwell.bench.worker.call import Call, InProgress, Record
from stepwell.bench.worker.strategies import redis_blind
from stepwell.bench.worker.strategies.blind import emit

__all__ = ["begin", "commit", "emit", "read", "write"]

_TAKE = """
-- guard: lock
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
-- end guard
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return redis.call('INCR', KEYS[2])
"""
_RELEASE = """
-- guard: owner
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
-- end guard
return redis.call('DEL', KEYS[1])
"""


def begin(call: Call) -> Record | None:
    """Locks the step: None when it is to be done. Raises `InProgress`."""
    acquire(call, call.id)
    result = call.stores.redis.get(call.id)
    return json.loads(result) if result else None


def read(call: Call, name: str) -> Record:
    """Locks the record, until it is written or the invocation ends. Raises `InProgress`."""
    acquire(call, name)
    record = redis_blind.read(call, name)
    # guard: seen
    record["applied"] = call.request in record["requests"]
    # end guard
    return record


def audit(call: Call, name: str) -> Record:
    return redis_blind.read(call, name)


def write(call: Call, name: str, record: Record) -> bool:
    record["requests"].append(call.request)
    redis_blind.write(call, name, record)
    release(call, name)
    return True


def commit(call: Call, result: Record) -> None:
    redis_blind.commit(call, result)
    release(call, call.id)


def end(call: Call) -> None:
    """Lets go of what is still held."""
    for name in list(call.notes):
        release(call, name)


def acquire(call: Call, name: str) -> None:
    """Takes the lock and notes its fencing token, which is higher each time. Raises `InProgress` after a while.

    Lock and token are given by one script: between two commands the lease could end, and tokens change places.
    """
    patience, token = call.remaining_milliseconds() // 2, str(uuid4())
    for attempt in count():
        if name in call.notes:
            return
        lease = call.remaining_milliseconds()
        fence = call.stores.redis.eval(_TAKE, 2, f"{name}#lock", f"{name}#fence", token, lease)
        if fence:
            call.notes[name] = (token, fence)
        elif lease < patience:
            raise InProgress(f"the lock of {name} is taken")
        else:
            call.pause(attempt)


def release(call: Call, name: str) -> None:
    """Lets go of the lock, unless it has gone to another meanwhile."""
    token, _ = call.notes.pop(name)
    call.stores.redis.eval(_RELEASE, 1, f"{name}#lock", token)
