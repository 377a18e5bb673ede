"""Orchestration whose payload lies in S3: the execution carries the key of an object with all that is known so far.

So the payload can be larger than an execution may carry. A step that is tried again writes the same object.
"""

import json

from stepwell.bench.worker.call import Call, Record
from stepwell.bench.worker.strategies.orchestration import begin, commit, emit, read, write

__all__ = ["begin", "commit", "emit", "pack", "read", "unpack", "write"]

_PAYLOAD = "payload"


def unpack(call: Call, state: Record) -> Record:
    """All that is known, from what the execution carries."""
    if _PAYLOAD not in state:
        return state
    found = call.stores.s3.get_object(Bucket=call.names["bucket"], Key=state[_PAYLOAD])
    known: Record = json.loads(found["Body"].read())
    return known


def pack(call: Call, state: Record) -> Record:
    """What the execution is to carry."""
    key = f"{call.id}/{_PAYLOAD}"
    call.stores.s3.put_object(Bucket=call.names["bucket"], Key=key, Body=json.dumps(state))
    return {_PAYLOAD: key}
