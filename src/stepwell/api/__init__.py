"""AWS's wire protocol: Step Functions as JSON 1.0 on `/`, Lambda as REST.

Guarantees that a caller gets AWS's reply or AWS's error and never a stack trace, and that nothing a client sends stops
the server. Knows of executions only what is committed. May import all but cli, project and testing.
"""
