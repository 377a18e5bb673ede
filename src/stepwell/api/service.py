"""What the operations of the Step Functions and Logs APIs work on, and the shapes of their functions."""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from stepwell.api.identity import Identity
from stepwell.engine.catalog import Catalog
from stepwell.engine.engine import Engine
from stepwell.engine.versions import Versions
from stepwell.logs.service import Logs
from stepwell.tasks.activities import Activities

Members: TypeAlias = Mapping[str, Any]
"""The members of a request or of a reply, by their names in AWS's model."""


@dataclass(frozen=True, slots=True)
class Service:
    """What one endpoint serves. `limits` is `aws` or `extended`."""

    engine: Engine
    catalog: Catalog
    versions: Versions
    activities: Activities
    logs: Logs
    limits: str

    @property
    def payload_max_bytes(self) -> int | None:
        """AWS's limit of one input or output in UTF-8; None where it is lifted."""
        return 262_144 if self.limits == "aws" else None


Handler: TypeAlias = Callable[[Service, Identity, Members], Coroutine[Any, Any, Members]]
"""One operation. The request has passed the model's checks. Raises `ServiceError`."""


def timestamp(at: float) -> float:
    """Epoch seconds as AWS sends them: to the millisecond."""
    return round(at, 3)
