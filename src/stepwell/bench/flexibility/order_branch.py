"""The order with a step more, which it depends on the order whether it is taken: the same under every strategy."""

from stepwell.bench.worker.call import Call, Record, State, Step, Strategy
from stepwell.bench.worker.workloads import once, order


def review(strategy: Strategy, call: Call, state: State) -> Record:
    """Has somebody look at it."""
    return once(strategy, call, lambda: {"review": strategy.emit(call, "review")["sequence"]})


STEPS: dict[str, Step] = {"review": review, **order.STEPS}
