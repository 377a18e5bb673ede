"""What a history costs and what its numbers are worth: dollars, round trips, guard lines, intervals, tests.

Guarantees that latency is counted and never measured here, and that every share has its interval. May import `history`,
`catalog`, `plan`, oracles, `report.data` and `stepwell.pricing`; `statistics` and `resampling` know nothing of these.
"""
