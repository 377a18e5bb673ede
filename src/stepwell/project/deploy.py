"""Deploys a plan over AWS's own protocol, as any client would: create what is missing, update what is there."""

import io
import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from stepwell.api.credentials import Key
from stepwell.functions.build import BuildError, build_function
from stepwell.project.endpoint import client
from stepwell.project.plan import ActivityPlan, AliasPlan, FunctionPlan, MachinePlan, Plan, ProjectError, VersionPlan

Progress = Callable[[str], None]

_MAX_ZIP_BYTES = 50 * 1024 * 1024
_MAX_UNZIPPED_BYTES = 250 * 1024 * 1024
_WAITER = {"Delay": 1, "MaxAttempts": 120}
_NEXT_DIAGNOSTIC = re.compile(r", (?=[A-Z][A-Z_]+: )")

ATTEMPTS = 5
"""How often a call is made, with growing pauses, before the endpoint counts as unreachable."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """The ARNs of what was deployed, by physical name, in the order of the plan. Aliases are `MACHINE:ALIAS`."""

    functions: dict[str, str]
    machines: dict[str, str]
    activities: dict[str, str]
    aliases: dict[str, str] = field(default_factory=dict)


def deploy(plan: Plan, endpoint_url: str, progress: Progress, key: Key | None = None) -> Deployed:
    """Creates or updates everything in the plan at the endpoint: functions, activities, machines, versions, aliases.

    `key` signs, as `client` says. `progress` gets one line per resource, and those of the builds. Built packages are
    cached in `.stepwell/` of the project's folder. Raises `ProjectError`; what was deployed before it stays.
    """
    with _reported(endpoint_url):
        lambda_client, sfn_client = (_client(name, endpoint_url, key) for name in ("lambda", "stepfunctions"))
        packages = _Packages(plan.folder / ".stepwell" / "build", progress)
        functions = {f.name: _function(lambda_client, f, packages.package(f), progress) for f in plan.functions}
        activities = {a.name: _activity(sfn_client, a, progress) for a in plan.activities}
        machines = {m.name: _machine(sfn_client, m, progress) for m in plan.machines}
        versions = {v.machine_arn: _version(sfn_client, v, progress) for v in plan.versions}
        aliases = dict(_alias(sfn_client, a, versions, progress) for a in plan.aliases)
    return Deployed(functions, machines, activities, aliases)


@contextmanager
def _reported(endpoint_url: str) -> Iterator[None]:
    try:
        yield
    except BuildError as error:
        raise ProjectError(str(error)) from None
    except ClientError as error:
        raise ProjectError(f"{endpoint_url} answered: {error}") from None
    except BotoCoreError as error:
        raise ProjectError(f"{endpoint_url} cannot be reached (is the server running?): {error}") from None


def _client(service: str, endpoint_url: str, key: Key | None) -> Any:
    return client(service, endpoint_url, read_timeout_seconds=120, attempts=ATTEMPTS, key=key)


class _Packages:
    """Builds the zip archives of functions, each folder once."""

    def __init__(self, cache: Path, progress: Progress) -> None:
        self._cache = cache
        self._progress = progress
        self._built: dict[tuple[Path, tuple[Path, ...] | None], bytes] = {}

    def package(self, function: FunctionPlan) -> bytes:
        """The function's code and what its layers put beside it; raises `BuildError` and `ProjectError`."""
        if function.source is None:
            archive = _zip({"index.py": (function.inline_code or "").encode()})
        else:
            archive = self._archive(function.source, function.files)
        if function.layers:
            archive = _merged([self._archive(layer, None) for layer in function.layers], archive)
        if len(archive) > _MAX_ZIP_BYTES:
            raise ProjectError(
                f"the package of {function.name} has {len(archive):,} bytes; AWS takes {_MAX_ZIP_BYTES:,}"
            )
        return archive

    def _archive(self, source: Path, files: tuple[Path, ...] | None) -> bytes:
        key = (source, files)
        if key not in self._built:
            self._built[key] = self._build(source, files)
        return self._built[key]

    def _build(self, source: Path, files: tuple[Path, ...] | None) -> bytes:
        if source.is_file():
            if source.stat().st_size > _MAX_ZIP_BYTES:
                raise ProjectError(f"{source} has more than {_MAX_ZIP_BYTES:,} bytes")
            return source.read_bytes()
        if files is None:
            return build_function(source, self._cache, self._progress)
        with tempfile.TemporaryDirectory(prefix="stepwell-package-") as staged:
            for file in files:
                target = Path(staged, file.relative_to(source))
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file, target)
            return build_function(Path(staged), self._cache, self._progress)


def _merged(layers: list[bytes], function: bytes) -> bytes:
    """One package of layers and function. Later layers win over earlier ones and the function over all, as in the
    search path of Lambda's Python runtimes, where /var/task comes before /opt/python."""
    files: dict[str, bytes] = {}
    for layer in layers:
        content = _unzip(layer)
        nested = {name.removeprefix("python/"): data for name, data in content.items() if name.startswith("python/")}
        files |= nested or content
    return _zip(files | _unzip(function))


