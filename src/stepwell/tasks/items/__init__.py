"""What a Distributed Map reads and writes: objects of S3 or of folders as items, results of children as files.

Guarantees that items are streamed in bounded memory, that a cursor leads on to the next item after any restart, and
that results written again come under the same names. May import asl, and of the engine what a page is.
"""
