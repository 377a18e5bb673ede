"""Each record is a stream in Redis, to which a change is appended under the next number; one that is taken is refused.

So the number is the condition, and the stream tells what has happened. Steps are claimed by a key that expires.
"""

import json

from redis.exceptions import ResponseError

from stepwell.bench.worker.call import Call, Record
from stepwell.bench.worker.strategies.cache import begin, commit, emit
from stepwell.bench.worker.strategies.redis_blind import NEW, changed

__all__ = ["begin", "commit", "emit", "read", "write"]


def read(call: Call, name: str) -> Record:
    entries = call.stores.redis.xrevrange(name, count=1)
    record: Record = json.loads(entries[0][1]["record"] if entries else NEW)
    # guard: seen
    record["applied"] = call.request in record["requests"]
    # end guard
    return record


def write(call: Call, name: str, record: Record) -> bool:
    record["requests"].append(call.request)
    number = "*"
    # guard: number
    number = f"{record['version'] + 1}-0"
    # end guard
    try:
        call.stores.redis.xadd(name, {"record": changed(record)}, id=number)
    except ResponseError as error:
        if "equal or smaller" in str(error):
            return False
        raise
    return True
