"""The running thing: inboxes, committer, timers, outbox, recovery, and the catalog of state machines.

Guarantees that records are durable before their commands are performed and their callers answered. Knows the machine
only as `decide` and `apply`, tasks only through the `TaskRunner` that it defines. May import store, machine, asl and
awsmodels.
"""
