"""What the commands of `stepwell` do; `stepwell.cli` says how they are called.

Guarantees that a person gets an error with its cause and its fix, and a program on the other side of a pipe gets plain
text or JSON. Talks to executions only over AWS's protocol, like any client. May import all but cli and testing.
"""
