"""AWS SAM to CloudFormation, by AWS's own translator.

The translator takes code only from S3 and looks up managed policies in IAM. So local paths are handed to it as objects
of a bucket that does not exist and found again afterwards, and what Stepwell does not deploy is taken off and listed
before it sees the template: no call leaves the machine.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, unquote

from stepwell.project.plan import REGION, Skipped

_BUCKET = "stepwell-local"
_SERVERLESS = "AWS::Serverless::"
_FUNCTION_PROPERTIES = frozenset(
    {
        "AutoPublishAlias",
        "CodeUri",
        "Description",
        "Environment",
        "FunctionName",
        "Handler",
        "ImageUri",
        "InlineCode",
        "Layers",
        "MemorySize",
        "PackageType",
        "ReservedConcurrentExecutions",
        "Role",
        "Runtime",
        "Tags",
        "Timeout",
    }
)
_MACHINE_PROPERTIES = frozenset(
    {
        "AutoPublishAlias",
        "Definition",
        "DefinitionSubstitutions",
        "DefinitionUri",
        "DeploymentPreference",
        "Logging",
        "Name",
        "Role",
        "Tags",
        "Type",
    }
)
_LAYER_PROPERTIES = frozenset(
    {
        "CompatibleRuntimes",
        "ContentUri",
        "Description",
        "LayerName",
    }
)
_KEPT = {
    "AWS::Serverless::Function": _FUNCTION_PROPERTIES,
    "AWS::Serverless::LayerVersion": _LAYER_PROPERTIES,
    "AWS::Serverless::StateMachine": _MACHINE_PROPERTIES,
}
_PATHS = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
    "AWS::Serverless::StateMachine": "DefinitionUri",
}
_REASONS = {
    "Architectures": "functions run on this machine's processor",
    "Connectors": "permissions are not enforced",
    "DeploymentPreference": "a new revision takes over at once",
    "Events": "nothing triggers it by itself: start or invoke it through the API",
    "PermissionsBoundary": "permissions are not enforced",
    "Policies": "permissions are not enforced",
    "RolePath": "permissions are not enforced",
    "Tracing": "X-Ray traces are not sent",
    "VpcConfig": "functions run on this machine's network",
}
_UNSUPPORTED = "Stepwell does not support this property"


class SamError(Exception):
    """The translator refuses the template. `logical_id` is that of the resource, where it is known."""

    def __init__(self, message: str, logical_id: str | None = None) -> None:
        super().__init__(message)
        self.logical_id = logical_id


@dataclass(frozen=True, slots=True)
class LocalPath:
    """A path of the template: whose it is, under the logical id that the template gave, and how it was written."""

    logical_id: str
    path: str


def uses_sam(template: dict[str, Any]) -> bool:
    return any(str(resource["Type"]).startswith(_SERVERLESS) for resource in template["Resources"].values())


def local_path(location: Any) -> LocalPath | None:
    """What a path became in the translated template (Code, Content, DefinitionS3Location); None for real S3 objects."""
    if not isinstance(location, dict):
        return None
    bucket, key = location.get("S3Bucket", location.get("Bucket")), location.get("S3Key", location.get("Key"))
    if bucket != _BUCKET or not isinstance(key, str):
        return None
    logical_id, _, path = key.partition("/")
    return LocalPath(logical_id, unquote(path))


def translate(
    template: dict[str, Any], parameters: dict[str, str], resolve: Callable[[Any], Any]
) -> tuple[dict[str, Any], list[Skipped]]:
    """The template in CloudFormation's own resource types, and what was left out of it.

    `resolve` settles intrinsic functions, for paths that are made with them. Raises `SamError`.
    """
    skipped: list[Skipped] = []
    template = copy.deepcopy(template)
    left_out = {name: item for name, item in template["Resources"].items() if not _is_translated(item["Type"])}
    template["Resources"] = {name: item for name, item in template["Resources"].items() if name not in left_out}
    code = _trim_globals(template, skipped)
    for name, resource in template["Resources"].items():
        if resource["Type"] in _KEPT:
            _prepare(name, resource, code, resolve, skipped)
    translated = _translated(template, parameters) if template["Resources"] else template
    # References to what was left out still need its type and its name.
    translated["Resources"].update(left_out)
    return translated, skipped


def _is_translated(kind: str) -> bool:
    return kind in _KEPT or not kind.startswith(_SERVERLESS)


def _trim_globals(template: dict[str, Any], skipped: list[Skipped]) -> Any:
    """Leaves in Globals what is deployed, and gives the code location for functions that name none."""
    sections = template.pop("Globals", None) or {}
    if not isinstance(sections, dict):
        raise SamError("Globals must be a mapping")
    kept = {}
    for section, properties in sections.items():
        known = _KEPT.get(_SERVERLESS + str(section))
        if known is None or not isinstance(properties, dict):
            skipped.append(Skipped(f"Globals.{section}", "Globals", f"no {section} resource is deployed"))
        else:
            kept[section] = _trim(f"Globals.{section}", properties, known, skipped)
    code = kept.get("Function", {}).pop("CodeUri", ".")
    if kept:
        template["Globals"] = kept
    return code


def _trim(logical_id: str, properties: dict[str, Any], known: frozenset[str], skipped: list[Skipped]) -> dict[str, Any]:
    for name in properties.keys() - known:
        skipped.append(Skipped(logical_id, str(name), _REASONS.get(name, _UNSUPPORTED)))
    return {name: value for name, value in properties.items() if name in known}


def _prepare(
    logical_id: str, resource: dict[str, Any], code: Any, resolve: Callable[[Any], Any], skipped: list[Skipped]
) -> None:
    kind = resource["Type"]
    if resource.pop("Connectors", None):
        skipped.append(Skipped(logical_id, "Connectors", _REASONS["Connectors"]))
    properties = _trim(logical_id, resource.get("Properties") or {}, _KEPT[kind], skipped)
    if kind == "AWS::Serverless::Function" and not properties.keys() & {"CodeUri", "InlineCode", "ImageUri"}:
        properties["CodeUri"] = code
    path = properties.get(_PATHS[kind])
    if path is not None and not _is_s3_object(path):
        settled = resolve(path)
        if not isinstance(settled, str):
            raise SamError(f"{_PATHS[kind]} must be a path", logical_id)
        if not settled.startswith("s3://"):
            properties[_PATHS[kind]] = f"s3://{_BUCKET}/{logical_id}/{quote(settled, safe='')}"
    if kind == "AWS::Serverless::Function" and "AutoPublishAlias" in properties:
        reason = "no version or alias is published: what refers to them gets the function itself"
        skipped.append(Skipped(logical_id, "AutoPublishAlias", reason))
    resource["Properties"] = properties


def _is_s3_object(path: Any) -> bool:
    return isinstance(path, dict) and "Bucket" in path


def _translated(template: dict[str, Any], parameters: dict[str, str]) -> dict[str, Any]:
    # Imported here, because the translator takes half a second, which a project without SAM need not wait for.
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    # The translator wants a session only for its region.
    translator = Translator(None, Parser(), boto_session=SimpleNamespace(region_name=REGION))
    try:
        result: dict[str, Any] = translator.translate(template, dict(parameters), get_managed_policy_map=dict)
    except InvalidDocumentException as error:
        causes = list(error.causes) or [error]
        message = "; ".join(str(cause.message) for cause in causes)
        raise SamError(message, getattr(causes[0], "_logical_id", None)) from None
    except Exception as error:
        # It meets malformed templates with whatever its own code raises, a KeyError or an AttributeError.
        raise SamError(f"the SAM translator cannot read the template: {type(error).__name__}: {error}") from None
    finally:
        # What was counted goes nowhere, but the translator warns of counts that nobody took.
        translator.metrics.publish()
    return result
