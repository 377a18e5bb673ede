"""The step that the state machine asks for."""

from stepwell.bench.call import Event, Record
from stepwell.bench.flexibility.flows import Do


def flow(do: Do, event: Event) -> Record:
    return do(event["step"], event["state"])
