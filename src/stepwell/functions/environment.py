"""The environment variables of a worker: AWS's documented ones, the function's own, and where our endpoint is.

Built from nothing, never from the server's environment: what is secret there does not reach a handler.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from stepwell.functions.logs import LogStream
from stepwell.functions.names import FunctionName

RUNTIME_FOLDER = Path(__file__).with_name("runtime")

_OWN_SERVICES = ("LAMBDA", "SFN", "CLOUDWATCH_LOGS")
"""The services that Stepwell serves itself, as the AWS SDKs name them in variables."""


class Endpoints(NamedTuple):
    """Where functions find AWS: Stepwell's own services, and all others; None means where the SDK looks by itself.

    `secret` signs what they send. `each` has services with an endpoint of their own, by their names in the variables of
    AWS's SDKs.
    """

    own: str | None
    others: str | None
    secret: str
    each: Mapping[str, str] = MappingProxyType({})


def worker_environment(
    name: FunctionName,
    configuration: Mapping[str, Any],
    task_root: Path,
    layers: list[Path],
    endpoints: Endpoints,
    log: LogStream,
) -> dict[str, str]:
    """The variables, as the page "Using Lambda environment variables" of AWS's developer guide lists them.

    The function's own cannot replace AWS's reserved ones; validation has refused those.
    """
    own = dict(configuration.get("Environment", {}).get("Variables", {}))
    python_path = [own["PYTHONPATH"]] if own.get("PYTHONPATH") else []
    return {
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin:/opt/bin",
        **_endpoint_variables(endpoints),
        **own,
        "PYTHONPATH": ":".join([*python_path, *map(str, _layer_paths(layers)), str(RUNTIME_FOLDER)]),
        **_reserved(name, configuration, task_root, log, endpoints.secret),
        **_logging(configuration),
    }


def _endpoint_variables(endpoints: Endpoints) -> dict[str, str]:
    variables = {} if endpoints.others is None else {"AWS_ENDPOINT_URL": endpoints.others}
    if endpoints.own is not None:
        variables |= {f"AWS_ENDPOINT_URL_{service}": endpoints.own for service in _OWN_SERVICES}
    return variables | {f"AWS_ENDPOINT_URL_{service}": url for service, url in endpoints.each.items()}


def _layer_paths(layers: list[Path]) -> list[Path]:
    """AWS puts these two folders of /opt on the path of a Python function; a later layer covers an earlier one."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    folders = [folder for layer in reversed(layers) for folder in (layer / "python", _site(layer, version))]
    return [folder for folder in folders if folder.is_dir()]


def _site(layer: Path, version: str) -> Path:
    return layer / "python" / "lib" / version / "site-packages"


def _reserved(
    name: FunctionName, configuration: Mapping[str, Any], task_root: Path, log: LogStream, secret: str
) -> dict[str, str]:  # fmt: skip
    version = configuration["Version"]
    return {
        "_HANDLER": configuration["Handler"],
        "AWS_REGION": name.region,
        "AWS_DEFAULT_REGION": name.region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{configuration['Runtime']}",
        "AWS_LAMBDA_FUNCTION_NAME": name.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(configuration["MemorySize"]),
        "AWS_LAMBDA_FUNCTION_VERSION": version,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": log.group,
        "AWS_LAMBDA_LOG_STREAM_NAME": log.stream,
        # The endpoint takes the account from a key of twelve digits, so the function acts in its own.
        "AWS_ACCESS_KEY_ID": name.account,
        "AWS_SECRET_ACCESS_KEY": secret,
        "LAMBDA_TASK_ROOT": str(task_root),
        "LAMBDA_RUNTIME_DIR": str(RUNTIME_FOLDER),
    }


def _logging(configuration: Mapping[str, Any]) -> dict[str, str]:
    logging = configuration["LoggingConfig"]
    variables = {"AWS_LAMBDA_LOG_FORMAT": logging["LogFormat"]}
    if level := logging.get("ApplicationLogLevel"):
        variables["AWS_LAMBDA_LOG_LEVEL"] = level
    return variables
