"""The Lambda service: what its API and Task states call.

Requests and replies are AWS's own members as plain dictionaries; the API checks their types against AWS's model, this
module what they mean. Every method takes the account and the region that the caller acts in.
"""

import asyncio
import secrets
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from logging import getLogger
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec

from stepwell.functions.archives import Archives
from stepwell.functions.catalog import Catalog, Function
from stepwell.functions.code import code_sha256
from stepwell.functions.configuration import (
    CREATING,
    UPDATING,
    Configuration,
    changed,
    created,
    is_latest,
    permission_statement,
    runtime_note,
    shown,
)
from stepwell.functions.documents import Documents
from stepwell.functions.environment import Endpoints, worker_environment
from stepwell.functions.errors import (
    LambdaError,
    conflict,
    entity_too_large,
    invalid_content,
    invalid_parameter,
    not_found,
)
from stepwell.functions.events import EventQueue, QueuedEvent
from stepwell.functions.invocation import Call, Invocation, Runner, Target
from stepwell.functions.logs import LogRecord, LogStream, WriteLog, write_nowhere
from stepwell.functions.names import DEFAULT_ACCOUNT, DEFAULT_REGION, LATEST, FunctionName, parse_name
from stepwell.functions.pool import Pool
from stepwell.functions.privileges import runtime_path, worker_user
from stepwell.functions.sandbox import Launch

MAX_PAYLOAD_BYTES = 6_291_456
MAX_EVENT_BYTES = 1_048_576

_log = getLogger("stepwell.functions")


