"""Lambda's REST API, so that boto3, the AWS CLI, SAM and Terraform work unchanged.

Paths, members and where they travel come from AWS's model; this module says what each operation does.
"""

import base64
import re
from collections.abc import Awaitable, Callable, Sequence
from logging import getLogger
from typing import Any
from uuid import uuid4

import msgspec
from botocore.model import OperationModel
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from stepwell.api.identity import Identity, identity
from stepwell.api.lambda_model import Members, lambda_model, read_request, write_error, write_reply
from stepwell.awsmodels.errors import ServiceError
from stepwell.functions.errors import LambdaError, entity_too_large, invalid_content, invalid_parameter
from stepwell.functions.service import MAX_PAYLOAD_BYTES, FunctionService

_log = getLogger("stepwell.api")

_CODE_BODY_BYTES = 69_905_067
"""A 50 MB archive in base64; the bound that AWS's own error message names."""

_DRAIN_BYTES = 4 * _CODE_BODY_BYTES
_PAGE_ITEMS = 50

Endpoint = Callable[[Request], Awaitable[Response]]
Handler = Callable[[FunctionService, Identity, Members, Request, str], Awaitable[Members]]


def lambda_routes(service: FunctionService) -> list[BaseRoute]:
    """The routes of every operation in AWS's model; those that are not served say so with status 501."""
    operations = lambda_model().operations()
    # In this order: Invoke is the one that has to be found fast.
    names = [*_HANDLERS, *(name for name in operations if name not in _HANDLERS)]
    routes: list[BaseRoute] = [route for name in names for route in _routes_of(operations[name], service)]
    routes.append(Route("/_stepwell/functions/code/{digest}.zip", _code_endpoint(service)))
    dates = {operation.http["requestUri"].split("/")[1] for operation in operations.values()}
    everything = ["GET", "POST", "PUT", "DELETE", "PATCH"]
    routes += [Route(f"/{date}/{{rest:path}}", _unknown_operation, methods=everything) for date in sorted(dates)]
    return routes


def _routes_of(operation: OperationModel, service: FunctionService) -> Sequence[BaseRoute]:
    """One with and one without a slash at the end: older SDKs send it, and a redirect would break their signature."""
    path = operation.http["requestUri"].rstrip("/").replace("+}", ":path}")
    endpoint = _endpoint(operation, service) if operation.name in _HANDLERS else _not_served(operation.name)
    return [Route(variant, endpoint, methods=[operation.http["method"]]) for variant in (path, path + "/")]


def _endpoint(operation: OperationModel, service: FunctionService) -> Endpoint:
    handler = _HANDLERS[operation.name]
    validate = lambda_model().validator(operation)

    async def endpoint(request: Request) -> Response:
        request_id = str(uuid4())
        try:
            body = await _read_body(request, operation.name)
            members = read_request(operation, validate, request, body)
            reply = await handler(service, identity(request.headers), members, request, request_id)
            return write_reply(operation, reply, request_id)
        except ServiceError as error:
            return write_error(error, request_id)
        except ClientDisconnect:
            return Response(status_code=499)  # Nobody reads it.
        except Exception:
            _log.exception("%s failed", operation.name)
            return write_error(LambdaError("ServiceException", "An internal error occurred.", 500), request_id)

    return endpoint


def _not_served(name: str) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        error = LambdaError("NotImplementedException", f"Stepwell does not serve {name}.", 501)
        return write_error(error, str(uuid4()))

    return endpoint


async def _read_body(request: Request, operation: str) -> bytes:
    """The body. One that is too large is read to its end but not kept, so that the client can hear the answer."""
    invoke = operation == "Invoke"
    limit = MAX_PAYLOAD_BYTES if invoke else _CODE_BODY_BYTES
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= limit:
            chunks.append(chunk)
        else:
            chunks.clear()
        if size > _DRAIN_BYTES:
            break
    if size > limit:
        name = "InvokeFunction" if invoke else operation
        raise entity_too_large(f"Request must be smaller than {limit} bytes for the {name} operation")
    return b"".join(chunks)


