"""The order of several lines, each reserved by itself: the same under every strategy.

The lines of an order name different articles. What there is none of is left out of the confirmation; the money goes
back when there is nothing at all.
"""

from dataclasses import replace

from stepwell.bench.worker.call import Call, Record, State, Step, Strategy
from stepwell.bench.worker.workloads import order, raise_by_one


def reserve_line(strategy: Strategy, call: Call, state: State) -> Record:
    """Sells one piece of the line's article. Each line is remembered by itself."""
    return order.reserve(strategy, _of_line(call, state), state)


def arrive(strategy: Strategy, call: Call, state: State) -> Record:
    """Counts the line for who has no one waiting for all: {arrived} is how many there are, {sold} whether of any."""
    arrived, sold = (f"{call.request}/{what}" for what in ("arrived", "sold"))
    if state["sold"]:
        raise_by_one(strategy, _of_line(call, state), sold)
    count = raise_by_one(strategy, _of_line(call, state), arrived)["value"]
    return {"arrived": count, "sold": strategy.read(call, sold)["value"] > 0}


def _of_line(call: Call, state: State) -> Call:
    return replace(call, request=f"{call.request}/{state['record']}")


STEPS: dict[str, Step] = {**order.STEPS, "reserve-line": reserve_line, "arrive": arrive}
