"""All steps in one invocation."""

from stepwell.bench.flexibility.flows import Do
from stepwell.bench.worker.call import Event, Record


def flow(do: Do, event: Event) -> Record:
    state = do("charge", event["state"])
    state = do("reserve", state)
    return do("confirm", state)