async def _unknown_operation(request: Request) -> Response:
    return write_error(LambdaError("UnknownOperationException", "Unknown operation.", 404), str(uuid4()))


def _code_endpoint(service: FunctionService) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        digest = request.path_params["digest"]
        archive = await service.read_code(digest) if re.fullmatch(r"[0-9a-f]{64}", digest) else None
        return Response(status_code=404) if archive is None else Response(archive, media_type="application/zip")

    return endpoint


# What the operations do


async def _invoke(
    service: FunctionService, caller: Identity, members: Members, request: Request, request_id: str
) -> Members:
    name, qualifier = members["FunctionName"], members.get("Qualifier")
    kind = members.get("InvocationType", "RequestResponse")
    scope = caller._asdict()
    if kind == "DryRun":
        checked = await service.check_invoke(name, qualifier=qualifier, **scope)
        return {"StatusCode": 204, "ExecutedVersion": checked.qualifier}
    context = _client_context(members.get("ClientContext"))
    payload = members.get("Payload", b"")
    if kind == "Event":
        await service.invoke_event(
            name, payload, request_id=request_id, qualifier=qualifier, client_context=context, **scope
        )
        return {"StatusCode": 202}
    invocation = await service.invoke(
        name,
        payload,
        request_id=request_id,
        qualifier=qualifier,
        log_tail=members.get("LogType") == "Tail",
        client_context=context,
        trace_id=request.headers.get("x-amzn-trace-id"),
        **scope,
    )
    reply: Members = {"StatusCode": invocation.status_code, "Payload": invocation.payload}
    reply["ExecutedVersion"] = invocation.executed_version
    if invocation.function_error is not None:
        reply["FunctionError"] = invocation.function_error
    if invocation.log_tail is not None:
        reply["LogResult"] = base64.b64encode(invocation.log_tail).decode()
    return reply


def _client_context(header: str | None) -> str | None:
    """The JSON text in the header, which is base64."""
    if header is None:
        return None
    try:
        text = base64.b64decode(header, validate=True)
        msgspec.json.decode(text, type=dict)
        return text.decode()
    except ValueError:
        raise invalid_content("Client context must be a valid Base64-encoded JSON object.") from None


async def _create(service: FunctionService, caller: Identity, members: Members, *_: Any) -> Members:
    return await service.create(members, **caller._asdict())


async def _get(service: FunctionService, caller: Identity, members: Members, *_: Any) -> Members:
    return await service.get(members["FunctionName"], qualifier=members.get("Qualifier"), **caller._asdict())


async def _get_configuration(service: FunctionService, caller: Identity, members: Members, *_: Any) -> Members:
    name, qualifier = members["FunctionName"], members.get("Qualifier")
    return await service.get_configuration(name, qualifier=qualifier, **caller._asdict())


async def _update_code(service: FunctionService, caller: Identity, members: Members, *_: Any) -> Members:
    return await service.update_code(members["FunctionName"], members, **caller._asdict())


async def _update_configuration(service: FunctionService, caller: Identity, members: Members, *_: Any) -> Members:
    return await service.update_configuration(members["FunctionName"], members, **caller._asdict())


async def _delete(service: FunctionService, caller: Identity, members: Members, *_: Any) -> Members:
    await service.delete(members["FunctionName"], qualifier=members.get("Qualifier"), **caller._asdict())
    return {"StatusCode": 204}


async def _list(service: FunctionService, caller: Identity, members: Members, *_: Any) -> Members:
    every = members.get("FunctionVersion") == "ALL"
    return _page("Functions", await service.list_functions(all_versions=every, **caller._asdict()), members)


async def _publish_version(service: FunctionService, caller: Identity, members: Members, *_: Any) -> Members:
    return await service.publish_version(members["FunctionName"], members, **caller._asdict())


async def _list_versions(service: FunctionService, caller: Identity, members: Members, *_: Any) -> Members:
    return _page("Versions", await service.list_versions(members["FunctionName"], **caller._asdict()), members)


