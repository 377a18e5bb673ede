"""Read-modify-write on one key."""

from stepwell.bench.worker.call import Call, Record, State, Step, Strategy
from stepwell.bench.worker.workloads import raise_by_one


def count(strategy: Strategy, call: Call, state: State) -> Record:
    """Adds one to the record that the state names."""
    return raise_by_one(strategy, call, state["record"])


STEPS: dict[str, Step] = {"count": count}
