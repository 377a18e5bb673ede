"""Lines of a log, counted by their source, in batches: nobody minds a line twice, and none may be missing."""

from stepwell.bench.worker.call import Call, Record, State, Step, Strategy
from stepwell.bench.worker.workloads import update

LINES = 10
"""In a batch, which is written at once."""


def append(strategy: Strategy, call: Call, state: State) -> Record:
    """Adds the batch to what its source has had."""
    return update(strategy, call, state["record"], lambda value: value + LINES)


STEPS: dict[str, Step] = {"append": append}
