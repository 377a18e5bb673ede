"""The benchmark: one workload, several ways of keeping its state, real back ends, faults on purpose, and what broke.

Guarantees that every number comes from a recorded history, and that a cell whose fault did not fire is invalid and not
clean. Speaks to Stepwell only through its endpoint, like any client: imports nothing of it but its version.
"""
