"""The Amazon States Language: JSON or YAML text in, a compiled `Program` or diagnostics out.

Everything knowable from a definition is settled here, once per revision. Pure: no clock, randomness, I/O or logging.
Imports nothing of Stepwell.
"""
