"""All steps in one invocation."""

from stepwell.bench.call import Event, Record
from stepwell.bench.flexibility.flows import Do


def flow(do: Do, event: Event) -> Record:
    state = do("charge", event["state"])
    state = do("reserve", state)
    return do("confirm", state)
