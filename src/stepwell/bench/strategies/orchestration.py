"""A state machine keeps the order's state: it dedups starts by name, remembers which steps are done, and retries.

So the function neither claims nor records. What several executions share is still the function's business: the
counter is written on a condition, exactly as without an orchestrator, and the machine's Retry deals with conflicts.
"""

from stepwell.bench.call import Call, Record
from stepwell.bench.strategies.conditional import read, write

__all__ = ["begin", "commit", "emit", "read", "write"]


def begin(call: Call) -> Record | None:
    return None


def emit(call: Call) -> Record:
    key = None
    # guard: idempotency-key
    key = call.key
    # end guard
    return call.charge(key)


def commit(call: Call, receipt: Record) -> None:
    """Nothing: what the function returns is durable in the execution."""