def _unzip(archive: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as packed:
            entries = [entry for entry in packed.infolist() if not entry.is_dir()]
            if sum(entry.file_size for entry in entries) > _MAX_UNZIPPED_BYTES:
                raise ProjectError(f"a layer or function has more than {_MAX_UNZIPPED_BYTES:,} bytes unzipped")
            return {entry.filename: packed.read(entry) for entry in entries}
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        raise ProjectError(f"a layer or function is not a zip file that can be read: {error}") from None


def _zip(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            # A fixed time, because equal content must keep an equal CodeSha256.
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o100644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, files[name])
    return buffer.getvalue()


def _function(client: Any, plan: FunctionPlan, package: bytes, progress: Progress) -> str:
    settings = {
        "FunctionName": plan.name,
        "Handler": plan.handler,
        "Runtime": plan.runtime,
        "Role": plan.role,
        "Description": plan.description,
        "Timeout": plan.timeout_seconds,
        "MemorySize": plan.memory_mb,
        "Environment": {"Variables": plan.environment},
    }
    try:
        created = client.create_function(**settings, Code={"ZipFile": package}, Tags=plan.tags)
        arn, verb = created["FunctionArn"], "created"
    except client.exceptions.ResourceConflictException:
        arn, verb = _update_function(client, plan, settings, package), "updated"
    client.get_waiter("function_active_v2").wait(FunctionName=plan.name, WaiterConfig=_WAITER)
    if plan.reserved_concurrency is None:
        client.delete_function_concurrency(FunctionName=plan.name)
    else:
        client.put_function_concurrency(FunctionName=plan.name, ReservedConcurrentExecutions=plan.reserved_concurrency)
    progress(f"{verb} function {plan.name}")
    return str(arn)


def _update_function(client: Any, plan: FunctionPlan, settings: dict[str, Any], package: bytes) -> str:
    updated = client.get_waiter("function_updated_v2")
    updated.wait(FunctionName=plan.name, WaiterConfig=_WAITER)
    client.update_function_configuration(**settings)
    updated.wait(FunctionName=plan.name, WaiterConfig=_WAITER)
    arn = client.update_function_code(FunctionName=plan.name, ZipFile=package)["FunctionArn"]
    updated.wait(FunctionName=plan.name, WaiterConfig=_WAITER)
    if plan.tags:
        client.tag_resource(Resource=arn, Tags=plan.tags)
    return str(arn)


def _activity(client: Any, plan: ActivityPlan, progress: Progress) -> str:
    arn = client.create_activity(name=plan.name, tags=_tag_list(plan.tags))["activityArn"]
    progress(f"created activity {plan.name}")
    return str(arn)


def _machine(client: Any, plan: MachinePlan, progress: Progress) -> str:
    settings: dict[str, Any] = {"definition": plan.definition, "roleArn": plan.role}
    if plan.logging:
        settings["loggingConfiguration"] = plan.logging
    try:
        verb = _create_or_update(client, plan, settings)
    except client.exceptions.InvalidDefinition as error:
        raise ProjectError(f"{plan.name} is not valid:\n{_diagnostics(error)}", plan.origin) from None
    progress(f"{verb} state machine {plan.name}")
    return plan.arn


def _create_or_update(client: Any, plan: MachinePlan, settings: dict[str, Any]) -> str:
    """What was done about the state machine: created, updated or kept."""
    try:
        there = client.describe_state_machine(stateMachineArn=plan.arn)
    except client.exceptions.StateMachineDoesNotExist:
        client.create_state_machine(name=plan.name, type=plan.type, tags=_tag_list(plan.tags), **settings)
        return "created"
    if there["type"] != plan.type:
        raise ProjectError(
            f"{plan.name} exists with the type {there['type']}, which cannot change: give it another name or delete it",
            plan.origin,
        )
    if plan.tags:
        client.tag_resource(resourceArn=plan.arn, tags=_tag_list(plan.tags))
    if all(there.get(name) == value for name, value in settings.items()):
        return "kept"
    client.update_state_machine(stateMachineArn=plan.arn, **settings)
    return "updated"


def _version(client: Any, plan: VersionPlan, progress: Progress) -> str:
    """The version of the machine's current revision: that of an earlier deployment where nothing has changed since."""
    request = {"stateMachineArn": plan.machine_arn}
    if plan.description:
        request["description"] = plan.description
    arn = str(client.publish_state_machine_version(**request)["stateMachineVersionArn"])
    progress(f"published state machine {_local_name(arn)}")
    return arn


def _alias(client: Any, plan: AliasPlan, versions: dict[str, str], progress: Progress) -> tuple[str, str]:
    weights: dict[str, int] = {}
    for route, weight in plan.routes:
        version = versions.get(route, route)
        weights[version] = weights.get(version, 0) + weight
    routing = [{"stateMachineVersionArn": version, "weight": weight} for version, weight in weights.items()]
    settings = {"routingConfiguration": routing, "description": plan.description}
    try:
        there = client.describe_state_machine_alias(stateMachineAliasArn=plan.arn)
    except client.exceptions.ResourceNotFound:
        client.create_state_machine_alias(name=plan.name, **settings)
        verb = "created"
    else:
        verb = "kept" if all(there.get(name) == value for name, value in settings.items()) else "updated"
        if verb == "updated":
            client.update_state_machine_alias(stateMachineAliasArn=plan.arn, **settings)
    name = _local_name(plan.arn)
    progress(f"{verb} alias {name}")
    return name, plan.arn


def _local_name(arn: str) -> str:
    """`MACHINE:QUALIFIER` of a version's or an alias's ARN."""
    return ":".join(arn.split(":")[-2:])


def _tag_list(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]


def _diagnostics(error: ClientError) -> str:
    """One diagnostic a line: AWS joins them in one message, `Invalid State Machine Definition: 'A: ..., B: ...'`."""
    message = str(error.response["Error"]["Message"]).removeprefix("Invalid State Machine Definition:").strip(" '\"")
    return "\n".join(f"  {part}" for part in _NEXT_DIAGNOSTIC.split(message))
