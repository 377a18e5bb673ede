"""The message carries the request's state from step to step, and nothing else knows of it: no marker, no memory.

A standard queue delivers at least once, so each copy of a message forks the chain.
"""

from stepwell.bench.worker.call import Call, Record
from stepwell.bench.worker.strategies.blind import begin, emit
from stepwell.bench.worker.strategies.queue import forward
from stepwell.bench.worker.strategies.version import read, write

__all__ = ["begin", "commit", "emit", "forward", "read", "write"]


def commit(call: Call, result: Record) -> None:
    """Nothing: the next message has it."""
