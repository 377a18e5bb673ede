"""Each record is a sorted set of the requests that have changed it, in their order: its value is how many they are.

A request cannot be in it twice, whoever adds it and how often. A script keeps others out between look and addition.
"""

import json

from stepwell.bench.worker.call import Call, Record
from stepwell.bench.worker.strategies.cache import begin, commit, emit

__all__ = ["begin", "commit", "emit", "read", "write"]

_WRITE = """
-- guard: version
if redis.call('ZCARD', KEYS[1]) ~= tonumber(ARGV[1]) then return 0 end
-- end guard
redis.call('ZADD', KEYS[1], 'NX', ARGV[1] + 1, cjson.decode(ARGV[2]).request)
return 1
"""


def read(call: Call, name: str) -> Record:
    # In this order: an addition after the first look, also one by this request, is seen by the script.
    value = call.stores.redis.zcard(name)
    score = call.stores.redis.zscore(name, call.request)
    return {"value": value, "version": value, "applied": score is not None}


def write(call: Call, name: str, record: Record) -> bool:
    change = {"request": call.request, "value": record["value"]}
    return bool(call.stores.redis.eval(_WRITE, 1, name, record["version"], json.dumps(change)))
