"""The real back ends, the processes around them, what breaks their calls, and the certificates that they are fit.

Guarantees that all listen on loopback and end with the benchmark, and that each fault that strikes leaves a row.
May import `history`, `catalog` and the worker's gateway; what certifies the strategies' means also `load.deploy`.
"""
