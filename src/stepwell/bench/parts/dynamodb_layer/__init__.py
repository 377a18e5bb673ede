"""What a DynamoDB emulator lacks, supplied by a server that stands in front of it and speaks DynamoDB.

Four behaviours: eventually consistent reads that are stale, throttling per partition, conflicts between transactions,
and global tables that lag and keep the last write. With all of them off every call passes byte for byte. The data is
in the emulator and nowhere else, so that conditions, projections, numbers and errors are the emulator's throughout: a
replica is a table of the same name in another account or region of it. Each time that a behaviour makes a difference
it is counted. Imports nothing of Stepwell but the benchmark.
"""
