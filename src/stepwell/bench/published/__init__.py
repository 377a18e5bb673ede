"""Tables that others have published, made again on a Stepwell endpoint: what they found, beside what is found here.

Each module says which of a table's figures it can reproduce and which it only shows.
"""
