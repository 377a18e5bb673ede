"""The ways of keeping state, one small module each: what a good engineer would write with boto3.

Each supplies the same five functions to the same workload and differs in nothing else. Lines between `# guard: NAME`
and `# end guard` protect the state and can be deleted on their own; what is left still runs. Imports only `call`.
"""
