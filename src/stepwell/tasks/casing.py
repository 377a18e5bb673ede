"""A Task's parameters as the members of an AWS request, and a reply's members as a Task's result.

Step Functions speaks the names of the Java SDK with a capital first, whatever the service's own protocol. Two rules
are in use there: the AWS SDK integrations name members as that SDK's version 2 (`DbClusterIdentifier`), the optimized
ones as the service's model does (`MD5OfMessageBody`).

What recordings do not show is ours: bytes come out as text where they are UTF-8 and as Base64 where they are not, and
go in as the text's UTF-8, but for the few members that hold ciphertext and archives, which go in as Base64.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

from botocore.model import OperationModel, Shape

from stepwell.asl.jsontext import Json, encode
from stepwell.awsmodels.services import member_name

Naming: TypeAlias = Callable[[str], str]

_BINARY = frozenset({"CiphertextBlob", "Mac", "Signature", "ZipFile"})
_NUMBERS: Mapping[str, type] = {"integer": int, "long": int, "float": float, "double": float}

BODY_BYTES_MAX = 64 << 20
"""A reply is read no further: more would not fit into any state's output, whatever the limits."""


class BadParameters(ValueError):
    """The parameters are not those of the operation; the text says which, in AWS's words where they are known."""


def model_name(member: str) -> str:
    """`jobArn` is `JobArn`; all else stays."""
    return member[:1].upper() + member[1:]


# --- requests


def request(operation: OperationModel, parameters: Json) -> dict[str, Any]:
    """What botocore's client takes. Raises `BadParameters`."""
    if parameters is None:
        return {}
    if not isinstance(parameters, dict):
        raise BadParameters("The parameters of a service call must be a JSON object")
    if operation.input_shape is None:
        return {}
    found = _structure(operation.input_shape, parameters)
    if operation.has_streaming_input and "ContentType" in operation.input_shape.members:
        # The SDK says so of text that it sends as a stream. Recorded for s3:putObject.
        found.setdefault("ContentType", "text/plain; charset=UTF-8")
    return found


def _structure(shape: Any, value: dict[str, Json]) -> dict[str, Any]:
    members = _members(shape)
    found = {}
    for name, item in value.items():
        member = members.get(name)
        if member is None:
            raise BadParameters(f'The field "{name}" is not supported by Step Functions')
        if item is not None:
            found[member] = _in(shape.members[member], item, member)
    return found


def _members(shape: Any) -> dict[str, str]:
    """Each name that a member goes by, to the member."""
    return {name: member for member in shape.members for name in (model_name(member), member_name(member))}


def _in(shape: Shape, value: Json, name: str) -> Any:
    kind = shape.type_name
    if kind == "structure" and not getattr(shape, "is_document_type", False):
        return _structure(shape, _expect(value, dict, "an object", name))
    if kind == "list":
        items = _expect(value, list, "an array", name)
        return [_in(shape.member, item, name) for item in items if item is not None]
    if kind == "map":
        entries = _expect(value, dict, "an object", name)
        held = shape.value
        return {key: _in(held, item, name) for key, item in entries.items() if item is not None}
    if kind == "blob":
        return _bytes(value, name)
    if kind == "string":
        return _text(value)
    return _number(value, _NUMBERS[kind], name) if kind in _NUMBERS else value


def _expect(value: Json, kind: type, what: str, name: str) -> Any:
    if not isinstance(value, kind):
        raise BadParameters(f"The field '{name}' must be {what}")
    return value


def _text(value: Json) -> str:
    """A document where the service wants text is sent as its JSON text. Recorded for sns:publish and s3:putObject."""
    return value if isinstance(value, str) else encode(value)


def _bytes(value: Json, name: str) -> bytes:
    text = _text(value)
    if name not in _BINARY:
        return text.encode()
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadParameters(f"The field '{name}' must be Base64") from None


def _number(value: Json, kind: type, name: str) -> Any:
    """The SDK's JSON reader takes a number also from a string."""
    if isinstance(value, str):
        try:
            return kind(value)
        except ValueError:
            pass
    elif isinstance(value, int | float) and not isinstance(value, bool) and kind(value) == value:
        return kind(value)
    raise BadParameters(f"The field '{name}' must be a number")


# --- replies


def result(operation: OperationModel, reply: Mapping[str, Any], naming: Naming) -> dict[str, Json]:
    """A botocore reply as a Task's result. Members that AWS did not send are not there."""
    if operation.output_shape is None:
        return {}
    return _shown(operation.output_shape, reply, naming)


def _shown(shape: Any, value: Mapping[str, Any], naming: Naming) -> dict[str, Json]:
    return {
        naming(name): _out(member, value[name], naming)
        for name, member in shape.members.items()
        if value.get(name) is not None
    }


def _out(shape: Shape, value: Any, naming: Naming) -> Json:
    kind = shape.type_name
    if kind == "structure" and not getattr(shape, "is_document_type", False):
        return _shown(shape, value, naming)
    if kind == "list":
        return [_out(shape.member, item, naming) for item in value]
    if kind == "map":
        return {key: _out(shape.value, item, naming) for key, item in value.items()}
    if kind == "blob":
        return _from_bytes(value if isinstance(value, bytes) else _read(value))
    if isinstance(value, datetime):
        return timestamp(value)
    return value


def _read(stream: Any) -> bytes:
    """A streaming body, up to the most that is taken of one."""
    body: bytes = stream.read(BODY_BYTES_MAX + 1)
    if len(body) > BODY_BYTES_MAX:
        stream.close()
        raise BadParameters(f"The reply has more than {BODY_BYTES_MAX} bytes")
    return body


def _from_bytes(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return base64.b64encode(body).decode()


def timestamp(value: datetime) -> str:
    """ISO 8601 in UTC as Java's Instant prints it: no fraction, or three, six or nine digits of it."""
    at = value.astimezone(UTC)
    text = at.strftime("%Y-%m-%dT%H:%M:%S")
    if not at.microsecond:
        return f"{text}Z"
    digits = f"{at.microsecond:06}"
    return f"{text}.{digits[:3] if digits.endswith('000') else digits}Z"
