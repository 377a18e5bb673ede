"""The message carries the request's state from step to step, and nothing else knows of it: no marker, no memory.

A standard queue delivers at least once, so each copy of a message forks the chain.
"""

from stepwell.bench.call import Call, Record
from stepwell.bench.strategies.blind import begin, emit
from stepwell.bench.strategies.queue import forward
from stepwell.bench.strategies.version import read, write

__all__ = ["begin", "commit", "emit", "forward", "read", "write"]


def commit(call: Call, result: Record) -> None:
    """Nothing: the next message has it."""
