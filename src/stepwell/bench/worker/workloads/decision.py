"""What follows the link in the mail that an approval sends: the answer is written down. It is always yes."""

from stepwell.bench.worker.call import Call, Record, State, Step, Strategy
from stepwell.bench.worker.workloads import raise_by_one

DECIDE = "decide"


def decide(strategy: Strategy, call: Call, state: State) -> Record:
    """Whoever answers twice has answered once."""
    return raise_by_one(strategy, call, state["record"], most=1)


STEPS: dict[str, Step] = {DECIDE: decide}
