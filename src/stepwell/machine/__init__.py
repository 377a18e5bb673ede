"""One execution as a pure state machine: `decide` turns a stimulus into records and commands, `apply` folds a record.

Guarantees that folding the records gives the live state at every prefix. No clock, randomness, I/O or logging: time
comes with the stimulus, random values from the execution's seed. May import `asl` and nothing else of Stepwell.
"""
