"""State machines: CreateStateMachine, UpdateStateMachine, the Describe, List and Delete of them, and validation."""

from collections.abc import Mapping
from typing import Any

from stepwell.api.executions import find_execution, refuse_label
from stepwell.api.identity import Identity
from stepwell.api.logs import parse_group_arn
from stepwell.api.paging import Page, page_size
from stepwell.api.service import Handler, Members, Service, timestamp
from stepwell.api.tags import read_tags
from stepwell.asl.compile import check_definition
from stepwell.asl.errors import Diagnostic
from stepwell.asl.jsontext import decode, encode
from stepwell.asl.program import Program
from stepwell.asl.walk import processor_of
from stepwell.awsmodels.errors import ServiceError
from stepwell.engine.arns import STATE_MACHINE, Arn, parse_arn
from stepwell.engine.catalog import Logging, Revision, StateMachine
from stepwell.logs.database import create_group

DIAGNOSTICS_MAX = 100


async def create_state_machine(service: Service, who: Identity, request: Members) -> Members:
    published = _published(request)
    machine = await service.catalog.create_state_machine(
        who.account,
        who.region,
        name=request["name"],
        definition=request["definition"],
        role=request["roleArn"],
        type=request.get("type") or "STANDARD",
        logging=_logging(request.get("loggingConfiguration") or {}),
        tracing=_tracing(request.get("tracingConfiguration") or {}),
        encryption=request.get("encryptionConfiguration"),
        tags=read_tags(request.get("tags")),
        published=published,
    )
    await _make_log_group(service, request)
    reply = {"stateMachineArn": machine.arn, "creationDate": timestamp(machine.created_at)}
    return {**reply, **await _publish(service, machine.arn, machine.revision, published)}


async def update_state_machine(service: Service, who: Identity, request: Members) -> Members:
    published = _published(request)
    logging, tracing = request.get("loggingConfiguration"), request.get("tracingConfiguration")
    encryption = request.get("encryptionConfiguration")
    changes = (request.get("definition"), request.get("roleArn"), logging, tracing, encryption)
    if all(change is None for change in changes):
        raise ServiceError(
            "MissingRequiredParameter",
            "Either the definition, the role ARN, the LoggingConfiguration, "
            "or the TracingConfiguration must be specified",
        )
    arn = _arn(request)
    refuse_label(arn)
    if published is not None:
        await service.versions.check_room(arn)
    revision = await service.catalog.update_state_machine(
        arn,
        definition=request.get("definition"),
        role=request.get("roleArn"),
        logging=None if logging is None else _logging(logging),
        tracing=None if tracing is None else _tracing(tracing),
        encryption=encryption,
    )
    await _make_log_group(service, request)
    reply = {"updateDate": timestamp(revision.created_at), **_revision_id(revision)}
    return {**reply, **await _publish(service, arn.text, revision.id, published)}


async def delete_state_machine(service: Service, who: Identity, request: Members) -> Members:
    arn = _arn(request)
    if arn.qualifier is not None or arn.label is not None:
        raise ServiceError("ValidationException", f"The state machine ARN must not be qualified: {arn.text}")
    await service.catalog.delete_state_machine(arn)
    return {}


async def describe_state_machine(service: Service, who: Identity, request: Members) -> Members:
    arn = _arn(request)
    machine, revision, version = await service.versions.described(arn.unlabelled)
    shown = await _revision(service, arn.resource, revision, request, arn.label)
    if version is not None and version.description is not None:
        shown["description"] = version.description
    return {
        **shown,
        "stateMachineArn": arn.text,
        "status": "DELETING" if machine.deleting else "ACTIVE",
        "type": machine.type,
        "creationDate": timestamp((version or machine).created_at),
    }


async def describe_state_machine_for_execution(service: Service, who: Identity, request: Members) -> Members:
    """The machine as it was when the execution started, even if it is gone by now."""
    row = await find_execution(service, request)
    revision = await service.catalog.revision(row.revision)
    arn = parse_arn(row.state_machine, STATE_MACHINE)
    shown = await _revision(service, arn.resource, revision, request, arn.label)
    if row.map_run is not None:
        shown["mapRunArn"] = row.map_run
    return {**shown, "stateMachineArn": arn.text, "updateDate": timestamp(revision.created_at)}


async def _revision(
    service: Service, name: str, revision: Revision, request: Members, label: str | None
) -> dict[str, Any]:
    """What the two Describe operations have in common. `label` names a Distributed Map, whose children are meant."""
    with_data = request.get("includedData") != "METADATA_ONLY"
    program = await service.catalog.program(revision.id)
    definition = revision.definition if label is None else _processor(revision, program, label)
    shown: dict[str, Any] = {
        "stateMachineArn": revision.state_machine,
        "name": name,
        "definition": definition if with_data else "{}",
        "roleArn": revision.role,
        "loggingConfiguration": _logging_shown(revision.logging),
        "tracingConfiguration": {"enabled": revision.tracing},
        **_revision_id(revision),
    }
    # AWS has sent the member for every machine since July 2024; most recordings of its replies are older and lack it.
    if revision.encryption is not None:
        shown["encryptionConfiguration"] = revision.encryption
    if label is not None:
        shown["label"] = label
    if program.variable_references and with_data:
        shown["variableReferences"] = program.variable_references
    return shown


