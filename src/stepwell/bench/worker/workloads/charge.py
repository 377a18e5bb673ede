"""One effect on the outside world, and the record that it happened."""

from stepwell.bench.worker.call import Call, Record, State, Step, Strategy
from stepwell.bench.worker.workloads import once


def charge(strategy: Strategy, call: Call, state: State) -> Record:
    """Charges the order, or tells that it was: {charge} is the sequence of the provider's receipt."""
    return once(strategy, call, lambda: {"charge": strategy.emit(call, "charge")["sequence"]})


STEPS: dict[str, Step] = {"charge": charge}
