"""What is wrong with running state machines and functions, or was in a bench run: each finding with evidence and fix.

Guarantees that nothing is changed and that the work is bounded: what was not looked at is said. May import what
`stepwell.bench` knows of histories and costs, `stepwell.pricing`, and how `stepwell.commands` reads a history.
"""
