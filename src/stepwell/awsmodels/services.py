"""Every service in botocore's models, by the names that a Task's Resource uses for it.

Step Functions calls AWS through the Java SDK, so its names for services, actions and members are that SDK's. The rules
are those of the SDK's code generator. A model is read when it is first asked for; which folder holds which service is
found once, from the first bytes of each file (some 0.2 s).
"""

import gzip
import re
from functools import cache
from pathlib import Path

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel

_HEAD_BYTES = 4096
_SERVICE_ID = re.compile(rb'"serviceId"\s*:\s*"([^"]+)"')


def find_operation(service: str, action: str) -> OperationModel | None:
    """The operation that `aws-sdk:SERVICE:ACTION` names, such as `cloudwatchlogs`, `putLogEvents`; None if none."""
    model = find_service(service)
    name = None if model is None else _action_names(service).get(action)
    return None if model is None or name is None else model.operation_model(name)


@cache
def find_service(service: str) -> ServiceModel | None:
    """The model of a service by its name in a Resource: the service id in lower case, without spaces."""
    folder = _folders().get(service)
    return None if folder is None else ServiceModel(Loader().load_service_model(folder, "service-2"), folder)


@cache
def _action_names(service: str) -> dict[str, str]:
    model = find_service(service)
    return {} if model is None else {action_name(name): name for name in model.operation_names}


@cache
def _folders() -> dict[str, str]:
    """Service names to the folders of botocore's data."""
    found: dict[str, str] = {}
    for folder in sorted(Path(Loader.BUILTIN_DATA_PATH).iterdir()):
        for model in sorted(folder.glob("*/service-2.json*"))[-1:]:
            if named := _SERVICE_ID.search(_head(model)):
                found[service_name(named[1].decode())] = folder.name
    return found


def _head(path: Path) -> bytes:
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        return file.read(_HEAD_BYTES)


def service_name(service_id: str) -> str:
    """`Config Service` is `config`, `SFN` is `sfn`."""
    return pascal_case(service_id).removesuffix("Service").lower()


def action_name(operation: str) -> str:
    """`PutItem` is `putItem`: a method of the SDK's client."""
    return _uncapitalized(operation)


def member_name(member: str) -> str:
    """`nextToken` is `NextToken`, `DBClusters` is `DbClusters`, `PolicyARN` stays: a method of a request or a reply."""
    if member == "NULL":
        return "Nul"  # DynamoDB's, which the SDK calls otherwise than by its rule.
    name = _uncapitalized(member)
    return name[:1].upper() + name[1:]


def _uncapitalized(name: str) -> str:
    """A leading acronym goes to lower case as a whole."""
    acronym = re.match(r"[A-Z](?:[A-Z](?![a-z]))*", name)
    return name if acronym is None else acronym[0].lower() + name[acronym.end() :]


@cache
def pascal_case(name: str) -> str:
    """A class of the SDK: `DBClusterNotFound` is `DbClusterNotFound`."""
    return "".join(word.capitalize() for word in _words(name))


def _words(name: str) -> list[str]:
    text = re.sub(r"[^A-Za-z0-9]+", " ", name)
    text = re.sub(r"([^a-z]{2,})v([0-9]+)", r"\1 v\2 ", text)
    text = re.sub(r"([^A-Z]{2,})V([0-9]+)", r"\1 V\2 ", text)
    text = re.sub(r"(?<=[a-z])(?=[A-Z][a-zA-Z0-9])", " ", text)
    text = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1 \2", text)
    text = re.sub(r"([0-9])([a-zA-Z])", r"\1 \2", text)
    return text.split()
