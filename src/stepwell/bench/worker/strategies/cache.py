"""All state in Redis: a script compares and sets, a key that expires is the claim. The cache is the only copy.

A script runs as one; SET with NX is the classic claim. What is lost with the node is lost, unless the server is set to
write it down, which a cache is not.
"""

import json
from typing import Any

from redis import Redis

from stepwell.bench.worker.call import Call, Conflict, InProgress, Record
from stepwell.bench.worker.strategies import redis_blind

CLAIMED = "CLAIMED"

_WRITE = """
-- guard: version
local now = redis.call('GET', KEYS[1])
if now and cjson.decode(now).version ~= tonumber(ARGV[1]) then return 0 end
-- end guard
redis.call('SET', KEYS[1], ARGV[2])
return 1
"""
_COMMIT = """
-- guard: owner
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
-- end guard
redis.call('SET', KEYS[1], ARGV[2])
return 1
"""


def begin(call: Call) -> Record | None:
    """Claims the step: None when it is ours, else what whoever had it gave. Raises `InProgress`."""
    redis, terms = _redis(call), {}
    # guard: claim
    terms = {"nx": True, "px": call.remaining_milliseconds()}
    # end guard
    if redis.set(call.id, _claim(call), **terms):
        return None
    found = redis.get(call.id)
    if found is None or found.startswith(CLAIMED):
        raise InProgress("another invocation is at this step")
    return json.loads(found)  # type: ignore[no-any-return]


def read(call: Call, name: str) -> Record:
    record = redis_blind.read(call, name)
    # guard: seen
    record["applied"] = call.request in record["requests"]
    # end guard
    return record


def write(call: Call, name: str, record: Record) -> bool:
    record["requests"].append(call.request)
    return bool(_redis(call).eval(_WRITE, 1, name, record["version"], redis_blind.changed(record)))


def emit(call: Call, type: str) -> Record:
    return call.effect(type, None)


def commit(call: Call, result: Record) -> None:
    """Writes the result down. Raises `Conflict` when another has taken the claim over meanwhile."""
    if not _redis(call).eval(_COMMIT, 1, call.id, _claim(call), json.dumps(result)):
        raise Conflict("another invocation has taken over this step")


def _claim(call: Call) -> str:
    return f"{CLAIMED} {call.invocation}"


def _redis(call: Call) -> Any:
    client: Redis = call.stores.redis
    return client
