"""The work that is to be done under every strategy: its logic, free of how state is kept.

Guarantees that all strategies run the very same lines. Imports only `call`.
"""
