"""The payment provider's client, in the worker."""

import http.client
import json
from typing import Any

_TIMEOUT_SECONDS = 2.0


class Gateway:
    """One connection that is kept between invocations, as one would at the top of a Lambda module."""

    def __init__(self, address: str) -> None:
        self._connection = http.client.HTTPConnection(address, timeout=_TIMEOUT_SECONDS)

    def effect(self, row: dict[str, Any], key: str | None) -> dict[str, Any]:
        """Does what the row says: {sequence, repeated}. With a key it is done once for that key."""
        return self._post("/effects", row, {} if key is None else {"Idempotency-Key": key})

    def note_fired(self, row: dict[str, Any]) -> bool:
        """Tells the sink that a fault is about to strike; whether it may."""
        return bool(self._post("/fired", row, {})["first"])

    def _post(self, path: str, row: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
        try:
            self._connection.request("POST", path, json.dumps(row), headers)
            reply: dict[str, Any] = json.loads(self._connection.getresponse().read())
        except (OSError, http.client.HTTPException):
            # What is left on the connection would be taken for the answer to the next call.
            self._connection.close()
            raise
        return reply
