"""As orchestration, and the outside world is asked to do each step once: by a key of the execution and the state."""

from stepwell.bench.worker.call import Call, Record
from stepwell.bench.worker.strategies.conditional import read, write
from stepwell.bench.worker.strategies.orchestration import begin, commit

__all__ = ["begin", "commit", "emit", "read", "write"]


def emit(call: Call, type: str) -> Record:
    key = None
    # guard: idempotency-key
    key = call.key
    # end guard
    return call.effect(type, key)