async def _code_signing(service: FunctionService, caller: Identity, members: Members, *_: Any) -> Members:
    """Functions here have no code signing configuration; AWS then answers with the name alone."""
    configuration = await service.get_configuration(members["FunctionName"], **caller._asdict())
    return {"FunctionName": configuration["FunctionName"]}


async def _put_concurrency(service: FunctionService, caller: Identity, members: Members, *_: Any) -> Members:
    reserved = members["ReservedConcurrentExecutions"]
    await service.put_concurrency(members["FunctionName"], reserved, **caller._asdict())
    return {"ReservedConcurrentExecutions": reserved}


async def _get_concurrency(service: FunctionService, caller: Identity, members: Members, *_: Any) -> Members:
    reserved = await service.get_concurrency(members["FunctionName"], **caller._asdict())
    return {} if reserved is None else {"ReservedConcurrentExecutions": reserved}


async def _delete_concurrency(service: FunctionService, caller: Identity, members: Members, *_: Any) -> Members:
    await service.delete_concurrency(members["FunctionName"], **caller._asdict())
    return {}


async def _list_tags(service: FunctionService, caller: Identity, members: Members, *_: Any) -> Members:
    return {"Tags": await service.list_tags(members["Resource"], **caller._asdict())}


async def _tag(service: FunctionService, caller: Identity, members: Members, *_: Any) -> Members:
    await service.tag(members["Resource"], members["Tags"], **caller._asdict())
    return {}


async def _untag(service: FunctionService, caller: Identity, members: Members, *_: Any) -> Members:
    await service.untag(members["Resource"], members["TagKeys"], **caller._asdict())
    return {}


async def _add_permission(service: FunctionService, caller: Identity, members: Members, *_: Any) -> Members:
    name, qualifier = members["FunctionName"], members.get("Qualifier")
    statement = await service.add_permission(name, members, qualifier=qualifier, **caller._asdict())
    return {"Statement": msgspec.json.encode(statement).decode()}


async def _remove_permission(service: FunctionService, caller: Identity, members: Members, *_: Any) -> Members:
    await service.remove_permission(members["FunctionName"], members["StatementId"], **caller._asdict())
    return {}


async def _get_policy(service: FunctionService, caller: Identity, members: Members, *_: Any) -> Members:
    policy = await service.get_policy(members["FunctionName"], **caller._asdict())
    configuration = await service.get_configuration(members["FunctionName"], **caller._asdict())
    return {"Policy": msgspec.json.encode(policy).decode(), "RevisionId": configuration["RevisionId"]}


def _page(member: str, items: list[Members], members: Members) -> Members:
    """One page; the marker is the place of the next one's first item."""
    start = _start(members.get("Marker"))
    end = start + min(members.get("MaxItems", _PAGE_ITEMS), _PAGE_ITEMS)
    reply: Members = {member: items[start:end]}
    if end < len(items):
        reply["NextMarker"] = base64.urlsafe_b64encode(str(end).encode()).decode()
    return reply


def _start(marker: str | None) -> int:
    if not marker:
        return 0
    try:
        return max(int(base64.urlsafe_b64decode(marker)), 0)
    except ValueError:
        raise invalid_parameter("The provided marker is not valid.") from None


_HANDLERS: dict[str, Handler] = {
    "Invoke": _invoke,
    "CreateFunction": _create,
    "GetFunction": _get,
    "GetFunctionConfiguration": _get_configuration,
    "UpdateFunctionCode": _update_code,
    "UpdateFunctionConfiguration": _update_configuration,
    "DeleteFunction": _delete,
    "ListFunctions": _list,
    "PublishVersion": _publish_version,
    "ListVersionsByFunction": _list_versions,
    "GetFunctionCodeSigningConfig": _code_signing,
    "PutFunctionConcurrency": _put_concurrency,
    "GetFunctionConcurrency": _get_concurrency,
    "DeleteFunctionConcurrency": _delete_concurrency,
    "ListTags": _list_tags,
    "TagResource": _tag,
    "UntagResource": _untag,
    "AddPermission": _add_permission,
    "RemovePermission": _remove_permission,
    "GetPolicy": _get_policy,
}
