"""Fifty steps, one after the other; each does one thing in the outside world and adds its receipt to the state."""

from stepwell.bench.worker.call import Call, Record, State, Step, Strategy
from stepwell.bench.worker.workloads import once

NAMES = tuple(f"step-{number:02}" for number in range(1, 51))


def work(strategy: Strategy, call: Call, state: State) -> Record:
    """One of the steps: {its name: the sequence of its receipt}."""
    return once(strategy, call, lambda: {call.step: strategy.emit(call, call.step)["sequence"]})


STEPS: dict[str, Step] = dict.fromkeys(NAMES, work)
