"""The step that the state machine asks for; it hands the last one what each line came to."""

from stepwell.bench.flexibility.flows import Do
from stepwell.bench.worker.call import Event, Record


def flow(do: Do, event: Event) -> Record:
    state = event["state"]
    if event["step"] == "confirm":
        state = state | {"sold": any(line["sold"] for line in state["reserved"])}
    return do(event["step"], state)
