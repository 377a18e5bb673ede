"""What is left of a Redis after a failure: a process that was killed, a power loss, a failover, a split brain.

They are four failures and not one. A process that is killed leaves all that it has written to the kernel, so that it
says nothing about a setting for fsync; that takes a power loss. A failover asks what the replicas have, and a split
brain what a master promised that was none any more. Imports nothing of Stepwell but the benchmark.
"""
