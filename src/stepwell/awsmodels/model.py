"""A service's model: its operations, what they take, and its errors."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import botocore.loaders
import msgspec

from stepwell.awsmodels.validation import Validator, compile_validator

API_VERSIONS = {"stepfunctions": "2016-11-23", "lambda": "2015-03-31", "logs": "2014-03-28"}
"""Services by the name of their folder in botocore. Naming the version spares the loader a search of its data."""


class Operation(msgspec.Struct, frozen=True):
    """One operation. `input` and `output` name shapes, None where there is none; `errors` name its modeled errors."""

    name: str
    input: str | None
    output: str | None
    errors: frozenset[str]


class ServiceModel:
    """The tables of one service."""

    def __init__(self, name: str, data: Mapping[str, Any]) -> None:
        self.name = name
        self.target_prefix: str = data["metadata"].get("targetPrefix", "")
        self.json_version: str = data["metadata"].get("jsonVersion", "")
        self.shapes: Mapping[str, Mapping[str, Any]] = data["shapes"]
        self.operations = {name: _operation(name, described) for name, described in data["operations"].items()}
        self.error_statuses = {
            name: _error_status(shape) for name, shape in self.shapes.items() if shape.get("exception")
        }

    def validator(self, shape: str | None, lifted: frozenset[str] = frozenset()) -> Validator:
        """Compile the check of a shape; of None, which takes any object. See `compile_validator`."""
        if shape is None:
            return compile_validator({"Empty": {"type": "structure", "members": {}}}, "Empty", lifted)
        return compile_validator(self.shapes, shape, lifted)


@cache
def load_service(name: str) -> ServiceModel:
    """The model of a service that `API_VERSIONS` lists. Read from botocore's files once; takes some 50 ms."""
    return ServiceModel(name, botocore.loaders.Loader().load_service_model(name, "service-2", API_VERSIONS[name]))


def _operation(name: str, described: Mapping[str, Any]) -> Operation:
    return Operation(
        name,
        described.get("input", {}).get("shape"),
        described.get("output", {}).get("shape"),
        frozenset(error["shape"] for error in described.get("errors", ())),
    )


def _error_status(shape: Mapping[str, Any]) -> int:
    """The HTTP status of an error. Models that name none mean 400 for the caller's fault and 500 for the service's."""
    status: int = shape.get("error", {}).get("httpStatusCode") or (500 if shape.get("fault") else 400)
    return status
