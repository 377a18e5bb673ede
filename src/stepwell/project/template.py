"""A SAM or CloudFormation template to a plan."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stepwell.project import sam
from stepwell.project.assembly import stack_of
from stepwell.project.definition import checked, load_definition, substitute, to_json
from stepwell.project.files import YamlDocument, inside, parse_json, parse_yaml, read_text, source_files
from stepwell.project.intrinsics import IntrinsicError, Resolver, short_tag
from stepwell.project.plan import (
    DEFAULT_ROLE,
    EMULATED_TYPES,
    ActivityPlan,
    AliasPlan,
    AwsResource,
    FunctionPlan,
    MachinePlan,
    Plan,
    ProjectError,
    Skipped,
    VersionPlan,
)

FUNCTION = "AWS::Lambda::Function"
LAYER = "AWS::Lambda::LayerVersion"
MACHINE = "AWS::StepFunctions::StateMachine"
ACTIVITY = "AWS::StepFunctions::Activity"
VERSION = "AWS::StepFunctions::StateMachineVersion"
ALIAS = "AWS::StepFunctions::StateMachineAlias"

_FUNCTION_PROPERTIES = frozenset(
    {
        "Code",
        "Description",
        "Environment",
        "FunctionName",
        "Handler",
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
        "Definition",
        "DefinitionS3Location",
        "DefinitionString",
        "DefinitionSubstitutions",
        "LoggingConfiguration",
        "RoleArn",
        "StateMachineName",
        "StateMachineType",
        "Tags",
    }
)
_VERSION_PROPERTIES = frozenset({"Description", "StateMachineArn", "StateMachineRevisionId"})
_ALIAS_PROPERTIES = frozenset({"DeploymentPreference", "Description", "Name", "RoutingConfiguration"})
_TRIGGER = "nothing triggers functions or state machines by itself: start them through the API"
_REASONS = {
    "AWS::CDK::": "it only tells the CDK's authors what is used",
    "AWS::CloudWatch::": "there are no alarms and dashboards",
    "AWS::Events::": _TRIGGER,
    "AWS::IAM::": "permissions are not enforced",
    "AWS::Lambda::Alias": "aliases are not deployed: what refers to one gets the function itself",
    "AWS::Lambda::EventSourceMapping": _TRIGGER,
    "AWS::Lambda::Permission": "permissions are not enforced",
    "AWS::Lambda::Version": "versions are not deployed: what refers to one gets the function itself",
    "AWS::Logs::": "a log group is made by what logs to it",
    "AWS::Pipes::": _TRIGGER,
    "AWS::Scheduler::": _TRIGGER,
}
_OTHER_TYPE = "Stepwell deploys functions, state machines and activities; what uses this needs it from elsewhere"


def load_template(path: Path, parameters: Mapping[str, str]) -> Plan:
    """The plan of a template. Its folder, or that of its cloud assembly, is the project's. Raises `ProjectError`."""
    document = _parse(path)
    _check_shape(document, path)
    try:
        return _Template(path, document, dict(parameters)).plan()
    except RecursionError:
        raise ProjectError("its values refer to each other too deeply", path) from None


def _parse(path: Path) -> YamlDocument:
    text = read_text(path)
    if path.suffix.lower() == ".json" or text.lstrip().startswith("{"):
        return YamlDocument(parse_json(text, path), {})
    return parse_yaml(text, path, short_tag)


def _check_shape(document: YamlDocument, path: Path) -> None:
    resources = document.value.get("Resources") if isinstance(document.value, dict) else None
    if not isinstance(resources, dict) or not resources:
        raise ProjectError("is not a SAM or CloudFormation template: it has no Resources", path)
    for logical_id, resource in resources.items():
        line = document.line("Resources", logical_id)
        if not isinstance(resource, dict) or not isinstance(resource.get("Type"), str):
            raise ProjectError(f"Resources/{logical_id} has no Type", path, line)
        if not isinstance(resource.get("Properties", {}) or {}, dict):
            raise ProjectError(f"Resources/{logical_id}/Properties is not a mapping", path, line)


