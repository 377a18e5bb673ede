"""One writer for each entity: a FIFO queue whose message group is the entity lets one invocation at a time at it.

So nothing needs a condition: what is read is what is written over. What was done is written beside the state and
looked up first, because a message comes again when its invocation died. The queue drops what is sent twice within its
five minutes.
"""

from stepwell.bench.worker.call import Call, Record
from stepwell.bench.worker.strategies import blind, items
from stepwell.bench.worker.strategies.blind import commit, emit

__all__ = ["begin", "commit", "emit", "read", "write"]


def begin(call: Call) -> Record | None:
    result = None
    # guard: done
    result = items.result_of(items.get(call, call.id))
    # end guard
    return result


def read(call: Call, name: str) -> Record:
    record = items.read_record(call, name)
    # guard: seen
    record["applied"] = call.request in record["requests"]
    # end guard
    return record


def write(call: Call, name: str, record: Record) -> bool:
    record["requests"].append(call.request)
    return blind.write(call, name, record)
