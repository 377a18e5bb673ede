"""The benchmark: one workload, several ways of keeping its state, real back ends, faults on purpose, and what broke.

Guarantees that every number comes from a recorded history, and that a cell whose fault did not fire is invalid and not
clean. Speaks to Stepwell only through its endpoint, like any client: imports nothing of it but its version and prices.

A run (`run`) takes a `plan` from the `catalog`: `parts` are the back ends and what breaks them, `worker` is what is
deployed, `load` drives it, `oracles` judge the `history` that is left, `measures` count what it costs, and `report`
says it. `series`, `advise`, `two_regions`, `own`, `pitfalls`, `flexibility`, `published` and `durability` use these.
"""
