"""Whether a mocked result is one that a service could give, by the service's own model.

A result has its members in the Java SDK's case. Members that the model does not know pass, in every mode. A resource
that has no model of its own passes too: an HTTP endpoint, an activity, a function by its ARN, whoever has a task token.
"""

from collections.abc import Mapping
from typing import Any

from botocore.model import ListShape, MapShape, OperationModel, Shape, StringShape, StructureShape

from stepwell.awsmodels.errors import ValidationError
from stepwell.awsmodels.services import find_operation, member_name

STRICT, PRESENT, NONE = "STRICT", "PRESENT", "NONE"

_SERVICES = {
    "elasticmapreduce": "emr", "emr-containers": "emrcontainers", "emr-serverless": "emrserverless",
    "events": "eventbridge", "states": "sfn",
}  # fmt: skip
"""Optimized integrations whose name in a Resource is not the service's own."""

_POLLED = {
    "athena:startQueryExecution": "getQueryExecution",
    "batch:submitJob": "describeJobs",
    "bedrock:createModelCustomizationJob": "getModelCustomizationJob",
    "codebuild:startBuild": "batchGetBuilds",
    "codebuild:startBuildBatch": "batchGetBuildBatches",
    "databrew:startJobRun": "describeJobRun",
    "ecs:runTask": "describeTasks",
    "elasticmapreduce:addStep": "describeStep",
    "elasticmapreduce:createCluster": "describeCluster",
    "elasticmapreduce:terminateCluster": "describeCluster",
    "emr-serverless:createApplication": "getApplication",
    "emr-serverless:deleteApplication": "getApplication",
    "emr-serverless:startApplication": "getApplication",
    "emr-serverless:startJobRun": "getJobRun",
    "emr-serverless:stopApplication": "getApplication",
    "glue:startJobRun": "getJobRun",
    "mediaconvert:createJob": "getJob",
}
"""What Step Functions asks until a `.sync` task is done; for SageMaker, EKS and EMR on EKS it follows from the name."""

_POLLED_PREFIXES = ("create", "delete", "update", "start")

_FREE = {"lambda:invoke": {"Payload"}, "states:startExecution.sync:2": {"Input", "Output"}}
"""Members that an optimized integration gives as JSON where the service has text or bytes."""

_NUMBERS = frozenset({"integer", "long", "float", "double", "short", "byte", "bigdecimal", "biginteger"})
_KINDS: Mapping[str, tuple[type, str]] = {
    "structure": (dict, "an object"), "map": (dict, "an object"), "list": (list, "an array"),
    "boolean": (bool, "a boolean"),
}  # fmt: skip


def check_result(type: str, action: str, pattern: str, result: Any, mode: str = STRICT) -> None:
    """Raises `ValidationError` where the service of a resource could not have given the result.

    `type`, `action` and `pattern` are those of the Resource: `states`, `startExecution.sync:2`, `sync:2`. STRICT asks
    for required members too, PRESENT looks at those that are there, NONE at nothing.
    """
    if mode == NONE or pattern == "waitForTaskToken":
        return
    operation = _polled(type, action.partition(".")[0]) if pattern else _called(type, action)
    if operation is None or operation.output_shape is None:
        return
    if not isinstance(result, dict):
        raise _invalid("The result must be an object")
    free = _FREE.get(f"{type}:{action}", set())
    _Check(mode == STRICT, free).structure(operation.output_shape, result)


def _called(type: str, action: str) -> OperationModel | None:
    if type.startswith("aws-sdk:"):
        return find_operation(type.removeprefix("aws-sdk:"), action)
    if (type, action) == ("bedrock", "invokeModel"):
        return None  # The service gives bytes, the integration the model's own JSON.
    return find_operation(_SERVICES.get(type, type), action)


def _polled(type: str, action: str) -> OperationModel | None:
    if (type, action) == ("states", "startExecution"):
        return find_operation("sfn", "describeExecution")
    asked = _POLLED.get(f"{type}:{action}")
    if asked is None:
        prefix = next((prefix for prefix in _POLLED_PREFIXES if action.startswith(prefix)), "")
        asked = f"describe{action.removeprefix(prefix)}"
    return find_operation(_SERVICES.get(type, type), asked)


def _invalid(why: str) -> ValidationError:
    return ValidationError(f"Mock result schema validation error: {why}")


class _Check:
    """Walks a result beside its shape. The texts of wrong types and values are recorded on AWS."""

    def __init__(self, strict: bool, free: set[str]) -> None:
        self._strict = strict
        self._free = free

    def structure(self, shape: StructureShape, value: Mapping[str, Any]) -> None:
        for name, member in shape.members.items():
            # The SDK's case, and the model's own with a capital, which some optimized integrations keep.
            key = next((key for key in (member_name(name), name[:1].upper() + name[1:]) if key in value), None)
            if key is None:
                if self._strict and name in shape.required_members:
                    # The text is ours: there is no recording of it.
                    raise _invalid(f"Required field '{member_name(name)}' is missing")
            elif value[key] is not None and key not in self._free:
                self._value(member, key, value[key])

    def _value(self, shape: Shape, key: str, value: Any) -> None:
        if shape.metadata.get("document"):
            return  # any JSON
        kind = shape.type_name
        if kind in _NUMBERS:
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise _invalid(f"Field '{key}' must be a number")
            return
        wanted: Any
        wanted, called = _KINDS.get(kind, (str, "a string"))
        if not isinstance(value, wanted):
            raise _invalid(f"Field '{key}' must be {called}")
        if isinstance(shape, StringShape) and shape.enum and value not in shape.enum:
            raise _invalid(f"Field '{key}' is not an expected value")
        if isinstance(shape, StructureShape):
            self.structure(shape, value)
        elif isinstance(shape, ListShape):
            for item in value:
                self._value(shape.member, key, item)
        elif isinstance(shape, MapShape):
            for item in value.values():
                self._value(shape.value, key, item)
