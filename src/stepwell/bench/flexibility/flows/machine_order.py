"""The step that the state machine asks for."""

from stepwell.bench.flexibility.flows import Do
from stepwell.bench.worker.call import Event, Record


def flow(do: Do, event: Event) -> Record:
    return do(event["step"], event["state"])