class _Template:
    """One template on its way to a plan."""

    def __init__(self, path: Path, document: YamlDocument, parameters: dict[str, str]) -> None:
        self.path = path
        self.document = document
        self.stack = stack_of(path)
        self.folder = self.stack.root
        with self._located():
            original = Resolver(document.value, parameters, self.stack.name)
        self.skipped: list[Skipped] = []
        template = document.value
        if sam.uses_sam(template):
            template = self._translated(parameters, original)
        with self._located():
            self.resolver = Resolver(template, parameters, self.stack.name)
        self.resources: dict[str, dict[str, Any]] = template["Resources"]
        self.layers = self._layers()

    def plan(self) -> Plan:
        functions, machines, activities, versions, aliases, aws = [], [], [], [], [], []
        for logical_id, resource in self._in_order():
            kind, properties = resource["Type"], resource.get("Properties") or {}
            if not self._is_wanted(logical_id, resource):
                continue
            if kind == FUNCTION:
                functions.append(self._function(logical_id, properties))
            elif kind == MACHINE:
                machines.append(self._machine(logical_id, properties))
            elif kind == ACTIVITY:
                activities.append(self._activity(logical_id, properties))
            elif kind == VERSION:
                versions.append(self._version(logical_id, properties))
            elif kind == ALIAS:
                aliases.append(self._alias(logical_id, properties))
            elif kind in EMULATED_TYPES:
                aws.append(self._aws(logical_id, kind, properties))
                self.skipped.append(Skipped(logical_id, kind, _reason(kind)))
            elif kind != LAYER and logical_id in self.document.value["Resources"]:
                self.skipped.append(Skipped(logical_id, kind, _reason(kind)))
        for text in self.resolver.unknown:
            reason = f"known only to a stack that runs on AWS: the text {text!r} is used in its place"
            self.skipped.append(Skipped(text.partition(".")[0], "value", reason))
        deployed = tuple(function for function in functions if function)
        _refuse_twins(self.path, deployed, machines, activities, aliases)
        return Plan(
            folder=self.folder,
            functions=deployed,
            machines=tuple(machines),
            activities=tuple(activities),
            versions=tuple(versions),
            aliases=tuple(aliases),
            aws=tuple(aws),
            skipped=tuple(dict.fromkeys(self.skipped)),
        )

    def _translated(self, parameters: dict[str, str], original: Resolver) -> dict[str, Any]:
        try:
            with self._located():
                template, skipped = sam.translate(self.document.value, parameters, original.resolve)
        except sam.SamError as error:
            raise ProjectError(str(error), self.path, self._line(error.logical_id)) from None
        self.skipped += skipped
        return template

    def _in_order(self) -> list[tuple[str, dict[str, Any]]]:
        """The resources in the order of the file, then those that the translator added."""
        written = list(self.document.value["Resources"])
        place = {logical_id: index for index, logical_id in enumerate(written)}
        return sorted(self.resources.items(), key=lambda item: place.get(item[0], len(written)))

    def _is_wanted(self, logical_id: str, resource: dict[str, Any]) -> bool:
        condition = resource.get("Condition")
        if not isinstance(condition, str):
            return True
        with self._located(logical_id):
            if self.resolver.holds(condition):
                return True
        self.skipped.append(Skipped(logical_id, resource["Type"], f"its condition {condition} does not hold"))
        return False

    def _function(self, logical_id: str, properties: dict[str, Any]) -> FunctionPlan | None:
        if properties.get("PackageType") == "Image" or "ImageUri" in (properties.get("Code") or {}):
            self.skipped.append(
                Skipped(logical_id, FUNCTION, "container images are not run: package it as Python code")
            )
            return None
        get = self._getter(logical_id, properties, _FUNCTION_PROPERTIES)
        runtime = get("Runtime", _string, _REQUIRED)
        if not runtime.startswith("python3."):
            self.skipped.append(Skipped(logical_id, FUNCTION, f"its runtime is {runtime}: only Python functions run"))
            return None
        source, inline = self._code(logical_id, get)
        with self._located(logical_id, "FunctionName"):
            name = self.resolver.name(logical_id)
        return FunctionPlan(
            logical_id=logical_id,
            name=name,
            handler=get("Handler", _string, _REQUIRED),
            runtime=runtime,
            source=source,
            inline_code=inline,
            timeout_seconds=get("Timeout", _integer, 3),
            memory_mb=get("MemorySize", _integer, 128),
            environment=get("Environment", _variables, {}),
            layers=self._layers_of(logical_id, get("Layers", _strings, [])),
            reserved_concurrency=get("ReservedConcurrentExecutions", _integer, None),
            description=get("Description", _string, ""),
            role=get("Role", _string, DEFAULT_ROLE),
            tags=get("Tags", _tags, {}),
        )

    def _code(self, logical_id: str, get: "_Getter") -> tuple[Path | None, str | None]:
        code = get("Code", _any, None)
        if isinstance(code, dict) and "ZipFile" in code:
            return None, _string(code["ZipFile"])
        return self._path(logical_id, "CodeUri", code), None

    def _path(self, logical_id: str, name: str, location: Any) -> Path:
        """The folder or zip file of a function or layer: what `sam build` made of it where that is up to date."""
        line = self._line(logical_id, name)
        what = f"{name} of {logical_id}"
        local = sam.local_path(location)
        written = local.path if local else self.stack.asset(location) or location
        if not isinstance(written, str):
            raise ProjectError(f"{what} is not a local path: code in S3 cannot be read", self.path, line)
        built = self.folder / ".aws-sam" / "build" / (local.logical_id if local else logical_id)
        path = inside(self.folder, written, what, self.path, line)
        if path.is_file() and path.suffix not in (".zip", ".whl", ".jar"):
            raise ProjectError(f"{what} is {written}: give a folder or a zip file", self.path, line)
        if built.is_dir() and path.is_dir():
            if _build_time(built) >= _newest(self.folder, path):
                path = inside(self.folder, str(built), what, self.path, line)
            else:
                reason = "it is older than the source, which is used: run `sam build` again"
                self.skipped.append(Skipped(logical_id, ".aws-sam/build", reason))
        if path.is_dir():
            for _ in source_files(self.folder, path):
                pass
        return path

    def _layers(self) -> dict[str, Path]:
        """The layers of this template: ARN to folder or zip file."""
        layers = {}
        for logical_id, resource in self.resources.items():
            if resource["Type"] == LAYER:
                content = (resource.get("Properties") or {}).get("Content")
                with self._located(logical_id):
                    arn = self.resolver.resolve({"Ref": logical_id})
                    layers[arn] = self._path(logical_id, "ContentUri", self.resolver.resolve(content))
        return layers

    def _layers_of(self, logical_id: str, arns: list[str]) -> tuple[Path, ...]:
        for arn in arns:
            if arn not in self.layers:
                reason = f"{arn}: only layers of the same template are deployed"
                self.skipped.append(Skipped(logical_id, "Layers", reason))
        return tuple(self.layers[arn] for arn in arns if arn in self.layers)

    def _machine(self, logical_id: str, properties: dict[str, Any]) -> MachinePlan:
        get = self._getter(logical_id, properties, _MACHINE_PROPERTIES)
        definition, origin = self._definition(logical_id, get)
        with self._located(logical_id, "Name"):
            name = self.resolver.name(logical_id)
        return MachinePlan(
            logical_id=logical_id,
            name=name,
            type=get("StateMachineType", _string, "STANDARD"),
            definition=definition,
            origin=origin,
            role=get("RoleArn", _string, DEFAULT_ROLE),
            logging=get("LoggingConfiguration", _logging, None),
            tags=get("Tags", _tags, {}),
        )

    def _definition(self, logical_id: str, get: "_Getter") -> tuple[str, Path]:
        substitutions = get("DefinitionSubstitutions", _texts, {})
        line = self._line(logical_id, "DefinitionUri")
        if (location := get("DefinitionS3Location", _any, None)) is not None:
            local = sam.local_path(location)
            written = local.path if local else self.stack.asset(location) or location
            if not isinstance(written, str):
                raise ProjectError(f"the definition of {logical_id} is in S3: give a local path", self.path, line)
            path = inside(self.folder, written, f"DefinitionUri of {logical_id}", self.path, line)
            return load_definition(path, substitutions), path
        text = get("DefinitionString", _string, None)
        if text is None:
            value = get("Definition", _any, None)
            if value is None:
                raise ProjectError(f"{logical_id} has no definition: set DefinitionUri or Definition", self.path, line)
            text = to_json(value, self.path)
        try:
            return checked(substitute(text, substitutions), self.path), self.path
        except ProjectError as error:
            raise ProjectError(f"the definition of {logical_id}: {error.message}", self.path, line) from None

    def _activity(self, logical_id: str, properties: dict[str, Any]) -> ActivityPlan:
        get = self._getter(logical_id, properties, frozenset({"Name", "Tags"}))
        with self._located(logical_id, "Name"):
            return ActivityPlan(logical_id=logical_id, name=self.resolver.name(logical_id), tags=get("Tags", _tags, {}))

    def _version(self, logical_id: str, properties: dict[str, Any]) -> VersionPlan:
        get = self._getter(logical_id, properties, _VERSION_PROPERTIES)
        return VersionPlan(
            logical_id=logical_id,
            machine_arn=get("StateMachineArn", _string, _REQUIRED),
            description=get("Description", _string, ""),
        )

    def _alias(self, logical_id: str, properties: dict[str, Any]) -> AliasPlan:
        get = self._getter(logical_id, properties, _ALIAS_PROPERTIES)
        routes = get("RoutingConfiguration", _routes, ())
        if not routes:
            preference = get("DeploymentPreference", _mapping, {})
            routes = ((preference.get("StateMachineVersionArn", ""), 100),)
            if preference.get("Type", "ALL_AT_ONCE") != "ALL_AT_ONCE" or preference.get("Alarms"):
                reason = "the new version gets all executions at once, whatever alarms would say"
                self.skipped.append(Skipped(logical_id, "DeploymentPreference", reason))
        with self._located(logical_id, "Name"):
            name, arn = self.resolver.name(logical_id), self.resolver.resolve({"Ref": logical_id})
        return AliasPlan(
            logical_id=logical_id, name=name, arn=arn, routes=routes, description=get("Description", _string, "")
        )  # fmt: skip

    def _aws(self, logical_id: str, kind: str, properties: dict[str, Any]) -> AwsResource:
        known = dict(self.resolver.unknown)
        with self._located(logical_id):
            settled = _mapping(self.resolver.resolve(properties))
            name = self.resolver.name(logical_id)
        # What only AWS knows of a key or a policy is no loss to an emulator, and not worth a remark.
        self.resolver.unknown = known
        return AwsResource(logical_id=logical_id, type=kind, name=name, properties=settled)

    def _getter(self, logical_id: str, properties: dict[str, Any], known: frozenset[str]) -> "_Getter":
        """Gives properties, settled and converted; what nobody will ask for is listed."""
        for name in properties.keys() - known:
            self.skipped.append(Skipped(logical_id, name, "Stepwell does not support this property"))

        def get(name: str, convert: Callable[[Any], Any], default: Any) -> Any:
            with self._located(logical_id, name):
                value = self.resolver.resolve(properties.get(name))
                if value is None and default is _REQUIRED:
                    raise IntrinsicError("a value is needed")
                return default if value is None else convert(value)

        return get

    def _line(self, logical_id: str | None, name: str = "") -> int | None:
        return self.document.line("Resources", logical_id, "Properties", name) if logical_id else None

    @contextmanager
    def _located(self, logical_id: str | None = None, name: str = "") -> Iterator[None]:
        try:
            yield
        except IntrinsicError as error:
            where = f"Resources/{logical_id}{name and '/' + name}: " if logical_id else ""
            raise ProjectError(f"{where}{error}", self.path, self._line(logical_id, name)) from None


