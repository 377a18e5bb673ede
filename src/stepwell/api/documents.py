"""JSON documents that travel as strings inside requests: inputs and outputs."""

from stepwell.api.jackson import describe_error
from stepwell.asl.jsontext import JsonTextError, decode
from stepwell.awsmodels.errors import ServiceError
from stepwell.machine.payload import Payload


def read_document(text: str, code: str, label: str, max_bytes: int | None) -> Payload:
    """The document of a JSON text. Raises the error `code`, whose text begins with `label`.

    It is decoded here to be checked, and the machine uses the same value.
    """
    try:
        payload = Payload(decode(text), text)
    except JsonTextError:
        raise ServiceError(code, f"{label}: '{describe_error(text)}'") from None
    if max_bytes is not None and payload.size > max_bytes:
        raise ServiceError(code, f"{label}: 'Size of {payload.size} bytes exceeds the limit of {max_bytes} bytes'")
    return payload
