"""A function's configuration in AWS's own members: defaults, what is refused, and how it is shown."""

import re
import sys
from collections.abc import Mapping
from typing import Any

from stepwell.functions.errors import LambdaError, invalid_parameter
from stepwell.functions.names import LATEST, FunctionName

Configuration = dict[str, Any]
"""The members of AWS's FunctionConfiguration, less those that follow from the version that is asked for."""

RESERVED_VARIABLES = frozenset(
    {
        "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_MAX_CONCURRENCY", "AWS_LAMBDA_RUNTIME_API", "AWS_REGION", "AWS_SECRET_ACCESS_KEY",
        "AWS_SECRET_KEY", "AWS_SECURITY_TOKEN", "AWS_SESSION_TOKEN", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT",
    }
)  # fmt: skip
"""Keys that AWS refuses in a function's own variables."""

MAX_ENVIRONMENT_BYTES = 4096
MAX_TIMEOUT_SECONDS = 900
MAX_MEMORY_MB = 10_240

_PYTHON = re.compile(r"python3\.(\d+)")
_VARIABLE = re.compile(r"[a-zA-Z][a-zA-Z0-9_]+")
_STORED = (
    "Role", "Handler", "Runtime", "Description", "Timeout", "MemorySize", "TracingConfig", "EphemeralStorage",
    "DeadLetterConfig", "KMSKeyArn", "Architectures",
)  # fmt: skip
_DEFAULTS: Mapping[str, Any] = {
    "Description": "",
    "Timeout": 3,
    "MemorySize": 128,
    "TracingConfig": {"Mode": "PassThrough"},
    "EphemeralStorage": {"Size": 512},
    "Architectures": ["x86_64"],
    "PackageType": "Zip",
    "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
}
_SETTLED = {"State": "Active", "LastUpdateStatus": "Successful"}


def created(name: FunctionName, request: Mapping[str, Any]) -> Configuration:
    """The configuration of a new function. Raises `LambdaError` for what AWS refuses and for what cannot run here."""
    if request.get("PackageType", "Zip") != "Zip" or "ImageUri" in request.get("Code", {}):
        raise invalid_parameter("PackageType Image cannot run here: Stepwell runs Zip packages without containers.")
    for member in ("Runtime", "Handler"):
        if not request.get(member):
            raise invalid_parameter(
                "Runtime and Handler are mandatory parameters for functions created with deployment packages."
            )
    return changed(name, dict(_DEFAULTS), request)


def changed(name: FunctionName, configuration: Configuration, request: Mapping[str, Any]) -> Configuration:
    """The configuration with the members of an update. Raises `LambdaError`."""
    result = configuration | {member: request[member] for member in _STORED if member in request}
    if "Environment" in request:
        result["Environment"] = {"Variables": _checked_variables(request["Environment"].get("Variables", {}))}
    if "VpcConfig" in request:
        result["VpcConfig"] = {"SubnetIds": [], "SecurityGroupIds": [], "VpcId": "", "Ipv6AllowedForDualStack": False}
        result["VpcConfig"] |= request["VpcConfig"]
    if "Layers" in request:
        result["Layers"] = list(request["Layers"])
    result["LoggingConfig"] = _logging(name, result.get("LoggingConfig", {}) | request.get("LoggingConfig", {}))
    _check_runtime(result["Runtime"])
    _check_limits(result)
    return result


def runtime_note(runtime: str) -> str | None:
    """A warning when the function asks for another Python than the one that runs it."""
    ours = f"python{sys.version_info.major}.{sys.version_info.minor}"
    if runtime == ours:
        return None
    return f"{runtime} is asked for; the function runs on {ours}, the interpreter that Stepwell runs on."


def shown(name: FunctionName, configuration: Configuration, *, qualified: bool, **changes: str) -> dict[str, Any]:
    """AWS's FunctionConfiguration. `changes` are for the replies that speak of a state still to be reached."""
    arn = name.qualified_arn(configuration["Version"]) if qualified else name.arn
    return {"FunctionName": name.name, "FunctionArn": arn, **configuration, **_SETTLED, **changes}


