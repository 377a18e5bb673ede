"""What a Task state can call: Lambda functions, activities, nested executions.

Guarantees an outcome in AWS's shape and names for every call, and that an attempt is always made under the same
idempotency key. May import functions, engine, store, machine, asl and awsmodels.
"""
