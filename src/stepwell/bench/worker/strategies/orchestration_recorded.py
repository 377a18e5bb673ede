"""Orchestration that leaves what it came to in the table: each step writes over what the one before has left there.

So the outcome is kept when the execution's history has gone, and read without asking the orchestrator. A step that is
tried again writes the same.
"""

import json

from stepwell.bench.worker.call import Call, Record
from stepwell.bench.worker.strategies.orchestration import begin, commit, emit, read, write

__all__ = ["begin", "commit", "emit", "pack", "read", "write"]


def pack(call: Call, state: Record) -> Record:
    """Writes it down and lets the execution carry it all the same."""
    item = {"id": {"S": f"{call.request}/outcome"}, "state": {"S": json.dumps(state)}}
    call.stores.dynamodb.put_item(TableName=call.table, Item=item)
    return state
