"""Looks whether the request was done, and does it if not: the single writer's code, for as many writers as there are.

What another does between the look and the put is not seen. A duplicate that comes late is recognised.
"""

from stepwell.bench.worker.strategies.single_writer import begin, commit, emit, read, write

__all__ = ["begin", "commit", "emit", "read", "write"]
