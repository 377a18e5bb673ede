"""The work that is to be done under every strategy: its logic, free of how state is kept.

Each module has `STEPS`, name to function, in their order. A strategy runs them in one invocation or in one each.
Guarantees that all strategies run the very same lines. Imports only `call`.
"""

from collections.abc import Callable

from stepwell.bench.worker.call import Call, Conflict, Record, Strategy

TRIES = 12


def once(strategy: Strategy, call: Call, do: Callable[[], Record]) -> Record:
    """Does the step, unless the strategy knows that it was done: then gives what it gave."""
    result = strategy.begin(call)
    if result is None:
        result = do()
        strategy.commit(call, result)
    return result


def raise_by_one(strategy: Strategy, call: Call, name: str, most: int | None = None) -> Record:
    """Adds one to a record, to no more than `most`, as `update` does."""
    return update(strategy, call, name, lambda value: None if most is not None and value >= most else value + 1)


def update(strategy: Strategy, call: Call, name: str, change: Callable[[int], int | None]) -> Record:
    """Read-modify-write: sets a record to what `change` makes of it: {value}; {refused: True} where that is None.

    Raises `Conflict` after `TRIES` writes that were refused by the store.
    """
    for attempt in range(TRIES):
        record = strategy.read(call, name)
        if record.get("applied"):
            return {"value": record["value"]}
        changed = change(record["value"])
        if changed is None:
            return {"refused": True}
        record["value"] = changed
        if strategy.write(call, name, record):
            return {"value": changed}
        call.pause(attempt)
    raise Conflict(f"{TRIES} writes were refused")


def look(strategy: Strategy, call: Call, name: str) -> Record:
    """A record that is not to be changed: without the lock or mark that some strategies take on reading."""
    record: Record = getattr(strategy, "audit", strategy.read)(call, name)
    return record
