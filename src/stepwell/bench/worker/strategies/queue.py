"""The message carries the request's state from step to step; a marker in the key-value store keeps a step from twice.

A standard queue delivers at least once, so that without the marker each copy of a message would fork the chain.
"""

import json
from typing import Any

from stepwell.bench.worker.call import Call
from stepwell.bench.worker.strategies.conditional import begin, commit, emit, read, write

__all__ = ["begin", "commit", "emit", "forward", "read", "write"]


def forward(call: Call, event: dict[str, Any]) -> None:
    """Sends the next step, with all that is known of the request."""
    call.stores.sqs.send_message(QueueUrl=call.names["queue"], MessageBody=json.dumps(event))
