"""Redis takes each write at once, and the table has it later, in batches of ten: who writes the tenth hands them on.

That makes ten small writes one large one. What Redis had not handed on is lost with Redis.
"""

import json

from stepwell.bench.worker.call import Call, Record
from stepwell.bench.worker.strategies import items
from stepwell.bench.worker.strategies.cache import begin, commit, emit
from stepwell.bench.worker.strategies.redis_blind import changed

__all__ = ["begin", "commit", "emit", "read", "write"]

_BATCH = 10
_BEHIND = "behind"

_WRITE = """
-- guard: version
local now = redis.call('GET', KEYS[1])
if now and cjson.decode(now).version ~= tonumber(ARGV[1]) then return 0 end
-- end guard
redis.call('SET', KEYS[1], ARGV[2])
redis.call('ZADD', KEYS[2], 'NX', redis.call('TIME')[1], KEYS[1])
return redis.call('ZCARD', KEYS[2])
"""
_HANDED_ON = """
for index = 1, #ARGV, 2 do
    if cjson.decode(redis.call('GET', ARGV[index])).version == tonumber(ARGV[index + 1]) then
        redis.call('ZREM', KEYS[1], ARGV[index])
    end
end
return 1
"""


def read(call: Call, name: str) -> Record:
    found = call.stores.redis.get(name)
    record: Record = json.loads(found) if found else items.read_record(call, name)
    # guard: seen
    record["applied"] = call.request in record["requests"]
    # end guard
    return record


def write(call: Call, name: str, record: Record) -> bool:
    record["requests"].append(call.request)
    behind = call.stores.redis.eval(_WRITE, 2, name, _BEHIND, record["version"], changed(record))
    if behind >= _BATCH:
        _hand_on(call)
    return bool(behind)


def _hand_on(call: Call) -> None:
    """Writes the ten that are longest behind, and takes those off the list that were not changed again meanwhile."""
    redis = call.stores.redis
    names = redis.zrange(_BEHIND, 0, _BATCH - 1)
    records = {name: json.loads(found) for name, found in zip(names, redis.mget(names), strict=True)}
    rows = [items.record_item(name, {**record, "version": record["version"] - 1}) for name, record in records.items()]
    call.stores.dynamodb.batch_write_item(RequestItems={call.table: [{"PutRequest": {"Item": row}} for row in rows]})
    done = [part for name, record in records.items() for part in (name, record["version"])]
    redis.eval(_HANDED_ON, 1, _BEHIND, *done)
