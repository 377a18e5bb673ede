"""All steps in one invocation; orders above the limit are reviewed before they are charged."""

from stepwell.bench.flexibility.flows import Do
from stepwell.bench.worker.call import Event, Record

LIMIT = 1000


def flow(do: Do, event: Event) -> Record:
    state = event["state"]
    if state["amount"] > LIMIT:
        state = do("review", state)
    state = do("charge", state)
    state = do("reserve", state)
    return do("confirm", state)
