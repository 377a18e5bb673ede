"""What a strategy has at hand in one invocation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

Record = dict[str, Any]


class Conflict(Exception):
    """Another invocation was first; nothing was applied, and trying again is right."""


class InProgress(Exception):
    """Another invocation is at this request; nothing was done, and trying again later is right."""


@dataclass(frozen=True, slots=True)
class Call:
    """One invocation for one `request`.

    `store` is a boto3 DynamoDB client and `table` the table's name. `invocation` is Lambda's request id. `key` is the
    idempotency key that the caller supplied. `charge(key)` has the provider charge the order and gives its receipt,
    {sequence}. `pause(attempt)` waits a random while before another try, longer each time.
    """

    store: Any
    table: str
    request: str
    invocation: str
    key: str | None
    charge: Callable[[str | None], Record]
    pause: Callable[[int], None]
    remaining_milliseconds: Callable[[], int]


class Strategy(Protocol):
    """What the modules in `strategies` supply.

    `begin` gives the result of an earlier invocation, or None when the work is to be done. `read` gives {value,
    version} of a record and `write` stores it with its value changed: False when it lost against another writer.
    `emit` has the effect. `commit` remembers its receipt.
    """

    def begin(self, call: Call) -> Record | None: ...

    def read(self, call: Call, name: str) -> Record: ...

    def write(self, call: Call, name: str, record: Record) -> bool: ...

    def emit(self, call: Call) -> Record: ...

    def commit(self, call: Call, receipt: Record) -> None: ...


Event = Mapping[str, Any]