def _processor(revision: Revision, program: Program, label: str) -> str:
    """The definition that the children of a Distributed Map run. Raises StateMachineDoesNotExist for no such label."""
    try:
        state = program.labelled(label).name
    except KeyError:
        arn = f"{revision.state_machine}/{label}"
        raise ServiceError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'") from None
    return encode(processor_of(decode(revision.definition), state))


def _revision_id(revision: Revision) -> dict[str, str]:
    """AWS shows no id of a machine's first revision."""
    return {"revisionId": revision.id} if revision.number > 1 else {}


async def list_state_machines(service: Service, who: Identity, request: Members) -> Members:
    page = Page(("ListStateMachines", who.account, who.region), request, str, service.engine.clock.now())
    found = await service.catalog.state_machines(who.account, who.region, after=page.start or "", limit=page.limit)
    return page.reply("stateMachines", [_item(machine) for machine in found], lambda: found[page.size - 1].arn)


async def validate_state_machine_definition(service: Service, who: Identity, request: Members) -> Members:
    """Every finding, up to a hundred or as many as are asked for; warnings only when they are asked for."""
    found = check_definition(
        request["definition"], express=request.get("type") == "EXPRESS", recognizes=service.catalog.recognizes
    )
    wanted = [d for d in found if d.severity == "ERROR" or request.get("severity") == "WARNING"]
    size = page_size(request.get("maxResults"), DIAGNOSTICS_MAX)
    return {
        "result": "FAIL" if any(d.severity == "ERROR" for d in found) else "OK",
        "diagnostics": [_diagnostic(d) for d in wanted[:size]],
        "truncated": len(wanted) > size,
    }


def _arn(request: Members) -> Arn:
    return parse_arn(request["stateMachineArn"], STATE_MACHINE)


def _item(machine: StateMachine) -> dict[str, Any]:
    return {
        "stateMachineArn": machine.arn,
        "name": machine.name,
        "type": machine.type,
        "creationDate": timestamp(machine.created_at),
    }


def _diagnostic(diagnostic: Diagnostic) -> dict[str, str]:
    shown = {"severity": diagnostic.severity, "code": diagnostic.code, "message": diagnostic.message}
    return {**shown, "location": diagnostic.location} if diagnostic.location else shown


def _published(request: Members) -> str | None:
    """The description of the version to publish, "" without one; None where none is asked for."""
    description: str | None = request.get("versionDescription")
    if request.get("publish"):
        return description or ""
    if description is not None:
        raise ServiceError("ValidationException", "Version description can only be set when publish is true")
    return None


async def _publish(service: Service, machine: str, revision: str, published: str | None) -> dict[str, str]:
    """What a reply says of the version that was asked for. A repeated call after a crash publishes what is missing."""
    if published is None:
        return {}
    arn = parse_arn(machine, STATE_MACHINE)
    version = await service.versions.publish_revision(arn, revision, published or None)
    return {"stateMachineVersionArn": version.arn}


def _tracing(configuration: Mapping[str, Any]) -> bool:
    return bool(configuration.get("enabled"))


async def _make_log_group(service: Service, request: Members) -> None:
    """AWS refuses a group that is not there. Here it is made: what deploys a template may know no log groups."""
    for arn in _logging(request.get("loggingConfiguration") or {}).destinations or ():
        group = parse_group_arn(arn)
        if group is not None:
            await service.logs.ask(create_group, group, service.logs.now_ms)


def _logging(configuration: Mapping[str, Any]) -> Logging:
    """Raises InvalidLoggingConfiguration: a level other than OFF needs one destination, and more are never allowed.

    The model's documentation says that the ARN of a log group must end with `:*`; the text about it is ours.
    """
    level = configuration.get("level") or "OFF"
    given = configuration.get("destinations")
    groups: list[Any] = [(found.get("cloudWatchLogsLogGroup") or {}).get("logGroupArn") for found in given or ()]
    if len(groups) > 1 or None in groups or (level != "OFF" and not groups):
        message = "Invalid Logging Configuration: Must specify exactly one Log Destination."
        raise ServiceError("InvalidLoggingConfiguration", message)
    for group in groups:
        if parse_group_arn(group) is None or not group.endswith(":*"):
            message = f"Invalid Logging Configuration: {group} is no ARN of a log group that ends with :*"
            raise ServiceError("InvalidLoggingConfiguration", message)
    include = bool(configuration.get("includeExecutionData"))
    return Logging(level, include, None if given is None else groups)


def _logging_shown(logging: Logging) -> dict[str, Any]:
    shown: dict[str, Any] = {"level": logging.level, "includeExecutionData": logging.include_execution_data}
    if logging.destinations is not None:
        shown["destinations"] = [{"cloudWatchLogsLogGroup": {"logGroupArn": arn}} for arn in logging.destinations]
    return shown


OPERATIONS: dict[str, Handler] = {
    "CreateStateMachine": create_state_machine,
    "UpdateStateMachine": update_state_machine,
    "DeleteStateMachine": delete_state_machine,
    "DescribeStateMachine": describe_state_machine,
    "DescribeStateMachineForExecution": describe_state_machine_for_execution,
    "ListStateMachines": list_state_machines,
    "ValidateStateMachineDefinition": validate_state_machine_definition,
}
