"""The log service: log groups, streams and events, as CloudWatch Logs has them, in a database file of their own.

Guarantees that to write costs the engine no wait, that what is kept is bounded, and that a read sees every earlier
write. Logs are not the truth: a crash may lose their last moments. Imports store and engine's clock.
"""
