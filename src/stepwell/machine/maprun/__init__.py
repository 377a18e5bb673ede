"""One Map Run: which items of a Distributed Map are read, running, settled. A journal and a decider of its own.

Guarantees: pure, as `machine` is; every item becomes one child; the same Map Run whenever and wherever it is folded.
"""
