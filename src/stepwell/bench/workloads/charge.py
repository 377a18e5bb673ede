"""One effect on the outside world, and the record that it happened."""

from stepwell.bench.call import Call, Record, Strategy


def charge(strategy: Strategy, call: Call) -> Record:
    """Charges the order, or tells that it was: {sequence} of the provider's receipt."""
    receipt = strategy.begin(call)
    if receipt is None:
        receipt = strategy.emit(call)
        strategy.commit(call, receipt)
    return {"sequence": receipt["sequence"]}