_REQUIRED = object()
_Getter = Callable[[str, Callable[[Any], Any], Any], Any]


def _reason(kind: str) -> str:
    return next((reason for prefix, reason in _REASONS.items() if kind.startswith(prefix)), _OTHER_TYPE)


def _any(value: Any) -> Any:
    return value


def _string(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise IntrinsicError(f"a text is needed, not a {type(value).__name__}")


def _integer(value: Any) -> int:
    try:
        return int(_string(value))
    except ValueError:
        raise IntrinsicError(f"an integer is needed, not {value!r}") from None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _strings(value: Any) -> list[str]:
    return [_string(item) for item in _list(value)]


def _texts(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise IntrinsicError(f"a mapping is needed, not a {type(value).__name__}")
    return {name: _string(item) for name, item in value.items()}


def _variables(value: Any) -> dict[str, str]:
    return _texts(_mapping(value).get("Variables") or {})


def _tags(value: Any) -> dict[str, str]:
    """Both of CloudFormation's forms: a list of Key and Value, and a mapping."""
    if isinstance(value, dict):
        return _texts(value)
    return {_string(_mapping(tag).get("Key")): _string(_mapping(tag).get("Value", "")) for tag in _list(value)}


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise IntrinsicError(f"a mapping is needed, not a {type(value).__name__}")
    return value


def _routes(value: Any) -> tuple[tuple[str, int], ...]:
    routes = [_mapping(route) for route in _list(value)]
    return tuple((_string(route.get("StateMachineVersionArn")), _integer(route.get("Weight"))) for route in routes)


def _logging(value: Any) -> dict[str, object]:
    """CloudFormation's LoggingConfiguration with the member names of the API."""
    if isinstance(value, dict):
        return {name[:1].lower() + name[1:]: _logging_member(item) for name, item in value.items()}
    raise IntrinsicError(f"a mapping is needed, not a {type(value).__name__}")


def _logging_member(value: Any) -> Any:
    if isinstance(value, dict):
        return _logging(value)
    return [_logging_member(item) for item in value] if isinstance(value, list) else value


def _newest(folder: Path, source: Path) -> float:
    return max((path.stat().st_mtime for path in source_files(folder, source) if path.exists()), default=0.0)


def _build_time(built: Path) -> float:
    """When `sam build` ran: it copies the times of the files, but writes its template anew."""
    marks = [built, built.parent / "template.yaml"]
    return max(mark.stat().st_mtime for mark in marks if mark.exists())


def _refuse_twins(path: Path, *groups: Any) -> None:
    for group in groups:
        seen: dict[str, str] = {}
        for item in group:
            if item.arn in seen:
                raise ProjectError(f"{seen[item.arn]} and {item.logical_id} both have the name {item.name}", path)
            seen[item.arn] = item.logical_id
