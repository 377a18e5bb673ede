"""Who puts the load on, and the faults: deployment, clients, queues, people, the drive of a plan, the open loop.

Guarantees that what a client asked for and what it was told are in the history, and that latencies count from the
intended start. May import `history`, `catalog`, `plan`, the parts, the worker, oracles, measures and `report.data`.
"""
