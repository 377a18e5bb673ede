"""What the two pairs about the life of a claim share: a charge that is claimed before and remembered after."""

import json
import time

from stepwell.bench.worker.call import Call, Event, InProgress, Record

CLAIMED = "CLAIMED"


def charge(call: Call, event: Event, claimed: bool) -> Record:
    """With the claim the work, for the event's `seconds`; else what whoever had it gave. Raises `InProgress`."""
    if not claimed:
        return _remembered(call)
    time.sleep(event.get("seconds", 0))
    receipt = call.effect("charge", None)
    call.stores.redis.set(call.id, json.dumps(receipt))
    return receipt


def _remembered(call: Call) -> Record:
    found = call.stores.redis.get(call.id)
    if found is None or found == CLAIMED:
        raise InProgress("another invocation is at this charge")
    receipt: Record = json.loads(found)
    return receipt
