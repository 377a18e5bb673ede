"""A state machine keeps the request's state: it dedups starts by name, remembers which steps are done, and retries.

So the function neither claims nor records. What several executions share is still the function's business: the
record is written on a condition, exactly as without an orchestrator, and the machine's Retry deals with conflicts.
"""

from stepwell.bench.worker.call import Call, Record
from stepwell.bench.worker.strategies.conditional import read, write

__all__ = ["begin", "commit", "emit", "read", "write"]


def begin(call: Call) -> Record | None:
    return None


def emit(call: Call, type: str) -> Record:
    return call.effect(type, None)


def commit(call: Call, result: Record) -> None:
    """Nothing: what the function returns is durable in the execution."""
