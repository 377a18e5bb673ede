"""Read-modify-write on one key."""

from stepwell.bench.call import Call, Conflict, Record, Strategy

TRIES = 12


def count(strategy: Strategy, call: Call, name: str) -> Record:
    """Adds one to the record `name`: {value}. Raises `Conflict` after `TRIES` writes that were refused."""
    for attempt in range(TRIES):
        record = strategy.read(call, name)
        record["value"] += 1
        if strategy.write(call, name, record):
            return {"value": record["value"]}
        call.pause(attempt)
    raise Conflict(f"{TRIES} writes were refused")
