"""The change test: what it takes to add a branch and a fan-out to a workflow, by the way in which its state is kept.

The versions before and after are both real: they are deployed, run and judged in calm and under repeated delivery, and
what is counted is the difference between the very files that ran. Imports from the rest of the benchmark alone.
"""
