"""The Lambda service: functions, versions, worker processes, the Runtime API, event invokes.

Guarantees that a function runs in AWS's own runtime client in a process of its own, one invocation at a time, with
AWS's replies, errors and limits. May import awsmodels alone; it knows the store only as `Documents`.
"""
