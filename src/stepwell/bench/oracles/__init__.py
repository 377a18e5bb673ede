"""From histories to verdicts: what broke, how often of how many that were exposed, and the rows that prove it.

Guarantees that the same history gives the same verdict, and that a fault that did not strike makes it invalid and not
clean. May import `history`, `catalog`, `plan`, what the worker says of its faults and workloads, and the parts' names.
"""
