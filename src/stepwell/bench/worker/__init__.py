"""What is deployed into the Lambda function: the handler, the strategies, the workloads, the recorder, the faults.

Guarantees that each operation is in the history before its store sees it. All of it is packed, and nothing else is: it
may import itself alone, and outside the standard library only the clients of the stores.
"""
