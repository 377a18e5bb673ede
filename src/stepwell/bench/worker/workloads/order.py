"""An order: charge the customer, reserve the goods, confirm by mail; where there are none left, give the money back."""

from stepwell.bench.worker.call import Call, Record, State, Step, Strategy
from stepwell.bench.worker.workloads import once, raise_by_one

STOCK = 20
"""Pieces of each article."""


def charge(strategy: Strategy, call: Call, state: State) -> Record:
    return once(strategy, call, lambda: {"charge": strategy.emit(call, "charge")["sequence"]})


def reserve(strategy: Strategy, call: Call, state: State) -> Record:
    """Sells one piece of the goods whose count of sold ones the state names; {sold: False} when there are none left."""

    def take() -> Record:
        return {"sold": "refused" not in raise_by_one(strategy, call, state["record"], most=STOCK)}

    return once(strategy, call, take)


def confirm(strategy: Strategy, call: Call, state: State) -> Record:
    """Mails the confirmation, or refunds the charge."""
    type = "email" if state["sold"] else "refund"
    return once(strategy, call, lambda: {type: strategy.emit(call, type)["sequence"]})


STEPS: dict[str, Step] = {"charge": charge, "reserve": reserve, "confirm": confirm}
