"""Servers of others as child processes: started, waited for, stopped in order, and ended with whoever started them.

Imports nothing of ours, so that the commands and the benchmark, which is a client like any other, can both use it.
"""
