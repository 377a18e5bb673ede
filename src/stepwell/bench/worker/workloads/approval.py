"""Asks a person by mail, waits for the answer, and ships if it is yes. Without an answer it waits for ever.

The answer comes as a change of the request's record, by `decision`. Whoever does not get it as a callback looks whether
it is there, and is told to come again while it is not.
"""

import time
from math import inf

from stepwell.bench.worker.call import Call, InProgress, Record, State, Step, Strategy
from stepwell.bench.worker.workloads import look, once

ASK = "ask"


def ask(strategy: Strategy, call: Call, state: State) -> Record:
    """Mails the question. An orchestrator's token for the answer goes with it."""
    return once(strategy, call, lambda: {"ask": strategy.emit(call, ASK)["sequence"], "asked_at": time.time()})


def wait(strategy: Strategy, call: Call, state: State, patience_seconds: float = inf) -> Record:
    """{answer: {approved}}, which is no when the time for it has passed. Raises `InProgress` before."""
    if look(strategy, call, state["record"])["value"]:
        return {"answer": {"approved": True}}
    if time.time() > state["asked_at"] + patience_seconds:
        return {"answer": {"approved": False}}
    raise InProgress("nobody has answered")


def act(strategy: Strategy, call: Call, state: State) -> Record:
    """Ships, or hands the matter to somebody else. A callback that never came has left an error as the answer."""
    type = "ship" if state["answer"].get("approved") else "escalate"
    return once(strategy, call, lambda: {type: strategy.emit(call, type)["sequence"]})


STEPS: dict[str, Step] = {ASK: ask, "wait": wait, "act": act}
