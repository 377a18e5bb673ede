"""Versions and aliases: PublishStateMachineVersion, and the create, update, describe, list and delete of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from stepwell.api.identity import Identity
from stepwell.api.paging import Page
from stepwell.api.service import Handler, Members, Service, timestamp
from stepwell.awsmodels.errors import ServiceError
from stepwell.engine.arns import STATE_MACHINE, Arn, parse_arn
from stepwell.engine.versions import Route


async def publish_state_machine_version(service: Service, who: Identity, request: Members) -> Members:
    arn = _arn(request, "stateMachineArn")
    version = await service.versions.publish(arn, request.get("revisionId"), request.get("description"))
    return {"creationDate": timestamp(version.created_at), "stateMachineVersionArn": version.arn}


async def delete_state_machine_version(service: Service, who: Identity, request: Members) -> Members:
    await service.versions.delete_version(_arn(request, "stateMachineVersionArn"))
    return {}


async def list_state_machine_versions(service: Service, who: Identity, request: Members) -> Members:
    arn = _arn(request, "stateMachineArn")
    page = Page(("ListStateMachineVersions", arn.text), request, int, service.engine.clock.now())
    found = await service.versions.versions(arn, below=page.start, limit=page.limit)
    items = [
        {"stateMachineVersionArn": version.arn, "creationDate": timestamp(version.created_at)} for version in found
    ]
    return page.reply("stateMachineVersions", items, lambda: found[page.size - 1].number)


async def create_state_machine_alias(service: Service, who: Identity, request: Members) -> Members:
    routes = _routes(request["routingConfiguration"])
    alias = await service.versions.create_alias(request["name"], routes, request.get("description"))
    return {"stateMachineAliasArn": alias.arn, "creationDate": timestamp(alias.created_at)}


async def update_state_machine_alias(service: Service, who: Identity, request: Members) -> Members:
    routing, description = request.get("routingConfiguration"), request.get("description")
    if routing is None and description is None:
        # The text is ours.
        message = "Either the description or the routingConfiguration must be specified"
        raise ServiceError("ValidationException", message, extra={"reason": "MISSING_REQUIRED_PARAMETER"})
    routes = None if routing is None else _routes(routing)
    alias = await service.versions.update_alias(_arn(request, "stateMachineAliasArn"), routes, description)
    return {"updateDate": timestamp(alias.updated_at)}


async def describe_state_machine_alias(service: Service, who: Identity, request: Members) -> Members:
    alias = await service.versions.alias(_arn(request, "stateMachineAliasArn"))
    shown: dict[str, Any] = {
        "stateMachineAliasArn": alias.arn,
        "name": alias.name,
        "routingConfiguration": [
            {"stateMachineVersionArn": route.version, "weight": route.weight} for route in alias.routes
        ],
        "creationDate": timestamp(alias.created_at),
        "updateDate": timestamp(alias.updated_at),
    }
    return shown if alias.description is None else {**shown, "description": alias.description}


async def delete_state_machine_alias(service: Service, who: Identity, request: Members) -> Members:
    await service.versions.delete_alias(_arn(request, "stateMachineAliasArn"))
    return {}


async def list_state_machine_aliases(service: Service, who: Identity, request: Members) -> Members:
    arn = _arn(request, "stateMachineArn")
    page = Page(("ListStateMachineAliases", arn.text), request, str, service.engine.clock.now())
    found = await service.versions.aliases(arn, after=page.start or "", limit=page.limit)
    items = [{"stateMachineAliasArn": alias.arn, "creationDate": timestamp(alias.created_at)} for alias in found]
    return page.reply("stateMachineAliases", items, lambda: found[page.size - 1].name)


def _arn(request: Members, member: str) -> Arn:
    return parse_arn(request[member], STATE_MACHINE)


def _routes(routing: Sequence[Mapping[str, Any]]) -> list[Route]:
    return [Route(item["stateMachineVersionArn"], item["weight"]) for item in routing]


OPERATIONS: dict[str, Handler] = {
    "PublishStateMachineVersion": publish_state_machine_version,
    "DeleteStateMachineVersion": delete_state_machine_version,
    "ListStateMachineVersions": list_state_machine_versions,
    "CreateStateMachineAlias": create_state_machine_alias,
    "UpdateStateMachineAlias": update_state_machine_alias,
    "DescribeStateMachineAlias": describe_state_machine_alias,
    "DeleteStateMachineAlias": delete_state_machine_alias,
    "ListStateMachineAliases": list_state_machine_aliases,
}