class FunctionService:
    """Functions of all accounts and regions, kept in `documents` and run on this machine.

    `data_dir` holds what can be made again (unpacked code) and what may be lost (temporary files). `write_log` takes
    what functions log. `endpoint_url` says where functions find Stepwell's own API, `aws_endpoint` where all other
    services of AWS, and `secret` what the functions of an account sign with. At most `max_sandboxes` worker processes
    run at a time; an idle one ends after `idle_seconds`. Create it in the event loop that uses it, then `start()` it.
    """

    def __init__(
        self,
        data_dir: Path,
        documents: Documents,
        *,
        endpoint_url: Callable[[], str | None] = lambda: None,
        aws_endpoint: str | None = None,
        aws_endpoints: Mapping[str, str] | None = None,
        write_log: WriteLog = write_nowhere,
        secret: Callable[[str], str] = lambda account: "stepwell",
        clock: Callable[[], float] = time.time,
        max_sandboxes: int = 64,
        idle_seconds: float = 600.0,
    ) -> None:
        root = data_dir.resolve()
        self._temporary, self._code_dir = root / "tmp", root / "code"
        self._endpoint_url = endpoint_url
        self._aws_endpoint = aws_endpoint
        self._aws_endpoints = dict(aws_endpoints or {})
        self._write_log = write_log
        self._secret = secret
        self._clock = clock
        self._catalog = Catalog(documents, clock)
        self._archives = Archives(documents, self._code_dir)
        self._pool = Pool(max_sandboxes, idle_seconds, clock)
        self._runner = Runner(self._pool, clock, write_log)
        self._events = EventQueue(documents, clock, self._run_event, self._event_dropped, max(1, max_sandboxes // 2))
        self._targets: dict[str, Target] = {}
        self._concurrent: Counter[str] = Counter()
        self._running: set[asyncio.Task[Invocation]] = set()
        self._user, self._notes = self._prepare(root)

    def _prepare(self, root: Path) -> tuple[tuple[int, int] | None, list[str]]:
        for folder in (root, self._temporary, self._code_dir):
            folder.mkdir(parents=True, exist_ok=True)
        # The unprivileged worker reads code and passes through to its own temporary folder, and no more.
        for folder, mode in ((self._code_dir, 0o755), (self._temporary, 0o711)):
            folder.chmod(mode)
        return worker_user(self._code_dir)

    async def start(self) -> None:
        """Clear away what an earlier process left, and take up the queued events."""
        for leftover in self._temporary.iterdir():
            await asyncio.to_thread(shutil.rmtree, leftover, True)
        await self._archives.sweep(await self._catalog.code_in_use())
        await self._events.start()

    async def close(self) -> None:
        """End all worker processes. Events that have not ended run again after the next start."""
        await self._events.close()
        await self._pool.close()
        await asyncio.gather(*self._running, return_exceptions=True)

    def security_notes(self) -> list[str]:
        """What whoever starts the server should know about as whom functions run."""
        return list(self._notes)

    # Functions

    async def create(
        self, request: Mapping[str, Any], *, account: str = DEFAULT_ACCOUNT, region: str = DEFAULT_REGION
    ) -> dict[str, Any]:
        """CreateFunction. `Code.ZipFile` is bytes."""
        name = parse_name(request["FunctionName"], qualifier=None, account=account, region=region)
        if name.qualifier:
            raise invalid_parameter("The function name cannot have a qualifier when a function is created.")
        configuration = created(name, request)
        archive = _zip_of(request.get("Code", {}))
        digest = await self._archives.put(archive)
        configuration = await self._with_layers(configuration)
        configuration |= {"CodeSize": len(archive), "CodeSha256": code_sha256(archive), "Version": LATEST}
        function = Function(name, self._touched(configuration), {LATEST: digest}, tags=dict(request.get("Tags", {})))
        if request.get("Publish"):
            function.publish(request.get("Description"))
        await self._catalog.create(function)
        self._warn(function)
        latest = max(function.versions, key=int, default=LATEST)
        return shown(name, function.version(latest), qualified=latest != LATEST, **CREATING)

    async def get(
        self, name: str, *, qualifier: str | None = None, account: str = DEFAULT_ACCOUNT, region: str = DEFAULT_REGION
    ) -> dict[str, Any]:
        """GetFunction."""
        parsed, function = await self._find(name, qualifier, account, region)
        configuration = function.version(parsed.qualifier)
        digest = function.code[configuration["Version"]]
        location = f"{self._endpoint_url() or ''}/_stepwell/functions/code/{digest}.zip"
        reply: dict[str, Any] = {
            "Configuration": shown(function.name, configuration, qualified=parsed.qualifier is not None),
            "Code": {"RepositoryType": "S3", "Location": location},
        }
        if function.tags:
            reply["Tags"] = function.tags
        if function.reserved_concurrency is not None:
            reply["Concurrency"] = {"ReservedConcurrentExecutions": function.reserved_concurrency}
        return reply

    async def get_configuration(
        self, name: str, *, qualifier: str | None = None, account: str = DEFAULT_ACCOUNT, region: str = DEFAULT_REGION
    ) -> dict[str, Any]:
        """GetFunctionConfiguration."""
        parsed, function = await self._find(name, qualifier, account, region)
        return shown(function.name, function.version(parsed.qualifier), qualified=parsed.qualifier is not None)

    async def read_code(self, digest: str) -> bytes | None:
        """The archive that `Code.Location` of GetFunction points to."""
        return await self._archives.read(digest)

    async def update_code(
        self, name: str, request: Mapping[str, Any], *, account: str = DEFAULT_ACCOUNT, region: str = DEFAULT_REGION
    ) -> dict[str, Any]:
        """UpdateFunctionCode. `ZipFile` is bytes."""
        parsed = self._unqualified(name, account, region)
        await self._catalog.get(parsed)
        archive = _zip_of(request)
        if request.get("DryRun"):
            await self._archives.check(archive)
            return await self.get_configuration(parsed.arn, account=account, region=region)
        digest = await self._archives.put(archive)
        async with self._catalog.changing(parsed) as function:
            function.check_revision(request.get("RevisionId"))
            replaced = function.code[LATEST]
            function.latest |= {"CodeSize": len(archive), "CodeSha256": code_sha256(archive)}
            if "Architectures" in request:
                function.latest["Architectures"] = request["Architectures"]
            function.latest = self._touched(function.latest)
            function.code[LATEST] = digest
            version = function.publish(None) if request.get("Publish") else LATEST
        self._retire(parsed, LATEST)
        await self._archives.forget({replaced}, await self._catalog.code_in_use())
        return shown(parsed, function.version(version), qualified=version != LATEST, **UPDATING)

    async def update_configuration(
        self, name: str, request: Mapping[str, Any], *, account: str = DEFAULT_ACCOUNT, region: str = DEFAULT_REGION
    ) -> dict[str, Any]:
        """UpdateFunctionConfiguration."""
        parsed = self._unqualified(name, account, region)
        async with self._catalog.changing(parsed) as function:
            function.check_revision(request.get("RevisionId"))
            configuration = changed(function.name, function.latest, request)
            if "Layers" in request:
                configuration = await self._with_layers(configuration)
            function.latest = self._touched(configuration)
        self._retire(parsed, LATEST)
        self._warn(function)
        return shown(parsed, function.latest, qualified=False, **UPDATING)

    async def delete(
        self, name: str, *, qualifier: str | None = None, account: str = DEFAULT_ACCOUNT, region: str = DEFAULT_REGION
    ) -> None:
        """DeleteFunction: the function, or one published version of it."""
        parsed = parse_name(name, qualifier=qualifier, account=account, region=region)
        if parsed.qualifier == LATEST:
            raise invalid_parameter("$LATEST version cannot be deleted without deleting the function.")
        if parsed.qualifier is None:
            function = await self._catalog.delete(parsed)
            gone = set(function.code.values())
        else:
            async with self._catalog.changing(parsed) as function:
                function.version(parsed.qualifier)
                del function.versions[parsed.qualifier]
                gone = {function.code.pop(parsed.qualifier)}
        self._retire(parsed, parsed.qualifier)
        await self._archives.forget(gone, await self._catalog.code_in_use())

    async def list_functions(
        self, *, all_versions: bool = False, account: str = DEFAULT_ACCOUNT, region: str = DEFAULT_REGION
    ) -> list[dict[str, Any]]:
        """The Functions of ListFunctions, by name; with `all_versions` every version of each."""
        functions = await self._catalog.of(account, region)
        if all_versions:
            return [entry for function in functions for entry in function.all_versions()]
        return [shown(function.name, function.latest, qualified=False) for function in functions]

    # Versions and concurrency

    async def publish_version(
        self,
        name: str,
        request: Mapping[str, Any] | None = None,
        *,
        account: str = DEFAULT_ACCOUNT,
        region: str = DEFAULT_REGION,
    ) -> dict[str, Any]:
        """PublishVersion: the new version, or the last one when nothing has changed since."""
        parsed = self._unqualified(name, account, region)
        wanted = request or {}
        async with self._catalog.changing(parsed) as function:
            function.check_revision(wanted.get("RevisionId"))
            ours = function.latest["CodeSha256"]
            if wanted.get("CodeSha256", ours) != ours:
                raise invalid_parameter(
                    f"CodeSHA256 ({wanted['CodeSha256']}) is different from current CodeSHA256 in $LATEST ({ours}). "
                    "Please try again with the CodeSHA256 in $LATEST."
                )
            version = function.publish(wanted.get("Description"))
        return shown(parsed, function.version(version), qualified=True)

    async def list_versions(
        self, name: str, *, account: str = DEFAULT_ACCOUNT, region: str = DEFAULT_REGION
    ) -> list[dict[str, Any]]:
        """The Versions of ListVersionsByFunction: $LATEST, then the published ones, oldest first."""
        _parsed, function = await self._find(name, None, account, region)
        return function.all_versions()

    async def put_concurrency(
        self, name: str, reserved: int, *, account: str = DEFAULT_ACCOUNT, region: str = DEFAULT_REGION
    ) -> int:
        """PutFunctionConcurrency: how many invocations of all versions may run at a time; 0 stops the function."""
        async with self._catalog.changing(self._unqualified(name, account, region)) as function:
            function.reserved_concurrency = reserved
        return reserved

    async def get_concurrency(
        self, name: str, *, account: str = DEFAULT_ACCOUNT, region: str = DEFAULT_REGION
    ) -> int | None:
        _parsed, function = await self._find(name, None, account, region)
        return function.reserved_concurrency

    async def delete_concurrency(
        self, name: str, *, account: str = DEFAULT_ACCOUNT, region: str = DEFAULT_REGION
    ) -> None:
        async with self._catalog.changing(self._unqualified(name, account, region)) as function:
            function.reserved_concurrency = None

    # Tags, permissions, layers

    async def list_tags(
        self, arn: str, *, account: str = DEFAULT_ACCOUNT, region: str = DEFAULT_REGION
    ) -> dict[str, str]:
        _parsed, function = await self._find(arn, None, account, region)
        return function.tags

    async def tag(
        self, arn: str, tags: Mapping[str, str], *, account: str = DEFAULT_ACCOUNT, region: str = DEFAULT_REGION
    ) -> None:
        async with self._catalog.changing(self._unqualified(arn, account, region)) as function:
            function.tags |= tags

    async def untag(
        self, arn: str, keys: Iterable[str], *, account: str = DEFAULT_ACCOUNT, region: str = DEFAULT_REGION
    ) -> None:
        async with self._catalog.changing(self._unqualified(arn, account, region)) as function:
            for key in keys:
                function.tags.pop(key, None)

    async def add_permission(
        self,
        name: str,
        request: Mapping[str, Any],
        *,
        qualifier: str | None = None,
        account: str = DEFAULT_ACCOUNT,
        region: str = DEFAULT_REGION,
    ) -> dict[str, Any]:
        """AddPermission: the statement. It is kept and shown, as tools expect, but nothing is ever denied by it."""
        parsed = parse_name(name, qualifier=qualifier, account=account, region=region)
        statement = permission_statement(parsed, request)
        async with self._catalog.changing(parsed) as function:
            function.version(parsed.qualifier)
            if statement["Sid"] in function.policy:
                raise conflict(
                    f"The statement id ({statement['Sid']}) provided already exists. "
                    "Please provide a new statement id, or remove the existing statement."
                )
            function.policy[statement["Sid"]] = statement
        return statement

    async def remove_permission(
        self, name: str, statement_id: str, *, account: str = DEFAULT_ACCOUNT, region: str = DEFAULT_REGION
    ) -> None:
        parsed = parse_name(name, qualifier=None, account=account, region=region)
        async with self._catalog.changing(parsed) as function:
            if function.policy.pop(statement_id, None) is None:
                raise not_found(f"Statement {statement_id} is not found in resource policy.")

    async def get_policy(
        self, name: str, *, account: str = DEFAULT_ACCOUNT, region: str = DEFAULT_REGION
    ) -> dict[str, Any]:
        """The policy document."""
        _parsed, function = await self._find(name, None, account, region)
        if not function.policy:
            raise not_found("The resource you requested does not exist.")
        return {"Version": "2012-10-17", "Id": "default", "Statement": list(function.policy.values())}

    async def put_layer(self, arn: str, archive: bytes) -> None:
        """Make a layer version known: `arn` can stand in a function's `Layers` from now on."""
        await self._archives.put_layer(arn, archive)

    # Invocation

    async def invoke(
        self,
        function: str,
        payload: bytes,
        *,
        request_id: str,
        qualifier: str | None = None,
        log_tail: bool = False,
        client_context: str | None = None,
        trace_id: str | None = None,
        account: str = DEFAULT_ACCOUNT,
        region: str = DEFAULT_REGION,
    ) -> Invocation:
        """Run a function and wait for it; `payload` is JSON (b"" stands for {}, as on AWS), `client_context` JSON text.

        `request_id` is what the handler sees: the same one for the same attempt. An error of the function is a reply,
        not an exception; `LambdaError` is raised when the function could not be run. As on AWS, a caller who stops
        waiting does not stop the function.
        """
        name = parse_name(function, qualifier=qualifier, account=account, region=region)
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise entity_too_large(
                f"Request must be smaller than {MAX_PAYLOAD_BYTES} bytes for the InvokeFunction operation"
            )
        invoked = name.qualified_arn(name.qualifier) if name.qualifier else name.arn
        call = Call(_checked(payload), request_id, invoked, trace_id or _new_trace_id(), client_context, log_tail)
        task = asyncio.ensure_future(self._invoke(name, call))
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: "asyncio.Task[Invocation]") -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # Nobody else may ask: the caller may have gone, and asyncio reports what none has seen.

    async def check_invoke(
        self,
        function: str,
        *,
        qualifier: str | None = None,
        account: str = DEFAULT_ACCOUNT,
        region: str = DEFAULT_REGION,
    ) -> FunctionName:
        """What InvocationType DryRun does: the version that would run. Raises `LambdaError` as `invoke` would."""
        name = parse_name(function, qualifier=qualifier or LATEST, account=account, region=region)
        (await self._catalog.get(name)).version(name.qualifier)
        return name

    async def invoke_event(
        self,
        function: str,
        payload: bytes,
        *,
        request_id: str,
        qualifier: str | None = None,
        client_context: str | None = None,
        account: str = DEFAULT_ACCOUNT,
        region: str = DEFAULT_REGION,
    ) -> None:
        """Queue an event for a function: it is durable when this returns, runs soon, and again twice if it fails."""
        name = parse_name(function, qualifier=qualifier, account=account, region=region)
        (await self._catalog.get(name)).version(name.qualifier)
        if len(payload) > MAX_EVENT_BYTES:
            raise entity_too_large(
                f"{len(payload)} byte payload is too large for the Event invocation type "
                f"(limit {MAX_EVENT_BYTES} bytes)"
            )
        await self._events.put(name, _checked(payload), request_id, client_context)

    def wake_events(self) -> None:
        """Look at the clock again, for one that was moved by hand."""
        self._events.wake()

    async def _invoke(self, name: FunctionName, call: Call) -> Invocation:
        qualifier = name.qualifier or LATEST
        function = await self._catalog.get(msgspec.structs.replace(name, qualifier=qualifier))
        target = await self._target(function, function.version(qualifier))
        key = name.key
        reserved = function.reserved_concurrency
        if reserved is not None and self._concurrent[key] >= reserved:
            raise LambdaError(
                "TooManyRequestsException",
                "Rate Exceeded.",
                429,
                {"Reason": "ReservedFunctionConcurrentInvocationLimitExceeded"},
            )
        self._concurrent[key] += 1
        try:
            return await self._runner.run(target, call)
        finally:
            self._concurrent[key] -= 1

    async def _run_event(self, event: QueuedEvent) -> Invocation:
        name = event.name
        return await self.invoke(
            name.arn,
            event.payload,
            request_id=event.request_id,
            qualifier=name.qualifier,
            client_context=event.client_context,
            account=name.account,
            region=name.region,
        )

    def _event_dropped(self, event: QueuedEvent, reason: str) -> None:
        text = f"RequestId: {event.request_id} Event given up after {event.attempt + 1} attempts: {reason}"
        self._note(event.name, f"/aws/lambda/{event.name.name}", text)

    async def _target(self, function: Function, configuration: Configuration) -> Target:
        key = f"{function.name.key}/{configuration['Version']}/{configuration['RevisionId']}"
        target = self._targets.get(key)
        if target is None:
            target = self._targets[key] = await self._new_target(key, function, configuration)
        return target

    async def _new_target(self, key: str, function: Function, configuration: Configuration) -> Target:
        name = function.name
        task_root = await self._archives.folder(function.code[configuration["Version"]])
        layers = [await self._layer_folder(layer["Arn"]) for layer in configuration.get("Layers", [])]
        endpoints = Endpoints(
            self._endpoint_url(), self._aws_endpoint, self._secret(name.account), self._aws_endpoints
        )  # fmt: skip
        log = self._log_stream(name, configuration)
        launch = Launch(
            handler=configuration["Handler"],
            task_root=task_root,
            environment=worker_environment(name, configuration, task_root, layers, endpoints, log),
            memory_bytes=configuration["MemorySize"] << 20,
            runtime_path=runtime_path(),
            temporary_root=self._temporary,
            user=self._user,
        )
        version, memory_mb = configuration["Version"], configuration["MemorySize"]
        return Target(key, name.arn, version, configuration["Timeout"], memory_mb, launch, log)

    async def _layer_folder(self, arn: str) -> Path:
        digest, _size = await self._archives.layer(arn)
        return await self._archives.folder(digest)

    async def _with_layers(self, configuration: Configuration) -> Configuration:
        """Layers as AWS shows them, with their sizes; a request names ARNs alone."""
        arns = configuration.get("Layers", [])
        return configuration | {
            "Layers": [{"Arn": arn, "CodeSize": (await self._archives.layer(arn))[1]} for arn in arns]
        }

    async def _find(self, name: str, qualifier: str | None, account: str, region: str) -> tuple[FunctionName, Function]:
        parsed = parse_name(name, qualifier=qualifier, account=account, region=region)
        return parsed, await self._catalog.get(parsed)

    def _unqualified(self, name: str, account: str, region: str) -> FunctionName:
        parsed = parse_name(name, qualifier=None, account=account, region=region)
        if not is_latest(parsed.qualifier):
            raise invalid_parameter(
                "This operation is permitted on Lambda functions only. Aliases and versions do not support this "
                "operation. Please specify either a function name or an unqualified function ARN."
            )
        return msgspec.structs.replace(parsed, qualifier=None)

    def _touched(self, configuration: Configuration) -> Configuration:
        at = datetime.fromtimestamp(self._clock(), UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"
        return configuration | {"LastModified": at, "RevisionId": str(uuid4())}

    def _retire(self, name: FunctionName, version: str | None) -> None:
        prefix = f"{name.key}/{version}/" if version else f"{name.key}/"
        for key in [key for key in self._targets if key.startswith(prefix)]:
            del self._targets[key]
        self._pool.retire(prefix)

    def _log_stream(self, name: FunctionName, configuration: Configuration) -> LogStream:
        """A new stream, named as AWS names them; the sandboxes of one version share it."""
        day = datetime.fromtimestamp(self._clock(), UTC).strftime("%Y/%m/%d")
        stream = f"{day}/[{configuration['Version']}]{secrets.token_hex(16)}"
        return LogStream(name.account, name.region, configuration["LoggingConfig"]["LogGroup"], stream)

    def _note(self, name: FunctionName, group: str, text: str) -> None:
        """What Stepwell itself has to say in a function's log."""
        self._write_log(LogStream(name.account, name.region, group, "stepwell"), [LogRecord(self._clock(), text)])

    def _warn(self, function: Function) -> None:
        if note := runtime_note(function.latest["Runtime"]):
            _log.info("%s: %s", function.name.name, note)
            self._note(function.name, function.latest["LoggingConfig"]["LogGroup"], note)


def _zip_of(code: Mapping[str, Any]) -> bytes:
    if "S3Bucket" in code or "S3Key" in code:
        raise invalid_parameter("Code in S3 cannot be fetched here: send it as ZipFile.")
    if "ZipFile" not in code:
        raise invalid_parameter("Please provide a source for function code.")
    return bytes(code["ZipFile"])


def _checked(payload: bytes) -> bytes:
    """The payload, which must be JSON; a handler that is called without one gets `{}`."""
    if not payload:
        return b"{}"
    try:
        msgspec.json.decode(payload, type=msgspec.Raw)
    except msgspec.DecodeError as error:
        raise invalid_content(f"Could not parse request body into json: {error}") from None
    return payload


def _new_trace_id() -> str:
    """An X-Ray trace id as AWS makes one for an invocation that has none."""
    root = f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"
    return f"Root={root};Parent={secrets.token_hex(8)};Sampled=0"
