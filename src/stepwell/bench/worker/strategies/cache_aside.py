"""The table is what counts; Redis in front of it spares reads: filled after a miss, deleted after each write.

Who missed can fill in what another has replaced meanwhile, so that others read what is old until it expires. The
condition on the version keeps that from losing a write: who wrote on an old one is refused and reads the table.
"""

import json

from stepwell.bench.worker.call import Call, Record
from stepwell.bench.worker.strategies import conditional, items
from stepwell.bench.worker.strategies.conditional import begin, commit, emit

__all__ = ["begin", "commit", "emit", "read", "write"]

_SECONDS = 60


def read(call: Call, name: str) -> Record:
    cached = call.stores.redis.get(name)
    if cached:
        value, version, requests = json.loads(cached)
        record: Record = {"value": value, "version": version, "requests": requests}
    else:
        record = items.read_record(call, name)
        parts = [record["value"], record["version"], record["requests"]]
        call.stores.redis.set(name, json.dumps(parts), ex=_SECONDS)
    # guard: seen
    record["applied"] = call.request in record["requests"]
    # end guard
    return record


def audit(call: Call, name: str) -> Record:
    return items.read_record(call, name)


def write(call: Call, name: str, record: Record) -> bool:
    written = conditional.write(call, name, record)
    # guard: invalidate
    call.stores.redis.delete(name)
    # end guard
    return written