CREATING = {
    "State": "Pending",
    "StateReason": "The function is being created.",
    "StateReasonCode": "Creating",
}
"""What AWS answers to a creation. The function is Active before the client can ask again, as waiters expect."""

UPDATING = {
    "LastUpdateStatus": "InProgress",
    "LastUpdateStatusReason": "The function is being created.",
    "LastUpdateStatusReasonCode": "Creating",
}


def unversioned(configuration: Configuration) -> Configuration:
    """What decides whether publishing makes a new version: all but what each write, or the publishing itself, sets."""
    own = ("Version", "RevisionId", "LastModified", "Description")
    return {key: value for key, value in configuration.items() if key not in own}


def is_latest(qualifier: str | None) -> bool:
    return qualifier is None or qualifier == LATEST


def permission_statement(name: FunctionName, request: Mapping[str, Any]) -> dict[str, Any]:
    """The policy statement that an AddPermission makes."""
    principal = request["Principal"]
    kind = "Service" if principal.endswith(".amazonaws.com") else "AWS"
    statement: dict[str, Any] = {
        "Sid": request["StatementId"],
        "Effect": "Allow",
        "Principal": "*" if principal == "*" else {kind: principal},
        "Action": request["Action"],
        "Resource": name.qualified_arn(name.qualifier) if name.qualifier else name.arn,
    }
    condition: dict[str, dict[str, str]] = {}
    if "SourceArn" in request:
        condition["ArnLike"] = {"AWS:SourceArn": request["SourceArn"]}
    if "SourceAccount" in request:
        condition["StringEquals"] = {"AWS:SourceAccount": request["SourceAccount"]}
    return statement | ({"Condition": condition} if condition else {})


def _checked_variables(variables: Mapping[str, str]) -> dict[str, str]:
    reserved = sorted(RESERVED_VARIABLES & variables.keys())
    if reserved:
        raise invalid_parameter(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            "provided contains reserved keys that are currently not supported for modification. "
            f"Reserved keys used in this request: {', '.join(reserved)}"
        )
    for key, value in variables.items():
        if not _VARIABLE.fullmatch(key) or "\0" in value:
            raise LambdaError(
                "ValidationException",
                f"1 validation error detected: Value at 'environment.variables' failed to satisfy constraint: "
                "Map keys must satisfy constraint: "
                f"[Member must satisfy regular expression pattern: {_VARIABLE.pattern}]",
            )
    size = sum(len(key.encode()) + len(value.encode()) for key, value in variables.items())
    if size > MAX_ENVIRONMENT_BYTES:
        raise invalid_parameter(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            f"provided exceeded the {MAX_ENVIRONMENT_BYTES // 1024}KB limit."
        )
    return dict(variables)


def _logging(name: FunctionName, request: Mapping[str, Any]) -> dict[str, Any]:
    logging = {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name.name}", **request}
    if logging["LogFormat"] == "JSON":
        logging = {"ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO", **logging}
    elif {"ApplicationLogLevel", "SystemLogLevel"} & logging.keys():
        raise invalid_parameter("ApplicationLogLevel and SystemLogLevel can be set only with the log format JSON.")
    return logging


def _check_runtime(runtime: str) -> None:
    if not _PYTHON.fullmatch(runtime):
        raise invalid_parameter(
            f"Runtime {runtime} cannot run here: Stepwell has no interpreter for it. It runs python3.x functions, all "
            f"of them on Python {sys.version_info.major}.{sys.version_info.minor}."
        )


def _check_limits(configuration: Configuration) -> None:
    for member, least, most in (("Timeout", 1, MAX_TIMEOUT_SECONDS), ("MemorySize", 128, MAX_MEMORY_MB)):
        value = configuration[member]
        if not least <= value <= most:
            raise LambdaError(
                "ValidationException",
                f"1 validation error detected: Value '{value}' at '{member[0].lower()}{member[1:]}' failed to satisfy "
                + (
                    f"constraint: Member must have value less than or equal to {most}"
                    if value > most
                    else f"constraint: Member must have value greater than or equal to {least}"
                ),
            )
