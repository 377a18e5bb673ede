"""AWS's service models as tables: operations, shapes and errors, taken from the data files that botocore ships.

Guarantees that a request which passes its validator has every member of the model's type and within the model's
limits, and that the errors of one which does not read as AWS's do. Imports nothing of Stepwell.
"""
