"""What a strategy has at hand in one invocation, and what it supplies."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

INSPECT = "inspect"
"""The step in which a worker reads the records that the state names: for the judge, and not for a request."""

Record = dict[str, Any]
Event = Mapping[str, Any]


class Conflict(Exception):
    """Another invocation was first; nothing was applied, and trying again is right."""


class InProgress(Exception):
    """Another invocation is at this request; nothing was done, and trying again later is right."""


class Stores(Protocol):
    """Clients of the stores, each made when it is first asked for and kept as long as the worker lives."""

    @property
    def dynamodb(self) -> Any: ...

    @property
    def sqs(self) -> Any: ...

    @property
    def s3(self) -> Any: ...

    @property
    def redis(self) -> Any: ...

    @property
    def postgres(self) -> Any: ...


@dataclass(frozen=True, slots=True)
class Call:
    """One invocation for one `request`, in one `step` of its work.

    `stores` has the clients, `table` is the name of the DynamoDB table, `names` the other names that the run made
    (queues, buckets). `invocation` is Lambda's request id. `key` is the idempotency key that the caller supplied.
    `effect(type, key)` has the outside world do something and gives its receipt, {sequence}. `pause(attempt)` waits a
    random while before another try, longer each time. `notes` is what one invocation keeps for itself.
    """

    stores: Stores
    table: str
    names: Mapping[str, str]
    request: str
    step: str
    invocation: str
    key: str | None
    effect: Callable[[str, str | None], Record]
    pause: Callable[[int], None]
    remaining_milliseconds: Callable[[], int]
    notes: Record = field(default_factory=dict)

    @property
    def id(self) -> str:
        """What the step of the request is remembered under."""
        return f"{self.request}/{self.step}"

    def at(self, step: str) -> "Call":
        """The same invocation, in another step."""
        return replace(self, step=step)


class Strategy(Protocol):
    """What the modules in `strategies` supply.

    `begin` gives the result of an earlier invocation for this step, or None when the work is to be done. `read` gives
    {value, version} of a record, with `applied` true where it is known that this request has changed it already;
    `write` stores it with its value changed: False when it lost against another writer. `emit` has the effect.
    `commit` remembers the step's result.
    """

    def begin(self, call: Call) -> Record | None: ...

    def read(self, call: Call, name: str) -> Record: ...

    def write(self, call: Call, name: str, record: Record) -> bool: ...

    def emit(self, call: Call, type: str) -> Record: ...

    def commit(self, call: Call, result: Record) -> None: ...


State = Record
Step = Callable[[Strategy, Call, State], Record]
"""One step of a workload: from what is known of the request so far to what it adds."""
