"""Where journals live: the `Store` protocol, in memory and in SQLite.

Guarantees that a step is durable when `commit` returns, and that of two steps with the same execution and sequence only
one is ever stored. Knows bytes, keys and times, not what they mean. May import nothing of Stepwell.
"""
