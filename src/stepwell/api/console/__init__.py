"""The web console: its pages, and the JSON and the live stream that they read.

Guarantees that every reply is a fold of committed journals by the engine's own code, bounded in memory, and changes
nothing: what the console changes it asks of AWS's API, signed where that asks for signatures. Imports api and below.
"""
