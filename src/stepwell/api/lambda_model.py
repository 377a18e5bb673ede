"""AWS's service model of Lambda as the contract of the REST API: reading requests, checking them, writing replies."""

import base64
import binascii
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec
from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape
from starlette.requests import Request
from starlette.responses import Response

from stepwell.api.wire import decode_body
from stepwell.awsmodels.errors import SerializationError, ServiceError
from stepwell.awsmodels.model import API_VERSIONS
from stepwell.awsmodels.validation import Validator, compile_validator

_UNCHECKED_SHAPES: Mapping[str, Any] = {"Runtime": {"type": "string"}}
"""What runs here, not what the installed model happens to know, decides about these; the service judges them."""

Members = dict[str, Any]


class LambdaModel:
    """The model that botocore ships: its operations, and a compiled check of each one's request."""

    def __init__(self) -> None:
        data = Loader().load_service_model("lambda", "service-2", API_VERSIONS["lambda"])
        self._model = ServiceModel(data, "lambda")
        self._shapes = {**data["shapes"], **_UNCHECKED_SHAPES}

    def operations(self) -> dict[str, OperationModel]:
        return {name: self._model.operation_model(name) for name in self._model.operation_names}

    def validator(self, operation: OperationModel) -> Validator:
        return compile_validator(self._shapes, operation.input_shape.name, frozenset())

    def text_member(self, error_code: str) -> str:
        """Where an error has its text: `Message` or `message`, as its shape says."""
        return "Message" if "Message" in self._shapes.get(error_code, {}).get("members", {}) else "message"


@cache
def lambda_model() -> LambdaModel:
    """Read from botocore's files once."""
    return LambdaModel()


def read_request(operation: OperationModel, validate: Validator, request: Request, body: bytes) -> Members:
    """The members of a request from its path, query, headers and body, checked against the model.

    Members that the model does not know are left out. Raises `ServiceError`: SerializationException for what has the
    wrong type, ValidationException with AWS's text for what breaks a constraint.
    """
    shape = operation.input_shape
    payload = shape.serialization.get("payload")
    content = {} if payload else _content(shape, body)
    found = {name: _located(name, shape, request, content) for name in shape.members if name != payload}
    validate(found)
    members: Members = _converted(shape, found)
    return members | {payload: body} if payload else members


def write_reply(operation: OperationModel, members: Mapping[str, Any], request_id: str) -> Response:
    """The reply with its members where the model puts them: status, headers, payload or JSON body."""
    shape = operation.output_shape
    status = operation.http.get("responseCode", 200)
    headers = {"x-amzn-RequestId": request_id}
    if shape is None:
        return Response(status_code=status, headers=headers)
    payload = shape.serialization.get("payload")
    body: Members = {}
    for name, value in members.items():
        place = shape.members[name].serialization
        if place.get("location") == "statusCode":
            status = value
        elif place.get("location") == "header":
            headers[place["name"]] = value
        elif name != payload:
            body[name] = value
    content = members.get(payload, b"") if payload else msgspec.json.encode(body)
    return Response(content if status != 204 else b"", status, headers, "application/json" if content else None)


def write_error(error: ServiceError, request_id: str) -> Response:
    """The error as AWS's SDKs expect it."""
    text = lambda_model().text_member(error.code)
    body = {"Type": "User" if error.status < 500 else "Service", text: error.message, **error.extra}
    headers = {"x-amzn-RequestId": request_id, "X-Amzn-Errortype": error.code}
    return Response(msgspec.json.encode(body), error.status, headers, "application/json")


def _content(shape: StructureShape, body: bytes) -> Members:
    """The JSON body; an operation that takes none has an empty one."""
    in_body = any(not member.serialization.get("location") for member in shape.members.values())
    content = decode_body(body) if in_body and body else {}
    if not isinstance(content, dict):
        raise SerializationError("Unexpected field type")
    return content


def _located(name: str, shape: StructureShape, request: Request, content: Members) -> Any:
    member = shape.members[name]
    location, wire_name = member.serialization.get("location"), member.serialization.get("name", name)
    if location == "uri":
        return request.path_params[wire_name]
    if location == "querystring":
        values = request.query_params.getlist(wire_name)
        return values or None if isinstance(member, ListShape) else _from_text(member, values[0]) if values else None
    if location == "header":
        return request.headers.get(wire_name)
    return content.get(wire_name)


def _from_text(shape: Shape, text: str) -> Any:
    """A value of the query; one that does not read as the model's type stays text, which the check refuses."""
    if shape.type_name == "boolean":
        return {"true": True, "false": False}.get(text.lower(), text)
    if shape.type_name in ("integer", "long") and re.fullmatch(r"-?\d{1,18}", text, re.ASCII):
        return int(text)
    return text


def _converted(shape: Shape, value: Any) -> Any:
    """A checked value without nulls and unknown members, its base64 as bytes."""
    if shape.type_name == "blob":
        return _from_base64(value)
    if isinstance(shape, StructureShape):
        known = [(name, member) for name, member in shape.members.items() if value.get(name) is not None]
        return {name: _converted(member, value[name]) for name, member in known}
    if isinstance(shape, MapShape):
        return {key: _converted(shape.value, item) for key, item in value.items() if item is not None}
    if isinstance(shape, ListShape):
        return [_converted(shape.member, item) for item in value]
    return value


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise SerializationError("A blob is not valid base64") from None
