"""A transfer between two accounts: taken from the one, then given to the other. No account goes below nothing.

What is stored of an account is how far it is from what it was opened with.
"""

from zlib import crc32

from stepwell.bench.worker.call import Call, Record, State, Step, Strategy
from stepwell.bench.worker.workloads import once, update

OPENING, AMOUNT = 30, 10

OTHER = "/other"
"""What the second account's name has more than the first one's."""


def debit(strategy: Strategy, call: Call, state: State) -> Record:
    """Takes the amount from the source; {moved: False} when it is not there."""
    source, _ = accounts(state["record"], call.request)

    def take() -> Record:
        taken = update(strategy, call, source, lambda value: value - AMOUNT if OPENING + value >= AMOUNT else None)
        return {"moved": "refused" not in taken}

    return once(strategy, call, take)


def credit(strategy: Strategy, call: Call, state: State) -> Record:
    """Gives the target what was taken."""
    _, target = accounts(state["record"], call.request)

    def give() -> Record:
        return {"given": update(strategy, call, target, lambda value: value + AMOUNT)["value"]}

    return once(strategy, call, give) if state["moved"] else {}


def accounts(record: str, request: str) -> tuple[str, str]:
    """(source, target): half of the requests move money the one way, and half the other."""
    one, other = record, record + OTHER
    return (one, other) if crc32(request.encode()) % 2 else (other, one)


STEPS: dict[str, Step] = {"debit": debit, "credit": credit}
